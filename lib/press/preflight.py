"""What is known to be wrong before anything runs: configuration, papers, posts and the other pages, all at once."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from press.checks.sources import bibliography_keys, check_pages, told_by_renderer
from press.core.errors import PressError, Problem, collected
from press.core.manifest import Manifest
from press.core.project import Project
from press.core.selection import is_rendered, site_inputs, twins
from press.core.source import is_generated, relative
from press.core.strictness import CHECKS, any_stops
from press.pages.publish import page_names
from press.papers.driftfile import read_drift
from press.papers.schema import Paper, claims_by_id, read_papers
from press.posts.inline import with_placeholders
from press.posts.plan import Plan, make_plan
from press.posts.stored import stale


def planned(
    project: Project, slugs: list[str], given: dict[str, Any], force: bool = False
) -> tuple[Plan, tuple[Paper, ...]]:
    """Read papers and posts, and find which posts have to run and why; what is wrong with them is in the plan.

    Raises:
        PressError: an unknown slug.
    """
    problems: list[Problem] = []
    papers, claims = (), None
    with collected(problems):
        papers = read_papers(project.root)
        claims = claims_by_id(papers)
    with collected(problems):
        read_drift(project.root)
    plan = make_plan(project, slugs, given, force, claims=claims)
    plan.problems += problems
    return plan, papers


def not_ours(project: Project, manifest: Manifest, plan: Plan, papers: tuple[Paper, ...]) -> list[Problem]:
    """Each place that a build of this plan would write to and in which a file lies that the press did not make."""
    return manifest.problems([*(step.post.place for step in plan.steps), *page_names(project, papers)])


def check_first(
    project: Project, plan: Plan, renderer: str, jobs: int, papers: tuple[Paper, ...] = (), closely: bool = True
) -> list[Problem]:
    """What is wrong with all that a build will read, as far as it can be judged before the posts run.

    Args:
        plan: of all posts.
        papers: whose pages will be generated.
        renderer: "quarto" or "pandoc"; only the second refuses what it does not know. Where no post has to run, or none
            of that would stop the build, what it refuses in pages is left to the rendering itself.
        closely: look all the same, as nothing will be rendered.
    """
    problems = [*plan.problems, *plan.warnings, *stale(plan.stored, project)]
    with collected(problems):
        problems += twins(project.config)
    pages, posts = _sources(project, plan, problems)
    known = None
    with collected(problems):
        known = bibliography_keys(project)
    inputs = _inputs(project, pages, papers) if closely or plan.stale else ()
    texts = closely or not told_by_renderer(project, renderer)
    read = posts | {source.path: book for source, book in plan.stored.items()}
    problems += check_pages(project, pages, read, known, inputs, texts)
    if renderer == "pandoc" and (closely or plan.stale or plan.problems):
        from press.renderer.early import refused_early

        look = closely or any_stops(CHECKS, project.settings)
        problems += refused_early(project.config, pages, posts, project.work / "facts", jobs, look)
    return sorted(set(problems))


def _inputs(project: Project, pages: list[Path], papers: tuple[Paper, ...]) -> set[str]:
    """Every input of the site, relative to the root, those that the build will make among them."""
    inputs: set[Path] = set(pages)
    with contextlib.suppress(PressError):  # told already
        inputs.update(site_inputs(project.config))
    return {path.relative_to(project.root).as_posix() for path in inputs} | set(page_names(project, papers))


def _sources(project: Project, plan: Plan, problems: list[Problem]) -> tuple[list[Path], dict[Path, dict[str, Any]]]:
    """The pages that people write, and page -> notebook, not run, of the posts among them."""
    found = [step.post for step in plan.steps] + plan.unsound
    posts = {project.root / post.page: with_placeholders(post) for post in found}
    posts = {path: book for path, book in posts.items() if is_rendered(project.config, relative(path, project.root))}
    pages: list[Path] = []
    with collected(problems):
        inputs = site_inputs(project.config)
        own = {project.root / post.page for post in found}
        own |= {source.path for source in plan.frozen}  # what they show is not what their sources say
        pages = [path for path in inputs if path not in own and not is_generated(path)]
    return sorted([*pages, *posts]), posts
