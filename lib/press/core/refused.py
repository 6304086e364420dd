"""What of a configuration the embedded renderer does not do: all of it, each with file and line."""

from __future__ import annotations

from typing import Any

from press.core.config import Config
from press.core.errors import Problem
from press.core.yamlfile import Map, place_of

TYPES = ("website", "default")
LANGUAGES = ("de", "en", "es", "fr", "ja", "pt", "zh")  # in which pages print what they say of their own


def refused(config: Config) -> list[Problem]:
    """Keys and values of `_quarto.yml` and of what lies over it."""
    problems = list(config.unknown)
    kind = config.get("project.type", "website")
    if kind not in TYPES:
        message = f"project type {kind!r}: the embedded renderer makes a website from the pages"
        problems.append(Problem(*config.where("project.type"), message, check="unsupported"))
    for above in ("", "format.html."):
        values = config.get("format.html") if above else config.data
        problems += refused_values(values, config.data, above) if isinstance(values, dict) else []
    return problems


def language_of(lang: Any) -> str:
    """The one of LANGUAGES that `lang:` means, such as "de" for de-AT; "" for another."""
    name = str(lang or "en").lower().replace("_", "-").partition("-")[0]
    return name if name in LANGUAGES else ""


def refused_values(values: dict[str, Any], data: Map, above: str = "") -> list[Problem]:
    """Values of a page's options that the embedded renderer cannot do justice.

    Args:
        data: where the values stand: in it, below the dotted key `above`.
    """
    lang = values.get("lang")
    if language_of(lang):
        return []
    message = f"lang {lang!r}: words around the text, such as Published and On this page, are English"
    message += f", unless language: translates them. Supported are {', '.join(LANGUAGES)}"
    return [Problem(*(place_of(data, f"{above}lang") or ("", 0)), message, check="unsupported")]
