"""Addresses at which a page once stood: a page there leads to where it stands now."""

from __future__ import annotations

import posixpath
from typing import Any

from press.core import templates
from press.core.config import Config
from press.core.errors import Problem


def plan(config: Config, records: list[dict[str, Any]], plan: dict[str, Any]) -> list[Problem]:
    """Put a page at each alias; those that lie outside the site, or where something exists already, are reported."""
    problems = []
    owners: dict[str, str] = {}
    base = str(config.get("website.site-url") or "").rstrip("/")
    for record in records:
        for alias in record["aliases"]:
            name = _place(alias, record["url"])
            if name and (name == record["url"] or owners.get(name) == record["input"]):
                continue  # the page itself, or an alias of its own once more
            if not name or name in plan:
                owner = owners.get(name, "a page or file of the site")
                reason = f"is already the address of {owner}" if name else "lies outside the site"
                message = f"alias {alias!r} {reason}. Choose another address"
                problems.append(Problem(record["input"], 0, message, check="links"))
                continue
            owners[name] = record["input"]
            up = "../" * name.count("/")
            plan[name] = templates.render(
                "renderer/alias.html",
                title=record["title"],
                href=up + record["url"] if up else f"./{record['url']}",
                canonical=f"{base}/{record['url']}" if base else "",
            ).encode()
    return problems


def _place(alias: str, url: str) -> str:
    """The file at an alias, relative to the site's root; "" for one outside it. A mark within a page is left out."""
    path = alias.partition("#")[0].partition("?")[0]
    if "://" in path or "\\" in path:
        return ""
    joined = posixpath.join("" if path.startswith("/") else posixpath.dirname(url), path.lstrip("/"))
    name = posixpath.normpath(joined or ".")
    if name.startswith("../") or name == "..":
        return ""
    if path.endswith((".html", ".htm")):
        return name
    return posixpath.normpath(posixpath.join(name, "index.html"))
