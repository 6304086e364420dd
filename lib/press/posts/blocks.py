"""A post's source as blocks: front matter, text and Python cells, in order, from Quarto Markdown or from a notebook.

Each block knows where it comes from. Cells of other languages are part of the text around them: they are shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from press.core.errors import Problem, fail
from press.core.source import Expanded, fenced_lines, front_matter_length, read_text, relative

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
    """

    kind: str
    source: str
    file: str
    line: int
    number: int = 0
    tags: tuple[str, ...] = ()
    stored: dict[str, Any] = field(default_factory=dict, repr=False)


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
        source = "\n".join(lines[start:end])
        if kind == "code" or source.strip():
            source = source if kind == "code" else source.rstrip()
            blocks.append(Block(kind, source, *expanded.origin(start + 1)))

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


def read_notebook(path: Path, root: Path) -> dict[str, Any]:
    """A notebook of an author's, as nbformat 4.

    Raises:
        PressError: it is not one.
    """
    name = relative(path, root)
    text = read_text(path, root)
    try:
        book = json.loads(text)
        if book.get("nbformat") != 4:
            import nbformat

            book = json.loads(nbformat.writes(nbformat.reads(text, as_version=4)))
        cells = book["cells"]
        if not isinstance(book.setdefault("metadata", {}), dict):
            raise TypeError("its metadata are no mapping")
        for cell in cells:
            cell.setdefault("metadata", {})
            cell["source"] = text_of(cell["source"])
            if cell["cell_type"] == "code":
                cell["outputs"] = list(cell.get("outputs") or ())
    except RecursionError:
        raise fail(name, 0, "not a notebook: it is nested too deeply") from None
    except Exception as error:  # nbformat raises many kinds of what is not its own
        raise fail(name, 0, f"not a notebook: {str(error).splitlines()[0] if str(error) else error!r}") from None
    return book


def text_of(value: Any) -> str:
    """nbformat's multi-line string: a list of lines or one string."""
    return "".join(value) if isinstance(value, list) else str(value)


def language_of(book: dict[str, Any]) -> str:
    """The language of a notebook's cells; "python" where it does not say."""
    info = book["metadata"].get("language_info") or {}
    kernel = book["metadata"].get("kernelspec") or {}
    name = str(kernel.get("language") or info.get("name") or kernel.get("name") or "python").lower()
    return "python" if name.startswith(("python", "ipython", "xpython")) else name


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
