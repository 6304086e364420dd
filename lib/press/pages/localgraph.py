"""A page's neighbours as a small picture: posts on the left, papers on the right, the rest in rows below.

An inline SVG of fixed proportions, as wide as a phone; it needs no script, and every mark in it is a link.
"""

from __future__ import annotations

from press.pages.marks import count, mark, open_node, wrapped
from press.pages.markup import text
from press.papers.addresses import from_page
from press.papers.graph import Graph, Node

WIDTH, ROW, LINE = 360, 38, 12
MIDDLE, LEFT, RIGHT = 180, 140, 220
FIRST, STEP, IN_ROW = 122, 15, 15  # the rows below: where they begin, and how many marks they take


def local_picture(graph: Graph, id: str, page: str) -> list[str]:
    """Lines of SVG.

    Args:
        id: the node in the middle.
        page: its page, from which the links lead.
    """
    near = graph.neighbours(id)
    left, right = ([node for node in near if node.kind == kind] for kind in ("post", "paper"))
    high = max(len(left), len(right), 1) * ROW + 6
    lines: list[str] = []
    edges: list[str] = []
    for column, x in ((left, LEFT), (right, RIGHT)):
        for index, node in enumerate(column):
            y = (index + 0.5) * high / len(column)
            edges.append(_edge(node, f"M{MIDDLE} {high / 2:g}C{(MIDDLE + x) / 2:g} {high / 2:g} {(MIDDLE + x) / 2:g}"
                                     f" {y:g} {x} {y:g}"))  # fmt: skip
            lines.append(_labelled(node, x, y, from_page(node.url, page)))
    y = high + 6.0
    for kind in ("equation", "claim", "function"):
        group = [node for node in near if node.kind == kind]
        if not group:
            continue
        y += 16
        lines.append(
            f'<text class="group" x="{FIRST - 14}" y="{y + 4:g}" text-anchor="end">{count(kind, len(group))}</text>'
        )
        for index, node in enumerate(group):
            x, at = FIRST + STEP * (index % IN_ROW), y + 14 * (index // IN_ROW)
            edges.append(_edge(node, f"M{MIDDLE} {high / 2:g}C{MIDDLE} {high + 6:g} {x} {high - 4:g} {x} {at:g}"))
            lines.append(f"{open_node(node, from_page(node.url, page))}{mark(kind, str(x), at)}</a>")
        y += 14 * ((len(group) - 1) // IN_ROW)
    total = y + 12
    own = graph.nodes[id]
    middle = f'<g class="node own k-{own.kind}"><title>This page</title>{mark(own.kind, str(MIDDLE), high / 2)}</g>'
    size = f'viewBox="0 0 {WIDTH} {total:g}" width="{WIDTH}" height="{total:g}"'
    start = f'<svg class="press-local" {size} role="group" aria-label="What this page is joined to">'
    return [start, *edges, *lines, middle, "</svg>"]


def _edge(node: Node, path: str) -> str:
    return f'<path class="edge" data-to="{text(node.id)}" d="{path}"/>'


def _labelled(node: Node, x: int, y: float, href: str) -> str:
    rows = wrapped(node.label, 18, 3)
    anchored, at = ("end", x - 11) if x < MIDDLE else ("start", x + 11)
    top = y + 4 - LINE * (len(rows) - 1) / 2
    spans = "".join(f'<tspan x="{at}" y="{top + LINE * i:g}">{text(row)}</tspan>' for i, row in enumerate(rows))
    return f'{open_node(node, href)}{mark(node.kind, str(x), y)}<text text-anchor="{anchored}">{spans}</text></a>'
