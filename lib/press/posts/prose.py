"""`{{< claim ID.KEY >}}` in prose -> what `paper.toml` says, escaped: a quoted number has one home."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import yaml

from postkit.verdicts import Claim
from press.core import yamlfile
from press.core.celloptions import ROW, is_option
from press.core.errors import PressError, Problem
from press.core.escapes import markdown
from press.core.fences import fenced_lines
from press.core.source import CODE_SPAN, FRONT_MATTER_ENDS, Expanded, front_matter_length

SHORTCODE = re.compile(r"(?<!\{)\{\{<\s*claim\b\s*(.*?)\s*>\}\}(?!\})")


def claim_line(text: str) -> int:
    """The line of a text's first reference to a claim outside code; 0 for none."""
    for index, kind, _ in fenced_lines(lines := text.split("\n")):
        if kind == "text" and SHORTCODE.search(CODE_SPAN.sub("", lines[index])):
            return index + 1
    return 0


def resolve(expanded: Expanded, claims: Mapping[str, Claim]) -> Expanded:
    """The text with its references to claims resolved in prose, front matter and `#|` options; code stays as it is.

    Raises:
        PressError: every reference to an unknown claim or key, with the legal ones; every one that does not fit into
            the YAML around it.
    """
    lines = expanded.text.split("\n")
    problems: list[Problem] = []
    done = list(lines)
    header: list[int] = []  # lines of the YAML block that is being read
    matter = front_matter_length(lines)
    options = False
    for index, kind, info in fenced_lines(lines):
        line = lines[index]
        if index < matter:
            header.append(index)
            continue
        option = options and kind == "code" and is_option(line)
        if header and not option:
            _resolve_yaml(header, lines, done, claims, expanded, problems)
            header = []
        if option:
            header.append(index)
        elif kind == "text":
            done[index] = _resolve_line(line, claims, expanded.origin(index + 1), problems)
        options = (kind == "open" and info.startswith("{")) or option
    if header:
        _resolve_yaml(header, lines, done, claims, expanded, problems)
    if problems:
        raise PressError(problems)
    return replace(expanded, text="\n".join(done))


def _resolve_line(line: str, claims: Mapping[str, Claim], place: tuple[str, int], problems: list[Problem]) -> str:
    spans = [match.span() for match in CODE_SPAN.finditer(line)]

    def swap(match: re.Match[str]) -> str:
        if any(start <= match.start() < end for start, end in spans):
            return match[0]
        text = _quoted(match[1], claims, place, problems)
        if text is None:
            return match[0]
        before = line[: match.start()]
        # A dollar sign before a digit closes no formula: Pandoc takes it for a price. An empty comment parts the two.
        apart = "<!-- -->" if before.endswith("$") and text[:1].isdigit() else ""
        return apart + str(markdown(text, at_start=not before.strip(" >*+-0123456789.")))

    return SHORTCODE.sub(swap, line)


def _quoted(name: str, claims: Mapping[str, Claim], place: tuple[str, int], problems: list[Problem]) -> str | None:
    """The text that `ID.KEY` stands for; None, and a problem, if there is no such thing."""
    id, _, key = name.partition(".")
    shown = f"{{{{< claim {name} >}}}}"
    if id not in claims:
        legal = ", ".join(sorted(claims)) or "none, no paper.toml has any"
        problems.append(Problem(*place, f"{shown}: unknown claim {id!r}. Legal: {legal}"))
        return None
    values = quotable(claims[id])
    if key not in values:
        problems.append(Problem(*place, f"{shown}: claim {id!r} has no key {key!r}. Legal: {', '.join(values)}"))
        return None
    return values[key]


def quotable(claim: Claim) -> dict[str, str]:
    """What prose may quote of a claim: its scalar keys that are set, and its further numbers."""
    values = {field.name: getattr(claim, field.name) for field in fields(claim)}
    texts = {key: value for key, value in values.items() if isinstance(value, str) and value}
    numbers = {key: f"{value:.10g}" for key, value in values.items() if isinstance(value, (int, float))}
    return texts | numbers | dict(claim.numbers)


def _resolve_yaml(
    header: list[int],
    lines: list[str],
    done: list[str],
    claims: Mapping[str, Claim],
    expanded: Expanded,
    problems: list[Problem],
) -> None:
    """Resolve references within a block of YAML, and make sure that it still says what it should."""
    at = next((index for index in header if SHORTCODE.search(lines[index])), None)
    if at is None:
        return
    known = len(problems)
    for index in header:
        place = expanded.origin(index + 1)
        quote = _scalar_quote(lines[index])

        def swap(match: re.Match[str], place=place, quote=quote) -> str:
            text = _quoted(match[1], claims, place, problems)
            if text is None:
                return match[0]
            text = str(markdown(text))
            if quote == '"':
                return json.dumps(text, ensure_ascii=False)[1:-1]
            return text.replace("'", "''") if quote == "'" else text

        done[index] = SHORTCODE.sub(swap, lines[index])
    if len(problems) == known and _yaml(header, done) != _wanted(_yaml(header, lines), claims):
        message = "the text of the claim cannot be inserted here. Write the whole value in double quotes, on one line"
        problems.append(Problem(*expanded.origin(at + 1), message))


def _scalar_quote(line: str) -> str:
    """The quote that the value on this line begins with, if any."""
    match = re.match(r"""^(?:#\s*\|)?\s*(?:-\s+)?(?:[\w-]+\s*:\s+)?(["'])""", line)
    return match[1] if match else ""


def _yaml(header: list[int], lines: list[str]) -> Any:
    """The block's content; None if it is broken (the reader of options and front matter says how)."""
    rows = [ROW.sub("", lines[index], count=1) if is_option(lines[index]) else lines[index] for index in header]
    try:
        return yamlfile.load("\n".join(row for row in rows if row.rstrip() not in FRONT_MATTER_ENDS))
    except yaml.YAMLError:
        return None


def _wanted(value: Any, claims: Mapping[str, Claim]) -> Any:
    if isinstance(value, dict):
        return {key: _wanted(item, claims) for key, item in value.items()}
    if isinstance(value, list):
        return [_wanted(item, claims) for item in value]
    if not isinstance(value, str):
        return value
    return SHORTCODE.sub(lambda match: markdown(_quoted(match[1], claims, ("", 0), []) or match[0]), value)
