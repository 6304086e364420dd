"""The full build: execute what is stale, render, check, and put the site in its place in one step.

Nothing below `_site` is touched before everything else has succeeded; then one exchange of folders publishes it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from press import drawing
from press.checks.leaks import scan_site
from press.checks.links import check_site, without_twins
from press.checks.sources import check_sources, told_by_renderer
from press.core import sitefolder
from press.core.errors import PressError, Problem
from press.core.manifest import Manifest, at_work
from press.core.project import Project
from press.core.selection import site_inputs
from press.core.strictness import sift, stop_at
from press.pages.publish import stale_pages, write_pages
from press.papers.schema import Paper
from press.passes import publish
from press.posts.installed import outside
from press.posts.plan import Plan
from press.posts.post import KEPT, page_of, place_of
from press.posts.run import execute, place, remove_orphans, remove_outdated
from press.posts.stored import stale
from press.preflight import check_first, not_ours, planned
from press.shared.taking import take

KEEP_GOING = "press build --keep-going publishes what ran, with a page for each post that failed"


@dataclass
class Report:
    """What a build did: slugs executed and taken from a cache, pages rendered, whether the site changed, what to tell.

    Args:
        elsewhere: slug -> what is wrong with a post that was not to run.
        notes: what was left alone, and why.
        failed: slugs of posts that failed and did not stop the build; problems: what went wrong in them.
        warnings: what is wrong and, by `press: checks:`, does not stop the build.
        outside: files and folders with code outside the project that posts import.
    """

    executed: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    rendered: list[str] = field(default_factory=list)
    pages: int = 0
    changed: bool = False
    renderer: str = ""
    elsewhere: dict[str, list[Problem]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


def run_posts(
    project: Project,
    slugs: list[str],
    given: dict[str, Any],
    *,
    jobs: int,
    dask: str | None,
    force: bool,
    progress: Any,
    cache_from: str = "",
) -> Report:
    """Execute stale posts, or take from a cache, place their notebooks and write the generated pages; render nothing.

    Raises:
        PressError: bad input, or posts that failed; what succeeded is in the cache all the same.
    """
    sitefolder.check_place(project)
    with at_work(project) as manifest:
        plan, papers = planned(project, slugs, given, force)
        if plan.problems:
            raise PressError(plan.problems)
        remove_outdated(plan, manifest)
        return _run(project, manifest, plan, papers, jobs=jobs, dask=dask, progress=progress, cache_from=cache_from)[0]


def _run(
    project: Project, manifest: Manifest, plan: Plan, papers, *, jobs, dask, progress, cache_from, keep_going=False
) -> tuple[Report, dict[str, Path], dict[str, dict[str, Any]]]:
    """Execute, and put what ran in its place.

    Returns:
        What was done; page -> executed notebook of the pages that have it elsewhere than in their own place; and slug
        -> notebook of each post.
    """
    if problems := not_ours(project, manifest, plan, papers):
        raise PressError(problems)
    take(plan, project, papers, cache_from, progress.said)
    progress.planned([step.post.slug for step in plan.stale], len(plan.steps))
    executed = execute(plan, project, jobs=jobs, dask=dask, progress=progress)
    if plan.failures and not keep_going:
        raise PressError(plan.failed, KEEP_GOING)
    done = publish(project, papers, plan, keep_going)
    place(done.notebooks, manifest)  # what ran can be read, whatever else is wrong
    if done.problems:
        raise PressError([*done.problems, *plan.failed] if keep_going else done.problems)
    _, left = write_pages(done.pages, manifest)
    if plan.whole:
        plan.cache.sweep(plan.entered.union(*({step.base.digest, step.key.digest} for step in plan.steps)))
    about = {"elsewhere": plan.elsewhere, "taken": plan.taken, "notes": [*plan.notes, *map(_stays, left)]}
    names = {part.partition(" ")[2] for step in plan.steps for part in step.base.parts if part.startswith("package ")}
    about["outside"] = sorted(map(str, outside(names, project.root).values()))
    report = Report(executed=executed, failed=sorted(plan.failures), problems=plan.failed, **about)
    books = {page: project.root / place for page, place in elsewhere(done.notebooks).items()}
    return report, books | {source.page: results for source, results in plan.frozen.items()}, done.notebooks


def elsewhere(notebooks: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Page -> place of its executed notebook, both relative to the root, where the page itself is an author's file."""
    pairs = [(page_of(slug, book), place_of(slug, book)) for slug, book in notebooks.items()]
    return {page: place for page, place in pairs if place.startswith(KEPT)}


def _stays(name: str) -> str:
    return f"{name}: its source is gone, but it is not as the press wrote it. It is kept, as a file of yours"


