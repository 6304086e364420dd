"""What pdflatex prints for made-up sources, and what it must not do with hostile ones. Skipped where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from press.intake.auxfile import Printed
from press.intake.compare import matched, repeated
from press.intake.pdflatex import program, run_latex
from press.intake.truth import by_html, by_latex, numbers_in, summary
from press.tex.data import Numbered, Paper
from press.tex.paper import read_paper

needs_latex = pytest.mark.skipif(not program(), reason="pdflatex is not installed, so nothing was compared with LaTeX")
HEAD = "\\documentclass{article}\\begin{document}"


def source(body: str, head: str = HEAD) -> dict[str, bytes]:
    return {"main.tex": f"{head}{body}\\end{{document}}".encode()}


def equation(label: str) -> str:
    return f"\n\\begin{{equation}}\\label{{{label}}}x\\end{{equation}}"


@needs_latex
def test_numbers_labels_and_lines_are_those_of_latex():
    head = "\\documentclass{article}\\usepackage{amsmath,hyperref}\\numberwithin{equation}{section}\\begin{document}"
    body = "\\section{S}" + equation("a") + "\n\\input{sub/more} see \\eqref{a} and $\\eqref{b}$"
    more = "\\begin{align}a&=b\\label{b}\\\\ &=c\\nonumber\\\\ &=d\\tag{\\ref{a}$'$}\\label{c}\\end{align}"
    found, trouble = run_latex(source(body, head) | {"sub/more.tex": more.encode()}, "main.tex")
    assert trouble == ""
    assert [(entry.number, entry.label) for entry in found] == [("1.1", "a"), ("1.2", "b"), ("1.1'", "c")]
    assert [(entry.file, entry.first, entry.last) for entry in found] == [
        ("main.tex", 2, 2),
        ("sub/more.tex", 1, 1),
        ("sub/more.tex", 1, 1),
    ]


@needs_latex
def test_latex_has_the_last_word():
    files = source("\\setcounter{equation}{\\pageref{a}}\\begin{strange}y\\label{b}\\end{strange}" + equation("a"))
    style = b"\\newenvironment{strange}{\\begingroup\\catcode`\\|=0 |begin{equation}|endgroup}{\\end{equation}}"
    files["main.tex"] = files["main.tex"].replace(b"\\begin{document}", b"\\usepackage{own}\\begin{document}")
    paper = read_paper(files)
    paper.equations = [Numbered("7", "a", "", "x", unsure="main.tex:1: because"), Numbered("8", "", "", "w")]
    said = by_latex(paper, files | {"own.sty": style})
    assert "a" in {entry.label for entry in paper.equations}
    assert not next(entry for entry in paper.equations if entry.label == "a").unsure
    assert any("(7) was read, LaTeX prints" in line for line in said)
    assert [line for line in said if "LaTeX prints no number there" in line]


@needs_latex
def test_a_figures_label_is_not_an_equations():
    figure = "\n\\begin{figure}x\\caption{c}\\label{fig:x}\\end{figure}\n\\begin{equation}y\\end{equation}"
    files = source(figure + equation("a"))
    paper = read_paper(files)
    assert "none of them differ" in by_latex(paper, files)[0]
    assert [(entry.number, entry.label) for entry in paper.equations] == [("1", ""), ("2", "a")]


@needs_latex
def test_a_source_that_latex_does_not_finish_changes_nothing():
    files = source(equation("a") + "\\input{not-there}" + equation("b"))
    paper = read_paper(files)
    before = list(paper.equations)
    (said,) = by_latex(paper, files)
    assert "numbers are only those that the press read: pdflatex did not reach the end of the document" in said
    assert paper.equations == before


SHELL = '\\immediate\\write18{touch %s/evil}\\input{|"touch %s/evil"}'
FILES = (
    "\\newcount\\n\\newwrite\\f\\loop\\advance\\n by 1 \\immediate\\openout\\f=f\\the\\n\\relax{\\newcount\\k\\loop\\advance\\k by 1"
    "\\immediate\\write\\f{%s}\\ifnum\\k<9000 \\repeat}\\immediate\\closeout\\f\\ifnum\\n<90000 \\repeat"
)


@needs_latex
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("\\def\\x{\\x}\\x", "too much processor time"),
        ("\\newwrite\\f\\immediate\\openout\\f=big\\loop\\immediate\\write\\f{%s}\\iftrue\\repeat" % ("x" * 1000), "a file of over"),
        (FILES % ("x" * 1000), "MiB"),
    ],
)  # fmt: skip
def test_a_source_without_end_is_ended(body, reason, monkeypatch):
    monkeypatch.setattr("press.intake.pdflatex.ALL_FILES", 50 << 20)
    found, trouble = run_latex(source(body), "main.tex", processor=3)
    assert found == []
    assert reason in trouble


@needs_latex
def test_nothing_is_started_read_or_written_outside(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("stolen")
    monkeypatch.chdir(tmp_path)
    shell = SHELL.replace("%s", str(tmp_path))
    assert run_latex(source(shell + equation("a")), "main.tex")[0] == []
    for path in (tmp_path / "secret", Path("/etc/passwd"), Path("..") / "secret"):
        look = (
            f"\\newread\\f\\openin\\f={path} \\ifeof\\f\\def\\theequation{{shut}}\\else\\def\\theequation{{open}}\\fi"
        )
        found, _ = run_latex(source(look + equation("a")), "main.tex")
        assert [entry.number for entry in found] == ["shut"]
    run_latex(source(f"\\newwrite\\f\\immediate\\openout\\f={tmp_path}/evil \\immediate\\write\\f{{x}}"), "main.tex")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret"]


@needs_latex
def test_settings_of_the_user_do_not_open_the_fence(tmp_path, monkeypatch):
    for name, value in {
        "openout_any": "a",
        "openin_any": "a",
        "shell_escape": "t",
        "TEXMFOUTPUT": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    run_latex(source(f"\\immediate\\write18{{touch {tmp_path}/evil}}" + equation("a")), "main.tex")
    assert list(tmp_path.iterdir()) == []
    assert not any(name.startswith("press-latex-") for name in os.listdir(tmp_path))


def of(*numbers: str) -> list[Numbered]:
    return [Numbered(number, "", "", "x", place=f"main.tex:{k}: ") for k, number in enumerate(numbers, 1)]


def test_equations_are_paired_by_label_then_by_place_and_number():
    found = [Numbered("1", "a", "", "x"), Numbered("2", "", "", "y"), Numbered("3", "b", "", "z")]
    printed = [Printed("1", "a", "", 0, 0), Printed("4", "b", "", 0, 0), Printed("5", "", "", 0, 0)]
    pairs = [(entry and entry.number, other and other.number) for entry, other in matched(found, printed)]
    assert pairs == [("1", "1"), ("2", None), ("3", "4"), (None, "5")]
    again = [Printed(number, "", "main.tex", 0, 0) for number in ("1", "2", "1", "3")]
    pairs = matched(of("1", "2", "3"), again)
    assert [(entry and entry.number, other.number) for entry, other in pairs] == [
        ("1", "1"), ("2", "2"), (None, "1"), ("3", "3"),
    ]  # fmt: skip
    assert repeated(pairs) == {2}


PAGE = """<html><body><table class="ltx_equation ltx_eqn_table"><tr><td><math alttext="x"></math></td>
<td class="ltx_eqn_cell"><span class="ltx_tag ltx_tag_equation ltx_align_right">(1)</span></td></tr></table>
<table><tr><td><span class="ltx_tag ltx_tag_equation ltx_align_right"> (A.2) </span></td></tr></table>
<span class="ltx_tag ltx_tag_section">3</span></body></html>"""


def test_arxivs_html_is_compared_and_changes_nothing():
    assert numbers_in(PAGE.encode()) == ["1", "A.2"]
    paper = Paper("main.tex", equations=of("1", "2"))
    said = by_html(paper, PAGE.encode())
    assert said == [
        "arXiv's HTML has 2 numbers; 1 of them differ from what was read",
        "main.tex:2: (2) was read, arXiv's HTML has (A.2)",
    ]
    assert [entry.number for entry in paper.equations] == ["1", "2"]
    assert by_html(paper, b"")[0].startswith("arXiv's HTML has 0 numbers; 2 of them differ")


def test_what_is_unsure_is_summed_up_with_its_reasons():
    unsure = [Numbered(n, "", "", "x", unsure="main.tex:3: because") for n in ("2", "3")]
    assert summary(Paper("main.tex", equations=[*of("1"), *unsure])) == [
        "2 of them are unsure: 2, 3",
        "  because of main.tex:3: because",
    ]
    assert summary(Paper("main.tex", equations=of("1"))) == []
