"""The page of the graph, and the index of functions."""

from __future__ import annotations

from itertools import groupby

from press.pages.marks import SIZE, count, mark
from press.pages.markup import asset, code, escape_markdown, head, link, raw
from press.pages.paperpage import file_place
from press.pages.picture import picture
from press.papers.addresses import post_url
from press.papers.functions import find_function
from press.papers.graph import IMPLEMENTED, KINDS, USES, Graph
from press.papers.shelf import Shelf


def graph_page(shelf: Shelf, graph: Graph) -> str:
    """graph.qmd. Complete without scripts; with them a node that is pointed at shows what it is joined to."""
    lines = head(
        "Graph",
        made_from="papers/*/paper.toml and the executed posts",
        description="Posts, papers, their equations and claims, and the functions that implement them.",
    )
    lines += [
        "Each line is a citation, a link, a measurement or a use somewhere on these pages; each mark leads there."
    ]
    if shelf.renders("functions.qmd"):
        lines += [f"What uses a function is in words in the {link('index of functions', 'functions.html')}."]
    lines += ["", *asset("graph.css", "style")]
    lines += raw('<div class="press-graph">', *_choices(graph), *picture(graph), "</div>")
    lines += asset("graph.js", "script")
    return "\n".join(lines).rstrip("\n") + "\n"


def _choices(graph: Graph) -> list[str]:
    """What is shown: boxes to tick, which need no script either, and which say what each mark stands for."""
    lines = ['<div class="press-graph-kinds" role="group" aria-label="Shown">']
    for kind in KINDS:
        number = sum(node.kind == kind for node in graph.nodes.values())
        if number:
            size = SIZE[kind] + 2
            drawn = f'<svg class="k-{kind}" width="{size}" height="{size}" aria-hidden="true">'
            drawn += mark(kind, "50%", size / 2) + "</svg>"
            lines.append(f'<label><input type="checkbox" value="{kind}" checked> {drawn} {count(kind, number)}</label>')
    return [*lines, "</div>", '<p class="press-graph-said" aria-live="polite"></p>']


def functions_index(shelf: Shelf, graph: Graph) -> str:
    """functions.qmd: each function that implements an equation, and the posts that use it."""
    lines = head(
        "Functions",
        made_from="papers/*/paper.toml, lib and the executed posts",
        description="The functions that implement equations: which, and where posts use them.",
    )
    lines += asset("pages.css", "style")
    nodes = [node for node in graph.nodes.values() if node.kind == "function"]
    for module, group in groupby(nodes, key=lambda node: node.title.rpartition(".")[0]):
        lines += [f"## {code(module)}", "", "::: {.paper-functions}", ""]
        for node in group:
            source = find_function(shelf.root, node.title)
            lines += [f"### {code(node.label)} {{#{node.title}}}", ""]
            lines += [
                f"- in {file_place(shelf, source)}",
                *_equations(shelf, graph, node.id),
                *_posts(shelf, graph, node.id),
            ]
            lines.append("")
        lines += [":::", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _equations(shelf: Shelf, graph: Graph, id: str) -> list[str]:
    found = [graph.nodes[edge.source] for edge in graph.around(id) if edge.kind == IMPLEMENTED]
    papers: dict[str, list[str]] = {}
    for node in found:
        papers.setdefault(node.id.partition(":")[2].partition("#")[0], []).append(link(node.label, node.url))
    return [f"- {', '.join(links)} of {escape_markdown(shelf.title(key))}" for key, links in papers.items()]


def _posts(shelf: Shelf, graph: Graph, id: str) -> list[str]:
    items = []
    for edge in (edge for edge in graph.around(id) if edge.kind == USES):
        post = shelf.post(edge.source.partition(":")[2])
        url = post_url(post.name)
        places = [
            link(post.sections.get(name) or name or "introduction", f"{url}#{name}" if name else url)
            for name in edge.sections
        ]
        items.append(f"- used in {link(post.title, url)}: {', '.join(places)}")
    return items
