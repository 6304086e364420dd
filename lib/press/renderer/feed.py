"""RSS feed of a listing, and the sitemap."""

from __future__ import annotations

import html
import mimetypes
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

from press.core.config import Config
from press.core.errors import fail
from press.renderer import dateformat, markup_tools

NAMESPACES = (
    'xmlns:atom="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0"'
)
XML_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def text(value: Any) -> str:
    """Text for XML."""
    return html.escape(XML_FORBIDDEN.sub("", str(value)), quote=False)


def cdata(value: str) -> str:
    """HTML that may stand in XML as it is."""
    return f"<![CDATA[ {XML_FORBIDDEN.sub('', value).replace(']]>', ']]]]><![CDATA[>')} ]]>"


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
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>', f"<rss {NAMESPACES}>", "<channel>",
        f"<title>{text(title)}</title>", f"<link>{text(page)}</link>",
        f'<atom:link href="{text(own)}" rel="self" type="application/rss+xml"/>',
        f"<description>{text(about)}</description>",
        f"<language>{text(options.get('language') or config.get('lang') or 'en')}</language>",
        "<generator>press</generator>",
    ]  # fmt: skip
    lines += [f"<lastBuildDate>{built}</lastBuildDate>"] if built else []
    lines += [_item(item, base, kind, body_of) for item in newest]
    return "\n".join([*lines, "</channel>", "</rss>", ""])


def _item(item: dict[str, Any], base: str, kind: str, body_of: Callable[[dict[str, Any]], str]) -> str:
    address = urljoin(base, item["url"])
    link = address.removesuffix("index.html")
    content = markup_tools.absolute(body_of(item), address) if kind == "full" else html.escape(item["description"])
    lines = ["<item>", f"  <title>{text(item['title'])}</title>"]
    lines += [f"  <dc:creator>{text(author)}</dc:creator>" for author in item["author"]]
    lines += [f"  <link>{text(link)}</link>", f"  <description>{cdata(content)}</description>"]
    lines += [f"  <category>{text(category)}</category>" for category in item["categories"]]
    lines += [f'  <guid isPermaLink="true">{text(link)}</guid>']
    if dateformat.rfc822(item["date"]):
        lines.append(f"  <pubDate>{dateformat.rfc822(item['date'])}</pubDate>")
    if item["image"]:
        image = (
            urljoin(base, item["image"].lstrip("/"))
            if item["image"].startswith("/")
            else urljoin(address, item["image"])
        )
        mime = mimetypes.guess_type(image)[0] or "image/png"
        lines.append(f'  <media:content url="{html.escape(image)}" medium="image" type="{mime}"/>')
    return "\n".join([*lines, "</item>"])


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
    rows = []
    for record in sorted(records, key=lambda r: r["url"]):
        changed = f"<lastmod>{record['date_iso']}</lastmod>" if record["date_iso"] else ""
        rows.append(f"  <url><loc>{text(urljoin(base, record['url']))}</loc>{changed}</url>")
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    return head + "\n".join(rows) + "\n</urlset>\n"
