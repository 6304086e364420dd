"""How far a paper has been read, as its tags in Zotero say."""

from __future__ import annotations

import unicodedata
from typing import Any

# As in a tag, of which letters and digits alone count; the further one wins where an item has both.
STATUSES = {"read": "read", "reading": "reading", "toread": "to read"}
LONGEST = 40


def all_names(data: dict[str, Any], automatic: bool = True) -> list[str]:
    """An item's tags; without automatic ones those that a person gave it, and no keywords that came with an import."""
    tags = data.get("tags")
    found = [tag for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else []
    return [tag["tag"] for tag in found if isinstance(tag.get("tag"), str) and (automatic or tag.get("type") != 1)]


def reading_status(data: dict[str, Any]) -> str:
    """ "read", "reading" or "to read" by a tag of that name, "" if there is none. Every other tag is ignored.

    `To Read`, `to-read` and a coloured `📖 reading` count. What a tag says is compared and never kept: nothing of it
    reaches a file or a page.
    """
    found = {_letters(name) for name in all_names(data, automatic=False) if len(name) <= LONGEST}
    return next((status for letters, status in STATUSES.items() if letters in found), "")


def _letters(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())
