"""What the reader does not understand makes the numbers after it unsure, with file, line and reason; the rest stay sure."""

from __future__ import annotations

import pytest

from press.tex.paper import read_paper

EQUATION = "\\begin{equation}x\\end{equation}"
HEAD = "\\documentclass{article}\\usepackage{amsmath}\n\\begin{document}\n"


def unsure(source: str, **files: str) -> list[str]:
    given = {"main.tex": source.encode()} | {f"{name}.tex": text.encode() for name, text in files.items()}
    return [entry.unsure for entry in read_paper(given, "main.tex").equations]


def body(text: str, **files: str) -> list[str]:
    return unsure(f"{HEAD}{text}\\end{{document}}", **files)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n\\input{lost}", "main.tex:4: lost: not in the archive"),
        ("\\ifdim\\hsize>3pt\\setcounter{equation}{4}\\fi ", "main.tex:3: \\ifdim cannot be decided"),
        ("\\ifdim\\hsize>3pt" + EQUATION + "\\fi ", "main.tex:3: \\ifdim cannot be decided"),
        ("\\newcommand\\own{\\stepcounter{equation}}\\ifvmode\\own\\fi ", "\\ifvmode cannot be decided"),
        ("\\setcounter{equation}{\\pageref{x}}", "\\setcounter{equation}{\\pageref{x}}: not a number"),
        ("\\begin{gathering}a^2\\end{gathering}", "environment gathering is unknown and seems to contain a formula"),
        ("\\begin{display}a\\label{eq:a}\\end{display}", "environment display is unknown and contains the label eq:a"),
        ("\\usepackage{nobody}\\@ifundefined{some}{}{\\numberwithin{equation}{section}}", "\\some"),
        ("\\def\\x{\\x\\x}\\x ", "\\x expands without end"),
    ],
)  # fmt: skip
def test_what_is_not_understood_makes_what_follows_unsure(text, reason):
    text = f"\\makeatletter{text}" if "@" in text else text
    before, *_, after = body(EQUATION + text + EQUATION)
    assert before == ""
    assert reason in after


def test_an_unknown_class_makes_all_unsure():
    source = "\\documentclass{nobodys}\\begin{document}" + EQUATION + "\\end{document}"
    assert unsure(source) == ["main.tex:1: document class nobodys is neither known nor in the archive; numbers are guessed from article"]  # fmt: skip
    found = read_paper(
        {"main.tex": source.replace("{document}" + EQUATION, "{document}\\chapter{C}" + EQUATION).encode()}
    )
    assert [(entry.number, bool(entry.unsure)) for entry in found.equations] == [("1.1", True)]


def test_a_label_that_eqref_wants_and_nobody_found_makes_all_unsure():
    (reason,) = body(EQUATION + "\\verb|\\label{lost}| \\eqref{lost}")
    assert "\\eqref{lost}: the equation with this label was not found" in reason
    assert body(EQUATION + "% \\label{lost}\n\\eqref{lost}") == [""]  # LaTeX does not find it either
    assert body("\\begin{equation}x\\label{a}\\end{equation}\\eqref{a}") == [""]


@pytest.mark.parametrize(
    "text",
    [
        "\\ifdim\\hsize>3pt\\def\\x{y}\\vspace{1pt}\\else\\bfseries\\fi ",
        "\\@ifundefined{some}{\\newcommand\\some{x}}{}",
        "\\begin{figure}\\input{plot.pgf}\\label{fig:a}\\end{figure}",
        "\\begin{whatever}text with $x^2$ and \\[y^2\\] in it\\end{whatever}",
        "\\begin{oddtheorem}\\label{thm:a}$x^2$\\end{oddtheorem}",
        "\\titleformat{\\section}{\\bfseries}{}{0pt}{}",
        "\\IfFileExists{microtype.sty}{\\usepackage{microtype}}{}",
    ],
)
def test_what_cannot_change_a_number_leaves_it_sure(text):
    assert body("\\makeatletter" + EQUATION + text + EQUATION) == ["", ""]
