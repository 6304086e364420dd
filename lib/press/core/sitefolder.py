"""The published folder: where it may lie, what in it is the press's own, and how a new one takes its place.

A site carries its own mark, `.press-site.json`: every file that the press put there, with size and SHA-256. So a site
is known again in a clone or a copy. A build exchanges whole folders; it refuses to while anything else is in there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from press.core import secrets
from press.core.config import HOST_FILES
from press.core.disk import exchange, write_atomic
from press.core.errors import Problem, fail
from press.core.project import Project

MARK = ".press-site.json"
OLD_MARK = ".press-mark"  # what a press before this one left in a site that Quarto made; it lists nothing
FORMAT = 2
SOURCES = ("posts", "papers", "lib", "models", "scripts", "tests", "benchmarks")
SOURCES += (".git", ".github", ".press", ".quarto", ".venv", "_extensions", "_freeze")
LITTER = (".DS_Store", "Thumbs.db")  # what file managers leave in any folder that is looked at


def check_place(project: Project, out: str | None = None) -> None:
    """Refuse an `output-dir` that is not a folder of its own in the project.

    Args:
        out: the folder that Quarto was told to write to, if it was.

    Raises:
        PressError: it is the project, lies outside it or behind a symbolic link, holds sources, or is not a folder.
    """
    value = project.output_dir if out is None else out
    way = "Name a folder for the site alone, such as _site or docs"

    def refuse(why: str) -> None:
        raise fail(*project.config.where("project.output-dir"), f"output-dir {value!r} {why}. {way}")

    if not isinstance(value, str):
        refuse("is not the name of a folder")
    path = Path(os.path.normpath(project.root / value))
    if path == project.root or (path.exists() and os.path.samefile(path, project.root)):
        refuse("is the project itself, and a build replaces the whole folder")
    if not path.is_relative_to(project.root):
        refuse("lies outside the project, and a build replaces the whole folder")
    first = path.relative_to(project.root).parts[0]
    if first.casefold() in SOURCES:
        refuse("holds sources" if path == project.root / first else f"lies in {first}/, which holds sources")
    for folder in _on_the_way(project.root, value):
        if folder.is_symlink():
            refuse(f"leads through a symbolic link ({folder.name}), and the press follows none when it writes")
        if os.path.lexists(folder) and not folder.is_dir():
            refuse(f"is not a folder: {folder.name} is a file")


def _on_the_way(root: Path, value: str) -> Iterator[Path]:
    """Each folder that the value names, from the root on, before `..` is taken away."""
    path = root
    for part in (root / value).parts[len(root.parts) :]:
        path = path / part
        yield path


def site_problems(project: Project) -> list[Problem]:
    """Why the site may not be replaced now: what in it the press did not make, or what was changed since."""
    found = survey(project.site)[1]
    if not found:
        return []
    name = project.site.relative_to(project.root).as_posix()
    shown = ", ".join(f"{name}/{path}" for path in found[:8]) + (f" and {len(found) - 8} more" if found[8:] else "")
    message = f"output-dir {name!r} holds what the press did not put there, or what was changed since: {shown}. "
    message += "A build replaces the whole folder, so move that away first"
    if set(found) & set(HOST_FILES):
        message += f"; {', '.join(HOST_FILES)} are published from the project's root"
    if "index.html" in found and not read_mark(project.site):
        message += "; if all of it was made by an earlier `quarto render`, delete or move the folder once"
    return [Problem(*project.config.where("project.output-dir"), message)]


def survey(site: Path) -> tuple[list[str], list[str]]:
    """Files below a folder that are as the press made them, and what else is there; paths relative to it.

    A listed file that nobody has touched since the mark was written (its ctime, which cannot be set) is as it was; for
    others, as in a clone, the hash decides. A site of an older press lists sizes or nothing: there the ctime decides.
    """
    mark = read_mark(site)
    files = mark.get("files", {})
    folders = _folders_of(files)
    own, strange = [], []

    def walk(folder: str, prefix: str) -> None:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        if prefix and not entries and not mark:
            strange.append(prefix)
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if "files" not in mark or name in folders:
                    walk(entry.path, name + "/")
                else:
                    strange.append(name + "/")
            elif _is_own(entry, name, mark):
                own.append(name)
            else:
                strange.append(name)

    if site.is_dir() and not site.is_symlink():
        walk(str(site), "")
    elif os.path.lexists(site):
        strange.append("")
    return own, strange


def _folders_of(names: Iterable[str]) -> set[str]:
    """Every folder that is on the way to one of these files."""
    folders: set[str] = set()
    for name in names:
        while (name := name.rpartition("/")[0]) and name not in folders:
            folders.add(name)
    return folders


def _is_own(entry: os.DirEntry[str], name: str, mark: dict[str, Any]) -> bool:
    found = entry.stat(follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode):
        return False
    if name in (MARK, OLD_MARK):
        return bool(mark)
    if entry.name in LITTER:
        return True
    untouched = bool(mark) and found.st_ctime_ns < mark["ctime"]
    if "files" not in mark:
        return untouched
    known = mark["files"].get(name)
    if mark.get("format") != FORMAT:
        return known == found.st_size and untouched
    if known is None or known[0] != found.st_size:
        return False
    return untouched or state_of(Path(entry.path).read_bytes()) == known


def read_mark(site: Path) -> dict[str, Any]:
    """What the press wrote about a site that it made, with `ctime`, when it did; {} where there is no such mark."""
    with contextlib.suppress(OSError, ValueError):
        mark = json.loads((site / MARK).read_text(encoding="utf-8"))
        if isinstance(mark, dict) and isinstance(mark.get("files"), dict):
            return mark | {"ctime": (site / MARK).lstat().st_ctime_ns}
    with contextlib.suppress(OSError, ValueError):
        if len(bytes.fromhex((site / OLD_MARK).read_text())) == 32:
            return {"ctime": (site / OLD_MARK).lstat().st_ctime_ns}
    return {}


def seal(folder: Path, files: Mapping[str, list[Any]], about: dict[str, Any]) -> None:
    """Write the mark of a finished site, last of all: without it nothing in the folder is trusted.

    Args:
        files: `state_of` the content of every file in it that is ours.
        about: what else is to be found in `read_mark`.
    """
    data = {"format": FORMAT, "files": dict(sorted(files.items())), "shapes": secrets.stamp()} | about
    write_atomic(folder / MARK, json.dumps(data).encode())


def is_whole(site: Path, mark: dict[str, Any]) -> bool:
    """Whether each file that a mark lists is there, in its size."""
    try:
        return all(os.stat(site / name).st_size == size for name, (size, _) in mark["files"].items())
    except (OSError, KeyError, TypeError, ValueError):
        return False


def state_of(data: bytes) -> list[Any]:
    """What a mark says of a file with this content: its size and its SHA-256."""
    return [len(data), hashlib.sha256(data).hexdigest()]


def discard(site: Path) -> list[str]:
    """Remove from a folder what the press made, its mark last. Returns what is left there, which is not ours."""
    own, strange = survey(site)
    marks = [name for name in own if name in (MARK, OLD_MARK)]
    listed = read_mark(site).get("files", ())  # a removal that was killed may have left folders without their files
    folders = {site / parent for name in (*own, *listed) for parent in Path(name).parents}
    for name in own:
        if name not in marks:
            (site / name).unlink(missing_ok=True)
    for folder in [Path(path) for path, _, _ in os.walk(site, topdown=False)][:-1]:  # not where links or `..` lead
        if folder in folders:
            with contextlib.suppress(OSError):  # something else lies in it
                folder.rmdir()
    for name in marks:
        (site / name).unlink()
    with contextlib.suppress(OSError):
        site.rmdir()
    return strange


def replace_site(new: Path, site: Path, last: Path) -> list[str]:
    """Put the finished folder `new` in the place of the site, in one step where the system can, and the old one in its.

    Where it cannot there are two renames, between which the site is absent but never half-written: see `recover`.

    Args:
        last: name for the old site meanwhile; beside `new`.

    Returns:
        Folders that hold what an author put into a site that was replaced before.
    """
    kept = tidy(last)
    site.parent.mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(site):
        os.replace(new, site)
        return kept
    os.replace(new, last)
    if not exchange(last, site):
        os.replace(last, new)
        os.replace(site, last)
        os.replace(new, site)
    os.replace(last, new)
    return kept


def tidy(last: Path) -> list[str]:
    """Remove an old site; whatever in it is not ours is kept under another name, which is returned."""
    if not os.path.lexists(last):
        return []
    if not discard(last):
        shutil.rmtree(last, ignore_errors=True)  # empty folders at most
        return []
    number = next(n for n in range(1, 1000000) if not os.path.lexists(last.with_name(f"kept-{n}")))
    kept = last.with_name(f"kept-{number}")
    os.replace(last, kept)
    return [f"{kept.parent.name}/{kept.name}"]


def recover(last: Path, site: Path) -> None:
    """After a kill between the two renames of `replace_site`: put the previous folder back, if it is whole."""
    if not os.path.lexists(site) and is_whole(last, read_mark(last)):
        os.replace(last, site)
