"""`press: path:` the way through the posts: in which order to read them, what each is for, what to have read before.

    press:
      path:
        expected-value: {difficulty: introductory, purpose: "What a mean is"}
        ddpm-ddim: {difficulty: intermediate, after: [expected-value]}

Each post on it gets an end with "Read before" and "Next", and four fields in its front matter that a listing may show,
choose and sort by: `path-step`, `path-purpose`, `path-difficulty` and `path-time`.
"""

from __future__ import annotations

import difflib
import json
import math
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from press.core.celloptions import option_rows, read_options
from press.core.config import Config
from press.core.errors import Problem
from press.core.merging import as_list
from press.core.source import front_matter_length, page_start
from press.core.templates import render
from press.core.yamlfile import Map
from press.posts.made import MADE, is_made
from press.posts.notebookfile import text_of
from press.posts.post import new_cell, page_of

CELL = "on-the-path"  # the id of the cell at a notebook's end
FIELDS = ("path-step", "path-purpose", "path-difficulty", "path-time")
DIFFICULTIES = ("introductory", "intermediate", "advanced")
KEYS = ("difficulty", "purpose", "after")
WORDS = 200  # that are read in a minute, as Quarto has it
WORDS_PER_LINE = 10  # a line of visible code takes as long as so many words, and so does a displayed formula
NOT_PROSE = r"(?s)<!--.*?-->|^```.*?^```[^\n]*$|^:::[^\n]*$|\]\([^)]*\)|\{[#.][^}]*\}"


@dataclass(frozen=True)
class Stop:
    """A post on the path.

    Args:
        difficulty: one of DIFFICULTIES.
        purpose: what it is for, in one line; "" to take the post's description.
        after: slugs of posts to have read before; each stands above it on the path.
    """

    slug: str
    difficulty: str
    purpose: str = ""
    after: tuple[str, ...] = ()


def read_path(config: Config, slugs: Sequence[str] | None = None) -> tuple[tuple[Stop, ...], list[Problem]]:
    """The stops of `press: path:` in their order, none where it is not there; and what is wrong with it.

    Args:
        slugs: of all posts; None if it is known that the path names no others.
    """
    path = config.settings().get("path")
    if path is None:
        return (), []
    if not isinstance(path, Map):
        message = f"press: path: {json.dumps(path)} must be a mapping. Write a line SLUG: {{difficulty: ...}} per post"
        return (), [Problem(*config.where("press.path"), message)]
    problems: list[Problem] = []
    stops: list[Stop] = []
    for slug, about in path.items():
        place = path.places.get(slug) or config.where("press.path")
        if slugs is not None and slug not in slugs:
            problems.append(Problem(*place, f"press: path: no post {slug!r}. {_near(slug, slugs)}"))
        elif not isinstance(about, Map):
            message = f"press: path: {slug}: {json.dumps(about)} must be a mapping. Write {{difficulty: ...}}"
            problems.append(Problem(*place, f"{message}, one of {', '.join(DIFFICULTIES)}"))
        else:
            problems += [Problem(*(about.places.get(key) or place), said) for key, said in _wrong(slug, about, path)]
            said = (str(about.get("difficulty")), str(about.get("purpose") or ""))
            stops.append(Stop(slug, *said, tuple(_after(about))))
    return (() if problems else tuple(stops)), problems


def _after(about: Map) -> list[str]:
    return [str(slug) for slug in as_list(about.get("after"))]


def _wrong(slug: str, about: Map, path: Map) -> list[tuple[str, str]]:
    """(key, what is wrong with it) of one stop."""
    found: list[tuple[str, str]] = []
    where = f"press: path: {slug}: "
    for key in about:
        if key not in KEYS:
            found.append((key, f"{where}unknown key {key!r}. Legal: {', '.join(KEYS)}"))
    if (level := about.get("difficulty")) not in DIFFICULTIES:
        said = "lacks its difficulty" if level is None else f"unknown difficulty {level!r}"
        found.append(("difficulty", f"{where}{said}. Legal: {', '.join(DIFFICULTIES)}"))
    if not isinstance(about.get("purpose", ""), str):
        found.append(("purpose", f"{where}purpose {json.dumps(about['purpose'])} must be a line of text"))
    above = list(path)[: list(path).index(slug)]
    for other in _after(about):
        if other not in path:
            found.append(("after", f"{where}after {other!r}, which is not on the path. {_near(other, above)}"))
        elif other not in above and (other == slug or slug in _needed(other, path)):
            found.append(
                ("after", f"{where}after {other!r}, which must itself be read after {slug!r}. Remove one of them")
            )
        elif other not in above:
            found.append(
                ("after", f"{where}after {other!r}, which comes later on the path. Move its line above this one")
            )
    return found


def _needed(slug: str, path: Map) -> set[str]:
    """All that is to be read before a post."""
    found: set[str] = set()
    todo = [slug]
    while todo:
        about = path.get(todo.pop())
        new = {other for other in _after(about) if other in path} - found if isinstance(about, Map) else set()
        found |= new
        todo += new
    return found


