"""RSS feed of a listing, and the sitemap."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urljoin

from press.core import escapes, templates
from press.core.config import Config
from press.renderer import dateformat, markup_tools
from press.renderer.listing import feed_of, whole


def rss(
    listing: dict[str, Any],
    record: dict[str, Any],
    name: str,
    shown: list[dict[str, Any]],
    config: Config,
    body_of: Callable[[dict[str, Any]], str],
) -> str:
    """The feed of a listing: newest first, Quarto's default of 20 items.

    Args:
        record: of the page on which the listing stands.
        name: the feed's own path, relative to the site's root.
        body_of: the HTML body of a page; called for the items of a full feed only.
    """
    base = site_url(config)
    options = feed_of(listing)
    kind = options.get("type", "full")
    page = urljoin(base, quote(record["url"].removesuffix("index.html")))
    own = urljoin(base, quote(name))
    newest = sorted(shown, key=lambda item: item["date_iso"], reverse=True)[: whole(options.get("items"), 20)]
    title = options.get("title") or config.get("website.title") or record["title"]
    about = options.get("description") or record["description"] or config.get("website.description") or ""
    built = next((dateformat.rfc822(item["date"]) for item in newest if dateformat.rfc822(item["date"])), "")
    return templates.render(
        "renderer/feed.xml",
        title=title,
        page=page,
        own=own,
        about=about,
        language=options.get("language") or config.get("lang") or "en",
        built=built,
        entries=[_entry(item, base, kind, body_of) for item in newest],
    )


def _entry(item: dict[str, Any], base: str, kind: str, body_of: Callable[[dict[str, Any]], str]) -> dict[str, Any]:
    """A record as the template shows it."""
    outside = item.get("href")
    address = urljoin(base, quote(item["url"]) if outside is None else outside.lstrip("/"))
    image = item["image"]
    whole_text = kind not in ("partial", "metadata") and outside is None
    content = markup_tools.absolute(body_of(item), address) if whole_text else escapes.html(item["description"])
    picture = image and urljoin(*((base, image.lstrip("/")) if image.startswith("/") else (address, image)))
    return item | {
        "link": address.removesuffix("index.html"),
        "content": content,
        "published": dateformat.rfc822(item["date"]),
        "picture": picture,
        "mime": mimetypes.guess_type(picture)[0] or "image/png",
    }


def site_url(config: Config) -> str:
    """The site's address, with a slash at its end; "" if there is none."""
    url = str(config.get("website.site-url") or "").rstrip("/")
    return f"{url}/" if url else ""


def sitemap(records: list[dict[str, Any]], config: Config) -> str:
    """sitemap.xml over all pages."""
    base = site_url(config)
    rows = sorted((record["url"], record["date_iso"]) for record in records)
    return templates.render(
        "renderer/sitemap.xml", pages=[(urljoin(base, quote(url)), changed) for url, changed in rows]
    )
