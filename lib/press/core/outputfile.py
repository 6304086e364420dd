"""The name that a page asks to be published under: `output-file:` in its own front matter."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from press.core.errors import PressError
from press.core.source import page_start

KEY = "output-file"
HEAD = 1 << 16  # bytes of a file in which its front matter begins
LEGAL = re.compile(r"[^\x00-\x1f/\\?#%<>\"|*:._][^\x00-\x1f/\\?#%<>\"|*:]*")


def name_in(meta: Mapping[str, Any]) -> str:
    """The file's name that a page's front matter asks for, in its folder; "" for none, or none that is legal."""
    below = meta.get("format")
    below = below.get("html") if isinstance(below, dict) else None
    said = (below.get(KEY) if isinstance(below, dict) else None) or meta.get(KEY)
    if not isinstance(said, str) or not LEGAL.fullmatch(said):
        return ""
    return said if said.endswith((".html", ".htm")) else f"{said}.html"


def asked_by(path: Path) -> str:
    """The same of a file; "" for one that is not there or cannot be read."""
    try:
        state = os.stat(path)
    except OSError:
        return ""
    return _asked_by(str(path), state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=10_000)
def _asked_by(path: str, _time: int, _size: int) -> str:
    try:
        with open(path, "rb") as stream:
            if KEY.encode() not in stream.read(HEAD):
                return ""
        text = Path(path).read_text(encoding="utf-8-sig")
        if path.endswith(".ipynb"):
            text = _first_cell(json.loads(text))
        return name_in(page_start(text.splitlines(), lambda line: ("", line))[0].data)
    except (OSError, ValueError, TypeError, AttributeError, LookupError, RecursionError, PressError):
        return ""  # whoever reads the page says what is wrong


def _first_cell(book: Any) -> str:
    source = book["cells"][0]["source"] if book["cells"][0]["cell_type"] != "code" else ""
    return "".join(source)
