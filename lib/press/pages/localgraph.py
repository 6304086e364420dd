"""A page's neighbours as a small picture: posts on the left, papers on the right, the rest in rows below.

An inline SVG of fixed proportions, as wide as a phone; it needs no script, and every mark in it is a link.
"""

from __future__ import annotations

import textwrap
from typing import Any

from markupsafe import Markup

from press.core.templates import render
from press.papers.addresses import from_page
from press.papers.graph import Graph, Node

WIDTH, ROW, LINE = 360, 38, 12
MIDDLE, LEFT, RIGHT = 180, 140, 220
FIRST, STEP, IN_ROW = 122, 15, 15  # the rows below: where they begin, and how many marks they take


def local_picture(graph: Graph, id: str, page: str) -> Markup:
    """The SVG.

    Args:
        id: the node in the middle.
        page: its page, from which the links lead.
    """
    near = graph.neighbours(id)
    left, right = ([node for node in near if node.kind == kind] for kind in ("post", "paper"))
    high = max(len(left), len(right), 1) * ROW + 6
    drawn: list[dict[str, Any]] = []
    edges: list[tuple[str, str]] = []
    for column, x in ((left, LEFT), (right, RIGHT)):
        for index, node in enumerate(column):
            y = (index + 0.5) * high / len(column)
            half = f"{(MIDDLE + x) / 2:g}"
            edges.append((node.id, f"M{MIDDLE} {high / 2:g}C{half} {high / 2:g} {half} {y:g} {x} {y:g}"))
            drawn.append(_mark(node, page, x, y) | _label(node, x, y))
    y = high + 6.0
    for kind in ("equation", "claim", "function"):
        group = [node for node in near if node.kind == kind]
        if not group:
            continue
        y += 16
        drawn.append({"number": len(group), "kind": kind, "x": FIRST - 14, "y": y})
        for index, node in enumerate(group):
            x, at = FIRST + STEP * (index % IN_ROW), y + 14 * (index // IN_ROW)
            edges.append((node.id, f"M{MIDDLE} {high / 2:g}C{MIDDLE} {high + 6:g} {x} {high - 4:g} {x} {at:g}"))
            drawn.append(_mark(node, page, x, at))
        y += 14 * ((len(group) - 1) // IN_ROW)
    return render(
        "pages/local.svg",
        width=WIDTH,
        height=y + 12,
        edges=edges,
        drawn=drawn,
        own=graph.nodes[id],
        middle=MIDDLE,
        own_y=high / 2,
    )


def _mark(node: Node, page: str, x: int, y: float) -> dict[str, Any]:
    return {"number": 0, "node": node, "href": from_page(node.url, page), "x": x, "y": y, "rows": []}


def _label(node: Node, x: int, y: float) -> dict[str, Any]:
    rows = wrapped(node.label, 18, 3)
    top = y + 4 - LINE * (len(rows) - 1) / 2
    anchored, at = ("end", x - 11) if x < MIDDLE else ("start", x + 11)
    return {"anchored": anchored, "at": at, "rows": [(top + LINE * i, row) for i, row in enumerate(rows)]}


def wrapped(words: str, width: int, lines: int) -> list[str]:
    """A label in at most so many lines of about `width` characters; the rest is left out."""
    return textwrap.wrap(words, width, max_lines=lines, placeholder="\N{HORIZONTAL ELLIPSIS}") or [words[:width]]
