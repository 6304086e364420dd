"""Dates as Quarto's `date-format` writes them."""

from __future__ import annotations

import datetime as dt
import email.utils
import functools
import re
from typing import Any

from press.renderer.phrases import Words, table

STYLES = ("short", "medium", "long", "full")  # which each language writes in its own way
TOKEN = re.compile(r"\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|dddd|ddd|DD|Do|D|HH|H|hh|h|mm|ss|A|a")
WRITTEN = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y", "%m-%d-%Y", "%Y/%m/%d", "%B %d, %Y", "%B %d %Y",
    "%d %B %Y", "%b %d, %Y", "%b %d %Y", "%d %b %Y", "%A, %B %d, %Y", "%a, %d %b %Y %H:%M:%S %z", "%m/%d/%y", "%Y-%m",
    "%B %Y", "%b %Y", "%Y",
)  # fmt: skip
ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")


def parse(value: Any) -> dt.datetime | None:
    """A front matter date; None if it is missing or not valid."""
    return _parsed(str(value or "").strip())


@functools.lru_cache(maxsize=4096)  # listings ask again and again
def _parsed(written: str) -> dt.datetime | None:
    text = ORDINAL.sub("", written)
    for pattern in WRITTEN:
        try:
            return dt.datetime.strptime(text, pattern)
        except ValueError:
            continue
    try:
        return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


def show(value: Any, style: str = "medium", words: Words | None = None) -> str:
    """The date in a named style or in tokens such as "MMM D, YYYY"; what is not a date stays as it is.

    Args:
        words: of the language in which it is written; English if there are none.
    """
    date, words = parse(value), words or table("en")
    tokens = "YYYY-MM-DD" if style == "iso" else words[f"date-{style}"] if style in STYLES else style
    return TOKEN.sub(lambda match: _token(match, date, words), tokens) if date else str(value or "")


def _token(match: re.Match[str], date: dt.datetime, words: Words) -> str:
    day, week = date.day, date.isoweekday() % 7
    ordinal = "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    known = {
        "YYYY": f"{date.year:04}", "YY": f"{date.year % 100:02}",
        "MMMM": words["months"][date.month - 1], "MMM": words["short-months"][date.month - 1],
        "MM": f"{date.month:02}", "M": str(date.month),
        "dddd": words["days"][week], "ddd": words["short-days"][week],
        "DD": f"{day:02}", "Do": f"{day}{ordinal}", "D": str(day),
        "HH": f"{date.hour:02}", "H": str(date.hour), "hh": f"{date.hour % 12 or 12:02}",
        "h": str(date.hour % 12 or 12), "A": date.strftime("%p"), "a": date.strftime("%p").lower(),
        "mm": f"{date.minute:02}", "ss": f"{date.second:02}",
    }  # fmt: skip
    return known.get(match[0], match[1] or "")


def rfc822(value: Any) -> str:
    """The date as RSS wants it; "" if it is not a date."""
    date = parse(value)
    if date is None:
        return ""
    date = date if date.tzinfo else date.replace(tzinfo=dt.UTC)
    return email.utils.format_datetime(date.astimezone(dt.UTC), usegmt=True)
