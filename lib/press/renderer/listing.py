"""A page's listing: which pages it shows, in Quarto's order, as HTML that works without scripts."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from typing import Any
from urllib.parse import quote

from press.core.config import Config
from press.core.errors import Problem
from press.renderer import dateformat
from press.renderer.chrome import as_list, escape, prefix
from press.renderer.markup_tools import SCHEME

FIELDS = ("image", "date", "title", "subtitle", "author", "description", "categories", "reading-time")
DEFAULT_FIELDS = ["date", "title", "author", "subtitle", "image", "description", "categories"]
SORTABLE = ("title", "date", "author", "subtitle", "filename", "order")


def check(record: dict[str, Any]) -> list[Problem]:
    """What of a page's listing we do not support."""
    listing, name = record["listing"], record["input"]
    found = []
    if listing.get("several"):
        found.append("several listings on one page are not supported by the embedded renderer")
    if listing.get("type", "default") not in ("default", "grid"):
        found.append(f"listing type {listing['type']!r} is not supported. Choose from: default, grid")
    for field in as_list(listing.get("fields")):
        if field not in FIELDS:
            found.append(f"listing field {field!r} is not supported. Choose from: {', '.join(FIELDS)}")
    for key in as_list(listing.get("sort")):
        field, _, direction = str(key).partition(" ")
        if isinstance(key, str) and (field not in SORTABLE or direction.strip() not in ("", "asc", "desc")):
            found.append(
                f"listing sort {key!r} is not supported. Write a field ({', '.join(SORTABLE)}), then asc or desc"
            )
    if listing.get("categories") not in (None, True, False, "numbered"):
        found.append(
            f"listing categories: {listing['categories']!r} is not supported. Choose from: true, false, numbered"
        )
    return [Problem(name, 0, message) for message in found]


