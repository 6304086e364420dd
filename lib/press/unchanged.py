"""Whether a build would find nothing to do: every file of the project is as the last build left it.

A file counts as untouched while its inode, size and times are the same; the time of the last change of an inode is one
that nobody can set. So nothing has to be read, and most of the press need not even be imported. Anything else, such as
a new package or another profile, another day or a build that failed, takes the long way; and so does every build of a
project of which not all can be looked at, as a link in it leads to a folder elsewhere.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import shutil
import site
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from press.core.command import git
from press.core.disk import write_atomic
from press.core.project import Project
from press.core.workfolder import UNCHANGED

PASSED_OVER = (".git", ".press", ".quarto", ".venv", "node_modules", "__pycache__", ".ipynb_checkpoints")
KEPT = ("cache", "posts")  # below `.press/`: results of runs
PARTS = ("press", "postkit")  # what a build runs of this package
ENVIRONMENT = "pyvenv.cfg"
PROGRAMS = ("quarto", "pandoc", "pagefind", "npm", "sass", "dot", "git")
TEXTS = (".qmd", ".md", ".ipynb", ".yml", ".yaml", ".html")
ENV = re.compile(rb"\{\{<\s*env\s+[\"']?([A-Za-z_]\w*)")
Table = dict[str, tuple[int, ...]]


def table(project: Project) -> Table | None:
    """Path -> state of every file below the root, and of the press's own; None if that cannot be told."""
    folders = [project.root, *(Path(__file__).parents[1] / name for name in PARTS)]
    folders += [folder for name in KEPT if (folder := project.work / name).is_dir()]
    try:
        return _states(map(str, folders), project.root)
    except OSError:  # it may not be read, or is just being removed
        return None


def _states(paths: Iterable[str], root: Path) -> Table:
    """The same of these files, and of those in these folders.

    Raises:
        OSError: one of them cannot be looked at.
    """
    found: Table = {}
    for path in paths:
        if os.path.isdir(path):
            for entry in _files(path, str(root)):
                found[entry.path] = _state(entry.stat(follow_symlinks=entry.is_file()))
        else:
            found[path] = _state(os.stat(path))
    return found


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _files(folder: str, root: str) -> Iterator[os.DirEntry[str]]:
    """Every file below a folder.

    Raises:
        OSError: a folder cannot be read, or is a link that leads to where nobody looks.
    """
    with os.scandir(folder) as entries:
        inside = list(entries)
    if any(entry.name == ENVIRONMENT for entry in inside):
        return
    for entry in inside:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in PASSED_OVER:
                yield from _files(entry.path, root)
            continue
        if entry.is_symlink() and entry.is_dir():
            target = Path(os.path.realpath(entry.path))
            if not target.is_relative_to(root) or not set(target.parts).isdisjoint(PASSED_OVER):
                raise NotADirectoryError(entry.path)
        yield entry


def _context(project: Project, how: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """What else a build depends on: its options, programs and packages, the day that pages may show, the commit, and
    the variables of the environment with these names."""
    packages = [os.stat(folder).st_mtime_ns for folder in {*site.getsitepackages(), *sys.path} if os.path.isdir(folder)]
    return {
        "how": {**how, "profiles": list(project.config.profiles)},
        "programs": [_program(name) for name in PROGRAMS],
        "day": datetime.date.today().isoformat(),
        "python": [sys.version, sorted(packages)],
        "commit": commit(project.root),
        "environment": environment(names),
    }


def environment(names: Iterable[str]) -> str:
    """A hash of the values of these variables, and of those by which Quarto is told things."""
    wanted = {*names, *(name for name in os.environ if name.startswith("QUARTO_"))}
    values = json.dumps([[name, os.environ.get(name)] for name in sorted(wanted)])
    return hashlib.sha256(values.encode()).hexdigest()


def _program(name: str) -> list[Any]:
    found = shutil.which(name)
    if not found:
        return []
    path = os.path.realpath(found)
    state = os.stat(path)
    return [path, state.st_size, state.st_mtime_ns]


def commit(root: Path) -> str:
    """The commit that is checked out; "" if there is none."""
    # Most projects elsewhere would start a program for nothing.
    is_repository = any((folder / ".git").exists() for folder in (root, *root.parents))
    return git(root, "rev-parse", "HEAD") if is_repository else ""


def asked_for(text: bytes) -> set[str]:
    """The variables of the environment whose values a text shows."""
    return {name.decode() for name in ENV.findall(text)}


def last_report(project: Project, how: Mapping[str, Any], now: Table | None) -> dict[str, Any] | None:
    """What the last build told, if a build now would find nothing to do; else None.

    Args:
        how: the options that it would have.
        now: the table.
    """
    try:
        noted = json.loads((project.work / UNCHANGED).read_bytes())
        whole = now | _states(noted["outside"], project.root)
        same = noted["key"] == _key(whole, _context(project, how, noted["names"]))
        return noted["report"] if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note(
    project: Project,
    how: Mapping[str, Any],
    before: Table | None,
    written: set[str],
    outside: list[str],
    report: Mapping[str, Any],
) -> None:
    """Keep what a build has told, unless a file has changed while it went on.

    Args:
        before: the table when it began.
        written: files that the press wrote since, or removed, relative to the root, or folders of such.
        outside: files and folders outside the project that the build depends on, too.
    """
    now = table(project)
    if before is None or now is None:
        return
    changed = {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}
    own = {os.path.join(project.root, name) for name in written}
    folders = tuple(name + os.sep for name in (*own, str(project.work)))
    if any(path not in own and not path.startswith(folders) for path in changed):
        return
    texts = [path for path in now if path.endswith(TEXTS) and not path.startswith(str(project.site) + os.sep)]
    try:
        names = sorted(set().union(*(asked_for(Path(path).read_bytes()) for path in texts if os.path.isfile(path))))
        began = (project.work / "lock").stat().st_mtime_ns
        others = _states(outside, project.root)
        if any(max(others[path][2:]) >= began for path in others.keys() - now.keys()):
            return
        key = _key(now | others, _context(project, how, names))
    except OSError:
        return
    data = {"key": key, "names": names, "outside": outside, "report": dict(report)}
    write_atomic(project.work / UNCHANGED, json.dumps(data).encode())


def _key(found: Table, context: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([sorted(found.items()), context], sort_keys=True).encode()).hexdigest()
