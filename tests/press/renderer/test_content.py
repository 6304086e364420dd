"""What pages of other blogs hold: rendered as Quarto does, or shown as well as can be with one warning; no page dies."""

from __future__ import annotations

import json

import lxml.html
import pytest

from press.core.errors import PressError

from .builder import code, display, html, md, picture, plain, png, stream
from .conftest import words

NBSP = "\N{NO-BREAK SPACE}"


@pytest.fixture
def lenient(project):
    """The project, of a user who says nothing about checks."""
    text = (project.root / "_quarto.yml").read_text().replace("  checks: strict\n", "  offline: false\n")
    project.write("_quarto.yml", text)
    return project


def told(project, *cells, front="title: A post\ndate: 2026-03-04"):
    """The post's <main> and the warnings of the build."""
    project.post(*cells, front=front)
    report = project.build()
    return project.page().get_element_by_id("quarto-document-content"), report.warnings


def test_code_tools_show_the_source_and_all_code(lenient):
    front = "title: A\ndate: 2026-03-04\ncode-fold: true\ncode-tools: true"
    main, warnings = told(lenient, md("# <Words>"), code("x = '```'"), front=front)
    assert warnings == []
    (tools,) = main.xpath(".//header//details[contains(@class, 'code-tools')]")
    assert tools.xpath(".//code/text()") == [f"---\n{front}\n---\n\n# <Words>\n\n````{{python}}\nx = '```'\n````"]
    assert [words(button) for button in tools.iter("button")] == ["Show all code", "Hide all code"]
    text = "---\ntitle: B\ncode-tools: {source: repo, caption: Look}\n---\n\nText.\n"
    lenient.write("about.qmd", text)
    lenient.build()
    assert not lenient.page("about.html").find_class("code-tools")  # there is no repository
    lenient.write("about.qmd", text.replace("repo", "about.qmd"))
    lenient.build()
    (tools,) = lenient.page("about.html").find_class("code-tools")
    assert (words(tools.find("summary")), tools.xpath(".//a/@href")) == ("Look", ["about.html"])
    lenient.write("about.qmd", text.replace("source: repo", "toggle: false"))
    lenient.build()
    assert lenient.page("about.html").find_class("code-tools-source")[0].text_content() == text.replace(
        "source: repo", "toggle: false"
    )


def test_shortcodes_within_raw_html_are_resolved(lenient):
    main, warnings = told(
        lenient, md('```{=html}\n<a href="https://x.org/{{< meta date >}}">x</a>\n```\n\n```\n{{< meta date >}}\n```')
    )
    assert warnings == []
    assert main.xpath(".//a[text()='x']/@href") == ["https://x.org/2026-03-04"]
    assert "{{< meta date >}}" in main.text_content()


# Formulas ----------------------------------------------------------------------------------------------------------------


def test_macros_that_a_formula_defines_are_known_in_the_whole_page(project):
    macros = "$$\n% a comment\n\\nonumber\n\\newcommand{\\bx}[1]{\n  \\mathbf{#1}}\n\\DeclareMathOperator*{\\E}{\\mathbb{E}}\n$$"
    more = "$$\\def\\by{\\mathbf{y}}$$\n\n$$\n\\newcommand{\\cE}{\\mathcal{E}}\n\\cE = 1\n$$ {#eq-a}"
    main = project.render(md(f"{macros}\n\n{more}"), md("Then $\\E \\bx{z} \\by \\cE$, @eq-a."))
    assert len(main.xpath(".//math")) == 2
    assert "".join(main.xpath(".//math")[1].xpath(".//mi/text()")) == "\U0001d53c\U0001d433\U0001d432\u2130"
    assert "comment" not in main.text_content()
    assert "newcommand" not in words(main)


