"""Every template, filled with values that try to be markup: a parser must see the same page as with harmless ones."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import jinja2
import pytest
from lxml import etree, html
from markupsafe import Markup

import press
from press.core import escapes
from press.core.pandoc import run_pandoc
from press.core.templates import environment, render
from press.papers.graph import Node
from press.renderer.convert import READER

LIB = Path(press.__file__).parent
HOSTILE = (
    "<script>alert(1)</script></svg></title> ]]> {{ 7 * 7 }} {{< meta title >}} {% raw %} {# c #} \"q\" 'r' &amp; --> <!-- "
    "| `c` ``` $x$ **b** [l](javascript:alert(2)) @key ^[n] \\n \x00\x07\x1b\x7f\x85\u2028\ud800\uffff"
    "\n\n````````\n\n# Heading\n\n- item\n\n:::\n\n---\n\n    code\n\n<b>"
)
# Where a line may begin with a value.
STARTS = ("1. ", "- ", "+ ", "# ", "> ", "% ", ": ", "=== ", "::: ", "(a) ", "| ", "    ")
NAME = "known2020"


def words(text: str) -> dict[str, str]:
    """What pages print of their own, which projects may change."""
    return defaultdict(lambda: text)


def entry(text: str) -> dict[str, Any]:
    """A row of a listing, of a feed."""
    names = ("link", "title", "subtitle", "description", "iso", "date", "author", "image", "image_alt", "minutes")
    names += ("modified",)
    return dict.fromkeys(names, text) | {"categories": [text, text], "author": text, "image_size": (3, 2)}


def listing(text: str) -> dict[str, Any]:
    names = ["image", "date", "title", "subtitle", "author", "description", "categories", "reading-time"]
    rows = [entry(text) | {"values": dict.fromkeys(names, text), "others": {"x": text}}] * 2
    values = {"id": text, "kind": text, "page_size": 3, "counts": [(text, 2)], "entries": rows, "fields": names}
    values |= {"headings": [(text, text)], "links": ["title"], "categories": "cloud", "sizes": {text: 1.0}}
    return values | {"tools": {"sort-ui": text, "filter-ui": text}, "look": text, "words": words(text)}


def nav(text: str, children: Any = ()) -> dict[str, Any]:
    """An item of a bar, a sidebar, a footer."""
    names = ("href", "text", "icon", "label", "target", "rel")
    return dict.fromkeys(names, text) | {"rule": False, "current": True, "open": True, "children": list(children)}


def item(text: str) -> dict[str, Any]:
    names = ("title", "link", "content", "published", "picture", "mime")
    return dict.fromkeys(names, text) | {"author": [text], "categories": [text, text]}


def page(text: str) -> dict[str, Any]:
    """What a whole page is made of, as if Pandoc and Markdown let everything through."""
    names = ("lang", "pagetitle", "suffix", "date_iso", "description_meta", "canonical", "og_title", "og_description")
    names += ("og_site_name", "sitetitle", "og_locale", "favicon", "prefix", "version", "hover", "header_style")
    names += ("banner_style", "toc", "toc_title", "title", "subtitle", "description", "abstract", "abstract_title")
    names += ("author_title", "affiliation_title", "published_title", "modified_title", "doi_title", "date", "doi")
    names += ("date_modified", "envelope", "copyright", "body", "scripted")
    marks = ("title_start", "start", "end", "head_marker")
    marks += tuple(f"{name}_marker" for name in ("theme", "navbar", "sidebar", "crumbs", "page_end", "footer"))
    pieces = ("include_in_header", "include_before_body", "include_after_body")
    switches = ("open_graph", "copy", "wide", "search", "banner", "shaded", "searched", "back_to_top", "has_meta")
    author = dict.fromkeys(("url", "name", "email", "orcid", "roles"), text)
    return {
        **dict.fromkeys(names, text), **dict.fromkeys(marks, Markup("<!--")), **dict.fromkeys(pieces, ""),
        **dict.fromkeys(switches, True), **{name: Markup("<!-- m -->") for name in marks if name != "title_start"},
        "author": [text], "author_meta": [text], "keywords": [text, text], "css": [text], "by_author": [author],
        "twitter": [{"name": text, "text": text}], "announcement": dict.fromkeys(("style", "icon", "text"), text),
        "categories": [{"link": text, "text": text}, {"link": "", "text": text}], "affiliations": [{"text": text}],
        "license": [{"url": text, "text": text}], "cite_as": {"bibtex": text, "text": text},
        "about": dict.fromkeys(("template", "image", "links"), text), "words": words(text),
        "code_tools": {"caption": text, "toggle": True, "link": "", "text": text},
    }  # fmt: skip


def verdict(text: str) -> dict[str, str]:
    return dict.fromkeys(("word", "symbol", "id"), text)


def claims(text: str) -> dict[str, Any]:
    names = (
        "paper",
        "paper_title",
        "paper_href",
        "post",
        "where",
        "remark",
        "recorded",
        "delta",
        "measured",
        "settled",
        "differs",
    )
    names += ("post_title", "post_href", "seeds", "scale")
    claim = dict.fromkeys(("id", "statement", "number", "quantity"), text)
    row = dict.fromkeys(names, text) | {"claim": claim, "first": True, "stored": True, "verdict": verdict(text)}
    return {"caption": text, "with_paper": True, "rows": [row, row]}


def equation(text: str) -> dict[str, Any]:
    place = {"name": text, "href": text, "file": text, "file_href": text, "text": text}
    values = {"id": text, "label": text, "doubt": text, "says": text, "read": text, "latex": "a = b"}
    values |= {"functions": [place, place], "tests": [place]}
    return values | {"above": Markup("<!-- a -->"), "below": Markup("<!-- b -->")}


def graph(text: str) -> dict[str, Any]:
    nodes = [Node(text, kind, text, text, text) for kind in ("post", "paper", "equation", "claim", "function")]
    edge = {"source": nodes[0], "target": nodes[1], "kind": text, "path": text}
    drawn = [{"node": node, "x": 1.0, "y": 2.0, "left": 3.0} for node in nodes]
    kinds = [(node.kind, 2) for node in nodes]
    return {"height": 9.0, "label_width": 5.0, "edges": [edge], "nodes": drawn, "kinds": kinds, "has_functions": True}


def local(text: str) -> dict[str, Any]:
    node = Node(text, "post", text, text, text)
    marked = {"number": 0, "node": node, "href": text, "x": 1, "y": 2.0, "anchored": "end", "at": 3}
    drawn = [marked | {"rows": [(1.0, text), (2.0, text)]}, {"number": 2, "kind": "claim", "x": 1, "y": 2.0}]
    size = {"width": 3, "height": 4.0, "middle": 1, "own_y": 2.0}
    return {"edges": [(text, text)], "drawn": drawn, "own": node} | size


def links(text: str) -> dict[str, Any]:
    return {"links": [(text, text, [(text, text), (text, text)])], "picture": ""}


def papers(text: str) -> dict[str, Any]:
    row = dict.fromkeys(("title", "href", "names", "status", "equations", "posts"), text)
    return {"rows": [row | {"verdicts": [(1, verdict(text)), (2, verdict(text))]}]} | dict.fromkeys(
        ("has_reading", "has_functions", "has_graph"), True
    )


def paper(text: str) -> dict[str, Any]:
    names = ("title", "subtitle", "about", "names", "venue", "year", "status", "read")
    values = dict.fromkeys(names, text) | {"made_from": "paper.toml", "backlinks": "", "notes": Markup("Notes.")}
    values |= {"links": [(text, text), (text, text)], "equations": [equation(text)], "symbols": [("a", "b")]}
    return values | {"related": [(text, text, text), (text, "", text)]} | claims(text)


def functions(text: str) -> dict[str, Any]:
    values = dict.fromkeys(("name", "label", "file", "file_href"), text)
    values |= {"papers": [(text, [(text, text), (text, text)])], "posts": [(text, text, [(text, text)])]}
    return {"modules": [(text, [values])]}


def glossary(text: str) -> dict[str, Any]:
    return {name: Markup(name) for name in ("above", "notation", "below")} | {"rows": [("a", "b", text, text)]}


def choices(text: str) -> dict[str, Any]:
    return {"choices": [("verdict", [(text, text)])]}


CASES = {
    "renderer/template.html": lambda text: page(text) | {"about": {}},
    "renderer/aboutpage.html": page,
    "renderer/titleblock.html": page,
    "renderer/closing.html": page,
    "renderer/listing.html": listing,
    "renderer/feed.xml": lambda text: dict.fromkeys(("title", "page", "own", "about", "language", "built"), text)
    | {"entries": [item(text), item(text)]},
    "renderer/sitemap.xml": lambda text: {"pages": [(text, text), (text, "")]},
    "renderer/scripts.html": lambda text: {"styles": [text], "scripts": [text]},
    "renderer/head.html": lambda text: {"image": text, "feed": text, "feed_title": text},
    "renderer/footer.html": lambda text: {"parts": [nav(text), nav(text) | {"href": ""}]},
    "renderer/navbar.html": lambda text: dict.fromkeys(("brand", "logo", "logo_alt", "home", "menu"), text)
    | {"left": [nav(text), nav(text, [nav(text, [nav(text)])])], "right": [nav(text)]},
    "renderer/sidebar.html": lambda text: dict.fromkeys(("style", "title", "label", "logo", "logo_alt", "home"), text)
    | {"items": [nav(text), nav(text, [nav(text)])], "tools": [nav(text)], "level": 2},
    "renderer/pageend.html": lambda text: {
        "actions": [(text, text)], "before": {"href": text, "title": text}, "after": {"href": text, "title": text},
        "words": words(text),
    },
    "renderer/crumbs.html": lambda text: {
        "label": text, "way": [nav(text) | {"current": False}, nav(text) | {"current": False, "href": ""}, nav(text)]
    },
    "renderer/about.html": lambda text: dict.fromkeys(("image", "alt", "hover", "shape", "style"), text)
    | {"links": [dict.fromkeys(("href", "label", "icon", "text"), text) | {"new": True}] * 2},
    "renderer/alias.html": lambda text: {"title": text, "href": text, "canonical": text},
    "renderer/table.html": listing,
    "posts/made.html": lambda text: {"what": text, "facts": [(text, text), (text, text)]},
    "posts/taken.html": lambda text: dict.fromkeys(("day", "device", "machine", "origin", "slug"), text),
    "posts/failure.html": lambda text: {
        "cell": {"number": 1, "count": 2, "label": text}, "reasons": [{"file": text, "line": 3, "message": text}] * 2,
        "line": 3, "anchors": [text, text], **dict.fromkeys(("file", "code", "kept"), text),
    },
    "pages/drift.html": lambda text: dict.fromkeys(("now", "day", "error", "before", "green_day"), text),
    "pages/drift.qmd": lambda text: dict.fromkeys(("now", "day", "before", "green_day"), text)
    | {"tested": True, "count": 2, "failed": [("", text), (text, text)]},
    "pages/claims.html": claims,
    "pages/filter.html": choices,
    "pages/papers.html": papers,
    "pages/links.html": links,
    "pages/graph.html": graph,
    "pages/graph.svg": graph,
    "pages/local.svg": local,
    "pages/paper.qmd": paper,
    "pages/papers.qmd": papers,
    "pages/claims.qmd": lambda text: {"claims": 1, "measured": 1, "stored": 1, "has_about": True, "settled": 1,
        "counts": [(1, verdict(text)), (2, verdict(text))]} | claims(text) | choices(text),
    "pages/equations.qmd": lambda text: {
        "papers": [{"citekey": text, "title": text, "page": text, "equations": [equation(text)]}]
    },
    "pages/glossary.qmd": glossary,
    "pages/functions.qmd": functions,
    "pages/graph.qmd": graph,
    "pages/links.qmd": links,
    "posts/way.qmd": lambda text: {
        "before": [dict.fromkeys(("href", "time", "difficulty"), text) | {"title": Markup("Title.")}] * 2,
        "after": dict.fromkeys(("href", "purpose", "time", "difficulty"), text) | {"title": Markup("Title.")},
    },
}  # fmt: skip
# Macros that the templates above use, and files that are no templates: Pandoc's, a first post, and icons.
WITHIN = {
    "renderer/navlinks.html",
    "renderer/categories.html",
    "pages/parts.html",
    "pages/parts.qmd",
    "pages/marks.svg",
}
WIDTHS = ("colgroup", "col")  # Pandoc gives them to tables with long lines
OTHERS = {
    "renderer/parts.html",
    "start/template.qmd",
    "start/blog/index.qmd",
    "start/blog/about.qmd",
    "start/blog/post.qmd",
    "renderer/bootstrap/bootstrap-icons.svg",
}


def seen(text: str) -> str:
    """What a reader sees of a text: without controls, every space alike."""
    return " ".join(escapes.FORBIDDEN.sub("", " ".join(text.split())).split())


def parsed(name: str, markup: str) -> Any:
    """The page as a parser sees it: one that mends nothing for XML and SVG; Pandoc's for Markdown."""
    if name.endswith((".xml", ".svg")):
        return etree.fromstring(markup.encode())
    if name.endswith(".qmd"):
        matter, body = re.fullmatch(r"(?:---\n(.*?)\n---\n)?(.*)", markup, re.DOTALL).groups()
        matter = re.sub(r"^\w[\w-]*: (\".*\")$", lambda m: json.loads(m[1]) + "\n", matter or "", flags=re.M)
        markup = run_pandoc(["-f", READER, "-t", "html"], f"{matter}\n\n{body}")
    return html.document_fromstring(f"<main>{markup}</main>")


