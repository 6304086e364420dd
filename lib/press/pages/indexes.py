"""The index pages: all papers, the ledger of claims, all equations, the glossary."""

from __future__ import annotations

from collections import Counter

from markupsafe import Markup

from postkit.verdicts import VERDICTS
from press.core.source import read_text
from press.pages.markup import Values, claim_row, equations, origin, page, verdict
from press.papers import library
from press.papers.ledger import NOT_MEASURED, NOT_NOW
from press.papers.schema import Paper
from press.papers.shelf import Shelf

KINDS = (*VERDICTS, NOT_MEASURED, NOT_NOW)


def papers_index(shelf: Shelf) -> str:
    """papers/index.qmd."""
    papers = sorted(shelf.papers, key=lambda paper: (_year(paper, shelf) or "9999", paper.citekey))
    return page(
        "papers.qmd",
        rows=[_paper_row(paper, shelf) for paper in papers],
        has_reading=(shelf.root / "reading.qmd").is_file(),
        has_functions=shelf.renders("functions.qmd"),
        has_graph=shelf.renders("graph.qmd"),
    )


def _paper_row(paper: Paper, shelf: Shelf) -> Values:
    key, year = paper.citekey, _year(paper, shelf)
    entry = shelf.library.get(key, {})
    counts = Counter(entry.verdict for entry in shelf.claims_of(key))
    parts = (library.short_authors(entry) if entry.get("author") else "", year and f"({year})")
    return {
        "title": shelf.title(key),
        "href": f"{key}/index.html",
        "names": " ".join(filter(None, parts)),
        "status": shelf.status(key),
        "equations": len(paper.equations),
        "verdicts": [(counts[kind], verdict(kind)) for kind in KINDS if counts[kind]],
        "posts": sum(bool(post.sections_citing(key)) for post in shelf.posts),
    }


def _year(paper: Paper, shelf: Shelf) -> str:
    return library.year(shelf.library.get(paper.citekey, {}))


def claims_index(shelf: Shelf) -> str:
    """claims.qmd: the ledger. Complete without scripts; with them it can be filtered."""
    entries = shelf.entries
    kinds = [(kind, kind.capitalize()) for kind in KINDS if any(entry.verdict == kind for entry in entries)]
    papers = [(paper.citekey, shelf.title(paper.citekey)) for paper in shelf.papers if paper.claims]
    posts = [(post.name, post.title) for post in shelf.posts if any(entry.post == post.name for entry in entries)]
    rows = [claim_row(entry, shelf, up="") for entry in entries]
    counts = Counter(entry.verdict for entry in entries)
    return page(
        "claims.qmd",
        counts=[(counts[kind], verdict(kind)) for kind in KINDS if counts[kind]],
        settled=sum(bool(row["settled"]) for row in rows),
        claims=len({entry.claim.id for entry in entries}),
        measured=sum(entry.measured is not None for entry in entries),
        stored=sum(entry.stored for entry in entries),
        has_about=(shelf.root / "about.qmd").is_file(),
        choices=[("verdict", kinds), ("paper", papers), ("post", posts)],
        caption="All claims",
        with_paper=True,
        rows=rows,
    )


def equations_index(shelf: Shelf) -> str:
    """equations.qmd: every equation with its function and its test."""
    papers = [
        {
            "citekey": paper.citekey,
            "title": shelf.title(paper.citekey),
            "page": f"papers/{paper.citekey}/index.html",
            "equations": equations(paper, shelf, "equations.qmd"),
        }
        for paper in shelf.papers
        if paper.equations
    ]
    return page("equations.qmd", papers=papers)


def glossary(shelf: Shelf) -> str:
    """glossary.qmd: NOTATION.md as it is, and below it what each paper calls our symbols."""
    source = read_text(shelf.root / "NOTATION.md", shelf.root).rstrip("\n").split("\n")
    first = 1 if source and source[0].startswith("# ") else 0
    found = [(ours, theirs, paper.citekey) for paper in shelf.papers for theirs, ours in paper.symbols.items()]
    found.sort(key=lambda row: (row[0].lstrip("\\"), row[2]))
    return page(
        "glossary.qmd",
        above=origin("NOTATION.md", first + 1),
        notation=Markup("\n".join(source[first:])),
        below=origin("glossary.qmd", 0),
        rows=[(ours, theirs, shelf.title(key), f"papers/{key}/index.html#symbols") for ours, theirs, key in found],
    )
