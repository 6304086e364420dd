"""Quarto's own syntax in the author's Markdown: shortcodes are resolved; an unknown one is shown as it is written."""

from __future__ import annotations

import os
import re
from html import escape
from pathlib import Path
from typing import Any

import yaml

from press.core.errors import Problem
from press.core.fences import fenced_lines
from press.core.source import CODE_SPAN
from press.core.yamlfile import Map, place_of
from press.renderer import media, texts

SHORTCODE = re.compile(r"\{\{\{?<\s*(.*?)\s*>\}\}\}?")
WORD = re.compile(r"""(?:([\w-]+)\s*=\s*)?(?:"([^"]*)"|'([^']*)'|([^\s"'=]\S*))""")
ENVIRONMENT = re.compile(r"\{\{<\s*env\s+[\"']?(\w+)")
VARIABLES = "press-variables"  # in the metadata: what _variables.yml says
COMMENT = re.compile(r"<!--.*?-->")
INLINE_CODE = re.compile(r"(?<!`)`\{(python|r|julia|ojs|jl)\}(?:\s[^`]*)?(?:(?<!\})`(?!`)|$)")  # as Quarto has


def resolve(lines: list[str], origins: list[Any], meta: dict[str, Any]) -> tuple[list[str], list[Problem]]:
    """The lines with their shortcodes resolved, and what is wrong with them. Code stays as it is, but raw HTML."""
    problems: list[Problem] = []
    done = list(lines)
    comment, raw = False, False  # whether a line begins within one
    for index, kind, info in fenced_lines(lines):
        line = lines[index]
        raw = info == "{=html}" if kind == "open" else raw
        kind = "text" if kind == "code" and raw else kind
        began, comment = comment, kind == "text" and _stays_open(line, comment)
        if began and comment:
            continue
        if kind != "text" or ("{{" not in line and "`{" not in line):
            continue
        file, number = origins[index] or ("", 0)
        inline = INLINE_CODE.search(line)
        if inline:
            message = f"inline code `{{{inline[1]}}} ...` is not executed. Print the number in a cell instead"
            problems.append(Problem(file, number, message, check="unsupported"))
        done[index] = _line(line, meta, file, number, problems)
    return done, problems


def resolve_texts(meta: Map, site: dict[str, Any], file: str) -> list[Problem]:
    """Resolve shortcodes in the texts of front matter; of one that only an extension knows, its words are left."""
    problems: list[Problem] = []
    for key in ("title", "subtitle", "description", "abstract"):
        value = meta.get(key)
        if isinstance(value, str) and "{{<" in value:
            place = place_of(meta, key) or (file, 0)
            done, found = resolve(value.split("\n"), [place] * (value.count("\n") + 1), site | meta)
            meta[key] = texts.OTHER.sub(texts.words_of, "\n".join(done))
            problems += found
    return problems


def _stays_open(line: str, comment: bool) -> bool:
    """Whether a comment of HTML goes on after this line."""
    rest = line
    while True:
        _, mark, rest = rest.partition("-->" if comment else "<!--")
        if not mark:
            return comment
        comment = not comment


def _line(line: str, meta: dict[str, Any], file: str, number: int, problems: list[Problem]) -> str:
    spans = [match.span() for match in (*CODE_SPAN.finditer(line), *COMMENT.finditer(line))]

    def replace(match: re.Match[str]) -> str:
        if any(start <= match.start() < end for start, end in spans):
            return match[0]
        if match[0].startswith("{{{<"):  # Quarto's escape: show the shortcode itself
            return match[0][1:-1]
        words, options = _arguments(match[1])
        shown, message, check = _said(words[0] if words else "", words[1:], options, meta)
        if message:
            problems.append(Problem(file, number, message, check=check))
        return match[0] if shown is None else shown

    return SHORTCODE.sub(replace, line)


def _arguments(text: str) -> tuple[list[str], dict[str, str]]:
    words: list[str] = []
    options: dict[str, str] = {}
    for key, double, single, bare in WORD.findall(text):
        value = double or single or bare
        if key:
            options[key] = value
        else:
            words.append(value)
    return words, options


def _said(name: str, words: list[str], options: dict[str, str], meta: dict[str, Any]) -> tuple[str | None, str, str]:
    """What stands in a shortcode's place (None: the shortcode as it is written), what is wrong, and the check."""
    first = words[0] if words else ""
    if name in ("meta", "var", "env"):
        return _value(name, words, meta)
    if name == "video" and first:
        return media.video(first, options, bool((meta.get("press") or {}).get("offline"))), "", ""
    if name == "kbd":
        return media.keys(words, options), "", ""
    if name in ("fa", "bi", "iconify"):
        shown, drawn = media.icon(words, options)
        message = f"icon {' '.join(words)!r} is shown as its name; Quarto draws it, with the extension that provides it"
        return shown, "" if drawn else message, "unsupported"
    if name == "pagebreak":
        return media.raw('<span class="page-break"></span>'), "", ""
    if name == "placeholder":
        return media.placeholder(words), "", ""
    if name in ("lipsum", "lorem"):
        return media.lorem(words), "", ""
    if name == "contents" and re.fullmatch(r"#?[\w.:-]+", first):
        return f'[]{{.press-contents of="{first.lstrip("#")}"}}', "", ""
    if name == "embed" and first:
        message = (
            f"embed {first!r}: only its name is shown; Quarto shows the cell. Copy the cell, or link to the notebook"
        )
        return media.raw(f"<code>{escape(first)}</code>"), message, "unsupported"
    known = "include, meta, var, env, video, kbd, pagebreak, placeholder, lipsum, contents"
    message = f"shortcode {name!r} is not supported and is shown as written; this renderer supports: {known}"
    return None, message, "unsupported"


def _value(name: str, words: list[str], meta: dict[str, Any]) -> tuple[str | None, str, str]:
    if not words:
        return None, f"{{{{< {name} >}}}} needs a name", "metadata"
    if name == "env":
        value = os.environ.get(words[0])
        if value is None and len(words) > 1:
            value = words[1]
        wanted = "the environment has no such variable. Give a second word as its default"
    else:
        value = lookup(meta if name == "meta" else meta.get(VARIABLES) or {}, words[0])
        wanted = "the front matter has no such key" if name == "meta" else "_variables.yml has no such key"
    return value, "" if value is not None else f"{{{{< {name} {words[0]} >}}}}: {wanted}", "metadata"


def variables(root: Path) -> dict[str, Any]:
    """What `{{< var >}}` finds: _variables.yml as VARIABLES; nothing where it is missing or no mapping."""
    path = root / "_variables.yml"
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, ValueError, yaml.YAMLError):
        found = None
    return {VARIABLES: found} if isinstance(found, dict) else {}


def environment_in(text: str) -> list[tuple[str, str | None]]:
    """The variables of the environment that a text asks for, and their values."""
    return sorted({(name, os.environ.get(name)) for name in ENVIRONMENT.findall(text)}, key=str)


def lookup(meta: dict[str, Any], dotted: str) -> str | None:
    """A front matter value as text; keys are joined by dots (`\\.` is a dot within a key); None if there is none."""
    value: Any = meta
    for key in re.split(r"(?<!\\)\.", dotted):
        key = key.replace("\\.", ".")
        if isinstance(value, list) and key.isdigit() and 0 < int(key) <= len(value):
            value = value[int(key) - 1]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return None if isinstance(value, dict) or value is None else str(value)
