"""The sidebar that a page has: its entries, and the pages before and after this one among them."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from press.core import escapes
from press.core.merging import as_list
from press.renderer import listitems, navitems
from press.renderer.navitems import Around


def sidebar_of(around: Around, record: dict[str, Any]) -> dict[str, Any] | None:
    """The sidebar of a page as the configuration has it; None if it has none."""
    sidebars = [item for item in as_list(around.site.config.get("website.sidebar")) if isinstance(item, dict)]
    asked = record["sidebar"]
    if asked is False:
        return None
    if isinstance(asked, str):
        return next((one for one in sidebars if one.get("id") == asked), None)
    sidebars = [one for one in sidebars if one.get("contents")]
    if len(sidebars) == 1 and not sidebars[0].get("id"):
        return sidebars[0]
    trees = ((one, tree(around, one["contents"])) for one in sidebars)
    return next((one for one, items in trees if record["input"] in _inputs(around, items)), None)


def tree(around: Around, contents: Any) -> list[Any]:
    """Items of a sidebar with what stands for many pages replaced by an item for each."""
    done: list[Any] = []
    for item in as_list(contents):
        if isinstance(item, dict) and ("auto" in item or "section" in item or "contents" in item):
            inner = tree(around, item.get("contents")) + (_auto(around, item["auto"]) if "auto" in item else [])
            title = item.get("section") if item.get("section") is not None else item.get("text")
            if title is None and not navitems.target_of(item):
                done += inner
            else:
                done.append(_section(around, item, title, inner))
        elif isinstance(item, str) and (item == "auto" or re.search(r"[*?]", item) or _is_folder(around, item)):
            done += _auto(around, item)
        elif isinstance(item, (str, dict)):
            done.append(item)
    return done


def _section(around: Around, item: dict[str, Any], title: Any, inner: list[Any]) -> dict[str, Any]:
    page = around.page(title) if isinstance(title, str) else None  # `section: file.qmd`
    href = navitems.target_of(item) or (str(title) if page else "")
    found = around.page(href) if href else None
    text = title if title is not None and not page else escapes.html(found["title"] if found else href)
    return {"text": text, "href": href, "icon": item.get("icon"), "contents": inner}


def _is_folder(around: Around, name: str) -> bool:
    name = posixpath.normpath(name.strip("/") or ".")
    return name not in around.records and (around.site.root / name).is_dir()


def _auto(around: Around, said: Any) -> list[Any]:
    """What `auto` stands for: pages by folder, in the order of `order:`, then of titles."""
    found: dict[str, dict[str, Any]] = {}
    base = ""
    for pattern in [""] if said in (True, "auto") else [str(one).strip("/.") for one in as_list(said)]:
        base = posixpath.dirname(re.split(r"[*?]", pattern + "/")[0]) if pattern else ""
        matcher = listitems.glob_of("/" + (pattern if base else "**"), "")
        found |= {name: record for name, record in around.records.items() if matcher.fullmatch(name)}
    home = [name for name in found if posixpath.dirname(name) == "" and name.startswith("index.") and not base]
    return _folder([record for name, record in found.items() if name not in home], base)


def _folder(records: list[dict[str, Any]], base: str) -> list[Any]:
    start = f"{base}/" if base else ""
    below: dict[str, list[dict[str, Any]]] = {}
    rows: list[tuple[Any, Any]] = []
    for record in records:
        first, inner, _ = record["input"].removeprefix(start).partition("/")
        if inner:
            below.setdefault(first, []).append(record)
        else:
            rows.append((_rank(record, record["title"]), record["input"]))
    for name, inside in below.items():
        folder = start + name
        index = next((r for r in inside if re.fullmatch(re.escape(folder) + r"/index\.\w+", r["input"])), None)
        others = [record for record in inside if record is not index]
        title = index["title"] if index else re.sub(r"[-_]+", " ", name).strip().capitalize()
        item: Any = {"text": escapes.html(title), "contents": _folder(others, folder)}
        item["href"] = index["input"] if index else ""
        rows.append((_rank(index, title), item if others else index["input"]))
    return [item for _, item in sorted(rows, key=lambda row: row[0])]


def _rank(record: dict[str, Any] | None, title: str) -> tuple[float, str]:
    order = record["order"] if record else None
    return (float(order) if isinstance(order, (int, float)) else float("inf"), title.casefold())


def _inputs(around: Around, items: list[Any]) -> list[str]:
    """The pages among items, in order."""
    found: list[str] = []
    for item in items:
        page = around.page(navitems.target_of(item)) if navitems.target_of(item) else None
        found += [page["input"]] if page else []
        found += _inputs(around, item["contents"]) if isinstance(item, dict) and item.get("contents") else []
    return list(dict.fromkeys(found))


def neighbours(around: Around, items: list[Any], record: dict[str, Any]) -> tuple[Any, Any]:
    """The pages before and after this one; None for either where there is none."""
    order = _inputs(around, items)
    if record["input"] not in order:
        return None, None
    at = order.index(record["input"])
    before = around.records[order[at - 1]] if at else None
    return before, around.records[order[at + 1]] if at + 1 < len(order) else None
