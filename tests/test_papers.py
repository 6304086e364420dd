"""What `papers/*/paper.toml` says of the code is true: functions and tests exist, docstrings and equations agree."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from press.core.pandoc import binary
from press.core.project import open_project
from press.papers.graph import collect
from press.papers.schema import check_citekeys, read_papers
from press.papers.shelf import read_shelf
from press.papers.unsure import check_numbers
from press.posts.collection import read_notebooks

ROOT = Path(__file__).resolve().parents[1]
PAPERS = read_papers(ROOT)
BIBLIOGRAPHY = set(re.findall(r"^@\w+\{([^,]+),", (ROOT / "references.bib").read_text(encoding="utf-8"), re.MULTILINE))
BY_KEY = {paper.citekey: paper for paper in PAPERS}
EQUATIONS = [(paper, equation) for paper in PAPERS for equation in paper.equations]
IDS = [f"{paper.citekey} {equation.number}" for paper, equation in EQUATIONS]
TIED = [(equation.implemented_by, equation.checked_by) for _, equation in EQUATIONS if equation.implemented_by]

MODULES = sorted(path for name in ("diffloop", "tinyworld") for path in (ROOT / "lib" / name).glob("*.py"))
CITEKEY = re.compile(r"\b[a-z]+(?:19|20)\d\d[a-z\d]*\b")
NUMBER = r"[A-Z]?\.?\d+[a-z]?"
NAMED = re.compile(rf"\bEqs?\. ({NUMBER}(?:(?:, | and ){NUMBER})*)")
THE_TWELVE = {
    *("ho2020ddpm", "song2021ddim", "ho2022cfg", "nichol2022glide", "salimans2022progressive", "meng2023guided"),
    *("kawar2023imagic", "couairon2023diffedit", "meng2022sdedit", "gal2023textual", "ruiz2023dreambooth"),
    "rombach2022ldm",
}


def sources(docstring: str) -> Iterator[tuple[str, str]]:
    """(citekey, what is said of it) for each paper of each "Source:" paragraph."""
    for paragraph in re.findall(r"\bSource: (.*?)(?:\n\s*\n|\Z)", docstring, re.DOTALL):
        text = " ".join(paragraph.split())
        found = [*CITEKEY.finditer(text)]
        ends = [*(match.start() for match in found[1:]), len(text)]
        for match, end in zip(found, ends, strict=False):  # none found: a source that is not in the bibliography
            yield match[0], text[match.end() : end]


def equation_numbers(said: str) -> list[str]:
    """["5", "8", "12"] from "Eq. 5, 8 and 12"."""
    return [number for group in NAMED.findall(said) for number in re.split(r", | and ", group)]


def names(docstring: str, citekey: str, number: str) -> bool:
    """Whether a docstring gives this equation of this paper as a source. "Sec. 4 (v)" is named by "Sec. 4"."""
    place = re.sub(r" \(.*\)$", "", number)
    for key, said in sources(docstring):
        if key != citekey:
            continue
        if place in equation_numbers(said):
            return True
        kind, _, rest = place.partition(" ")
        listed = rf"\b{re.escape(kind)} (?:[\w.]+(?:, | and ))*{re.escape(rest)}(?![\w]|\.\d)"
        if rest and re.search(listed, said):
            return True
    return False


def documented(path: Path) -> Iterator[tuple[str, str]]:
    """(name, docstring) of a module, its functions and its classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and (text := ast.get_docstring(node)):
            yield getattr(node, "name", path.stem), text


def test_reading_of_sources():
    text = "One line.\n\n    Source: ho2020ddpm, Eq. 5, 8 and 12. The rest; song2021ddim,\n    Sec. 2.1 and 4.1.\n\n    Args: x"
    assert dict(sources(text)) == {"ho2020ddpm": ", Eq. 5, 8 and 12. The rest; ", "song2021ddim": ", Sec. 2.1 and 4.1."}
    assert equation_numbers(dict(sources(text))["ho2020ddpm"]) == ["5", "8", "12"]
    assert names(text, "ho2020ddpm", "8")
    assert names(text, "song2021ddim", "Sec. 4.1 (b)")
    assert not names(text, "ho2020ddpm", "2")
    assert not names(text, "song2021ddim", "Sec. 4")
    assert not names(text, "song2021ddim", "8")


def test_each_equation_says_where_its_number_was_read():
    assert not [(paper.citekey, equation.number) for paper, equation in EQUATIONS if not (equation.read or paper.read)]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout of git, so nothing says what is committed")
