"""Which files of the project the press has made: `.press/manifest.json`, path -> SHA-256 of the content it gave them.

A file is the press's own while its content is one that is recorded for it. Nothing else is overwritten or removed.
The record comes first: before a file is written its new hash stands beside that of what is there, so that whichever
of the two a kill leaves is known.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from press.core.disk import exchange, locked, move_new, write_atomic
from press.core.errors import PressError, Problem, fail
from press.core.project import Project
from press.core.sitemark import read_mark
from press.core.source import is_generated
from press.core.workfolder import MANIFEST

FORMAT = 1


class Manifest:
    """The record of one project. Reading it changes nothing on disk."""

    def __init__(self, project: Project):
        self.root, self.site, self.work = project.root, project.site, project.work
        self.path = self.work / MANIFEST
        self.known: dict[Path, tuple[tuple[int, ...], str]] = {}

    def names(self) -> list[str]:
        """Every file that the press has made and not removed, relative to the root."""
        return sorted(self._read())

    def problems(self, names: Iterable[str]) -> list[Problem]:
        """Why these may not be written: each that is not the press's own, or lies behind a symbolic link."""
        listed = self._read()
        return [problem for name in names if (problem := self._problem(name, listed))]

    def write(self, contents: dict[str, bytes]) -> list[str]:
        """Write files, each in one step. Returns the names of those that changed.

        Raises:
            PressError: any of them is not the press's own; then none is written.
        """
        now = {name: self._content(self.root / name) for name in contents}
        new = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
        changed = [name for name in contents if now[name] != new[name]]
        if problems := self.problems(changed):
            raise PressError(problems)
        self._record({name: sorted({now[name] or new[name], new[name]}) for name in changed})
        for name in changed:
            self._put(name, contents[name], now[name])
        self._record({name: [new[name]] for name in contents})
        return changed

    def remove(self, names: Sequence[str], dry_run: bool = False) -> tuple[list[str], list[str]]:
        """Remove files that are the press's own. Returns those that were, and those that are not and stay.

        What stays is not recorded any longer: from now on it is the author's.

        Args:
            dry_run: only say what would be removed.
        """
        listed, gone, left = self._read(), [], []
        for name in names:
            if os.path.lexists(self.root / name):
                (left if self._problem(name, listed) else gone).append(name)
        if not dry_run:
            for name in gone:
                (self.root / name).unlink()
            self._record(dict.fromkeys(names))
        return gone, left

    def begin(self) -> None:
        """Make sure of a record; in a project that has none yet, of what an older press made there.

        Raises:
            PressError: what lies in its place is not one.
        """
        self._record({})

    def _put(self, name: str, data: bytes, before: str | None) -> None:
        path, temporary = self.root / name, self.work / f".write.{os.getpid()}.tmp"
        write_atomic(temporary, data)
        try:
            if before is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                move_new(temporary, path)
            elif not exchange(temporary, path):
                os.replace(temporary, path)
            elif self._content(temporary) != before:  # saved by its author at this very moment
                exchange(temporary, path)
                raise fail(name, 0, "was changed while the press was about to write it. Build again")
        except FileExistsError:
            raise fail(name, 0, "appeared while the press was about to write it. Move it away, or delete it") from None
        finally:
            temporary.unlink(missing_ok=True)

    def _problem(self, name: str, listed: dict[str, list[str]]) -> Problem | None:
        if blocked := no_folder(self.root, name):
            return blocked
        content = self._content(self.root / name)
        if content is None or content in listed.get(name, ()) or self._moved(name, content, listed):
            return None
        if name in listed:
            message = "was changed after the press wrote it. Keep it under another name, or delete it"
        elif name.endswith(".ipynb"):
            message = "the press did not write this notebook, but publishes the post beside it under this name. "
            message += "Rename it, or move the post to a folder of its own; if an older press made it, delete it"
        else:
            message = "the press generates a file of this name, but did not write this one. Rename or remove it"
        return Problem(name, 0, message)

    def _content(self, path: Path) -> str | None:
        """The SHA-256 of a regular file, not read again while nobody touches it; None for nothing, "" for all else."""
        try:
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                return ""
            state = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if self.known.get(path, ((), ""))[0] != state:
                self.known[path] = state, hashlib.sha256(path.read_bytes()).hexdigest()
            return self.known[path][1]
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _moved(self, name: str, content: str, listed: dict[str, list[str]]) -> bool:
        """Whether the press wrote this under the same name in a folder that is gone: the author renamed the folder."""
        return any(
            content in known and Path(other).name == Path(name).name and not (self.root / other).parent.exists()
            for other, known in listed.items()
        )

    def _read(self) -> dict[str, list[str]]:
        try:
            data: Any = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return self._older()
        except (OSError, ValueError):
            data = None
        files = data.get("files") if isinstance(data, dict) and data.get("format") == FORMAT else None
        if not isinstance(files, dict) or not all(isinstance(known, list) for known in files.values()):
            name = f"{self.work.name}/{MANIFEST}"
            raise fail(name, 0, "the press did not write this, but keeps its record under this name. Move it away")
        return files

    def _record(self, entries: dict[str, list[str] | None]) -> None:
        with locked(self.work / "manifest.lock", wait=True):
            before = self._read()
            files = {name: known for name, known in (before | entries).items() if known}
            if files != before or not self.path.exists():
                write_atomic(
                    self.path, json.dumps({"format": FORMAT, "files": files}, indent=1, sort_keys=True).encode()
                )

    def _older(self) -> dict[str, list[str]]:
        """What was made by a press that kept no record, or whose record was deleted, where that is certain.

        Each build wrote these files, overwriting whatever lay there, before it published the site. So those with the
        mark of the press that nobody has touched since then (ctime, which nobody can set) are as it made them.
        """
        published = read_mark(self.site).get("ctime", 0)
        found = [*self.root.glob("posts/*/index.ipynb"), *self.root.glob("*.qmd")]
        found += [*self.root.glob("papers/index.qmd"), *self.root.glob("papers/*/index.qmd")]
        names = {path.relative_to(self.root).as_posix(): path for path in found}
        return {
            name: [content]
            for name, path in names.items()
            if path.lstat().st_ctime_ns < published
            and (content := self._content(path))
            and (_is_executed(path) if path.suffix == ".ipynb" else is_generated(path))
        }


