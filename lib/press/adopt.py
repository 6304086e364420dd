"""`press init` in a project that is there already: what `press build` would make of it. Changes nothing.

What is remembered on the way is kept in a temporary folder, so that not even `.press/` appears.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from press.core.errors import PressError, Problem, collected
from press.core.fences import fenced_lines
from press.core.manifest import Manifest
from press.core.project import Project, open_project
from press.core.selection import site_inputs
from press.core.source import is_generated, read_text, relative
from press.core.strictness import sift
from press.drawing import choose_renderer
from press.posts.blocks import CELL
from press.posts.notebookfile import language_of, read_notebook
from press.preflight import check_first, not_ours, planned

SHOWN = 10  # of each kind; the rest is counted


@dataclass(frozen=True)
class Found:
    """What there is.

    Args:
        runs: posts with Python cells that the press runs; idle: those that say `execute: enabled: false`.
        stored: notebooks that are published with the outputs stored in them.
        frozen: pages that are published with the results that Quarto froze.
        others: page -> languages of its cells that the press does not run.
        plain: how many other pages there are.
        papers, claims: how many papers have a paper.toml, and what these claim.
        stops: what stops a build; warns: what is only reported.
        renderer: "quarto" or "pandoc".
        ignored: whether .gitignore names `.press/`.
    """

    runs: list[str]
    idle: list[str]
    stored: list[str]
    frozen: list[str]
    others: dict[str, list[str]]
    plain: int
    papers: int
    claims: int
    stops: list[Problem]
    warns: list[Problem]
    renderer: str
    ignored: bool


@dataclass(frozen=True)
class _Aside(Project):
    """The same project, with what the press remembers of it in another folder."""

    aside: Path

    @property
    def work(self) -> Path:
        return self.aside


def look(root: Path, profile: str = "") -> Found:
    """Read a project as a build does before anything runs.

    Raises:
        PressError: its configuration cannot be read.
    """
    project = open_project(root, profile)
    renderer = choose_renderer("auto")
    with tempfile.TemporaryDirectory(prefix="press-") as folder:
        aside = _Aside(project.root, project.config, Path(folder))
        plan, papers = planned(aside, [], {})
        problems = check_first(aside, plan, renderer, os.cpu_count() or 1)
        problems += not_ours(project, Manifest(project), plan, papers)
    posts = [step.post for step in plan.steps] + plan.unsound
    stored = sorted(source.page for source in plan.stored)
    frozen = sorted(source.page for source in plan.frozen)
    others: dict[str, list[str]] = {}
    pages: list[Path] = []
    with collected(problems):
        pages = [path for path in site_inputs(project.config) if not is_generated(path)]
    for path in pages:
        try:
            languages = _languages(path, project.root) - {"python"}
        except PressError:
            continue  # among the problems
        if languages:
            others[relative(path, project.root)] = sorted(languages)
    told = {*stored, *frozen, *others, *(post.page for post in posts)}
    plain = sum(relative(path, project.root) not in told for path in pages)
    runs, idle = (sorted(post.file for post in posts if post.runs is state) for state in (True, False))
    counts = plain, len(papers), sum(len(paper.claims) for paper in papers)
    stops, warns = sift(problems, project.settings)
    ignored = ".press" in _text(project.root / ".gitignore")
    return Found(runs, idle, stored, frozen, others, *counts, stops, warns, renderer, ignored)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _languages(path: Path, root: Path) -> set[str]:
    """The languages of a page's cells."""
    if path.suffix == ".ipynb":
        return {language_of(read_notebook(path, root))}
    infos = (info for _, kind, info in fenced_lines(read_text(path, root).split("\n")) if kind == "open")
    return {match[1] for info in infos if (match := CELL.match(info))}


def tell(found: Found) -> list[str]:
    """What `press init` prints."""
    lines = ["found _quarto.yml: nothing was changed. What press build makes of this project:", ""]
    if found.runs:
        lines += _list("with Python cells, which it runs:", found.runs)
    if found.stored:
        lines += _list("published with their stored outputs:", found.stored)
    if found.frozen:
        lines += _list("published with the results in _freeze/, as long as these match their source:", found.frozen)
    if found.idle:
        lines += _list("not run, because of `execute: enabled: false`:", found.idle)
    if found.others:
        named = [f"{page} ({', '.join(languages)})" for page, languages in found.others.items()]
        who = "Quarto's affair" if found.renderer == "quarto" else "shown, but not run, by the embedded renderer"
        lines += _list(f"with cells in other languages, {who}:", named)
    lines.append(f"{_count(found.plain, 'page')} without cells")
    if found.papers:
        lines.append(f"{_count(found.papers, 'paper')} in papers/, with {_count(found.claims, 'claim')}")
    lines.append("")
    if found.stops:
        lines += [f"{_count(len(found.stops), 'problem')} would stop the build:", *_first(found.stops)]
    else:
        lines.append("Nothing known now would stop the build.")
    if found.warns:
        lines += [f"{_count(len(found.warns), 'warning')}, which would not stop it:", *_first(found.warns)]
    return [*lines, "", *_more(found)]


def _more(found: Found) -> list[str]:
    """What an author may write, and why."""
    lines = ["Next: press build, or press preview. If you want more:"]
    if not found.ignored:
        lines.append("  /.press/ in .gitignore: the press's own files should not be committed")
    lines.append("  `press: checks: strict` in _quarto.yml: each warning stops the build")
    if found.stored:
        lines.append("  `execute: enabled: true` in a notebook's front matter, its first cell: the press runs it")
    if not found.papers:
        lines.append("  papers/<citekey>/paper.toml: what a paper claims, beside what a post measures")
        lines.append("    (press init DIR writes a blog with an example)")
    return lines


def _list(what: str, names: Iterable[object]) -> list[str]:
    names = list(names)
    return [f"{_count(len(names), 'page')} {what}", *_first(names)]


def _first(lines: Sequence[object]) -> list[str]:
    rest = [f"  ... and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return [*(f"  {line}" for line in lines[:SHOWN]), *rest]


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"
