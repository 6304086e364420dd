"""What a page's front matter has Pandoc and our filters do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from press.renderer import authors, chrome, shortcodes, titleblock
from press.renderer.traced import Document

if TYPE_CHECKING:
    from press.renderer.onepage import Site

LUA = ("crossref-", "callout-", "environment-")  # words that the filters print
META = ("title", "pagetitle", "subtitle", "author", "description", "abstract")
META += ("lang", "keywords", "nocite", "link-citations")


def toc_depth(document: Document) -> int:
    """How many levels of headings the table of contents has; 0 for none."""
    return document.meta.get("toc-depth", 3) if document.meta.get("toc") else 0


def options(site: Site, document: Document, key: str) -> dict[str, Any]:
    """What the Lua filters read.

    Args:
        key: the page's digest.
    """
    meta = document.meta
    url = site.urls[document.input]
    fold = meta.get("code-fold", False)
    return {
        "prefix": chrome.prefix(url),
        "code_fold": str(fold).lower() if fold else "false",
        "code_summary": meta.get("code-summary", document.phrases["code-summary"]),
        "code_overflow": meta.get("code-overflow", "scroll"),
        "number_sections": bool(meta.get("number-sections", False)),
        "number_depth": meta.get("number-depth", 6),
        "references_title": meta.get("reference-section-title", document.phrases["section-title-references"]),
        "about": titleblock.about(document, lambda target: chrome.own_href(target, url)) or None,
        "new_window": meta.get("link-external-newwindow") is True,
        "site_url": str(site.config.get("website.site-url") or ""),
        "explicit_refs": any(re.search(r"^:{3,}\s*\{[^}]*#refs\b", line) for line in document.lines),
        "words": {key: word for key, word in document.phrases.items() if key.startswith(LUA)},
        "crossref": meta.get("crossref"),
        "lightbox": bool(meta.get("lightbox")),
        "code_line_numbers": bool(meta.get("code-line-numbers")),
        "code_annotations": meta.get("code-annotations", "below"),
        "truths": {key: shortcodes.lookup(meta, key) not in (None, "", "false") for key in _asked(document)},
        "listings": {one["id"]: chrome.marker(key, f"listing-{one['id']}") for one in chrome.listings_of(document)},
    }


def _asked(document: Document) -> set[str]:
    """The keys of the front matter that conditions in the text ask for."""
    return {key for line in document.lines for key in re.findall(r"(?:when|unless)-meta=[\"']?([\w.-]+)", line)}


def meta(document: Document) -> dict[str, Any]:
    """What Pandoc parses as Markdown, and what it reads of a page's metadata besides."""
    meta = {key: document.meta[key] for key in META if key in document.meta}
    if "nocite" in meta:
        meta["nocite"] = ", ".join(map(str, chrome.as_list(meta["nocite"])))
    meta.setdefault("lang", "en")
    meta["link-citations"] = bool(meta.get("link-citations", True))
    if document.meta.get("suppress-bibliography"):
        meta["suppress-bibliography"] = True
    if not meta.get("title"):
        # Quarto takes the name of the file; a page without any title would be unfindable.
        meta["pagetitle"] = Path(document.input).stem
    meta["author"] = [one["name"] for one in authors.authors_of(document.meta)]
    return meta
