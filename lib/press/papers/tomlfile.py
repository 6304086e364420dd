"""TOML beyond what `tomllib` does: the line of each key, and values as text."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from press.core.errors import fail

HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(#.*)?$")
KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=(.*)$""")
BARE = re.compile(r"[A-Za-z0-9_-]+")
INLINE = re.compile(r"""(?:[{,]\s*)([\w.-]+|"[^"]*"|'[^']*')\s*=""")


def parse(text: str, file: str) -> dict[str, Any]:
    """The file's content.

    Raises:
        PressError: not valid TOML, with the line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise fail(file, line, f"not valid TOML: {error}") from None


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """The 1-based line of each key and table of a valid TOML text.

    Entries of an array of tables are counted: `("claims", "0", "id")` is the `id` of the first `[[claims]]`. Keys of an
    inline table that begins on its key's line are found there.
    """
    lines: dict[tuple[str, ...], int] = {}
    counts: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    inside = ""  # the quotes of a multi-line string that has not ended yet
    for number, line in enumerate(text.split("\n"), 1):
        if inside:
            inside = "" if line.count(inside) % 2 else inside
            continue
        if header := HEADER.match(line):
            table = _path(header[2], counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, str(counts[table]))
            lines.setdefault(table, number)
        elif key := KEY.match(line):
            name = (*table, *_parts(key[1]))
            lines.setdefault(name, number)
            if key[2].lstrip().startswith("{"):
                for inner in INLINE.finditer(_without_strings(key[2])):
                    lines.setdefault((*name, inner[1].strip("\"'")), number)
        for quotes in ('"""', "'''"):
            if line.count(quotes) % 2:
                inside = quotes
    return lines


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(r"""[\w-]+|"[^"]*"|'[^']*'""", dotted)]


def _path(dotted: str, counts: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    """The table's path; a name that is an array of tables stands for its last entry, except at the end."""
    path: tuple[str, ...] = ()
    parts = _parts(dotted)
    for index, part in enumerate(parts):
        path = (*path, part)
        if path in counts and index < len(parts) - 1:
            path = (*path, str(counts[path]))
    return path


def _without_strings(text: str) -> str:
    """The text with the content of each string value blanked, so that a `key =` within one is not taken for a key."""
    return re.sub(r"""(=\s*)("(?:[^"\\]|\\.)*"|'[^']*')""", lambda match: match[1] + '""', text)


def written(value: Any) -> str:
    """A value as TOML writes it, on one line: a text, a number, a tuple, or a table of these, its keys sorted."""
    if isinstance(value, Mapping):
        pairs = (f"{key if BARE.fullmatch(key) else _quoted(key)} = {written(value[key])}" for key in sorted(value))
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(written, value))}]"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    """A text as TOML writes it: what JSON escapes, TOML escapes in the same way, and one character more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
