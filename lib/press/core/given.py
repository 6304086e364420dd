"""Parameters that the configuration gives: to all posts by `press: parameters:`, to one by `press: posts:`."""

from __future__ import annotations

import json
from typing import Any

from press.core.errors import Problem
from press.core.yamlfile import Map


def check_given(press: Map) -> list[Problem]:
    """Problems with the form of the two: what is not a mapping is removed. Whether the names exist is not checked here.

    Args:
        press: what a file says below `press:`.
    """
    problems = _not_mappings(press, "press: ", ("parameters", "posts"))
    posts = press.get("posts") or Map()
    problems += _not_mappings(posts, "press: posts: ", tuple(posts))
    for slug, settings in posts.items():
        where = f"press: posts: {slug}: "
        problems += _not_mappings(settings or Map(), where, ("parameters",))
        for key in settings or ():
            if key != "parameters":
                message = f"{where}{key} is unknown and has no effect; legal: parameters"
                problems.append(Problem(*settings.places[key], message, check="unknown-keys"))
    return problems


def given_to(settings: dict[str, Any], slug: str) -> Map:
    """What `press: posts:` gives to one post."""
    return ((settings.get("posts") or {}).get(slug) or {}).get("parameters") or Map()


def _not_mappings(data: Map, where: str, keys: tuple[str, ...]) -> list[Problem]:
    problems = []
    for key in keys:
        value = data.get(key)
        if value is not None and not isinstance(value, dict):
            form = "parameters and their values" if key == "parameters" else "names and what they are given, indented"
            message = f"{where}{key}: {json.dumps(value)} must be a mapping of {form}"
            problems.append(Problem(*data.places[key], message))
            del data[key]
    return problems
