r"""LaTeX's own commands as far as formulas depend on them: how they are defined, and the table of them all."""

from __future__ import annotations

from collections.abc import Callable

from press.tex.choices import CHOICES
from press.tex.condition import CONDITIONS, known, weighs
from press.tex.count import COUNTING, STYLES, given
from press.tex.files import PASSING
from press.tex.lex import CLOSE, OPEN, Token, Tokens, macro, to_latex, with_parameters, words
from press.tex.loops import LOOPS
from press.tex.macros import KEPT, Macro, Mouth
from press.tex.theorems import THEOREMS
from press.tex.xparse import DOCUMENT

EMPTY: tuple[Token, ...] = ()
# What the reader itself relies on; other names of LaTeX may be a paper's own.
LOCKED = words("newcommand renewcommand providecommand def gdef edef xdef let newenvironment renewenvironment newif fi")
LOCKED |= words(
    "else or csname expandafter begingroup endgroup makeatletter makeatother if ifx ifnum ifcase newtheorem"
)
EXPANDING = frozenset((*CONDITIONS, *STYLES, *(f"@{style}" for style in STYLES))) - {"newif", "loop"}
EXPANDING |= words("csname expandafter romannumeral number the @ifundefined IfValueTF IfNoValueTF IfBooleanTF")
EXPANDING |= words("ifdef ifundef ifcsdef ifcsundef ifbool iftoggle ifblank ifstrequal ifdefempty csuse @nameuse")


def start(mouth: Mouth) -> None:
    """Teach a mouth LaTeX's commands."""
    mouth.commands, mouth.expanding = dict(COMMANDS), EXPANDING
    for name in ("section", "subsection", "subsubsection", "chapter", "part", "equation", "paragraph"):
        mouth.counters[name] = 0
    mouth.counters["secnumdepth"] = 3
    mouth.resets = {"section": {"subsection"}, "subsection": {"subsubsection"}, "equation": {"IEEEsubequation"}}


def set_macro(mouth: Mouth, name: str, value: Macro, everywhere: bool = False) -> None:
    """Define a macro, unless it is one whose meaning is fixed here, or a style file's internal affair."""
    if not name or name in KEPT or name in LOCKED:
        return
    if mouth.style and name != "appendix" and name[:3] != "the":
        inner = {token.text for token in value.body if token.kind == "macro" and "@" in token.text} - set(COMMANDS)
        if name in COMMANDS or any(text[:2] != "c@" for text in inner):
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
    if not (keep and known(mouth, name)):
        value = Macro((EMPTY,) * (count + 1), body, None if default is None else tuple(default))
        set_macro(mouth, name, value)


def fully(mouth: Mouth, tokens: Tokens) -> Tokens:
    r"""Tokens as \edef expands them."""
    found: Tokens = []
    with mouth.apart(tokens):
        while (token := mouth.raw()) is not None:
            if token[:2] in (("macro", "noexpand"), ("macro", "protect")):
                found += [following] if (following := mouth.raw()) else []
            elif token[:2] == ("macro", "unexpanded"):
                found += mouth.argument()
            elif token.kind != "macro" or not mouth.expandable(token):
                found.append(token)
    return found


def _def(mouth: Mouth, everywhere: bool = False, expand: bool = False) -> None:
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
    if expand:
        body = tuple(fully(mouth, list(body)))
    if name is not None and name.kind == "macro":
        set_macro(mouth, name.text, Macro(tuple(map(tuple, delimiters)), body), everywhere)


def _def_named(mouth: Mouth, everywhere: bool = False, expand: bool = False) -> None:
    r"""\@namedef{name} and \csdef{name}, which go on as \def does."""
    mouth.push([macro(mouth.name())])
    _def(mouth, everywhere, expand)


def _let(mouth: Mouth) -> None:
    name, value = mouth.raw(), mouth.raw()
    if value is not None and value[:2] == ("char", "="):
        value = mouth.raw()
    if name is None or value is None or name.kind != "macro" or name[:2] == value[:2]:
        return
    let(mouth, name.text, value)


