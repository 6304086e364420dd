r"""Counters: stepping them, what resets them, how they are printed; and the numbers that TeX reads."""

from __future__ import annotations

from collections.abc import Callable

from press.tex.lex import Token, braced, characters, macro, to_latex
from press.tex.macros import Macro, Mouth

VALUES = {"z@": 0, "@ne": 1, "tw@": 2, "thr@@": 3, "m@ne": -1, "@m": 1000, "@M": 10000}


def given(function: Callable, *arguments) -> Callable[[Mouth], None]:
    """The command that calls this function with these further arguments."""
    return lambda mouth: function(mouth, *arguments)


def step(mouth: Mouth, counter: str) -> None:
    """Add one, and reset what is counted within."""
    counter = mouth.aliases.get(counter, counter)
    mouth.counters[counter] = mouth.counters.get(counter, 0) + 1
    waiting = list(mouth.resets.get(counter, ()))
    seen = {counter}
    while waiting:
        inner = waiting.pop()
        if inner not in seen:
            seen.add(inner)
            mouth.counters[inner] = 0
            waiting += mouth.resets.get(inner, ())


def followed(mouth: Mouth) -> set[str]:
    """The counters that the numbers of equations depend on."""
    found = {"equation", "parentequation", "section", "chapter", "part", "secnumdepth"}
    return found | {outer for outer, inner in mouth.resets.items() if "equation" in inner}


# The numbers that TeX reads


def number(mouth: Mouth) -> int | None:
    """The number that follows, such as 12, -\\value{section}, \\c@page; None if there is none."""
    sign = 1
    for _ in range(1000):
        token = mouth.raw()
        if token is None:
            return None
        if token.kind == "char" and token.text in "+- ":
            sign = -sign if token.text == "-" else sign
        elif token.kind == "char" and token.text.isdecimal() and token.text.isascii():
            return sign * int(_digits(mouth, token.text))
        elif token[:2] == ("char", "`"):
            following = mouth.raw()
            return sign * ord(following.text[0]) if following else None
        elif token.kind == "macro" and (value := _value(mouth, token.text)) is not None:
            return sign * value
        elif token.kind != "macro" or not mouth.expandable(token):
            mouth.push([token])
            return None
    return None


def _digits(mouth: Mouth, text: str) -> str:
    while (token := mouth.peek()) is not None and token.kind == "char" and token.text.isdecimal() and len(text) < 9:
        if token.space:
            break
        text += mouth.raw().text
    return text


def _value(mouth: Mouth, name: str) -> int | None:
    if name in ("value", "arabic", "numexpr"):
        return mouth.counters.get(_counter(mouth), 0) if name != "numexpr" else expression(mouth)
    if name in ("the", "number"):
        return number(mouth)
    if name[:2] == "c@":
        return mouth.counters.get(mouth.aliases.get(name[2:], name[2:]), 0)
    return VALUES.get(name, mouth.registers.get(name))


def expression(mouth: Mouth, depth: int = 0) -> int | None:
    r"""A sum of products, as after \numexpr and in calc; a \relax after it is taken."""
    total, sign, product = 0, 1, None
    operator = ""
    while depth < 20:
        if (token := mouth.peek()) is not None and token[:2] == ("char", "("):
            mouth.raw()
            value = expression(mouth, depth + 1)
        else:
            value = number(mouth)
        if value is None or (operator == "/" and not value):
            return None
        product = value if not operator else product * value if operator == "*" else round(product / value)
        token = mouth.raw()
        text = token.text if token and token.kind == "char" else ""
        operator = text if text in ("*", "/") else ""
        if not operator:
            total += sign * product
            sign = -1 if text == "-" else 1
            if text not in ("+", "-"):
                if token and text != ")" and token[:2] != ("macro", "relax"):
                    mouth.push([token])
                return total
    return None


def evaluate(mouth: Mouth, tokens: list[Token]) -> int | None:
    """The number that these tokens, and nothing else, say."""
    with mouth.apart(tokens):
        found = expression(mouth)
        return found if mouth.token() is None else None


# Counters


def _counter(mouth: Mouth) -> str:
    name = mouth.name()
    return mouth.aliases.get(name, name)


def _set(mouth: Mouth, add: bool) -> None:
    name, tokens = _counter(mouth), mouth.argument()
    value = evaluate(mouth, tokens)
    if value is not None and abs(value) < 10**6:
        mouth.counters[name] = value + (mouth.counters.get(name, 0) if add else 0)
    elif name in followed(mouth):
        mouth.doubt(f"\\setcounter{{{name}}}{{{to_latex(tokens)[:40]}}}: not a number")


