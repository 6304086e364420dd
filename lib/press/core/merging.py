"""How Quarto lays one piece of configuration over another, and what it reads a level of metadata as."""

from __future__ import annotations

import json
from typing import Any

from press.core.yamlfile import Map

NOT_OF_PAGES = ("project", "website", "press", "profile")  # of _quarto.yml: what no page inherits
INCLUDES = ("include-in-header", "include-before-body", "include-after-body")
PATHS = ("bibliography", "csl", "image", "data", "css", *INCLUDES)  # values that name files

LIFTED = ("echo", "eval", "output", "warning", "error", "include", "cache", "freeze")  # of execute:, beside it too


def merge(base: Any, over: Any) -> Any:
    """Mappings key by key, lists joined without repeats (a single value counts as a list of one), else replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        done = Map(base, places=getattr(base, "places", {}) | getattr(over, "places", {}))
        done.update((key, merge(base[key], value) if key in base else value) for key, value in over.items())
        return done
    if not isinstance(base, list) and not isinstance(over, list):
        return over
    if _nothing(base) or _nothing(over):
        return over if _nothing(base) else base
    joined: dict[str, Any] = {}
    for item in [*as_list(base), *as_list(over)]:
        joined.setdefault(json.dumps(item, sort_keys=True), item)
    return list(joined.values())


def _nothing(value: Any) -> bool:
    return value is None or value is False or value in (0, "")


def as_list(value: Any) -> list[Any]:
    """A list as it is, nothing as [], anything else as its only element."""
    return [] if value is None else value if isinstance(value, list) else [value]


def level(data: Map, folder: str | None = None) -> Map:
    """One level of metadata as a page sees it: `format: html:` over the keys beside it; `execute: false` in full.

    What belongs below `execute:` may stand beside it.

    Args:
        folder: where the level's file lies, relative to the root; its paths then count from there for every page.
    """
    html = data.get("format")
    html = html.get("html") if isinstance(html, dict) else None
    done = merge(data, html) if isinstance(html, dict) else Map(data, data.places)
    if isinstance(done.get("execute"), bool):
        done["execute"] = Map({"enabled": done["execute"]})
    lifted = Map({key: done.pop(key) for key in LIFTED if key in done}, done.places)
    if lifted:
        done["execute"] = merge(lifted, done.get("execute") or Map())
    if folder is not None:
        done.update((key, _rooted(done[key], folder)) for key in PATHS if key in done)
    for key in ("bibliography", "css", *INCLUDES):  # Quarto adds a page's own to the project's
        if done.get(key) is not None:
            done[key] = as_list(done[key])
    return done


def _rooted(value: Any, folder: str) -> Any:
    if isinstance(value, list):
        return [_rooted(item, folder) for item in value]
    if isinstance(value, dict):  # of an include: its text, or a file
        return value | {"file": _rooted(value["file"], folder)} if "file" in value else value
    if not isinstance(value, str) or value.startswith("/") or "://" in value:
        return value
    return f"/{folder}/{value}" if folder else f"/{value}"
