"""Pages of papers: two made-up papers and a post that measures a claim, read back from the built HTML."""

from __future__ import annotations

import json
import os
import posixpath
import shutil
import time
from pathlib import Path

import pytest
from lxml import html

from postkit import _claim_box
from press.core.errors import PressError
from press.core.manifest import Manifest
from press.core.project import open_project
from press.pages import indexes, markup
from press.pages.publish import make, write_pages
from press.papers.schema import read_papers
from press.papers.shelf import read_shelf
from press.posts.collection import read_notebooks
from tests.press.conftest import BIB, CLAIM, CONFIG, LIB, Site, cell

PAGES = "[index.qmd, reading.qmd, papers/index.qmd, papers/*/index.qmd, claims.qmd, equations.qmd, functions.qmd, graph.qmd, glossary.qmd, "
SETTINGS = CONFIG.replace("[index.qmd, ", PAGES).replace(
    "  title: Test", "  repo-url: https://forge.test/a/b\n  title: Test"
)
BOOKS = (
    BIB.replace("A known paper", "A {Known} paper on $x_0$").replace("year", "doi = {10.1/x_y},\n  year")
    + """
@article{other2021,
  title = {Another paper},
  author = {Roe, Richard and Poe, Ed and Coe, Moe},
  year = {2021},
}
@misc{third2022, title = {A third}, url = {https://third.test/}, year = {2022}}
"""
)
FUNCTION = '''@keep
def step(x_t, *, noise=None):
    """x_prev: one step <b>&amp;</b> ```.

    Source: known2020, Eq. 4.
    """
    return x_t if noise is None else x_t + noise  # {{x}} $y$'''
CLASS = "class Loop:\n    def run(self):\n        return 1"
MODULE = f"def keep(f):\n    return f\n\n\n{FUNCTION}\n\n\n{CLASS}\n\n\ndef after():\n    return 2\n"
PAPER = (
    r"""citekey = "known2020"
arxiv = "2001.00001v2"
related = ["third2022"]

[symbols]
'\alpha_t' = '\bar\alpha_t'
'p(x|y)' = '\|x\|'

[[equations]]
number = "4"
latex = 'x_{t-1} = x_t + \sigma z'
says = "One step."
implemented_by = ["mathlib.loops.step", "mathlib.loops.Loop"]
checked_by = ["tests/test_loops.py::test_step[a]"]

[[equations]]
number = "A.1"
latex = '''
y = \frac{1}{2}
'''
says = "Only said."

"""
    + CLAIM
    + r"""
[[claims]]
id = "never-measured"
statement = "Many steps are better."
table = "Fig. 2"
number = "a plot"
quantity = "difference"
direction = "above"
than = 0.0
delta = 0.01
delta_why = "little"
"""
)
HOSTILE = """<script>alert(1)</script> [x](javascript:alert(2)) {{< meta title >}} | $x$ `c` **b** @known2020 ::: "q" 'r' \\n"""
OTHER = f"""citekey = "other2021"
related = ["known2020"]

[[equations]]
number = "1"
latex = "a = b"
says = {json.dumps(HOSTILE)}

[[claims]]
id = "hostile"
statement = {json.dumps(HOSTILE)}
table = {json.dumps(HOSTILE)}
number = {json.dumps(HOSTILE)}
quantity = {json.dumps(HOSTILE)}
direction = "near"
expected = 1.0
tolerance = 0.1
"""
NOTES = """---
title: "The known one"
---

It measures [few steps](../../posts/a/index.ipynb#what-we-found) and quotes {{< claim few-steps.number >}} [@third2022].
"""
POST = f"""Opening words [@known2020].

## First part

Nothing here.

## A *second* part

Cites [@known2020, Eq. 4; @other2021].

### What we found

{
    cell('''from postkit.claims import claim
claim("few-steps", paper="known2020", measured=2.0, interval=(1.5, 2.5), seeds=3)''')
}

## Figures

```{{python}}
#| label: tbl-x
#| tbl-cap: "Taken from [@known2020]."
from IPython.display import HTML
HTML("<table><tr><td>1</td></tr></table>")
```
"""
NOTATION = (
    "# Notation\n\nOne symbol, one name.\n\n## Symbols\n\n| meaning | name |\n|---|---|\n| clean data | `x_0` |\n"
)


