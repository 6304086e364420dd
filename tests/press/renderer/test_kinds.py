"""Kinds of pages that other blogs have, all in one site: what each page must show, and the one warning that it gives."""

from __future__ import annotations

import json
import re

import lxml.html
import pytest

from press.core.config import read_config
from press.renderer import ansi, render_site

from .builder import code, display, md, stream
from .conftest import words

CONFIG = "project: {type: website}\nwebsite: {title: Kinds, search: false}\nformat: {html: {toc: true}}\n"


def book(*cells, **metadata) -> str:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)})


def page(text: str, title: str = "A page") -> str:
    return f"---\ntitle: {title}\n---\n\n{text}\n"


MYST = """\
---
title: Notes
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3}
---

```{code-cell} ipython3
:tags: [x]
import this
```

+++ {"slideshow": 1}

Between.

+++

```{code-cell}
---
tags: [x]
---
import that
```

```{note}
A note.
```
"""
PROOFS = """\
::: {#cor-a}
## Last $x$
One.
:::

::: {#exr-a}
Two.
:::

::: {.proof}
By [-@cor-a] and @Exr-a.
:::
"""
NESTED = """\
::: {.callout-note}
::: {.panel-tabset}
## First
::: {.callout-tip}
Deep.
:::
## Second
Flat.
:::
:::
"""
R_CELLS = """\
```{r, echo=FALSE, fig.cap="Points, many"}
plot(1:10)
```

```{r setup, include=FALSE}
hidden <- 1
```

```{bash}
#| eval: false
echo hi
```
"""
ALIGNED = "$$\n\\begin{align}\na &= b \\notag \\\\\nc &= d\n\\end{align}\n$$\n"
WITHIN_NAMES = "[a](with%20space.qmd) ![p](<a picture.svg>){fig-alt=p}"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
RAW = '<script>\nif (1 < 2) { document.x = "a *b* $c$ `d`" }\n</script>\n\n<details><summary>More</summary>\n\n**bold**\n\n</details>'

