"""What the site says of the newest releases: a note on the page of a post that fails with them, and a page's piece."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from press.core.disk import write_if_changed
from press.core.errors import fail
from press.core.templates import render
from press.papers.driftfile import NAME, Drift, Tried, as_text, source_of
from press.posts.made import raw_cell

PIECE = "_drift.md"
HEAD = f"<!-- Written by `press drift` from {NAME}. -->\n\n"


def with_drift(notebook: dict[str, Any], slug: str, parts: Mapping[str, str], drift: Drift | None) -> dict[str, Any]:
    """The notebook with a note at its end if the post, as it is now, fails with the newest releases.

    Args:
        parts: of its key, as far as its source tells it.
    """
    found = drift and drift.of_post(slug)
    if not found or not found.error or found.source != source_of(parts):
        return notebook
    values = {"error": found.error, "now": _named(drift.last), "day": drift.last.day}
    green = {"before": _named(found.green), "green_day": found.green.day} if found.green else {}
    html = str(render("pages/drift.html", **({"before": "", "green_day": ""} | values | green)))
    html = html.replace("{", "&#123;")  # Quarto looks for shortcodes in raw HTML
    last = notebook["cells"][-1]["metadata"].get("press") or {}
    return notebook | {"cells": [*notebook["cells"], raw_cell("made-drift", html, last)]}


def _named(tried: Tried) -> str:
    """Versions as a sentence has them."""
    texts = [f"{name.capitalize() if name == 'python' else name} {value}" for name, value in tried.versions.items()]
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1]))) if texts else "no package"


def check_piece(root: Path) -> None:
    """Make sure that what is to be written is the press's own, before anything runs.

    Raises:
        PressError: an author's own file, or a link, is there.
    """
    path = root / PIECE
    if path.is_symlink() or (os.path.lexists(path) and not _is_ours(path)):
        raise fail(PIECE, 0, "press drift writes this file, but did not make the existing one. Move it away")


def _is_ours(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith(HEAD.encode())


def write_drift(root: Path, drift: Drift) -> None:
    """Write what was found, and the piece that pages include; each in one step."""
    write_if_changed(root / NAME, as_text(drift).encode())
    write_if_changed(root / PIECE, piece(drift).encode())


def piece(drift: Drift) -> str:
    """Markdown that says how tests and posts fare."""
    green = drift.green
    values = {
        "now": _named(drift.last),
        "day": drift.last.day,
        "before": _named(green) if green else "",
        "green_day": green.day if green else "",
        "tested": drift.tests is not None,
        "count": len(drift.posts),
        "failed": [(one.slug, one.error) for one in drift.failed],
    }
    return HEAD + str(render("pages/drift.qmd", **values)).strip() + "\n"
