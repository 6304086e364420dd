"""Notebooks that are published with the outputs that their author stored: whether these may be out of date.

Nobody knows what such a run depended on. But a module beside the notebook that has changed since the outputs were first
seen here is reported, until the notebook itself is saved again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from press.core.disk import write_atomic
from press.core.errors import PressError, Problem
from press.core.memory import remembered
from press.core.project import Project
from press.posts.beside import files_beside
from press.posts.cache import differences
from press.posts.closure import file_hash
from press.posts.notebookfile import read_notebook
from press.posts.post import CodeCell, Source
from press.posts.used import uses_of

FILE = "stored.json"


def stale(sources: Iterable[Source], project: Project, note: bool = False) -> list[Problem]:
    """What has changed since each notebook's outputs were first seen.

    Args:
        note: keep what is seen now for the first time.
    """
    path = project.work / FILE
    before = _read(path)
    now = {}
    for source in sources:
        with contextlib.suppress(OSError):  # removed meanwhile
            now[source.page] = _state(source, project)
    problems = []
    for page, state in now.items():
        known = before.get(page, {})
        if known.get("content") != state["content"]:
            continue
        if changed := differences(known.get("parts") or {}, state["parts"]):
            message = f"its stored outputs may be out of date: {', '.join(changed)}. Run the notebook and save it"
            problems.append(Problem(page, 0, message, check="stored"))
            now[page] = known
    if note and (kept := {page: before.get(page, {}) for page in before if page in now} | now) != before:
        write_atomic(path, json.dumps(kept, indent=1, sort_keys=True).encode())
    return problems


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {page: state for page, state in found.items() if isinstance(state, dict)} if isinstance(found, dict) else {}


def _state(source: Source, project: Project) -> dict[str, Any]:
    content = source.path.read_bytes()
    uses = remembered(project.work / "facts", b"imports 1\0" + content, lambda: _uses(source, project))
    files, _ = files_beside(uses["imports"], uses["runs"], source.path.parent, project.root)
    parts = {f"module {name}": file_hash(path) for name, path in files.items()}
    return {"content": hashlib.sha256(content).hexdigest(), "parts": parts}


def _uses(source: Source, project: Project) -> dict[str, Any]:
    try:
        cells = [cell for cell in read_notebook(source.path, project.root)["cells"] if cell["cell_type"] == "code"]
    except PressError:
        cells = []
    read = [CodeCell(f"code-{i}", cell["source"], {}, source.page, 0) for i, cell in enumerate(cells, 1)]
    found = uses_of(read, project.work / "facts", [])  # a cell that is not valid is shown, not run
    return {"imports": sorted(found.modules), "runs": found.runs}
