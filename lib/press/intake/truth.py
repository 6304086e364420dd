"""A paper's numbers beside those that LaTeX prints, whose word counts, and beside those of arXiv's HTML."""

from __future__ import annotations

import re
from dataclasses import replace

from press.intake.auxfile import Printed
from press.intake.compare import matched, repeated
from press.intake.pdflatex import run_latex
from press.tex.data import Numbered, Paper
from press.tex.lex import decode
from press.tex.mathml import not_mathml

SHOWN = 20  # differences that are listed one by one
BEGIN = re.compile(r"\\begin\s*\{|\\\[|\$\$")


def by_latex(paper: Paper, files: dict[str, bytes]) -> list[str]:
    """Put LaTeX's numbers in place of the reader's, where LaTeX can be run.

    Args:
        paper: what the reader found; its equations are changed.
        files: path in the archive -> content.

    Returns:
        What the author should know: why LaTeX was no help, or where the two differed.
    """
    printed, trouble = run_latex(files, paper.main)
    if trouble:
        return [f"numbers are only those that the press read: {trouble}"]
    pairs = matched(paper.equations, printed)
    again = repeated(pairs, paper.blank)
    equations, said = [], []
    for k, (entry, other) in enumerate(pairs):
        if entry and other:
            equations.append(replace(entry, number=other.number, unsure=""))
            if entry.number != other.number:
                said.append(f"{entry.place}({entry.number}) was read, LaTeX prints ({other.number})")
        elif entry:
            equations.append(replace(entry, unsure=f"{entry.place}LaTeX prints no such number"))
            said.append(f"{entry.place}({entry.number}) was read, LaTeX prints no number there")
        elif other and k not in again:
            equations.append(_unread(other, files))
            said.append(f"{other.file}:{other.first}: LaTeX prints ({other.number}), nothing was read there")
    paper.equations = equations
    return [_told("pdflatex prints", len(printed), said), *_few(said)]


def _told(who: str, count: int, said: list[str]) -> str:
    return f"{who} {count} numbers; {len(said) or 'none'} of them differ from what was read"


def _few(said: list[str]) -> list[str]:
    return said if len(said) <= SHOWN else [*said[:SHOWN], f"and {len(said) - SHOWN} more"]


def _unread(printed: Printed, files: dict[str, bytes]) -> Numbered:
    """An equation that LaTeX alone has found, with the lines of its source as they stand."""
    lines = decode(files.get(printed.file, b"")).split("\n")
    first, last = printed.first, max(printed.first, printed.last)
    while first > 1 and first > last - 60 and not BEGIN.search("\n".join(lines[first - 1 : last])):
        first -= 1
    latex = " ".join(re.sub(r"(?<!\\)%.*", "", "\n".join(lines[max(first - 1, 0) : last])).split()) or "?"
    return Numbered(
        printed.number, printed.label, "", latex, not not_mathml([latex]), "", f"{printed.file}:{printed.first}: "
    )


def by_html(paper: Paper, page: bytes) -> list[str]:
    """Where the numbers of the HTML that LaTeXML made differ from ours; ours stay.

    Args:
        page: the HTML as arXiv publishes it.
    """
    theirs = [Printed(number, "", "", 0, 0) for number in numbers_in(page)]
    pairs = matched(paper.equations, theirs)
    again = repeated(pairs, paper.blank)
    said = []
    for k, (entry, other) in enumerate(pairs):
        if entry and other and entry.number != other.number:
            said.append(f"{entry.place}({entry.number}) was read, arXiv's HTML has ({other.number})")
        elif entry and not other:
            said.append(f"{entry.place}({entry.number}) was read, arXiv's HTML has nothing there")
        elif other and not entry and k not in again:
            said.append(f"arXiv's HTML has ({other.number}), nothing was read there")
    return [_told("arXiv's HTML has", len(theirs), said), *_few(said)]


def numbers_in(page: bytes) -> list[str]:
    """The numbers of equations in LaTeXML's HTML, without parentheses."""
    from lxml import html

    if not page.strip():
        return []
    tags = html.fromstring(page).xpath("//*[contains(concat(' ', @class, ' '), ' ltx_tag_equation ')]")
    return [" ".join(tag.text_content().split()).strip("() ") for tag in tags]


def summary(paper: Paper) -> list[str]:
    """What to say of numbers that are unsure, and why."""
    unsure = [entry for entry in paper.equations if entry.unsure]
    if not unsure:
        return []
    numbers = ", ".join(entry.number for entry in unsure[:SHOWN]) + " ..." * (len(unsure) > SHOWN)
    reasons = list(dict.fromkeys(entry.unsure for entry in unsure))
    return [f"{len(unsure)} of them are unsure: {numbers}", *(f"  because of {reason}" for reason in _few(reasons))]