@pytest.mark.parametrize(
    ("tex", "kept"),
    [
        (r"{\bf x} = {\rm argmin}\, f \over 2", "mfrac"),
        (r"A = {\rm softmax}\left( Q K^T \over \sqrt{d_k} \right)", "mfrac"),
        (r"\cal L", "mi"),
        (r"\textcolor{red}{x} \tt y", "mi"),
        (r"\cases{1 & x > 0 \cr 0 & x \le 0}", "mtable"),
        (r"a &= b \\ c &= d", "mtable"),
        (r"\norm{x}_2 + \argmin_x \R", "msub"),
    ],
)
def test_formulas_that_pandoc_cannot_read_become_mathml(project, tex, kept):
    main = project.render(md(f"$$\n{tex}\n$$\n\nand ${tex}$"))
    assert len(main.xpath(".//math")) == 2
    assert main.xpath(f".//math//{kept}")
    assert not main.find_class("math")


def test_environments_labels_and_references_of_latex(project):
    main = project.render(
        md(
            "\\begin{align}\na &= b \\label{one} \\\\\nc &= d \\nonumber \\\\\ne &= f \\label{eq:two}\n\\end{align}\n\n"
            "$$\\begin{equation} E = mc^2 \\label{three} \\end{equation}$$\n\n$$x \\tag{A}$$\n\n"
            "See \\eqref{one}, \\eqref{eq:two}, \\ref{three} and $y \\text{ of } \\eqref{three}$."
        )
    )
    links = main.xpath(".//a[@class='quarto-xref']")
    assert [words(link) for link in links] == ["(1)", "(2)", "3"]
    assert all(main.get_element_by_id(link.get("href")[1:]) is not None for link in links)
    assert [words(number) for number in main.find_class("eq-number")] == ["(3)", "(A)"]
    assert len(main.xpath(".//math")) == 4


def test_what_no_reader_knows_is_shown_as_it_is_written(lenient):
    main, problems = told(lenient, md("one\n\n$\\nosuch{x}$ and \\eqref{gone} and a \\n here\n\n\\newpage"))
    assert "$\\nosuch{x}$" in main.text_content()
    assert "\\eqref{gone}" in main.text_content()
    assert "a \\n here" in words(main)
    places = sorted((p.line, p.check) for p in problems)
    assert places == [(8, "math"), (8, "references"), (8, "unsupported"), (10, "unsupported")]


# Labels ------------------------------------------------------------------------------------------------------------------


def test_theorems_callouts_and_their_references(project):
    main = project.render(
        md(
            "::: {#thm-one}\n## Pythagoras\nSquares.\n:::\n\n::: {#thm-two}\n- a list\n:::\n\n::: {.proof}\nClear.\n:::\n\n"
            '::: {#rem-r .remark}\nNote that.\n:::\n\n::: {#def-d name="Even"}\nTwo.\n:::\n\n'
            "::: {#nte-n .callout-note}\n## Mind\nx\n:::\n\n::: {#tip-t .callout-tip}\nx\n:::\n\n"
            "@thm-one, @Thm-two, [-@thm-two], [Satz @thm-one], @rem-r, @def-d, @nte-n, @tip-t"
        )
    )
    assert [words(title) for title in main.find_class("theorem-title")] == [
        f"Theorem{NBSP}1 (Pythagoras)",
        f"Theorem{NBSP}2",
        f"Definition{NBSP}1 (Even)",
    ]
    assert [words(title) for title in main.find_class("proof-title")] == ["Proof.", f"Remark{NBSP}1."]
    assert [words(title) for title in main.find_class("callout-header")] == [f"Note{NBSP}1: Mind", f"Tip{NBSP}1"]
    expected = ["Theorem 1", "Theorem 2", "2", "Satz 1", "Remark 1", "Definition 1", "Note 1", "Tip 1"]
    assert [words(a).replace(NBSP, " ") for a in main.find_class("quarto-xref")] == expected


