"""Kinds of papers: the reader against what LaTeX prints, which is recorded, and asked again where a LaTeX is.

`cases.txt` has a paper after each `=== name | number:label ...`, what LaTeX (TeX Live 2022) prints for it; a file of it
after each `--- path`. <<a>> is an equation with the label a, <<HEAD>> the class and amsmath.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from press.intake.pdflatex import program, run_latex
from press.tex.paper import read_paper

TEXT = Path(__file__).with_name("cases.txt").read_text(encoding="utf-8")
EQUATION = r"\\begin{equation}x\\label{\1}\\end{equation}"
HEAD = r"\documentclass{article}\usepackage{amsmath,amssymb}"


def files_of(text: str) -> dict[str, bytes]:
    text = re.sub(r"<<(\w+)>>", EQUATION, text.replace("<<HEAD>>", HEAD))
    parts = re.split(r"^--- (.*)\n", text, flags=re.MULTILINE)
    return {path: body.encode() for path, body in zip(parts[1::2], parts[2::2], strict=True)}


FOUND = re.split(r"^=== (\S+) \| (.*)\n", TEXT, flags=re.MULTILINE)
CASES = {name: (files_of(text), want) for name, want, text in zip(FOUND[1::3], FOUND[2::3], FOUND[3::3], strict=True)}


@pytest.mark.parametrize("name", CASES)
def test_the_reader_numbers_as_latex_does(name):
    files, expected = CASES[name]
    found = read_paper(files, "main.tex").equations
    assert " ".join(f"{entry.number}:{entry.label}" for entry in found) == expected
    assert not [entry for entry in found if entry.unsure]
    assert all(entry.mathml for entry in found)


@pytest.mark.skipif(
    not program(), reason="pdflatex is not installed; what it prints is recorded and was not asked again"
)
@pytest.mark.parametrize("name", ["thm-eq", "advance", "subeq-own", "tagstar", "own-appendix2", "nde", "condpar"])
def test_latex_prints_what_is_recorded(name):
    files, expected = CASES[name]
    printed, trouble = run_latex(files, "main.tex")
    assert trouble == ""
    assert " ".join(f"{entry.number}:{entry.label}" for entry in printed) == expected
