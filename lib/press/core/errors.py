"""What can be wrong with the input, said with file, line and the way out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong, and where.

    Args:
        file: path relative to the project root, with forward slashes; "" when no file is at fault.
        line: 1-based line in that file; 0 when the whole file is meant.
        message: what is wrong and the way out. May run over several lines (a traceback).
    """

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        return place + self.message


class PressError(Exception):
    """The work cannot go on; carries every problem that was found, not only the first."""

    def __init__(self, problems: Problem | Sequence[Problem]):
        self.problems = [problems] if isinstance(problems, Problem) else sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))


@contextlib.contextmanager
def collected(problems: list[Problem]) -> Iterator[None]:
    """Add the problems of a PressError that is raised within to a list, and go on behind it."""
    try:
        yield
    except PressError as error:
        problems += error.problems


def fail(file: str, line: int, message: str) -> PressError:
    """`raise fail("posts/a/post.qmd", 3, "...")`: an error with a single problem."""
    return PressError(Problem(file, line, message))