def items(record: dict[str, Any], records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records that the listing shows, in order."""
    listing = record["listing"]
    folder = posixpath.dirname(record["input"])
    patterns = [str(p) for p in as_list(listing.get("contents") or "*")]
    chosen: dict[str, dict[str, Any]] = {}
    for pattern in patterns:
        matcher = _glob(pattern.lstrip("!"), folder)
        for other in sorted(records, key=lambda r: r["input"]):
            if other["input"] != record["input"] and matcher.fullmatch(other["input"]):
                if pattern.startswith("!"):
                    chosen.pop(other["input"], None)
                else:
                    chosen[other["input"]] = other
    result = list(chosen.values())
    sort = listing.get("sort")
    if sort is False:
        return result
    for key in reversed([str(k) for k in as_list(sort)] or ["title"]):
        field, _, direction = key.partition(" ")
        result.sort(key=lambda item, field=field: _sort_value(item, field), reverse=direction.strip() == "desc")
    return result


def _sort_value(item: dict[str, Any], field: str) -> str:
    if field == "date":
        date = dateformat.parse(item["date"])
        return date.isoformat() if date else ""
    value = item["input"] if field == "filename" else item.get(field, "")
    return ", ".join(value).casefold() if isinstance(value, list) else str(value).casefold()


def _glob(pattern: str, folder: str) -> re.Pattern[str]:
    pattern = pattern.lstrip("/") if pattern.startswith("/") else posixpath.normpath(posixpath.join(folder, pattern))
    if not re.search(r"[*?]|\.\w+$", pattern):  # a bare directory means everything in it
        pattern += "/**"
    elif pattern in ("*", folder + "/*"):
        pattern = pattern[:-1] + "**"
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    table = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(table.get(part, re.escape(part)) for part in parts))


def local(source: str, record: dict[str, Any], url: str) -> str:
    """A file named by one page, as seen from another page."""
    if SCHEME.match(source):
        return source
    base = "" if source.startswith("/") else posixpath.dirname(record["url"])
    return prefix(url).removeprefix("./") + posixpath.normpath(posixpath.join(base, source.lstrip("/")))


def render(record: dict[str, Any], shown: list[dict[str, Any]], config: Config) -> str:
    """The listing's HTML, with the category filter where it is asked for."""
    listing, url = record["listing"], record["url"]
    fields = [str(f) for f in as_list(listing.get("fields"))] or DEFAULT_FIELDS
    kind = listing.get("type", "default")
    style = str(listing.get("date-format") or config.get("date-format") or "medium")
    entries = "\n".join(_item(item, url, fields, style, listing) for item in shown)
    size = int(listing.get("page-size") or (18 if kind == "grid" else 25))
    categories = _categories(shown, listing) if listing.get("categories") else ""
    return (
        f'<div class="listing-with-categories" data-pagefind-ignore>{categories}\n'
        f'<div id="listing-{escape(listing["id"])}" class="quarto-listing quarto-listing-container-{kind}" '
        f'data-page-size="{size}">\n'
        f'<div class="list quarto-listing-{kind}">\n{entries}\n</div>\n'
        '<p class="listing-no-matching" hidden>No matching items</p>\n</div></div>'
    )


def _categories(shown: list[dict[str, Any]], listing: dict[str, Any]) -> str:
    counts = Counter(category for item in shown for category in item["categories"])
    if not counts:
        return ""
    rows = "".join(
        f'<li><a class="category" href="#category={quote(name)}" data-category="{escape(name)}">{escape(name)} '
        f'<span class="quarto-category-count">({count})</span></a></li>'
        for name, count in sorted(counts.items(), key=lambda pair: pair[0].casefold())
    )
    return (
        '<nav class="quarto-listing-category category-default" aria-label="Categories">'
        '<h2 class="quarto-listing-category-title">'
        f'Categories</h2><ul><li><a class="category active" href="#category=" data-category="">All '
        f'<span class="quarto-category-count">({len(shown)})</span></a></li>{rows}</ul></nav>'
    )


def _item(item: dict[str, Any], url: str, fields: list[str], style: str, listing: dict[str, Any]) -> str:
    link = escape(local("/" + item["url"], item, url))
    parts = dict.fromkeys(FIELDS, "")
    parts["title"] = f'<h3 class="no-anchor listing-title"><a href="{link}">{escape(item["title"])}</a></h3>'
    for name in ("subtitle", "description"):
        if item[name]:
            limit = int(listing.get("max-description-length") or 0)
            text = item[name] if not limit or len(item[name]) <= limit else item[name][:limit].rsplit(" ", 1)[0] + "…"
            parts[name] = f'<div class="listing-{name}">{escape(text)}</div>'
    if item["date"]:
        iso = escape(dateformat.show(item["date"], "iso"))
        shown = escape(dateformat.show(item["date"], style))
        parts["date"] = f'<div class="listing-date"><time datetime="{iso}">{shown}</time></div>'
    if item["author"]:
        parts["author"] = f'<div class="listing-author">{escape(", ".join(item["author"]))}</div>'
    parts["reading-time"] = f'<div class="listing-reading-time">{item["minutes"]} min</div>' if item["minutes"] else ""
    if item["categories"]:
        links = "".join(
            f'<a class="listing-category" href="#category={quote(c)}" data-category="{escape(c)}">{escape(c)}</a>'
            for c in item["categories"]
        )
        parts["categories"] = f'<div class="listing-categories">{links}</div>'
    image = ""
    if "image" in fields:
        source, alt = escape(local(item["image"], item, url)), escape(item["image_alt"])
        picture = f'<img src="{source}" alt="{alt}" class="thumbnail-image" loading="lazy">' if item["image"] else ""
        image = f'<div class="thumbnail"><a href="{link}" tabindex="-1" aria-hidden="true">{picture}</a></div>'
    shown = {name: parts[name] for name in fields if name in parts}
    meta = "".join(shown.get(name, "") for name in ("date", "author", "reading-time"))
    body = "".join(shown.get(name, "") for name in ("title", "subtitle", "categories", "description"))
    return (
        f'<div class="quarto-post" data-categories="{escape(chr(10).join(item["categories"]))}">{image}'
        f'<div class="body">{body}</div><div class="metadata">{meta}</div></div>'
    )
