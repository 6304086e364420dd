"""Execute what is stale: plan, run, store, and put each `posts/<slug>/index.ipynb` in its place."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from dataclasses import dataclass, field, replace
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

from press.cache import Cache, Key, differences, make_key
from press.closure import Library, read_library
from press.errors import PressError, Problem
from press.failure import Failure, failed_notebook
from press.files import write_atomic, write_if_changed
from press.limits import limits_of
from press.notebook import Post, assemble, to_bytes
from press.papers.schema import Paper, read_papers
from press.project import Project, check_parameters, parameters_for, read_posts, select
from press.provenance import commit_of, with_provenance
from press.secrets import find_secrets
from press.site.download import with_links
from press.source import relative

IGNORED_READS = (".press/", ".git/", ".venv/", ".quarto/")
PAPER = re.compile(r"papers/[^/]+/paper\.toml")


@dataclass(frozen=True)
class Step:
    """One post and what is to be done with it.

    Args:
        parameters: what is injected, beyond the post's own defaults.
        reasons: why it has to run; empty when its outputs are in the cache.
    """

    post: Post
    parameters: dict[str, Any]
    key: Key
    reasons: list[str]


@dataclass
class Plan:
    """All steps of a run, and what they were found with."""

    steps: list[Step]
    library: Library
    cache: Cache
    papers: tuple[Paper, ...] = ()
    executed: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)

    @property
    def problems(self) -> list[Problem]:
        """All that went wrong in the posts that failed."""
        return sorted(problem for failure in self.failures.values() for problem in failure.problems)

    @property
    def stale(self) -> list[Step]:
        """The steps that have to run."""
        return [step for step in self.steps if step.reasons]


def make_plan(project: Project, slugs: list[str], given: dict[str, Any], force: bool = False) -> Plan:
    """Read all posts, compute their keys, and find which have to run and why.

    Raises:
        PressError: a problem in any paper.toml or post's source, an unknown slug or parameter.
    """
    papers = read_papers(project.root)
    posts = select(read_posts(project, papers), slugs)
    check_parameters(posts, given)
    library = read_library(project.root)
    cache = Cache(project.work / "cache")
    hashes: dict[Path, str] = {}
    plan = Plan([], library, cache, papers)
    for post in posts:
        parameters = parameters_for(post, project, given)
        key = make_key(post, parameters, library, project.root, hashes)
        notebook = None if force else cache.get(key.digest)
        if notebook is not None:
            plan.executed[post.slug] = notebook
        reasons = [] if notebook is not None else ["--force"] if force else why(post, key, project, cache)
        plan.steps.append(Step(post, parameters, key, reasons))
    return plan


def why(post: Post, key: Key, project: Project, cache: Cache) -> list[str]:
    """What changed since the run whose outputs the post shows now, or that failed."""
    last = last_run(post, project)
    if last is None:
        return ["never run here"]
    changed = differences(last["parts"], key.parts)
    if "failed" in last:
        return [f"failed when it last ran ({', '.join(last['failed']['places'])})", *changed]
    return changed or ["its outputs are no longer in the cache"]


def last_run(post: Post, project: Project) -> dict[str, Any] | None:
    """What the present `index.ipynb` notes of the run that it was made from, with the key's "parts"; None for none."""
    try:
        notebook = json.loads((project.root / post.file).with_name("index.ipynb").read_bytes())
        press = notebook["metadata"]["press"]
        return press if isinstance(press["parts"], dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def execute(plan: Plan, project: Project, *, jobs: int, dask: str | None, progress) -> list[str]:
    """Run the stale steps and enter what succeeds into the cache, one by one as it comes.

    What fails is entered in `plan.failures`, and its notebook is kept under `.press/failed/`.

    Args:
        progress: object with `started(slug)`, `finished(slug, seconds)`, `failed(slug, seconds)` and `tick()`.

    Returns:
        Slugs of the posts that ran through.
    """
    from press.execute import Task, execute_all, open_executor

    steps = {step.post.slug: step for step in plan.stale}
    if not steps:
        return []
    threads = max(1, (os.cpu_count() or 1) // max(1, min(jobs, len(steps))))
    tasks = [_task(step, project, threads, Task) for step in _longest_first(plan, project)]
    commit = commit_of(project.root)
    with open_executor(min(jobs, len(tasks)), dask) as executor:
        for result in execute_all(tasks, executor, progress.started, progress.tick):
            step = steps[result.slug]
            problem = result.problem or _undeclared_reads(step, result.reads, plan.library, project)
            kept = project.work / "failed" / f"{result.slug}.ipynb"
            if problem is None and (found := _changed_meanwhile(step, plan, project)):
                problem = Problem(
                    step.post.file, 0, f"changed while it ran ({found}); its result is dropped. Build again"
                )
            if problem:
                write_atomic(kept, to_bytes(result.notebook))
                plan.failures[result.slug] = _failure(step, problem, result.cell, relative(kept, project.root))
                progress.failed(result.slug, result.seconds)
                continue
            made = {"key": step.key.digest, "parts": step.key.parts, "commit": commit, "device": _device(step)}
            result.notebook["metadata"]["press"] = made
            secrets = find_secrets(result.notebook, step.post.file)
            if secrets:
                plan.failures[result.slug] = Failure(step.post, step.key.parts, tuple(secrets))
                progress.failed(result.slug, result.seconds)
                continue
            plan.cache.put(step.key, result.slug, result.notebook, result.seconds)
            plan.executed[result.slug] = result.notebook
            kept.unlink(missing_ok=True)
            progress.finished(result.slug, result.seconds)
    return sorted(steps.keys() & plan.executed.keys())


def _failure(step: Step, problem: Problem, cell: str, kept: str) -> Failure:
    detail = "\n".join(filter(None, (problem.detail, f"    The notebook as far as it ran: {kept}")))
    return Failure(step.post, step.key.parts, (replace(problem, detail=detail),), cell, kept)


def _task(step: Step, project: Project, threads: int, task_type):
    post = step.post
    notebook = to_bytes(post.notebook).decode()
    return task_type(
        post.slug,
        post.file,
        notebook,
        step.parameters,
        str(project.root),
        limits_of(post.meta, project.settings),
        threads,
        gpu=_device(step).startswith("cuda"),
    )


def _device(step: Step) -> str:
    return str(step.parameters.get("device", step.post.parameters.get("device", "cpu")))


def _longest_first(plan: Plan, project: Project) -> list[Step]:
    """Posts that took long last time start first; the end of the build is then not one long post alone."""
    seconds: dict[str, float] = {}
    with contextlib.suppress(OSError):
        for entry in sorted(plan.cache.folder.iterdir(), key=lambda path: path.stat().st_mtime):
            if record := plan.cache.record(entry.name):
                seconds[record["slug"]] = record["seconds"]
    return sorted(plan.stale, key=lambda step: -seconds.get(step.post.slug, 60.0))


def _changed_meanwhile(step: Step, plan: Plan, project: Project) -> str:
    """What the run may have read in another state than the one the key was made of; "" if nothing."""
    now = make_key(step.post, step.parameters, plan.library, project.root, {})
    return ", ".join(differences(step.key.parts, now.parts))


def _undeclared_reads(step: Step, reads: tuple[str, ...], library: Library, project: Project) -> Problem | None:
    """A file that the run opened and that is not in its key: the next change of it would go unnoticed."""
    modules = {part.removeprefix("module ") for part in step.key.parts if part.startswith("module ")}
    own = {str(library.files[name].relative_to(project.root)) for name in modules}
    # `claim` reads paper.toml, which is in no key: `joined` puts in anew what it says of the paper, without a run. Only
    # a post that uses `claim` is let off: any other that opens the file shows what nothing would bring up to date.
    judges = "postkit.claims" in modules or "postkit" not in library.packages
    for name in reads:
        path = Path(name)
        if path.suffix == ".pyc":
            with contextlib.suppress(ValueError):
                name = source_from_cache(name)
                path = Path(name)
        if (
            name.startswith((*IGNORED_READS, "lib/press/"))
            or ".egg-info/" in name
            or name in own
            or name in step.post.data
            or (judges and PAPER.fullmatch(name))
        ):
            continue
        if any(name.startswith(folder + "/") for folder in step.post.data):
            continue
        if path.suffix == ".py" and name.startswith("lib/"):
            message = (
                f"it imported {name}, which its import closure does not show. Import it by a plain import statement"
            )
        else:
            message = f"it read {name}, which its front matter does not declare. Add it to data:"
        return Problem(step.post.file, 1, message)
    return None


def joined(plan: Plan, project: Project) -> dict[str, dict[str, Any]]:
    """Each post's present notebook with its outputs, claim boxes made anew, provenance, and links to the notebook.

    A post that measured a claim that no paper has is entered in `plan.failures`; of those there no notebook is made.
    """
    notebooks: dict[str, dict[str, Any]] = {}
    for step in plan.steps:
        if step.post.slug in plan.failures:
            continue
        try:
            executed = plan.executed[step.post.slug]
            notebook = with_provenance(assemble(step.post, executed, plan.papers), step.post, executed)
        except PressError as error:
            plan.failures[step.post.slug] = Failure(step.post, step.key.parts, tuple(error.problems))
            continue
        notebooks[step.post.slug] = with_links(notebook, step.post.slug, project.config)
    return notebooks


def failed_notebooks(plan: Plan) -> dict[str, dict[str, Any]]:
    """slug -> what is published in the place of each post that failed."""
    return {slug: failed_notebook(failure, plan.papers) for slug, failure in plan.failures.items()}


def place(notebooks: dict[str, dict[str, Any]], project: Project) -> list[str]:
    """Write `posts/<slug>/index.ipynb` of each. Returns the slugs of those that changed."""
    places = {slug: project.root / "posts" / slug / "index.ipynb" for slug in notebooks}
    return [slug for slug, book in notebooks.items() if write_if_changed(places[slug], to_bytes(book))]


def remove_orphans(project: Project) -> None:
    """Remove generated notebooks whose `post.qmd` no longer exists, so that they are not published."""
    for path in (project.root / "posts").glob("*/index.ipynb"):
        if path.with_name("post.qmd").exists() and path.parent.name[0] not in "._":
            continue
        with contextlib.suppress(OSError, ValueError):
            if "press" in json.loads(path.read_bytes())["metadata"]:
                path.unlink()
                shutil.rmtree(path.with_name("index_files"), ignore_errors=True)
                with contextlib.suppress(OSError):
                    path.parent.rmdir()