def skeleton(root: Any) -> list[tuple[str, list[str]]]:
    """Each element with the names of its attributes; code is coloured by what it says, so the inside of it counts not."""
    for code in root.iter("pre"):
        code.text = seen("".join(code.itertext()))
        for child in [*code]:
            code.remove(child)
    found = [element for element in root.iter() if isinstance(element.tag, str) and element.tag not in WIDTHS]
    return [(element.tag, sorted(element.attrib)) for element in found]


def texts(root: Any) -> list[str]:
    found = [text for element in root.iter() for text in (element.text, element.tail, *element.attrib.values()) if text]
    return [*map(seen, found), seen("".join(root.itertext()))]


def test_every_template_is_looked_at():
    found = {
        path.relative_to(LIB).as_posix()
        for suffix in ("html", "svg", "xml", "qmd")
        for path in LIB.rglob(f"*.{suffix}")
    }
    assert found == {*CASES, *WITHIN, *OTHERS}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_value_stays_text(name):
    harmless = parsed(name, render(name, **CASES[name]("word")))
    root = parsed(name, render(name, **CASES[name](HOSTILE)))
    assert skeleton(root) == skeleton(harmless)
    if "word" in "".join(texts(harmless)):
        assert any(seen(HOSTILE) in text for text in texts(root))
    assert not [e for e in root.iter() if str(e.tag).endswith("script") and "alert" in (e.text or "")]


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith(".qmd")])
def test_no_value_begins_a_block(name):
    harmless = skeleton(parsed(name, render(name, **CASES[name]("word"))))
    for start in STARTS:
        assert skeleton(parsed(name, render(name, **CASES[name](f"{start}word")))) == harmless, start


