r"""A formula by itself, as MathJax would take it, said in the LaTeX that Pandoc can make MathML of."""

from __future__ import annotations

from collections.abc import Sequence

from press.core.errors import PressError
from press.tex.define import start
from press.tex.lex import Token, strip_spaces, to_latex, tokens_of
from press.tex.macros import Mouth
from press.tex.math import renderable
from press.tex.mathml import PRELUDE, WITH_PACKAGES

# Of a formula alone: plain TeX's tables, and what MathJax adds.
ALONE = r"""
\def\eqalign#1{\begin{aligned}#1\end{aligned}}\def\displaylines#1{\begin{gathered}#1\end{gathered}}
\def\matrix#1{\begin{matrix}#1\end{matrix}}\def\pmatrix#1{\begin{pmatrix}#1\end{pmatrix}}
\def\cases#1{\begin{cases}#1\end{cases}}\newcommand{\require}[1]{}\newcommand{\href}[2]{#2}\newcommand{\style}[2]{#2}
\newcommand{\class}[2]{#2}\newcommand{\cssId}[2]{#2}\newcommand{\enclose}[3][]{#3}\newcommand{\argmin}{\operatorname*{argmin}}
\newcommand{\argmax}{\operatorname*{argmax}}\newcommand{\R}{\mathbb{R}}\newcommand{\degree}{^\circ}\newcommand{\mod}{\bmod}
\newcommand{\sout}[1]{\cancel{#1}}\newcommand{\lt}{<}\newcommand{\gt}{>}\def\cr{\\}
"""


def readable(latex: str) -> str:
    """The formula without what Pandoc's converter does not know; as it was where it cannot be read."""
    mouth = Mouth({}, lambda message: None)
    try:
        if not _is_whole(tokens_of(latex)):
            return latex  # a brace that somebody forgot: where it belongs is not ours to say
        start(mouth)
        mouth.push(tokens_of(PRELUDE + "".join(WITH_PACKAGES.values()) + ALONE + latex))
        tokens = []
        while (token := mouth.token()) is not None:
            tokens.append(token)
        return to_latex(_with_rows(strip_spaces(renderable(tokens, {}))))
    except (PressError, RecursionError, IndexError, ValueError):
        return latex


def _is_whole(tokens: Sequence[Token]) -> bool:
    """Whether every brace and every environment is closed."""
    depth = 0
    for token in tokens:
        depth += (token.kind in ("open", "begin")) - (token.kind in ("close", "end"))
        if depth < 0:
            return False
    return depth == 0


def _with_rows(tokens: list[Token]) -> list[Token]:
    """Rows and columns that stand in no environment are put into one."""
    depth, found = 0, set()
    for token in tokens:
        depth += (token.kind in ("open", "begin")) - (token.kind in ("close", "end"))
        if depth == 0 and token[:2] in (("macro", "\\"), ("char", "&")):
            found.add(token.text)
    if not found:
        return tokens
    name = "aligned" if "&" in found else "gathered"
    return [Token("begin", name), *tokens, Token("end", name)]