def test_words_of_cross_references(project):
    front = (
        "title: A\ncrossref:\n  fig-title: Abb.\n  fig-prefix: abb.\n  title-delim: '.'\n  tbl-labels: roman I\n"
        "  custom:\n    - kind: float\n      key: box\n      reference-prefix: Box"
    )
    main = project.render(
        md(
            "![A](http://x/a.png){#fig-a}\n\n| a |\n|---|\n| 1 |\n\n: T {#tbl-t}\n\n::: {#box-b}\nInside\n\nA box\n:::\n\n"
            "@fig-a @Fig-a @tbl-t @box-b"
        ),
        front=front,
    )
    captions = [words(caption).replace(NBSP, " ") for caption in main.iter("figcaption")]
    assert captions == ["Abb. 1. A", "Table I. T", "Box 1. A box"]
    assert [words(a).replace(NBSP, " ") for a in main.find_class("quarto-xref")] == [
        "abb. 1",
        "Abb. 1",
        "Table I",
        "Box 1",
    ]


def test_names_after_an_at_are_printed_as_written_with_one_warning(lenient):
    main, problems = told(lenient, md("Thanks @someone and @someone again, `@cache`, me@x.org.\n\n[@someone; @ho2020]"))
    assert "Thanks @someone and @someone again, @cache, me@x.org." in words(main)
    assert "Ho" in words(main), "the other citation of the pair is one"
    assert [(p.line, p.message.partition(".")[0]) for p in problems] == [(6, "unknown citation @someone")]


def test_a_citation_beside_a_cross_reference_is_kept(lenient):
    main, problems = told(lenient, md("![A](http://x/a.png){#fig-a}\n\n[@fig-a; @ho2020]"))
    assert f"Figure{NBSP}1; " in main.xpath(".//p")[-1].text_content()
    assert main.xpath(".//a[@role='doc-biblioref']")
    assert len(problems) == 1


# Blocks ------------------------------------------------------------------------------------------------------------------


def test_conditions(project):
    text = (
        "::: {.content-visible when-format='html'}\nweb\n:::\n\n::: {.content-visible when-format='pdf'}\npaper\n:::\n\n"
        "[in]{.content-hidden unless-format='html'}[out]{.content-hidden when-format='html'}\n\n"
        "::: {.content-visible when-meta='order'}\nordered\n:::\n\n::: {.content-visible when-profile='gpu'}\nfast\n:::\n"
    )
    main = project.render(md(text), front="title: A\norder: 3")
    assert words(main).split()[1:] == ["web", "in", "ordered"]


def test_annotations_of_code(project):
    main = project.render(
        md("```python\nx = 1 # <1>\ny = 2\n```\n1. Set *x*.\n"),
        code("z = 3  # <1>\nw = 4  # <2>"),
        md("1. One\n2. Two\n\nText.\n\n1. A list of its own"),
    )
    assert [dt.text for dt in main.iter("dt")] == ["1", "1", "2"]
    assert [a.get("data-annotation") for a in main.find_class("code-annotation-anchor")] == ["1", "1", "2"]
    assert "# <" not in main.text_content()
    assert [block.text_content() for block in main.iter("code")][1] == "z = 3  \nw = 4  "
    assert [words(ol) for ol in main.iter("ol")] == ["A list of its own"]


def test_attributes_that_shape_a_page(project):
    (project.root / "posts/x").mkdir(parents=True)
    (project.root / "posts/x/a.png").write_bytes(png())
    main = project.render(
        md(
            "::: {.grid}\n::: {.g-col-4}\na\n:::\n:::\n\n::: {.column-screen}\nwide\n:::\n\n"
            '| a | b |\n|---|---|\n| 1 | 2 |\n\n: W {tbl-colwidths="[20,80]"}\n\n'
            '```{.python code-line-numbers="true"}\nx\n```\n\n::: {layout-ncol=2 layout-valign="center"}\na\n\nb\n:::\n\n'
            "![Big](a.png){.lightbox}\n\n![To](a.png){fig-link='https://x.org'}"
        )
    )
    assert [col.get("style") for col in main.iter("col")] == ["width: 20%", "width: 80%"]
    assert main.find_class("numberSource")
    assert "align-items:center" in main.find_class("quarto-layout-row")[0].get("style")
    assert [a.get("href") for a in main.xpath(".//a[img]")] == ["a.png", "https://x.org"]
    assert project.page().xpath("//script[contains(@src,'content.js')]")


