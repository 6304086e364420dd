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
\newcommand{\vcentcolon}{\mathrel{:}}\newcommand{\dblcolon}{\mathrel{::}}\newcommand{\ratio}{\mathrel{:}}
\newcommand{\coloneq}{\mathrel{:=}}\newcommand{\eqcolon}{\mathrel{=:}}\newcommand{\defeq}{\mathrel{:=}}
\newcommand{\mathchoice}[4]{#1}\newcommand{\mathpalette}[2]{#1\displaystyle{#2}}\newcommand{\hiderel}[1]{#1}
\newcommand{\symbfit}[1]{\boldsymbol{#1}}\newcommand{\symbfup}[1]{\mathbf{#1}}\newcommand{\symsfup}[1]{\mathsf{#1}}
\newcommand{\symup}[1]{\mathrm{#1}}\newcommand{\symrm}[1]{\mathrm{#1}}\newcommand{\symsf}[1]{\mathsf{#1}}
\newcommand{\symcal}[1]{\mathcal{#1}}\newcommand{\symbb}[1]{\mathbb{#1}}\newcommand{\symit}[1]{\mathit{#1}}
\newcommand{\mathbfss}[1]{\mathsf{#1}}\newcommand{\bmsf}[1]{\mathsf{#1}}\newcommand{\pmb}[1]{\boldsymbol{#1}}
\newcommand{\upi}{\pi}\newcommand{\upartial}{\partial}
\newcommand{\centerdot}{\cdot}\newcommand{\enskip}{\;}\newcommand{\qedhere}{}\newcommand{\rlap}[1]{#1}\newcommand{\llap}[1]{#1}
\newcommand{\prescript}[3]{{}^{#1}_{#2}{#3}}\newcommand{\medmath}[1]{#1}\newcommand{\mathsmaller}[1]{#1}
\newcommand{\parbox}[3][]{\text{#3}}\newcommand{\makebox}[2][]{\mbox{#2}}\newcommand{\framebox}[2][]{\boxed{#2}}
\newcommand{\ac}[1]{\text{#1}}\newcommand{\acs}[1]{\text{#1}}\newcommand{\gls}[1]{\text{#1}}\newcommand{\textsubscript}[1]{_{\text{#1}}}
\newcommand{\textsuperscript}[1]{^{\text{#1}}}\newcommand{\mathbold}[1]{\boldsymbol{#1}}\newcommand{\mathpunct}[1]{#1}
\newcommand{\dotsi}{\cdots}\newcommand{\bigm}{\big}\newcommand{\Bigm}{\Big}\newcommand{\mathbbmss}[1]{\mathbb{#1}}
\newcommand{\widebar}[1]{\overline{#1}}\newcommand{\slashed}[1]{\cancel{#1}}\newcommand{\uproot}[1]{}\newcommand{\leftroot}[1]{}
\newcommand{\hline}{}\newcommand{\multicolumn}[3]{#3}\newcommand{\multirow}[3]{#3}\newcommand{\textmd}[1]{\text{#1}}
\newcommand{\ket}[1]{\left|#1\right\rangle}\newcommand{\bra}[1]{\left\langle#1\right|}\newcommand{\Ket}[1]{\ket{#1}}
\newcommand{\Bra}[1]{\bra{#1}}\newcommand{\Braket}[1]{\left\langle#1\right\rangle}\newcommand{\braket}[1]{\langle#1\rangle}
\def\buildrel#1\over#2{\stackrel{#1}{#2}}\def\root#1\of#2{\sqrt[#1]{#2}}\newcommand{\allowdisplaybreaks}[1][]{}
"""


GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"
PRELUDE += "".join(rf"\newcommand{{\up{name}}}{{\{name}}}" for name in GREEK.split())  # upgreek's
CAPITALS = ["Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"]
PRELUDE += "".join(rf"\newcommand{{\Up{name.lower()}}}{{\{name}}}" for name in CAPITALS)
# What packages add that papers then use in formulas, in the same words.
WITH_PACKAGES = {
    "physics": r"""
\NewDocumentCommand\qty{d() o d|| g}{\IfValueT{#1}{\left(#1\right)}\IfValueT{#2}{\left[#2\right]}%
\IfValueT{#3}{\left|#3\right|}\IfValueT{#4}{\left\{#4\right\}}}
\NewDocumentCommand\dv{s o m g}{\IfValueTF{#4}{\frac{\mathrm{d}\IfValueT{#2}{^{#2}}#3}%
{\mathrm{d}#4\IfValueT{#2}{^{#2}}}}{\frac{\mathrm{d}\IfValueT{#2}{^{#2}}}{\mathrm{d}#3\IfValueT{#2}{^{#2}}}}}
\NewDocumentCommand\pdv{s o m g g}{\IfValueTF{#4}{\frac{\partial\IfValueT{#2}{^{#2}}#3}{\partial#4\IfValueT{#2}{^{#2}}%
\IfValueT{#5}{\partial#5}}}{\frac{\partial\IfValueT{#2}{^{#2}}}{\partial#3\IfValueT{#2}{^{#2}}}}}
\NewDocumentCommand\dd{o g d()}{\mathrm{d}\IfValueT{#1}{^{#1}}\IfValueT{#2}{#2}\IfValueT{#3}{(#3)}}
\NewDocumentCommand\abs{s m}{\left|#2\right|}\NewDocumentCommand\norm{s m}{\left\|#2\right\|}
\NewDocumentCommand\braket{s m g}{\left\langle#2\IfValueT{#3}{\middle|#3}\right\rangle}
\NewDocumentCommand\dyad{s m g}{\left|#2\right\rangle\left\langle\IfValueTF{#3}{#3}{#2}\right|}
\NewDocumentCommand\expval{s s m g}{\left\langle\IfValueTF{#4}{#4\middle|#3\middle|#4}{#3}\right\rangle}
\NewDocumentCommand\mel{s s m m m}{\left\langle#3\middle|#4\middle|#5\right\rangle}\let\ev\expval\let\ketbra\dyad
\newcommand{\comm}[2]{\left[#1,#2\right]}\newcommand{\acomm}[2]{\left\{#1,#2\right\}}\newcommand{\order}[1]{\mathcal{O}(#1)}
\newcommand{\vb}[1]{\mathbf{#1}}\newcommand{\va}[1]{\vec{#1}}\newcommand{\vu}[1]{\hat{#1}}\newcommand{\tr}{\operatorname{tr}}
\newcommand{\grad}{\nabla}\newcommand{\curl}{\nabla\times}\newcommand{\laplacian}{\nabla^2}\newcommand{\Tr}{\operatorname{Tr}}
""",
    "siunitx": r"""\newcommand{\SI}[3][]{#2\,\mathrm{#3}}\newcommand{\si}[2][]{\mathrm{#2}}\newcommand{\num}[2][]{#2}
\newcommand{\unit}[2][]{\mathrm{#2}}\newcommand{\ang}[2][]{#2^\circ}""",
}

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
