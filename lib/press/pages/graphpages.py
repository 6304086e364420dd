"""The page of the graph, and the index of functions."""

from __future__ import annotations

from itertools import groupby

from press.pages.markup import Values, file_place, page
from press.pages.picture import drawing
from press.papers.functions import find_function
from press.papers.graph import IMPLEMENTED, KINDS, USES, Graph, Node
from press.papers.shelf import Shelf


def graph_page(shelf: Shelf, graph: Graph) -> str:
    """graph.qmd. Complete without scripts; with them a node that is pointed at shows what it is joined to."""
    counts = [(kind, sum(node.kind == kind for node in graph.nodes.values())) for kind in KINDS]
    return page(
        "graph.qmd",
        has_functions=shelf.renders("functions.qmd"),
        kinds=[(kind, number) for kind, number in counts if number],
        **drawing(graph),
    )


def functions_index(shelf: Shelf, graph: Graph) -> str:
    """functions.qmd: each function that implements an equation, and the posts that use it."""
    nodes = [node for node in graph.nodes.values() if node.kind == "function"]
    groups = groupby(nodes, key=lambda node: node.title.rpartition(".")[0])
    modules = [(module, [_function(shelf, graph, node) for node in group]) for module, group in groups]
    return page("functions.qmd", modules=modules)


def _function(shelf: Shelf, graph: Graph, node: Node) -> Values:
    papers: dict[str, list[tuple[str, str]]] = {}
    posts = []
    for edge in graph.around(node.id):
        if edge.kind == IMPLEMENTED:
            equation = graph.nodes[edge.source]
            key = equation.id.partition(":")[2].partition("#")[0]
            papers.setdefault(key, []).append((equation.label, equation.url))
        elif edge.kind == USES:
            post = shelf.post(edge.source.partition(":")[2])
            url = post.url
            places = [
                (post.sections.get(name) or name or "introduction", f"{url}#{name}" if name else url)
                for name in edge.sections
            ]
            posts.append((post.title, url, places))
    values = {"name": node.title, "label": node.label, "posts": posts}
    values |= {"papers": [(shelf.title(key), links) for key, links in papers.items()]}
    return values | file_place(shelf, find_function(shelf.root, node.title))
