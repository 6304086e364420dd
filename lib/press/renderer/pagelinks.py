"""Where a page's links to inputs of the site lead: a link to a source is a link to the page that is made of it."""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from press.core.selection import plain_url

PLAIN = (".qmd",)  # which need not be looked up: each becomes .html; a notebook may be there to be downloaded
INPUT = re.compile(rb"""(?:^|[\s()<>"'=:\[\]])([^\s()<>"'\[\]\\]{1,300}\.(?:qmd|ipynb|md))(?![\w.-])""")
LINK = re.compile(r"""(<a\b[^<>]*?\shref=["'])([^"'<>#?:]+\.(?:qmd|ipynb|md))(?=["'#?])""", re.IGNORECASE)


def relinked(markup: str, urls: Mapping[str, str], page: str) -> str:
    """A page's HTML with its links to inputs, those in raw HTML too, as links to their pages.

    Args:
        urls: input -> address of each page of the site.
        page: the input.
    """

    def swap(match: re.Match[str]) -> str:
        written = html.unescape(match[2])
        if address := _address(written, urls, page):
            return match[1] + html.escape(quote(address))
        return match[1] + (plain_url(match[2]) if written.endswith(PLAIN) else match[2])

    return LINK.sub(swap, markup)


def looked_up(urls: dict[str, str]) -> dict[str, str]:
    """Input -> address of each page of the site; empty where suffixes say it all."""
    return {} if all(name.endswith(PLAIN) and url == plain_url(name) for name, url in urls.items()) else urls


def named(text: bytes, urls: Mapping[str, str], page: str) -> list[tuple[str, str]]:
    """The inputs that a page's text names, as written, and where their pages are.

    Args:
        urls: what `looked_up` made.
        page: the input.
    """
    written = {match[1].decode(errors="replace") for match in INPUT.finditer(text)} if urls else set()
    return sorted((name, address) for name in written if (address := _address(name, urls, page)))


def _address(written: str, urls: Mapping[str, str], page: str) -> str:
    """The address of the page whose input a link names, as seen from another page; "" for none."""
    folder = posixpath.dirname(page)
    name = posixpath.normpath(posixpath.join("" if written.startswith("/") else folder, unquote(written).lstrip("/")))
    return posixpath.relpath(urls[name], folder or ".") if name in urls else ""
