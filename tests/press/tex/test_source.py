"""Numbers and formulas read from made-up LaTeX sources, against what LaTeX prints for them."""

from __future__ import annotations

import pytest

from press.core.errors import PressError
from press.tex.paper import read_paper

MAIN = r"""% \documentclass{comment}
\documentclass[11pt]{article}
\usepackage{amsmath, mymath}
\newcommand{\E}[2][q]{\mathbb{E}_{#1}\left[#2\right]}
\newcommand\x{\ensuremath{\mathbf{x}}}
\def\kl(#1|#2){D_{\mathrm{KL}}(#1\,\|\,#2)}
\def\be{\begin{equation}} \def\ee{\end{equation}}
\newenvironment{framed-equation}[1]{\begin{equation}\label{#1}}{\end{equation}}
\DeclareMathOperator*{\argmin}{arg\,min}
\DeclareMathOperator{\Tr}{Tr}
\let\old\alpha \renewcommand{\alpha}{\bar\old}
\newif\iflong \longtrue
\numberwithin{equation}{section}
\title{A \emph{made-up} paper\thanks{Money} on $x_0$}
\author{Jane Doe$^{1}$ \\ University \and Kurt G\"odel\footnote{Logic}}
\begin{document}
\maketitle
\section{Introduction} Costs 50\% of \verb|$x % \begin{equation}| and \url{http://a/%20b}.
\begin{equation}\label{eq:first} \E{\x_t} = \kl(p|q) % = \nonumber
\end{equation}
\input{sections/body}
\be x = \Tr A \label{eq_b} \ee
\[ z = \alpha \tag{$\star$} \]
$$ w = 1 \eqno(7) $$
\begin{verbatim}
\begin{equation} no \end{equation}
\end{verbatim}
\begin{subequations}\label{eq:sub}
\begin{align}
 a &= b + {\bf c} \label{eq:s1}\\
 c &= d \nonumber \\
   &= e \label{eq:s2} \\
 f &= g \tag{S*} \\[2pt]
 \argmin_x f & = \eqref{eq:first} \notag \\
   &\quad + \text{see \ref{eq:s1}}
\end{align}
\end{subequations}
\begin{eqnarray} a &=& b \\ c &=& {a \over b} \nonumber\\ &=& d \\ e &\leq& f \nonumber \end{eqnarray}
\begin{multline*} no \end{multline*}
\begin{framed-equation}{eq:own} \abs*{\frac{a}{b}} \in \R \end{framed-equation}
\begin{multline} a + b \\ + c \end{multline}
\section*{Not numbered}
\begin{gather} a \\ b \notag \\ c \end{gather}
\begin{equation*} no \end{equation*}
\input{nothere}
\iflong \begin{equation} yes \end{equation} \else \begin{equation} no \end{equation} \fi
\iffalse \begin{equation} never \end{equation} \fi
\begin{align} a &= b & c &= d \\ e &= f \end{align}
\appendix
\section{Proofs}
\subsection{More}
\begin{equation} y = f''(x) \end{equation}
\begin{equation}\begin{split} a&=b\\&=c\end{split}\end{equation}
\setcounter{equation}{9}
\begin{alignat}{2} u &= v & \\ \end{alignat}
\begin{equation} w \end{equation}
\end{document}
\begin{equation} after \end{equation}
"""
BODY = "caf\u00e9 \\newcommand\\half{\\tfrac12}\n\\begin{equation}\\half \\x^{\\text{\u00e9t\u00e9}}\\end{equation}"
STYLE = (
    "\\newcommand{\\R}{\\mathbb{R}}\\def\\section{\\@startsection{section}}\\def\\Tr{\\my@trace}"
    "\\DeclarePairedDelimiter{\\abs}{\\lvert}{\\rvert}"
)
EXPECTED = [
    ("1.1", "eq:first", r"\mathbb{E}_{q}\left[\mathbf{x}_t\right] = D_{\mathrm{KL}}(p\,\|\,q)"),
    ("1.2", "", "\\tfrac12\\mathbf{x}^{\\text{\u00e9t\u00e9}}"),
    ("1.3", "eq_b", r"x = \operatorname{Tr}A"),
    ("\u22c6", "", r"z = \bar\alpha"),
    ("7", "", "w = 1"),
    ("1.4a", "eq:s1", r"a= b + {\mathbf{c}}"),
    ("1.4b", "eq:s2", r"\begin{aligned} c &= d \\ &= e \end{aligned}"),
    ("S*", "", "f= g"),
    (
        "1.4c",
        "",
        r"\begin{aligned} \operatorname*{arg\,min}_x f & = \text{(1.1)} \\ &\quad+ \text{see 1.4a} \end{aligned}",
    ),
    ("1.5", "", "a= b"),
    ("1.6", "", r"\begin{aligned} c &= {\frac{a}{b}} \\ &= d \\ e &\leq f \end{aligned}"),
    ("1.7", "eq:own", r"\left\lvert\frac{a}{b}\right\rvert \in\mathbb{R}"),
    ("1.8", "", r"\begin{gathered} a + b \\ + c \end{gathered}"),
    ("1.9", "", "a"),
    ("1.10", "", r"\begin{gathered} b \\ c \end{gathered}"),
    ("1.11", "", "yes"),
    ("1.12", "", r"a= b\qquad c= d"),
    ("1.13", "", "e= f"),
    ("A.1", "", "y = f''(x)"),
    ("A.2", "", r"\begin{split} a&=b\\&=c\end{split}"),
    ("A.10", "", "u= v"),
    ("A.12", "", "w"),  # the empty row after the last \\ has a number too
]


