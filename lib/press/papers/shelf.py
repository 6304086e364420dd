"""Everything that the pages of papers are made of, read once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from press.claims import Entry, ledger
from press.errors import PressError, Problem
from press.papers import library, mentions
from press.papers.functions import check_functions
from press.papers.markup import plain_title, unsafe_math
from press.papers.prose import resolve
from press.papers.schema import Paper, read_papers
from press.project import Project
from press.source import Expanded, check_fences, front_matter, read_expanded


@dataclass(frozen=True)
class Notes:
    """An author's notes on a paper.

    Args:
        title: as the front matter has it; Markdown.
        expanded: the notes' text, claims resolved, front matter included.
        first: 1-based line on which the body begins.
    """

    title: str
    expanded: Expanded
    first: int


@dataclass(frozen=True)
class Shelf:
    """All papers, and what else the project says of them.

    Args:
        notes: citekey -> the author's notes.
        entries: the ledger.
        posts: what posts cite and where.
        cited_by_notes: citekey -> citekeys of the papers whose notes cite it.
        library: citekey -> the bibliography's entry.
        zotero: citekey -> its address in Zotero.
        repository: address of the repository; "" where the configuration has none.
    """

    root: Path
    papers: tuple[Paper, ...]
    notes: dict[str, Notes]
    entries: list[Entry]
    posts: tuple[mentions.Page, ...]
    cited_by_notes: dict[str, list[str]]
    library: dict[str, library.Entry]
    zotero: dict[str, str]
    repository: str
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
        """ "re-tested" when a post has measured one of its claims, else "reading"."""
        return "re-tested" if any(entry.measured for entry in self.claims_of(citekey)) else "reading"

    def address(self, file: str, lines: tuple[int, int] | None = None) -> str:
        """A file on the repository; "" where the configuration has none."""
        at = f"#L{lines[0]}-L{lines[1]}" if lines else ""
        return f"{self.repository}/blob/HEAD/{file}{at}" if self.repository else ""


def read_shelf(project: Project, papers: tuple[Paper, ...] | None = None) -> Shelf:
    """Read it all.

    Raises:
        PressError: a bad paper.toml or notes, a function or test that is gone, a formula that would spoil its page.
    """
    papers = read_papers(project.root) if papers is None else papers
    problems = check_functions(project.root, papers) + check_math(papers)
    entries = ledger(project, papers)
    notes: dict[str, Notes] = {}
    cited: dict[str, list[str]] = {}
    claims = {claim.id: claim for paper in papers for claim in paper.claims}
    for paper in papers:
        path = (project.root / paper.file).with_name("paper.qmd")
        if not path.is_file():
            continue
        try:
            notes[paper.citekey] = _read_notes(path, project.root, claims)
        except PressError as error:
            problems += error.problems
            continue
        page = mentions.read_notes(paper.citekey, notes[paper.citekey].expanded.text, project.work / "facts")
        for key in {key for key, _ in page.cited} - {paper.citekey}:
            cited.setdefault(key, []).append(paper.citekey)
    if problems:
        raise PressError(problems)
    return Shelf(
        project.root,
        papers,
        notes,
        entries,
        mentions.read_posts_pages(project),
        cited,
        library.read_library(project) or {},
        library.zotero_links(project),
        str((project.config.get("website") or {}).get("repo-url") or "").rstrip("/"),
        {paper.citekey: paper for paper in papers},
    )


def _read_notes(path: Path, root: Path, claims: dict) -> Notes:
    expanded = read_expanded(path, root)
    check_fences(expanded)
    expanded = resolve(expanded, claims)
    meta, taken = front_matter(expanded)
    if not meta.get("title"):
        raise PressError(Problem(*expanded.origin(1), "front matter lacks 'title'. Add a line title: ..."))
    return Notes(str(meta["title"]), expanded, taken + 1)


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
