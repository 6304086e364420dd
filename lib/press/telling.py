"""What commands print: results on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any


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
