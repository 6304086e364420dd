"""Drafts: `draft: true` of a page, `drafts:` and `draft-mode:` of the project."""

from __future__ import annotations

import html
import re
from typing import Any

from press.core.config import Config
from press.core.merging import as_list
from press.renderer import listitems, targets


def published(config: Config, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pages that the site has, each told whether others may lead to it, and what they must not lead to."""
    mode = config.get("website.draft-mode", "gone")
    matchers = [listitems.glob_of(name, "") for name in as_list(config.get("website.drafts")) if isinstance(name, str)]
    drafts = {r["url"] for r in records if r["draft"] or any(m.fullmatch(r["input"]) for m in matchers)}
    hidden = set() if mode == "visible" else drafts
    kept = [record for record in records if mode == "unlinked" or record["url"] not in hidden]
    return [record | {"listed": record["url"] not in hidden, "hidden": sorted(hidden)} for record in kept]


def unlinked(record: dict[str, Any], markup: str) -> str:
    """A page whose links to drafts are plain text."""
    hidden = set(record["hidden"])
    for link, _ in record["links"] if hidden else ():
        if targets.target(record, link) in hidden:
            address = re.escape(html.escape(link))
            markup = re.sub(rf'(<a\b[^<>]*?) href="{address}"', r"\1", markup)
    return markup
