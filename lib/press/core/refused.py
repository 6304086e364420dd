"""What of a configuration the embedded renderer does not support: all of it, each with file and line."""

from __future__ import annotations

from typing import Any

from press.core import supported
from press.core.config import Config
from press.core.errors import Problem
from press.core.merging import as_list
from press.core.yamlfile import Map, place_of

NUMBERS = ("toc-depth", "number-depth")


def refused(config: Config) -> list[Problem]:
    """Keys and values of `_quarto.yml` and of what lies over it."""
    problems = list(config.unknown)

    def refuse(key: str, message: str) -> None:
        problems.append(Problem(*config.where(key), message, check="unsupported"))

    kind = config.get("project.type", "website")
    if kind != "website":
        refuse("project.type", f"project type {kind!r}: the embedded renderer makes `website` only")
    for key in config.get("format") or {}:
        if key != "html":
            refuse(f"format.{key}", f"format {key!r}: the embedded renderer writes html only")
    for above in ("", "format.html."):
        values = config.get("format.html") if above else config.data
        problems += refused_values(values, config.data, above) if isinstance(values, dict) else []
    for side in ("left", "right"):
        for index, item in enumerate(as_list(config.get(f"website.navbar.{side}"))):
            place = f"website.navbar.{side}.{index}"
            icon = item.get("icon") if isinstance(item, dict) else None
            if not isinstance(item, dict) or not (item.get("text") or icon) or not item.get("href"):
                refuse(place, f"navbar item {item!r}: give it an href, and a text or an icon")
            if icon and icon not in supported.ICONS:
                choice = ", ".join(supported.ICONS)
                refuse(f"{place}.icon", f"icon {icon!r} is not embedded. Choose from: {choice}")
    return problems


def refused_values(values: dict[str, Any], data: Map, above: str = "") -> list[Problem]:
    """Values of a page's options that the embedded renderer cannot work with.

    Args:
        data: where the values stand: in it, below the dotted key `above`.
    """
    messages = {}
    method, lang = values.get("html-math-method") or "mathml", values.get("lang")
    if method != "mathml":
        messages["html-math-method"] = f"html-math-method {method!r}: the embedded renderer writes `mathml` only"
    if lang is not None and not str(lang).startswith("en"):
        messages["lang"] = f"lang {lang!r}: the embedded renderer speaks English only: lang: en"
    for key in NUMBERS:
        value = values.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            messages[key] = f"{key}: {value!r} must be a whole number from 1"
    for key in ("bibliography", "csl"):
        if any(not isinstance(name, str) for name in as_list(values.get(key))):
            messages[key] = f"{key}: {values[key]!r} must name a file"
    places = {key: place_of(data, above + key) or ("", 0) for key in messages}
    return [Problem(*places[key], message, check="unsupported") for key, message in messages.items()]
