"""What becomes of a post on its way from source to page: every pass, in order, one line each.

source -> cells      posts/notebook.py, with what its prose quotes of claims put in by posts/prose.py
cells -> run         posts/run.py, only where the key has changed
run -> page          the passes below, on every build and without a run; each returns a new notebook
page -> site         renderer/, or Quarto
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from press.core.errors import PressError, Problem
from press.core.project import Project
from press.pages.backlinks import with_backlinks
from press.pages.driftpage import with_drift
from press.pages.publish import make
from press.papers.boxes import with_boxes
from press.papers.driftfile import read_drift
from press.papers.schema import Paper
from press.posts.collection import read_notebooks
from press.posts.download import with_links
from press.posts.failure import Failure, failed_notebook
from press.posts.made import with_origin, with_provenance
from press.posts.notebook import with_outputs
from press.posts.plan import Plan
from press.posts.way import read_path, with_path
from press.renderer.leading import with_leading_picture


@dataclass(frozen=True)
class Published:
    """What is made of all that was read and run; nothing of it is written yet.

    Args:
        notebooks: slug -> a post's notebook; without what links to it where there are problems.
        pages: path relative to the root -> text of a generated page; empty where there are problems.
        problems: what is wrong with measurements, papers, notes, functions or tests.
    """

    notebooks: dict[str, dict[str, Any]]
    pages: dict[str, str]
    problems: list[Problem]


def publish(project: Project, papers: tuple[Paper, ...], plan: Plan, keep_going: bool = False) -> Published:
    """Put the executed posts through all passes, and make the pages that the press generates.

    A post whose results a pass refuses is entered in `plan.failures`.

    Args:
        plan: every step of it has run; posts that are not in it take part with the notebooks that lie in their places.
        keep_going: a page that says where and why takes the place of each post that failed.
    """
    notebooks: dict[str, dict[str, Any]] = {}
    sound: dict[str, dict[str, Any]] = {}
    drift = read_drift(project.root)
    for step in (step for step in plan.steps if step.post.slug not in plan.failures):
        post, ran = step.post, plan.executed[step.post.slug]
        notebook = with_outputs(post, ran)  # outputs of the run; prose, captions and options as they are now
        if not post.runs:
            notebooks[post.slug] = sound[post.slug] = notebook
            continue
        notebook = with_leading_picture(notebook, post.meta)  # the figure that stands for it in listings
        try:
            notebook = with_boxes(notebook, papers)  # claims in the words of the present paper.toml
            notebook = with_provenance(notebook, post, ran)  # how each figure and claim was made
            notebook = with_origin(notebook, post, ran)  # of results from a cache: where they were executed
            notebook = with_drift(notebook, post.slug, step.base.parts, drift)  # whether newer packages break it
            if post.page != post.file:  # of a post.qmd
                notebook = with_links(notebook, post.slug, project.config)  # where to download it, and Colab
            sound[post.slug] = notebook
        except PressError as error:
            plan.failures[post.slug] = Failure(post, step.key.parts, tuple(error.problems))
        notebooks[post.slug] = notebook
    if keep_going:
        claims = [claim.id for paper in papers for claim in paper.claims]
        notebooks |= {slug: failed_notebook(failure, claims) for slug, failure in plan.failures.items()}
        sound = notebooks
    problems = set() if keep_going else set(plan.failed)
    try:
        notebooks = read_notebooks(project, {source.slug: book for source, book in plan.stored.items()} | notebooks)
        notebooks = with_path(notebooks, read_path(project.config)[0], project.config)  # what to read before, and next
        made = make(project, papers, notebooks)
    except PressError as error:
        problems |= set(error.problems)
    if problems:
        return Published(sound, {}, sorted(problems))
    notebooks = {  # what links to it; nothing is written to a notebook of an author's
        slug: with_backlinks(book, made.ends.get(slug, "")) if "source" in book["metadata"]["press"] else book
        for slug, book in notebooks.items()
    }
    return Published(notebooks, made.pages, [])
