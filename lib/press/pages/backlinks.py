"""What links to each post and paper: "Linked from" and a small graph, at the end of its page.

Navigation, listings and index pages do not count, and neither does a list of related papers: it goes both ways, so the
other paper is in it already. On a post's page it all stands in a last cell of the notebook, which both renderers show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from press.core.templates import render
from press.pages.localgraph import local_picture
from press.papers.addresses import from_page, paper_url
from press.papers.graph import CLAIMS, Graph
from press.papers.mentions import Page
from press.papers.shelf import Shelf
from press.posts.made import MADE
from press.posts.post import new_cell

CELL = "linked-from"  # the id of a notebook's last cell


@dataclass(frozen=True)
class Backlink:
    """A page that links to another.

    Args:
        url: the page that links, relative to the site's root.
        title: its title.
        sections: (title, address) of each of its sections that do so, in order.
    """

    url: str
    title: str
    sections: tuple[tuple[str, str], ...]


def backlinks(shelf: Shelf, graph: Graph) -> dict[str, list[Backlink]]:
    """Address of each post and paper -> what links to it: posts, then papers, then other pages."""
    pages = {node.url: node for node in graph.nodes.values() if node.kind in ("post", "paper")}
    found: dict[str, list[Backlink]] = {url: [] for url in pages}
    for page, opening, targets in _sources(shelf):
        order = ["", *page.sections, CLAIMS]
        for target in [url for url in pages if url in targets and url != page.url]:
            names = sorted(set(targets[target]), key=order.index)
            titles = {"": opening, CLAIMS: "Claims"} | page.sections
            places = [(titles[name] or name, f"{page.url}#{name}" if name else page.url) for name in names]
            shown = tuple(place for place in places if place[0])
            title = pages[page.url].title if page.url in pages else page.title
            found[target].append(Backlink(page.url, title, shown))
    return found


def _sources(shelf: Shelf) -> Iterator[tuple[Page, str, dict[str, list[str]]]]:
    """Each page that may link, what its opening words are called, and address -> sections that link there."""
    measured = [entry for entry in shelf.entries if entry.measured]
    for post in shelf.posts:
        if shelf.renders(post.input):
            targets = _targets(post)
            for entry in (entry for entry in measured if entry.post == post.name):
                targets.setdefault(paper_url(entry.paper), []).append(post.section_of(entry.place))
            yield post, "introduction", targets
    for paper in shelf.papers:
        if shelf.renders(f"papers/{paper.citekey}/index.qmd"):
            notes = shelf.notes.get(paper.citekey)
            page = notes.page if notes else Page(paper.citekey, paper_url(paper.citekey), "", {}, [], [], [], {})
            targets = _targets(page)
            for entry in (entry for entry in measured if entry.paper == paper.citekey):
                targets.setdefault(shelf.post(entry.post).url, []).append(CLAIMS)
            yield page, "notes", targets
    for page in shelf.pages:
        yield page, "", _targets(page)


def _targets(page: Page) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for citekey, section in page.cited:
        found.setdefault(paper_url(citekey), []).append(section)
    for address, section in page.links:
        found.setdefault(address.partition("#")[0], []).append(section)
    return found


def block(url: str, id: str, links: list[Backlink], graph: Graph) -> str:
    """The end of a page, Markdown and HTML for both renderers; "" if nothing is joined to it.

    Args:
        url: the page.
        id: its node.
    """
    joined = bool(graph.around(id))
    if not links and not joined:
        return Markup("")
    items = []
    for link in links:
        places = [(title, from_page(address, url)) for title, address in link.sections]
        items.append((link.title, from_page(link.url, url), places))
    return render("pages/links.qmd", links=items, picture=local_picture(graph, id, url) if joined else "")


def with_backlinks(notebook: dict[str, Any], end: str) -> dict[str, Any]:
    """A post's notebook with this end, made by `block`, in place of the one that it had, if it had any."""
    cells = [cell for cell in notebook["cells"] if cell.get("id") != CELL]
    if end:
        cells.append(new_cell("markdown", CELL, str(end), {"press": {MADE: True}}))
    return notebook | {"cells": cells}
