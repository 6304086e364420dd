"""What the templates of several pages are given: verdicts, equations, functions, claims; text as it is, not escaped."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from postkit.claims import interval_text, recorded_text, remark, settled
from press.core.escapes import prose
from press.core.source import came_from
from press.core.templates import render
from press.papers.addresses import from_page, function_url, label, names_of, slug
from press.papers.functions import Source, find_test, functions_of
from press.papers.ledger import DEFAULT_SCALE, Entry
from press.papers.schema import Equation, Paper
from press.papers.shelf import Shelf

# The same as on a post's box, which a test compares.
SYMBOLS = {
    "REPRODUCED": "\u2713",
    "DIRECTION ONLY": "\u2192",
    "CONTRADICTED": "\u2717",
    "NO EFFECT": "=",
    "INCONCLUSIVE": "?",
}
SCALES = {"small": "small scale", "full": "full scale"}
Values = dict[str, Any]


def page(template: str, **values: Any) -> str:
    """A generated page from its template."""
    return render(f"pages/{template}", **values).rstrip("\n") + "\n"


def verdict(word: str) -> Values:
    """A verdict with its symbol."""
    return {"word": word, "symbol": SYMBOLS.get(word, "\u2013"), "id": slug(word)}


def origin(file: str, line: int) -> Markup:
    """`came_from` as markup."""
    return Markup(came_from(file, line))


def equations(paper: Paper, shelf: Shelf, page: str) -> list[Values]:
    """A paper's equations, with what implements and what checks each.

    Args:
        page: the source of the page that they are to stand on.
    """
    found = []
    for index, (equation, name) in enumerate(zip(paper.equations, names_of(paper), strict=True)):
        line = paper.lines.get(("equations", str(index), "latex"), 1)
        values = {
            "id": name,
            "label": label(equation.number),
            "says": prose(equation.says),
            "latex": equation.latex,
            # What cannot be rendered is blamed on its line in paper.toml.
            "above": origin(paper.file, line if "\n" in equation.latex else line - 1),
            "below": origin(page, 0),
        }
        found.append(values | _code(equation, shelf, page.removesuffix(".qmd") + ".html"))
    return found


def _code(equation: Equation, shelf: Shelf, page: str) -> Values:
    functions = [place(shelf, source, page) for source in functions_of(shelf.root, equation)]
    if (shelf.root / "tests").is_dir():
        tests = [place(shelf, find_test(shelf.root, test), page) for test in equation.checked_by]
    else:
        tests = [{"name": test, "href": "", "file": ""} for test in equation.checked_by]
    return {"functions": functions, "tests": tests}


def place(shelf: Shelf, source: Source, page: str) -> Values:
    """A function or test, with a link to where it is on the site or in the repository.

    Args:
        page: the page that the link is to stand on, relative to the site's root.
    """
    lines = file_place(shelf, source)
    values = {"name": source.name, "text": source.text}
    if "::" in source.name:  # a test, whose name has its file in it
        return values | {"href": lines["file_href"], "file": ""}
    if shelf.renders("functions.qmd"):
        return values | {"href": from_page(function_url(source.name), page)} | lines
    return values | {"href": lines["file_href"]} | (lines if not lines["file_href"] else {"file": ""})


def file_place(shelf: Shelf, source: Source) -> Values:
    """The file of a function, with a link to its lines in the repository where there is one."""
    return {"file": source.file, "file_href": shelf.address(source.file, (source.first, source.last))}


def claim_row(entry: Entry, shelf: Shelf, up: str) -> Values:
    """A line of the ledger.

    Args:
        up: from the page to the site's root.
    """
    claim, found = entry.claim, entry.measured
    more = remark(claim, found, entry.record) if found else None
    values = {
        "claim": claim,
        "first": entry is next(other for other in shelf.entries if other.claim.id == claim.id),
        "verdict": verdict(entry.verdict),
        "paper": entry.paper,
        "paper_title": shelf.title(entry.paper),
        "paper_href": f"{up}papers/{entry.paper}/index.html#claim-{claim.id}",
        "post": entry.post,
        "where": ", ".join(filter(None, (claim.table, claim.row))),
        "settled": settled(claim, found, entry.record) if found else "",
        "remark": f"{more[0]}: {more[1]}" if more else "",
        "delta": f"smaller than {claim.delta:g} is no effect: {claim.delta_why}" if claim.delta else "",
        "measured": interval_text(found) if found else "",
        "differs": entry.recorded if found and entry.recorded != entry.verdict else "",
        "recorded": recorded_text(claim, entry.record) if entry.record else "",
    }
    if found:
        post = shelf.post(entry.post)
        section = post.section_of(entry.place)
        values |= {
            "post_title": post.title,
            "post_href": up + post.url + (f"#{section}" if section else ""),
            "seeds": {0: "exact", 1: "1 seed"}.get(found.seed_count, f"{found.seed_count} seeds"),
            "scale": "" if claim.exact and found.scale == DEFAULT_SCALE else SCALES[found.scale],
            "stored": entry.stored,
        }
    return values
