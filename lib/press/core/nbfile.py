"""Notebooks as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from press.core.errors import fail


def read_notebook(path: Path, name: str) -> dict[str, Any]:
    """A notebook in nbformat 4; one of an older format is converted.

    Args:
        name: of the path in messages.

    Raises:
        PressError: it is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
        notebook = json.loads(text)
        if notebook.get("nbformat", 4) < 4:
            import nbformat  # heavy; few notebooks are that old

            notebook = nbformat.reads(text, as_version=4)
        if isinstance(notebook["cells"], list):
            return notebook
        reason = "its cells are no list"
    except Exception as error:  # whatever nbformat makes of a file that is no notebook
        reason = str(error)
    raise fail(name, 0, f"not a notebook: {reason}. Remove the file and build again") from None
