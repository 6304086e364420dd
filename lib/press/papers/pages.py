"""`papers/<citekey>/index.qmd`: a paper's page, from its paper.toml, the author's notes, the ledger and `lib`."""

from __future__ import annotations

from postkit.claims import interval_text
from press.claims import Entry
from press.papers import library
from press.papers.addresses import from_page, function_url, label, names_of, paper_url, post_url
from press.papers.backlinks import Backlink, block
from press.papers.fetched import doubts_of
from press.papers.functions import Source, find_test, functions_of
from press.papers.graph import Graph
from press.papers.markup import (
    anchor,
    asset,
    code,
    code_block,
    display_math,
    escape_markdown,
    head,
    inline_math,
    link,
    plain_title,
    raw,
    table,
    text,
    verdict_html,
)
from press.papers.schema import Equation, Paper
from press.papers.shelf import Shelf
from press.source import came_from

CLAIM_COLUMNS = ("What the paper says", "The paper", "Here", "Verdict")
SCALES = {"small": "small scale", "full": "full scale"}


def paper_page(paper: Paper, shelf: Shelf, graph: Graph, links: list[Backlink]) -> str:
    """The page's Markdown.

    Args:
        links: what links to it.
    """
    notes = shelf.notes.get(paper.citekey)
    full = plain_title(shelf.library.get(paper.citekey, {}).get("title", ""))
    title = shelf.title(paper.citekey)
    subtitle = full if full.casefold() != title.casefold() else ""
    made_from = "paper.toml and paper.qmd" if notes else "paper.toml"
    lines = head(title, made_from=made_from, subtitle=subtitle, markdown=notes is not None)
    lines += [*asset("pages.css", "style"), *_bibliographic(paper, shelf), *_notes(paper, shelf)]
    lines += _equations(paper, shelf)
    if paper.claims:
        rows = [claim_row(entry, shelf, up="../../") for entry in shelf.claims_of(paper.citekey)]
        lines += ["## Claims {#claims}", "", *table("paper-claims", CLAIM_COLUMNS, rows, "Claims of this paper")]
        lines += [f"All papers' claims are in the {link('ledger', '../../claims.html')}.", ""]
    lines += [*_symbols(paper), *_related(paper, shelf)]
    lines += block(paper_url(paper.citekey), f"paper:{paper.citekey}", links, graph)
    return "\n".join(lines).rstrip("\n") + "\n"


def _bibliographic(paper: Paper, shelf: Shelf) -> list[str]:
    entry = shelf.library.get(paper.citekey, {})
    names = escape_markdown(library.authors(entry), at_start=True)
    where = escape_markdown(plain_title(entry.get("container-title", "")))
    parts = [names, f"*{where}*" if where else "", escape_markdown(library.year(entry))]
    links = []
    if paper.arxiv:
        links += [link(f"arXiv:{paper.arxiv}", f"https://arxiv.org/abs/{paper.arxiv}")]
        links += [link("PDF", f"https://arxiv.org/pdf/{paper.arxiv}")]
    elif not entry.get("DOI") and str(entry.get("URL", "")).startswith(("https://", "http://")):
        links.append(link("Web page", entry["URL"]))
    if entry.get("DOI"):
        links.append(link(f"doi:{entry['DOI']}", f"https://doi.org/{entry['DOI']}"))
    if paper.citekey in shelf.zotero:
        links.append(link("Zotero", shelf.zotero[paper.citekey]))
    links.append(f"[{shelf.status(paper.citekey)}]{{.paper-status}}")
    described = ". ".join(filter(None, parts))
    return ["::: {.paper-head}", described, "", " · ".join(links), ":::", ""]


def _notes(paper: Paper, shelf: Shelf) -> list[str]:
    notes = shelf.notes.get(paper.citekey)
    if notes is None:
        return []
    own = f"papers/{paper.citekey}/index.qmd"
    lines = ["::: {.paper-notes}", ""]
    expected = ("", 0)
    body = notes.expanded.text.rstrip("\n").split("\n")
    for number in range(notes.first, len(body) + 1):
        origin = notes.expanded.origin(number)
        if origin != expected:
            lines.append(came_from(*origin))
        lines.append(body[number - 1])
        expected = (origin[0], origin[1] + 1)
    return [*lines, "", came_from(own, 0), "", ":::", ""]


def formula(paper: Paper, index: int, back: str) -> list[str]:
    """An equation's formula; what cannot be rendered is blamed on its line in paper.toml."""
    latex = paper.equations[index].latex
    line = paper.lines.get(("equations", str(index), "latex"), 1)
    return display_math(latex, (paper.file, line if "\n" in latex else line - 1), back)


def _equations(paper: Paper, shelf: Shelf) -> list[str]:
    if not paper.equations:
        return []
    lines = ["## Equations {#equations}", "", "::::: {.paper-equations}", ""]
    own = f"papers/{paper.citekey}/index.qmd"
    doubts = doubts_of(shelf.root, paper.citekey)
    for index, (equation, name) in enumerate(zip(paper.equations, names_of(paper), strict=True)):
        lines += [f"### {escape_markdown(label(equation.number), at_start=True)} {{#{name}}}", ""]
        lines += [":::: {.paper-equation}", "::: {.paper-math}", *formula(paper, index, own), ""]
        if equation.number in doubts:
            lines += [f"*The number is not certain:* {code(doubts[equation.number])}", ""]
        lines += [escape_markdown(equation.says, at_start=True), ":::", "::: {.paper-code}"]
        lines += [*_functions(equation, shelf, paper_url(paper.citekey)), ":::", "::::", ""]
    return [*lines, ":::::", ""]


