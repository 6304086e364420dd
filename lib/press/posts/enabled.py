"""Whether a post is executed, as Quarto means it: `execute: enabled`; and whether it is a draft."""

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
    asked = execute if isinstance(execute, bool) else execute.get("enabled") if isinstance(execute, dict) else None
    return asked is True if source.path.suffix == ".ipynb" else asked is not False


def is_draft(meta: Mapping[str, Any]) -> bool:
    """Whether the page is a draft, which is neither run nor published."""
    return meta.get("draft") is True
