"""How much a post may use: `timeout:` and `idle-timeout:` in its front matter, else under `press:`, else ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from press.core.errors import Problem
from press.core.yamlfile import Place

DEFAULTS = {"timeout": 600.0, "idle-timeout": 300.0}
MEANINGS = {"timeout": "seconds of processor time", "idle-timeout": "seconds during which the post computes nothing"}


def check_limits(values: Mapping[str, Any], place: Callable[[str], Place], where: str = "") -> list[Problem]:
    """A problem for each of these limits that is not a number above 0.

    Args:
        values: front matter, or the `press:` part of the configuration.
        place: key -> file and line of its value.
        where: what stands before the key in messages, such as "press: ".
    """
    return [
        Problem(*place(key), f"{where}{key}: {values[key]!r} must be a number above 0: {meaning}")
        for key, meaning in MEANINGS.items()
        if values.get(key) is not None and not _is_limit(values[key])
    ]


def limits_of(meta: Mapping[str, Any], settings: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds of processor time, and seconds of idleness, that a post may use.

    Args:
        meta: its front matter, checked.
        settings: the `press:` part of the configuration, checked.
    """
    return tuple(float(meta.get(key) or settings.get(key) or default) for key, default in DEFAULTS.items())


def _is_limit(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0
