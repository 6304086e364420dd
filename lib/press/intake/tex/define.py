r"""LaTeX's own commands as far as formulas depend on them: how they are defined, and the table of them all."""

from __future__ import annotations

import re
from collections.abc import Callable

from press.intake.tex.condition import CONDITIONS
from press.intake.tex.count import COUNTING, given
from press.intake.tex.files import PASSING
from press.intake.tex.lex import Token, macro, to_latex, words
from press.intake.tex.macros import IFS, KEPT, Macro, Mouth

Tokens = list[Token]
EMPTY: tuple[Token, ...] = ()


# Papers use these names for what is their own.
FREE = words("path value outer long global url import relax protect xspace")


def start(mouth: Mouth) -> None:
    """Teach a mouth LaTeX's commands."""
    mouth.commands = dict(COMMANDS)
    for name in ("section", "subsection", "subsubsection", "chapter", "part", "equation", "paragraph"):
        mouth.counters[name] = 0
    mouth.resets = {"chapter": {"section"}, "section": {"subsection"}, "subsection": {"subsubsection"}}


def with_parameters(tokens: Tokens) -> tuple[Token, ...]:
    """A definition's text, in which #1 is one token and ## is a #."""
    found: Tokens = []
    waiting = None
    for token in tokens:
        if waiting is not None:
            if token.kind == "char" and token.text in "123456789":
                found.append(Token("param", token.text, waiting.space))
            else:
                found.append(waiting)
                if token[:2] != ("char", "#"):
                    found.append(token)
            waiting = None
        elif token[:2] == ("char", "#"):
            waiting = token
        else:
            found.append(token)
    return (*found, *([waiting] if waiting else []))


def set_macro(mouth: Mouth, name: str, value: Macro, everywhere: bool = False) -> None:
    """Define a macro, unless it is one whose meaning is fixed here, or a style file's internal affair."""
    if not name or name in KEPT or name in IFS or (name in COMMANDS and name not in FREE):
        return
    inner = {token.text for token in value.body if token.kind == "macro" and "@" in token.text} - set(COMMANDS)
    if mouth.style and inner:
        return
    mouth.define(mouth.macros, name, value, everywhere)


def _own_name(mouth: Mouth) -> str:
    tokens = [token for token in mouth.argument() if token.kind == "macro"]
    return tokens[0].text if tokens else ""


def _count(mouth: Mouth) -> int:
    given = mouth.optional()
    text = to_latex(given) if given else ""
    return int(text) if text in tuple("123456789") else 0


def _newcommand(mouth: Mouth, keep: bool = False) -> None:
    mouth.star()
    name, count = _own_name(mouth), _count(mouth)
    default = mouth.optional() if count else None
    body = with_parameters(mouth.argument())
    if not (keep and mouth.macros.get(name)):
        value = Macro((EMPTY,) * (count + 1), body, None if default is None else tuple(default))
        set_macro(mouth, name, value)


def _def(mouth: Mouth, everywhere: bool = False) -> None:
    name = mouth.raw()
    delimiters: list[Tokens] = [[]]
    hashed = False
    while (token := mouth.raw()) is not None and token.kind != "open":
        if hashed and token.kind == "char" and token.text.isdigit():
            delimiters.append([])
        elif token[:2] != ("char", "#"):
            delimiters[-1].append(token)
        hashed = token[:2] == ("char", "#")
    body = with_parameters(mouth.balanced())
    if name is not None and name.kind == "macro":
        set_macro(mouth, name.text, Macro(tuple(map(tuple, delimiters)), body), everywhere)


def _let(mouth: Mouth) -> None:
    name, value = mouth.raw(), mouth.raw()
    if value is not None and value[:2] == ("char", "="):
        value = mouth.raw()
    if name is None or value is None or name.kind != "macro" or name[:2] == value[:2]:
        return
    known = mouth.macros.get(value.text) if value.kind == "macro" else None
    fixed = value.kind == "macro" and value.text not in KEPT and value.text not in mouth.commands
    meaning = Token("fixed" if fixed else value.kind, value.text)  # \alpha may be redefined by what is let to it
    set_macro(mouth, name.text, known or Macro((EMPTY,), (meaning,)))


