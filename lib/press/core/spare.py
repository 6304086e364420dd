"""The site before last, with which the next one begins: of thousands of files only those that differ are written.

It lies where the next site is put together. Nothing of it is taken on trust: a file stays if nobody has touched it
since the site was finished (its ctime, which cannot be set, is older than the mark's) and if it holds what the new site
has under that name. Everything else is removed. So a site is the same whatever it began with.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from press.core import sitefolder


def make_ready(folder: Path, usable: bool) -> list[str]:
    """Leave an old site to begin with in the folder, or nothing.

    Args:
        usable: whether one may be begun with.

    Returns:
        Folders in `.press/` that hold what was put into that old site by somebody else.
    """
    if not sitefolder.read_mark(folder):  # a build was killed here
        shutil.rmtree(folder, ignore_errors=True)
        return []
    return [] if usable and not sitefolder.survey(folder)[1] else sitefolder.tidy(folder)


def begin(folder: Path, may_stay: Callable[[str], bool]) -> dict[str, list[Any]]:
    """Make a folder for the site; of an old one that lies there, leave only files that are as they were made.

    Its mark is taken off first: whatever happens from now on, nothing in the folder is trusted any longer.

    Args:
        may_stay: whether the new site may have a file of this name; others go.

    Returns:
        Size and SHA-256 of each file that is left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mark = sitefolder.read_mark(folder)
    (folder / sitefolder.MARK).unlink(missing_ok=True)
    listed = mark["files"] if mark.get("format") == sitefolder.FORMAT else {}
    usual = _usual_mode(folder)
    wanted = set(filter(may_stay, listed))
    return {name: listed[name] for name in _left(str(folder), "", wanted, mark.get("ctime", 0), usual)}


def _usual_mode(folder: Path) -> int:
    """The mode of a folder that is made here now."""
    probe = folder / ".press-mode"
    shutil.rmtree(probe, ignore_errors=True)
    probe.mkdir()
    mode = probe.stat().st_mode
    probe.rmdir()
    os.chmod(folder, stat.S_IMODE(mode))
    return mode


def _left(folder: str, prefix: str, wanted: set[str], since: int, usual: int) -> Iterator[str]:
    """The files that stay, everything else having been removed, folders that hold none of them included."""
    with os.scandir(folder) as found:
        entries = list(found)
    for entry in entries:
        name, state = prefix + entry.name, entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(state.st_mode):
            inside = list(_left(entry.path, name + "/", wanted, since, usual))
            yield from inside
            if not inside:
                os.rmdir(entry.path)
            elif state.st_mode != usual:
                os.chmod(entry.path, stat.S_IMODE(usual))
        elif name in wanted and state.st_ctime_ns < since and state.st_mode == stat.S_IFREG | (usual & 0o666):
            yield name
        else:
            os.unlink(entry.path)
