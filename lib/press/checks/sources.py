"""`press check`: what is wrong with the pages, before they are published.

Here the sources are looked at: labels, references, citations, alt text. `links.py` looks at the HTML of the finished
site. Both work the same whichever renderer made the site.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from press.checks.facts import Facts, Piece, page_facts
from press.checks.leads import broken_links
from press.core import bib
from press.core.celloptions import read_options
from press.core.errors import Problem, collected, fail
from press.core.merging import as_list
from press.core.project import Project
from press.core.source import CAME_FROM, Expanded, page_start, read_expanded, relative
from press.core.strictness import any_stops
from press.core.yamlfile import Map
from press.papers.claimscheck import check_claims
from press.papers.library import read_library
from press.papers.schema import Paper
from press.papers.unsure import check_numbers
from press.posts.made import is_made
from press.posts.notebookfile import read_notebook, text_of
from press.posts.prose import claim_line


def check_sources(
    project: Project,
    papers: Sequence[Paper],
    pages: list[Path],
    notebooks: dict[Path, dict[str, Any]] | None = None,
    posts: dict[str, dict[str, Any]] | None = None,
) -> list[Problem]:
    """Problems in the pages' sources, in the numbers of equations, and between what posts measured and papers' files.

    Args:
        pages: what `render:` selects: executed notebooks and .qmd pages.
        notebooks: page -> what to look at instead of the notebook there.
        posts: slug -> the notebook of each executed post; None to read what lies in their places.
    """
    known = bibliography_keys(project)
    problems = check_pages(project, pages, notebooks or {}, known) + check_claims(project, papers, known, posts)
    return problems + check_numbers(project.root, papers)


def told_by_renderer(project: Project, renderer: str) -> bool:
    """Whether what is wrong with texts may be left to the rendering: the embedded renderer finds the same, later."""
    return renderer == "pandoc" and not any_stops(("references", "alt-text"), project.settings)


def check_pages(
    project: Project,
    pages: list[Path],
    notebooks: dict[Path, dict[str, Any]],
    known: dict[str, str] | None,
    inputs: Collection[str] = (),
    texts: bool = True,
) -> list[Problem]:
    """Problems in the pages' sources alone; a notebook need not have run.

    Args:
        notebooks: page -> what to look at instead of the notebook there.
        known: the bibliography's keys; None if the project has no bibliography.
        inputs: every input of the site, to judge links as well; those that the build will generate among them.
        texts: whether to read the texts too, which takes Pandoc.
    """
    problems: list[Problem] = []
    for page in pages:
        with collected(problems):
            if page.suffix == ".ipynb" or page in notebooks:
                meta, facts = notebook_facts(page, project, notebooks.get(page), texts)
            else:
                meta, facts = qmd_facts(page, project, problems, texts)
            problems += _judge(facts, _with_own(known, meta, page, project))
            if inputs:
                problems += broken_links(facts.links, relative(page, project.root), inputs, project.config)
    return problems


def _with_own(known: dict[str, str] | None, meta: Map, page: Path, project: Project) -> dict[str, str] | None:
    """The site's keys and those of the page's own bibliographies; None where there are none at all."""
    site = {"/" + name.lstrip("/") for name in map(str, as_list(project.config.get("bibliography")))}
    own = [str(name) for name in as_list(meta.get("bibliography")) if name not in site]
    paths = [project.root / name.lstrip("/") if name.startswith("/") else page.parent / name for name in own]
    if not paths:
        return known
    found = bib.entries(bib.read([path for path in paths if path.is_file()]))[0]
    return (known or {}) | dict.fromkeys(found, "")


def _judge(facts: Facts, known: dict[str, str] | None) -> list[Problem]:
    problems = []
    labels: dict[str, tuple[str, int]] = {}
    for name, file, line in facts.labels:
        if name in labels:
            there = ":".join(map(str, labels[name]))
            problems.append(Problem(file, line, f"duplicate label {name!r}, already at {there}", check="references"))
        labels.setdefault(name, (file, line))
    for name, file, line in facts.references:
        if name not in labels:
            kind = name.partition("-")[0]
            legal = ", ".join(sorted(label for label in labels if label.startswith(kind + "-"))) or "none on this page"
            problems.append(Problem(file, line, f"unknown label @{name}. Legal: {legal}", check="references"))
    for name, file, line in facts.citations:
        if known is not None and name not in known:
            problems.append(Problem(file, line, bib.unknown(name, known), check="references"))
    for name, file, line in facts.without_alt:
        message = f"{name} has no alt text. Add #| fig-alt: ... or ![alt text](...)"
        problems.append(Problem(file, line, message, check="alt-text"))
    problems += [Problem(file, line, message, check="references") for message, file, line in facts.notes]
    return problems


def bibliography_keys(project: Project) -> dict[str, str] | None:
    """Citation keys and titles of the project's bibliography, as Pandoc reads it; None when it has none.

    Raises:
        PressError: the file is missing or Pandoc cannot read it.
    """
    entries = read_library(project)
    if entries is None:
        return None
    return {key: entry.get("title", "") for key, entry in entries.items()}


def notebook_facts(
    path: Path, project: Project, notebook: dict[str, Any] | None = None, texts: bool = True
) -> tuple[Map, Facts]:
    """Metadata and facts of a notebook, read from its path if not given; places are those of its post.qmd."""
    notebook = read_notebook(path, project.root) if notebook is None else notebook
    file = relative(path, project.root)
    markdown, cells, own = [], [], Map()
    for index, cell in enumerate(notebook["cells"]):
        source = text_of(cell["source"])
        if index == 0:
            own = page_start(source.split("\n"), lambda line: (file, line))[0].data
        place = (cell.get("metadata") or {}).get("press", {"file": file, "line": 0})
        if cell["cell_type"] == "markdown" and not is_made(cell):
            markdown.append(Piece(source, place["file"], place["line"]))
        elif cell["cell_type"] == "code":
            types = sorted({kind for output in cell.get("outputs") or () for kind in _main_type(output)})
            options = read_options(source, place["file"], place["line"]).data
            cells.append({"options": options, **place, "types": types})
    meta = project.config.meta(own, relative(path.parent, project.root))
    return meta, page_facts(markdown, cells, project.work / "facts", texts)


def _main_type(output: dict[str, Any]) -> list[str]:
    """The types that count as a figure: an image beside HTML is only its still, and carries its own alt text."""
    data = output.get("data", {})
    return [] if "text/html" in data else list(data)


def qmd_facts(path: Path, project: Project, problems: list[Problem], texts: bool = True) -> tuple[Map, Facts]:
    """Metadata and facts of a plain page; that it lacks a title is added to the problems."""
    expanded = read_expanded(path, project.root, problems)
    parsed, taken = page_start(expanded.text.split("\n"), expanded.origin)
    meta = project.config.meta(parsed.data, relative(path.parent, project.root))
    if not meta.get("title"):
        message = "front matter lacks 'title'. Add a line title: ..."
        line = expanded.origin(1)[1] if expanded.text else 0
        problems.append(Problem(relative(path, project.root), line, message, check="metadata"))
    if at := claim_line(expanded.text):
        message = "{{< claim >}} is resolved in posts/*/post.qmd only; Quarto reads this page as it is. Link to a post"
        raise fail(*expanded.origin(at), message)
    return meta, page_facts(_pieces(expanded, taken), [], project.work / "facts", texts)


def _pieces(expanded: Expanded, taken: int) -> list[Piece]:
    """The text below the front matter, parted where a generated page says that other lines of a file follow."""
    lines = expanded.text.split("\n")
    starts = [taken, *(i + 1 for i in range(taken, len(lines)) if CAME_FROM.match(lines[i]))]
    ends = [*(start - 1 for start in starts[1:]), len(lines)]
    pairs = zip(starts, ends, strict=True)
    return [Piece("\n".join(lines[a:b]), *expanded.origin(a + 1)) for a, b in pairs]
