r"""Formulas as tokens: cut into rows, and said in the LaTeX that MathML can be made of."""

from __future__ import annotations

import re
from collections.abc import Mapping

from press.tex.lex import CLOSE, OPEN, Token, Tokens, macro, strip_first, to_latex, words
from press.tex.rows import argument_at, group_end, past_brackets

FONTS = {"bf": "mathbf", "rm": "mathrm", "it": "mathit", "cal": "mathcal", "sf": "mathsf", "tt": "mathtt"}
FONTS |= {
    "bfseries": "mathbf",
    "itshape": "mathit",
    "rmfamily": "mathrm",
    "mit": "mathit",
    "sc": "mathrm",
    "scshape": "mathrm",
}
TEXTS = words("text mbox textrm textbf textit texttt textsf textsc textmd textup textnormal")
# TeX takes as their argument a command with its own argument too; Pandoc wants braces around the two.
HOLDERS = words("hat bar tilde vec dot ddot check breve acute grave mathring widehat widetilde overline underline")
HOLDERS |= words("underbrace overbrace mathbf mathrm mathit mathsf mathtt mathcal mathbb mathfrak mathscr boldsymbol")
HOLDERS |= words("bm operatorname")
MOST_HOLDERS = 20
LENGTHS = words("hskip kern mkern mskip vskip raise lower")
WITHOUT = words("label intertext shortintertext footnote cite citep citet citealp vspace* color")  # with their argument
BARE = words("IEEEeqnarraynumspace footnotemark displaybreak nobreakdash scriptstyle centerline")
KNOWN_LENGTH = re.compile(r"-?[\d.]+(em|pt|cm|in)")  # what Pandoc knows
RENAMED = {"dcases": "cases", "dcases*": "cases", "cases*": "cases", "smallmatrix*": "smallmatrix"}
RENAMED |= {"tabular": "array"}


def renderable(tokens: Tokens, numbers: Mapping[str, str], in_text: bool = False) -> Tokens:
    r"""The same formula without what MathML cannot be made of: old font switches, `\over`, lengths, references.

    Args:
        numbers: label -> number, for references inside.
        in_text: these tokens stand in a `\text`.
    """
    out: Tokens = []
    start = 0  # in `out`, of what a following \over would take
    i = 0
    while i < len(tokens):
        token = tokens[i]
        i += 1
        if token.kind == "open":
            end = group_end(tokens, i - 1)
            out += [token, *renderable(tokens[i:end], numbers, in_text), *(tokens[end : end + 1] or [CLOSE])]
            i = end + 1
        elif token.kind in ("begin", "end"):
            out.append(token._replace(text=RENAMED.get(token.text, token.text)))
            start = len(out)
        elif token.kind == "macro":
            new, i = _macro(token, tokens, i, out, start, numbers, in_text)
            if new is None:  # the rest was taken as well
                return out
            out += new
            if token.text in ("left", "\\"):
                start = len(out)
        elif token.kind != "par" and (in_text or token.kind != "math"):  # a $ in a box that was taken off
            out.append(token)
            if token.text == "&" and token.kind == "char":
                start = len(out)
    return out


def _macro(token: Token, tokens: Tokens, i: int, out: Tokens, start: int, numbers: Mapping[str, str], in_text: bool):
    """What a macro becomes, and where what follows begins. May change `out`, from `start`."""
    name = token.text
    if name in FONTS:
        end = _scope(tokens, i)
        inner = renderable(tokens[i:end], numbers, in_text)
        return (inner if in_text or not inner else _call(token, FONTS[name], inner)), end
    if name in HOLDERS and 0 < (held := _holders(tokens, i)) < MOST_HOLDERS:
        inner, end = argument_at(tokens, i + held)
        opened = [OPEN, *(t for holder in tokens[i : i + held] for t in (holder, OPEN))]
        return [token, *opened, *renderable(inner, numbers, in_text), *[CLOSE] * (held + 1)], end
    if name in ("over", "atop") and not in_text:
        end = _scope(tokens, i)
        upper, lower = out[start:], renderable(tokens[i:end], numbers)
        del out[start:]
        if name == "over":
            return [macro("frac"), OPEN, *upper, CLOSE, OPEN, *lower, CLOSE], end
        return [macro("substack"), OPEN, *upper, macro("\\"), *lower, CLOSE], end
    if name in TEXTS:
        inner, i = argument_at(tokens, i)
        inner = renderable(inner, numbers, in_text=True)
        if in_text and inner:
            return [inner[0]._replace(space=token.space or inner[0].space), *inner[1:]], i
        return [token, OPEN, *inner, CLOSE], i
    if name in ("ref", "eqref", "cref", "Cref", "autoref"):
        label, i = argument_at(tokens, i)
        number = numbers.get(to_latex(label), "?")
        shown = [
            Token("char", c, k == 0 and token.space) for k, c in enumerate(f"({number})" if name == "eqref" else number)
        ]
        return (shown if in_text else _call(token, "text", shown)), i
    if name in WITHOUT:
        return [], argument_at(tokens, past_brackets(tokens, i))[1]
    if name in LENGTHS:
        return [], _after_length(tokens, i)
    if name == "hspace":
        star = i < len(tokens) and tokens[i][:2] == ("char", "*")
        inner, end = argument_at(tokens, i + star)
        return ([token, OPEN, *inner, CLOSE] if KNOWN_LENGTH.fullmatch(to_latex(inner)) else [macro(" ")]), end
    if name == "mathop":
        inner, end = argument_at(tokens, i)
        plain = [t for t in inner if t.kind == "char" or t[:2] == ("macro", ",")]
        if len(plain) > 1 and len(plain) == len([t for t in inner if t.text not in ("rm", "sf") or t.kind != "macro"]):
            below = end < len(tokens) and tokens[end][:2] == ("macro", "limits")
            star = [Token("char", "*")] if below else []
            return [token._replace(text="operatorname"), *star, OPEN, *plain, CLOSE], end + below
    return ([] if name in BARE else [token]), i


def _holders(tokens: Tokens, start: int) -> int:
    """How many of these commands follow each other here, up to the most."""
    ahead = enumerate(tokens[start : start + MOST_HOLDERS])
    other = next((k for k, token in ahead if token.kind != "macro" or token.text not in HOLDERS), None)
    return min(MOST_HOLDERS, len(tokens) - start) if other is None else other


def _call(token: Token, name: str, inner: Tokens) -> Tokens:
    return [token._replace(text=name), OPEN, *strip_first(inner), CLOSE]


def _scope(tokens: Tokens, start: int) -> int:
    r"""Where what a switch such as \bf or \over governs ends."""
    depth = lefts = 0
    for i in range(start, len(tokens)):
        kind, text, _ = tokens[i]
        depth += (kind in ("open", "begin")) - (kind in ("close", "end"))
        lefts += (kind == "macro") * ((text == "left") - (text == "right"))
        if depth < 0 or lefts < 0 or (depth == lefts == 0 and (kind, text) in (("char", "&"), ("macro", "\\"))):
            return i
    return len(tokens)


def _after_length(tokens: Tokens, i: int) -> int:
    """Past something like `-1.5em`."""
    while i < len(tokens) and tokens[i].kind == "char" and (tokens[i].text in "+-., " or tokens[i].text.isdigit()):
        i += 1
    if i < len(tokens) and tokens[i].kind == "macro":
        return i + 1
    return i + 2 if i + 1 < len(tokens) and all(t.kind == "char" and t.text.isalpha() for t in tokens[i : i + 2]) else i
