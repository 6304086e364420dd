"""`papers/<citekey>/index.qmd`: a paper's page, from its paper.toml, the author's notes, the ledger and `lib`."""

from __future__ import annotations

from markupsafe import Markup

from press.pages.backlinks import Backlink, block
from press.pages.markup import Values, claim_row, equations, origin, page
from press.papers import library
from press.papers.addresses import paper_url
from press.papers.graph import Graph
from press.papers.library import plain_title
from press.papers.schema import Paper
from press.papers.shelf import Shelf
from press.papers.unsure import doubts_of

WEB = ("https://", "http://")


def paper_page(paper: Paper, shelf: Shelf, graph: Graph, links: list[Backlink]) -> str:
    """The page's Markdown.

    Args:
        links: what links to it.
    """
    key = paper.citekey
    notes, entry = shelf.notes.get(key), shelf.library.get(key, {})
    full, title = plain_title(entry.get("title", "")), shelf.title(key)
    return page(
        "paper.qmd",
        title=Markup(title) if notes else title,  # notes are the author's Markdown
        subtitle=full if full.casefold() != title.casefold() else "",
        about=_about(paper),
        made_from="paper.toml and paper.qmd" if notes else "paper.toml",
        names=library.authors(entry),
        venue=plain_title(entry.get("container-title", "")),
        year=library.year(entry),
        links=_addresses(paper, shelf, entry),
        status=shelf.status(key),
        notes=_notes(paper, shelf),
        read=paper.read,
        equations=_equations(paper, shelf),
        caption="Claims of this paper",
        with_paper=False,
        rows=[claim_row(entry, shelf, up="../../") for entry in shelf.claims_of(key)] if paper.claims else [],
        symbols=list(paper.symbols.items()),
        related=[_related(other, shelf) for other in shelf.related(key)],
        backlinks=block(paper_url(key), f"paper:{key}", links, graph),
    )


def _about(paper: Paper) -> str:
    """One sentence for whoever meets a link to the page."""
    numbers, claims = len(paper.equations), len(paper.claims)
    parts = [f"{numbers} equation{'s' * (numbers > 1)} beside the code"] if numbers else []
    parts += [f"{claims} claim{'s' * (claims > 1)} beside what was measured here"] if claims else []
    return f"{', '.join(parts)}." if parts else ""


def _addresses(paper: Paper, shelf: Shelf, entry: library.Entry) -> list[tuple[str, str]]:
    """(label, address) of each place where the paper is to be read."""
    links = []
    if paper.arxiv:
        links += [(f"arXiv:{paper.arxiv}", f"https://arxiv.org/abs/{paper.arxiv}")]
        links += [("PDF", f"https://arxiv.org/pdf/{paper.arxiv}")]
    elif not entry.get("DOI") and str(entry.get("URL", "")).startswith(WEB):
        links.append(("Web page", entry["URL"]))
    if entry.get("DOI"):
        links.append((f"doi:{entry['DOI']}", f"https://doi.org/{entry['DOI']}"))
    if paper.citekey in shelf.zotero:
        links.append(("Zotero", shelf.zotero[paper.citekey]))
    return links


def _notes(paper: Paper, shelf: Shelf) -> Markup:
    """The author's notes, each part with the place that it comes from."""
    notes = shelf.notes.get(paper.citekey)
    if notes is None:
        return Markup("")
    lines = []
    expected = ("", 0)
    body = notes.expanded.text.rstrip("\n").split("\n")
    for number in range(notes.first, len(body) + 1):
        place = notes.expanded.origin(number)
        if place != expected:
            lines.append(origin(*place))
        lines.append(body[number - 1])
        expected = (place[0], place[1] + 1)
    return Markup("\n".join([*lines, "", origin(f"papers/{paper.citekey}/index.qmd", 0)]))


def _equations(paper: Paper, shelf: Shelf) -> list[Values]:
    """The equations, each with where it was read, and why its number is not certain; "" where neither is to be said."""
    doubts = doubts_of(shelf.root, paper.citekey)
    found = equations(paper, shelf, f"papers/{paper.citekey}/index.qmd")
    pairs = zip(paper.equations, found, strict=True)
    return [values | {"read": own.read, "doubt": doubts.get(own.number, "")} for own, values in pairs]


def _related(key: str, shelf: Shelf) -> tuple[str, str, str]:
    """Title, address and authors with year of another paper; "" if there is none."""
    entry = shelf.library.get(key, {})
    said = ", ".join(filter(None, (library.short_authors(entry) if entry.get("author") else "", library.year(entry))))
    url = f"https://doi.org/{entry['DOI']}" if entry.get("DOI") else str(entry.get("URL") or "")
    if key in shelf.by_key:
        url = f"../{key}/index.html"
    elif not url.startswith(WEB):
        url = ""
    return shelf.title(key), url, said
