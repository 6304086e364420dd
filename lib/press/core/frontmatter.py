"""The front matter of a file that may say something of interest, without reading the others."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

from press.core.errors import PressError
from press.core.source import page_start
from press.core.yamlfile import Map

HEAD = 1 << 16  # bytes of a file in which its front matter begins


def mentioning(key: str, path: str | Path) -> Map:
    """The front matter of Quarto Markdown or of a notebook; empty where it does not have the key, or cannot be read."""
    try:
        state = os.stat(path)
    except OSError:
        return Map()
    return _read(key, str(path), state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=20_000)
def _read(key: str, path: str, _time: int, _size: int) -> Map:
    try:
        with open(path, "rb") as stream:
            if key.encode() not in stream.read(HEAD):
                return Map()
        text = Path(path).read_text(encoding="utf-8-sig")
        if path.endswith(".ipynb"):
            text = _first_cell(json.loads(text))
        return page_start(text.splitlines(), lambda line: ("", line))[0].data
    except (OSError, ValueError, TypeError, LookupError, RecursionError, PressError):
        return Map()  # whoever reads the page says what is wrong


def _first_cell(book: Any) -> str:
    return "".join(book["cells"][0]["source"]) if book["cells"][0]["cell_type"] != "code" else ""
