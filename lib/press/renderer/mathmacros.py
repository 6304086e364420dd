"""Macros that are defined within a formula: MathJax then knows them in the whole page, Pandoc only in that formula."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from press.core.fences import fenced_lines

if TYPE_CHECKING:
    from press.renderer.traced import Document

NAME = r"(?:\{\s*\\[A-Za-z]+\s*\}|\\[A-Za-z]+)"
HEAD = re.compile(
    rf"\\(?:(?:re|provide)?newcommand\*?\s*{NAME}\s*(?:\[\d\]\s*(?:\[[^\]]*\]\s*)?)?"
    rf"|DeclareMathOperator\*?\s*{NAME}\s*|g?def\s*\\[A-Za-z]+\s*(?:#\d\s*)*)(?=\{{)"
)
LET = re.compile(r"\\let\s*\\[A-Za-z]+\s*=?\s*\\[A-Za-z]+")
NOTHING = r"\\(?:nonumber|notag)\b"
BLANK = re.compile(rf"(?:\s|%[^\n]*(?:\n|$)|{NOTHING})*")
MARK = re.compile(r"^\s*\$\$\s*$")
END = re.compile(r"^\s*\$\$\s*(?:\{[^{}]*\}\s*)?$")
ONE_LINE = re.compile(r"^\s*(\$\$?)([^$]+)\1\s*$")


def lift(document: Document, start: int) -> None:
    """Take definitions out of the formulas with which they begin, among the document's lines from `start` on."""
    lines = document.lines
    if not any("\\" in line and HEAD.search(line) for line in lines[start:]):
        return
    opened = -1
    for index, kind, _ in fenced_lines(lines[start:]):
        at = start + index
        if kind != "text":
            opened = -1
        elif opened < 0 and (match := ONE_LINE.match(lines[at])) and _length(match[2]) == len(match[2]):
            lines[at] = match[2].strip()
        elif opened < 0 and MARK.match(lines[at]):
            opened = at
        elif opened >= 0 and END.match(lines[at]):
            _take_out(document, opened, at)
            opened = -1


def _take_out(document: Document, opened: int, closed: int) -> None:
    """Have the definitions stand before the formula, on one line; a formula of nothing else is none."""
    lines, origins = document.lines, document.origins
    inner = "\n".join(lines[opened + 1 : closed])
    length = _length(inner)
    count = closed - opened - 1 if length == len(inner) else inner[:length].count("\n")
    if not length or not count:
        return
    taken = lines[opened + 1 : opened + 1 + count]
    taken = [re.sub(NOTHING, "", line).strip() for line in taken if not line.lstrip().startswith("%")]
    definitions = " ".join(filter(None, taken))
    rest, places = lines[opened + 1 + count : closed + 1], origins[opened + 1 + count : closed + 1]
    lines[opened : closed + 1] = [definitions, *[""] * count, *rest]
    if len(rest) > 1:
        lines[opened + count] = "$$"
    else:
        lines[opened + 1 + count] = ""
    origins[opened : closed + 1] = [*origins[opened + 1 : opened + 1 + count], origins[opened], *places]


def _length(text: str) -> int:
    """How many characters of a text are definitions, and blank ones and comments between and after them; 0 for none."""
    at, found = BLANK.match(text).end(), 0
    while True:
        if head := HEAD.match(text, at):
            end = _group_end(text, head.end())
        else:
            end = match.end() if (match := LET.match(text, at)) else 0
        if not end:
            return found
        at = found = BLANK.match(text, end).end()


def _group_end(text: str, at: int) -> int:
    """Where a group in braces ends that begins here; 0 for one that does not end."""
    depth = 0
    for match in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, at):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return match.end()
    return 0
