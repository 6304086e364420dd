"""Parameters that the configuration gives: to all posts by `press: parameters:`, to one by `press: posts:`."""

from __future__ import annotations

import json
from typing import Any

from press.core.errors import Problem
from press.core.yamlfile import Map


def check_given(press: Map) -> list[Problem]:
    """Each part of the two that is not a mapping, which is taken out; and keys without effect. Names are not checked.

    Args:
        press: what a file says below `press:`.
    """
    values = {"parameters": "a mapping from parameters to their values"}
    problems = _not_mappings(press, "press: ", values | {"posts": "a mapping from posts to their settings"})
    posts = press.get("posts") or Map()
    problems += _not_mappings(posts, "press: posts: ", dict.fromkeys(posts, "a mapping with the key parameters"))
    for slug, settings in posts.items():
        where = f"press: posts: {slug}: "
        problems += _not_mappings(settings or Map(), where, values)
        for key in settings or ():
            if key != "parameters":
                message = f"{where}{key} is unknown and has no effect; legal: parameters"
                problems.append(Problem(*settings.places[key], message, check="unknown-keys"))
    return problems


def given_to(settings: dict[str, Any], slug: str) -> Map:
    """What `press: posts:` gives to one post."""
    return ((settings.get("posts") or {}).get(slug) or {}).get("parameters") or Map()


def _not_mappings(data: Map, where: str, forms: dict[str, str]) -> list[Problem]:
    problems = []
    for key, form in forms.items():
        value = data.get(key)
        if value is not None and not isinstance(value, dict):
            problems.append(Problem(*data.places[key], f"{where}{key}: {json.dumps(value)} must be {form}"))
            del data[key]
    return problems