@pytest.mark.parametrize("name", CASES)
def test_a_value_that_is_not_given_is_an_error(name):
    with pytest.raises(jinja2.UndefinedError):
        render(name)


def test_markup_is_not_escaped_again():
    assert escapes.html(escapes.html("<")) == "&lt;"
    assert escapes.xml(escapes.xml('"')) == "&quot;"
    assert escapes.markdown(escapes.markdown("*")) == r"\*"


def test_formulas_in_a_meaning():
    assert escapes.prose("1. From $x_0$ to $a|b$, $\\eta = 0$") == r"1\. From $x_0$ to $a\vert b$, $\eta = 0$"
    assert escapes.prose("costs $5 and $6; $ x $; $$") == r"costs \$5 and \$6; \$ x \$; \$\$"
    assert escapes.prose("*$x$* {{< meta a >}}") == r"\*$x$\* \{\{\< meta a \>\}\}"
    assert escapes.spoken(r"none at $\eta = 0$, $x_{t-1}$, $5") == "none at eta = 0, x_t-1, $5"


def test_the_language_is_that_of_the_template_in_which_a_value_stands():
    made = environment().overlay(loader=jinja2.DictLoader({
        "a.qmd": "{{ x }}{% include 'b.html' %}{% from 'c.xml' import m %}{{ m(x) }}",
        "b.html": "[{{ x }}]",
        "c.xml": "{% macro m(x) %}<{{ x }}>{% endmacro %}",
    }))  # fmt: skip
    made.finalize = environment().finalize
    assert made.get_template("a.qmd").render(x="*'") == r"\*\'[*&#x27;]<*'>"


@pytest.mark.parametrize("value", ["plain text", Markup("<p>\n````````\n</p>")])
def test_raw_html_is_markup_and_ends_no_fence(value):
    with pytest.raises(ValueError, match="raw HTML must be markup"):
        escapes.raw(value)
