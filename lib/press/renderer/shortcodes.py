"""Quarto's own syntax in the author's Markdown: `{{< meta key >}}` is resolved, the rest is refused by name."""

from __future__ import annotations

import re
from typing import Any

from press.core.errors import Problem
from press.core.source import CODE_SPAN, fenced_lines

SHORTCODE = re.compile(r"\{\{\{?<\s*(.*?)\s*>\}\}\}?")
INLINE_CODE = re.compile(r"(?<!`)`\{(\w+)\}\s[^`]*`(?!`)")


def resolve(lines: list[str], origins: list[Any], meta: dict[str, Any]) -> tuple[list[str], list[Problem]]:
    """The lines with their shortcodes resolved, and what is wrong with them. Code stays as it is."""
    problems: list[Problem] = []
    done = list(lines)
    for index, kind, _ in fenced_lines(lines):
        line = lines[index]
        if kind != "text" or ("{{" not in line and "`{" not in line):
            continue
        file, number = origins[index] or ("", 0)
        inline = INLINE_CODE.search(line)
        if inline:
            message = f"inline code `{{{inline[1]}}} ...` is not executed. Print the number in a cell instead"
            problems.append(Problem(file, number, message, check="unsupported"))
        done[index] = _line(line, meta, file, number, problems)
    return done, problems


def _line(line: str, meta: dict[str, Any], file: str, number: int, problems: list[Problem]) -> str:
    spans = [match.span() for match in CODE_SPAN.finditer(line)]

    def replace(match: re.Match[str]) -> str:
        if any(start <= match.start() < end for start, end in spans):
            return match[0]
        if match[0].startswith("{{{<"):  # Quarto's escape: show the shortcode itself
            return match[0][1:-1]
        words = match[1].split()
        if len(words) == 2 and words[0] == "meta":
            value = lookup(meta, words[1])
            if value is not None:
                return value
            message = f"{{{{< meta {words[1]} >}}}}: the front matter has no such key"
            problems.append(Problem(file, number, message, check="metadata"))
        else:
            name = words[0] if words else ""
            message = f"shortcode {name!r} is not supported; this renderer knows: include, meta"
            problems.append(Problem(file, number, message, check="unsupported"))
        return match[0]

    return SHORTCODE.sub(replace, line)


def lookup(meta: dict[str, Any], dotted: str) -> str | None:
    """A front matter value as text; keys are joined by dots (`\\.` is a dot within a key); None where there is none."""
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