def fill(site: Site) -> Site:
    """The made-up project, nothing executed."""
    shutil.copytree(LIB / "postkit", site.root / "lib/postkit", ignore=shutil.ignore_patterns("__pycache__"))
    site.write("_quarto.yml", SETTINGS)
    site.write("references.bib", BOOKS)
    site.write("lib/mathlib/loops.py", MODULE)
    site.write("tests/test_loops.py", "import x\n\n\ndef test_step(case):\n    pass\n")
    site.write("papers/known2020/paper.toml", PAPER)
    site.write("papers/known2020/paper.qmd", NOTES)
    site.write("papers/other2021/paper.toml", OTHER)
    site.write("reading.qmd", "---\ntitle: Reading\n---\n\nWords.\n")
    site.write("NOTATION.md", NOTATION)
    site.post("a", POST, title="The post")
    return site


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Site:
    site = fill(Site(tmp_path_factory.mktemp("pages")))
    site.press("build")
    return site


def tree(site: Site, url: str) -> html.HtmlElement:
    return html.fromstring(site.read(f"_site/{url}"))


def words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def line_of(text: str, part: str) -> int:
    assert text.count(part) == 1, part
    return text[: text.index(part)].count("\n") + 1


def made(site: Site) -> dict[str, str]:
    """The pages that would be generated now."""
    project = open_project(site.root)
    return make(project, read_papers(site.root), read_notebooks(project)).pages


def problems(site: Site) -> list[str]:
    with pytest.raises(PressError) as caught:
        made(site)
    return [str(problem) for problem in caught.value.problems]


# One paper's page


def test_head_and_notes(built):
    page = tree(built, "papers/known2020/index.html")
    assert page.xpath("string(//h1)") == "The known one"
    assert words(page.find_class("subtitle")[0]) == "A Known paper on $x_0$"
    links = {a.text: a.get("href") for a in page.find_class("paper-head")[0].iter("a")}
    assert links == {
        "arXiv:2001.00001v2": "https://arxiv.org/abs/2001.00001v2",
        "PDF": "https://arxiv.org/pdf/2001.00001v2",
        "doi:10.1/x_y": "https://doi.org/10.1/x_y",
    }
    assert words(page.find_class("paper-head")[0]).startswith("Jane Doe. 2020 arXiv")
    assert "quotes 13.36 against 41.07 (" in words(page.find_class("paper-notes")[0])


def test_functions_stand_beside_their_equation_as_the_file_has_them(built):
    page = tree(built, "papers/known2020/index.html")
    first, second = page.find_class("paper-equation")
    left, right = first.find_class("paper-math")[0], first.find_class("paper-code")[0]
    assert len(left.findall(".//{*}math")) + len(left.xpath(".//math")) >= 1
    assert words(left).endswith("One step.")
    assert [pre.text_content().rstrip("\n") for pre in right.iter("pre")] == [FUNCTION, CLASS]
    assert len(right.xpath("./details//pre")) == 1
    start = line_of(MODULE, "@keep")
    first_block = [a for a in right.iter("a") if not a.xpath("ancestor::details")]
    where = {a.text_content(): a.get("href") for a in first_block}
    assert where["mathlib.loops.step"] == "../../functions.html#mathlib.loops.step"
    assert where["lib/mathlib/loops.py"] == (
        f"https://forge.test/a/b/blob/HEAD/lib/mathlib/loops.py#L{start}-L{start + FUNCTION.count(chr(10))}"
    )
    assert where["tests/test_loops.py::test_step[a]"].endswith("/tests/test_loops.py#L4-L5")
    assert words(second.find_class("paper-code")[0]) == "Not implemented here."
    assert page.xpath("//*[@id='equation-4' or @id='equation-a-1']")[0] is not None
    assert len(page.xpath("//*[@id='equation-a-1']")) == 1


def test_claims_with_paper_measurement_and_provenance(built):
    page = tree(built, "papers/known2020/index.html")
    [measured] = page.xpath("//tr[@id='claim-few-steps']")
    said, theirs, ours, judged = measured.findall("td")
    assert words(said) == "Few steps are enough."
    assert words(theirs) == "13.36 against 41.07Table 1, S = 10"
    assert [words(p) for p in ours.iter("p")] == [
        "2 [1.5, 2.5]",
        "ratio of distances",
        "in this build: The post, 3 seeds, small scale",
    ]
    assert [words(p) for p in judged.iter("p")] == ["\u2713 REPRODUCED", "smaller than 0.01 is no effect: little"]
    assert ours.xpath(".//a/@href") == ["../../posts/a/index.html#what-we-found"]
    assert tree(built, "posts/a/index.html").xpath("//*[@id='what-we-found']//*[@class='postkit-claim']")
    [other] = page.xpath("//tr[@id='claim-never-measured']")
    assert "\u2013 not measured" in [words(p) for p in other.iter("p")]