def paper(body: str, preamble: str = "", family: str = "article", **files: str):
    """A document with this body."""
    text = f"\\documentclass{{{family}}}{preamble}\\begin{{document}}{body}\\end{{document}}"
    return read_paper({"main.tex": text.encode()} | {f"{name}.tex": file.encode() for name, file in files.items()})


def numbers(body: str, preamble: str = "", family: str = "article") -> list[str]:
    return [equation.number for equation in paper(body, preamble, family).equations]


def only(body: str, preamble: str = "") -> str:
    """The formula of a document that has one, which must become MathML."""
    (equation,) = paper(f"\\begin{{equation}}{body}\\end{{equation}}", preamble).equations
    assert equation.mathml, equation.latex
    return equation.latex


def test_every_construct_at_once():
    files = {"main.tex": MAIN.encode(), "sections/body.tex": BODY.encode("latin-1"), "mymath.sty": STYLE.encode()}
    found = read_paper(files)
    assert [(e.number, e.label, e.latex) for e in found.equations] == EXPECTED
    assert all(equation.mathml for equation in found.equations)
    assert found.title == "A made-up paper on x_0"
    assert found.authors == ["Jane Doe", "Kurt G\u00f6del"]
    heads = [("1", "Introduction"), ("", "Not numbered"), ("A", "Proofs"), ("A.1", "More")]
    assert [(section.number, section.title) for section in found.sections] == heads
    assert {e.section for e in found.equations} == {"1 Introduction", "Not numbered", "A.1 More"}
    assert found.warnings == ["main.tex:45: nothere: not in the archive; went on without it"]


EQUATION = "\\begin{equation}x\\end{equation}"


