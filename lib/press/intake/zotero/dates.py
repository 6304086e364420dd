"""Dates of every shape that Zotero allows."""

from __future__ import annotations

import re
from typing import Any

from press.intake.zotero.latex import plain

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
ISO = re.compile(r"^(-?\d{1,4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?)?(?![\d])")
SLASHED = re.compile(r"^(\d{1,2})[/.](?:(\d{1,2})[/.])?(\d{4})$")
IDEOGRAPHS = re.compile(r"(\d{4})年(?:(\d{1,2})月(?:(\d{1,2})日)?)?")
NAMED = re.compile(
    r"(?i)(?<![^\W\d_])(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![^\W\d_])"
)
YEAR = re.compile(r"(?<!\d)(\d{4})(?!\d)")
SHORT_YEAR = re.compile(r"(?<!\d)([1-9]\d\d)(?!\d)")
# What stands between the two ends of a range, the clearest first; and years such as 1914-18 or 2009–10.
BETWEEN = (r"\s*[–—]\s*|\s+-+\s+|--", r"(?i)\s+(?:to|until|bis|au?|al|tot|til|till)\s+", r"\s*/\s*", r"-")
SHORT_RANGE = re.compile(r"(?<!\d)(\d\d)(\d\d)\s*(?:–|[-/](?=1[3-9]|[2-9]))\s*(\d\d)$")
NONE = re.compile(r"(?i)^(n\.? ?d\.?|undated|no date|s\.d\.)?$")


def date_parts(item: dict[str, Any]) -> list[int]:
    """[year, month, day] of an item, as many as are known; [] when there is no year.

    The server's own reading (`meta.parsedDate`) goes first; then ISO dates, ranges (their beginning), `19 June 2020`,
    `June 19, 2020`, `06/19/2020` (or day first where that alone is a date), `2020年6月19日`, and any text that
    holds a year.
    """
    meta = item.get("meta")
    parsed = meta.get("parsedDate") if isinstance(meta, dict) else ""
    return parse(plain(parsed)) or parse(written(item))


def written(item: dict[str, Any]) -> str:
    """The date as a person wrote it; laws, cases and patents have a name of their own for it."""
    fields = ("date", "dateDecided", "dateEnacted", "issueDate")
    return next((text for text in (plain(item["data"].get(field)) for field in fields) if text), "")


def date_range(item: dict[str, Any]) -> str:
    """A range as biblatex and Pandoc read it, `1999/2000`; "" for a single date, and where an end has no year."""
    start, text = date_parts(item), written(item)
    first, end = _ends(text)
    if not start or first[:1] != start[:1] or end <= start:
        return ""
    return f"{iso(start)}/{iso(end)}"


def _ends(text: str) -> tuple[list[int], list[int]]:
    if short := SHORT_RANGE.search(text):
        return [int(short[1] + short[2])], [int(short[1] + short[3])]
    for between in BETWEEN:
        halves = re.split(between, text)
        found = [parse(half) for half in halves]
        if len(found) == 2 and all(found):
            return found[0], found[1]
    return [], []


def iso(parts: list[int]) -> str:
    """`2020-06-19`, as long as it is known; a year before the first has a sign."""
    year, *rest = parts
    return "-".join([f"{year:05d}" if year < 0 else f"{year:04d}", *(f"{part:02d}" for part in rest)])


def parse(text: str) -> list[int]:
    """The parts of one date."""
    if match := IDEOGRAPHS.search(text):
        return _legal(*(int(group or 0) for group in match.groups()))
    if match := ISO.match(text):
        year, month, day = (int(group) if group else 0 for group in match.groups())
        if len(match[1].lstrip("-")) >= 3:
            return _legal(year, month, day)
    if match := SLASHED.match(text):
        first, second, year = int(match[1]), int(match[2] or 0), int(match[3])
        month, day = (second, first) if first > 12 else (first, second)
        return _legal(year, month, day)
    found = YEAR.search(text) or SHORT_YEAR.search(text)
    if not found:
        return []
    named = NAMED.search(text)
    day = re.search(r"(?<!\d)(\d{1,2})(?!\d)", text[: found.start()] + " " + text[found.end() :]) if named else None
    return _legal(int(found[1]), MONTHS.index(named[1][:3].lower()) + 1 if named else 0, int(day[1]) if day else 0)


def _legal(year: int, month: int, day: int) -> list[int]:
    if not year:
        return []
    if not 1 <= month <= 12:
        return [year]
    return [year, month, day] if 1 <= day <= 31 else [year, month]


def status(item: dict[str, Any]) -> str:
    """What stands in place of a date: "in press", "forthcoming"; "" when there is a date or none at all."""
    text = written(item)
    return "" if date_parts(item) or NONE.match(text) or not re.search(r"[^\W\d_]{3}", text) else text
