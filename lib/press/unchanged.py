"""Whether a build would find nothing to do: every file of the project is as the last build left it.

A file counts as untouched while its inode, size and times are the same; the time of the last change of an inode is one
that nobody can set. So nothing has to be read, and most of the press need not even be imported. Anything else, such as
a new package or another profile, another day or a build that failed, takes the long way.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
import site
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from press.core.disk import write_atomic
from press.core.project import Project
from press.core.workfolder import UNCHANGED

PASSED_OVER = (".git", ".press", ".quarto", ".venv", "node_modules", "__pycache__", ".ipynb_checkpoints")
KEPT = ("cache", "posts")  # below `.press/`: results of runs
ENVIRONMENT = "pyvenv.cfg"
Table = dict[str, tuple[int, ...]]


def table(project: Project) -> Table:
    """Path -> state of every file below the root, and of the press's own."""
    found: Table = {}
    kept = [project.work / name for name in KEPT if (project.work / name).is_dir()]
    for root in (project.root, Path(__file__).parent, *kept):
        for entry in _files(str(root)):
            state = entry.stat(follow_symlinks=True) if entry.is_file() else entry.stat(follow_symlinks=False)
            found[entry.path] = (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    return found


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        inside = list(entries)
    if any(entry.name == ENVIRONMENT for entry in inside):
        return
    for entry in inside:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in PASSED_OVER:
                yield from _files(entry.path)
        else:
            yield entry


def _context(project: Project, how: Mapping[str, Any]) -> dict[str, Any]:
    """What else a build depends on: its options, the packages, the day that pages may show, the commit."""
    packages = [os.stat(folder).st_mtime_ns for folder in {*site.getsitepackages(), *sys.path} if os.path.isdir(folder)]
    commits = project.root / ".git" / "logs" / "HEAD"
    return {
        "how": {**how, "profiles": list(project.config.profiles), "quarto": shutil.which("quarto")},
        "day": datetime.date.today().isoformat(),
        "python": [sys.version, sorted(packages)],
        "commit": os.stat(commits).st_mtime_ns if commits.exists() else 0,
    }


def last_report(project: Project, how: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the last build told, if a build now would find nothing to do; else None.

    Args:
        how: the options that it would have.
    """
    try:
        noted = json.loads((project.work / UNCHANGED).read_bytes())
        return noted["report"] if noted["key"] == _key(table(project), _context(project, how)) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note(project: Project, how: Mapping[str, Any], before: Table, written: set[str], report: Mapping[str, Any]) -> None:
    """Keep what a build has told, unless a file has changed while it went on.

    Args:
        before: the table when it began.
        written: files that the press wrote since, or removed, relative to the root, or folders of such.
    """
    now = table(project)
    changed = {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}
    own = [os.path.join(project.root, name) for name in written]
    folders = tuple(name + os.sep for name in (*own, str(project.work)))
    if any(path not in own and not path.startswith(folders) for path in changed):
        return
    data = {"key": _key(now, _context(project, how)), "report": dict(report)}
    write_atomic(project.work / UNCHANGED, json.dumps(data).encode())


def _key(found: Table, context: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([sorted(found.items()), context], sort_keys=True).encode()).hexdigest()
