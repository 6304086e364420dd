"""Notebooks as their authors' tools save them, in a form that everything below can rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from press.core.errors import fail
from press.core.selection import OWN
from press.core.source import read_text, relative
from press.posts.post import KEPT

KINDS = ("code", "markdown", "raw")
OUTPUTS = ("stream", "display_data", "execute_result", "error")


def read_notebook(path: Path, root: Path) -> dict[str, Any]:
    """A notebook as nbformat 4. What is not as the format has it is left out.

    What the press notes in notebooks counts only in those that it wrote: one that was brought here from elsewhere may
    have been executed by another press.

    Raises:
        PressError: it is none.
    """
    name = relative(path, root)
    text = read_text(path, root)
    try:
        book = json.loads(text)
        if not isinstance(book, dict):
            raise TypeError("it is not a mapping")
        if book.get("nbformat", 4) != 4:  # whoever says nothing writes the present form
            import nbformat

            book = json.loads(nbformat.writes(nbformat.reads(text, as_version=4)))
            for cell in book["cells"]:
                cell.pop("id", None)  # nbformat draws them by lot
        if not isinstance(book.get("cells"), list):
            raise TypeError("it has no list of cells")
        return _sound(book, KEPT in path.as_posix() or path.with_name(OWN).is_file())
    except RecursionError:
        raise fail(name, 0, "not a notebook: it is nested too deeply") from None
    except Exception as error:  # nbformat raises many kinds of what is not its own
        said = str(error).strip() or repr(error)
        raise fail(name, 0, f"not a notebook: {said.splitlines()[0]}") from None


def without_pictures(book: dict[str, Any]) -> dict[str, Any]:
    """A notebook whose outputs are pictures without content, to be kept in memory beside a thousand others."""
    cells = [
        cell | {"outputs": list(map(_bare, cell["outputs"]))} if "outputs" in cell else cell for cell in book["cells"]
    ]
    return book | {"cells": cells}


def _bare(output: dict[str, Any]) -> dict[str, Any]:
    if "data" not in output:
        return output
    return output | {"data": {kind: "" if kind.startswith("image/") else data for kind, data in output["data"].items()}}


def text_of(value: Any) -> str:
    """nbformat's multi-line string: a list of lines or one string."""
    return "".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def language_of(book: dict[str, Any]) -> str:
    """The language of a notebook's cells; "python" where it does not say."""
    info, kernel = _mapping(book["metadata"].get("language_info")), _mapping(book["metadata"].get("kernelspec"))
    name = str(kernel.get("language") or info.get("name") or kernel.get("name") or "python").lower()
    return "python" if name.startswith(("python", "ipython", "xpython")) else name


def _sound(book: dict[str, Any], ours: bool) -> dict[str, Any]:
    metadata = _metadata(book, ours)
    for key in ("kernelspec", "language_info", "widgets"):
        if key in metadata and not isinstance(metadata[key], dict):
            del metadata[key]
    cells = [cell for cell in book["cells"] if isinstance(cell, dict) and cell.get("cell_type") in KINDS]
    return book | {"metadata": metadata, "cells": [_cell(cell, number, ours) for number, cell in enumerate(cells, 1)]}


def _cell(cell: dict[str, Any], number: int, ours: bool) -> dict[str, Any]:
    metadata = _metadata(cell, ours)
    if "tags" in metadata:
        tags = metadata["tags"] if isinstance(metadata["tags"], list) else []
        metadata["tags"] = [tag for tag in tags if isinstance(tag, str)]
    name = cell["id"] if isinstance(cell.get("id"), str) else f"cell-{number}"
    sound = cell | {"id": name, "metadata": metadata, "source": text_of(cell.get("source"))}
    if cell["cell_type"] == "code":
        outputs = cell.get("outputs")
        found = [output for output in outputs if isinstance(output, dict)] if isinstance(outputs, list) else []
        sound["outputs"] = [_output(output) for output in found if output.get("output_type") in OUTPUTS]
        count = cell.get("execution_count")
        sound["execution_count"] = count if type(count) is int else None
    if "attachments" in cell:
        files = _mapping(cell["attachments"])
        sound["attachments"] = {key: value for key, value in files.items() if isinstance(value, dict)}
    return sound


def _output(output: dict[str, Any]) -> dict[str, Any]:
    if output["output_type"] == "stream":
        return output | {"name": str(output.get("name", "stdout")), "text": text_of(output.get("text"))}
    if output["output_type"] == "error":
        trace = output.get("traceback")
        lines = [text_of(line) for line in trace] if isinstance(trace, list) else []
        return output | {key: text_of(output.get(key)) for key in ("ename", "evalue")} | {"traceback": lines}
    data = {kind: value for kind, value in _mapping(output.get("data")).items() if value is not None}
    metadata = {kind: value for kind, value in _mapping(output.get("metadata")).items() if isinstance(value, dict)}
    return output | {"data": data, "metadata": metadata}


def _metadata(part: dict[str, Any], ours: bool) -> dict[str, Any]:
    found = _mapping(part.get("metadata"))
    return {key: value for key, value in found.items() if key != "press" or (ours and isinstance(value, dict))}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
