"""A page's listing: which pages it shows, in Quarto's order, as HTML that works without scripts."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from typing import Any

from press.core import templates
from press.core.config import Config
from press.core.errors import Problem
from press.renderer import dateformat
from press.renderer.chrome import as_list, prefix
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
    return [Problem(name, 0, message, check="unsupported") for message in found]


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
    listing = record["listing"]
    kind = listing.get("type", "default")
    style = str(listing.get("date-format") or config.get("date-format") or "medium")
    counts = Counter(category for item in shown for category in item["categories"]) if listing.get("categories") else {}
    return templates.render(
        "renderer/listing.html",
        id=listing["id"],
        kind=kind,
        page_size=int(listing.get("page-size") or (18 if kind == "grid" else 25)),
        fields=[str(field) for field in as_list(listing.get("fields"))] or DEFAULT_FIELDS,
        counts=sorted(counts.items(), key=lambda pair: pair[0].casefold()),
        entries=[_entry(item, record["url"], style, int(listing.get("max-description-length") or 0)) for item in shown],
    )


def _entry(item: dict[str, Any], url: str, style: str, limit: int) -> dict[str, Any]:
    """A record as the template shows it; texts of over `limit` characters are cut, unless it is 0."""

    def cut(text: str) -> str:
        return text if not limit or len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + "\N{HORIZONTAL ELLIPSIS}"

    return item | {
        "link": local("/" + item["url"], item, url),
        "subtitle": cut(item["subtitle"]),
        "description": cut(item["description"]),
        "iso": dateformat.show(item["date"], "iso") if item["date"] else "",
        "date": dateformat.show(item["date"], style),
        "author": ", ".join(item["author"]),
        "image": item["image"] and local(item["image"], item, url),
    }