def build(
    project: Project,
    given: dict[str, Any],
    *,
    jobs: int,
    dask: str | None = None,
    force: bool = False,
    force_render: bool = False,
    renderer: str = "auto",
    progress: Any,
    keep_going: bool = False,
    cache_from: str = "",
) -> Report:
    """Execute, render, check, publish.

    Args:
        force: execute and render everything, whatever is up to date.
        force_render: render everything; execute only what is stale.
        keep_going: publish what ran although posts failed, with a page for each of these that says where and why. The
            report has the problems then.
        cache_from: address or folder of a cache; what fits there is taken instead of executed. "" for none.

    Raises:
        PressError: anything else that is wrong; the previous site is then still in place, untouched.
    """
    chosen = drawing.choose_renderer(renderer)
    sitefolder.check_place(project)
    with at_work(project) as manifest:
        sitefolder.recover(project.work / "site-last", project.site)
        if problems := sitefolder.site_problems(project):
            raise PressError(problems)
        left = remove_orphans(project, manifest)
        plan, papers = planned(project, [], given, force)
        left += remove_outdated(plan, manifest)
        warnings = stop_at(check_first(project, plan, chosen, jobs, papers, closely=False), project.settings)
        how = {"jobs": jobs, "progress": progress}
        more = {"dask": dask, "cache_from": cache_from, "keep_going": keep_going}
        report, books, posts = _run(project, manifest, plan, papers, **more, **how)
        report.warnings += warnings
        stale(plan.stored, project, note=True)  # what is new is seen from now on
        report.notes += map(_stays, left)
        report.renderer = chosen
        try:
            _render(project, papers, report, books, posts, force=force or force_render, **how)
        except PressError as error:
            raise PressError([*report.problems, *error.problems]) from None
    report.warnings = sorted(set(report.warnings))
    return report


def _render(
    project: Project,
    papers: tuple[Paper, ...],
    report: Report,
    books: dict[str, Path],
    posts: dict[str, dict[str, Any]],
    *,
    jobs: int,
    force: bool,
    progress: Any,
) -> None:
    """Render, check, and put the site in its place; the report is completed."""
    staging, last = project.work / "site-next", project.work / "site-last"
    pages = site_pages(project)
    report.pages = len(pages)
    now = {project.root / page_of(slug, book): book for slug, book in posts.items()}
    frozen = {project.root / page for page, path in books.items() if path.suffix != ".ipynb"}
    looked_at = [path for path in pages if path not in frozen]
    if told_by_renderer(project, report.renderer):
        looked_at = []  # what else is wrong with sources has been told before
    told = stop_at(check_sources(project, papers, looked_at, now, posts), project.settings)
    report.warnings += told
    begins = report.renderer == "pandoc"
    report.notes += sitefolder.make_ready(staging, usable=begins and not force)
    draw = drawing.with_quarto if report.renderer == "quarto" else drawing.with_pandoc
    rendered, warnings = draw(project, staging, pages, books, jobs=jobs, force=force, progress=progress)
    report.warnings += warnings
    if rendered is None:
        return
    problems = without_twins(check_site(staging, project, targets=report.renderer == "quarto"), told)
    problems += scan_site(staging, project.site) + sitefolder.site_problems(project)
    report.warnings += stop_at(problems, project.settings)
    report.notes += sitefolder.replace_site(staging, project.site, last)
    report.notes += sitefolder.make_ready(staging, usable=begins)
    report.rendered, report.changed = rendered, True


def check(project: Project) -> tuple[list[Problem], list[Problem]]:
    """What is wrong with the sources as they are, and with the site as it was last built. Executes and writes nothing.

    Returns:
        What would stop a build, and what would only be told.
    """
    sitefolder.check_place(project)
    plan, papers = planned(project, [], {})
    wrong = sitefolder.site_problems(project)
    if in_the_way := not_ours(project, Manifest(project), plan, papers):
        return sorted(in_the_way + wrong), []  # what else is said of such files would be of no use
    first, warnings = sift(
        check_first(project, plan, drawing.choose_renderer("auto"), os.cpu_count() or 1, papers), project.settings
    )
    if first:
        return sorted({*wrong, *first}), warnings
    stale = [Problem(s.post.file, 0, f"not up to date ({s.reasons[0]}). Run press build") for s in plan.stale]
    # The outputs as they are, but the words as they are now: prose, labels and quoted numbers change without a run.
    done = publish(project, papers, replace(plan, steps=[step for step in plan.steps if not step.reasons]))
    now = {project.root / page_of(slug, book): book for slug, book in done.notebooks.items()}
    pages = [page for page in site_pages(project) if page.exists()]
    problems = stale + done.problems + check_sources(project, papers, pages, now)
    problems, told = sift(problems, project.settings)
    known = [*problems, *told]
    if not problems:  # the build that mends the sources writes the pages
        problems = stale_pages(project, done.pages, done.notebooks)
    if project.site.is_dir():
        problems += without_twins(check_site(project.site, project), known) + scan_site(project.site)
    errors, more = sift([*wrong, *problems], project.settings)
    return errors, sorted({*warnings, *told, *more})


def site_pages(project: Project) -> list[Path]:
    """The inputs that `render:` selects."""
    return site_inputs(project.config)