@pytest.mark.parametrize(
    ("body", "preamble", "family", "expected"),
    [
        (EQUATION * 2, "", "article", ["1", "2"]),
        ("\\section{A}" + EQUATION + "\\section{B}" + EQUATION, "", "article", ["1", "2"]),
        ("\\section{A}" + EQUATION + "\\section{B}" + EQUATION, "\\counterwithin{equation}{section}", "article", ["1.1", "2.1"]),
        (
            "\\section{A}\\subsection{B}" + EQUATION,
            "\\makeatletter\\@addtoreset{equation}{section}\\renewcommand{\\theequation}{\\thesection-\\@roman\\c@equation}\\makeatother",
            "article",
            ["1-i"],
        ),
        ("\\chapter{A}\\section{B}" + EQUATION + "\\chapter{C}" + EQUATION, "", "book", ["1.1", "2.1"]),
        ("\\chapter{A}" + EQUATION + "\\appendix\\chapter{B}" + EQUATION, "", "report", ["1.1", "A.1"]),
        (EQUATION + "\\appendix\\section{B}" + EQUATION, "", "revtex4-2", ["1", "A1"]),
        (EQUATION + "\\appendix\\section{B}" + EQUATION, "", "elsarticle", ["1", "A.1"]),
        (
            EQUATION + "\\setcounter{equation}{0}\\renewcommand{\\theequation}{S\\arabic{equation}}" + EQUATION,
            "",
            "article",
            ["1", "S1"],
        ),
        ("\\begin{IEEEeqnarray}{rCl}a&=&b\\\\c&=&d\\IEEEnonumber\\end{IEEEeqnarray}" + EQUATION, "", "IEEEtran", ["1", "2"]),
        (
            "\\begin{equation}a\\label{a}\\end{equation}\\begin{equation}b\\label{b}\\end{equation}\\eqref{b}",
            "\\usepackage{mathtools}\\mathtoolsset{showonlyrefs}",
            "article",
            ["1"],
        ),
        ("\\begin{empheq}[box=\\fbox]{align}a&=b\\\\c&=d\\end{empheq}", "", "article", ["1", "2"]),
        ("\\begin{appendices}\\section{A}" + EQUATION + "\\end{appendices}", "\\numberwithin{equation}{section}", "article", ["A.1"]),
        ("\\begin{align}a\\tag*{(9')}\\end{align}" + EQUATION, "", "article", ["9'", "1"]),
        (
            "\\begin{align*}a\\numberthis\\\\b\\end{align*}" + EQUATION,
            "\\newcommand\\numberthis{\\addtocounter{equation}{1}\\tag{\\theequation}}",
            "article",
            ["1", "2"],
        ),
        ("$a$$b$ $$c$$" + EQUATION, "", "article", ["1"]),
        ("\\begin{comment}" + EQUATION + "\\end{comment}\\begin{lstlisting}" + EQUATION + "\\end{lstlisting}", "", "article", []),
    ],
)  # fmt: skip
def test_numbers_are_those_that_the_paper_prints(body, preamble, family, expected):
    assert numbers(body, preamble, family) == expected


