r"""Tests that take what follows as arguments: \@ifundefined, \ifthenelse, \IfValueTF, etoolbox's."""

from __future__ import annotations

import re
from collections.abc import Callable

from press.tex.condition import choose, known, undecided
from press.tex.count import evaluate, given
from press.tex.lex import Token, braced, macro, strip_spaces, to_latex
from press.tex.macros import Mouth


def _first(mouth: Mouth) -> str:
    token = next((token for token in mouth.argument() if token.kind == "macro"), None)
    return token.text if token else ""


def _numbers(mouth: Mouth, left: list[Token], sign: str, right: list[Token]) -> bool | None:
    first, second = evaluate(mouth, left), evaluate(mouth, right)
    if first is None or second is None:
        return None
    return {"<": first < second, "=": first == second, ">": first > second}.get(sign)


def _if_then_else(mouth: Mouth) -> None:
    test = mouth.argument()
    text = to_latex(test)
    names = re.fullmatch(r"\\boolean\s*\{(.*)\}", text)
    same = re.fullmatch(r"\\equal\s*\{(.*)\}\s*\{(.*)\}", to_latex(mouth.expand(test)))
    sign = next((i for i, token in enumerate(test) if token.kind == "char" and token.text in "<=>"), 0)
    if names:
        holds = mouth.flags.get("if" + names[1])
    elif same:
        holds = same[1].strip() == same[2].strip()
    elif sign:
        holds = _numbers(mouth, test[:sign], test[sign].text, test[sign + 1 :])
    else:
        holds = None
    choose(mouth, holds, "ifthenelse")


def _if_next(mouth: Mouth) -> None:
    wanted, yes, no = mouth.raw(), mouth.argument(), mouth.argument()
    following = mouth.peek()
    mouth.push(yes if wanted and following and wanted[:2] == following[:2] else no)


def _if_star(mouth: Mouth) -> None:
    yes, no = mouth.argument(), mouth.argument()
    mouth.push(yes if mouth.star() else no)


def _if_argument(mouth: Mouth, name: str, branches: str, opposite: bool = False) -> None:
    holds = ([token.text for token in mouth.argument()] == [name]) != opposite
    yes, no = (mouth.argument() if branch in branches else [] for branch in "TF")
    mouth.push(yes if holds else no)


def _if_blank(mouth: Mouth, opposite: bool = False) -> None:
    choose(mouth, (not strip_spaces(mouth.argument())) != opposite, "ifblank")


def _if_known(mouth: Mouth, as_name: bool, opposite: bool) -> None:
    name = mouth.name() if as_name else _first(mouth)
    holds = known(mouth, name)
    choose(mouth, None if holds is None else holds != opposite, f"a test for \\{name}")


def _if_package(mouth: Mouth, options: bool = False) -> None:
    name, wanted = mouth.name(), mouth.name() if options else ""
    holds = name in mouth.packages and (not options or wanted in mouth.options)
    if not holds and mouth.packages - mouth.done and name not in mouth.packages:
        yes, no = mouth.argument(), mouth.argument()  # a package may have come with another one
        undecided(mouth, f"@ifpackageloaded{{{name}}}", yes, no)
    else:
        choose(mouth, holds, "@ifpackageloaded")


def _if_class(mouth: Mouth) -> None:
    choose(mouth, mouth.name() == mouth.family, "@ifclassloaded")


def _if_flag(mouth: Mouth, prefix: str, opposite: bool = False) -> None:
    name = mouth.name()
    holds = mouth.flags.get(prefix + name)
    choose(mouth, None if holds is None else holds != opposite, f"a test of {name}")


def _set_flag(mouth: Mouth, prefix: str, value: bool | None) -> None:
    name = prefix + mouth.name()
    mouth.define(mouth.flags, name, mouth.name() == "true" if value is None else value)


def _if_same(mouth: Mouth) -> None:
    choose(mouth, to_latex(mouth.argument()) == to_latex(mouth.argument()), "ifstrequal")


def _if_empty(mouth: Mouth, opposite: bool = False) -> None:
    name = _first(mouth)
    body = mouth.macros.get(name)
    holds = known(mouth, name) if body is None else not body.body
    choose(mouth, None if holds is None else holds != opposite, "ifdefempty")


