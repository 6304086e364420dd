"""A page's listings: which pages each shows, in Quarto's order, as HTML that works without scripts."""

from __future__ import annotations

import posixpath
from collections import Counter
from typing import Any

from markupsafe import Markup

from press.core import templates
from press.core.config import Config
from press.core.errors import Problem
from press.core.merging import as_list
from press.core.yamlfile import Map, place_of
from press.renderer import dateformat, listitems, phrases
from press.renderer.chrome import prefix
from press.renderer.markup_tools import SCHEME
from press.renderer.phrases import Words

TYPES = ("default", "grid", "table")
FIELDS = ("image", "date", "title", "subtitle", "author", "description", "categories", "reading-time")
DEFAULT_FIELDS = ["date", "title", "author", "subtitle", "image", "description", "categories"]
TABLE_FIELDS = ["date", "title", "author"]
STYLES = (True, False, "numbered", "unnumbered", "cloud")


def check(listings: list[dict[str, Any]], meta: Map, name: str) -> list[Problem]:
    """What of a page's listings is not as asked for."""
    problems = []

    def tell(key: str, message: str) -> None:
        place = place_of(meta, f"listing.{key}") or place_of(meta, "listing") or (name, 0)
        problems.append(Problem(*place, message, check="unsupported"))

    for listing in listings:
        if listing.get("type", "default") not in TYPES:
            tell("type", f"listing type {listing['type']!r} is shown as `default`. Choose from: {', '.join(TYPES)}")
        for key in as_list(listing.get("sort")):
            if isinstance(key, str) and key.partition(" ")[2].strip() not in ("", "asc", "desc"):
                tell("sort", f"listing sort {key!r}: write a field, then asc or desc")
        if listing.get("categories", True) not in STYLES:
            tell("categories", f"listing categories: {listing['categories']!r} is taken as true")
        if "type" in feed_of(listing) and feed_of(listing)["type"] not in ("full", "partial", "metadata"):
            tell(
                "feed.type", f"feed type {feed_of(listing)['type']!r} is taken as `full`; also legal: partial, metadata"
            )
    return problems


def feed_of(listing: dict[str, Any]) -> dict[str, Any]:
    """The options of a listing's feed."""
    return listing["feed"] if isinstance(listing.get("feed"), dict) else {}


def whole(value: Any, default: int) -> int:
    """A whole number from 1 as the configuration has it, or the default."""
    good = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value if good else default


def items(listing: dict[str, Any], record: dict[str, Any], records: list[dict[str, Any]], root: Any) -> list[Any]:
    """What the listing shows, in order.

    Args:
        record: of the page on which it stands.
        records: of all pages that may be listed.
        root: of the project, for files that list items.
    """
    result = listitems.chosen(listing, record, records, root)
    result = [item for item in result if listitems.passes(item, listing)]
    sort = listing.get("sort")
    if sort is not False:
        for key in reversed([str(k) for k in as_list(sort) if isinstance(k, str)] or ["title"]):
            field, _, direction = key.partition(" ")
            result.sort(key=lambda item, field=field: _sort_value(item, field), reverse=direction.strip() == "desc")
    return result[: whole(listing.get("max-items"), len(result))]


def _sort_value(item: dict[str, Any], field: str) -> Any:
    value = listitems.value_of(item, field)
    if field in ("date", "date-modified"):
        date = dateformat.parse(value)
        return (0.0, date.isoformat() if date else "")
    if isinstance(value, (int, float)):
        return (float(value), "")
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return (float("inf"), text.casefold())


def local(source: str, record: dict[str, Any], url: str) -> str:
    """A file named by one page, as seen from another page."""
    if SCHEME.match(source):
        return source
    base = "" if source.startswith("/") else posixpath.dirname(record["url"])
    return prefix(url).removeprefix("./") + posixpath.normpath(posixpath.join(base, source.lstrip("/")))


