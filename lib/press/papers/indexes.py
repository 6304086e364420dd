"""The index pages: all papers, the ledger of claims, all equations, the glossary."""

from __future__ import annotations

from collections import Counter

from postkit.verdicts import VERDICTS
from press.claims import NOT_MEASURED, NOT_NOW
from press.papers import library
from press.papers.addresses import label, names_of
from press.papers.functions import find_test, functions_of
from press.papers.markup import (
    anchor,
    asset,
    code,
    escape_markdown,
    head,
    inline_math,
    link,
    raw,
    table,
    text,
    verdict_html,
)
from press.papers.pages import CLAIM_COLUMNS, claim_row, formula, place
from press.papers.schema import Equation
from press.papers.shelf import Shelf
from press.source import came_from, read_text

EQUATIONS = "equations.html"


def papers_index(shelf: Shelf) -> str:
    """papers/index.qmd."""
    lines = head(
        "Papers",
        made_from="papers/*/paper.toml",
        description="The papers that this site works with: equations tied to functions, claims measured again.",
    )
    rows = []
    for paper in sorted(shelf.papers, key=lambda paper: (_published(shelf, paper.citekey), paper.citekey)):
        entry = shelf.library.get(paper.citekey, {})
        names = " ".join(filter(None, (library.short_authors(entry) if entry.get("author") else "", _year(entry))))
        title = f"<p>{anchor(shelf.title(paper.citekey), f'{paper.citekey}/index.html')}</p>"
        status = shelf.status(paper.citekey)
        cells = [f'{title}<p class="paper-small">{text(names)}</p>', f'<span class="paper-status">{status}</span>']
        cells += [str(len(paper.equations)), _verdicts(shelf, paper.citekey)]
        posts = sum(bool(post.sections_citing(paper.citekey)) for post in shelf.posts)
        rows.append(({"data-status": status}, [*cells, str(posts)]))
    header = ("Paper", "Status", "Equations", "Claims", "Posts that cite it")
    lines += [*asset("pages.css", "style"), *table("paper-index", header, rows, "All papers")]
    lines += ["*Re-tested*: a post here has measured at least one of its claims. *Reading* and *to read*: none yet;"]
    lines += ["the paper's tag in Zotero says which, and without one it is still to be read."]
    lines += [f"What is still to be read or watched is in the {link('reading list', '../reading.html')}."] * (
        shelf.root / "reading.qmd"
    ).is_file()
    lines += [f"All equations on one page: {link('equation index', '../equations.html')}."]
    if shelf.renders("functions.qmd"):
        lines += [f"What implements them: {link('index of functions', '../functions.html')}."]
    if shelf.renders("graph.qmd"):
        lines += [f"How all of it hangs together: {link('graph', '../graph.html')}."]
    return _page(lines)


