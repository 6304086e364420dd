"""A post's source as blocks: front matter, text and Python cells, in order, from Quarto Markdown or from a notebook.

Each block knows where it comes from. Cells of other languages are part of the text around them: they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from press.core.errors import Problem
from press.core.fences import fenced_lines, indent_of, item_indent
from press.core.source import Expanded, front_matter_length

CELL = re.compile(r"^\{\s*([A-Za-z][\w+-]*)\b(.*)\}$")
EDITORS = re.compile(r"\s*(?:vscode\s*=\s*\{.*\})?\s*")  # what an editor notes in a cell's header


@dataclass(frozen=True)
class Block:
    """One cell as it was written.

    Args:
        kind: "raw", "markdown" or "code".
        line: of its first line in its file; 0 where that is not known, as in a notebook.
        number: of the cell in its notebook, from 1; 0 in Quarto Markdown.
        tags: those of a notebook's cell; cells of Quarto Markdown have them among their options.
        stored: what a notebook keeps beside the source: outputs, execution_count, attachments.
        indent: the spaces before the text of the list item that a cell stands in, where its outputs go too.
    """

    kind: str
    source: str
    file: str
    line: int
    number: int = 0
    tags: tuple[str, ...] = ()
    stored: dict[str, Any] = field(default_factory=dict, repr=False)
    indent: str = ""


def markdown_blocks(expanded: Expanded, problems: list[Problem]) -> list[Block]:
    """The blocks of Quarto Markdown.

    Args:
        problems: where to add what is wrong with cells' headers.
    """
    lines = expanded.text.split("\n")
    matter = front_matter_length(lines)
    blocks: list[Block] = []

    def add(kind: str, start: int, end: int) -> None:
        """Lines [start, end), without the blank ones around them."""
        while kind != "code" and start < end and not lines[start].strip():
            start += 1
        own = lines[start:end]
        indent = indent_of(lines[start - 1]) if kind == "code" else ""
        own = [line[min(len(indent), len(indent_of(line))) :] for line in own]
        source = "\n".join(own)
        if kind == "code" or source.strip():
            source = source if kind == "code" else source.rstrip()
            within = item_indent(lines, start - 1) if indent else ""
            blocks.append(Block(kind, source, *expanded.origin(start + 1), indent=within))

    if matter:
        add("raw", 0, matter)
    end = matter
    for opened, closed in _python_cells(lines[matter:], problems, expanded, matter):
        add("markdown", end, opened)
        add("code", opened + 1, closed)
        end = closed + 1
    add("markdown", end, len(lines))
    return blocks


def _python_cells(
    lines: list[str], problems: list[Problem], expanded: Expanded, offset: int
) -> Iterator[tuple[int, int]]:
    """Indices of the fences of each Python cell; `offset` is that of the first line."""
    opened = -1
    for index, kind, info in fenced_lines(lines):
        if kind == "open":
            match = CELL.match(info)
            opened = index if match and match[1] == "python" else -1
            if opened >= 0 and not EDITORS.fullmatch(match[2]):
                place = expanded.origin(index + offset + 1)
                message = f"chunk options {match[2].strip(' ,')!r}: write them as #| key: value lines"
                problems.append(Problem(*place, message, check="unsupported"))
        elif kind == "close" and opened >= 0:
            yield opened + offset, index + offset
            opened = -1


def has_python_cells(text: str) -> bool:
    """Whether Quarto Markdown has a Python cell."""
    if "{python" not in text.replace(" ", ""):
        return False
    infos = (info for _, kind, info in fenced_lines(text.split("\n")) if kind == "open")
    return any((match := CELL.match(info)) and match[1] == "python" for info in infos)


def notebook_blocks(book: dict[str, Any], file: str) -> list[Block]:
    """The blocks of a notebook."""
    blocks = []
    for number, cell in enumerate(book["cells"], 1):
        source, kind = cell["source"], cell["cell_type"]
        lines = source.split("\n")
        if not blocks and kind == "markdown" and (taken := front_matter_length(lines)):
            blocks.append(Block("raw", "\n".join(lines[:taken]), file, 0, number))
            source = "\n".join(lines[taken:])
        if kind not in ("raw", "markdown", "code") or (not source.strip() and kind != "code"):
            continue
        tags = tuple(map(str, cell["metadata"].get("tags") or ()))
        stored = {key: cell[key] for key in ("outputs", "execution_count", "attachments") if key in cell}
        blocks.append(Block(kind, source, file, 0, number, tags, stored))
    return blocks
