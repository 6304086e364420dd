"""The name that a page asks to be published under: `output-file:` in its own front matter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from press.core.frontmatter import mentioning

KEY = "output-file"
LEGAL = re.compile(r"[^\x00-\x1f/\\?#%<>\"|*:._][^\x00-\x1f/\\?#%<>\"|*:]*")


def name_in(meta: Mapping[str, Any]) -> str:
    """The file's name that a page's front matter asks for, in its folder; "" for none, or none that is legal."""
    below = meta.get("format")
    below = below.get("html") if isinstance(below, dict) else None
    said = (below.get(KEY) if isinstance(below, dict) else None) or meta.get(KEY)
    if not isinstance(said, str) or not LEGAL.fullmatch(said):
        return ""
    return said if said.endswith((".html", ".htm")) else f"{said}.html"


def asked_by(path: str) -> str:
    """The same of a file; "" for one that is not there or cannot be read."""
    return name_in(mentioning(KEY, path))
