r"""Counters: stepping them, what resets them, and how they are printed."""

from __future__ import annotations

import re
from collections.abc import Callable

from press.intake.tex.lex import Token, macro, to_latex
from press.intake.tex.macros import Macro, Mouth


def step(mouth: Mouth, counter: str) -> None:
    """Add one, and begin anew what is counted within."""
    mouth.counters[counter] = mouth.counters.get(counter, 0) + 1
    waiting = list(mouth.resets.get(counter, ()))
    seen = {counter}
    while waiting:
        inner = waiting.pop()
        if inner not in seen:
            seen.add(inner)
            mouth.counters[inner] = 0
            waiting += mouth.resets.get(inner, ())


def _set(mouth: Mouth, add: bool) -> None:
    name, text = mouth.name(), to_latex(mouth.expand(mouth.argument())).replace(" ", "")
    if re.fullmatch(r"-?\d{1,6}", text):
        mouth.counters[name] = int(text) + (mouth.counters.get(name, 0) if add else 0)
    else:
        mouth.warn(f"\\setcounter{{{name}}}{{{text[:40]}}}: not a number; numbers after it may be off")


def _within(mouth: Mouth, rename: bool) -> None:
    if mouth.star():
        rename = False
    mouth.optional()
    name, outer = mouth.name(), mouth.name()
    mouth.resets.setdefault(outer, set()).add(name)
    if rename:
        body = [macro(f"the{outer}"), Token("char", "."), *_call("arabic", name)]
        mouth.define(mouth.macros, f"the{name}", Macro(((),), tuple(body)), everywhere=True)


def _without(mouth: Mouth) -> None:
    mouth.star()
    name, outer = mouth.name(), mouth.name()
    mouth.resets.get(outer, set()).discard(name)
    mouth.define(mouth.macros, f"the{name}", Macro(((),), tuple(_call("arabic", name))), everywhere=True)


def _newcounter(mouth: Mouth) -> None:
    name = mouth.name()
    mouth.counters[name] = 0
    mouth.define(mouth.macros, f"the{name}", Macro(((),), tuple(_call("arabic", name))), everywhere=True)
    if outer := mouth.optional():
        mouth.resets.setdefault(to_latex(outer), set()).add(name)


def _call(command: str, name: str) -> list[Token]:
    return [macro(command), Token("open", "{"), *(Token("char", c) for c in name), Token("close", "}")]


def letter(number: int) -> str:
    """1 -> A."""
    return chr(64 + number) if 1 <= number <= 26 else str(number)


def roman(number: int) -> str:
    """4 -> iv."""
    out = ""
    pairs = zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ["m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"],
        strict=True,
    )
    for value, text in pairs:
        while 0 < value <= number <= 10_000:
            out, number = out + text, number - value
    return out or str(number)


STYLES: dict[str, Callable[[int], str]] = {"arabic": str, "Alph": letter, "alph": lambda n: letter(n).lower()}
STYLES |= {"roman": roman, "Roman": lambda n: roman(n).upper(), "value": str}


def _print(mouth: Mouth, style: str, inner: bool = False) -> None:
    if inner:  # \@arabic\c@equation
        token = mouth.raw()
        name = token.text.removeprefix("c@") if token else ""
    else:
        name = mouth.name()
    mouth.push([Token("char", c) for c in STYLES[style](mouth.counters.get(name, 0))])


def given(function: Callable, *arguments) -> Callable[[Mouth], None]:
    """The command that calls this function with these further arguments."""
    return lambda mouth: function(mouth, *arguments)


def _step_named(mouth: Mouth) -> None:
    step(mouth, mouth.name())


COUNTING: dict[str, Callable[[Mouth], None]] = {
    **{"stepcounter": _step_named, "refstepcounter": _step_named},
    **{"setcounter": given(_set, False), "addtocounter": given(_set, True), "newcounter": _newcounter},
    **{"numberwithin": given(_within, True), "counterwithin": given(_within, True)},
    **{"@addtoreset": given(_within, False), "counterwithout": _without},
    **{style: given(_print, style) for style in STYLES},
    **{f"@{style}": given(_print, style, True) for style in STYLES},
}
