"""The words that pages print of their own, in the language that `lang:` names; `language:` changes some of them."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from press.core import yamlfile
from press.core.refused import language_of

Words = Mapping[str, Any]
FOLDER = Path(__file__).with_name("languages")
OWN = "_language.yml"  # of the project: its words for all pages
# What scripts print.
SCRIPTED = ("copy-button-tooltip", "copy-button-tooltip-success", "section-link", "page", "pages", "search-label")
SCRIPTED += ("search-hint", "search-no-results-text", "listing-page-order-by", "listing-page-order-by-default")
SCRIPTED += ("listing-page-order-by-date-asc", "listing-page-order-by-date-desc", "listing-page-filter")


@functools.cache
def table(language: str) -> dict[str, Any]:
    """All words of one of our languages."""
    return yamlfile.load((FOLDER / f"{language}.yml").read_text(encoding="utf-8"))


def of(root: Path, lang: Any, own: Any) -> dict[str, Any]:
    """The words of a page.

    Args:
        root: the project's, in which `_language.yml` may lie.
        lang: what the page says under `lang:`.
        own: the same of `language:`, a mapping or a file of the project.
    """
    found = table("en") | table(language_of(lang) or "en")
    for said in (*map(_read, _files(root, own)), own):
        said = said if isinstance(said, dict) else {}
        below = said.get(str(lang))
        changed = {**said, **(below if isinstance(below, dict) else {})}
        found |= {
            key: value for key, value in changed.items() if isinstance(value, str) and isinstance(found.get(key), str)
        }
    return found


def stamp(root: Path, own: Any) -> str:
    """The text of the files from which a project takes words."""
    return "".join(path.read_text(encoding="utf-8", errors="replace") for path in _files(root, own))


def scripted(words: Words) -> dict[str, str]:
    """What scripts are given of these words: those that differ from their own English."""
    return {key: words[key] for key in SCRIPTED if words[key] != table("en")[key]}


def _files(root: Path, own: Any) -> list[Path]:
    """The files of the project that hold words for all pages, and those that are asked for."""
    paths = [root / OWN, *([root / own.lstrip("/")] if isinstance(own, str) else [])]
    return [path for path in paths if os.path.isfile(path) and path.resolve().is_relative_to(root.resolve())]


def _read(path: Path) -> Any:
    try:
        return yamlfile.load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yamlfile.yaml.YAMLError):
        return None