def test_of_what_was_fetched_facts_alone_are_committed():
    listed = subprocess.run(["git", "ls-files", "papers"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [name for name in listed.split() if name.endswith("/equations.toml")]
    assert files
    for name in files:
        found = tomllib.loads((ROOT / name).read_text(encoding="utf-8"))
        assert set(found) == {"citekey", "arxiv", "source", "equations"}
        assert {key for entry in found["equations"] for key in entry} <= {"number", "label", "unsure"}
    assert not check_numbers(ROOT, PAPERS)


def test_the_twelve_papers_are_here_with_enough_in_them():
    assert {paper.citekey for paper in PAPERS} >= THE_TWELVE
    assert not check_citekeys(PAPERS, BIBLIOGRAPHY)
    assert sum(bool(checked) for _, checked in TIED) >= 40
    assert sum(len(paper.claims) for paper in PAPERS) >= 27
    assert all(BY_KEY[key].claims and BY_KEY[key].equations for key in THE_TWELVE)


@pytest.mark.parametrize(("paper", "equation"), EQUATIONS, ids=IDS)
def test_functions_are_public_and_name_their_equation(paper, equation):
    for dotted in equation.implemented_by:
        module, name = dotted.rsplit(".", 1)
        function = getattr(importlib.import_module(module), name)
        assert inspect.isfunction(function), dotted
        assert not any(part.startswith("_") for part in dotted.split(".")), dotted
        assert function.__module__ == module, dotted  # where it is written, not where it is imported
        assert names(function.__doc__ or "", paper.citekey, equation.number), f"{dotted} does not name it"


@pytest.mark.parametrize(("paper", "equation"), EQUATIONS, ids=IDS)
def test_tests_exist(paper, equation):
    assert not equation.implemented_by or equation.checked_by
    for test in equation.checked_by:
        file, _, name = test.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_sources_are_in_the_bibliography_on_every_line(path):
    assert not {key for _, text in documented(path) for key, _ in sources(text)} - BIBLIOGRAPHY


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_equations_that_docstrings_name_are_in_their_paper(path):
    known = {key: {equation.number for equation in BY_KEY[key].equations} for key in BY_KEY}
    missing = [
        f"{name}: {key}, Eq. {number}"
        for name, text in documented(path)
        for key, said in sources(text)
        for number in equation_numbers(said)
        if key in known and number not in known[key]
    ]
    assert not missing


def mathml(tex: str) -> str:
    """What Pandoc makes of a formula; its warnings fail the test."""
    done = subprocess.run(
        [binary(), "--from", "markdown", "--to", "html5", "--mathml", "--fail-if-warnings"],
        input=f"$$\n{tex}\n$$\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_a_formula_that_is_no_mathml_fails():
    with pytest.raises(AssertionError):
        mathml(r"\mymacro{x}")


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.citekey)
def test_formulas_become_mathml(paper):
    formulas = [equation.latex for equation in paper.equations]
    symbols = [text for pair in paper.symbols.items() for text in pair]
    found = mathml("\n$$\n\n$$\n".join(formulas + symbols)).count("<math") if formulas + symbols else 0
    assert found == len(formulas) + len(symbols)


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.citekey)
def test_notes_quote_only_numbers_of_the_paper(paper):
    """120 to 300 words, under a title; no decimal or large number that its paper.toml does not have."""
    folder = ROOT / "papers" / paper.citekey
    _, front, body = (folder / "paper.qmd").read_text(encoding="utf-8").split("---\n", 2)
    assert re.search(r"^title: .+", front, re.MULTILINE)
    assert 120 <= len(body.split()) <= 300
    assert f"@{paper.citekey}" in body
    prose = re.sub(r"\]\([^)]*\)|\$[^$]*\$|`[^`]*`|@[\w:-]+(, [^\]]*)?", " ", body)
    toml = (folder / "paper.toml").read_text(encoding="utf-8")
    quoted = re.findall(r"\d+\.\d+|\d{2,}", prose)
    assert not [number for number in quoted if not re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", toml)]


def test_no_orphan():
    """A post cites or links, a post cites each paper, a paper has each equation and claim, an equation each function."""
    project = open_project(ROOT)
    graph = collect(read_shelf(project, PAPERS, read_notebooks(project)))
    held_by = {"paper": "post", "equation": "paper", "claim": "paper", "function": "equation"}
    pairs = {(graph.nodes[edge.source].kind, edge.target) for edge in graph.edges}
    assert {node.kind for node in graph.nodes.values()} == {"post", *held_by}
    for id, node in graph.nodes.items():
        assert graph.around(id), f"{id} stands alone"
        if node.kind in held_by:
            assert (held_by[node.kind], id) in pairs, f"no {held_by[node.kind]} leads to {id}"
