"""Items of navigation: what of the configuration stands in bars, menus, sidebars and footers, and where it leads."""

from __future__ import annotations

import functools
import html
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from press.core import escapes
from press.core.config import Config
from press.core.errors import Problem
from press.core.merging import as_list
from press.core.selection import SUFFIXES
from press.renderer import chrome, icons, texts

if TYPE_CHECKING:
    from press.renderer.onepage import Site

ADDRESS = re.compile(r"""(\s(?:href|src))="([^"]*)\"""")
RULE = re.compile(r"-{3,}")  # a line between the items of a menu
MENUS = ("menu", "contents")


@dataclass(frozen=True)
class Around:
    """What navigation is made of.

    Args:
        records: input -> record of each page that may be linked to.
        theme: the style sheet of the project's theme, relative to the site's root; "" for none.
    """

    site: Site
    records: dict[str, dict[str, Any]]
    theme: str = ""

    def page(self, target: str) -> dict[str, Any] | None:
        """The page that a target names, if it names one."""
        if target.startswith("#") or "://" in target:
            return None
        path = posixpath.normpath(target.partition("#")[0].lstrip("/") or ".")
        names = (path, *(posixpath.normpath(f"{path}/index{suffix}") for suffix in SUFFIXES))
        found = next((self.records[name] for name in names if name in self.records), None)
        return found or self.by_url.get(path)

    @functools.cached_property
    def by_url(self) -> dict[str, dict[str, Any]]:
        """Address -> record."""
        return {record["url"]: record for record in self.records.values()}

    def href(self, target: str, url: str) -> str:
        """A target as seen from a page."""
        page = self.page(target)
        mark = target.partition("#")
        return chrome.prefix(url) + page["url"] + mark[1] + mark[2] if page else chrome.href(self.site, target, url)


def target_of(item: Any) -> str:
    """Where an item leads; "" for one that leads nowhere."""
    if isinstance(item, str):
        return item
    return next((str(item[key]) for key in ("href", "file", "url") if item.get(key)), "")


def entry(around: Around, item: Any, url: str) -> dict[str, Any]:
    """An item as templates show it on a page."""
    item = item if isinstance(item, dict) else {"href": str(item)}
    target, children = target_of(item), []
    if isinstance(item.get("href"), str) and RULE.fullmatch(target):
        return {"rule": True, "children": []}
    for key in MENUS:
        children += [entry(around, child, url) for child in as_list(item.get(key)) if isinstance(child, (str, dict))]
    page = around.page(target) if target else None
    said = item.get("text") if item.get("text") is not None else item.get("section")
    icon = icons.svg(str(item.get("icon") or ""))
    label = str(item.get("aria-label") or "")
    if said is None and not icon:
        said = escapes.html(page["title"]) if page else label or item.get("icon") or target
    elif icon and not said and not label:
        label = str(item["icon"]).replace("-", " ").capitalize()
    link = around.href(target, url) if target else ""
    return {
        "rule": False,
        "href": link,
        "text": said if isinstance(said, Markup) else texts.inline("" if said is None else str(said)),
        "icon": icon,
        "label": label,
        "current": bool(page) and page["url"] == url,
        "target": str(item.get("target") or ""),
        "rel": str(item.get("rel") or ""),
        "children": children,
    }


def relinked(around: Around, markup: Markup, url: str) -> Markup:
    """HTML of the configuration with its links as seen from a page."""

    def seen(match: re.Match[str]) -> str:
        return f'{match[1]}="{escapes.html(around.href(html.unescape(match[2]), url))}"'

    return Markup(ADDRESS.sub(seen, markup))


def walk(config: Config) -> Iterator[tuple[str, Any]]:
    """Every item of bars, sidebars and footer, those of their menus too, with its dotted key."""
    for above in ("navbar.left", "navbar.right", "navbar.tools", *(f"page-footer.{s}" for s in chrome.SIDES)):
        found = config.get(f"website.{above}")
        if not isinstance(found, str) or "footer" not in above:  # there, a text is Markdown
            yield from _below(f"website.{above}", found)
    many = isinstance(config.get("website.sidebar"), list)
    for index, sidebar in enumerate(as_list(config.get("website.sidebar"))):
        if isinstance(sidebar, dict):
            name = f"website.sidebar.{index}" if many else "website.sidebar"
            yield from _below(f"{name}.tools", sidebar.get("tools"))
            yield from _below(f"{name}.contents", sidebar.get("contents"))


def _below(dotted: str, found: Any) -> Iterator[tuple[str, Any]]:
    for index, item in enumerate(as_list(found)):
        if isinstance(item, (str, dict)):
            yield f"{dotted}.{index}", item
        for key in MENUS if isinstance(item, dict) else ():
            yield from _below(f"{dotted}.{index}.{key}", item.get(key))


def check(config: Config) -> list[Problem]:
    """Icons that are not there."""
    problems = []
    for dotted, item in walk(config):
        said = item if isinstance(item, dict) else {}
        lost = [str(said["icon"])] if said.get("icon") and not icons.known(str(said["icon"])) else []
        for name in lost + texts.missing_icons(str(said.get("text") or "")):
            message = f"icon {name!r} is not among Bootstrap's icons; the text is shown without it"
            problems.append(Problem(*config.where(dotted + ".icon"), message, check="unsupported"))
    return problems
