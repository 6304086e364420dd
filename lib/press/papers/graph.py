"""The graph of posts, papers, equations, claims and functions, and what links to each page; all read from the sources.

Every edge is something that the built pages show: a citation, a link, a claim's box, an equation or a claim on its
paper's page, a line of the index of functions. A function is in the graph if it implements an equation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from press.core.escapes import spoken
from press.papers.addresses import claim_anchor, function_url, label, names_of, paper_url
from press.papers.mentions import Page
from press.papers.shelf import Shelf

KINDS = ("post", "paper", "equation", "claim", "function")
CITES, LINKS, MEASURES, HAS = "cites", "links to", "measures", "has"
IMPLEMENTED, USES, RELATED = "implemented by", "uses", "related to"
CLAIMS = "claims"  # the section of a paper's page that links to the posts that measured


@dataclass(frozen=True)
class Node:
    """One thing.

    Args:
        id: kind and name, such as "paper:ho2020ddpm" or "equation:ho2020ddpm#equation-4".
        kind: one of `KINDS`.
        label: short, for a picture.
        title: in full.
        url: relative to the site's root.
    """

    id: str
    kind: str
    label: str
    title: str
    url: str

    @property
    def page(self) -> str:
        """The page that it stands on."""
        return self.url.partition("#")[0]


@dataclass(frozen=True)
class Edge:
    """One thing refers to another.

    Args:
        source: id of a node.
        target: id of another.
        kind: such as "cites".
        sections: names of the sections of the source's page that do so, in order; "" comes before the first.
    """

    source: str
    target: str
    kind: str
    sections: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """Nodes by id, in the order of `KINDS`, and edges, each once."""

    nodes: dict[str, Node]
    edges: tuple[Edge, ...]
    near: dict[str, list[Edge]] = field(default_factory=dict)

    def around(self, id: str) -> list[Edge]:
        """The edges that begin or end at a node."""
        return self.near.get(id, [])

    def neighbours(self, id: str) -> list[Node]:
        """What is joined to a node, each once, in the nodes' order."""
        found = {edge.target if edge.source == id else edge.source for edge in self.around(id)}
        order = {kind: number for number, kind in enumerate(KINDS)}
        return sorted((self.nodes[other] for other in found), key=lambda node: (order[node.kind], node.id))


def collect(shelf: Shelf) -> Graph:
    """The graph of what the site shows; things on pages that `render:` does not select are left out."""
    nodes = {node.id: node for node in _nodes(shelf)}
    found: dict[tuple[str, str, str], list[str]] = {}
    for source, target, kind, section in _references(shelf, nodes):
        if source != target and source in nodes and target in nodes:
            sections = found.setdefault((source, target, kind), [])
            if section not in sections:
                sections.append(section)
    edges = tuple(Edge(*key, tuple(sections)) for key, sections in sorted(found.items()))
    near: dict[str, list[Edge]] = {}
    for edge in edges:
        near.setdefault(edge.source, []).append(edge)
        near.setdefault(edge.target, []).append(edge)
    return Graph(nodes, edges, near)


def _nodes(shelf: Shelf) -> Iterator[Node]:
    for post in shelf.posts:
        if shelf.renders(post.input):
            yield Node(f"post:{post.name}", "post", post.title, post.title, post.url)
    papers = [paper for paper in shelf.papers if shelf.renders(f"papers/{paper.citekey}/index.qmd")]
    for paper in papers:
        title = shelf.title(paper.citekey)
        yield Node(f"paper:{paper.citekey}", "paper", title, title, paper_url(paper.citekey))
    for paper in papers:
        for equation, name in zip(paper.equations, names_of(paper), strict=True):
            title = f"{label(equation.number)} of {shelf.title(paper.citekey)}: {spoken(equation.says)}"
            url = f"{paper_url(paper.citekey)}#{name}"
            yield Node(f"equation:{paper.citekey}#{name}", "equation", label(equation.number), title, url)
    for paper in papers:
        for claim in paper.claims:
            url = f"{paper_url(paper.citekey)}#{claim_anchor(claim.id)}"
            yield Node(f"claim:{claim.id}", "claim", claim.id, claim.statement, url)
    if shelf.renders("functions.qmd"):
        named = {name for paper in papers for equation in paper.equations for name in equation.implemented_by}
        for name in sorted(named):
            yield Node(f"function:{name}", "function", name.rpartition(".")[2], name, function_url(name))


def _references(shelf: Shelf, nodes: dict[str, Node]) -> Iterator[tuple[str, str, str, str]]:
    """(source, target, kind, section) of everything that might be an edge."""
    at = {node.url: node.id for node in nodes.values()}
    for post in shelf.posts:
        own = f"post:{post.name}"
        yield from _referred(own, post, at)
        for dotted, section in post.uses:
            parts = dotted.split(".")
            names = (f"function:{'.'.join(parts[:length])}" for length in range(len(parts), 1, -1))
            if target := next((name for name in names if name in nodes), ""):
                yield own, target, USES, section
    for citekey, notes in shelf.notes.items():
        yield from _referred(f"paper:{citekey}", notes.page, at)
    for entry in shelf.entries:
        if entry.measured:
            section = shelf.post(entry.post).section_of(entry.place)
            yield f"post:{entry.post}", f"claim:{entry.claim.id}", MEASURES, section
    for paper in shelf.papers:
        own = f"paper:{paper.citekey}"
        for equation, name in zip(paper.equations, names_of(paper), strict=True):
            yield own, f"equation:{paper.citekey}#{name}", HAS, "equations"
            for function in equation.implemented_by:
                yield f"equation:{paper.citekey}#{name}", f"function:{function}", IMPLEMENTED, name
        for claim in paper.claims:
            yield own, f"claim:{claim.id}", HAS, CLAIMS
        for other in paper.related:  # both pages list each other: one edge, whoever names whom
            first, second = sorted((paper.citekey, other))
            yield f"paper:{first}", f"paper:{second}", RELATED, "related"


def _referred(own: str, page: Page, at: dict[str, str]) -> Iterator[tuple[str, str, str, str]]:
    for citekey, section in page.cited:
        yield own, f"paper:{citekey}", CITES, section
    for address, section in page.links:
        path = address.partition("#")[0]
        if path != page.url:  # what a page says about itself is no edge
            yield own, at.get(address) or at.get(path, ""), LINKS, section
