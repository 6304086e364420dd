"""What is not supported is refused by name, with file and line, all problems at once."""

from __future__ import annotations

import pytest

from press.core.config import read_config
from press.core.errors import PressError

from .builder import code, md, picture, stream


def lines(problems):
    return [(p.file, p.line) for p in problems]


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("{{< tweet 1 >}}", 6, "tweet"),
        ("a\n\n{{< meta nothing >}}", 8, "nothing"),
        ("::: {.callout-danger}\nx\n:::", 6, "callout-danger"),
        ("text\n\n::: {.mine}\nnever closed", 8, "unclosed"),
        ("a\n`{python} 1 + 1` b", 7, "inline code"),
        ("a\nx `{python}\n1 + 1` b", 7, "inline code"),
        ("```{ojs}\nx\n```", 6, "{ojs}"),
        ("a\n\n\\newpage", 8, "newpage"),
        ("See [@nobody2000].", 6, "nobody2000"),
        ("math\n\n$\\nosuchcommand{x}$", 8, "MathML"),
        ("[gone](../gone/index.ipynb)", 6, "../gone/index.ipynb"),
        ("[src](post.qmd)", 6, "Link to posts/x/index.ipynb instead"),
        ("![](nofile.png)", 6, "nofile.png"),
        ("::: {.panel-tabset}\nno headings\n:::", 6, "heading for each tab"),
    ],
)
def test_constructs(project, text, line, word):
    project.write("posts/x/post.qmd", "source")
    problems = project.refused(md(text))
    assert {(p.file, p.line) for p in problems} == {("posts/x/post.qmd", line)}, problems
    assert any(word in p.message for p in problems)


def test_cell_options_have_their_own_line(project):
    problems = project.refused(
        md("Text."),
        code("#| label: a\n#| fig-kap: typo\nx = 1"),
        code("#| column: wide\nx"),
    )
    assert next((p.line, "fig-kap" in p.message) for p in problems) == (10, True)
    assert {p.line for p in problems} == {10, 15}


@pytest.mark.parametrize(
    ("options", "outputs", "line", "word"),
    [
        ("#| label: fig-a\n#| fig-cap: A", 0, 8, "displayed nothing"),
        ("#| label: fig-a", 0, 7, "no figure"),
        ("#| label: fig-a\n#| fig-cap: [A, B]", 2, 8, "fig-subcap"),
        ("#| fig-cap: [A, B]", 3, 7, "2 captions for 3"),
        ("#| label: fig-a\n#| fig-cap: A\n#| fig-subcap: [x]", 2, 9, "1 captions for 2"),
        ("#| label: tbl-a\n#| fig-cap: A", 1, 8, "wants tbl-cap"),
        ("#| lst-cap: A", 0, 7, "lst-label"),
    ],
)
def test_no_caption_is_dropped(project, options, outputs, line, word):
    problems = project.refused(code(options + "\nplot()", *[picture()] * outputs))
    assert [(p.file, p.line) for p in problems] == [("posts/x/post.qmd", line)]
    assert word in problems[0].message


def test_front_matter_and_broken_yaml(project):
    problems = project.refused(md("x"), front="title: A\ntitel: B\nlisting:\n  sorted: yes\ndate: soon\nlang: fi")
    assert lines(problems) == [("posts/x/post.qmd", n) for n in (3, 5, 6, 7)]
    problems = project.refused(md("x"), front="title: A\nbad: [1,\nx: 2")
    assert problems[0].file == "posts/x/post.qmd"
    assert problems[0].line in (3, 4)


def test_project_file(project):
    text = (project.root / "_quarto.yml").read_text()
    project.write(
        "_quarto.yml",
        text.replace("  search: false", "  search: false\n  serch: true").replace("icon: rss", "icon: nope"),
    )
    problems = project.refused()
    assert problems[0].file == "_quarto.yml"
    assert "'website.serch'" in problems[0].message
    number = next(i for i, line in enumerate(text.splitlines(), 1) if "search: false" in line) + 1
    assert problems[0].line == number
    assert "'nope'" in problems[1].message
    with pytest.raises(PressError, match=r"_quarto-none\.yml"):
        read_config(project.root, "none")


def test_plain_pages_name_their_own_lines(project):
    project.write("extra.txt", "included\n\n{{< tweet y >}}\n")
    project.write("about.qmd", "---\ntitle: About\n---\n\n{{< include extra.txt >}}\n\n```{python}\n1\n```\n")
    problems = project.refused()
    assert lines(problems) == [("about.qmd", 7), ("extra.txt", 3)]


def test_code_in_braces_that_no_engine_knows_is_text(project):
    assert "{name} of it" in project.render(md("a `{name} of it` b")).text_content()


def test_all_pages_are_reported_together(project):
    project.post(md("{{< one >}}"), slug="a")
    project.post(md("{{< two >}}"), slug="b")
    assert [p.file for p in project.refused()] == ["posts/a/post.qmd", "posts/b/post.qmd"]


def test_listing(project):
    index = (project.root / "index.qmd").read_text()
    project.write("index.qmd", index.replace("type: default", "type: tree").replace("date desc", "date down"))
    project.post(md("x"))
    problems = project.refused()
    assert [(p.file, p.line) for p in problems] == [("index.qmd", 8), ("index.qmd", 9)]
    assert "'tree'" in problems[0].message
    assert "'date down'" in problems[1].message


def test_navbar_target_and_damaged_notebook(project):
    project.write(
        "_quarto.yml", (project.root / "_quarto.yml").read_text().replace("href: about.qmd", "href: abuot.qmd")
    )
    project.post(md("x"))
    problems = project.refused()
    assert "abuot.qmd" in problems[0].message
    assert problems[0].file == "_quarto.yml"
    assert problems[0].line > 1
    project.write("posts/x/index.ipynb", '{"cells": ')
    assert project.refused()[0].file == "posts/x/index.ipynb"


def test_user_classes_and_escapes_pass(project):
    main = project.render(
        md("::: {.my-box #mine}\nx\n:::\n\n[y]{.hl} `{{< video >}}` {{{< video z >}}}\n\n```\n{{< video >}}\n```"),
        code("print()", stream("{{< video >}}")),
    )
    assert main.find_class("my-box")
    assert main.find_class("hl")
    assert main.text_content().count("{{< video >}}") == 3
    assert "{{< video z >}}" in main.text_content()


def test_latex_macros_are_known_to_math(project):
    main = project.render(md("\\newcommand{\\E}{\\mathbb{E}}\n\n$\\E[x]$\n\ntext\n\n---\n\nkey: value\n\n---\n\nend"))
    assert main.xpath(".//math")
    assert "key: value" in main.text_content()
