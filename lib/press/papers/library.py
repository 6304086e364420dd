"""What the bibliography and the state of the Zotero sync say of a paper."""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any

from press.core.errors import fail
from press.core.memory import remembered
from press.core.pandoc import run_pandoc
from press.core.project import Project
from press.core.source import read_text

if TYPE_CHECKING:
    from press.intake.zotero.state import State

Entry = dict[str, Any]
TAG = re.compile(r"</?(?:span|i|b|sup|sub|sc)\b[^<>]*>")


def read_library(project: Project) -> dict[str, Entry] | None:
    """Citation key -> entry in CSL's terms, as Pandoc reads the bibliography; None when the project has none.

    The reading is remembered by the file's content.

    Raises:
        PressError: the file is missing or Pandoc cannot read it.
    """
    names = project.config.get("bibliography")
    if not names:
        return None
    found: dict[str, Entry] = {}
    for name in [names] if isinstance(names, str) else names:
        text = read_text(project.root / name, project.root)
        read = functools.partial(_read, text, name)
        found |= remembered(project.work / "facts", f"library 1 {text}", read)
    return found


def _read(text: str, name: str) -> dict[str, Entry]:
    try:
        entries = json.loads(run_pandoc(["-f", "biblatex", "-t", "csljson"], text))
    except RuntimeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise fail(name, int(line[1]) if line else 0, f"not valid BibTeX: {error}") from None
    return {entry["id"]: entry for entry in entries}


def zotero_links(project: Project) -> dict[str, str]:
    """Citation key -> address that opens the item in Zotero; empty where nothing was ever synced.

    Raises:
        PressError: the sync's state is damaged.
    """
    found = _synced(project)
    kind, _, number = found.library.partition("/")
    shelf = f"groups/{number}" if kind == "groups" else "library"
    return {key: f"zotero://select/{shelf}/items/{item}" for item, key in found.items.items()}


def zotero_statuses(project: Project) -> dict[str, str]:
    """Citation key -> "reading" or "to read", where a tag in Zotero says so.

    Raises:
        PressError: the sync's state is damaged.
    """
    found = _synced(project)
    status = found.status or {}
    return {key: status[item] for item, key in found.items.items() if item in status}


def _synced(project: Project) -> State:
    from press.intake.zotero import state

    path = state.state_path(project)
    data = state.read_bytes(path)
    return state.decode(data, path.name) if data else state.State()


def authors(entry: Entry) -> str:
    """Names of the authors: all, or the first of more than six and "and others"."""
    names = [" ".join(filter(None, (a.get("given"), a.get("family") or a.get("literal")))) for a in _authors(entry)]
    if len(names) > 6:
        return f"{names[0]} and others"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def short_authors(entry: Entry) -> str:
    """Family names as in a citation: "Song et al."."""
    names = [a.get("family") or a.get("literal") or "" for a in _authors(entry)]
    return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)


def _authors(entry: Entry) -> list[dict[str, str]]:
    return entry.get("author") or []


def year(entry: Entry) -> str:
    """The year of publication; "" for none."""
    parts = (entry.get("issued") or {}).get("date-parts") or [[""]]
    return str(parts[0][0]) if parts[0] else ""


def plain_title(value: str) -> str:
    """A title of the bibliography without the few HTML tags that Pandoc leaves in it."""
    return " ".join(TAG.sub("", value).split())
