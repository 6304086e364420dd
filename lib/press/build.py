"""The whole way: execute what is stale, render, check, and put the site in its place in one step.

Nothing below `_site` is touched before everything else has succeeded; then one exchange of folders publishes it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from press.checks import check_sources
from press.closure import file_hash
from press.errors import PressError, Problem, fail
from press.files import locked, recover, swap_folders
from press.links import check_site
from press.papers.publish import generated, make, stale_pages, write_pages
from press.project import Project
from press.run import execute, failed_notebooks, joined, make_plan, place, remove_orphans
from press.secrets import secrets_in
from press.source import relative

MARK = ".press-mark"  # in a site that Quarto made: the fingerprint of what it was made from
KEEP_GOING = "press build --keep-going publishes what ran, with a page for each post that failed"
NOT_PAGES = ("lib", "tests", "benchmarks", "scripts", "models", "runs", "build", "node_modules")


@dataclass
class Report:
    """What a build did: slugs executed, pages rendered, whether the site changed; what failed and did not stop it."""

    executed: list[str] = field(default_factory=list)
    rendered: list[str] = field(default_factory=list)
    pages: int = 0
    changed: bool = False
    renderer: str = ""
    failed: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def choose_renderer(wanted: str) -> str:
    """`quarto` where it is installed, else `pandoc`, unless one of them is asked for.

    Raises:
        PressError: Quarto is asked for and not on PATH.
    """
    found = shutil.which("quarto")
    if wanted == "quarto" and not found:
        raise fail("", 0, "--renderer quarto: no quarto on PATH. Install it, or use --renderer pandoc")
    return ("quarto" if found else "pandoc") if wanted == "auto" else wanted


def run_posts(
    project: Project,
    slugs: list[str],
    given: dict[str, Any],
    *,
    jobs: int,
    dask: str | None,
    force: bool,
    progress: Any,
) -> Report:
    """Execute stale posts, place their notebooks and write the generated pages, without rendering.

    Raises:
        PressError: bad input, or posts that failed; what succeeded is in the cache all the same.
    """
    with locked(project.work / "lock"):
        return _run(project, slugs, given, jobs=jobs, dask=dask, force=force, progress=progress)


def _run(project: Project, slugs, given, *, jobs, dask, force, progress, keep_going=False) -> Report:
    plan = make_plan(project, slugs, given, force)
    progress.planned([step.post.slug for step in plan.stale], len(plan.steps))
    executed = execute(plan, project, jobs=jobs, dask=dask, progress=progress)
    if plan.failures and not keep_going:
        raise PressError(plan.problems, KEEP_GOING)
    notebooks = joined(plan, project)
    if keep_going:
        notebooks |= failed_notebooks(plan)
    made, problems = None, plan.problems
    try:
        made = make(project, plan.papers, notebooks) if keep_going or not problems else None
    except PressError as error:
        problems += error.problems
    place(made.notebooks if made else notebooks, project)  # what ran can be read, whatever else is wrong
    if made is None:
        raise PressError(problems)
    write_pages(project, made.pages)
    plan.cache.sweep({step.key.digest for step in plan.steps})
    return Report(executed=executed, failed=sorted(plan.failures), problems=problems)


def build(
    project: Project,
    given: dict[str, Any],
    *,
    jobs: int,
    dask: str | None = None,
    force: bool = False,
    renderer: str = "auto",
    progress: Any,
    keep_going: bool = False,
) -> Report:
    """Execute, render, check, publish.

    Args:
        keep_going: publish what ran although posts failed, with a page for each of these that says where and why. The
            report has the problems then.

    Raises:
        PressError: anything else that is wrong; the previous site is then still in place, untouched.
    """
    chosen = choose_renderer(renderer)
    with locked(project.work / "lock"):
        staging = project.work / "site-next"
        recover(staging, project.site)
        remove_orphans(project)
        report = _run(project, [], given, jobs=jobs, dask=dask, force=force, progress=progress, keep_going=keep_going)
        report.renderer = chosen
        try:
            _publish(project, staging, report, jobs=jobs, force=force, progress=progress)
        except PressError as error:
            raise PressError([*report.problems, *error.problems]) from None
    return report


def _publish(project: Project, staging: Path, report: Report, *, jobs: int, force: bool, progress: Any) -> None:
    """Render, check, and put the site in its place; the report is completed."""
    pages = site_pages(project)
    report.pages = len(pages)
    problems = check_sources(project, pages)
    if problems:
        raise PressError(problems)
    shutil.rmtree(staging, ignore_errors=True)
    draw = _with_quarto if report.renderer == "quarto" else _with_pandoc
    rendered = draw(project, staging, pages, jobs=jobs, force=force, progress=progress)
    if rendered is None:
        return
    problems = check_site(staging, project.root, project.work / "facts") + scan_site(staging)
    if problems:
        raise PressError(problems)
    swap_folders(staging, project.site)
    report.rendered, report.changed = rendered, True


def check(project: Project) -> list[Problem]:
    """Every problem of the sources as they are, and of the site as it was last built. Executes and writes nothing."""
    plan = make_plan(project, [], {})
    stale = [Problem(s.post.file, 0, f"not up to date ({s.reasons[0]}). Run press build") for s in plan.stale]
    # The outputs as they are, but the words as they are now: prose, labels and quoted numbers change without a run.
    ready = replace(plan, steps=[step for step in plan.steps if not step.reasons])
    notebooks = joined(ready, project)
    now = {project.root / "posts" / slug / "index.ipynb": book for slug, book in notebooks.items()}
    problems = (
        stale + ready.problems + check_sources(project, [page for page in site_pages(project) if page.exists()], now)
    )
    try:
        outdated = stale_pages(project, notebooks)
        problems = problems or outdated  # the build that mends the sources writes them
    except PressError as error:
        problems += error.problems
    if project.site.is_dir():
        problems += check_site(project.site, project.root, project.work / "facts") + scan_site(project.site)
    return sorted(set(problems))


def site_pages(project: Project) -> list[Path]:
    """The inputs that `render:` selects."""
    from press.site import site_inputs

    return site_inputs(project.root, project.profile)


def _with_pandoc(
    project: Project, out: Path, pages: list[Path], *, jobs: int, force: bool, progress: Any
) -> list[str] | None:
    """Fill `out` by the embedded renderer; the pages drawn anew, or None when the published site is up to date."""
    from press.site import render_site

    report = render_site(
        project.root,
        out=out,
        cache=project.work / "pages",
        profile=project.profile,
        jobs=jobs,
        on_page=progress.rendered,
        force=force,
        current=None if force else project.site,
    )
    return report.rendered if report.changed else None


def _with_quarto(
    project: Project, out: Path, pages: list[Path], *, jobs: int, force: bool, progress: Any
) -> list[str] | None:
    """Fill `out` by Quarto; all pages, or None when the published site was made from these very files."""
    from press.site import quarto, render

    version = subprocess.run(["quarto", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    mark = fingerprint(project, pages, version + render.own_source())
    published = project.site / MARK
    if not force and published.is_file() and published.read_text() == mark:
        return None
    command = ["quarto", "render", "--output-dir", relative(out, project.root)]
    if project.profile:
        command += ["--profile", project.profile]
    # The pre-render hook would run the press again while it holds the lock.
    env = os.environ | {"PRESS_BUILD": "1"}
    done = subprocess.run(command, cwd=project.root, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise fail("", 0, f"quarto render failed (exit {done.returncode}):\n{done.stderr.strip()[-4000:]}")
    quarto.finish(project, out)
    (out / MARK).write_text(mark)
    return [relative(page, out) for page in sorted(out.rglob("*.html"))]


def fingerprint(project: Project, pages: list[Path], version: str) -> str:
    """One hash over every file that Quarto may read: the whole project, without what is generated or only code."""
    digest = hashlib.sha256(f"{version} {project.profile}".encode())
    named = {path.resolve() for path in pages}
    for path in sorted(project.root.rglob("*")):
        first = path.relative_to(project.root).parts[0]
        if first in NOT_PAGES or first.startswith(".") or first == project.site.name or "index_files" in path.parts:
            continue
        if path.is_file() and (path.suffix != ".ipynb" or path.resolve() in named):
            digest.update(f"{relative(path, project.root)}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


def scan_site(site: Path) -> list[Problem]:
    """Secrets in the text files of a site that is about to be published."""
    problems = []
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".xml", ".json", ".ipynb", ".txt") and path.is_file():
            for what in secrets_in(path.read_text(encoding="utf-8", errors="replace")):
                problems.append(Problem(path.relative_to(site).as_posix(), 0, f"the page would publish {what}"))
    return problems


def clean(project: Project, everything: bool, dry_run: bool = False) -> list[str]:
    """Remove the site, generated notebooks and pages, and rendered pages; with `everything`, the executed results too.

    Returns:
        What was removed, or would be.
    """
    gone = []
    with locked(project.work / "lock"):
        paths = [project.site, project.root / ".quarto"]
        paths += sorted(project.root.glob("posts/*/index.ipynb")) + sorted(project.root.glob("posts/*/index_files"))
        paths += generated(project.root)
        kept = {"cache", "lock"}
        paths += [p for p in sorted(project.work.glob("*")) if everything or p.name not in kept]
        for path in (path for path in paths if path.exists()):
            gone.append(relative(path, project.root))
            if not dry_run:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return gone
