"""The page of a post that failed: in place of its results it says which cell, file and line, and why.

It is a notebook like that of any post, so both renderers, the listing and the pages that link to it find it where they
expect it. Its text comes from exceptions and code, and is hostile until it is escaped. Nothing in it differs from one
failing build to the next unless the failure does.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from press.core import templates
from press.core.errors import Problem
from press.core.pandoc import run_pandoc
from press.core.secrets import find_secrets, secrets_in
from press.posts.made import raw_cell
from press.posts.post import CodeCell, Post, named_in

if TYPE_CHECKING:
    from markupsafe import Markup

KEPT_KEYS = ("subtitle", "author", "date", "date-modified", "categories", "order", "lang")
DESCRIPTION = "This post failed in the build that made this site. Its page says where and why."
REPLACED = "\N{REPLACEMENT CHARACTER}"
LONGEST = 4000  # characters of a message
NAMED = re.compile(r"""\{#([\w.:-]+)|\bid=["']([^"'\s]+)["']""")


@dataclass(frozen=True)
class Failure:
    """A post that did not run through, or whose results are refused.

    Args:
        parts: of its key, so that `press why` knows what has changed since.
        problems: what went wrong; one, unless the results were refused for several reasons.
        cell: name of the cell that it stopped in; "" for none.
        kept: where the notebook as far as it ran is, relative to the root; "" for nowhere.
    """

    post: Post
    parts: Mapping[str, str]
    problems: tuple[Problem, ...]
    cell: str = ""
    kept: str = ""


def failures_in(notebooks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What is noted in those of the notebooks that stand for posts that failed."""
    found = (notebook["metadata"].get("press") or {} for notebook in notebooks)
    return [press["failed"] for press in found if "failed" in press]


def failed_notebook(failure: Failure, claims: Iterable[str] = ()) -> dict[str, Any]:
    """The notebook that is published in place of the post's own.

    Args:
        claims: ids of those that the post may have measured.
    """
    post = failure.post
    place = {"file": post.file, "line": 1}
    front = {"title": f"Failed: {post.meta.get('title') or post.slug}", "description": DESCRIPTION}
    front |= {key: post.meta[key] for key in KEPT_KEYS if key in post.meta}
    rows = [f"{key}: {json.dumps(value, ensure_ascii=False, default=str)}\n" for key, value in front.items()]
    head = {"cell_type": "raw", "id": "text-1", "metadata": {"press": place}, "source": ["---\n", *rows, "---"]}
    body = raw_cell("failure", _html(failure), place)
    body["source"] = ['::: {.callout-important title="This post failed"}\n', "\n", *body["source"], "\n", "\n", ":::"]
    noted = {
        "claims": named_in(post, claims),
        # What a reader may take away, for others may link to it; nothing, if that would publish a secret.
        "cells": [] if find_secrets(post.notebook, post.file) else post.notebook["cells"],
        "places": [f"{p.file}:{p.line}" if p.line else p.file for p in failure.problems],
    }
    press = {"failed": noted, "parts": dict(failure.parts), "page": post.page, "source": post.file}
    return post.notebook | {"cells": [head, body], "metadata": post.notebook["metadata"] | {"press": press}}


def _html(failure: Failure) -> str:
    """What the page says, on one line, escaped; braces too, for Quarto looks for shortcodes in raw HTML."""
    first = failure.problems[0]
    index, cell = next(((i, c) for i, c in enumerate(failure.post.cells, 1) if c.name == failure.cell), (0, None))
    label = str(cell.options.get("label") or "") if cell else ""
    place_in = {"number": index, "count": len(failure.post.cells), "label": shown(label)} if cell else None
    html = templates.render(
        "posts/failure.html",
        cell=place_in,
        file=shown(first.file),
        line=first.line,
        code=_as_written(_code(cell, first)) if cell else "",
        reasons=[{"file": shown(p.file), "line": p.line, "message": _as_written(p.message)} for p in failure.problems],
        kept=shown(failure.kept),
        anchors=list(map(shown, _anchors(failure.post))),
    )
    return str(html).replace("{", "&#123;").replace("\n", "&#10;")


def _as_written(value: str) -> Markup:
    """A text within `pre`: escaped here, since a template's own escaping folds its lines."""
    from markupsafe import escape

    return escape(shown(value))


def shown(value: str) -> str:
    """A text as a page may have it: of a bearable length, without control characters and secrets."""
    if secret := secrets_in(value):
        return f"(not shown: the text contains {secret[0]})"
    lines = "\n".join(value.splitlines())
    plain = "".join(REPLACED if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" else c for c in lines)
    return plain if len(plain) <= LONGEST else plain[:LONGEST] + " \N{HORIZONTAL ELLIPSIS}"


def _code(cell: CodeCell, problem: Problem) -> str:
    """The line of code that raised; "" where none did, or it is not known."""
    lines, number = cell.source.split("\n"), problem.line - cell.line
    known = problem.file == cell.file and 0 <= number < len(lines)
    return lines[number].strip() if known and problem.message.startswith(f"{cell.name} raised") else ""


def _anchors(post: Post) -> list[str]:
    """The names on the post's own page to which others may link: headings, labels, whatever has an id."""
    text = "\n\n".join("".join(c["source"]) for c in post.notebook["cells"] if c["cell_type"] == "markdown")
    names = [*_headings(text), *("".join(pair) for pair in NAMED.findall(text))]
    for cell in post.cells:
        label, parts = str(cell.options.get("label") or ""), 0
        for key in ("fig-subcap", "tbl-subcap"):
            parts = max(parts, len(cell.options[key])) if isinstance(cell.options.get(key), list) else parts
        names += [label, *(f"{label}-{number}" for number in range(1, parts + 1))] if label else []
    return list(dict.fromkeys(names))


@functools.lru_cache(maxsize=64)
def _headings(text: str) -> tuple[str, ...]:
    blocks = json.loads(run_pandoc(["-f", "markdown", "-t", "json"], text))["blocks"]

    def walk(tree: Any) -> Iterable[str]:
        if isinstance(tree, dict):
            if tree.get("t") == "Header":
                yield tree["c"][1][0]
            yield from walk(list(tree.values()))
        elif isinstance(tree, list):
            for item in tree:
                yield from walk(item)

    return tuple(walk(blocks))
