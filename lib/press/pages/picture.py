"""The whole graph as one picture: posts on the left, papers on the right, what joins them in between.

Laid out by plain arithmetic, the same for the same graph. Horizontal places are shares of the width and vertical ones
pixels, so that the picture fits a phone and a wide screen while its words keep their size. It needs no script.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from press.papers.graph import KINDS, RELATED, Edge, Graph, Node

POSTS, FUNCTIONS, PAPERS = 31.0, 44.0, 68.0  # columns, in percent of the width
LAST, STEP, IN_ROW = 64.5, 1.7, 6  # the marks before a paper: the last one's place, their distance, how many a row
LABEL = 26.0  # how wide a label is, in percent
POST_ROW, PAPER_ROW, MARK_ROW, FUNCTION_ROW, MARGIN = 54.0, 52.0, 10.0, 9.0, 10.0  # heights, in pixels
SWEEPS = 8


@dataclass
class Layout:
    """Where the nodes are: id -> (percent of the width, pixels from the top); and how high the whole is."""

    places: dict[str, tuple[float, float]] = field(default_factory=dict)
    height: float = 0.0


def lay_out(graph: Graph) -> Layout:
    """Places for all nodes."""
    kinds = {kind: [node for node in graph.nodes.values() if node.kind == kind] for kind in KINDS}
    owned: dict[str, list[Node]] = {node.id: [] for node in kinds["paper"]}
    for edge in graph.edges:
        if edge.source in owned and edge.kind == "has":
            owned[edge.source].append(graph.nodes[edge.target])
    posts, papers = _ordered(graph, kinds["post"], kinds["paper"])
    layout = Layout()
    heights = {paper.id: max(PAPER_ROW, MARK_ROW * sum(_rows(owned[paper.id])) + 14) for paper in papers}
    needed = (sum(heights.values()), POST_ROW * len(posts), FUNCTION_ROW * len(kinds["function"]))
    inner = max(needed)
    layout.height = inner + 2 * MARGIN
    y = MARGIN
    spare = (inner - sum(heights.values())) / max(len(papers), 1)
    for paper in papers:
        block = heights[paper.id] + spare
        _place_paper(layout, paper, owned[paper.id], y + block / 2)
        y += block
    _spread(layout, posts, POSTS)
    _spread(layout, sorted(kinds["function"], key=lambda node: (_height_near(graph, layout, node), node.id)), FUNCTIONS)
    return layout


def _rows(owned: list[Node]) -> tuple[int, int]:
    """How many rows of marks a paper's equations and claims take."""
    counts = (sum(node.kind == kind for node in owned) for kind in ("equation", "claim"))
    first, second = (-(-number // IN_ROW) for number in counts)
    return first, second


def _place_paper(layout: Layout, paper: Node, owned: list[Node], y: float) -> None:
    layout.places[paper.id] = (PAPERS, y)
    at = y - MARK_ROW * (sum(_rows(owned)) - 1) / 2
    for kind in ("equation", "claim"):
        group = [node for node in owned if node.kind == kind]
        for index, node in enumerate(group):
            row, column = divmod(index, IN_ROW)
            inverse = min(len(group) - row * IN_ROW, IN_ROW) - 1 - column
            layout.places[node.id] = (round(LAST - STEP * inverse, 2), at + MARK_ROW * row)
        at += MARK_ROW * -(-len(group) // IN_ROW)


def _spread(layout: Layout, nodes: list[Node], x: float) -> None:
    step = (layout.height - 2 * MARGIN) / max(len(nodes), 1)
    for index, node in enumerate(nodes):
        layout.places[node.id] = (x, round(MARGIN + (index + 0.5) * step, 2))


def _height_near(graph: Graph, layout: Layout, node: Node) -> float:
    heights = [layout.places[other.id][1] for other in graph.neighbours(node.id) if other.id in layout.places]
    return sum(heights) / len(heights) if heights else layout.height


def _ordered(graph: Graph, posts: list[Node], papers: list[Node]) -> tuple[list[Node], list[Node]]:
    """Posts and papers, each moved near what it is joined to, so that fewer lines cross."""
    joined: dict[str, list[str]] = {node.id: [] for node in (*posts, *papers)}
    for edge in graph.edges:
        if edge.source in joined and edge.target in joined:
            joined[edge.source].append(edge.target)
            joined[edge.target].append(edge.source)
    posts, papers = list(posts), list(papers)
    for sweep in range(SWEEPS):
        at = {node.id: (i + 0.5) / len(column) for column in (posts, papers) for i, node in enumerate(column)}

        def wanted(node: Node, at: dict[str, float] = at) -> tuple[float, float, str]:
            near = [at[other] for other in joined[node.id]]
            return (sum(near) / len(near) if near else at[node.id], at[node.id], node.id)

        (papers if sweep % 2 else posts).sort(key=wanted)
    return posts, papers


def drawing(graph: Graph) -> dict[str, Any]:
    """What graph.svg shows; links lead from a page at the site's root."""
    layout = lay_out(graph)
    # In the order of reading: a paper, then what belongs to it.
    nodes = sorted(graph.nodes.values(), key=lambda node: _reading(node, layout))
    return {
        "height": layout.height,
        "label_width": LABEL,
        "edges": [_edge(edge, graph, layout) for edge in graph.edges],
        "nodes": [_node(node, *layout.places[node.id]) for node in nodes],
    }


def _reading(node: Node, layout: Layout) -> tuple[int, float, float, str]:
    group = {"post": 0, "function": 1}.get(node.kind, 2)
    x, y = layout.places[node.id]
    return group, y, x, node.id


def _edge(edge: Edge, graph: Graph, layout: Layout) -> dict[str, Any]:
    (x1, y1), (x2, y2) = (layout.places[id] for id in (edge.source, edge.target))
    x1, x2 = 10 * x1, 10 * x2
    if edge.kind == RELATED or x1 == x2:  # within a column: an arc on its outer side
        bend = (16 + 30 * abs(y2 - y1) / layout.height) * (1 if x1 > 500 else -1)
        shape = f"M{x1:g} {y1:g}C{x1 + bend:.4g} {y1:g} {x2 + bend:.4g} {y2:g} {x2:g} {y2:g}"
    else:
        half = (x1 + x2) / 2
        shape = f"M{x1:g} {y1:g}C{half:g} {y1:g} {half:g} {y2:g} {x2:g} {y2:g}"
    source, target = graph.nodes[edge.source], graph.nodes[edge.target]
    return {"source": source, "target": target, "kind": edge.kind, "path": shape}


def _node(node: Node, x: float, y: float) -> dict[str, Any]:
    left = {"post": POSTS - 4 - LABEL, "paper": PAPERS + 5}.get(node.kind)
    return {"node": node, "x": x, "y": y, "left": left}