def _assign(mouth: Mouth, advance: bool = False) -> None:
    token = mouth.raw()
    name = token.text if token else ""
    table = mouth.counters if name[:2] == "c@" else mouth.registers
    key = name.removeprefix("c@") if table is mouth.counters else name
    key = mouth.aliases.get(key, key)
    if not advance or name[:2] == "c@" or name in mouth.registers:
        while (following := mouth.peek()) and following.kind == "char" and following.text in "=by":
            mouth.raw()
        value = number(mouth)
        if value is not None:
            table[key] = value + (table.get(key, 0) if advance else 0)
        elif key in followed(mouth):
            mouth.doubt(f"\\{name}: its result is not a number")


def _newcount(mouth: Mouth) -> None:
    if (token := mouth.raw()) is not None:
        mouth.registers[token.text] = 0
        mouth.commands[token.text] = lambda mouth: _assign(mouth.again(token))


def _within(mouth: Mouth, rename: bool) -> None:
    if mouth.star():
        rename = False
    style = mouth.given().strip("\\ ")
    name, outer = _counter(mouth), _counter(mouth)
    mouth.resets.setdefault(outer, set()).add(name)
    if rename:
        body = [macro(f"the{outer}"), Token("char", "."), *_call(style or "arabic", name)]
        mouth.define(mouth.macros, f"the{name}", Macro(((),), tuple(body)), everywhere=True)


def _without(mouth: Mouth, rename: bool = True) -> None:
    rename = not mouth.star() and rename
    mouth.optional()
    name, outer = _counter(mouth), _counter(mouth)
    mouth.resets.get(outer, set()).discard(name)
    if rename:
        mouth.define(mouth.macros, f"the{name}", Macro(((),), tuple(_call("arabic", name))), everywhere=True)


def _newcounter(mouth: Mouth) -> None:
    name = mouth.name()
    new_counter(mouth, name, mouth.given())


def new_counter(mouth: Mouth, name: str, outer: str = "", printed: list[Token] | None = None) -> None:
    """A counter that starts at 0, and is reset by an outer one where there is one."""
    mouth.counters[name] = 0
    body = printed or _call("arabic", name)
    mouth.define(mouth.macros, f"the{name}", Macro(((),), tuple(body)), everywhere=True)
    if outer:
        mouth.resets.setdefault(mouth.aliases.get(outer, outer), set()).add(name)


def _alias(mouth: Mouth) -> None:
    name, other = mouth.name(), _counter(mouth)
    mouth.aliases[name] = other
    mouth.define(mouth.macros, f"the{name}", Macro(((),), (macro(f"the{other}"),)), everywhere=True)


def _call(command: str, name: str) -> list[Token]:
    return [macro(command), *braced(name)]


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


FOOTNOTES = "*\u2020\u2021\u00a7\u00b6"
STYLES: dict[str, Callable[[int], str]] = {"arabic": str, "Alph": letter, "alph": lambda n: letter(n).lower()}
STYLES |= {"roman": roman, "Roman": lambda n: roman(n).upper(), "value": str}
STYLES |= {"fnsymbol": lambda n: FOOTNOTES[n - 1] if 0 < n < 6 else str(n)}


def _print(mouth: Mouth, style: str, inner: bool = False) -> None:
    value = number(mouth) if inner else mouth.counters.get(_counter(mouth), 0)  # inner: \@arabic\c@equation
    mouth.push(characters(STYLES[style](value or 0)))


def _roman_numeral(mouth: Mouth) -> None:
    mouth.push(characters(roman(number(mouth) or 0)))


COUNTING: dict[str, Callable[[Mouth], None]] = {
    **dict.fromkeys(("stepcounter", "refstepcounter"), lambda mouth: step(mouth, mouth.name())),
    **{"setcounter": given(_set, False), "addtocounter": given(_set, True), "newcounter": _newcounter},
    **{"numberwithin": given(_within, True), "counterwithin": given(_within, True), "newaliascnt": _alias},
    **{"@addtoreset": given(_within, False), "counterwithout": _without, "@removefromreset": given(_without, False)},
    **{"press@count": _assign, "advance": given(_assign, True), "newcount": _newcount, "romannumeral": _roman_numeral},
    **{style: given(_print, style) for style in STYLES},
    **{f"@{style}": given(_print, style, True) for style in STYLES if style != "value"},
    **{"the": given(_print, "arabic", True), "number": given(_print, "arabic", True)},
}
