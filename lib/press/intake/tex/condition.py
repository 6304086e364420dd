r"""Conditions: what a paper's own switches say, and what follows in the source."""

from __future__ import annotations

import re
from collections.abc import Callable

from press.intake.tex.count import given
from press.intake.tex.lex import to_latex
from press.intake.tex.macros import Mouth


def _newif(mouth: Mouth) -> None:
    token = mouth.raw()
    if token is None or not token.text.startswith("if"):
        return
    name = token.text
    mouth.flags[name] = False
    for value in (True, False):
        setter = f"{name[2:]}{str(value).lower()}"
        mouth.commands[setter] = lambda mouth, value=value: mouth.define(mouth.flags, name, value)


def _choose(mouth: Mouth, holds: bool) -> None:
    yes, no = mouth.argument(), mouth.argument()
    mouth.push(yes if holds else no)


def _if_then_else(mouth: Mouth) -> None:
    test = mouth.argument()
    names = re.fullmatch(r"\\boolean\{(.*)\}", to_latex(test))
    same = re.fullmatch(r"\\equal\{(.*)\}\{(.*)\}", to_latex(mouth.expand(test)))
    _choose(mouth, mouth.flags.get("if" + names[1], False) if names else bool(same) and same[1] == same[2])


def _if_next(mouth: Mouth) -> None:
    wanted, yes, no = mouth.raw(), mouth.argument(), mouth.argument()
    following = mouth.peek()
    mouth.push(yes if wanted and following and wanted[:2] == following[:2] else no)


def _if_star(mouth: Mouth) -> None:
    yes, no = mouth.argument(), mouth.argument()
    mouth.push(yes if mouth.star() else no)


def _if_argument(mouth: Mouth, name: str, branches: str) -> None:
    holds = [token.text for token in mouth.argument()] == [name]
    yes, no = (mouth.argument() if branch in branches else [] for branch in "TF")
    mouth.push(yes if holds else no)


CONDITIONS: dict[str, Callable[[Mouth], None]] = {
    "newif": _newif,
    "ifthenelse": _if_then_else,
    "@ifnextchar": _if_next,
    "@ifstar": _if_star,
    **{f"IfNoValue{b}": given(_if_argument, "press@none", b) for b in ("TF", "T", "F")},
    **{f"IfBoolean{b}": given(_if_argument, "press@true", b) for b in ("TF", "T", "F")},
}
