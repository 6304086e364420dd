"""Auxiliary files of LaTeX: the numbers that our hook wrote there, and the labels that stand beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from press.tex.lex import Token, decode, to_latex, tokens_of
from press.tex.math import renderable
from press.tex.rows import argument_at
from press.tex.text import plain_text

NEAR = 12  # lines of an auxiliary file between a number and its label
LINE = re.compile(r"\\(presseq|newlabel|@input|pressend)\b(.*)")


@dataclass(frozen=True)
class Printed:
    """A number that LaTeX printed.

    Args:
        number: without parentheses.
        label: "" for none.
        file: the file that it stands in; "" if that is not known.
        first, last: the lines of its display.
    """

    number: str
    label: str
    file: str
    first: int
    last: int


@dataclass(frozen=True)
class Entry:
    """A line of an auxiliary file: a number that is printed, or (with a label) one that a label stands for."""

    tokens: list[Token]
    label: str = ""
    file: str = ""
    first: int = 0
    last: int = 0


def read_aux(folder: Path, name: str, depth: int = 0) -> tuple[list[Entry], bool]:
    """What the hook and the labels wrote, in the order of the pages; whether LaTeX came to the end."""
    path = folder / name
    entries: list[Entry] = []
    if depth > 5 or not path.is_file() or path.is_symlink():
        return entries, False
    ended = False
    for line in decode(path.read_bytes()).splitlines():
        found = LINE.match(line)
        groups = _groups(found[2]) if found else []
        if found and found[1] == "pressend":
            ended = True
        elif found and found[1] == "@input" and groups:
            inner = to_latex(groups[0])
            if inner.endswith(".aux") and not {"..", ""} & set(inner.split("/")):
                entries += read_aux(folder, inner, depth + 1)[0]
        elif len(groups) == 4:
            first, last = (int(text) if (text := to_latex(group)).isdecimal() else 0 for group in groups[2:])
            file = to_latex(groups[1]).replace(" ", "").removeprefix("./").lstrip("/")
            entries.append(Entry(groups[0], "", file, first, last))
        elif len(groups) == 2 and "@cref" not in to_latex(groups[0]):
            entries.append(Entry(argument_at(groups[1], 0)[0], to_latex(groups[0])))
    return entries, ended


def _groups(text: str) -> list[list[Token]]:
    tokens, found, i = tokens_of(text), [], 0
    while i < len(tokens) and tokens[i].kind == "open":
        group, i = argument_at(tokens, i)
        found.append(group)
    return found


DROPPED = {
    "ignorespaces",
    "unskip",
    "@@italiccorr",
    "relax",
    "protect",
    "normalfont",
    "upshape",
    "hbox",
    "textup",
    "Hy@make@anchor",
}


def _number(tokens: list[Token], numbers: dict[str, str]) -> str:
    kept = [token for token in tokens if not (token.kind == "macro" and token.text in DROPPED)]
    return plain_text(renderable(kept, numbers, in_text=True)).strip("() ")


def printed_in(entries: list[Entry]) -> list[Printed]:
    """The numbers with the labels that stand beside them."""
    numbers: dict[str, str] = {}
    for _ in range(2):  # a tag may refer to a label that stands for another tag
        numbers = {entry.label: _number(entry.tokens, numbers) for entry in entries if entry.label}
    places = [k for k, entry in enumerate(entries) if not entry.label]
    shown = {k: _number(entries[k].tokens, numbers) for k in places}
    labels: dict[int, str] = {}
    for k, entry in enumerate(entries):
        near = [place for place in places if abs(place - k) <= NEAR and place not in labels] if entry.label else []
        same = [place for place in near if shown[place] == numbers[entry.label]]
        if same:
            labels[min(same, key=lambda place: abs(place - k))] = entry.label
    return [Printed(shown[k], labels.get(k, ""), entries[k].file, entries[k].first, entries[k].last) for k in places]