def test_symbols_and_related(built):
    page = tree(built, "papers/known2020/index.html")
    rows = page.find_class("paper-symbols")[0].xpath(".//tbody/tr")
    assert [len(row.xpath(".//td//*[local-name()='math']")) for row in rows] == [2, 2]
    related = page.xpath("//*[@id='related']//li")
    assert [(words(item), item.find(".//a").get("href")) for item in related] == [
        ("A third (2022)", "https://third.test/"),
        ("Another paper (Roe et al., 2021)", "../other2021/index.html"),
    ]
    back = tree(built, "papers/other2021/index.html").xpath("//*[@id='related']//a/@href")
    assert back == ["../known2020/index.html"]


def test_hostile_text_stays_text(built):
    wanted = " ".join(HOSTILE.split())
    for url in ("papers/other2021/index.html", "claims.html"):
        page = tree(built, url)
        cells = page.xpath("//tr[@id='claim-hostile']/td")
        assert words(cells[0].find("p")) == wanted
        assert [words(p) for p in cells[1].iter("p")] == [wanted, wanted]
    page = tree(built, "papers/other2021/index.html")
    (said,) = page.find_class("paper-math")[0].xpath(".//p[contains(., 'alert(1)')]")
    (formula,) = said.xpath(".//*[local-name() = 'math']")  # the only markup in a meaning
    assert words(said) == wanted.replace("$x$", words(formula))
    assert formula.xpath("string(.//*[local-name() = 'mi'])") == "x"
    for url in ("papers/other2021/index.html", "claims.html", "equations.html", "papers/index.html"):
        page = tree(built, url)
        assert not [s for s in page.iter("script") if "alert" in (s.text or "")]
        assert not [a for a in page.iter("a") if (a.get("href") or "").startswith("javascript")]


# Index pages


def test_index_of_papers(built):
    rows = tree(built, "papers/index.html").xpath("//table//tbody/tr")
    assert [[words(cell) for cell in row.findall("td")] for row in rows] == [
        ["The known oneDoe (2020)", "re-tested", "2", "1 \u2713 REPRODUCED1 \u2013 not measured", "1"],
        ["Another paperRoe et al. (2021)", "to read", "1", "1 \u2013 not measured", "1"],
    ]
    assert rows[0].find(".//a").get("href") == "known2020/index.html"


def test_ledger_is_complete_without_scripts_and_can_be_filtered(built):
    page = tree(built, "claims.html")
    rows = page.xpath("//tbody/tr")
    assert {(row.get("id"), row.get("data-verdict"), row.get("data-paper"), row.get("data-post")) for row in rows} == {
        ("claim-few-steps", "REPRODUCED", "known2020", "a"),
        ("claim-never-measured", "not measured", "known2020", ""),
        ("claim-hostile", "not measured", "other2021", ""),
    }
    assert words(page.find_class("paper-counts")[0]) == "1 \u2713 REPRODUCED, 2 \u2013 not measured"
    assert page.xpath("//form/@hidden")
    assert not page.xpath("//tr/@hidden")
    choices = {s.get("name"): s.xpath("./option/@value") for s in page.xpath("//form//select")}
    assert choices == {
        "verdict": ["", "REPRODUCED", "not measured"],
        "paper": ["", "known2020", "other2021"],
        "post": ["", "a"],
    }
    assert page.xpath("//tr[@id='claim-few-steps']//a/@href")[0] == "papers/known2020/index.html#claim-few-steps"
    assert any("dataset[select.name]" in (script.text or "") for script in page.iter("script"))


def test_index_of_equations_and_glossary(built):
    page = tree(built, "equations.html")
    assert len(page.find_class("paper-equation")) == 3
    links = page.xpath("//*[contains(@class, 'paper-code')]//strong/a/@href")
    assert links == [
        f"papers/{key}/index.html#equation-{n}"
        for key, n in (("known2020", "4"), ("known2020", "a-1"), ("other2021", "1"))
    ]
    for link in links:
        url, _, name = link.partition("#")
        assert tree(built, url).xpath(f"//*[@id='{name}']")
    page = tree(built, "glossary.html")
    assert [words(row) for row in page.xpath("//*[contains(@class, 'paper-notation')]//tbody/tr")] == ["clean data x_0"]
    assert page.xpath("//*[@id='aliases']//td/a/@href") == ["papers/known2020/index.html#symbols"] * 2


