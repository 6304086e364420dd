"""Short pieces of Markdown that stand around pages: in footers, menus, announcements."""

from __future__ import annotations

import functools
import re

from markupsafe import Markup

from press.core import escapes
from press.core.pandoc import run_pandoc
from press.renderer import icons

READER = "markdown-yaml_metadata_block-pandoc_title_block-citations"
MARKS = re.compile(r"[*_\[\]<`$\\&~^|]|--|\n")  # what Markdown gives a meaning to
ICON = re.compile(r"\{\{<\s*(?:fa|fab|bi|iconify|ai|fontawesome)\s+([^>]*?)\s*>\}\}")
OTHER = re.compile(r"\{\{<\s*(?!meta\b|var\b)[\w-]+([^{}]*?)\s*>\}\}")
QUOTED = re.compile(r"(?<!=)\"([^\"]*)\"|(?<!=)'([^']*)'")
PARAGRAPH = re.compile(r"<p>((?:(?!<p>|</p>).)*)</p>\s*", re.DOTALL)


def inline(text: str) -> Markup:
    """A line of Markdown as HTML without a paragraph around it; its icons are drawn."""
    parts = ICON.split(text)  # text, then an icon's options and text, again and again
    done = Markup("")
    for index, part in enumerate(parts):
        done += icons.svg(_icon_name(part)) if index % 2 else _inline(OTHER.sub(words_of, part))
    return done


def plain(text: str) -> str:
    """A line of Markdown as a reader sees it, without its marks."""
    return " ".join(Markup(inline(text)).striptags().split()) if MARKS.search(text) else text


def words_of(match: re.Match[str]) -> str:
    """What a shortcode that only an extension knows would show: the texts among its arguments."""
    return " ".join(first or second for first, second in QUOTED.findall(match[1]))


def _inline(text: str) -> Markup:
    if not MARKS.search(text):
        return escapes.html(text)
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    made = _pandoc(text.strip())
    alone = PARAGRAPH.fullmatch(made)
    return Markup(before + (alone[1] if alone else made) + after)


@functools.lru_cache(maxsize=512)
def _pandoc(text: str) -> Markup:
    try:
        return Markup(run_pandoc(["-f", READER, "-t", "html5", "--mathml", "--wrap=preserve"], text, 30).strip())
    except RuntimeError:
        return escapes.html(text)


def missing_icons(text: str) -> list[str]:
    """Icons that a text asks for and that are not there."""
    return [name for name in map(_icon_name, ICON.findall(text)) if not icons.known(name)]


def _icon_name(options: str) -> str:
    """The name among a shortcode's words: `brands github size=2x`, `mdi:github`."""
    words = [word for word in options.split() if "=" not in word and word not in ("brands", "solid", "regular")]
    return words[0].rpartition(":")[2] if words else ""