# Cells of other languages ------------------------------------------------------------------------------------------------


def test_other_languages_are_shown_and_told_once(lenient):
    main, problems = told(
        lenient,
        md(
            "```{r, echo=FALSE}\nx <- 1\n```\n\n```{bash}\n#| code-fold: true\n#| lst-label: lst-ls\n#| lst-cap: Files\nls\n```\n\n"
            "@lst-ls\n\n```{ojs}\n//| include: false\ngone\n```\n\n- in a list\n\n    ```{julia}\n    y\n    ```\n"
        ),
    )
    assert [p.line for p in problems] == [6, 10, 19, 26]
    assert all("not run here" in p.message for p in problems)
    assert [words(fold[0]) for fold in main.find_class("code-fold")] == ["Code (r), not run here", "Code"]
    assert words(main.find_class("quarto-xref")[0]) == f"Listing{NBSP}1"
    assert "|" not in main.text_content()
    assert "gone" not in main.text_content()
    assert main.xpath(".//li//code[contains(@class,'julia')]")


def test_diagrams_are_figures_whose_source_is_shown_where_nothing_draws_them(lenient, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    text = "```{mermaid}\n%%| label: fig-flow\n%%| fig-cap: A *flow*\nflowchart LR\n  A --> B\n```\n\n@fig-flow"
    main, problems = told(lenient, md(text))
    assert main.xpath("//*[@id='fig-flow']//div[@data-diagram='mermaid']//code")[0].text == "flowchart LR\n  A --> B"
    assert words(main.find_class("quarto-xref")[0]) == f"Figure{NBSP}1"
    assert [(p.line, p.check) for p in problems] == [(6, "unsupported")]
    assert not lenient.page().xpath("//script[contains(@src,'mermaid')]")


# Outputs -----------------------------------------------------------------------------------------------------------------


def test_colours_of_terminals(project):
    text = "\x1b[31mred\x1b[0m plain \x1b[1;32mgr<b>een\x1b[0m \x1b[38;5;28mdark\x1b[39m\x1b[2K\x1b[48;2;255;0;0mbg"
    main = project.render(code("x", stream(text), plain("\x1b[4mu")), code("y", stream("no colour\n")))
    first = main.find_class("cell-output")[0]
    spans = [(span.get("class"), span.text_content()) for span in first.iter("span")]
    expected = [("ansi-fg-1", "red"), ("ansi-bold ansi-fg-2", "gr<b>een"), ("ansi-fg-2", "dark"), ("ansi-bg-1", "bg")]
    assert spans == expected
    assert first.text_content().strip() == "red plain gr<b>een darkbg"
    assert not main.find_class("cell-output")[2].xpath(".//span")


def test_tracebacks_are_shown(project):
    error = {"output_type": "error", "ename": "E", "evalue": "bad", "traceback": ["\x1b[31mE\x1b[39m", "  at <line> 1"]}
    main = project.render(code("fail()", error))
    assert main.xpath(".//div[contains(@class,'cell-output-error')]/pre")[0].text_content() == "E\n  at <line> 1"


PLOTLY = {"data": [{"y": [1, "</script>"]}], "layout": {"title": "T"}, "config": {"plotlyServerURL": "https://plot.ly"}}
ALTAIR = (
    '<div id="altair-viz-1"></div><script>(function(spec, embedOpt){ load("https://cdn.jsdelivr.net/npm/vega-embed@6") '
    '})({"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "mark": "bar"}, {"mode": "vega-lite"});</script>'
)


@pytest.mark.parametrize(
    ("bundle", "kind", "value"),
    [
        ({"application/vnd.plotly.v1+json": PLOTLY, "text/html": "<b>x</b>"}, "plotly", PLOTLY["data"]),
        ({"text/html": '<div class="plotly-graph-div" id="a"></div><script>Plotly.newPlot("a", [{"y": [1]}], {"w": 1})'
          "</script>"}, "plotly", [{"y": [1]}]),
        ({"application/vnd.vegalite.v5+json": {"mark": "bar"}, "text/plain": "<V>"}, "vega", "bar"),
        ({"text/html": ALTAIR}, "vega", "bar"),
    ],
)  # fmt: skip
def test_plots_carry_their_data_and_ask_no_other_host(lenient, monkeypatch, bundle, kind, value):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("press.renderer.libraries._installed", lambda *_: None)
    main, problems = told(lenient, code("fig", display(bundle)))
    (place,) = main.find_class("interactive")
    data = json.loads(place.find("script").text)
    assert place.get("data-kind") == kind
    assert data.get("data", data.get("mark")) == value
    assert "cdn" not in lxml.html.tostring(main, encoding="unicode")
    assert "plotlyServerURL" not in place.find("script").text
    assert [p.check for p in problems] == ["outputs"], "and it is told that nothing draws them here"


def test_a_still_stands_for_a_plot(lenient, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("press.renderer.libraries._installed", lambda *_: None)
    still = picture()["data"]["image/png"]
    main, _ = told(lenient, code("fig", display({"application/vnd.plotly.v1+json": PLOTLY, "image/png": still})))
    image = main.xpath(".//div[@class='still']/img")[0]
    assert (lenient.out / "posts/x" / image.get("src")).read_bytes() == png()


def test_widgets_without_state_are_text_and_told_once(lenient):
    view = display({"application/vnd.jupyter.widget-view+json": {"model_id": "m"}, "text/plain": "IntSlider(value=3)"})
    main, problems = told(lenient, code("a", view), code("b", view))
    assert main.text_content().count("IntSlider(value=3)") == 2
    assert [p.check for p in problems] == ["outputs"]


def test_odd_bundles(lenient):
    main, problems = told(
        lenient,
        code("a", display({"application/x-strange": "?"})),
        code("b", display({"image/png": "%%%"})),
        code("c", display({"application/json": {"a": 1}})),
        code("d", {"output_type": "display_data"}, {"output_type": "stream"}, {"output_type": "pyout", "text": "x"}),
        code("e", display({"text/markdown": "---\na: [\n---\n\n*kept*"})),
    )
    assert "Unable to display" not in main.text_content()
    assert '"a": 1' in main.text_content()
    assert main.xpath(".//em[text()='kept']")
    assert sorted(p.check for p in problems) == ["outputs", "outputs"]


def test_large_html_goes_around_pandoc(project):
    main = project.render(code("a", html("<i>`</i>" * 30_000)), md("After."))
    assert len(main.xpath(".//i")) == 30_000
    assert words(main[-1]) == "After."


# Shortcodes --------------------------------------------------------------------------------------------------------------


def test_shortcodes(lenient):
    lenient.write("_variables.yml", "a:\n  b: from a file\n")
    lenient.write("posts/x/film.mp4", "film")
    main, problems = told(
        lenient,
        md(
            "{{< video https://youtu.be/abcdefg start=7 >}} {{< video film.mp4 >}} {{< video https://x.org/y >}}\n\n"
            "{{< kbd Ctrl-C >}} {{< var a.b >}} {{< env PRESS_NONE 'a fallback' >}} {{< fa brands github >}}\n\n"
            "{{< pagebreak >}}\n\n{{< placeholder 20 10 >}} {{< lipsum 2 >}}\n\n{{< contents later >}}\n\nLast.\n\n"
            "::: {#later}\nMoved.\n:::\n\n<!-- {{< nothing >}} -->\n\n{{< tweet 1 >}} {{< fa anchor >}}"
        ),
    )
    frames = main.xpath(".//iframe/@src | .//video/@src")
    assert frames == ["https://www.youtube-nocookie.com/embed/abcdefg?start=7", "film.mp4"]
    assert (lenient.out / "posts/x/film.mp4").is_file()
    assert main.xpath(".//a[@class='video-card']/@href") == ["https://x.org/y"]
    text = words(main)
    assert "Ctrl-C from a file a fallback" in text
    assert text.index("Moved.") < text.index("Last.")
    assert text.count("Lorem ipsum") == 2
    assert "{{< tweet 1 >}} [anchor]" in text
    assert [(p.line, p.check) for p in problems] == [(24, "unsupported"), (24, "unsupported")]


def test_a_site_that_asks_no_other_host_links_to_videos(lenient):
    text = (lenient.root / "_quarto.yml").read_text().replace("offline: false", "offline: true")
    lenient.write("_quarto.yml", text)
    main, _ = told(lenient, md("{{< video https://youtu.be/abcdefg >}} {{< video javascript:alert(1) >}}"))
    assert not main.xpath(".//iframe")
    assert main.xpath(".//a[@class='video-card']/@href") == ["https://youtu.be/abcdefg"]


# Pages that would have died ----------------------------------------------------------------------------------------------


def test_emoji_in_what_stands_above_a_page(project):
    front = "title: 'T \U0001f389'\nsubtitle: '\U0001f680 *x*'\nauthor: 'A \U0001f469\U0001f3fd\u200d\U0001f4bb'\ndescription: '\U0001f600'"
    main = project.render(md("***\n\n---\n\nkey: [value\n\n---\n\nend"), front=front)
    assert "T \U0001f389" in words(main)
    assert "key: [value" in words(main)
    assert len(main.xpath(".//hr")) == 3


@pytest.mark.parametrize("bib", ["@article{ho2020, title = {unclosed", "\xff\xfe broken", "@article{ho2020,}}}}{{"])
def test_a_bibliography_that_cannot_be_read(lenient, bib):
    (lenient.root / "references.bib").write_bytes(bib.encode("latin-1"))
    main, _ = told(lenient, md("As [@ho2020] says. The end."))
    assert "The end." in words(main)


def test_missing_bibliography_and_style(lenient):
    main, problems = told(lenient, md("Text."), front="title: A\ncsl: gone.csl\nbibliography: gone.bib")
    assert "Text." in words(main)
    assert [p.check for p in problems] == ["references", "references"]


def test_a_style_that_is_none(lenient):
    lenient.write("posts/x/bad.csl", "<style>")
    main, problems = told(lenient, md("As [@ho2020] says."), front="title: A\ncsl: bad.csl")
    assert "says." in words(main)
    assert [p.check for p in problems] == ["references"]


def test_what_pandoc_cannot_read_is_shown_as_it_stands(lenient, monkeypatch):
    broken = lenient.root / "filters"
    broken.mkdir()
    (broken / "broken.lua").write_text("function Pandoc(doc) error('no') end")
    monkeypatch.setattr("press.renderer.convert.FILTERS", ("../../../../../" * 3 + str(broken / "broken")[1:],))
    main, problems = told(lenient, md("# A heading\n\nText & <b>more</b> ``` and ::: so on."))
    assert "# A heading" in main.find("pre").text_content()
    assert "<b>more</b>" in main.find("pre").text_content()
    own = [(p.check, p.message[:13]) for p in problems if p.file.startswith("posts/x")]
    assert own == [("markdown", "Pandoc failed")]


def test_notebooks_of_old_and_odd_formats(lenient):
    path = lenient.root / "posts/x/index.ipynb"
    path.parent.mkdir(parents=True)
    cells = [
        {"cell_type": "code", "language": "python", "input": "x = 1", "outputs": [], "prompt_number": 1, "metadata": {}}
    ]
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells, "metadata": {}}]}
    path.write_text(json.dumps(old))
    lenient.build()
    assert "x = 1" in lenient.page().text_content()
    path.write_text(json.dumps({"cells": [{}, {"cell_type": "markdown"}, {"cell_type": "code", "source": "y = 2"}, 7]}))
    lenient.build()
    assert "y = 2" in lenient.page().text_content()


def test_strict_projects_stop_at_what_is_not_supported(project):
    project.post(md("```{r}\n1\n```\n\n$\\nosuch{x}$\n\n@someone"))
    with pytest.raises(PressError) as caught:
        project.build()
    assert [(p.line, p.check) for p in caught.value.problems] == [(6, "unsupported"), (10, "math"), (12, "references")]