def render(listing: dict[str, Any], record: dict[str, Any], shown: list[dict[str, Any]], config: Config) -> Markup:
    """The listing's HTML, with the category filter where it is asked for."""
    kind = listing.get("type") if listing.get("type") in TYPES else "default"
    style = str(listing.get("date-format") or config.get("date-format") or "medium")
    categories = listing.get("categories")
    counts = Counter(category for item in shown for category in item["categories"]) if categories else {}
    fields = [str(field) for field in as_list(listing.get("fields"))] or (
        TABLE_FIELDS if kind == "table" else DEFAULT_FIELDS
    )
    said = listing.get("field-display-names")
    names = said if isinstance(said, dict) else {}
    own = phrases.of(config.root, record["lang"], record["language"])
    most = max(counts.values(), default=1)
    limit = whole(listing.get("max-description-length"), 0)
    return templates.render(
        "renderer/table.html" if kind == "table" else "renderer/listing.html",
        id=listing["id"],
        kind=kind,
        page_size=whole(listing.get("page-size"), {"grid": 18, "table": 30}.get(kind, 25)),
        fields=fields,
        headings=[(field, str(names.get(field) or _name(field, own))) for field in fields],
        links=[str(field) for field in as_list(listing.get("field-links"))] or ["title", "filename"],
        counts=sorted(counts.items(), key=lambda pair: pair[0].casefold()),
        categories=categories if categories in ("cloud", "unnumbered") else "default",
        sizes={name: round(0.8 + 0.7 * number / most, 2) for name, number in counts.items()},
        tools={name: _tool(listing, name, kind, fields) for name in ("sort-ui", "filter-ui")},
        look=_look(listing, kind),
        entries=[_entry(item, record["url"], style, limit, fields, own) for item in shown],
        words=own,
    )


def _name(field: str, own: Words) -> str:
    """What a field is called at the head of a table."""
    usual = field.replace("-", " ").capitalize()
    return str(own.get(f"listing-page-field-{field.removeprefix('date-').replace('-', '')}", usual))


def _tool(listing: dict[str, Any], name: str, kind: str, fields: list[str]) -> str:
    """The fields to sort by or to look in, where the reader is to have that; "" else."""
    said = listing.get(name, kind == "table")
    if said is True:
        usual = ("date", "title", "author") if name == "sort-ui" else tuple(fields)
        return " ".join(field for field in usual if field in fields)
    return " ".join(str(field) for field in as_list(said) if isinstance(field, str))


def _look(listing: dict[str, Any], kind: str) -> str:
    """What an author may say of columns and pictures, as style."""
    columns = listing.get("grid-columns") if kind == "grid" else None
    height = listitems.length(listing.get("image-height"))
    parts = [f"--columns:{whole(columns, 3)}" if columns else "", f"--image-height:{height}" if height else ""]
    return ";".join(filter(None, parts))


def _entry(item: dict[str, Any], url: str, style: str, limit: int, fields: list[str], own: Words) -> dict[str, Any]:
    """A record as the template shows it; texts of over `limit` characters are cut, unless it is 0."""

    def cut(text: str) -> str:
        return text if not limit or len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + "\N{HORIZONTAL ELLIPSIS}"

    def shown(field: str) -> str:
        value = listitems.value_of(item, field)
        if field.startswith("date"):
            return dateformat.show(value, style, own)
        return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)

    modified = item.get("modified", "")
    return item | {
        "link": item["href"] if item.get("href") is not None else local("/" + item["url"], item, url),
        "subtitle": cut(item["subtitle"]),
        "description": cut(item["description"]),
        "iso": dateformat.show(item["date"], "iso") if item["date"] else "",
        "date": dateformat.show(item["date"], style, own),
        "modified": dateformat.show(modified, style, own),
        "author": ", ".join(item["author"]),
        "image": item["image"] and local(item["image"], item, url),
        "image_size": item.get("image_size"),
        "values": {field: shown(field) for field in fields},
        "others": {field: shown(field) for field in fields if field not in FIELDS and shown(field)},
    }
