"""Whether a post is executed, as Quarto means it: `execute: enabled` and `engine:`; and whether it is a draft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from press.core.config import Config
from press.core.merging import merge
from press.core.yamlfile import Map
from press.posts.post import Source


def is_enabled(meta: Mapping[str, Any], own: Map, source: Source, config: Config) -> bool:
    """Whether the press executes this post.

    Quarto Markdown runs unless it says `execute: enabled: false`; a notebook shows its stored outputs unless it says
    `enabled: true`. What `_quarto.yml` says is not meant for a post.qmd, but for Quarto and the notebook beside it.

    Args:
        meta: the page's metadata, with what the project and its folders say.
        own: the page's front matter alone.
    """
    if source.beside:
        folder = config.folder(source.page.rpartition("/")[0]).data
        meta = merge(folder, own)
    execute = meta.get("execute")
    asked = execute.get("enabled") if isinstance(execute, dict) else execute
    if source.path.suffix == ".ipynb":
        return is_on(asked)
    return not is_off(asked) and meta.get("engine") != "markdown"


def is_draft(meta: Mapping[str, Any], config: Config) -> bool:
    """Whether the page is a draft, which is neither run nor published, unless `draft-mode:` says otherwise."""
    return is_on(meta.get("draft")) and config.get("website.draft-mode", "gone") == "gone"


def is_on(value: Any) -> bool:
    """Whether a switch says yes, be it as a word."""
    return value is True or (isinstance(value, str) and value.lower() in ("true", "yes", "on"))


def is_off(value: Any) -> bool:
    """Whether a switch says no, be it as a word."""
    return value is False or (isinstance(value, str) and value.lower() in ("false", "no", "off"))
