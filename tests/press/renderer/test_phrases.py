"""Pages in other languages than English: their own words, dates, and what an author changes of them."""

from __future__ import annotations

import json

import pytest

from press.core.refused import LANGUAGES
from press.renderer import dateformat, phrases
from press.renderer.phrases import table

from .conftest import words as text_of
from .test_surroundings import plain  # noqa: F401, a fixture

BODY = """---
title: T
date: 2026-03-04
author: [A, B]
toc: true
crossref: {lst-title: Programm}
listing: {contents: notes, categories: true}
---

## One {#sec-a}

@fig-a, @sec-a, @lst-a.[^1]

::: {.callout-tip}
x
:::

::: {#fig-a}
x

c
:::

```{#lst-a .python lst-cap="c"}
x
```

::: {.proof}
x
:::

[^1]: Note.
"""


def test_every_language_has_all_words():
    assert {path.stem for path in phrases.FOLDER.iterdir()} == set(LANGUAGES)
    for language in LANGUAGES:
        found = table(language)
        assert found.keys() == table("en").keys()
        lengths = [len(found[name]) for name in ("months", "short-months", "days", "short-days")]
        assert lengths == [12, 12, 7, 7]
        assert "{0}" in found["listing-page-minutes-compact"]


@pytest.mark.parametrize(
    ("language", "medium", "full"),
    [
        ("en", "Mar 4, 2026", "Wednesday, March 4, 2026"),
        ("de", "04.03.2026", "Mittwoch, 4. M\u00e4rz 2026"),
        ("fr", "4 mars 2026", "mercredi 4 mars 2026"),
        ("es", "4 mar 2026", "mi\u00e9rcoles, 4 de marzo de 2026"),
        ("pt", "4 de mar. de 2026", "quarta-feira, 4 de mar\u00e7o de 2026"),
        ("ja", "2026/03/04", "2026\u5e743\u67084\u65e5\u6c34\u66dc\u65e5"),
        ("zh", "2026\u5e743\u67084\u65e5", "2026\u5e743\u67084\u65e5\u661f\u671f\u4e09"),
    ],
)
def test_dates(language, medium, full):
    assert dateformat.show("2026-03-04", "medium", table(language)) == medium
    assert dateformat.show("2026-03-04", "full", table(language)) == full
    assert dateformat.show("2026-03-04", "iso", table(language)) == "2026-03-04"
    assert dateformat.show("2026-03-08", "dddd", table(language)) == table(language)["days"][0]


def test_a_page_speaks_its_language(plain):  # noqa: F811
    plain.write("_quarto.yml", "lang: de-AT\nwebsite:\n  title: T\n  search: false\n  sidebar: {contents: auto}\n")
    plain.write("index.qmd", BODY)
    plain.write(
        "notes/a.qmd",
        "---\ntitle: A\nlang: fr\nlanguage: {title-block-published: Paru}\ncategories: [c]\ndate: 2026-03-04\n---\n",
    )
    assert plain.build().warnings == []
    root = plain.page("index.html")
    shown = text_of(root)
    assert root.get("lang") == "de-AT"
    for said in (
        "Autor:innen",
        "Auf dieser Seite",
        "04.03.2026",
        "Tipp",
        "Abbildung\u00a01: c",
        "Kapitel\u00a01",
        "Beweis.",
    ):
        assert said in shown
    for said in ("Programm\u00a01", "Kategorien", "Alle (1)", "Fu\u00dfnoten", "Zum Inhalt springen", "Inhalt"):
        assert said in shown
    assert json.loads(root.body.get("data-words"))["copy-button-tooltip"] == "Kopieren"
    other = plain.page("notes/a.html")
    assert (other.get("lang"), text_of(other.find_class("quarto-title-meta")[0])) == ("fr", "Paru4 mars 2026")


def test_a_project_says_its_words(plain):  # noqa: F811
    plain.write("index.qmd", "---\ntitle: T\ndate: 2026-03-04\nlang: fi\n---\n")
    (told,) = plain.build().warnings
    assert "lang 'fi'" in told.message
    assert "Published" in text_of(plain.page("index.html"))
    plain.write("_language.yml", "title-block-published: Out\nmonths: none\nfi:\n  title-block-published: Julkaistu\n")
    plain.build()
    assert "JulkaistuMar 4, 2026" in text_of(plain.page("index.html"))
