"""What can be wrong with the input, said with file, line and the way out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong, and where.

    Args:
        file: path relative to the project root, with forward slashes; "" when no file is at fault.
        line: 1-based line in that file; 0 when the whole file is meant.
        message: what is wrong and the way out.
        detail: what helps to find the cause, such as a traceback; lines to print below the message.
        check: the check of `levels.CHECKS` that found it, whose level says whether it stops the build; "" always does.
    """

    file: str
    line: int
    message: str
    detail: str = ""
    check: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        return place + "\n".join(filter(None, (self.message, self.detail)))


class PressError(Exception):
    """The work cannot go on; carries every problem that was found, not only the first.

    Args:
        hint: another way to go on, if there is one.
    """

    def __init__(self, problems: Problem | Sequence[Problem], hint: str = ""):
        self.problems = [problems] if isinstance(problems, Problem) else sorted(problems)
        self.hint = hint
        super().__init__("\n".join(map(str, self.problems)))


@contextlib.contextmanager
def collected(problems: list[Problem]) -> Iterator[None]:
    """Add the problems of a PressError that is raised within to a list, and go on behind it."""
    try:
        yield
    except PressError as error:
        problems += error.problems


@contextlib.contextmanager
def of_check(name: str) -> Iterator[None]:
    """Name the check whose problems are raised within, where they do not name one themselves."""
    try:
        yield
    except PressError as error:
        raise PressError([replace(problem, check=problem.check or name) for problem in error.problems]) from None


def fail(file: str, line: int, message: str) -> PressError:
    """`raise fail("posts/a/post.qmd", 3, "...")`: an error with a single problem."""
    return PressError(Problem(file, line, message))
