"""Figures, tables, equations, sections, listings: numbered and named as Quarto does."""

from __future__ import annotations

from .builder import code, html, md, picture
from .conftest import words

NBSP = "\N{NO-BREAK SPACE}"


def xrefs(main):
    return [words(a) for a in main.xpath(".//p[@id='r' or .]//a[contains(@class,'quarto-xref')]")]


def captions(main):
    return [words(c) for c in main.iter("figcaption")]


def test_cell_figure_is_numbered_captioned_and_linked(project):
    main = project.render(
        md("See @fig-a and -@fig-a and [Fig @fig-a] and [@fig-a; @fig-b]."),
        code("#| label: fig-a\n#| fig-cap: First *one*\n#| fig-alt: blue\nplot()", picture()),
        code("#| label: fig-b\n#| fig-cap: Second\nplot()", picture()),
    )
    assert captions(main) == [f"Figure{NBSP}1: First one", f"Figure{NBSP}2: Second"]
    expected = [f"Figure{NBSP}1", "1", f"Fig{NBSP}1", f"Figure{NBSP}1", f"Figure{NBSP}2"]
    assert xrefs(main) == expected
    assert main.xpath(".//a[@class='quarto-xref']/@href")[0] == "#fig-a"
    image = main.xpath("//*[@id='fig-a']//img")[0]
    assert image.get("src") == "index_files/figure-html/fig-a-output-1.png"
    assert image.get("alt") == "blue"
    assert (project.out / "posts/x" / image.get("src")).read_bytes()[:4] == b"\x89PNG"


def test_subfigures_of_a_cell(project):
    main = project.render(
        md("See @fig-p, @fig-p-1 and @fig-p-2."),
        code(
            "#| label: fig-p\n#| fig-cap: Both\n#| fig-subcap: [Left, Right]\n#| layout-ncol: 2\nplot()",
            picture(),
            picture(),
        ),
    )
    assert captions(main) == ["(a) Left", "(b) Right", f"Figure{NBSP}1: Both"]
    assert xrefs(main) == [f"Figure{NBSP}1", f"Figure{NBSP}1 (a)", f"Figure{NBSP}1 (b)"]
    assert len(main.xpath("//*[@id='fig-p']//div[@class='quarto-layout-cell']")) == 2
    assert [i.get("alt") for i in main.iter("img")] == ["Left", "Right"]


def test_figures_written_by_hand(project):
    (project.root / "posts/x").mkdir(parents=True)
    (project.root / "posts/x/a.png").write_bytes(b"png")
    main = project.render(
        md(
            "![One](a.png){#fig-one}\n\n::: {#fig-two layout-ncol=2}\n![A](a.png){#fig-l}\n\n![B](a.png){#fig-r}\n\n"
            "Two of them\n:::\n\n@fig-one @fig-two @fig-l @fig-r\n\n![](a.png){#fig-bare}\n\n![No label](a.png)"
        )
    )
    assert xrefs(main) == [f"Figure{NBSP}1", f"Figure{NBSP}2", f"Figure{NBSP}2 (a)", f"Figure{NBSP}2 (b)"]
    assert captions(main) == [
        f"Figure{NBSP}1: One",
        "(a) A",
        "(b) B",
        f"Figure{NBSP}2: Two of them",
        f"Figure{NBSP}3",
        "No label",
    ]


def test_tables_from_markdown_and_from_cells(project):
    main = project.render(
        md("| a | b |\n|---|---|\n| 1 | 2 |\n\n: Small {#tbl-s}\n\n@tbl-s, @tbl-df"),
        code("#| label: tbl-df\n#| tbl-cap: Frame\ndf", html("<table><tr><td>1</td></tr></table>")),
    )
    assert captions(main) == [f"Table{NBSP}1: Small", f"Table{NBSP}2: Frame"]
    assert xrefs(main) == [f"Table{NBSP}1", f"Table{NBSP}2"]
    figure = main.xpath("//*[@id='tbl-s']/figure")[0]
    assert figure[0].tag == "figcaption", "a table's caption stands above it"
    assert main.xpath("//*[@id='tbl-df']//table")


def test_equations(project):
    main = project.render(md("$$\nx = 1\n$$ {#eq-a}\n\n$$ y $$\n\n$$ z $$ {#eq-b}\n\n@eq-a and @eq-b, -@eq-b"))
    assert [words(n) for n in main.find_class("eq-number")] == ["(1)", "(2)"]
    assert xrefs(main) == [f"Equation{NBSP}1", f"Equation{NBSP}2", "2"]
    assert len(main.xpath(".//math[@display='block']")) == 3
    assert main.xpath("//*[@id='eq-a']//math")


def test_sections_without_and_with_numbers(project):
    text = "## One {#sec-one}\n\nSee @sec-two.\n\n## Two {.unnumbered}\n\n## Three\n\n### Deep {#sec-two}\n"
    main = project.render(md(text))
    assert xrefs(main) == [f"Section{NBSP}2.1"]
    assert not main.find_class("header-section-number")
    main = project.render(md(text), front="title: A\nnumber-sections: true")
    assert [words(n) for n in main.find_class("header-section-number")] == ["1", "2", "2.1"]


def test_listings(project):
    main = project.render(
        md('```{#lst-a .python lst-cap="By hand"}\nx = 1\n```\n\n@lst-a @lst-b'),
        code("#| lst-label: lst-b\n#| lst-cap: From a cell\nx = 2"),
    )
    assert captions(main) == [f"Listing{NBSP}1: By hand", f"Listing{NBSP}2: From a cell"]
    assert xrefs(main) == [f"Listing{NBSP}1", f"Listing{NBSP}2"]


def test_caption_without_label_is_not_numbered(project):
    main = project.render(code("#| fig-cap: Just a caption\nplot()", picture()))
    assert captions(main) == ["Just a caption"]
    assert main.xpath(".//img/@src") == ["index_files/figure-html/cell-2-output-1.png"]


def test_unresolved_duplicate_and_mixed_references_are_refused(project):
    problems = project.refused(
        md("Fine.\n\nSee @fig-none."),
        md("![A](http://x/a.png){#fig-a}\n\n![B](http://x/a.png){#fig-a}\n\n[@fig-a; @ho2020]"),
    )
    assert ("posts/x/post.qmd", 8, "cross reference @fig-none: nothing on this page has that label") in [
        (p.file, p.line, p.message) for p in problems
    ]
    assert [p.line for p in problems if "used twice" in p.message] == [10, 12]
    assert any("cannot share" in p.message for p in problems)