def _near(slug: str, slugs: Sequence[str]) -> str:
    close = difflib.get_close_matches(slug, slugs, n=1)
    return (f"Did you mean {close[0]!r}? " if close else "") + f"Posts: {', '.join(slugs) or 'none'}"


def with_path(
    notebooks: Mapping[str, dict[str, Any]], stops: Sequence[Stop], config: Config
) -> dict[str, dict[str, Any]]:
    """The posts' notebooks with what the path adds to them, in place of what it added before.

    A notebook that is an author's own file stays as it is; a post that has not run yet is not linked to.

    Args:
        notebooks: slug -> a post's notebook.
    """
    there = [stop for stop in stops if stop.slug in notebooks]
    told = {stop.slug: _told(notebooks[stop.slug], stop, number, config) for number, stop in enumerate(there, 1)}
    following = {one.slug: other.slug for one, other in pairwise(there)}
    done = {}
    for slug, book in notebooks.items():
        if "source" in book["metadata"].get("press", {}):
            stop = next((stop for stop in there if stop.slug == slug), None)
            before = [told[other] for other in stop.after if other in told] if stop else []
            after = told.get(following.get(slug, ""))
            book = _with_fields(book, told.get(slug, {}))
            book = _with_end(book, before, after, posixpath.dirname(page_of(slug, book)))
        done[slug] = book
    return done


def _told(book: dict[str, Any], stop: Stop, number: int, config: Config) -> dict[str, Any]:
    """What readers are told about a post: its title, its page, and the fields."""
    page = page_of(stop.slug, book)
    lines = [line for cell in book["cells"][:1] for line in text_of(cell["source"]).split("\n")]
    own = page_start(lines, lambda line: (page, line))[0].data
    meta = config.meta(own, posixpath.dirname(page))
    purpose = stop.purpose or str(meta.get("description") or "")
    fields = (number, purpose, stop.difficulty, f"{minutes(book, meta)} min")
    return {"title": str(meta.get("title") or stop.slug), "page": page} | dict(zip(FIELDS, fields, strict=True))


def minutes(book: dict[str, Any], meta: Mapping[str, Any]) -> int:
    """How many minutes a post takes to read: by its words and its visible code, folded code left out.

    Args:
        meta: its front matter, over what the project says.
    """
    execute = meta.get("execute") if isinstance(meta.get("execute"), dict) else {}
    words = 0
    for cell in book["cells"]:
        text = text_of(cell["source"])
        if cell["cell_type"] == "markdown" and not is_made(cell):
            prose = re.sub(NOT_PROSE, " ", text, flags=re.MULTILINE)
            prose, formulas = re.subn(r"(?s)\$\$.*?\$\$", " ", prose)
            prose = re.sub(r"\$[^$\n]+\$", "x", prose)
            words += len(re.findall(r"\S*\w\S*", prose)) + WORDS_PER_LINE * formulas
        elif cell["cell_type"] == "code" and _is_visible({**meta, **execute, **read_options(text, "", 0).data}):
            lines = text.split("\n")[len(option_rows(text)) :]
            words += WORDS_PER_LINE * sum(bool(line.strip()) and not line.strip().startswith("#") for line in lines)
    return max(1, math.ceil(words / WORDS))


def _is_visible(options: Mapping[str, Any]) -> bool:
    hidden = options.get("echo") is False or options.get("include") is False
    return not hidden and str(options.get("code-fold", False)).lower() not in ("true", "show")


def _with_fields(book: dict[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """The notebook with the fields at the end of its front matter."""
    lines = [line for cell in book["cells"][:1] for line in text_of(cell["source"]).split("\n")]
    taken = front_matter_length(lines)
    if not taken:
        return book
    kept = [line for line in lines[: taken - 1] if line.partition(":")[0] not in FIELDS]
    new = [f"{name}: {json.dumps(told[name], ensure_ascii=False)}" for name in FIELDS if name in told]
    text = "\n".join([*kept, *new, *lines[taken - 1 :]])
    first, *others = book["cells"]
    return book | {"cells": [first | {"source": text.splitlines(keepends=True)}, *others]}


def _with_end(
    book: dict[str, Any], before: list[dict[str, Any]], after: dict[str, Any] | None, folder: str
) -> dict[str, Any]:
    cells = [cell for cell in book["cells"] if cell.get("id") != CELL]
    if before or after:
        links = [_link(one, folder) for one in before]
        text = render("posts/way.qmd", before=links, after=after and _link(after, folder))
        cells.append(new_cell("markdown", CELL, str(text), {"press": {MADE: True}}))
    return book | {"cells": cells}


def _link(told: dict[str, Any], folder: str) -> dict[str, Any]:
    """What the template shows of a post; its title is its author's Markdown, of which no bracket may end the link."""
    title = Markup(re.sub(r"(?<!\\)([\[\]])", r"\\\1", told["title"]))
    fields = {name.removeprefix("path-"): told[name] for name in FIELDS}
    return fields | {"title": title, "href": posixpath.relpath(told["page"], folder or ".")}
