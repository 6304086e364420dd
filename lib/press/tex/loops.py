r"""Loops, of which papers make their macros, and commands that add to others."""

from __future__ import annotations

import re
from collections.abc import Callable

from press.tex.count import given
from press.tex.lex import CLOSE, OPEN, Token, Tokens, macro, strip_spaces, to_latex, tokens_of
from press.tex.macros import Macro, Mouth
from press.tex.rows import split

MAX_ITEMS = 500


def items(mouth: Mouth, tokens: Tokens) -> list[Tokens]:
    """The items of a list with commas, with `A,...,Z` and `1,3,...,9` written out."""
    if len(tokens) == 1 and (body := mouth.macros.get(tokens[0].text)):
        tokens = list(body.body)
    found: list[Tokens] = []
    parts = [strip_spaces(part) for part in split(tokens, Token("char", ","))]
    for i, part in enumerate(parts):
        if to_latex(part) in ("...", "\\dots", "\\ldots") and 0 < i < len(parts) - 1:
            found += [tokens_of(text) for text in _between([to_latex(p) for p in parts[:i]], to_latex(parts[i + 1]))]
        else:
            found.append(part)
    return found[:MAX_ITEMS]


def _between(before: list[str], last: str) -> list[str]:
    first = before[-1]
    if len(first) == len(last) == 1 and first.isalpha() and last.isalpha():
        return [chr(code) for code in range(ord(first) + 1, ord(last))]
    if not all(re.fullmatch(r"-?\d{1,6}", text) for text in (first, last)):
        return []
    second = int(before[-2]) if len(before) > 1 and re.fullmatch(r"-?\d{1,6}", before[-2]) else int(first) - 1
    stride = int(first) - second or 1
    numbers = range(int(first) + stride, int(last), stride)
    return [str(number) for number in numbers[:MAX_ITEMS]]


def _repeat(mouth: Mouth, names: Tokens, found: list[Tokens], body: Tokens, grouped: bool = True) -> None:
    """The body for each item, of which `a/b` gives to several names."""
    out: Tokens = []
    for item in found:
        parts = split(item, Token("char", "/")) if len(names) > 1 else [item]
        out += [macro("begingroup")] * grouped
        for name, part in zip(names, parts + [parts[-1]] * len(names), strict=False):
            out += [macro("def"), name, OPEN, *strip_spaces(part), CLOSE]
        out += [*body, *[macro("endgroup")] * grouped]
    mouth.push(out)


def _foreach(mouth: Mouth) -> None:
    names = []
    while (token := mouth.raw()) is not None and token[:2] not in (("char", "i"), ("char", "[")):
        names += [token] if token.kind == "macro" else []
    if token and token.text == "[":
        mouth.until((Token("char", "]"),))
        mouth.raw()
    mouth.raw()  # the n of "in"
    found = items(mouth, mouth.argument())
    following = mouth.peek()
    _repeat(mouth, names, found, mouth.argument() if following and following.kind == "open" else [])


def _for(mouth: Mouth, letters: bool = False) -> None:
    r"""\@for\x:=a,b\do{...} and \@tfor\x:=ab\do{...}."""
    name = mouth.raw()
    listed: Tokens = []
    while (token := mouth.raw()) is not None and token[:2] != ("macro", "do"):
        listed.append(token)
    listed = [token for i, token in enumerate(listed) if i > 1 or token.text not in (":", "=")]
    body = mouth.argument()
    found = [[token] for token in listed] if letters else items(mouth, listed)
    if name:
        _repeat(mouth, [name], found, body, grouped=False)


def _for_list(mouth: Mouth) -> None:
    r"""\forcsvlist{\command}{a,b}."""
    command = mouth.argument()
    found = items(mouth, mouth.argument())
    mouth.push([token for item in found for token in (*command, OPEN, *item, CLOSE)])


def _list(mouth: Mouth) -> None:
    mouth.push([t for item in items(mouth, mouth.argument()) for t in (macro("do"), OPEN, *item, CLOSE)])


def _add(mouth: Mouth, front: bool = False, extra: int = 0) -> None:
    """Add to what a command stands for; before a heading it becomes a hook."""
    token = next((token for token in mouth.argument() if token.kind == "macro"), None)
    addition = mouth.argument()
    for _ in range(extra):
        mouth.argument()
    if token is None:
        return
    name, known = token.text, mouth.macros.get(token.text)
    if known:
        body = (*addition, *known.body) if front else (*known.body, *addition)
        mouth.define(mouth.macros, name, Macro(known.delimiters, body, known.default), everywhere=True)
    elif name in mouth.commands and name not in ("input", "include"):
        old = macro(f"press@old@{name}")
        mouth.commands[old.text] = mouth.commands[name]
        body = (*addition, old) if front else (old, *addition)
        mouth.define(mouth.macros, name, Macro(((),), body), everywhere=True)
    else:
        mouth.hooks.setdefault(name, []).extend(addition)


def _hook(mouth: Mouth) -> None:
    r"""\AtBeginEnvironment{name}{...}."""
    name = mouth.name()
    mouth.hooks.setdefault(name, []).extend(mouth.argument())


def _add_hook(mouth: Mouth) -> None:
    r"""\AddToHook{env/name/begin}{...}."""
    name = mouth.name()
    mouth.optional()
    code = mouth.argument()
    if found := re.fullmatch(r"env/(.*)/begin|cmd/(.*)/before", name):
        mouth.hooks.setdefault(found[1] or found[2], []).extend(code)
    elif name.startswith("begindocument"):
        mouth.hooks.setdefault("document", []).extend(code)


def _use_named(mouth: Mouth) -> None:
    mouth.push([macro(mouth.name())])


LOOPS: dict[str, Callable[[Mouth], None]] = {
    **{"foreach": _foreach, "@for": _for, "@tfor": given(_for, True), "forcsvlist": _for_list, "docsvlist": _list},
    **dict.fromkeys(("g@addto@macro", "appto", "gappto"), _add),
    **dict.fromkeys(("preto", "gpreto"), given(_add, True)),
    **{"apptocmd": given(_add, False, 2), "pretocmd": given(_add, True, 2)},
    **{"AtBeginEnvironment": _hook, "AddToHook": _add_hook, "csuse": _use_named, "@nameuse": _use_named},
}
