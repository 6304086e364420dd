"""The options at the top of a code cell: `#| key: value`, with any spaces before the bar, as Quarto reads them.

nbdev writes directives without a colon between them, such as `#| export`. They are not options and are skipped.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from itertools import takewhile

from press.core import supported, yamlfile
from press.core.errors import PressError, Problem

ROW = re.compile(r"#\s*\| ?")
DIRECTIVE = re.compile(r"([A-Za-z_][\w-]*)[^:\n]*$")


def is_option(line: str) -> bool:
    """Whether a line at the top of a cell is an option, or a directive."""
    return ROW.match(line) is not None


def option_rows(source: str) -> list[str]:
    """The lines of options at the top of a cell, without their mark: YAML."""
    return [ROW.sub("", line, count=1) for line in takewhile(is_option, source.split("\n"))]


def read_options(source: str, file: str, line: int) -> yamlfile.Parsed:
    """A cell's options.

    Args:
        file, line: where the cell's first line stands; line 0 where that is not known.

    Raises:
        PressError: not valid YAML; an option without its colon.
    """

    def where(row: int) -> yamlfile.Place:
        return file, line + max(row, 1) - 1 if line else 0

    rows = textwrap.dedent("\n".join(option_rows(source))).split("\n")
    try:
        return yamlfile.parse("\n".join(rows), supported.CELL_OPTIONS, where)
    except PressError as error:
        if (parsed := _without_directives(rows, where)) is None:
            raise error from None
        return parsed


def _without_directives(rows: list[str], where: Callable[[int], yamlfile.Place]) -> yamlfile.Parsed | None:
    """What the rows say when directives are skipped; None if that is no YAML either."""
    words = [match[1] if (match := DIRECTIVE.match(row)) else "" for row in rows]
    plain = "\n".join("" if word else row for row, word in zip(rows, words, strict=True))
    try:
        parsed = yamlfile.parse(plain, supported.CELL_OPTIONS, where)
    except PressError:
        return None
    for index, word in enumerate(words, 1):
        if word in supported.CELL:
            message = f"cell option {rows[index - 1]!r} lacks a colon. Write {word}: and its value"
            parsed.problems.append(Problem(*where(index), message))
    return parsed
