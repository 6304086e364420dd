"""Under which address a page is published, and that everything which leads there knows it."""

from __future__ import annotations

import pytest

from press.core.project import open_project
from press.core.selection import moved, twins
from press.papers.mentions import read_plain_page

from .test_surroundings import plain  # noqa: F401, a fixture

LISTING = "---\ntitle: Home\nlisting:\n  contents: notes\n  feed: true\n---\n\n"
NOTEBOOK = '{"cells": [{"cell_type": "raw", "metadata": {}, "source": ["---\\n", "title: N\\n", "output-file: other\\n", "---"]}]}'


def configured(project, more: str = "") -> None:
    project.write("_quarto.yml", f"website:\n  title: T\n  search: false\n  site-url: https://x.org\n{more}")


def links(root) -> list[str]:
    return [a.get("href") for a in root.get_element_by_id("quarto-document-content").iter("a")]


def test_output_file_names_the_page_and_whatever_leads_there_follows(plain):  # noqa: F811
    configured(plain, "  navbar:\n    left: [notes/a.qmd]\n")
    body = '[1](notes/a.qmd#x), [2](/notes/b.ipynb), <a class="z" href="notes/a.qmd">3</a>, [4](notes/c.md)\n'
    plain.write("index.qmd", LISTING + body)
    plain.write("notes/a.qmd", "---\ntitle: A\nformat:\n  html:\n    output-file: new name.html\n---\n\n## X {#x}\n")
    plain.write("notes/b.ipynb", NOTEBOOK)
    plain.write("notes/c.md", "---\ntitle: C\n---\n\n[A](a.qmd)\n")
    assert plain.build().warnings == []
    assert sorted(path.name for path in (plain.out / "notes").iterdir()) == ["c.html", "new name.html", "other.html"]
    root = plain.page("index.html")
    assert links(root)[:4] == ["notes/new%20name.html#x", "notes/other.html", "notes/new%20name.html", "notes/c.html"]
    assert "notes/new name.html" in links(root)[4:]  # the listing
    assert "./notes/new name.html" in root.xpath("//nav//a/@href")
    assert links(plain.page("notes/c.html")) == ["new%20name.html"]
    for name in ("sitemap.xml", "index.xml"):
        assert "https://x.org/notes/new%20name.html<" in (plain.out / name).read_text()


def test_pages_that_link_to_a_page_are_rendered_again_when_it_moves(plain):  # noqa: F811
    plain.write("index.qmd", "---\ntitle: Home\n---\n\n[a](a.qmd)\n")
    plain.write("a.qmd", "---\ntitle: A\n---\n")
    plain.build()
    plain.write("a.qmd", "---\ntitle: A\noutput-file: moved\n---\n")
    assert plain.build().rendered == ["index.html", "moved.html"]
    assert links(plain.page("index.html")) == ["moved.html"]
    assert not (plain.out / "a.html").exists()


@pytest.mark.parametrize("name", ["../up", "x/y.html", "''", "[a]", "'a#b'", ".hidden"])
def test_what_is_no_file_name_is_told_and_passed_over(plain, name):  # noqa: F811
    plain.write("a.qmd", f"---\ntitle: A\noutput-file: {name}\n---\n")
    told = [(problem.line, problem.check) for problem in plain.build().warnings]
    assert told == ([] if name == "''" else [(3, "metadata")])
    assert (plain.out / "a.html").is_file()


def test_of_two_files_that_make_one_page_the_last_is_published(plain):  # noqa: F811
    plain.write("a.qmd", "---\ntitle: A\n---\n\nFrom Markdown.\n")
    plain.write("a.ipynb", NOTEBOOK.replace("output-file: other", "author: A"))
    plain.write("b.qmd", "---\ntitle: B\noutput-file: a\n---\n\nFrom b.\n")
    plain.write("index.qmd", "---\ntitle: Home\n---\n\n[n](a.ipynb)\n")
    said = [f"{problem.file}: {problem.message.partition(', which')[0]}" for problem in plain.build().warnings]
    assert said == [f"{name}: makes the same page as b.qmd" for name in ("a.ipynb", "a.qmd")]
    assert "From b." in (plain.out / "a.html").read_text()
    assert links(plain.page("index.html")) == ["a.html"]
    config = open_project(plain.root).config
    assert {problem.check for problem in twins(config)} == {"addresses"}


def test_what_links_to_a_page_finds_it_where_it_went(plain, tmp_path):  # noqa: F811
    plain.write("notes/a.qmd", "---\ntitle: A\noutput-file: b\n---\n")
    addresses = moved(open_project(plain.root).config)
    assert addresses == {"notes/a.html": "notes/b.html"}
    page = read_plain_page("notes/c.html", "C", "[a](a.qmd#x) [d](d.qmd)\n", tmp_path).moved(addresses)
    assert [address for address, _ in page.links] == ["notes/b.html#x", "notes/d.html"]
    assert page.url == "notes/c.html"
