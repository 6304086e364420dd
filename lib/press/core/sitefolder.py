"""The published folder: where it may lie, what in it is the press's own, and how a new one takes its place.

A build exchanges whole folders; it refuses to while the site holds anything but what its mark lists (sitemark.py).
The next one begins with the site before last, which lies where the new site is put together: of thousands of files only
those that differ are written. A file stays if nobody has touched it since that site was finished and if the new site
has the same under its name; everything else is removed. So a site is the same whatever it began with.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from press.core.config import HOST_FILES
from press.core.disk import exchange
from press.core.errors import Problem, fail
from press.core.project import Project
from press.core.sitemark import MARK, OLD_MARK, as_made, is_whole, read_mark, survey

SOURCES = ("posts", "papers", "lib", "models", "scripts", "tests", "benchmarks")
SOURCES += (".git", ".github", ".press", ".quarto", ".venv", "_extensions", "_freeze")


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
        refuse("is not a folder name")
    path = Path(os.path.normpath(project.root / value))
    if path == project.root or (path.exists() and os.path.samefile(path, project.root)):
        refuse("is the project itself, and a build replaces the whole folder")
    if not path.is_relative_to(project.root):
        refuse("lies outside the project, and a build replaces the whole folder")
    first = path.relative_to(project.root).parts[0]
    if first.casefold() in SOURCES:
        refuse("contains sources" if path == project.root / first else f"lies in {first}/, which contains sources")
    for folder in _on_the_way(project.root, value):
        if folder.is_symlink():
            refuse(f"leads through a symbolic link ({folder.name}), which the press does not follow when it writes")
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
    message = (
        f"output-dir {name!r} contains files that the press did not put there, or that were changed since: {shown}. "
    )
    message += "A build replaces the whole folder, so move that away first"
    if set(found) & set(HOST_FILES):
        message += f"; {', '.join(HOST_FILES)} are published from the project's root"
    if "index.html" in found and not read_mark(project.site):
        message += "; if all of it was made by an earlier `quarto render`, delete or move the folder once"
    return [Problem(*project.config.where("project.output-dir"), message)]


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
    """Put the finished folder `new` in place of the site, in one step where the system can, and the old one in its.

    Where it cannot there are two renames, between which the site is absent but never half-written: see `recover`.

    Args:
        last: name for the old site meanwhile; beside `new`.

    Returns:
        As `tidy`, of a site that an earlier build replaced.
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
    """Remove an old site. What in it is not ours is kept under another name, which the note that is returned tells."""
    if not os.path.lexists(last):
        return []
    if not discard(last):
        shutil.rmtree(last, ignore_errors=True)  # empty folders at most
        return []
    number = next(n for n in range(1, 1000000) if not os.path.lexists(last.with_name(f"kept-{n}")))
    kept = last.with_name(f"kept-{number}")
    os.replace(last, kept)
    return [f"{kept.parent.name}/{kept.name}: put into the site while it was replaced; kept here"]


def recover(last: Path, site: Path) -> None:
    """After a kill between the two renames of `replace_site`: put the previous folder back, if it is whole."""
    if not os.path.lexists(site) and is_whole(last, read_mark(last)):
        os.replace(last, site)


def make_ready(folder: Path, usable: bool) -> list[str]:
    """Leave an old site to begin with in the folder, or nothing. Returns as `tidy`.

    Args:
        usable: whether one may be begun with.
    """
    if not read_mark(folder):  # a build was killed here
        shutil.rmtree(folder, ignore_errors=True)
        return []
    return [] if usable and not survey(folder)[1] else tidy(folder)


def begin(folder: Path, may_stay: Callable[[str], bool]) -> dict[str, list[Any]]:
    """Make a folder for the site; of an old one that is there, leave only files that are as they were made.

    Its mark is taken off first: whatever happens from now on, nothing in the folder is trusted any longer.

    Args:
        may_stay: whether the new site may have a file of this name; others go.

    Returns:
        Size and SHA-256 of each file that is left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mark = read_mark(folder)
    (folder / MARK).unlink(missing_ok=True)
    return dict(_left(str(folder), "", mark, may_stay, _usual_mode(folder)))


def _usual_mode(folder: Path) -> int:
    """The mode of a folder that is made here now."""
    probe = folder / ".press-mode"
    shutil.rmtree(probe, ignore_errors=True)
    probe.mkdir()
    mode = probe.stat().st_mode
    probe.rmdir()
    os.chmod(folder, stat.S_IMODE(mode))
    return mode


def _left(
    folder: str, prefix: str, mark: dict[str, Any], may_stay: Callable[[str], bool], usual: int
) -> Iterator[tuple[str, list[Any]]]:
    """The files that stay, each with its state; everything else is removed, folders that hold none of them included."""
    with os.scandir(folder) as found:
        entries = list(found)
    for entry in entries:
        name, state = prefix + entry.name, entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(state.st_mode):
            inside = list(_left(entry.path, name + "/", mark, may_stay, usual))
            yield from inside
            if not inside:
                os.rmdir(entry.path)
            elif state.st_mode != usual:
                os.chmod(entry.path, stat.S_IMODE(usual))
        elif may_stay(name) and (known := as_made(mark, name, state)) and state.st_mode & 0o777 == usual & 0o666:
            yield name, known
        else:
            os.unlink(entry.path)
