r"""Theorems, whose counters equations may share or be counted within; and displays that begin as commands."""

from __future__ import annotations

from collections.abc import Callable

from press.tex.count import given, new_counter
from press.tex.lex import CLOSE, OPEN, Token, braced, macro, words
from press.tex.macros import Mouth

DISPLAYS = words("equation multline align gather eqnarray flalign alignat IEEEeqnarray subequations displaymath")


def _theorem(mouth: Mouth, name: str, shared: str, within: str) -> None:
    if shared:
        mouth.theorems[name] = mouth.aliases[name] = mouth.aliases.get(shared, shared)
        if shared != name:
            same = [OPEN, macro(f"the{shared}"), CLOSE]
            mouth.push([macro("def"), macro(f"the{name}"), *same])
    else:
        mouth.theorems[name] = name
        printed = [macro(f"the{within}"), Token("char", "."), macro("arabic"), *braced(name)] if within else None
        new_counter(mouth, name, within, printed)


def _newtheorem(mouth: Mouth, styles: int = 0) -> None:
    star = mouth.star()
    name = mouth.name()
    shared = mouth.given()
    mouth.argument()
    within = mouth.given()
    for _ in range(styles):
        mouth.argument()
    if star:
        mouth.theorems[name] = ""
    else:
        _theorem(mouth, name, shared, within)


def _declare(mouth: Mouth) -> None:
    r"""\declaretheorem[numberwithin=section]{name}, with its options before or after the name."""
    options = mouth.given()
    names = mouth.name()
    options += "," + mouth.given()
    said = dict(part.split("=", 1) for part in options.replace(" ", "").split(",") if "=" in part)
    shared = next((said[key] for key in ("sibling", "numberlike", "sharenumber", "sharecounter") if key in said), "")
    within = next((said[key] for key in ("numberwithin", "within", "parent") if key in said), "")
    for name in names.split(","):
        if said.get("numbered") in ("no", "unless"):
            mouth.theorems[name.strip()] = ""
        else:
            _theorem(mouth, name.strip(), shared.strip("{}"), within.strip("{}"))


def _begin(mouth: Mouth, verb: str, name: str) -> None:
    mouth.push([macro(verb), *braced(name)])


THEOREMS: dict[str, Callable[[Mouth], None]] = {
    **dict.fromkeys(("newtheorem", "newmdtheoremenv", "newshadetheorem", "newframedtheorem"), _newtheorem),
    **{"spnewtheorem": given(_newtheorem, 2), "declaretheorem": _declare},
    **{name + star: given(_begin, "begin", name + star) for name in DISPLAYS for star in ("", "*")},
    **{f"end{name}{star}": given(_begin, "end", name + star) for name in DISPLAYS for star in ("", "*")},
}