def test_every_link_of_the_pages_has_its_target(built):
    site = built.root / "_site"
    for url in ("papers/known2020/index.html", "papers/other2021/index.html", "claims.html", "papers/index.html"):
        for href in tree(built, url).xpath("//main//a/@href"):
            path, _, name = href.partition("#")
            if "://" in href:
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(url), path)) if path else url
            assert (site / target).is_file(), href
            assert not name or html.fromstring((site / target).read_text()).xpath(f"//*[@id='{name}']"), href


def test_symbols_are_those_of_the_posts_boxes():
    assert markup.SYMBOLS == _claim_box.SYMBOLS


# What is wrong is said with its place


def test_a_function_or_test_that_is_gone(copy):
    copy.write("lib/mathlib/loops.py", MODULE.replace("def step(", "def stride("))
    copy.write("tests/test_loops.py", "def test_other():\n    pass\n")
    at = line_of(PAPER, "implemented_by")
    expected = (
        f"papers/known2020/paper.toml:{at}: equation 4: implemented_by 'mathlib.loops.step': no function 'step' in"
    )
    found = problems(copy)
    assert [text.startswith(expected) for text in found] == [True, False]
    assert "There: keep, stride, Loop, after" in found[0]
    assert found[1].startswith(f"papers/known2020/paper.toml:{at + 1}: equation 4: checked_by")
    assert expected in copy.press("check", status=1).stdout + copy.press("check", status=1).stderr
    assert expected in copy.press("build", status=1).stderr


def test_a_renamed_section_that_notes_link_to(copy):
    copy.post("a", POST.replace("### What we found", "### What came out"), title="The post")
    at = line_of(NOTES, "what-we-found")
    assert f"papers/known2020/paper.qmd:{at}: broken link" in copy.press("build", status=1).stderr
    copy.write("papers/known2020/paper.qmd", NOTES.replace("what-we-found", "what-came-out"))
    copy.press("build")
    page = tree(copy, "papers/known2020/index.html")
    assert page.xpath("//tr[@id='claim-few-steps']//a/@href") == ["../../posts/a/index.html#what-came-out"]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("paper.toml", r"x_{t-1} = x_t + \sigma z", r"x = $$ y", "equation 4: latex 'x = $$ y' contains $$"),
        ("paper.toml", r"'\bar\alpha_t'", "'a$b'", "symbols"),
        ("paper.toml", r"'\bar\alpha_t'", "'a\\'", "symbols"),
        ("paper.qmd", "few-steps.number", "few-steps.nothing", "has no key 'nothing'"),
    ],
)
def test_what_would_spoil_a_page(copy, file, old, new, message):
    text = copy.read(f"papers/known2020/{file}")
    copy.write(f"papers/known2020/{file}", text.replace(old, new))
    [found] = problems(copy)
    assert found.startswith(f"papers/known2020/{file}:{line_of(text, old)}: ")
    assert message in found


def test_what_a_renderer_refuses_is_blamed_on_the_source(copy):
    copy.write("papers/known2020/paper.toml", PAPER.replace(r"\frac{1}{2}", r"\frac{1}{"))
    copy.write("papers/known2020/paper.qmd", NOTES + "\nSee [@nobody].\n")
    told = copy.press("build", status=1).stderr
    assert "papers/known2020/paper.qmd:7: unknown citation @nobody" in told
    copy.write("papers/known2020/paper.qmd", NOTES)
    told = copy.press("build", status=1).stderr
    at = line_of(PAPER, "y = \\frac")
    assert f"papers/known2020/paper.toml:{at}: math" in told


def test_a_page_of_an_author_is_not_overwritten(copy):
    copy.write("claims.qmd", "---\ntitle: Mine\n---\n")
    with pytest.raises(PressError, match=r"claims\.qmd: was changed after the press wrote it"):
        write_pages(made(copy), Manifest(open_project(copy.root)))
    assert "Mine" in copy.read("claims.qmd")


# What is written, and when


def changed_pages(site: Site, edit) -> tuple[set[str], str]:
    before = {name: data for name, data in site.snapshot().items() if name.endswith(".html")}
    edit()
    said = site.press("build").stdout
    after = {name: data for name, data in site.snapshot().items() if name.endswith(".html")}
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}, said