@pytest.mark.parametrize(
    ("preamble", "body", "expected"),
    [
        ("\\newcommand{\\f}[3][z]{#1#2#3}", "\\f{a}{b}\\f[c]de", "zabcde"),
        ("\\def\\f#1.{(#1)}", "\\f ab.c", "(ab)c"),
        ("\\def\\outer#1{\\def\\inner##1{#1##1}}", "\\outer{a}\\inner{b}", "ab"),
        ("\\newcommand{\\f}[1]{\\text{#1}x}", "\\f{if }", r"\text{if }x"),
        ("\\newcommand{\\f}{a}", "{\\renewcommand{\\f}{b}\\f}\\f", "{b}a"),
        ("\\newcommand{\\f}{a}\\providecommand{\\f}{b}", "\\f", "a"),
        (
            "\\DeclarePairedDelimiter{\\n}{\\lVert}{\\rVert}",
            "\\n{x}\\n[\\big]{y}",
            r"\lVert x\rVert\big\lVert y\big\rVert",
        ),
        (
            "\\DeclarePairedDelimiterX{\\d}[2]{(}{)}{#1\\;\\delimsize\\|\\;#2}",
            "D\\d*{p}{q}",
            r"D\left(p\;\middle\|\;q\right)",
        ),
        (
            "\\NewDocumentCommand{\\f}{s m O{t} o}{#2_{#3}\\IfNoValueF{#4}{^{#4}}}",
            "\\f{x}\\f{y}[s][2]",
            "x_{t}y_{s}^{2}",
        ),
        ("\\expandafter\\newcommand\\csname bx\\endcsname{\\mathbf{x}}", "\\bx", r"\mathbf{x}"),
        ("\\makeatletter\\def\\f{\\@ifstar{a}{b}}\\makeatother", "\\f*\\f c", "abc"),
        ("\\def\\x{x}", "y_\\x^\\frac12", r"y_x^\frac12"),
    ],
)
def test_the_papers_own_macros_are_expanded(preamble, body, expected):
    assert only(body, preamble) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{\\rm d}x + {\\cal N}", r"{\mathrm{d}}x + {\mathcal{N}}"),
        ("\\left( \\bf x \\right) y", r"\left( \mathbf{x} \right) y"),
        ("{n \\choose k} {a \\atop b}", r"{n \choose k} {\substack{a\\b}}"),
        ("\\mathop{\\rm argmin}\\limits_x f", r"\operatorname*{argmin}_x f"),
        ("a \\hskip 1.5em b \\kern-.1em c", "a b c"),
        ("\\mathbbm{1} \\hbox{ if $x$} \\textcolor{red}{y}", r"\mathbb{1} \mbox{ if $x$} y"),
        ("a \\qquad \\text{by \\textbf{us} \\cite{b}}\\ ", r"a \qquad\text{by us}~"),
        ("\\begin{dcases} a & \\mbox{if } b \\\\ c \\end{dcases}", r"\begin{cases} a & \mbox{if } b \\ c \end{cases}"),
        ("\\buildrel a\\over= b", r"\stackrel{a}{=} b"),
        ("a \\mathrel{\\mathop:}= \\resizebox{1cm}{!}{$b$}", r"a \mathrel{\mathop:}=b"),
        ("\\nicefrac{1}{2} \\lefteqn{x} \\vphantom{y}", r"\frac{1}{2} x"),
    ],
)
def test_what_mathml_cannot_be_made_of_is_said_otherwise(body, expected):
    assert only(body) == expected


def test_an_unknown_macro_is_kept_and_marked():
    first, second = paper("\\begin{equation}\\mystery{x}\\end{equation}" + EQUATION).equations
    assert (first.latex, first.mathml) == (r"\mystery{x}", False)
    assert (second.latex, second.mathml) == ("x", True)


def test_the_main_file_is_found_and_may_be_named():
    document = "\\documentclass{article}\\begin{document}%s\\end{document}"
    files = {
        "zebra.tex": (document % "\\begin{equation}z\\end{equation}").encode(),
        "ms.tex": ("% none\n" + document % "\\include{part}").encode(),
        "part.tex": EQUATION.encode(),
        "notes.tex": b"% \\documentclass{article}\\begin{document}",
    }
    assert read_paper(files).main == "ms.tex"
    assert [e.latex for e in read_paper(files).equations] == ["x"]
    assert [e.latex for e in read_paper(files, "zebra.tex").equations] == ["z"]
    with pytest.raises(PressError, match=r"has no 'other.tex'. Its LaTeX files: ms.tex, notes.tex"):
        read_paper(files, "other.tex")
    with pytest.raises(PressError, match=r"no file with a .documentclass among a.tex, b.tex. Name one with --main"):
        read_paper({"a.tex": b"x", "b.tex": b"y"})


def test_authors_in_one_line():
    found = paper("", '\\author{Jane Doe, Kurt G\\"{o}del \\& Emmy Noether \\\\ \\texttt{\\{a,b\\}@c}}')
    assert found.authors == ["Jane Doe", "Kurt G\u00f6del", "Emmy Noether"]


def test_subfiles_do_not_end_the_paper():
    part = "\\documentclass[main]{subfiles}\\begin{document}" + EQUATION + "\\end{document}"
    assert [e.number for e in paper("\\subfile{part}" + EQUATION, part=part).equations] == ["1", "2"]
