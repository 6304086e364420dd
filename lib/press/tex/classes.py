r"""How document classes number what stands in a paper, as LaTeX that says it; and which packages change that."""

from __future__ import annotations

import re

from press.tex.lex import words
from press.tex.mathml import WITH_PACKAGES

COUNTERS = r"""
\newcommand{\thepart}{\Roman{part}}\newcommand{\thechapter}{\arabic{chapter}}\newcommand{\thesection}{\arabic{section}}
\newcommand{\thesubsection}{\thesection.\arabic{subsection}}
\newcommand{\thesubsubsection}{\thesubsection.\arabic{subsubsection}}\newcommand{\theequation}{\arabic{equation}}
\def\empty{}\def\@empty{}
"""
BOOKS = words("book report memoir scrbook scrreprt extbook extreport svmono svmult ctexbook ctexrep hepthesis ucthesis")
NO_ZERO = words("scrbook scrreprt hepthesis ucthesis")  # these print 0.1 before the first chapter, the others 1
BY_SECTION = words("siamart siamonline siamltex siamproc cc")
ROMAN = words("revtex IEEEtran IEEEconf")
PLAIN = words("""
article amsart scrartcl extarticle proc letter minimal standalone elsarticle amsproc aa aastex aastex631 emulateapj
mnras mn2e jmlr llncs svjour acmart sig-alternate acmsmall acmconf beamer moderncv ltxdoc tufte-handout tufte-book
amsdtx ctexart IEEEtaes ifacconf quantumarticle interact wlscirep cas-dc cas-sc frontiers iopart achemso sn-jnl imsart
asmejour asmeconf easychair lipics-v lipics eptcs colt pnas-new amsbook mdpi scipost nature acmtog sigplanconf aiaa-tc
""")
CLASSES = BOOKS | BY_SECTION | ROMAN | PLAIN

LIKE_BOOKS = r"\@addtoreset{section}{chapter}\@addtoreset{equation}{chapter}"
IN_CHAPTERS = (
    LIKE_BOOKS + r"\setcounter{secnumdepth}{2}\def\thesection{\thechapter.\arabic{section}}"
    r"\def\theequation{%s\arabic{equation}}"
)
PREFIX = r"\ifnum\c@chapter>\z@\thechapter.\fi"
SECTIONS_ROMAN = r"\def\thesection{\Roman{section}}\def\thesubsection{\thesection-\Alph{subsection}}"
APPENDIX = r"\setcounter{section}{0}\setcounter{subsection}{0}\gdef\thesection{\Alph{section}}"
LETTERED = (
    r"\setcounter{equation}{0}\@addtoreset{equation}{section}\gdef\theequation{\Alph{section}%s\arabic{equation}}"
)
DOTTED = words("elsarticle aa iopart")
UNDOTTED = words("revtex mnras mn2e aastex emulateapj mdpi asmejour")

# Packages that change numbers, and those that do not though they stand in many archives.
QUIET = """
natbib hyperref cleveref fancyhdr algorithm algorithmic algorithmicx algpseudocode graphicx subfigure subcaption
caption booktabs xcolor color times url geometry amsmath amssymb amsthm amsfonts mathtools bm enumitem microtype
listings comment inputenc fontenc babel titlesec titletoc setspace multirow wrapfig float lineno algorithm2e minted
eso-pic balance placeins forloop todonotes tikz pgf biblatex apacite cite footmisc authblk appendix nicefrac dsfont
bbm mathrsfs thmtools thm-restate etoolbox xparse environ xspace units lipsum empheq cases optidef IEEEtrantools
autonum breqn mathabx stmaryrd import subfiles
"""
PACKAGES = dict.fromkeys(words(QUIET), "")
PACKAGES |= WITH_PACKAGES


def family_of(name: str) -> str:
    """A class without the number of its version: siamart220329 is siamart, revtex4-2 is revtex."""
    return (
        name
        if name == "aastex631"
        else re.sub(r"(?<=[a-z])[\d.-]+(?:rev\d+)?$|(?<=aastex)\d+.*|(?<=revtex)\d.*", "", name.strip())
    )


def numbers_of(family: str, options: set[str]) -> str:
    """What a document class does to numbers, as LaTeX."""
    if family in BOOKS and not (family == "memoir" and "article" in options):
        return IN_CHAPTERS % (r"\thechapter." if family in NO_ZERO else PREFIX)
    if family == "amsbook":
        return r"\@addtoreset{section}{chapter}"
    if family in BY_SECTION or "eqsecnum" in options:
        return r"\numberwithin{equation}{section}"
    return SECTIONS_ROMAN if family in ROMAN else ""


def appendix_of(family: str, packages: set[str]) -> str:
    r"""What \appendix does in this document class, as LaTeX."""
    if family in BOOKS | {"amsbook"}:
        return r"\setcounter{chapter}{0}\setcounter{section}{0}\gdef\thechapter{\Alph{chapter}}"
    if family == "aastex631":  # which starts again once, not in each appendix
        return APPENDIX + (LETTERED % "").replace(r"\@addtoreset{equation}{section}", "")
    if family in DOTTED | UNDOTTED:
        return APPENDIX + LETTERED % ("." if family in DOTTED else "")
    return APPENDIX
