"""Kinds of papers: the reader against what LaTeX prints, which is recorded, and asked again where a LaTeX is."""

from __future__ import annotations

import re

import pytest

from press.papers.latex import program, run_latex
from press.tex.paper import read_paper
from tests.press.tex.cases import CASES

EQUATION = r"\\begin{equation}x\\label{\1}\\end{equation}"


def files_of(name: str) -> dict[str, bytes]:
    return {path: re.sub(r"<(\w+)>", EQUATION, text).encode() for path, text in CASES[name][0].items()}


@pytest.mark.parametrize("name", CASES)
def test_the_reader_numbers_as_latex_does(name):
    found = read_paper(files_of(name), "main.tex").equations
    assert " ".join(f"{entry.number}:{entry.label}" for entry in found) == CASES[name][1]
    assert not [entry for entry in found if entry.unsure]
    assert all(entry.mathml for entry in found)


@pytest.mark.skipif(
    not program(), reason="no pdflatex is installed; what it prints is recorded and was not asked again"
)
@pytest.mark.parametrize("name", ["thm-eq", "advance", "subeq-own", "tagstar", "own-appendix2", "nde", "subimport"])
def test_latex_prints_what_is_recorded(name):
    printed, trouble = run_latex(files_of(name), "main.tex")
    assert trouble == ""
    assert " ".join(f"{entry.number}:{entry.label}" for entry in printed) == CASES[name][1]
