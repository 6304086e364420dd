"""Commands that leave Python, which the staleness key cannot follow: `press: shell: allow|warn|forbid`."""

from __future__ import annotations

from typing import Any

from press.core.errors import Problem
from press.posts.post import CodeCell, magics_of

POLICIES = ("allow", "warn", "forbid")
WAY_OUT = "What it reads is not in the staleness key. Write it in Python"


def told(cell: CodeCell, policy: Any) -> list[Problem]:
    """A problem for each shell command of a cell, or none.

    Args:
        policy: what `press: shell:` says; "warn" where it says nothing.

    Raises:
        PressError: the cell is neither Python nor IPython.
    """
    if policy == "allow":
        return []
    problems = []
    for row, command in magics_of(cell).shell:
        line = cell.line + row - 1 if cell.line else 0
        shown = command if len(command) < 60 else command[:57] + "..."
        where = "" if cell.line else f"{cell.name}: "
        check = "" if policy == "forbid" else "shell"
        problems.append(Problem(cell.file, line, f"{where}`{shown}` runs outside Python. {WAY_OUT}", check=check))
    return problems