def let(mouth: Mouth, name: str, value: Token) -> None:
    """Give a name the meaning that another token has now."""
    known = mouth.macros.get(value.text) if value.kind == "macro" else None
    if name[:2] == value.text[:2] == "c@":
        mouth.aliases[name[2:]] = value.text[2:]
    elif value[:2] in (("macro", "undefined"), ("macro", "@undefined")):
        mouth.define(mouth.macros, name, None)
    elif value.kind == "macro" and not known and value.text in mouth.commands and name not in KEPT | LOCKED:
        mouth.define(mouth.commands, name, mouth.commands[value.text])
        mouth.define(mouth.macros, name, None)
    else:
        fixed = value.kind == "macro" and value.text not in KEPT and value.text not in mouth.commands
        meaning = Token("fixed" if fixed else value.kind, value.text)  # \alpha may be redefined by what is let to it
        set_macro(mouth, name, known or Macro((EMPTY,), (meaning,)))


def _let_named(mouth: Mouth, named: bool) -> None:
    name = mouth.name()
    value = macro(mouth.name()) if named else mouth.raw()
    if value:
        let(mouth, name, value)


def _operator(mouth: Mouth) -> None:
    star = mouth.star()
    name, body = _own_name(mouth), mouth.argument()
    head = [macro("operatorname"), *([Token("char", "*")] if star else [])]
    set_macro(mouth, name, Macro((EMPTY,), (*head, OPEN, *body, CLOSE)))


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


def _newenvironment(mouth: Mouth, again: bool = False) -> None:
    mouth.star()
    name, count = mouth.name(), _count(mouth)
    default = mouth.optional() if count else None
    begin, end = with_parameters(mouth.argument()), with_parameters(mouth.argument())
    if name not in STRUCTURE:
        value = Macro((EMPTY,) * (count + 1), begin, None if default is None else tuple(default))
        mouth.define(mouth.environments, name, (lambda mouth: mouth.use(name, value), end))
    elif again and name not in QUIET and weighs(mouth, [*begin, *end]):
        mouth.doubt(f"environment {name} is redefined; it is read as LaTeX defines it")


def _new_environ(mouth: Mouth) -> None:
    r"""environ's \NewEnviron, whose text stands in \BODY."""
    name, count = mouth.name(), _count(mouth)
    default = mouth.optional() if count else None
    value = Macro((EMPTY,) * (count + 1), with_parameters(mouth.argument()), default and tuple(default))
    end = tuple(mouth.optional() or ())

    def use(mouth: Mouth) -> None:
        with mouth.apart(mouth.body(name)):
            arguments, body = mouth.arguments(value), []
            while (token := mouth.raw()) is not None:
                body.append(token)
        mouth.push([*end, macro("press@leave")])
        mouth.define(mouth.macros, "BODY", Macro((EMPTY,), tuple(body)))
        mouth.fill(name, value, arguments)

    mouth.define(mouth.environments, name, (use, EMPTY))


STRUCTURE = words("document equation align gather multline eqnarray subequations split aligned appendix verbatim")
STRUCTURE |= words("equation* align* gather* multline* eqnarray* flalign alignat cases array matrix figure table")
QUIET = words("document appendix verbatim matrix figure table array")


COMMANDS: dict[str, Callable[[Mouth], None]] = {
    **dict.fromkeys(("newcommand", "renewcommand", "DeclareRobustCommand"), _newcommand),
    **dict.fromkeys(("newrobustcmd", "renewrobustcmd"), _newcommand),
    **dict.fromkeys(("providecommand", "providerobustcmd"), given(_newcommand, True)),
    **{"def": _def, "edef": given(_def, False, True), "let": _let, "protected@edef": given(_def, False, True)},
    **{"gdef": given(_def, True), "xdef": given(_def, True, True), "protected@xdef": given(_def, True, True)},
    **{"@namedef": _def_named, "csdef": _def_named, "csgdef": given(_def_named, True)},
    **{"csedef": given(_def_named, False, True), "csxdef": given(_def_named, True, True)},
    **{"cslet": given(_let_named, False), "csletcs": given(_let_named, True)},
    **dict.fromkeys(("DeclareMathOperator",), _operator),
    "DeclarePairedDelimiter": given(_paired, 2),
    "DeclarePairedDelimiterX": given(_paired, 3),
    "DeclarePairedDelimiterXPP": given(_paired, 5),
    **{"newenvironment": _newenvironment, "renewenvironment": given(_newenvironment, True), "NewEnviron": _new_environ},
    "RenewEnviron": _new_environ,
    **dict.fromkeys(("begingroup", "bgroup"), Mouth.enter),
    **dict.fromkeys(("endgroup", "egroup", "press@leave"), Mouth.leave),
    **PASSING,
    **CONDITIONS,
    **CHOICES,
    **COUNTING,
    **LOOPS,
    **THEOREMS,
    **DOCUMENT,
}