def no_folder(root: Path, name: str) -> Problem | None:
    """Why nothing may be written under this name, whatever is there: a link or a file on the way to it, or `..`."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return Problem(name, 0, "lies outside the project, where the press writes nothing")
    for folder in reversed(Path(name).parents[:-1]):
        if (root / folder).is_symlink():
            message = "is a symbolic link, and the press follows none when it writes. Put the folder itself there"
            return Problem(folder.as_posix(), 0, message)
        if os.path.lexists(root / folder) and not (root / folder).is_dir():
            return Problem(folder.as_posix(), 0, "is a file where the press needs a folder. Rename it")
    return None


@contextlib.contextmanager
def at_work(project: Project, lock: str = "lock") -> Iterator[Manifest]:
    """Hold the project's lock, and have its record of what the press made.

    Raises:
        PressError: another press holds the lock, or that name in `.press/` is an author's.
    """
    with locked(project.work / lock):
        manifest = Manifest(project)
        manifest.begin()
        yield manifest


def _is_executed(path: Path) -> bool:
    """Whether a notebook says that the press ran it, for the post whose folder it lies in, under a key that fits."""
    try:
        made = json.loads(path.read_bytes())["metadata"]["press"]
        key = hashlib.sha256(json.dumps(made["parts"], sort_keys=True).encode()).hexdigest()
        return made["key"] == key and made["parts"]["slug"] == path.parent.name
    except (OSError, ValueError, KeyError, TypeError):
        return False
