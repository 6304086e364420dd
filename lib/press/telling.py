"""What commands print: results on stdout, everything else on stderr."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from press.core.errors import Problem

FORMULA = re.compile(r"^(math|raw tex) `.*?`(?=[ :])", re.DOTALL)
MOST = 4  # lines of one file that are named one by one


def say(line: str) -> None:
    """A line for whoever is watching."""
    print(line, file=sys.stderr, flush=True)


def say_all(kind: str, lines: Iterable[Any]) -> None:
    """Lines of one kind, such as "warning"."""
    for line in lines:
        say(f"{kind}: {line}")


def count(number: int, what: str) -> str:
    """How many there are of something."""
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def folded(problems: Iterable[Problem]) -> list[Problem]:
    """What is said word for word of several places, once: with the first of them, and how many more there are.

    Of formulas with the same fault, the first one stands for all.
    """
    groups: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in problems:
        said = FORMULA.sub(r"\1", problem.message)
        groups.setdefault((said, problem.detail, problem.check), []).append(problem)
    return [replace(first, message=first.message + _also(first, others)) for first, *others in groups.values()]


def _also(first: Problem, others: list[Problem]) -> str:
    lines = sorted({problem.line for problem in others if problem.file == first.file})
    files = len({problem.file for problem in others} - {first.file})
    named = f"on line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}"
    here = [named if len(lines) <= MOST else f"on {len(lines)} more lines"] if lines else []
    said = here + ([f"in {count(files, 'more file')}"] if files else [])
    return f" (also {' and '.join(said)})" if said else ""
