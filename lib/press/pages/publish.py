"""Make what is generated: the pages of papers, the index pages, the ends of posts.

Only what has changed is written, each file in one step; what has no source left is removed. `core/manifest.py` sees to
it that neither touches a file of an author's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from press.core.errors import Problem
from press.core.manifest import Manifest
from press.core.project import Project
from press.core.source import is_generated, relative
from press.pages.backlinks import backlinks, block
from press.pages.graphpages import functions_index, graph_page
from press.pages.indexes import claims_index, equations_index, glossary, papers_index
from press.pages.paperpage import paper_page
from press.papers.addresses import paper_url
from press.papers.graph import Graph, collect
from press.papers.schema import Paper
from press.papers.shelf import Shelf, read_shelf
from press.posts.collection import read_notebooks
from press.posts.post import page_of, to_bytes

Notebooks = dict[str, dict[str, Any]]
INDEXES: dict[str, Callable[[Shelf, Graph], str]] = {
    "papers/index.qmd": lambda shelf, _: papers_index(shelf),
    "claims.qmd": lambda shelf, _: claims_index(shelf),
    "equations.qmd": lambda shelf, _: equations_index(shelf),
    "glossary.qmd": lambda shelf, _: glossary(shelf),
    "functions.qmd": functions_index,
    "graph.qmd": graph_page,
}


@dataclass(frozen=True)
class Made:
    """What is generated from everything else.

    Args:
        pages: path relative to the root -> text.
        ends: slug -> the end of that post's page: what links to it.
    """

    pages: dict[str, str]
    ends: dict[str, str]


def make(project: Project, papers: tuple[Paper, ...], notebooks: Notebooks) -> Made:
    """Every generated page and the end of every post. Writes nothing; without papers there are no pages.

    Args:
        notebooks: slug -> a post's notebook, executed; of every post that has one.

    Raises:
        PressError: what is wrong with papers, notes, functions, tests or measurements.
    """
    if not papers and all(_is_somebodys(book) for book in notebooks.values()):
        return Made({}, {})  # somebody's blog: its pages get nothing that nobody asked for
    shelf = read_shelf(project, papers, notebooks)
    graph = collect(shelf)
    links = backlinks(shelf, graph)
    ends = {
        post.name: block(post.url, f"post:{post.name}", links[post.url], graph) if post.url in links else ""
        for post in shelf.posts
        if post.url.startswith("posts/")  # not of a home page that runs
    }
    pages = {}
    for paper in shelf.papers:
        own = links.get(paper_url(paper.citekey), [])
        pages[paper_input(paper)] = paper_page(paper, shelf, graph, own)
    pages |= {name: write(shelf, graph) for name, write in INDEXES.items() if name in page_names(project, papers)}
    return Made(pages, ends)


def _is_somebodys(notebook: dict[str, Any]) -> bool:
    """Whether the page is an author's own file, and no notebook that the press writes beside a post.qmd."""
    press = notebook["metadata"].get("press") or {}
    return bool(press.get("stored")) or press.get("source") == press.get("page")


def paper_input(paper: Paper) -> str:
    """Where a paper's page lies."""
    return f"papers/{paper.citekey}/index.qmd"


def page_names(project: Project, papers: tuple[Paper, ...]) -> list[str]:
    """Every page that is generated, relative to the root."""
    if not papers:
        return []
    left_out = () if (project.root / "NOTATION.md").is_file() else ("glossary.qmd",)
    return [*map(paper_input, papers), *(name for name in INDEXES if name not in left_out)]


def write_pages(pages: dict[str, str], manifest: Manifest) -> tuple[list[str], list[str]]:
    """Write what has changed and remove what is left over.

    Args:
        pages: as `make` gives them.

    Returns:
        The paths of both, and of pages that are left over but not as the press wrote them, and stay.

    Raises:
        PressError: a page of an author's stands where one is to be generated.
    """
    changed = manifest.write({name: text.encode() for name, text in pages.items()})
    gone, left = manifest.remove([name for name in manifest.names() if name.endswith(".qmd") and name not in pages])
    return changed + gone, left


def generated(root: Path) -> list[Path]:
    """The generated pages that lie in the project."""
    paths = [*sorted(root.glob("papers/*/index.qmd")), *(root / name for name in INDEXES)]
    return [path for path in paths if is_generated(path)]


def stale_pages(project: Project, pages: dict[str, str], notebooks: Notebooks) -> list[Problem]:
    """Generated pages and posts' notebooks that are not what they would be now, for `press check`. Writes nothing.

    Args:
        pages: what they would be; as `make` gives them.
        notebooks: the same of posts, with their ends.

    Raises:
        PressError: the file in a post's place is not a notebook.
    """
    found = {relative(path, project.root): path.read_text(encoding="utf-8") for path in generated(project.root)}
    names = [name for name in sorted({*pages, *found}) if pages.get(name) != found.get(name)]
    places = [(name, 0) for name in names]
    present = read_notebooks(project)
    for slug, book in notebooks.items():
        now = json.loads(to_bytes(book))  # what is there came from bytes, too
        if slug not in present:
            places.append((book["metadata"]["press"].get("source", slug), 0))
        elif now != present[slug]:
            places.append(_first_change(now, present[slug], slug))
    return [Problem(*place, "not up to date. Run press build") for place in places]


def _first_change(now: dict[str, Any], before: dict[str, Any], slug: str) -> tuple[str, int]:
    """The source line of the first cell that reads otherwise; the notebook itself if only what the press adds does."""
    for new, old in zip(now["cells"], before["cells"], strict=False):
        if new["source"] == old["source"]:
            continue
        place = new["metadata"].get("press", {})
        if "line" not in place:
            break
        pairs = zip("".join(new["source"]).split("\n"), "".join(old["source"]).split("\n"), strict=False)
        above = next((count for count, (one, other) in enumerate(pairs) if one != other), 0)
        return place["file"], place["line"] + above
    return page_of(slug, now), 0
