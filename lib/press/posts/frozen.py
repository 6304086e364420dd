"""Results that Quarto froze (`execute: freeze:`), which it shows instead of running the page again.

They lie in `_freeze/<page>/execute-results/html.json`: the page as Markdown, and the MD5 of the source that it is of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from press.posts.post import Source

FOLDER = "_freeze"
UNREADABLE = (OSError, ValueError, KeyError, TypeError, RecursionError)


def results_of(source: Source, meta: Mapping[str, Any], root: Path) -> Path | None:
    """The file with a page's frozen results, if Quarto would show them: always with `freeze: true`, with `auto` while
    the source is as it was; None if the page is to run."""
    execute = meta.get("execute")
    freeze = execute.get("freeze") if isinstance(execute, dict) else None
    if freeze not in (True, "auto") or source.beside:
        return None
    path = _folder(source.page, root) / "execute-results" / "html.json"
    try:
        known = json.loads(path.read_bytes())["hash"]
        read_markdown(path)
    except UNREADABLE:
        return None
    text = source.path.read_bytes().decode("utf-8-sig", errors="replace")  # as Quarto reads it
    return path if freeze is True or known == hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() else None


def read_markdown(path: Path) -> str:
    """The page as Markdown, its front matter included.

    Raises:
        OSError, ValueError, KeyError, TypeError, RecursionError: it is not what Quarto writes.
    """
    text = json.loads(path.read_bytes())["result"]["markdown"]
    if not isinstance(text, str):
        raise TypeError("the Markdown is not a string")
    return text


def pictures(page: str, root: Path) -> dict[str, bytes]:
    """The pictures that belong to frozen results, by the path under which their Markdown names them."""
    folder, stem = _folder(page, root), Path(page).stem
    found = sorted(path for path in folder.glob("figure-*/*") if path.is_file())
    return {f"{stem}_files/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in found}


def _folder(page: str, root: Path) -> Path:
    return root / FOLDER / Path(page).with_suffix("")
