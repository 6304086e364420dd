"""Listings and feeds put into the pages on which they stand, and what their head says of them."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from press.core import templates
from press.core.errors import Problem
from press.core.merging import as_list
from press.renderer import chrome, feed, listing, listitems, markup_tools, store
from press.renderer.onepage import Site
from press.renderer.outputs import png_size


def fill(
    site: Site,
    cache: Path,
    record: dict[str, Any],
    found: list[dict[str, Any]],
    markup: str,
    plan: dict[str, Any],
    linked: dict[str, str],
) -> tuple[str, list[Problem]]:
    """A page with its listings; feeds go into the plan, and files that the listings read among what is linked.

    Args:
        found: the records of all pages that may be listed.
    """
    problems: list[Problem] = []
    extra: dict[str, Any] = {"image": open_graph_image(site, record), "feed": "", "feed_title": ""}
    for one in record["listings"]:
        problems += _read(site, one, record, linked)
        shown = [_with_picture(site, cache, item) for item in listing.items(one, record, found, site.root)]
        record["links"] = record["links"] + _pictures(shown, record)
        made = listing.render(one, record, shown, site.config)
        markup = markup.replace(chrome.marker(record["key"], f"listing-{one['id']}"), made, 1)
        if one.get("feed"):
            if not site.config.get("website.site-url"):
                message = "a feed needs absolute links, so none is written. Add website: site-url: to _quarto.yml"
                problems.append(Problem(record["input"], 0, message, check="unsupported"))
                continue
            names = _feeds(site, cache, one, record, shown, plan)
            if not extra["feed"]:
                title = site.config.get("website.title") or record["title"]
                extra |= {"feed": posixpath.basename(names[0]), "feed_title": title}
    head = templates.render("renderer/head.html", **extra)
    return markup.replace(chrome.HEAD_MARKER, head, 1), problems


def _read(site: Site, one: dict[str, Any], record: dict[str, Any], linked: dict[str, str]) -> list[Problem]:
    problems = []
    for name in listitems.files(one, record):
        if reason := listitems.wrong(site.root / name):
            problems.append(Problem(record["input"], 0, f"listing contents {name!r}: {reason}", check="links"))
        else:
            linked[name] = store.digest((site.root / name).read_bytes())
    return problems


def _with_picture(site: Site, cache: Path, item: dict[str, Any]) -> dict[str, Any]:
    """An item with its picture's size, which keeps its place; without its picture, if that is a file that is not there:
    its own page tells."""
    image = unquote(item["image"].partition("?")[0])
    if not image or markup_tools.SCHEME.match(image):
        return item
    if "files/" + image in item.get("files", ()):
        return item | {"image_size": png_size((cache / item["key"] / "files" / image).read_bytes())}
    folder = "" if image.startswith("/") else posixpath.dirname(item["url"])
    path = site.root / posixpath.normpath(posixpath.join(folder, image.lstrip("/")))
    return item | ({"image_size": png_size(path.read_bytes())} if os.path.isfile(path) else {"image": ""})


def _pictures(shown: list[dict[str, Any]], record: dict[str, Any]) -> list[list[Any]]:
    """Files that entries of the author's own name, as links of the page."""
    own = [item for item in shown if item.get("href") is not None]
    names = [item["image"] for item in own if item["image"].startswith("/")]
    names += [item["href"] for item in own if item["href"].startswith("/")]
    return [[name, [[record["input"], 0]]] for name in dict.fromkeys(names)]


def _feeds(
    site: Site, cache: Path, one: dict[str, Any], record: dict[str, Any], shown: list[Any], plan: dict[str, Any]
) -> list[str]:
    """The listing's feed, and one for each category that asks for its own; their names."""

    def body_of(item: dict[str, Any]) -> str:
        return (cache / item["key"] / "body.html").read_text(encoding="utf-8")

    stem = record["url"].removesuffix(".html")
    wanted = {f"{stem}.xml": shown}
    for name in map(str, as_list(listing.feed_of(one).get("categories"))):
        inside = [item for item in shown if name in item["categories"]]
        wanted[f"{stem}-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.xml"] = inside
    for name, items in wanted.items():
        plan.setdefault(name, feed.rss(one, record, name, items, site.config, body_of).encode())
    return list(wanted)


def open_graph_image(site: Site, record: dict[str, Any]) -> str:
    """The picture that a link to the page shows elsewhere; "" if there is none, or no address of the site."""
    image = record["image"] or str(site.config.get("website.image") or "")
    base = site.config.get("website.site-url")
    if not (image and base and site.config.get("website.open-graph")):
        return ""
    path = listing.local(image if record["image"] else "/" + image.lstrip("/"), record, "index.html")
    return path if "://" in path else f"{str(base).rstrip('/')}/{path}"
