"""Commands that leave Python, which the staleness key cannot follow: `press: shell: allow|warn|forbid`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from press.core.errors import Problem
from press.posts.post import CodeCell
from press.posts.used import Uses

WAY_OUT = "The staleness key does not cover what it reads. Write it in Python"


def told(cells: Sequence[CodeCell], uses: Uses, policy: Any) -> list[Problem]:
    """A problem for each shell command of a post's cells, or none.

    Args:
        policy: what `press: shell:` says; "warn" where it says nothing.
    """
    known = {cell.name: cell for cell in cells}
    problems = []
    for name, row, command in uses.shell if policy != "allow" else ():
        cell = known[name]
        shown = command if len(command) < 60 else command[:57] + "..."
        where = "" if cell.line else f"{name}: "
        message = f"{where}`{shown}` runs outside Python. {WAY_OUT}"
        line = cell.line + row - 1 if cell.line else 0
        problems.append(Problem(cell.file, line, message, check="" if policy == "forbid" else "shell"))
    return problems
