"""Symbols of formulas: read from NOTATION.md, and found again in the MathML of a built page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import lxml.html
import pytest

from press.renderer import symbols
from press.renderer.assemble import ASSETS

from .builder import md
from .test_previews import read

ROOT = Path(__file__).resolve().parents[3]
TABLE = r"""
# Notation

| meaning | symbol | our name | shape | DDPM |
|---|---|---|---|---|
| clean **data** | $x_0$ | `x_0` | (b, ...) | x |
| two \| ways | $\hat\epsilon$, $\epsilon_\theta$ | `eps_hat`, output of `eps_model(x, t)` | — | ε |
| none | — | `nothing` | scalar | — |

| meaning | our name |
|---|---|
| no column | $y$ |
"""


def test_rows_of_the_table():
    clean, predicted = symbols.read_symbols(TABLE)
    assert clean == symbols.Symbol(("x_0",), "clean data", "`x_0`", "(b, ...)", ("x_0",))
    assert predicted.latex == (r"\hat\epsilon", r"\epsilon_\theta")
    assert predicted.says == "two | ways"
    assert predicted.name == "`eps_hat`, output of `eps_model(x, t)`"
    assert predicted.names == ("eps_hat", "eps_model")
    assert predicted.shape == ""


def formulas(project, *latex: str) -> list:
    """The MathML of each, through the whole renderer, within a longer formula."""
    main = project.render(md("\n\n".join(f"$a + {one} \\cdot b$" for one in latex)))
    return main.findall(".//math")


def parts(math) -> set[str]:
    forms = {symbols.form(element) for element in math.iter() if element.tag not in ("annotation", "semantics", "math")}
    return {form for form in forms if "\u22c5" not in form}  # not the whole formula


def test_every_symbol_of_the_notation_is_found_in_a_page(project):
    rows = symbols.read_symbols((ROOT / "NOTATION.md").read_text(encoding="utf-8"))
    latex = [one for row in rows for one in row.latex]
    assert len(latex) > 25
    found = symbols.data(rows, {})
    for one, math in zip(latex, formulas(project, *latex), strict=True):
        known = parts(math) & set(found["forms"])
        longest = max(known, key=len)
        row = rows[found["forms"][longest]]
        assert one in row.latex or row.name == next(r for r in rows if one in r.latex).name, one
        assert row.says
        assert row.name


def test_the_same_symbol_however_it_is_written(project):
    groups = [
        (r"x_t", r"\mathbf{x}_t", r"\boldsymbol{x}_{t}", "{x}_t"),
        (r"\epsilon", r"\varepsilon", r"\boldsymbol{\epsilon}"),
        (r"x_{\text{prev}}", r"x_\text{prev}", r"x_{prev}", r"x_{\mathrm{prev}}"),
        (r"\bar\alpha_t", r"\bar{\alpha}_t", r"\bar{\alpha}_{t}"),
    ]
    math = formulas(project, *(one for group in groups for one in group))
    for group in groups:
        own, math = math[: len(group)], math[len(group) :]
        common = set.intersection(*map(parts, own)) - {"a", "b", "+", "\u22c5"}
        assert max(common, key=len) in {"sub(x,t)", "\u03b5", "sub(x,prev)", "sub(over(\u03b1,\u00af),t)"}
    script, plain = formulas(project, r"\mathcal{N}", "N")
    assert parts(script) != parts(plain), "a script letter is another symbol"


def test_aliases_of_papers():
    rows = symbols.read_symbols(TABLE.replace("| none | — | `nothing`", "| rest | $r$ | `share`"))
    found = symbols.data(rows, {
        "a2020": {r"\mathbf{z}": "x_0", "w": "s - 1", "m": r"\mathtt{share}", "n": r"\mathtt{other\_name}",
                  r"f_\theta(\mathbf{z}, t)": r"\hat\epsilon"},
        "b2021": {r"g(x)": "x_0", r"g(y)": r"\hat\epsilon", r"\broken{": "x_0"},
    })  # fmt: skip
    alias = found["papers"]["a2020"]
    assert alias["z"] == 0
    assert alias["m"] == 2, "a name of our code is the row that has it"
    assert alias["n"] == "other_name"
    assert alias["sub(f,\u03b8)"] == 1, "a function is known by its head"
    assert alias["w"].startswith("<math>")
    assert "annotation" not in alias["w"]
    assert "b2021" not in found["papers"], "two functions with one head cannot be told apart"


def test_the_data_follows_its_files(project):
    project.write("NOTATION.md", TABLE)
    project.post(md("$x_0$"))
    project.build()
    path = project.out / "site_libs/press/symbols.js"
    name, value = read(path.read_bytes())
    assert name == ""
    assert value["forms"] == {"sub(x,0)": 0, "over(\u03b5,^)": 1, "sub(\u03b5,\u03b8)": 1}
    project.write("papers/a2020/paper.toml", "[symbols]\n'z' = 'x_0'\n")
    report = project.build()
    assert report.changed
    assert report.rendered == [], "no page is made of it"
    assert read(path.read_bytes())[1]["papers"] == {"a2020": {"z": 0}}
    project.write("NOTATION.md", TABLE.replace("clean **data**", "</script>"))
    project.build()
    assert b"<" not in path.read_bytes()
    assert not project.build().changed


def test_a_project_without_notation(project):
    project.post(md("$x_0$"))
    project.build()
    assert read((project.out / "site_libs/press/symbols.js").read_bytes())[1]["rows"] == []


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not on PATH")
def test_the_script_makes_the_same_forms(project):
    rows = symbols.read_symbols((ROOT / "NOTATION.md").read_text(encoding="utf-8"))
    latex = [one for row in rows for one in row.latex]
    latex += [
        r"\mathbf{x}_{t-1}^{2}",
        r"\frac{a}{\sqrt{b}}",
        r"\mathcal{N}\!\left(0, I\right)",
        r"\log p_\theta",
        r"\sum_{t=1}^T",
    ]
    trees = formulas(project, *latex)

    def plain(element) -> dict:
        return {
            "localName": element.tag,
            "textContent": "".join(element.itertext()),
            "children": [plain(child) for child in element],
        }

    source = (ASSETS / "hints.js").read_text(encoding="utf-8")
    start, end = source.index("const SAME"), source.index("let code = null")
    script = f"{source[start:end]}\nconst trees = {json.dumps([plain(tree) for tree in trees])};\n"
    script += "console.log(JSON.stringify(trees.map(form)))"
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [symbols.form(tree) for tree in trees]


def test_markup_keeps_a_formula_and_drops_its_source():
    math = lxml.html.fromstring(
        "<math><semantics><mrow><mi>x</mi><mo stretchy='false'>&lt;</mo></mrow><annotation>x &lt;</annotation></semantics></math>"
    )
    assert symbols.markup(math) == '<math><mrow><mi>x</mi><mo stretchy="false">&lt;</mo></mrow></math>'
    assert re.search("annotation", symbols.markup(math)) is None
