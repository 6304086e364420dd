"""What other sites show of a page when they link to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from press.renderer.traced import Document

if TYPE_CHECKING:
    from press.renderer.onepage import Site


def said_of(site: Site, document: Document, name: str) -> dict[str, Any] | None:
    """`open-graph:` or `twitter-card:` of the site with the page's own over it; None if it is not asked for."""
    found = [site.config.get(f"website.{name}"), document.meta.get(name)]
    if found[1] is False or not any(found):
        return None
    return {key: value for said in found if isinstance(said, dict) for key, value in said.items() if value is not None}


def variables(site: Site, document: Document) -> dict[str, Any]:
    """Both, as variables of our template; pictures come when the site is put together."""
    graph, card = said_of(site, document, "open-graph"), said_of(site, document, "twitter-card")
    names = ("title", "description", "locale", "site-name")
    found: dict[str, Any] = {f"og-{name}": _text(graph or {}, name) for name in names}
    rows = [(name, _text(card or {}, name)) for name in ("creator", "site", "title", "description")]
    style = _text(card or {}, "card-style") or "summary_large_image"
    cards = [{"name": "card", "text": style}] if card is not None else []
    cards += [{"name": name, "text": text} for name, text in rows if text]
    return found | {"open-graph": graph is not None, "twitter": cards}


def image_of(site: Site, document: Document) -> str:
    """The picture that a page's own `open-graph:` or `twitter-card:` names, relative to the page."""
    own = [document.meta.get(name) for name in ("open-graph", "twitter-card")]
    return next((str(said["image"]) for said in own if isinstance(said, dict) and said.get("image")), "")


def _text(said: dict[str, Any], key: str) -> str:
    value = said.get(key)
    return "" if value is None or isinstance(value, (dict, list)) else str(value)
