"""What a rendered page leaves behind: its files, and the record that listing, feed, search and link check read."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from press.posts.download import with_addresses
from press.renderer import authors, chrome, dateformat, formulas, markup_tools, page, previews, store, texts, titleblock


def record_of(
    document: page.Document, markup: str, url: str, key: str, folder: Path, styles: Sequence[str] = ()
) -> dict[str, Any]:
    """Write a page's files into `folder` and return what others need of it.

    Args:
        markup: Pandoc's page, with our markers around the body and the title.
        url: its address, relative to the site's root.
        key: the page's digest, which the markers hold.
        styles: style sheets of the page's own, relative to the root.
    """
    head, _, rest = markup.partition(chrome.marker(key, "start"))
    body, _, tail = rest.partition(chrome.marker(key, "end"))
    title = re.search(chrome.marker(key, "title (.*?)"), head, re.DOTALL)
    head = head.replace(title[0], "") if title else head
    body = markup_tools.appendix(body, chrome.marker(key, "appendix"), document.phrases["section-title-footnotes"])
    body = markup_tools.without_empty_heads(body)
    head, body = formulas.mathml(head), formulas.mathml(with_addresses(body))
    (folder / "page.html").write_text(head + body + tail, encoding="utf-8")
    (folder / "body.html").write_text(body, encoding="utf-8")
    for name, data in document.files.items():
        target = folder / "files" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    found = markup_tools.examine(body)
    meta, find = document.meta, document.finder()
    record = {
        "input": document.input,
        "url": url,
        "title": html.unescape(title[1]).strip() if title else "",
        "subtitle": texts.plain(str(meta.get("subtitle") or "")),
        "description": texts.plain(str(meta.get("description") or meta.get("abstract") or ""))
        or found["first_paragraph"],
        "date": str(meta.get("date") or ""),
        "categories": [str(item) for item in chrome.as_list(meta.get("categories"))],
        "author": [one["name"] for one in authors.authors_of(meta)],
        "image": _image(document, found["images"]),
        "image_alt": str(meta.get("image-alt") or ""),
        "minutes": math.ceil(document.words / 200),
        "listings": chrome.listings_of(document),
        "links": [[link, [list(place) for place in _places(document, find, link)]] for link in found["links"]]
        + [[name, [[document.input, 0]]] for name in titleblock.pictures(meta)]
        + [[f"/{name}", []] for name in styles],
        "lightbox": found["lightbox"],
        "text": store.digest(found["text"]),
        "date_iso": dateformat.show(meta.get("date"), "iso") if dateformat.parse(meta.get("date")) else "",
    }
    record |= _wishes(document)
    about = (record["url"], record["title"], record["description"])
    (folder / previews.FILE).write_bytes(previews.page_script(*about, markup_tools.tree(body)))
    return record


def _wishes(document: page.Document) -> dict[str, Any]:
    """What a page says of its place among the others."""
    meta = document.meta
    return {
        "modified": str(meta.get("date-modified") or ""),
        "words": document.words,
        "order": meta.get("order"),
        "draft": meta.get("draft") is True,
        "search": meta.get("search") is not False,
        "sidebar": meta.get("sidebar"),
        "lang": meta.get("lang"),
        "language": meta.get("language"),
        "bread-crumbs": meta.get("bread-crumbs"),
        "page-navigation": meta.get("page-navigation"),
        "repo-actions": meta.get("repo-actions"),
        "aliases": [str(alias) for alias in chrome.as_list(meta.get("aliases"))],
        "extra": {key: value for key, value in meta.items() if _simple(value)},
    }


def _simple(value: Any) -> bool:
    """Whether a listing could show a value, or choose by it."""
    return all(not isinstance(one, (list, dict)) for one in (value if isinstance(value, list) else [value]))


def _image(document: page.Document, images: list[list[str]]) -> str:
    """The listing's thumbnail, relative to the page: what the front matter names, else as Quarto chooses."""
    if document.meta.get("image"):
        return str(document.meta["image"])
    for source, classes in images:
        if "preview-image" in classes.split():
            return source
    named = [source for source, _ in images if re.search(r"(feature|cover|thumbnail)[^/]*$", source)]
    return next(iter(named + [source for source, _ in images]), "")


def _places(document: page.Document, find: Callable[[str], list[page.Origin]], link: str) -> list[page.Origin]:
    """Where the author wrote this link; a page's link may have been written with its input's suffix."""
    bare = link.partition("#")[0].partition("?")[0]
    inputs = [bare.removesuffix(".html") + suffix for suffix in (".qmd", ".ipynb") if bare.endswith(".html")]
    return next(filter(None, map(find, (link, bare, *inputs))), [(document.input, 0)])[:3]
