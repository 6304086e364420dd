"""Posts of other people's projects: anywhere, of any name, in Quarto Markdown or as a notebook; nothing is written to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from press.core.project import open_project
from press.posts.collection import read_posts, sources
from tests.press.conftest import Site, cell
from tests.press.strangers import no_kernels

CONFIG = "project:\n  type: website\nwebsite:\n  title: A blog\n"
RUN = "execute:\n  enabled: true\n"


def notebook(*cells: tuple[str, str], front: str = "", outputs=(), **metadata) -> str:
    """A notebook with these (kind, source) cells; each code cell has these outputs."""
    made = [
        {"cell_type": "raw", "id": "front", "metadata": {}, "source": f"---\ntitle: A note\ndescription: d\n{front}---"}
    ]
    for index, (kind, source) in enumerate(cells):
        code = {"outputs": list(outputs), "execution_count": 1} if kind == "code" else {}
        made.append({"cell_type": kind, "id": f"c{index}", "metadata": {}, "source": source} | code)
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": made})


@pytest.fixture
def blog(tmp_path: Path) -> Site:
    """A project that knows nothing of the press."""
    site = Site.__new__(Site)
    site.root = tmp_path
    site.write("_quarto.yml", CONFIG)
    site.write("index.qmd", "---\ntitle: Home\nlisting:\n  contents: notes\n---\n")
    return site


def slugs(site: Site) -> list[str]:
    return [source.slug for source in sources(open_project(site.root))]


def text(site: Site, page: str) -> str:
    from lxml import html

    main = html.fromstring(site.read(f"_site/{page}")).xpath("//main")[0]
    return " ".join(main.text_content().split())


def test_any_page_with_python_cells_is_a_post(blog):
    page = "---\ntitle: x\ndescription: d\n---\n\n"
    for name in (
        "index.qmd",
        "notes/A b.qmd",
        "notes/\u65e5\u8a18/my_Post.md",
        "posts/x/index.qmd",
        "posts/2026/deep/post.qmd",
    ):
        blog.write(name, page + cell("1 + 1"))
    blog.write("notes/plain.qmd", page + "Words, and ```{python} is no cell here.\n")
    blog.write("notes/shown.qmd", page + "````\n```{python}\n1\n```\n````\n")
    blog.write("notes/_hidden/x.qmd", page + cell("1"))
    blog.write("notes/n.ipynb", notebook(("code", "1")))
    blog.write(
        "notes/r.ipynb", notebook(("code", "1"), kernelspec={"name": "ir", "language": "R", "display_name": "R"})
    )
    posts = read_posts(open_project(blog.root), {})
    assert {post.slug for post in posts.sound} == {"index", "notes/A b", "notes/\u65e5\u8a18/my_Post", "x", "2026/deep"}
    assert [source.slug for source in posts.stored] == ["notes/n"]


def test_two_that_would_have_one_name_have_their_whole_path(blog):
    blog.write("a.qmd", cell("1"))
    blog.write("posts/a/index.qmd", cell("1"))
    assert slugs(blog) == ["a.qmd", "posts/a/index.qmd"]


def test_a_notebook_runs_where_it_says_so_and_is_never_written_to(blog):
    source = notebook(
        ("code", "import helper\nhelper.words()"),
        ("code", "#| label: fig-a\n#| echo: false\nprint(open('data.txt').read())"),
        ("markdown", "Twice: `{python} helper.words() * 2`, and `{python} 1/4`."),
        front=RUN,
    )
    path = blog.write("notes/My Note.ipynb", source)
    blog.write("notes/helper.py", "def words():\n    return '*w*'\n")
    blog.write("notes/data.txt", "from the file")
    done = blog.press("build")
    shown = text(blog, "notes/My Note.html")
    assert "'*w*'" in shown
    assert "from the file" in shown
    assert "Twice: *w**w*, and 0.25." in shown
    assert "open('data.txt')" not in shown
    assert path.read_text() == source
    assert "it read notes/data.txt; it will run again when that changes" in done.stderr
    assert blog.press("why").stdout == "notes/My Note: up to date\n"
    assert "nothing changed" in blog.press("build").stdout
    blog.write("notes/helper.py", "def words():\n    return 'new'\n")
    assert "module notes/helper.py changed" in blog.press("why", "My Note").stdout
    blog.write("notes/data.txt", "other")
    assert "read notes/data.txt changed" in blog.press("why", "notes/My Note.ipynb").stdout
    blog.press("build")
    assert "Twice: newnew" in text(blog, "notes/My Note.html")
    assert "other" in text(blog, "notes/My Note.html")


def test_stored_outputs_are_published_and_said_to_be_so(blog):
    seven = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": "7"}}
    blog.write("notes/n.ipynb", notebook(("code", "import mod\nraise SystemExit"), outputs=[seven]))
    blog.write("notes/mod.py", "x = 1\n")
    blog.press("build")
    shown = text(blog, "notes/n.html")
    assert "not executed by this build" in shown
    assert shown.endswith("7")
    assert "stored outputs" in blog.press("why", "n").stdout
    blog.write("notes/mod.py", "x = 2\n")
    assert "module notes/mod.py changed" in blog.press("why", "notes/n").stdout
    assert "notes/n.ipynb: its stored outputs may be out of date" in blog.press("build").stderr
    blog.write("notes/n.ipynb", notebook(("code", "import mod")))  # saved again
    assert "out of date" not in blog.press("build").stderr


@pytest.mark.parametrize(
    ("where", "front"),
    [
        ("_quarto.yml", "execute:\n  enabled: false\n"),
        ("notes/_metadata.yml", "execute:\n  enabled: false\n"),
        ("", "execute: false\n"),
    ],
)
def test_code_that_is_not_enabled_is_shown_and_not_run(blog, where, front):
    if where:
        blog.write(where, (CONFIG if where == "_quarto.yml" else "") + front)
    own = "" if where else front
    blog.write("notes/a.qmd", f"---\ntitle: x\ndescription: d\n{own}---\n\n" + cell("open('ran', 'w')"))
    blog.press("build")
    assert "open('ran', 'w')" in text(blog, "notes/a.html")
    assert "not executed by this build" in text(blog, "notes/a.html")
    assert not (blog.root / "notes/ran").exists()


def test_cells_that_are_not_evaluated_and_cells_that_may_fail(blog):
    body = cell("#| eval: false\nx = 1") + "\n" + cell("#| error: true\nx") + "\n" + cell("print('went on')")
    blog.write("notes/a.qmd", "---\ntitle: x\ndescription: d\n---\n\n" + body)
    tagged = notebook(("code", "1 / 0"), ("code", "print('went on')"), front=RUN)
    tagged = json.loads(tagged)
    tagged["cells"][1]["metadata"]["tags"] = ["raises-exception"]
    blog.write("notes/b.ipynb", json.dumps(tagged))
    blog.press("build")
    shown = text(blog, "notes/a.html")
    assert "x = 1" in shown
    assert "NameError: name 'x' is not defined" in shown
    assert shown.endswith("went on")
    assert text(blog, "notes/b.html").endswith("went on")
    blog.write("notes/a.qmd", "---\ntitle: x\ndescription: d\nexecute:\n  eval: false\n---\n\n" + body)
    blog.press("build")
    assert "NameError" not in text(blog, "notes/a.html")
    blog.write("notes/a.qmd", "---\ntitle: x\ndescription: d\n---\n\n" + cell("x"))
    assert "code-1 raised NameError" in blog.press("build", status=1).stderr


def test_magics_run_and_what_leaves_python_is_told(blog):
    body = "".join(
        cell(code) + "\n"
        for code in (
            "%%capture hidden\nprint('hidden')",
            "%timeit -n1 -r1 sum(range(10))",
            "%run other.py\nprint(value)",
            "# !pip install x",
            "out = !echo from-the-shell\nprint(out[0])",
        )
    )
    blog.write("notes/a.qmd", "---\ntitle: x\ndescription: d\n---\n\n" + body)
    blog.write("notes/other.py", "value = 'from the script'\n")
    told = blog.press("build").stderr
    assert [line for line in told.splitlines() if line.startswith("warning")] == [
        "warning: notes/a.qmd:25: `!echo from-the-shell` runs outside Python. The staleness key does not cover what it reads. Write it in Python"
    ]
    shown = text(blog, "notes/a.html")
    assert "from the script" in shown
    assert "from-the-shell" in shown
    assert "per loop" in shown
    blog.write("notes/other.py", "value = 'changed'\n")
    assert "module notes/other.py changed" in blog.press("why").stdout
    blog.write("_quarto.yml", CONFIG + "press:\n  shell: forbid\n")
    assert "error: notes/a.qmd:25" in blog.press("build", status=1).stderr
    blog.write("_quarto.yml", CONFIG + "press:\n  shell: allow\n")
    assert "warning" not in blog.press("build").stderr


def test_an_include_within_a_cell_is_its_code(blog):
    blog.write("notes/_code.py", "print(6 * 7)\n")
    blog.write("notes/a.qmd", "---\ntitle: x\ndescription: d\n---\n\n" + cell("{{< include _code.py >}}"))
    blog.press("build")
    assert text(blog, "notes/a.html").endswith("42")


def test_values_within_the_text_are_escaped_unless_they_are_markdown(blog):
    body = cell("from IPython.display import Markdown\nn = 3") + (
        "\n`{python} '<script>*x*'`\n\n`{python} Markdown('**bold**')` and `{python} n`.\n\n"
        + cell("n = 4")
        + "\nNow `{python} n`; ``{python} n`` and\n\n```\n`{python} n`\n```\n"
    )
    blog.write("notes/a.qmd", "---\ntitle: x\ndescription: d\n---\n\n" + body)
    blog.press("build")
    page = blog.read("_site/notes/a.html")
    assert "&lt;script&gt;*x*" in page
    assert "<strong>bold</strong> and 3." in page
    assert "Now 4; <code>{python} n</code>" in page
    over = "One `{python}\nn +\n1` and\n`{python} n`, no `more.\n\nOf `{python} n`.\n"
    blog.write("notes/a.qmd", "---\ntitle: x\ndescription: d\n---\n\n" + cell("n = 3") + "\n" + over)
    blog.press("build")
    assert "One 4 and 3, no `more. Of 3." in text(blog, "notes/a.html")
    blog.write(
        "notes/a.qmd", "---\ntitle: x\ndescription: d\n---\n\n" + cell("1") + "\nA `{python} 1`\nB `{python}\nno`\n"
    )
    assert "notes/a.qmd:11: inline-2 raised NameError" in blog.press("build", status=1).stderr
    blog.write("notes/a.qmd", "---\ntitle: x\ndescription: d\n---\n\nA\n\n`{python} missing`\n\n" + cell("1"))
    assert "notes/a.qmd:8: inline-1 raised NameError" in blog.press("build", status=1).stderr


def test_a_post_in_a_deeper_folder_is_published_too(site):
    site.post("2026/deep", cell("print('deep')"))
    site.press("build")
    assert "deep" in site.read("_site/posts/2026/deep/index.html")
    assert (site.root / "_site/posts/2026/deep/deep.ipynb").is_file()


def test_work_is_done_in_the_projects_folder_where_it_says_so(blog):
    blog.write("_quarto.yml", CONFIG.replace("type: website\n", "type: website\n  execute-dir: project\n"))
    blog.write("top.py", "x = 'top'\n")
    blog.write(
        "notes/a.qmd",
        "---\ntitle: x\ndescription: d\n---\n\n" + cell("import top, os\nprint(top.x, os.listdir('notes'))"),
    )
    blog.press("build")
    assert "top ['a.qmd']" in text(blog, "notes/a.html")
    blog.write("top.py", "x = 'other'\n")
    assert "module top.py changed" in blog.press("why").stdout


def test_a_cell_within_a_list_runs_and_its_output_stands_there(blog):
    from lxml import html

    deep = "    ```{python}\n    if True:\n        print(1)\n    ```\n\n    ```{r}\n    shown\n    ```\n"
    blog.write("notes/a.qmd", f"---\ntitle: x\ndescription: d\n---\n\n1. One\n\n{deep}\n    After.\n2. Two\n")
    with no_kernels():
        blog.press("build")
    items = html.fromstring(blog.read("_site/notes/a.html")).xpath("//main/ol/li")
    assert len(items) == 2
    assert items[0].xpath(".//div[contains(@class, 'cell-output')]//code")[0].text == "ran: if True:\n    print(1)"
    assert items[0].text_content().endswith("shown\nAfter.")
    assert len(items[0].xpath(".//pre")) == 3
