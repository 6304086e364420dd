"""What stands around all pages and needs to know of the others: bar, sidebar, footer, the pages before and after."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from press.core import templates
from press.core.merging import as_list
from press.renderer import chrome, navitems, phrases, sidebars, texts
from press.renderer.navitems import Around
from press.renderer.phrases import Words


def fill(around: Around, record: dict[str, Any], markup: str) -> str:
    """A page with what stands around it in place of its markers."""
    before, after, side, crumbs = "", "", "", ""
    own = phrases.of(around.site.root, record["lang"], record["language"])
    found = sidebars.sidebar_of(around, record)
    if found:
        tree = sidebars.tree(around, found.get("contents"))
        items = [navitems.entry(around, item, record["url"]) for item in tree]
        _open(items)
        side, crumbs = _sidebar(around, found, items, record["url"], own), _crumbs(around, items, record, own)
        asked = record["page-navigation"]
        if around.site.config.get("website.page-navigation") if asked is None else asked:
            before, after = (_neighbour(one, record["url"]) for one in sidebars.neighbours(around, tree, record))
    end = templates.render(
        "renderer/pageend.html", before=before, after=after, actions=_actions(around, record, own), words=own
    )
    style = chrome.prefix(record["url"]) + around.theme if around.theme else ""
    parts = {
        "theme": Markup('<link rel="stylesheet" href="{}">').format(style) if style else "",
        "navbar": _navbar(around, record["url"], own),
        "sidebar": side,
        "crumbs": crumbs,
        "page-end": end,
        "footer": _footer(around, record["url"]),
    }
    for name, text in parts.items():
        markup = markup.replace(chrome.marker(record["key"], name) + ("\n" if not text else ""), text, 1)
    return markup


def _entries(around: Around, found: Any, url: str) -> list[dict[str, Any]]:
    return [navitems.entry(around, item, url) for item in as_list(found) if isinstance(item, (str, dict))]


def _logo(around: Around, found: Any, url: str) -> str:
    """The address of a logo, which may be given for light and for dark pages."""
    for key in ("light", "path", "dark"):
        found = found.get(key, found) if isinstance(found, dict) else found
    return chrome.href(around.site, found, url) if isinstance(found, str) and found else ""


def _navbar(around: Around, url: str, own: Words) -> Markup:
    config = around.site.config
    bar = config.get("website.navbar")
    bar = bar if isinstance(bar, dict) else {}
    right = _entries(around, bar.get("right"), url) + _entries(around, bar.get("tools"), url)
    if repo := config.get("website.repo-url"):
        item = navitems.entry(around, {"href": str(repo), "icon": "github", "aria-label": "Source"}, url)
        right += [] if any(one.get("href") == item["href"] for one in right) else [item]
    title = bar.get("title")
    title = config.get("website.title") or "" if title is None or title is True else title or ""
    logo = _logo(around, bar.get("logo") or bar.get("logo-light"), url)
    home = bar.get("title-href") or bar.get("logo-href") or "/index.html"
    return templates.render(
        "renderer/navbar.html",
        brand=texts.inline(str(title)),
        logo=logo,
        logo_alt=str(bar.get("logo-alt") or ("" if title else "Home")),
        home=chrome.prefix(url) + "index.html" if home == "/index.html" else around.href(str(home), url),
        left=_entries(around, bar.get("left"), url),
        right=right,
        menu=own["toggle-navigation"],
    )


def _sidebar(around: Around, found: dict[str, Any], items: list[dict[str, Any]], url: str, own: Words) -> Markup:
    level = found.get("collapse-level")
    title = str(found.get("title") or "")
    return templates.render(
        "renderer/sidebar.html",
        style="floating" if found.get("style") == "floating" else "docked",
        title=texts.inline(title or own["contents"]),
        label=title or own["contents"],
        logo=_logo(around, found.get("logo"), url),
        logo_alt=str(found.get("logo-alt") or "Home"),
        home=around.href(str(found.get("logo-href") or "index.html"), url),
        tools=_entries(around, found.get("tools"), url),
        items=items,
        level=level if isinstance(level, int) and not isinstance(level, bool) else 2,
    )


def _open(items: list[dict[str, Any]]) -> bool:
    """Mark the sections in which the page stands; whether it stands in any."""
    here = False
    for item in items:
        if not item["rule"]:
            item["open"] = _open(item["children"]) or item["current"]
            here = here or item["open"]
    return here


def _crumbs(around: Around, items: list[dict[str, Any]], record: dict[str, Any], own: Words) -> Markup:
    """The sections of the sidebar in which a page stands, above it, unless they are not wanted."""
    asked, way = record["bread-crumbs"], []
    wanted = around.site.config.get("website.bread-crumbs", True) if asked is None else asked
    while item := next((item for item in items if item.get("open")), None):
        way.append(item)
        items = [] if item["current"] else item["children"]
    if not wanted or len(way) < 2:
        return Markup("")
    return templates.render("renderer/crumbs.html", way=way, label=own["breadcrumb"])


def _neighbour(record: dict[str, Any] | None, url: str) -> Any:
    return record and {"href": chrome.prefix(url) + record["url"], "title": record["title"]}


def _actions(around: Around, record: dict[str, Any], own: Words) -> list[tuple[str, str]]:
    """`repo-actions:` links to the page's source on the host of its repository."""
    config = around.site.config
    asked = record["repo-actions"] if record["repo-actions"] is not None else config.get("website.repo-actions")
    repo = str(config.get("website.repo-url") or "").rstrip("/")
    issues = str(config.get("website.issue-url") or (repo and f"{repo}/issues/new"))
    branch = str(config.get("website.repo-branch") or "main")
    folder = str(config.get("website.repo-subdir") or "").strip("/")
    path = f"{folder}/{record['input']}".lstrip("/")
    known = {
        "edit": (own["repo-action-links-edit"], repo and f"{repo}/edit/{branch}/{path}"),
        "source": (own["repo-action-links-source"], repo and f"{repo}/blob/{branch}/{path}"),
        "issue": (own["repo-action-links-issue"], issues),
    }
    return [known[name] for name in as_list(asked) if isinstance(name, str) and name in known and known[name][1]]


def _footer(around: Around, url: str) -> Markup:
    value = around.site.config.get("website.page-footer") or {}
    value = value if isinstance(value, dict) else {"center": value}
    sides = {side: _footer_side(around, value.get(side), url) for side in chrome.SIDES}
    if not any(sides.values()):
        return Markup("")
    rows = [Markup('<div class="nav-footer-{}">{}</div>').format(side, text) for side, text in sides.items()]
    return Markup('<footer class="footer nav-footer">\n{}\n</footer>').format(Markup("\n").join(rows))


def _footer_side(around: Around, value: Any, url: str) -> Markup:
    if value is None or isinstance(value, bool):
        return Markup("")
    if not isinstance(value, (dict, list)):
        return navitems.relinked(around, texts.inline(str(value)), url)
    return templates.render("renderer/footer.html", parts=_entries(around, value, url))