def _page(lines: list[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"


def _year(entry: library.Entry) -> str:
    return f"({library.year(entry)})" if library.year(entry) else ""


def _published(shelf: Shelf, citekey: str) -> str:
    return library.year(shelf.library.get(citekey, {})) or "9999"


def _verdicts(shelf: Shelf, citekey: str) -> str:
    entries = shelf.claims_of(citekey)
    counts = Counter(entry.verdict for entry in entries)
    order = [kind for kind in (*VERDICTS, NOT_MEASURED, NOT_NOW) if counts[kind]]
    return "<br>".join(f"{counts[kind]} {verdict_html(kind)}" for kind in order) or "none"


def claims_index(shelf: Shelf) -> str:
    """claims.qmd: the ledger. Complete without scripts; with them it can be filtered."""
    lines = head(
        "Claims",
        made_from="papers/*/paper.toml and the executed posts",
        description="What papers claim, what was measured here, with which interval, and the verdict.",
    )
    measured = sum(entry.measured is not None for entry in shelf.entries)
    claims = len({entry.claim.id for entry in shelf.entries})
    lines += [
        *asset("pages.css", "style"),
        f"{claims} claims, {measured} measurements. One rule gives each verdict from",
    ]
    lines += [f"the measurement and its interval: {link('how to read a claim', 'about.html#how-to-read-a-claim')}."]
    if not (shelf.root / "about.qmd").is_file():
        lines[-1] = "the measurement and its interval."
    rows = [claim_row(entry, shelf, up="", with_paper=True) for entry in shelf.entries]
    lines += [
        "",
        *_filter(shelf),
        *table("paper-claims", CLAIM_COLUMNS, rows, "All claims"),
        *asset("claims.js", "script"),
    ]
    return _page(lines)


def _filter(shelf: Shelf) -> list[str]:
    entries = shelf.entries
    order = [kind for kind in (*VERDICTS, NOT_MEASURED, NOT_NOW) if any(e.verdict == kind for e in entries)]
    kinds = [(kind, kind.capitalize()) for kind in order]
    papers = [(p.citekey, shelf.title(p.citekey)) for p in shelf.papers if p.claims]
    posts = [(post.name, post.title) for post in shelf.posts if any(e.post == post.name for e in entries)]
    lines = ['<form class="paper-filter" hidden>']
    for name, choices in (("verdict", kinds), ("paper", papers), ("post", posts)):
        lines.append(f'<label>{name.capitalize()} <select name="{name}"><option value="">all</option>')
        lines += [f'<option value="{text(value)}">{text(shown)}</option>' for value, shown in choices]
        lines.append("</select></label>")
    return raw(*lines, '<output class="paper-small" aria-live="polite"></output>', "</form>")


def equations_index(shelf: Shelf) -> str:
    """equations.qmd: every equation with its function and its test. In raw divs, which Pandoc reads faster."""
    lines = head(
        "Equations",
        made_from="papers/*/paper.toml",
        description="Every equation here, with the function that implements it and the test that checks it.",
    )
    lines += asset("pages.css", "style")
    for paper in shelf.papers:
        if not paper.equations:
            continue
        page = f"papers/{paper.citekey}/index.html"
        lines += [
            f"## {link(shelf.title(paper.citekey), page)} {{#{paper.citekey}}}",
            "",
            *raw('<div class="paper-equations">'),
        ]
        for index, (equation, name) in enumerate(zip(paper.equations, names_of(paper), strict=True)):
            number = link(label(equation.number), f"{page}#{name}")
            lines += raw('<div class="paper-equation"><div class="paper-math">')
            lines += [*formula(paper, index, "equations.qmd"), "", *raw('</div><div class="paper-code">')]
            lines += [f"**{number}** {escape_markdown(equation.says)}", "", *_made_by(shelf, equation), ""]
            lines += raw("</div></div>")
        lines += raw("</div>")
    return _page(lines)


def _made_by(shelf: Shelf, equation: Equation) -> list[str]:
    functions = [place(shelf, source, EQUATIONS) for source in functions_of(shelf.root, equation)]
    if (shelf.root / "tests").is_dir():
        tests = [place(shelf, find_test(shelf.root, test), EQUATIONS) for test in equation.checked_by]
    else:
        tests = [code(test) for test in equation.checked_by]
    return [f"- {item}" for item in functions or ["not implemented here"]] + [f"- checked by {test}" for test in tests]


def glossary(shelf: Shelf) -> str:
    """glossary.qmd: NOTATION.md as it is, and below it what each paper calls our symbols."""
    lines = head(
        "Glossary",
        made_from="NOTATION.md and papers/*/paper.toml",
        description="One symbol, one name, everywhere; and who calls what how.",
    )
    source = read_text(shelf.root / "NOTATION.md", shelf.root).rstrip("\n").split("\n")
    first = 1 if source and source[0].startswith("# ") else 0
    lines += [*asset("pages.css", "style"), "::: {.paper-notation}", "", came_from("NOTATION.md", first + 1)]
    lines += [*source[first:], "", came_from("glossary.qmd", 0), "", ":::", ""]
    having = [paper for paper in shelf.papers if paper.symbols]
    if having:
        lines += ["## What each paper calls it {#aliases}", ""]
        lines += ["::: {.paper-symbols}", "| Here | In the paper | Paper |", "|:---|:---|:---|"]
        rows = [(ours, theirs, paper) for paper in having for theirs, ours in paper.symbols.items()]
        for ours, theirs, paper in sorted(rows, key=lambda row: (row[0].lstrip("\\"), row[2].citekey)):
            page = link(shelf.title(paper.citekey), f"papers/{paper.citekey}/index.html#symbols")
            lines.append(f"| {inline_math(ours)} | {inline_math(theirs)} | {page} |")
        lines += [":::", ""]
    return _page(lines)
