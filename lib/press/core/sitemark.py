"""The mark of a site, `.press-site.json`: every file that the press put there, with size and SHA-256.

So a site is known again in a clone or a copy. What has not been touched since the mark was written need not be read to
be known: the ctime of a file is one that nobody can set.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from press.core import secrets
from press.core.disk import write_atomic

MARK = ".press-site.json"
OLD_MARK = ".press-mark"  # what a press before this one left in a site that Quarto made; it lists nothing
FORMAT = 2
LITTER = (".DS_Store", "Thumbs.db")  # what file managers leave in any folder that is looked at


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
    """What the press wrote about a site that it made, with `ctime`, when it did; {} if there is no such mark."""
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


def as_made(mark: dict[str, Any], name: str, found: os.stat_result) -> list[Any] | None:
    """The state of a file, if it is listed and has not been touched since; None if it has to be read."""
    known = mark["files"].get(name) if mark.get("format") == FORMAT else None
    regular = stat.S_ISREG(found.st_mode)
    return known if known and regular and found.st_ctime_ns < mark["ctime"] and found.st_size == known[0] else None


def states(site: Path) -> dict[str, list[Any]]:
    """The state of each file in a site, by name; only what has been touched since its mark was written is read."""
    mark = read_mark(site)
    found = {}
    for entry in _files(str(site)):
        if entry.is_file():
            name, state = entry.path[len(str(site)) + 1 :], entry.stat(follow_symlinks=False)
            found[name] = as_made(mark, name, state) or state_of(Path(entry.path).read_bytes())
    return found


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
            else:
                yield entry
