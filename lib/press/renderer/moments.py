"""Dates that a page does not state but asks for: today, now, last-modified."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

from press.core.command import git
from press.core.yamlfile import Map

WORDS = ("today", "now", "last-modified")
KEYS = ("date", "date-modified")
ASKED = re.compile(rb"""\bdate(?:-modified)?\\?["']?\s*:\s*\\?["']?(today|now|last-modified)\b""")


def resolve(meta: Map, root: Path, source: str) -> None:
    """Put the date in place of each such word.

    Args:
        source: the file that the author wrote, relative to the root.
    """
    for key in KEYS:
        if meta.get(key) in WORDS:
            meta[key] = last_modified(root, source) if meta[key] == "last-modified" else today()


def today() -> str:
    """The day, in the machine's time zone; never the hour, so that a page is made again once a day at most."""
    return dt.date.today().isoformat()


def last_modified(root: Path, name: str) -> str:
    """The day of the last commit that changed a file; of its last change on disk where no commit has."""
    found = git(root, "log", "-1", "--format=%cs", "--", name)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", found):
        return found
    try:
        return dt.date.fromtimestamp((root / name).stat().st_mtime).isoformat()
    except OSError:
        return today()


def stamp(root: Path, name: str, *texts: bytes) -> str:
    """What a page's key has to hold besides its texts, because of such words in them.

    Args:
        name: the page's input, relative to the root.
        texts: the page and what lies below its front matter.
    """
    words = {match[1] for text in texts for match in ASKED.finditer(text)}
    return " ".join(
        last_modified(root, source_of(root, name)) if word == b"last-modified" else today() for word in sorted(words)
    )


def source_of(root: Path, name: str) -> str:
    """The file that the author wrote of an input: its notebook may have been made from it."""
    if name.endswith(".ipynb"):
        try:
            first = json.loads((root / name).read_text(encoding="utf-8"))["cells"][0]
            return str((first["metadata"].get("press") or {}).get("file") or name)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return name
    return name
