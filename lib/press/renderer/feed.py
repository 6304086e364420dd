"""RSS feed of a listing, and the sitemap."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

from press.core import escapes, templates
from press.core.config import Config
from press.core.errors import fail
from press.renderer import dateformat, markup_tools


def rss(
    record: dict[str, Any], shown: list[dict[str, Any]], config: Config, body_of: Callable[[dict[str, Any]], str]
) -> str:
    """The feed of a listing page: newest first, Quarto's default of 20 items.

    Args:
        body_of: the HTML body of a page; called for the items of a full feed only.

    Raises:
        PressError: the configuration has no site-url, which absolute links need.
    """
    base = site_url(config, f"{record['input']}: a feed")
    options = record["listing"]["feed"] if isinstance(record["listing"]["feed"], dict) else {}
    kind = options.get("type", "full")
    if kind not in ("full", "partial", "metadata"):
        raise fail(record["input"], 0, f"feed type {kind!r} is not supported. Choose from: full, partial, metadata")
    page = urljoin(base, record["url"].removesuffix("index.html"))
    own = urljoin(base, record["url"].removesuffix(".html") + ".xml")
    newest = sorted(shown, key=lambda item: item["date_iso"], reverse=True)[: int(options.get("items") or 20)]
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
    address = urljoin(base, item["url"])
    image = item["image"]
    content = markup_tools.absolute(body_of(item), address) if kind == "full" else escapes.html(item["description"])
    picture = image and urljoin(*((base, image.lstrip("/")) if image.startswith("/") else (address, image)))
    return item | {
        "link": address.removesuffix("index.html"),
        "content": content,
        "published": dateformat.rfc822(item["date"]),
        "picture": picture,
        "mime": mimetypes.guess_type(picture)[0] or "image/png",
    }


def site_url(config: Config, what: str) -> str:
    """The site's address, with a slash at its end.

    Raises:
        PressError: there is none.
    """
    url = config.get("website.site-url")
    if not url:
        raise fail(*config.where("website"), f"{what} needs absolute links. Add website.site-url to _quarto.yml")
    return str(url).rstrip("/") + "/"


def sitemap(records: list[dict[str, Any]], config: Config) -> str:
    """sitemap.xml over all pages."""
    base = site_url(config, "a sitemap")
    rows = sorted((record["url"], record["date_iso"]) for record in records)
    return templates.render("renderer/sitemap.xml", pages=[(urljoin(base, url), changed) for url, changed in rows])
