"""Execute what is stale: run, store, and put each `posts/<slug>/index.ipynb` in its place."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import replace
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

from press.core.disk import write_atomic
from press.core.errors import Problem
from press.core.limits import limits_of
from press.core.manifest import Manifest
from press.core.project import Project
from press.core.secrets import find_secrets
from press.core.source import relative
from press.posts.cache import differences, make_key
from press.posts.closure import Library
from press.posts.collection import post_files
from press.posts.failure import Failure
from press.posts.made import commit_of
from press.posts.plan import Plan, Step
from press.posts.post import to_bytes

IGNORED_READS = (".press/", ".git/", ".venv/", ".quarto/")
PAPER = re.compile(r"papers/[^/]+/paper\.toml")


def execute(plan: Plan, project: Project, *, jobs: int, dask: str | None, progress) -> list[str]:
    """Run the stale steps and enter what succeeds into the cache, one by one as it comes.

    What fails is entered in `plan.failures`, and its notebook is kept under `.press/failed/`.

    Args:
        progress: object with `started(slug)`, `finished(slug, seconds)`, `failed(slug, seconds)` and `tick()`.

    Returns:
        Slugs of the posts that ran through.
    """
    from press.posts.execute import Task, execute_all, open_executor

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
        limits_of(post.meta, project.config.settings(post.meta)),
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
    # `claim` reads paper.toml, which is in no key: each build inserts what it says of the paper again; of what
    # `paper_numbers` reads, the numbers are. Only a post that uses one of them is let off: any other that opens the
    # file shows what nothing would bring up to date.
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


def place_of(slug: str) -> str:
    """Where a post's executed notebook lies, relative to the root: its address and its links follow from that."""
    return f"posts/{slug}/index.ipynb"


def place(notebooks: dict[str, dict[str, Any]], manifest: Manifest) -> list[str]:
    """Write the notebook of each post to its place. Returns those that changed, relative to the root."""
    return manifest.write({place_of(slug): to_bytes(book) for slug, book in notebooks.items()})


def remove_orphans(project: Project, manifest: Manifest) -> list[str]:
    """Remove our notebooks whose `post.qmd` no longer exists, so that they are not published.

    Returns:
        Those that are not as the press wrote them, and stay.
    """
    kept = {place_of(path.parent.name) for path in post_files(project)}
    return manifest.remove([name for name in manifest.names() if name.endswith(".ipynb") and name not in kept])[1]
