r"""LaTeX and MathML: commands that Pandoc's converter does not know, and which formulas it cannot convert."""

from __future__ import annotations

import json
from itertools import accumulate

from press.core.pandoc import run_pandoc

# Commands that Pandoc's converter does not know, in words that it does; a paper's own definitions go over these.
PRELUDE = r"""
\newcommand{\ensuremath}[1]{#1}\newcommand{\mathbbm}[1]{\mathbb{#1}}\newcommand{\mathds}[1]{\mathbb{#1}}
\newcommand{\varmathbb}[1]{\mathbb{#1}}\newcommand{\Bbb}[1]{\mathbb{#1}}\newcommand{\bold}[1]{\mathbf{#1}}
\newcommand{\frak}[1]{\mathfrak{#1}}\newcommand{\mathsfit}[1]{\mathsf{#1}}\newcommand{\mathpzc}[1]{\mathcal{#1}}
\newcommand{\hbox}[1]{\mbox{#1}}\newcommand{\textnormal}[1]{\text{#1}}\newcommand{\textsc}[1]{\text{#1}}
\newcommand{\emph}[1]{\textit{#1}}\newcommand{\textup}[1]{\text{#1}}\newcommand{\textsl}[1]{\textit{#1}}
\newcommand{\nicefrac}[3][]{\frac{#2}{#3}}\newcommand{\sfrac}[3][]{\frac{#2}{#3}}\newcommand{\cfrac}[3][]{\frac{#2}{#3}}
\newcommand{\textcolor}[3][]{#3}\newcommand{\color}[2][]{}\newcommand{\colorbox}[3][]{#3}
\newcommand{\scalebox}[2]{#2}\newcommand{\resizebox}[3]{#3}\newcommand{\raisebox}[2]{#2}
\newcommand{\vcenter}[1]{#1}\newcommand{\smash}[2][]{#2}\newcommand{\lefteqn}[1]{#1}\newcommand{\mathinner}[1]{#1}
\newcommand{\mathrlap}[1]{#1}\newcommand{\mathllap}[1]{#1}\newcommand{\mathclap}[1]{#1}\newcommand{\smashoperator}[2][]{#2}
\newcommand{\fbox}[1]{\boxed{#1}}\newcommand{\bmod}{\operatorname{mod}}
\newcommand{\vphantom}[1]{}\newcommand{\hphantom}[1]{}\newcommand{\vspace}[1]{}\newcommand{\rule}[3][]{}
\newcommand{\mathstrut}{}\newcommand{\strut}{}\newcommand{\allowbreak}{}\newcommand{\hfill}{}\newcommand{\noindent}{}
\newcommand{\centering}{}\newcommand{\par}{}\newcommand{\small}{}\newcommand{\footnotesize}{}\newcommand{\scriptsize}{}
\newcommand{\tiny}{}\newcommand{\normalsize}{}\newcommand{\large}{}\newcommand{\boldmath}{}\newcommand{\null}{}
\newcommand{\thinspace}{\,}\newcommand{\negthinspace}{\!}\newcommand{\/}{}\newcommand{\nobreak}{}\newcommand{\displaylimits}{}
\def\buildrel#1\over#2{\stackrel{#1}{#2}}\def\root#1\of#2{\sqrt[#1]{#2}}\newcommand{\allowdisplaybreaks}[1][]{}
"""


LONGEST = 20_000  # characters of a formula
DEEPEST = 50  # braces within each other


def _depth(formula: str) -> int:
    return max(accumulate((character == "{") - (character == "}") for character in formula), default=0)


def not_mathml(formulas: list[str]) -> set[int]:
    """Which of these Pandoc cannot make MathML of; one that is very long or deep is not even tried.

    Raises:
        RuntimeError: Pandoc failed, or used over two minutes of processor time.
    """
    from lxml import html

    tried = [
        number for number, formula in enumerate(formulas) if len(formula) <= LONGEST and _depth(formula) <= DEEPEST
    ]
    if not tried:
        return set(range(len(formulas)))
    document = json.loads(run_pandoc(["-f", "markdown", "-t", "json"], ""))
    for number in tried:
        math = {"t": "Math", "c": [{"t": "DisplayMath"}, formulas[number]]}
        document["blocks"].append({"t": "Div", "c": [[f"e{number}", [], []], [{"t": "Para", "c": [math]}]]})
    page = run_pandoc(
        ["+RTS", "-M900m", "-RTS", "-f", "json", "-t", "html", "--mathml", "--quiet"], json.dumps(document), seconds=120
    )
    good = {
        div.get("id") for div in html.fromstring(f"<main>{page}</main>").iter("div") if div.find(".//math") is not None
    }
    return {number for number in range(len(formulas)) if f"e{number}" not in good}
