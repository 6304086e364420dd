"""The picture that stands for a post in listings and previews: marked in its notebook, so that both renderers agree.

Quarto takes the first picture of the page, and a slider's stands in the page itself, where no listing can show it.
"""

from __future__ import annotations

import re
from typing import Any

from press.core.celloptions import option_rows, read_options
from press.core.errors import PressError
from press.renderer.outputs import picture_in

CLASS = "preview-image"
MARKDOWN_IMAGE = re.compile(r"!\[[^\]]*\]\(")


def with_leading_picture(notebook: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    """The notebook with the first cell that shows a picture file marked, unless the author has chosen one.

    Args:
        notebook: executed.
        meta: the post's front matter.
    """
    cells = notebook["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    if meta.get("image") or any(CLASS in text for text in texts):
        return notebook
    for index, (cell, text) in enumerate(zip(cells, texts, strict=True)):
        if cell["cell_type"] == "markdown" and MARKDOWN_IMAGE.search(text):
            return notebook  # the first picture is the author's own
        if cell["cell_type"] == "code" and _shows_picture(cell, text):
            marked = cell | {"source": _marked(text).splitlines(keepends=True)}
            return notebook | {"cells": [*cells[:index], marked, *cells[index + 1 :]]}
    return notebook


def _shows_picture(cell: dict[str, Any], text: str) -> bool:
    try:
        options = read_options(text, "", 0).data
    except PressError:
        return False  # whoever renders the page says what is wrong
    if options.get("output") is False or options.get("include") is False or "classes" in options:
        return False
    return any(picture_in(output) for output in cell["outputs"])


def _marked(text: str) -> str:
    lines, at = text.split("\n"), len(option_rows(text))
    return "\n".join([*lines[:at], f"#| classes: {CLASS}", *lines[at:]])