def _functions(equation: Equation, shelf: Shelf, page: str) -> list[str]:
    sources = functions_of(shelf.root, equation)
    lines: list[str] = [] if sources else ["Not implemented here.", ""]
    for index, source in enumerate(sources):
        shown = ["", *code_block(source.text, "python"), ""]
        if index == 0:
            lines += [place(shelf, source, page), *shown]
        else:
            opening = raw(f"<details><summary><code>{text(source.name)}</code></summary>")
            lines += [*opening, place(shelf, source, page), *shown, *raw("</details>")]
    tests = [place(shelf, find_test(shelf.root, test), page) for test in equation.checked_by if _has_tests(shelf)]
    tests = tests or [code(test) for test in equation.checked_by]
    return [*lines, f"Checked by {', '.join(tests)}."] if tests else lines


def _has_tests(shelf: Shelf) -> bool:
    return (shelf.root / "tests").is_dir()


def place(shelf: Shelf, source: Source, page: str) -> str:
    """A function or test by name, with a link to where it is on the site or the repository.

    Args:
        page: the page that the link is to stand on, relative to the site's root.
    """
    if "::" not in source.name and shelf.renders("functions.qmd"):
        name = f"[{code(source.name)}](<{from_page(function_url(source.name), page)}>)"
        return f"{name} in {file_place(shelf, source)}"
    address = _lines_address(shelf, source)
    if address:
        return f"[{code(source.name)}](<{address}>)"
    return code(source.name) if "::" in source.name else f"{code(source.name)} in {code(source.file)}"


def file_place(shelf: Shelf, source: Source) -> str:
    """The file of a function, with a link to its lines on the repository where there is one."""
    address = _lines_address(shelf, source)
    return f"[{code(source.file)}](<{address}>)" if address else code(source.file)


def _lines_address(shelf: Shelf, source: Source) -> str:
    return shelf.address(source.file, (source.first, source.last))


def claim_row(entry: Entry, shelf: Shelf, up: str, with_paper: bool = False) -> tuple[dict[str, str], list[str]]:
    """A line of the ledger as attributes and cells of a table.

    Args:
        up: from the page to the site's root.
        with_paper: with a link to the paper.
    """
    claim = entry.claim
    first = next(other for other in shelf.entries if other.claim.id == claim.id)
    attributes = {"id": f"claim-{claim.id}"} if first is entry else {}
    attributes |= {"data-verdict": entry.verdict, "data-paper": entry.paper, "data-post": entry.post}
    said = f"<p>{text(claim.statement)}</p>"
    if with_paper:
        page = anchor(shelf.title(entry.paper), f"{up}papers/{entry.paper}/index.html#claim-{claim.id}")
        said += f'<p class="paper-small">{page}</p>'
    where = ", ".join(filter(None, (claim.table, claim.row)))
    theirs = f'<p>{text(claim.number)}</p><p class="paper-small">{text(where)}</p>'
    return attributes, [said, theirs, _measured(entry, shelf, up), _judged(entry)]


def _measured(entry: Entry, shelf: Shelf, up: str) -> str:
    quantity = f'<p class="paper-small">{text(entry.claim.quantity)}</p>'
    if entry.measured is None:
        return quantity
    seeds = "1 seed" if entry.measured.seed_count == 1 else f"{entry.measured.seed_count} seeds"
    post = anchor(shelf.post(entry.post).title, post_address(entry, shelf, up))
    provenance = f"{post}, {seeds}, {SCALES[entry.measured.scale]}"
    return f'<p>{text(interval_text(entry.measured))}</p>{quantity}<p class="paper-small paper-from">{provenance}</p>'


def post_address(entry: Entry, shelf: Shelf, up: str) -> str:
    """The section of the post that measured a claim."""
    section = shelf.post(entry.post).section_of(entry.place)
    return up + post_url(entry.post) + (f"#{section}" if section else "")


def _judged(entry: Entry) -> str:
    reason = ""
    recorded = entry.measured and entry.claim.verdict.get(entry.measured.scale) == entry.verdict
    if entry.claim.reason and recorded and entry.verdict != "REPRODUCED":
        reason = f'<p class="paper-small">{text(entry.claim.reason)}</p>'
    return f"<p>{verdict_html(entry.verdict)}</p>{reason}"


def _symbols(paper: Paper) -> list[str]:
    if not paper.symbols:
        return []
    rows = [f"| {inline_math(theirs)} | {inline_math(ours)} |" for theirs, ours in paper.symbols.items()]
    table_lines = ["| In the paper | Here |", "|:---|:---|", *rows]
    after = f"What each means is in the {link('glossary', '../../glossary.html')}."
    return ["## Symbols {#symbols}", "", "::: {.paper-symbols}", *table_lines, ":::", "", after, ""]


def _related(paper: Paper, shelf: Shelf) -> list[str]:
    keys = shelf.related(paper.citekey)
    return ["## Related papers {#related}", "", *(f"- {_paper_link(key, shelf)}" for key in keys), ""] if keys else []


def _paper_link(key: str, shelf: Shelf) -> str:
    entry = shelf.library.get(key, {})
    said = ", ".join(filter(None, (library.short_authors(entry) if entry.get("author") else "", library.year(entry))))
    after = f" ({escape_markdown(said)})" if said else ""
    if key in shelf.by_key:
        return link(shelf.title(key), f"../{key}/index.html") + after
    url = f"https://doi.org/{entry['DOI']}" if entry.get("DOI") else str(entry.get("URL") or "")
    title = shelf.title(key)
    return (link(title, url) if url.startswith(("https://", "http://")) else escape_markdown(title)) + after
