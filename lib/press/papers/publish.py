"""Write the generated pages of papers: only what has changed, each in one step; and remove what has no source left."""

from __future__ import annotations

import contextlib
from pathlib import Path

from press.errors import Problem, fail
from press.files import write_if_changed
from press.papers.indexes import claims_index, equations_index, glossary, papers_index
from press.papers.markup import is_generated
from press.papers.pages import paper_page
from press.papers.schema import Paper, read_papers
from press.papers.shelf import read_shelf
from press.project import Project
from press.source import relative

INDEXES = {
    "papers/index.qmd": papers_index,
    "claims.qmd": claims_index,
    "equations.qmd": equations_index,
    "glossary.qmd": glossary,
}


def make_pages(project: Project, papers: tuple[Paper, ...] | None = None) -> dict[str, str]:
    """Every generated page: its path relative to the root -> its text. Writes nothing; without papers there are none.

    Raises:
        PressError: what is wrong with papers, notes, functions, tests or measurements.
    """
    papers = read_papers(project.root) if papers is None else papers
    if not papers:
        return {}
    shelf = read_shelf(project, papers)
    pages = {f"papers/{paper.citekey}/index.qmd": paper_page(paper, shelf) for paper in papers}
    has_notation = (project.root / "NOTATION.md").is_file()
    return pages | {name: make(shelf) for name, make in INDEXES.items() if make is not glossary or has_notation}


def write_pages(project: Project, papers: tuple[Paper, ...] | None = None) -> list[str]:
    """Write what has changed and remove what is left over; returns the paths of both.

    Raises:
        PressError: as `make_pages`; or a page of an author's stands where one is to be generated.
    """
    pages = make_pages(project, papers)
    for name in pages:
        if (project.root / name).exists() and not is_generated(project.root / name):
            raise fail(name, 0, "the press generates this page, and did not write this file. Rename or remove it")
    changed = [name for name, text in pages.items() if write_if_changed(project.root / name, text.encode())]
    for path in generated(project.root):
        if relative(path, project.root) not in pages:
            path.unlink()
            changed.append(relative(path, project.root))
            with contextlib.suppress(OSError):
                path.parent.rmdir()
    return changed


def generated(root: Path) -> list[Path]:
    """The generated pages that lie in the project."""
    paths = [*sorted(root.glob("papers/*/index.qmd")), *(root / name for name in INDEXES)]
    return [path for path in paths if is_generated(path)]


def stale_pages(project: Project) -> list[Problem]:
    """Generated pages that are not what they would be now; for `press check`, which writes nothing.

    Raises:
        PressError: as `make_pages`.
    """
    pages = make_pages(project)
    found = {relative(path, project.root): path.read_text(encoding="utf-8") for path in generated(project.root)}
    names = [name for name in sorted({*pages, *found}) if pages.get(name) != found.get(name)]
    return [Problem(name, 0, "not up to date. Run press build") for name in names]
