"""Keys of Quarto: known and harmless, known and not done, unknown; and values in a form that nothing expects."""

from __future__ import annotations

import pytest

from press.core.supported import PAGE, PROJECT
from press.core.yamlfile import parse


def told(text: str, kind=PAGE) -> list[tuple[int, str, str]]:
    """What is said of a text: line, check, message."""
    parsed = parse(text, kind, lambda line: ("x", line))
    return [(p.line, p.check, p.message) for p in (*parsed.problems, *parsed.unknown)]


def test_keys_that_no_reader_misses_pass_in_silence():
    keys = "editor: visual\nfreeze: true\nfig-width: 8\nanchor-sections: true\nhtml-math-method: katex\nsmooth-scroll: true"
    assert told(keys + "\ngrid: {body-width: 1200px}\ntheme: [cosmo, brand]") == []
    assert told("project:\n  type: website\n  preview: {port: 1}\nwebsite:\n  navbar: true\n", PROJECT) == []


@pytest.mark.parametrize("value", ["false", "null", "", '""', "[]"])
def test_what_is_not_done_is_told_once_and_only_where_it_is_wanted(value):
    assert told(f"title: x\ncomments: {value}") == []
    ((line, check, message),) = told("title: x\ncomments:\n  utterances:\n    repo: a/b\n")
    assert (line, check) == (2, "unsupported")
    assert message == (
        "front matter key 'comments': there are no comments: by design, pages of this renderer request nothing from"
        " other hosts of their own accord"
    )


def test_what_a_page_has_may_stand_below_its_format():
    keys = "    jupyter: python3\n    title: x\n    execute: {echo: false}\n    bibliography: a.bib\n"
    assert told(f"format:\n  html:\n{keys}") == []
    assert [line for line, _, _ in told(f"format:\n  html:\n{keys}    format: pdf\n")] == [7]


def test_another_format_is_told_with_its_line():
    assert [(line, check) for line, check, _ in told("format:\n  html:\n    toc: true\n  pdf: default\n")] == [
        (4, "unsupported")
    ]


def test_an_unknown_key_has_one_short_warning_with_the_nearest_known_one():
    assert told("titel: x\nzzz: 1") == [
        (1, "unknown-keys", "front matter key 'titel' is unknown: it has no effect. Did you mean 'title'?"),
        (2, "unknown-keys", "front matter key 'zzz' is unknown: it has no effect"),
    ]


@pytest.mark.parametrize(
    "text",
    ["title: [a]", "categories: {a: 1}", "toc-depth: deep", "toc-depth: true", "toc-depth: 0", "listing: [[a]]",
     "bibliography: {a: b}", "css: [1]", "format: [html]", "about: [jolla]", "execute: [a]", "author: [[a]]"],
)  # fmt: skip
def test_a_value_in_another_form_is_passed_over_and_told(text):
    parsed = parse(f"x:\n{text}", PAGE, lambda line: ("x", line))
    assert [(p.line, p.check) for p in parsed.problems] == [(2, "metadata")]
    assert list(parsed.data) == ["x"]