def _if_string(mouth: Mouth) -> None:
    body, text = mouth.macros.get(_first(mouth)), to_latex(mouth.argument())
    choose(mouth, bool(body) and to_latex(body.body) == text, "ifdefstring")


def _if_compared(mouth: Mouth, sign: str) -> None:
    left = mouth.argument()
    sign = sign or mouth.name()
    choose(mouth, _numbers(mouth, left, sign, mouth.argument()), "ifnumcomp")


def _if_odd(mouth: Mouth) -> None:
    value = evaluate(mouth, mouth.argument())
    choose(mouth, None if value is None else value % 2 == 1, "ifnumodd")


def _if_test(mouth: Mouth) -> None:
    mouth.argument()
    choose(mouth, None, "ifboolexpr")


def _if_file(mouth: Mouth, read: bool) -> None:
    name = mouth.name()
    yes, no = mouth.argument(), mouth.argument()
    found = mouth.find(name)
    style = not found and name.endswith((".sty", ".cls", ".def", ".cfg", ".fd"))
    if style:  # whether LaTeX has it is not known
        undecided(mouth, f"IfFileExists{{{name}}}", yes, no)
    elif not read or not found:
        mouth.push(yes if found else no)
    else:  # the first argument comes before the file's text
        mouth.push([*yes, macro("input"), *braced(name)])


CHOICES: dict[str, Callable[[Mouth], None]] = {
    "ifthenelse": _if_then_else,
    "@ifnextchar": _if_next,
    "kernel@ifnextchar": _if_next,
    "@ifstar": _if_star,
    **{f"IfNoValue{b}": given(_if_argument, "press@none", b) for b in ("TF", "T", "F")},
    **{f"IfValue{b}": given(_if_argument, "press@none", b, True) for b in ("TF", "T", "F")},
    **{f"IfBoolean{b}": given(_if_argument, "press@true", b) for b in ("TF", "T", "F")},
    **{"ifblank": _if_blank, "ifstrempty": _if_blank, "IfBlankTF": _if_blank, "notblank": given(_if_blank, True)},
    **{"@ifundefined": given(_if_known, True, True), "ifcsundef": given(_if_known, True, True)},
    **{"ifcsdef": given(_if_known, True, False), "ifdef": given(_if_known, False, False)},
    **{"ifundef": given(_if_known, False, True), "ifdefempty": _if_empty, "ifdefvoid": _if_empty},
    **dict.fromkeys(("@ifpackageloaded", "IfPackageLoadedTF"), _if_package),
    "@ifpackagewith": given(_if_package, True),
    **dict.fromkeys(("@ifclassloaded", "IfClassLoadedTF"), _if_class),
    **{"iftoggle": given(_if_flag, "toggle@"), "nottoggle": given(_if_flag, "toggle@", True)},
    **{"ifbool": given(_if_flag, "if"), "notbool": given(_if_flag, "if", True)},
    **{"newtoggle": given(_set_flag, "toggle@", False), "providetoggle": given(_set_flag, "toggle@", False)},
    **{"toggletrue": given(_set_flag, "toggle@", True), "togglefalse": given(_set_flag, "toggle@", False)},
    **{"newbool": given(_set_flag, "if", False), "newboolean": given(_set_flag, "if", False)},
    **{"booltrue": given(_set_flag, "if", True), "boolfalse": given(_set_flag, "if", False)},
    **{"setboolean": given(_set_flag, "if", None), "setbool": given(_set_flag, "if", None)},
    **{"settoggle": given(_set_flag, "toggle@", None), "ifstrequal": _if_same, "ifdefstring": _if_string},
    **{"ifnumcomp": given(_if_compared, ""), "ifnumequal": given(_if_compared, "="), "ifnumodd": _if_odd},
    **{"ifnumgreater": given(_if_compared, ">"), "ifnumless": given(_if_compared, "<"), "ifboolexpr": _if_test},
    **{"ifboolexpe": _if_test, "IfFileExists": given(_if_file, False), "InputIfFileExists": given(_if_file, True)},
}
