"""What surrounds a page's body: navigation, head, title block; as variables of our template."""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

from press.core.merging import as_list
from press.renderer import closing, colours, icons, includes, phrases, social, texts, titleblock
from press.renderer.markup_tools import SCHEME
from press.renderer.traced import Document

if TYPE_CHECKING:
    from press.renderer.onepage import Site

HEAD_MARKER = "<!--press-head-->"
SIDES = ("left", "center", "right")
AROUND = ("theme", "navbar", "sidebar", "crumbs", "page-end", "footer")  # what is put in when all pages are known


def marker(key: str, name: str) -> str:
    """A comment in a page that no author and no output can have written: it holds the page's own digest."""
    return f"<!--press:{key}:{name}-->"


def prefix(url: str) -> str:
    """From a page back to the site's root: "../../", or "./" at the root."""
    return "../" * url.count("/") or "./"


def listings_of(document: Document) -> list[dict[str, Any]]:
    """The page's listings, each with an id of its own."""
    found: list[dict[str, Any]] = []
    for value in as_list(document.meta.get("listing")):
        if value is False:
            continue
        said = value if isinstance(value, dict) else {} if value is True else {"type": str(value)}
        name = str(said.get("id") or "listing")
        taken = {one["id"] for one in found}
        name = next(n for n in (name, *(f"{name}-{count}" for count in range(2, 99))) if n not in taken)
        found.append({**said, "id": name})
    return found


def href(site: Site, target: str, url: str) -> str:
    """A link of the navigation as seen from a page: inputs become their pages, paths count from the root."""
    if re.match(r"^(?:[a-zA-Z][\w+.-]*:|//|#)", target):
        return target
    path, mark, rest = target.lstrip("/").partition("#")
    path = site.urls.get(posixpath.normpath(path), path) if path else "index.html"
    return prefix(url) + path + mark + rest


def public_url(site: Site, url: str) -> str:
    """The page's address on the web; "" if the configuration has no site-url."""
    base = str(site.config.get("website.site-url") or "").rstrip("/")
    return f"{base}/{quote(url.removesuffix('index.html'))}" if base else ""


def variables(site: Site, document: Document, key: str) -> tuple[dict[str, Any], list[Path]]:
    """Everything that the template needs beside what Pandoc writes; and the files that it came from."""
    url = site.urls[document.input]
    added, files = includes.pieces(site.config, document)
    found = _about(site, document, url) | _around(site, document, url) | _switches(site, document)
    found |= titleblock.variables(site, document, lambda target: own_href(target, url))
    found |= social.variables(site, document) | closing.variables(site, document, public_url(site, url)) | added
    found |= {
        "start": Markup(marker(key, "start")),
        "end": Markup(marker(key, "end")),
        "title-start": Markup(f"<!--press:{key}:title "),
        "head-marker": Markup(HEAD_MARKER),
        **{f"{name}-marker": Markup(marker(key, name)) for name in AROUND},
        "prefix": prefix(url),
        "words": document.phrases,
        "scripted": json.dumps(said, ensure_ascii=False) if (said := phrases.scripted(document.phrases)) else "",
        "version": key_version(),
    }
    return found, files


def own_href(target: str, url: str) -> str:
    """A link of a page's own metadata: "/x" counts from the site's root."""
    if SCHEME.match(target):
        return target
    file, mark, rest = target.partition("#")
    return (prefix(url) + file.lstrip("/") if file.startswith("/") else file) + mark + rest


def _about(site: Site, document: Document, url: str) -> dict[str, Any]:
    """Title block and head."""
    meta, config = document.meta, site.config
    name = str(config.get("website.title") or "")
    categories = as_list(meta.get("categories")) if meta.get("title-block-categories") is not False else []
    home = prefix(url) + "index.html#category=" if "index.html" in site.urls.values() else ""
    return {
        "sitetitle": name,
        "suffix": name if name != str(meta.get("title") or "") else "",
        "categories": [{"text": c, "link": home and home + quote(str(c))} for c in categories],
        "canonical": public_url(site, url),
        "toc-title": meta.get("toc-title", document.phrases["toc-title-website"]),
    }


def _around(site: Site, document: Document, url: str) -> dict[str, Any]:
    """Header, announcement, styles."""
    config = site.config
    own = [path if "://" in path else prefix(url) + path for path in includes.own_styles(config, document)]
    icon = str(config.get("website.favicon") or "")
    return {
        "header-style": colours.style(config.get("website.navbar.background"), config.get("website.navbar.foreground")),
        "favicon": href(site, icon, url) if icon else "",
        "css": [prefix(url) + str(path).lstrip("/") for path in as_list(config.get("format.html.css"))] + own,
        "announcement": _announcement(config.get("website.announcement")),
    }


def _announcement(said: Any) -> dict[str, Any]:
    """A line above all pages, in the colour of its type."""
    said = said if isinstance(said, dict) else {"content": said}
    if not said.get("content") or said["content"] is True:
        return {}
    look = {"icon": icons.svg(str(said.get("icon") or "")), "style": colours.style(said.get("type", "primary"))}
    return look | {"text": texts.inline(str(said["content"]))}


def _switches(site: Site, document: Document) -> dict[str, Any]:
    """What the page has or does."""
    meta, config = document.meta, site.config
    hovers = [name for name in ("citations", "footnotes", "crossrefs") if meta.get(f"{name}-hover", True)]
    return {
        "searched": meta.get("search") is not False and meta.get("draft") is not True,
        "search": config.get("website.search", True) is not False,
        "back-to-top": bool(meta.get("back-to-top-navigation", config.get("website.back-to-top-navigation"))),
        "wide": meta.get("page-layout") in ("full", "custom") or bool(meta.get("listing")),
        "hover": " ".join(hovers),
        "copy": bool(meta.get("code-copy", True)),
    }


def key_version() -> str:
    """A short stamp for the addresses of our CSS and JS, so that browsers never mix versions."""
    from press.renderer.onepage import own_source

    return own_source()[:10]
