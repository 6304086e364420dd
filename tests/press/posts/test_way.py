"""The path through a blog's posts: what it may say, what each post's page ends with, and the listing of it."""

from __future__ import annotations

import json

import pytest
from lxml import html

from press.core.config import read_config
from press.posts.post import new_cell
from press.posts.way import minutes, read_path, with_path
from tests.press.conftest import CONFIG, cell

PATH = """\
  path:
    a: {difficulty: introductory, purpose: "What [x] is"}
    c: {difficulty: advanced, after: [a]}
    b: {difficulty: intermediate, after: [a, c]}
"""
LISTING = """\
---
title: Home
listing:
  id: path
  contents: posts/*/index.ipynb
  include: {path-difficulty: "?*"}
  type: table
  sort: path-step
  fields: [path-step, title, path-purpose, path-time, path-difficulty]
  sort-ui: false
  filter-ui: false
---

Begin here.
"""


def read(site, text, slugs=("a", "b", "c")):
    site.write("_quarto.yml", CONFIG + text)
    stops, problems = read_path(read_config(site.root), slugs)
    return stops, [str(problem) for problem in problems]


def test_without_a_path_there_is_nothing(site):
    assert read(site, "") == ((), [])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("  path: [a]", ':18: press: path: ["a"] must be a mapping. Write a line SLUG: {difficulty: ...} per post'),
        (
            "  path:\n    aa: {difficulty: advanced}",
            ":19: press: path: no post 'aa'. Did you mean 'a'? Posts: a, b, c",
        ),
        ("  path:\n    a: easy", ':19: press: path: a: "easy" must be a mapping. Write {difficulty: ...}, one of'),
        (
            "  path:\n    a:\n      difficulty: easy",
            ":20: press: path: a: unknown difficulty 'easy'. Legal: introductory, intermediate, advanced",
        ),
        ("  path:\n    a: {}", ":19: press: path: a: lacks its difficulty. Legal: introductory,"),
        (
            "  path:\n    a: {difficulty: advanced, needs: b}",
            ":19: press: path: a: unknown key 'needs'. Legal: difficulty, purpose, after",
        ),
        ("  path:\n    a: {difficulty: advanced, purpose: [x]}", ':19: press: path: a: purpose ["x"] must be'),
        ("  path:\n    a: {difficulty: advanced, after: [b]}", ":19: press: path: a: after 'b', which is not on"),
        (
            "  path:\n    a: {difficulty: advanced, after: [[b]]}",
            """:19: press: path: a: after "['b']", which is not""",
        ),
        ("  path:\n    a: {difficulty: advanced, after: a}", ":19: press: path: a: after 'a', which must itself be"),
        (
            "  path:\n    a: {difficulty: advanced, after: c}\n    c: {difficulty: advanced}",
            ":19: press: path: a: after 'c', which comes later on the path. Move its line above this one",
        ),
        (
            "  path:\n    a: {difficulty: advanced, after: c}\n    b: {difficulty: advanced, after: a}\n"
            "    c: {difficulty: advanced, after: b}",
            ":19: press: path: a: after 'c', which must itself be read after 'a'. Remove one of them",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(site, lines, message):
    stops, problems = read(site, lines + "\n")
    assert stops == ()
    assert len(problems) == 1
    assert problems[0].startswith("_quarto.yml" + message)


def test_reading_time_counts_words_and_visible_code_only():
    def book(*cells):
        return {"cells": [new_cell(kind, str(index), text) for index, (kind, text) in enumerate(cells)]}

    prose = ("markdown", "word " * 1000)
    assert minutes(book(prose), {}) == 5
    assert minutes(book(prose, ("code", "x = 1\n\n# a comment\n" * 20)), {}) == 6
    for hidden in ("#| code-fold: true\n", "#| echo: false\n", "#| include: false\n"):
        assert minutes(book(prose, ("code", hidden + "x = 1\n" * 200)), {}) == 5
    assert minutes(book(prose, ("code", "x = 1\n" * 200)), {"execute": {"echo": False}}) == 5
    assert minutes(book(prose, ("code", "#| code-fold: false\n" + "x = 1\n" * 20)), {"code-fold": True}) == 6
    assert minutes(book(("markdown", "```\n" + "word " * 900 + "\n```\n<!-- " + "word " * 900 + "-->\none")), {}) == 1


def test_a_post_that_has_not_run_is_not_linked_to_and_an_authors_notebook_stays(site):
    stops, _ = read(site, PATH)
    text = "---\ntitle: T [1\n---\n"
    book = {"cells": [new_cell("raw", "text-1", text)], "metadata": {"press": {"source": "posts/a/post.qmd"}}}
    stored = {"cells": [new_cell("raw", "text-1", text)], "metadata": {"press": {"stored": True}}}
    config = read_config(site.root)
    done = with_path({"a": book, "b": stored}, stops, config)
    assert done["b"] == stored
    end = "".join(done["a"]["cells"][-1]["source"])
    assert r"**Next:** [T \[1](<../b/index.ipynb>) (1 min, intermediate)" in end
    assert "Read before" not in end
    assert with_path(done, stops, config) == done  # a second time, nothing is added
    assert with_path(done, (), config) == {"a": book, "b": stored}  # no path any longer


def test_pages_end_with_what_to_read_and_a_listing_shows_the_path(site):
    for slug in "abc":
        site.post(slug, "Words.\n\n" + cell("1 + 1"), title=f"Post {slug}")
    site.post("apart", "Words.\n\n" + cell("1 + 1"))
    site.write("index.qmd", LISTING)
    site.press("build")
    assert "on-the-path" not in site.read("_site/posts/a/index.html")
    site.write("_quarto.yml", CONFIG + PATH)
    assert "0 posts ran" in site.press("build").stdout

    def end(slug):
        [found] = html.fromstring(site.read(f"_site/posts/{slug}/index.html")).xpath("//section[@id='on-the-path']")
        text = " ".join(found.text_content().split()).removeprefix("On the path ")
        return text, [link.get("href") for link in found.xpath(".//a[not(contains(@class, 'anchor'))]")]

    assert end("a") == ("Next: Post c: About Post c. (1 min, advanced)", ["../c/index.html"])
    assert end("b")[0] == "Read before: Post a (1 min, introductory), Post c (1 min, advanced)"
    assert "on-the-path" not in site.read("_site/posts/apart/index.html")
    rows = html.fromstring(site.read("_site/index.html")).xpath("//tr[@class='listing-row']")
    texts = [[column.text_content() for column in row] for row in rows]
    assert texts == [
        ["1", "Post a", "What [x] is", "1 min", "introductory"],
        ["2", "Post c", "About Post c.", "1 min", "advanced"],
        ["3", "Post b", "About Post b.", "1 min", "intermediate"],
    ]
    assert site.press("check").stdout == "no problems\n"
    book = json.loads(site.read("posts/a/index.ipynb"))
    assert "path-step: 1\n" in book["cells"][0]["source"]
    site.write("_quarto.yml", CONFIG + PATH.replace("    c:", "    gone:"))
    assert "_quarto.yml:20: press: path: no post 'gone'" in site.press("build", status=1).stderr
