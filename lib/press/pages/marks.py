"""The marks of a drawn graph: one shape a kind, so that colour is not needed to tell them apart."""

from __future__ import annotations

import textwrap

from press.pages.markup import text
from press.papers.graph import Node

WORDS = {
    "post": ("post", "posts"),
    "paper": ("paper", "papers"),
    "equation": ("equation", "equations"),
    "claim": ("claim", "claims"),
    "function": ("function", "functions"),
}
SIZE = {"post": 11, "paper": 13, "equation": 6, "claim": 6, "function": 6}  # pixels


def mark(kind: str, x: str, y: float) -> str:
    """A node's mark, its middle at (x, y).

    Args:
        x: pixels or a share of the width, such as "32%".
    """
    size = SIZE[kind]
    if kind in ("paper", "equation"):
        return f'<circle class="mark" cx="{x}" cy="{y:g}" r="{size / 2:g}"/>'
    round_corners = ' rx="2.5"' if kind == "post" else ""
    shift = f'transform="translate({-size / 2:g} {-size / 2:g})"'
    return f'<rect class="mark" x="{x}" y="{y:g}" width="{size}" height="{size}"{round_corners} {shift}/>'


def name(node: Node) -> str:
    """What a node is, in words."""
    word = WORDS[node.kind][0].capitalize()
    return node.title if node.kind == "equation" else f"{word}: {node.title}"


def open_node(node: Node, href: str) -> str:
    """The beginning of a node's link; `</a>` ends it."""
    title = text(name(node))
    return (
        f'<a class="node k-{node.kind}" href="{text(href)}" data-node="{text(node.id)}" aria-label="{title}">'
        f"<title>{title}</title>"
    )


def count(kind: str, number: int) -> str:
    """ "1 claim", "2 claims"."""
    return f"{number} {WORDS[kind][number != 1]}"


def wrapped(words: str, width: int, lines: int) -> list[str]:
    """A label in at most so many lines of about `width` characters; the rest is left out."""
    return textwrap.wrap(words, width, max_lines=lines, placeholder="\N{HORIZONTAL ELLIPSIS}") or [words[:width]]