# name of the page's input: (its text, XPath of what must be there, words that must be there, its warnings)
KINDS = {
    "myst.md": (
        MYST, "count(//pre[contains(@class, 'python')]) = 2", "Between.",
        ["2 cells {code-cell} of MyST are shown as code", "{note} belongs to MyST"],
    ),
    "proofs.qmd": (page(PROOFS), "//a[@href='#exr-a']", "Corollary 1 (Last", []),
    "nested.qmd": (page(NESTED), "//div[contains(@class, 'callout-note')]//div[contains(@class, 'callout-tip')]", "Deep.", []),
    "r.qmd": (
        page(R_CELLS), "//figure//pre[contains(@class, 'r')]", "Points, many",
        ["2 cells {r} are not run here", "cell {bash} is not run here"],
    ),
    "aligned.qmd": (page(ALIGNED), "//math//mtable", "", []),
    "money.qmd": (page("It costs $5, or \\$6, up to $20."), "not(//math)", "$5, or $6, up to $20", []),
    "unclosed.qmd": (page("$$ a\n\nAfter."), "//p[contains(., 'After.')]", "$$ a", []),
    "with space.qmd": (page(WITHIN_NAMES), "//img[@alt='p']", "", []),
    "ünï 日本.qmd": (page("[b](<with space.qmd>)\n\n## 日本", "日本 🎉"), "//h1[contains(., '🎉')]", "日本", []),
    "effects.qmd": (
        "---\ntitle: '{{< animate bounce \"Wel come\" delay=1s >}} to {{< meta subtitle >}}'\nsubtitle: Us\n---\n\nText.\n",
        "//h1[.='Wel come to Us']", "", ["shortcode 'animate'"],
    ),
    "crlf.qmd": (page("| a |\n|---|\n| 1 |\n").replace("\n", "\r\n"), "//table//td", "1", []),
    "bom.qmd": ("\ufeff" + page("Text."), "//h1[.='A page']", "Text.", []),
    "empty.qmd": ("", "//main", "", []),
    "matter.qmd": ("---\ntitle: Only this\n---", "//h1[.='Only this']", "", []),
    "raw.qmd": (page(RAW), "//script[contains(., 'a *b* $c$ `d`')] and //details//strong", "More", []),
    "code.qmd": (
        page("```py\nimport x\n```\n\n```console\n$ ls <b>\n```\n\n```{.text .numberLines}\none\n```"),
        "//code[contains(@class, 'python')]//span and //pre[@class='console']/code[.='$ ls <b>']", "one", [],
    ),
    "heading.ipynb": (book(md("# The *title* {#t}\n\nIntro."), md("# Not this")), "count(//h1) = 2", "The title Intro.", []),
    "matter.nb.ipynb": (
        book({"cell_type": "raw", "metadata": {}, "source": "---\ntitle: Given\n---"}, md("# Kept")),
        "//h1[.='Given'] and //main//h1[.='Kept']", "Given", [],
    ),
    "later.ipynb": (book(code("1"), md("# No title")), "//main//h1[.='No title']", "No title", []),
    "v3.ipynb": (
        json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"metadata": {}, "cells": [
            {"cell_type": "markdown", "source": "# Old", "metadata": {}}]}]}),
        "//h1[.='Old']", "", [],
    ),
    "outputs.ipynb": (
        book(
            md("# Out"),
            code("1", stream("\x1b[41;97mred\x1b[0m 10%\r100%\n1/2\b\b\b2/2\n")),
            code("2", display({"application/vnd.plotly.v1+json": {"data": [{"x": [1], "y": [1], "name": "</script>"}]}})),
            code("3", display({"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/plain": "Slider()"})),
            code("4", display({"image/png": "!", "text/plain": "<Figure>"})),
        ),
        "//div[@data-kind='plotly']", "100% 2/2",
        ["a widget without its state is shown as text", "output image/png: its data cannot be read",
         "an interactive output (Plotly) is shown as a text"],
    ),
    "bare.qmd": (page("![](pic.svg)\n\n![](pic.svg)\n\n@fig-gone"), "//strong[.='?@fig-gone']", "", [
        "cross reference @fig-gone: nothing on this page has that label",
    ]),
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, and its warnings by file."""
    root = tmp_path_factory.mktemp("kinds")
    files = {"_quarto.yml": CONFIG, "index.qmd": page("Home."), "pic.svg": SVG, "a picture.svg": SVG}
    for name, text in (files | {name: kind[0] for name, kind in KINDS.items()}).items():
        (root / name).write_bytes(text.encode())
    report = render_site(read_config(root), out=root / "_site", cache=root / ".cache")
    return root / "_site", report.warnings


@pytest.mark.parametrize("name", KINDS)
def test_a_page_shows_what_it_must_and_says_the_rest_once(site, name):
    _, expected, said, warnings = KINDS[name]
    out, found = site
    tree = lxml.html.fromstring((out / re.sub(r"\.\w+$", ".html", name)).read_bytes())
    assert tree.xpath(f"boolean({expected})"), expected
    assert said in " ".join(words(tree.find(".//main")).split())
    messages = [problem.message for problem in found if problem.file == name]
    assert len(messages) <= len(warnings)
    libraries = [one for one in warnings if "interactive output" in one]  # told only where npm is not at hand
    assert [one for one in warnings if one not in libraries and not any(m.startswith(one) for m in messages)] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ab\bc", "ac"), ("\b\bx", "x"), ("1/9\b\b\b2/9", "2/9"), ("a" * 9999 + "\b" * 9999, ""),
        ("\x1b[31ma\x1b[0m\bb", "b"),
    ],
)  # fmt: skip
def test_backspaces_take_characters_and_end(text, shown):
    assert ansi.plain(text) == shown
    assert re.sub("<[^>]*>", "", ansi.coloured(text) or ansi.plain(text)) == shown