def test_a_changed_paper_changes_its_pages_and_runs_nothing(copy):
    def edit():
        copy.write("papers/known2020/paper.toml", PAPER.replace("One step.", "A single step."))

    assert "nothing changed, 0 posts ran" in copy.press("build").stdout
    changed, said = changed_pages(copy, edit)
    assert changed == {"papers/known2020/index.html", "equations.html", "graph.html"}
    assert "0 posts ran, 3 pages rendered" in said


def test_a_paper_that_is_gone_takes_its_page_with_it(copy):
    def edit():
        (copy.root / "papers/other2021/paper.toml").unlink()

    changed, _ = changed_pages(copy, edit)
    assert not (copy.root / "papers/other2021/index.qmd").exists()
    expected = {"papers/other2021/index.html", "papers/known2020/index.html", "papers/index.html"}
    expected |= {"claims.html", "equations.html", "graph.html"}
    assert changed == expected | {"posts/a/index.html"}  # its picture shows its neighbours


def test_check_knows_stale_pages_and_clean_removes_them(copy):
    copy.write("papers/known2020/paper.toml", PAPER.replace("One step.", "A single step."))
    told = copy.press("check", status=1)
    assert "papers/known2020/index.qmd: not up to date. Run press build" in told.stdout + told.stderr
    removed = copy.press("clean").stdout
    assert "removed papers/known2020/index.qmd" in removed
    assert not (copy.root / "claims.qmd").exists()
    assert (copy.root / "papers/known2020/paper.qmd").exists()


def test_run_writes_the_pages_for_quarto(copy):
    text = copy.read("papers/known2020/index.qmd")
    (copy.root / "papers/known2020/index.qmd").unlink()
    copy.press("run")
    assert copy.read("papers/known2020/index.qmd") == text


def test_a_number_that_is_unsure_is_said_to_be(tmp_path):
    root = fill(Site(tmp_path)).root
    kept = root / "papers/known2020/equations.toml"

    def page() -> str:
        return make(open_project(root), read_papers(root), {}).pages["papers/known2020/index.qmd"]

    plain = page()
    entry = f'[[equations]]\nnumber = "4"\nunsure = {json.dumps(HOSTILE)}\n[[equations]]\nnumber = "A.1"\n'
    kept.write_text(entry)
    said = "*The number is not certain:*"
    before, _, after = page().partition(said)
    assert "A.1" not in before
    assert said not in after
    assert "`` <script>alert(1)</script> [x](javascript:alert(2)) {{ < meta title >}}" in after.split("\n")[0]
    for broken in ("[[equations", "equations = 3", "equations = [1, 'a']", "[equations]\nunsure = 'x'", "\xff"):
        kept.write_bytes(broken.encode("latin-1"))
        assert page() == plain, broken


def test_where_numbers_were_read_is_said(tmp_path):
    root = fill(Site(tmp_path)).root
    kept = root / "papers/known2020/paper.toml"
    text = kept.read_text()

    def equations() -> str:
        page = make(open_project(root), read_papers(root), {}).pages["papers/known2020/index.qmd"]
        return page.partition("## Equations")[2]

    assert "read" not in equations().partition("###")[0]
    first = text.index("[[equations]]")
    said = json.dumps(f"Read: {HOSTILE}")
    kept.write_text(
        f"read = {said}\n" + text[:first] + text[first:].replace("latex =", 'read = "Not seen."\nlatex =', 1)
    )
    head, one, other = equations().split("### ")[:3]
    assert "Read: \\<script\\>" in head
    assert "Not seen." in one
    assert "Not seen." not in other


def test_index_pages_of_500_papers(tmp_path):
    root = fill(Site(tmp_path)).root
    for number in range(500):
        key = f"made{number:03}"
        folder = Path(root, "papers", key)
        folder.mkdir()
        text = PAPER.replace("known2020", key).replace('"few-steps"', f'"few-{number}"')
        text = text.replace("verdict = {", "# ").replace("never-measured", f"never-{number}")
        (folder / "paper.toml").write_text(text)
    shelf = read_shelf(open_project(root), read_papers(root), {})
    assert len(shelf.papers) == 502
    start = time.process_time()
    pages = [indexes.papers_index(shelf), indexes.claims_index(shelf), indexes.equations_index(shelf)]
    seconds = time.process_time() - start
    assert pages[0].count("data-status=") == 502
    assert pages[1].count("data-verdict=") == 1003
    assert pages[2].count('class="paper-equation"') == 1003
    assert seconds < float(os.environ.get("PRESS_TEST_SECONDS", 2)), seconds
