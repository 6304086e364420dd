"""Values within the text: `{python} EXPRESSION` is evaluated where it stands, and its text put in its place."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from press.core.errors import Problem
from press.core.escapes import markdown
from press.core.fences import fenced_lines
from press.posts.blocks import Block
from press.posts.magics import BROKEN
from press.posts.notebookfile import text_of
from press.posts.post import Inline, Post, new_cell

MARKS = " \t>-+*:|.()0123456789"  # of items and quotations, within which a block may begin
CODE = re.compile(r"(?<!`)`\{python\}\s+([^`]+?)\s*`(?!`)")
# What IPython shows of a value by itself is its repr; a reader wants its text. What knows how it looks is left alone.
# A post may have given its own things the names of Python's functions.
SHOWN = (
    '(lambda value, python=__import__("builtins"): value if python.hasattr(value, "_repr_markdown_") else '
    'python.__import__("IPython.display").display.Pretty(python.str(value)))({}\n)'
)


def find_inline(block: Block, text: str, after: str, known: int) -> list[Inline]:
    """The values within a block of text.

    Args:
        text, after: names of its cell, and of the code cell above.
        known: how many were found before.
    """
    if "{python}" not in block.source:
        return []
    found: list[Inline] = []
    for start, paragraph, is_text in _paragraphs(block.source):
        for match in CODE.finditer(paragraph) if is_text else ():
            line = block.line + start + paragraph.count("\n", 0, match.start()) if block.line else 0
            name = f"inline-{known + len(found) + 1}"
            found.append(Inline(name, text, after, " ".join(match[1].split("\n")), block.file, line))
    return found


def _paragraphs(source: str) -> Iterator[tuple[int, str, bool]]:
    """(index of the first line, lines, whether it is text) of all of a text: a value may go on in the next line."""
    lines = source.split("\n")
    kinds = ["text" if kind == "text" and lines[index].strip() else "" for index, kind, _ in fenced_lines(lines)]
    start = 0
    for kind, group in groupby(kinds):
        end = start + len(list(group))
        yield start, "\n".join(lines[start:end]), bool(kind)
        start = end


def read_inline(values: Iterable[Inline], problems: list[Problem]) -> set[str]:
    """The names that the values read.

    Args:
        problems: where to add those of values that are not Python.
    """
    names: set[str] = set()
    for value in values:
        try:
            tree = ast.parse(value.expression, mode="eval")
        except BROKEN as error:
            message = f"`{{python}} {value.expression}` is not a Python expression: {getattr(error, 'msg', error)}"
            problems.append(Problem(value.file, value.line, message))
        else:
            names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names


def runnable(post: Post) -> dict[str, Any]:
    """The notebook that is executed: with a cell for each value, without cells that are not to be evaluated."""
    cells: list[dict[str, Any]] = []
    known = {cell.name: cell for cell in post.cells}
    for cell in post.notebook["cells"]:
        own = known.get(cell["id"])
        for value in (value for value in post.inline if value.text == cell["id"]):
            place = {"press": {"file": value.file, "line": value.line}}
            cells.append(new_cell("code", value.name, SHOWN.format(value.expression), place))
        if own is not None and not own.evaluated:
            continue
        if own is not None and own.may_fail:
            tags = [*cell["metadata"].get("tags", ()), "raises-exception"]
            cell = cell | {"metadata": cell["metadata"] | {"tags": list(dict.fromkeys(tags))}}
        cells.append(cell)
    return post.notebook | {"cells": cells}


def filled(cell: dict[str, Any], values: list[dict[str, Any]]) -> dict[str, Any]:
    """A text cell with its values put in.

    Args:
        values: the executed cells of these values, in order.
    """
    if not values:
        return cell
    left = iter(values)

    def value(match: re.Match[str]) -> str:
        before = match.string[: match.start()]
        return _value(next(left), before[before.rfind("\n") + 1 :])

    parts = [CODE.sub(value, part) if is_text else part for _, part, is_text in _paragraphs("".join(cell["source"]))]
    return cell | {"source": "\n".join(parts).splitlines(keepends=True)}


def with_placeholders(post: Post) -> dict[str, Any]:
    """The unexecuted notebook of a post as it can be checked before it runs: with some text for each value."""
    if not (post.runs and post.inline):
        return post.notebook
    some = {"outputs": [{"data": {"text/plain": "value"}}]}
    counts = Counter(value.text for value in post.inline)
    return post.notebook | {"cells": [filled(cell, [some] * counts[cell["id"]]) for cell in post.notebook["cells"]]}


def _value(ran: dict[str, Any], before: str) -> str:
    """What a value shows: Markdown as it is, anything else escaped."""
    data = next((output["data"] for output in ran["outputs"] if "data" in output), {})
    if "text/markdown" in data:
        return text_of(data["text/markdown"]).strip()
    return str(markdown(text_of(data.get("text/plain", "")), at_start=not before.strip(MARKS)))
