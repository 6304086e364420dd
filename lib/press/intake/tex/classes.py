r"""What a paper's source says, and how document classes number what stands in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from press.intake.tex.lex import words

COUNTERS = r"""
\newcommand{\thechapter}{\arabic{chapter}}\newcommand{\thesection}{\arabic{section}}
\newcommand{\thesubsection}{\thesection.\arabic{subsection}}
\newcommand{\thesubsubsection}{\thesubsection.\arabic{subsubsection}}\newcommand{\theequation}{\arabic{equation}}
"""
BOOKS = words("book report memoir scrbook scrreprt amsbook")
IN_CHAPTERS = r"\renewcommand{\thesection}{\thechapter.\arabic{section}}\numberwithin{equation}{chapter}"
ROMAN = r"\renewcommand{\thesection}{\Roman{section}}\renewcommand{\thesubsection}{\thesection-\Alph{subsection}}"
APPENDIX = r"\setcounter{section}{0}\setcounter{subsection}{0}\gdef\thesection{\Alph{section}}"
LETTERED = r"\@addtoreset{equation}{section}\gdef\theequation{\Alph{section}%s\arabic{equation}}"


@dataclass(frozen=True)
class Section:
    """A heading: its number as printed ("" for none) and its title as plain text."""

    number: str
    title: str


@dataclass(frozen=True)
class Numbered:
    """An equation with a number.

    Args:
        number: as the paper prints it, without parentheses.
        label: its label; "" for none.
        section: number and title of the section that it stands in.
        latex: MathML-renderable LaTeX, the paper's own macros expanded.
        mathml: whether Pandoc can make MathML of it.
    """

    number: str
    label: str
    section: str
    latex: str
    mathml: bool = True


@dataclass
class Paper:
    """A paper as its source has it. `warnings` say what could not be read."""

    main: str
    title: str = ""
    authors: list[str] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    equations: list[Numbered] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def sections_of(family: str) -> str:
    """What a document class does to the numbers of sections and equations, as LaTeX."""
    if family in BOOKS:
        return IN_CHAPTERS
    return ROMAN if family.startswith(("revtex", "IEEEtran")) else ""


def appendix_of(family: str) -> str:
    r"""What \appendix does in this document class, as LaTeX."""
    if family in BOOKS:
        return r"\setcounter{chapter}{0}\setcounter{section}{0}\gdef\thechapter{\Alph{chapter}}"
    if family.startswith("revtex"):
        return APPENDIX + LETTERED % ""
    return APPENDIX + (LETTERED % "." if family == "elsarticle" else "")