def _operator(mouth: Mouth) -> None:
    star = mouth.star()
    name, body = _own_name(mouth), mouth.argument()
    head = [macro("operatorname"), *([Token("char", "*")] if star else [])]
    set_macro(mouth, name, Macro((EMPTY,), (*head, Token("open", "{"), *body, Token("close", "}"))))


def _paired(mouth: Mouth, parts: int) -> None:
    r"""\DeclarePairedDelimiter and, with more parts, its X and XPP."""
    name = _own_name(mouth)
    count = _count(mouth) if parts > 2 else 1
    given = [with_parameters(mouth.argument()) for _ in range(parts)]
    before, left, right, after = given[:4] if parts == 5 else (EMPTY, given[0], given[1], EMPTY)
    body = given[-1] if parts > 2 else (Token("param", "1"),)

    def use(mouth: Mouth) -> None:
        if mouth.star():
            sizes = [macro("left")], [macro("middle")], [macro("right")]
        else:
            size = mouth.optional() or []
            sizes = size, size, size
        inner = [t for token in body for t in (sizes[1] if token[:2] == ("macro", "delimsize") else [token])]
        tokens = [*before, *sizes[0], *left, *inner, *sizes[2], *right, *after]
        mouth.use(name, Macro((EMPTY,) * (count + 1), tuple(tokens)))

    if name not in KEPT:
        mouth.commands[name] = use


def _document_command(mouth: Mouth) -> None:
    r"""\NewDocumentCommand with the arguments m, o, O{default} and s."""
    name = _own_name(mouth)
    spec = re.finditer(r"O\s*\{([^{}]*)\}|([smo])", to_latex(mouth.argument()))
    plan = [(found[2] or "O", found[1] or "") for found in spec]
    body = with_parameters(mouth.argument())

    def use(mouth: Mouth) -> None:
        arguments: Tokens = []
        for kind, default in plan:
            if kind == "m":
                given = mouth.argument()
            elif kind == "s":
                given = [macro("press@true" if mouth.star() else "press@false")]
            else:
                given = mouth.optional()
                if given is None:
                    given = [Token("char", c) for c in default] if kind == "O" else [macro("press@none")]
            arguments += [Token("open", "{"), *given, Token("close", "}")]
        mouth.push(arguments)
        mouth.use(name, Macro((EMPTY,) * (len(plan) + 1), body))

    if name and name not in KEPT:
        mouth.macros.pop(name, None)
        mouth.commands[name] = use


def _newenvironment(mouth: Mouth) -> None:
    mouth.star()
    name, count = mouth.name(), _count(mouth)
    default = mouth.optional() if count else None
    begin, end = with_parameters(mouth.argument()), with_parameters(mouth.argument())
    if name not in STRUCTURE:
        value = Macro((EMPTY,) * (count + 1), begin, None if default is None else tuple(default))
        mouth.define(mouth.environments, name, (value, end))


STRUCTURE = words("document equation align gather multline eqnarray subequations split aligned appendix verbatim")
STRUCTURE |= words("equation* align* gather* multline* eqnarray* flalign alignat cases array matrix figure table")


COMMANDS: dict[str, Callable[[Mouth], None]] = {
    **dict.fromkeys(("newcommand", "renewcommand", "DeclareRobustCommand"), _newcommand),
    **{"providecommand": given(_newcommand, True), "def": _def, "edef": _def, "let": _let},
    **dict.fromkeys(("gdef", "xdef"), given(_def, True)),
    **dict.fromkeys(("DeclareMathOperator",), _operator),
    "DeclarePairedDelimiter": given(_paired, 2),
    "DeclarePairedDelimiterX": given(_paired, 3),
    "DeclarePairedDelimiterXPP": given(_paired, 5),
    **dict.fromkeys([f"{verb}DocumentCommand" for verb in ("New", "Renew", "Provide", "Declare")], _document_command),
    **dict.fromkeys(("newenvironment", "renewenvironment"), _newenvironment),
    **dict.fromkeys(("begingroup", "bgroup"), Mouth.enter),
    **dict.fromkeys(("endgroup", "egroup", "press@leave"), Mouth.leave),
    **PASSING,
    **CONDITIONS,
    **COUNTING,
}
