"""Whatever stands at whatever key: a page is told of, and is there."""

from __future__ import annotations

import json

import pytest

from press.core.sitekeys import NAVBAR, PROJECT_KEYS, SIDEBAR, WEBSITE
from press.core.supported import ABOUT, AUTHOR, EXECUTE, FRONT_MATTER, HTML, LISTING

ODD = ["true", "false", "null", "3", "-1.5", "word", '"a: *b* [c](d) <e>"', "[]", "[a, 2, null]", "[[a]]", "{}",
       "{a: 1}", "{name: [x], contents: {y: z}, text: [t]}", "[{a: {b: [c]}}]", "[null, {}, [], word.qmd]"]  # fmt: skip
OWN = {"timeout", "idle-timeout", "press", "title", "format", "metadata-files", "output-file"}


def rows(names, value: str, indent: str = "") -> str:
    return "".join(f"{indent}{name}: {value}\n" for name in names if name not in OWN)


@pytest.fixture
def plain(project):
    """A project that says nothing of strictness."""
    project.write("_quarto.yml", "website:\n  title: T\n  search: false\n")
    return project


def test_odd_values_in_front_matter(plain):
    for number, value in enumerate(ODD):
        plain.write(f"a{number}.qmd", f"---\ntitle: Page\n{rows(FRONT_MATTER, value)}---\n\n# Part\n\nText @key.\n")
        below = {"listing": LISTING, "about": ABOUT, "author": AUTHOR, "execute": EXECUTE, "format:\n  html": HTML}
        text = "".join(
            f"{key}:\n{rows(names, value, '    ')}" for key, names in below.items() if key != "format:\n  html"
        )
        plain.write(
            f"b{number}.qmd", f"---\ntitle: Page\n{text}format:\n  html:\n{rows(HTML, value, '    ')}---\n\nText.\n"
        )
        plain.write(f"c{number}.qmd", f"---\ntitle: {value}\nformat: {value}\n---\n\nText.\n")
    report = plain.build()
    drafts = {f"a{ODD.index('true')}.html"}
    assert {url for url in report.pages if not (plain.out / url).is_file()} <= drafts
    assert report.warnings
    for name in (f"{letter}{number}" for letter in "bc" for number in range(len(ODD))):
        assert "Text." in plain.page(f"{name}.html").text_content()


@pytest.mark.parametrize("value", ODD)
def test_odd_values_in_the_projects_file(plain, value):
    keys = set(WEBSITE) - {"title", "search", "site-url", "draft-mode", "drafts"}
    for website in (
        rows(keys, value, "  "),
        f"  navbar:\n{rows(NAVBAR, value, '    ')}  sidebar:\n{rows(SIDEBAR, value, '    ')}",
    ):
        names = set(PROJECT_KEYS) - {"type", "output-dir", "render", "pre-render", "post-render"}
        project = rows(names, value, "  ")
        plain.write("_quarto.yml", f"project:\n{project}website:\n  title: T\n  search: false\n{website}")
        plain.build()
        assert "We." in plain.page("about.html").text_content()


def test_odd_entries_of_a_listing(plain):
    entries = [
        "a.yml",
        "none.yml",
        {},
        {"title": ["x"], "categories": {"a": 1}, "image": 3},
        {"path": "about.qmd"},
        3,
        None,
        ["x"],
    ]
    plain.write(
        "a.yml",
        json.dumps([{"title": "Outside", "path": "https://x.org", "author": [{"name": "A"}], "date": [1]}, 3, None]),
    )
    plain.write(
        "index.qmd",
        f"---\ntitle: Home\nlisting:\n  contents: {json.dumps(entries)}\n  include: [3, {{title: '*'}}]\n---\n",
    )
    report = plain.build()
    titles = [a.text_content() for a in plain.page("index.html").find_class("listing-title")]
    assert {"Outside", "About"} <= set(titles)
    assert {p.check for p in report.warnings} == {"links"}
