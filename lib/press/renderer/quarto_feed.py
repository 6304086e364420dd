"""Quarto's feeds, repaired: no scripts, no pictures that stand in the page itself, no relative links."""

from __future__ import annotations

import re
from collections.abc import Callable

from press.core.escapes import cdata, xml
from press.renderer import markup_tools

ITEM = re.compile(r"<item>.*?</item>", re.DOTALL)
LINK = re.compile(r"<link>([^<]*)</link>")
CONTENT = re.compile(r"<(?P<tag>description|content:encoded)>\s*<!\[CDATA\[(?P<html>.*?)\]\]>\s*</(?P=tag)>", re.DOTALL)
PICTURE = re.compile(r'[ \t]*<media:content url="(?P<folder>[^"]*?/)data:[^"]*"[^<>]*/>\n?')


def mended(text: str, pictures: Callable[[str], str], address: str) -> str:
    """A feed as it is published; one that was repaired is not changed by a second call.

    Args:
        text: the feed as Quarto wrote it.
        pictures: as for a page.
        address: the site's, with a slash at its end.
    """
    return ITEM.sub(lambda match: _item(match[0], pictures, address), text)


def _item(text: str, pictures: Callable[[str], str], address: str) -> str:
    link = LINK.search(text)
    base = link[1].replace("&amp;", "&") if link else address

    def content(match: re.Match[str]) -> str:
        whole = match["html"].replace("]]]]><![CDATA[>", "]]>")
        return f"<{match['tag']}>{cdata(markup_tools.absolute(whole, base).strip())}</{match['tag']}>"

    def picture(match: re.Match[str]) -> str:
        found = pictures(match["folder"].removeprefix(address) + "index.html")
        return f'      <media:content url="{xml(address + found)}" medium="image"/>\n' if found else ""

    return PICTURE.sub(picture, CONTENT.sub(content, text))
