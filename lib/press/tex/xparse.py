r"""\NewDocumentCommand and \NewDocumentEnvironment, with arguments of every type."""

from __future__ import annotations

from collections.abc import Callable

from press.tex.count import given
from press.tex.lex import CLOSE, OPEN, Token, Tokens, macro, strip_spaces, with_parameters
from press.tex.macros import KEPT, Macro, Mouth

NONE = macro("press@none")
WITH_DEFAULT = "ODGRE"


def types(mouth: Mouth, tokens: Tokens) -> list[tuple[str, Tokens, Tokens]]:
    """What a specification such as `s o m O{x} d()` says: the type, its delimiters, its default."""
    found: list[tuple[str, Tokens, Tokens]] = []
    with mouth.apart(tokens):
        while (token := mouth.raw()) is not None:
            kind = token.text
            if kind == ">":
                mouth.argument()
            elif token.kind == "char" and kind in "mosvgbltuOGdrDReE":
                marks: Tokens = []
                if kind in "tu":
                    marks = mouth.argument()
                elif kind in "drDR":
                    marks = [mouth.raw() or NONE, mouth.raw() or NONE]
                elif kind in "eE":
                    marks = mouth.argument()
                default = mouth.argument() if kind in WITH_DEFAULT else [NONE]
                found.append((kind, marks, default))
    return found


def _given(mouth: Mouth, kind: str, marks: Tokens, default: Tokens, name: str) -> list[Tokens]:
    """What stands in place of one part of a specification."""
    if kind in "mv":
        return [mouth.argument()]
    if kind == "b":
        return [strip_spaces(mouth.body(name))]
    if kind in "st":
        wanted = marks[0] if marks else Token("char", "*")
        following = mouth.peek()
        there = following is not None and following[:2] == wanted[:2]
        if there:
            mouth.raw()
        return [[macro("press@true" if there else "press@false")]]
    if kind in "lu":
        return [mouth.until(tuple(marks) or (OPEN,))]
    if kind in "gG":
        following = mouth.peek()
        return [mouth.argument() if following is not None and following.kind == "open" else default]
    if kind in "eE":
        return _embellishments(mouth, marks, default)
    left, right = [token.text for token in marks] or ["[", "]"]
    return [_enclosed(mouth, left, right) or default]


def _enclosed(mouth: Mouth, left: str, right: str) -> Tokens | None:
    """What stands between two characters, which may stand in pairs inside; None if there is none."""
    following = mouth.peek()
    if following is None or following[:2] != ("char", left):
        return None
    mouth.raw()
    found: Tokens = []
    depth = 0
    while (token := mouth.raw()) is not None:
        if token.kind == "close":  # it belongs to who opened it
            mouth.push([token])
            break
        if token[:2] == ("char", right) and not depth:
            break
        depth += (token[:2] == ("char", left)) - (token[:2] == ("char", right))
        found += [token, *mouth.balanced(), CLOSE] if token.kind == "open" else [token]
    return strip_spaces(found) or [macro("relax")]


def _embellishments(mouth: Mouth, marks: Tokens, default: Tokens) -> list[Tokens]:
    """What follows each of some characters, in whatever order."""
    with mouth.apart(default):
        defaults = [mouth.argument() or [NONE] for _ in marks]
    found = dict(enumerate(defaults))
    for _ in marks:
        following = mouth.peek()
        place = next((i for i, mark in enumerate(marks) if following and following[:2] == mark[:2]), None)
        if place is None:
            break
        mouth.raw()
        found[place] = mouth.argument()
    return [found[i] for i in range(len(marks))]


def collect(mouth: Mouth, plan: list[tuple[str, Tokens, Tokens]], name: str) -> list[Tokens]:
    """The arguments that follow; a default may use those before it."""
    arguments: list[Tokens] = []
    for kind, marks, default in plan:
        arguments += _given(mouth, kind, marks, default, name)
    filled = []
    for argument in arguments:
        parts = with_parameters(argument)
        filled.append([t for part in parts for t in (filled[int(part.text) - 1] if _before(part, filled) else [part])])
    return filled


def _before(token: Token, arguments: list[Tokens]) -> bool:
    return token.kind == "param" and int(token.text) <= len(arguments)


def _command(mouth: Mouth, keep: bool = False) -> None:
    tokens = [token for token in mouth.argument() if token.kind == "macro"]
    name = tokens[0].text if tokens else ""
    plan = types(mouth, mouth.argument())
    value = Macro((), with_parameters(mouth.argument()))

    def use(mouth: Mouth) -> None:
        mouth.fill(name, value, collect(mouth, plan, name))

    if name and name not in KEPT and not (keep and mouth.macros.get(name)):
        mouth.define(mouth.macros, name, None)
        mouth.define(mouth.commands, name, use)


def _environment(mouth: Mouth) -> None:
    name, plan = mouth.name(), types(mouth, mouth.argument())
    begin, end = (Macro((), with_parameters(mouth.argument())) for _ in range(2))
    gathers = any(kind == "b" for kind, *_ in plan)
    given: list[list[Tokens]] = []

    def use(mouth: Mouth) -> None:
        given.append(collect(mouth, plan, name))
        if gathers:
            mouth.push([macro("press@leave")])
            finish(mouth)
        mouth.fill(name, begin, given[-1])

    def finish(mouth: Mouth) -> None:
        mouth.fill(name, end, given[-1] if given else [])

    closing = f"press@end@{name}"
    mouth.commands[closing] = lambda mouth: (finish(mouth), given and given.pop())[0]
    mouth.define(mouth.environments, name, (use, (macro(closing),)))


DOCUMENT: dict[str, Callable[[Mouth], None]] = {
    **dict.fromkeys([f"{verb}DocumentCommand" for verb in ("New", "Renew", "Declare")], _command),
    **dict.fromkeys([f"{verb}ExpandableDocumentCommand" for verb in ("New", "Renew", "Declare")], _command),
    "ProvideDocumentCommand": given(_command, True),
    **dict.fromkeys([f"{verb}DocumentEnvironment" for verb in ("New", "Renew", "Provide", "Declare")], _environment),
}
