"""Everything that the pages of papers are made of, read once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from press.core import selection
from press.core.errors import PressError, Problem
from press.core.project import Project
from press.core.source import Expanded, check_fences, front_matter, read_expanded
from press.papers import library, mentions
from press.papers.functions import check_functions
from press.papers.inputs import read_pages
from press.papers.ledger import Entry, ledger
from press.papers.library import plain_title
from press.papers.schema import Paper, claims_by_id
from press.posts.prose import resolve


@dataclass(frozen=True)
class Notes:
    """An author's notes on a paper.

    Args:
        title: as the front matter has it; Markdown.
        expanded: the notes' text, claims resolved, front matter included.
        first: 1-based line on which the body begins.
        page: what they refer to.
    """

    title: str
    expanded: Expanded
    first: int
    page: mentions.Page


@dataclass(frozen=True)
class Shelf:
    """All papers, and what else the project says of them.

    Args:
        notes: citekey -> the author's notes.
        entries: the ledger.
        notebooks: slug -> the executed post.
        posts: what posts refer to and where.
        pages: the same of the other pages that authors wrote, notes on papers left out.
        library: citekey -> the bibliography's entry.
        zotero: citekey -> its address in Zotero.
        statuses: citekey -> "reading" or "to read", where a tag in Zotero says so.
        repository: address of the repository; "" if the configuration has none.
        renders: whether the site has the page of this input, once the generated ones are written.
    """

    root: Path
    papers: tuple[Paper, ...]
    notes: dict[str, Notes]
    entries: list[Entry]
    notebooks: dict[str, dict[str, Any]]
    posts: tuple[mentions.Page, ...]
    pages: tuple[mentions.Page, ...]
    library: dict[str, library.Entry]
    zotero: dict[str, str]
    statuses: dict[str, str]
    repository: str
    renders: Callable[[str], bool]
    by_key: dict[str, Paper] = field(default_factory=dict)

    def title(self, citekey: str) -> str:
        """A paper's title as plain text: its notes', else the bibliography's, else its key."""
        if citekey in self.notes:
            return self.notes[citekey].title
        return plain_title(self.library.get(citekey, {}).get("title", "")) or citekey

    def claims_of(self, citekey: str) -> list[Entry]:
        """The paper's lines of the ledger."""
        return [entry for entry in self.entries if entry.paper == citekey]

    def post(self, slug: str) -> mentions.Page:
        """The post with this slug."""
        return next(post for post in self.posts if post.name == slug)

    def related(self, citekey: str) -> list[str]:
        """What the paper names as related, then what names it; each once."""
        own = self.by_key[citekey].related
        others = [paper.citekey for paper in self.papers if citekey in paper.related]
        return [key for key in dict.fromkeys((*own, *others)) if key != citekey]

    def status(self, citekey: str) -> str:
        """ "re-tested" when a post has measured one of its claims, else what its tag in Zotero says, else "to read"."""
        if any(entry.measured is not None for entry in self.claims_of(citekey)):
            return "re-tested"
        return self.statuses.get(citekey, "to read")

    def address(self, file: str, lines: tuple[int, int] | None = None) -> str:
        """A file on the repository; "" if the configuration has none."""
        at = f"#L{lines[0]}-L{lines[1]}" if lines else ""
        return f"{self.repository}/blob/HEAD/{file}{at}" if self.repository else ""


def read_shelf(project: Project, papers: tuple[Paper, ...], notebooks: dict[str, dict[str, Any]]) -> Shelf:
    """Read the rest, and put it all on the shelf.

    Args:
        notebooks: slug -> a post's notebook, executed; of every post that has one.

    Raises:
        PressError: bad notes, a function or test that is gone, a formula that would spoil its page.
    """
    problems = check_functions(project.root, papers) + check_math(papers)
    entries = ledger(papers, notebooks)
    notes: dict[str, Notes] = {}
    claims = claims_by_id(papers)
    folder = project.work / "facts"
    for paper in papers:
        path = (project.root / paper.file).with_name("paper.qmd")
        if path.is_file():
            try:
                notes[paper.citekey] = _read_notes(path, paper.citekey, project.root, claims, folder)
            except PressError as error:
                problems += error.problems
    if problems:
        raise PressError(problems)
    moved = selection.moved(project.config)
    posts = (mentions.read_post_page(slug, notebook, folder) for slug, notebook in notebooks.items())
    sources = {str((book["metadata"].get("press") or {}).get("source")) for book in notebooks.values()}
    return Shelf(
        project.root,
        papers,
        notes,
        entries,
        notebooks,
        tuple(page.moved(moved) for page in posts),
        tuple(page.moved(moved) for page in read_pages(project, sources)),
        library.read_library(project) or {},
        library.zotero_links(project),
        library.zotero_statuses(project),
        str(project.config.get("website.repo-url") or "").rstrip("/"),
        lambda name: selection.is_rendered(project.config, name),
        {paper.citekey: paper for paper in papers},
    )


def _read_notes(path: Path, citekey: str, root: Path, claims: dict, folder: Path) -> Notes:
    expanded = read_expanded(path, root)
    check_fences(expanded)
    expanded = resolve(expanded, claims)
    parsed, taken = front_matter(expanded)
    if not parsed.data.get("title"):
        raise PressError(Problem(*expanded.origin(1), "front matter lacks 'title'. Add a line title: ..."))
    title = str(parsed.data["title"])
    body = "\n".join(expanded.text.split("\n")[taken:])
    return Notes(title, expanded, taken + 1, mentions.read_notes(citekey, title, body, folder))


def check_math(papers: tuple[Paper, ...]) -> list[Problem]:
    """LaTeX that would end its formula before its time."""
    problems = []
    for paper in papers:
        for index, equation in enumerate(paper.equations):
            if wrong := unsafe_math(equation.latex):
                line = paper.lines.get(("equations", str(index), "latex"), 1)
                problems.append(Problem(paper.file, line, f"equation {equation.number}: latex {wrong}"))
        for symbol, ours in paper.symbols.items():
            for latex in (symbol, ours):
                if wrong := unsafe_math(latex, inline=True) or ("it is empty" if not latex.strip() else ""):
                    line = paper.lines.get(("symbols", symbol), paper.lines.get(("symbols",), 1))
                    problems.append(Problem(paper.file, line, f"symbols: {json.dumps(symbol)}: {wrong}"))
    return problems


def unsafe_math(latex: str, *, inline: bool = False) -> str:
    """Why this LaTeX would end its formula early, in words; "" if it would not."""
    if ("$" if inline else "$$") in latex:
        return f"{latex!r} contains {'$' if inline else '$$'}, which would end the formula. Leave it out"
    if len(re.findall(r"\\*$", latex.strip())[0]) % 2:
        return f"{latex!r} ends with a backslash. Leave it out"
    return ""
