"""Execute what is stale: run, store, and put each executed notebook in its place."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from press.core.disk import write_atomic
from press.core.errors import Problem
from press.core.limits import limits_of
from press.core.manifest import Manifest
from press.core.project import Project
from press.core.secrets import find_secrets
from press.core.source import relative
from press.posts.ahead import warm
from press.posts.cache import Key, differences, make_key, with_reads
from press.posts.collection import sources
from press.posts.failure import Failure
from press.posts.inline import runnable
from press.posts.made import commit_of, today_here
from press.posts.plan import Plan, Step
from press.posts.post import place_of, to_bytes
from press.posts.reads import refused, undeclared

if TYPE_CHECKING:
    from press.posts.execute import Result

LONGEST = 100  # bytes of a post's name in the name of a file


def execute(plan: Plan, project: Project, *, jobs: int, dask: str | None, progress) -> list[str]:
    """Run the stale steps and enter what succeeds into the cache, one by one as it comes.

    What fails is entered in `plan.failures`, and its notebook is kept under `.press/failed/`.

    Args:
        progress: object with `started(slug)`, `finished(slug, seconds)`, `failed(slug, seconds)` and `tick()`.

    Returns:
        Slugs of the posts that ran through.
    """
    from press.posts.execute import Task, environment
    from press.posts.executors import execute_all, open_executor

    steps = {step.post.slug: step for step in plan.stale}
    if not steps:
        return []
    threads = max(1, (os.cpu_count() or 1) // max(1, min(jobs, len(steps))))
    tasks = [_task(step, project, threads, Task) for step in _longest_first(plan, project)]
    here = [] if dask else [step.post for step in plan.stale]
    shared = os.environ | environment(str(project.root), threads)
    commit = commit_of(project.root)
    with warm(here, plan.library, shared) as sockets, open_executor(min(jobs, len(tasks)), dask) as executor:
        tasks = [replace(task, warm=sockets.get(task.slug, ())) for task in tasks]
        for result in execute_all(tasks, executor, progress.started, progress.tick):
            step = steps[result.slug]
            more = undeclared(step.post, step.base, result.reads, plan.library, project)
            problem = result.problem or refused(step.post, more, project)
            kept = project.work / "failed" / f"{_flat(result.slug)}.ipynb"
            base, found = _changed_meanwhile(step, result, more, plan, project)
            if problem is None and found:
                message = f"changed while it ran ({', '.join(found)}); its result is discarded. Build again"
                problem = Problem(step.post.file, 0, message)
            if problem:
                write_atomic(kept, to_bytes(result.notebook))
                plan.failures[result.slug] = _failure(step, problem, result.cell, relative(kept, project.root))
                progress.failed(result.slug, result.seconds)
                continue
            key = with_reads(base, more, project.root, {})
            made = {"key": key.digest, "parts": key.parts, "commit": commit, "device": device_of(step)}
            result.notebook["metadata"]["press"] = made
            secrets = find_secrets(result.notebook, step.post.file)
            if secrets:
                plan.failures[result.slug] = Failure(step.post, step.key.parts, tuple(secrets))
                progress.failed(result.slug, result.seconds)
                continue
            plan.cache.note_reads(base, more)
            plan.entered |= {base.digest, key.digest}
            about = today_here(dask) | {"processor": round(result.processor, 1)}
            plan.cache.put(key, result.slug, result.notebook, result.seconds, about)
            if new := [name for name in more if f"read {name}" not in step.key.parts]:
                plan.notes.append(f"{step.post.file}: it read {', '.join(new)}; it will run again when that changes")
            plan.executed[result.slug] = result.notebook
            kept.unlink(missing_ok=True)
            progress.finished(result.slug, result.seconds)
    return sorted(steps.keys() & plan.executed.keys())


def _flat(slug: str) -> str:
    """A post's name as that of a file: no two posts have the same, and none is too long."""
    flat = slug.replace("/", "--")
    if "--" not in slug and len(flat.encode()) <= LONGEST:
        return flat
    short = flat.encode()[:LONGEST].decode(errors="ignore")
    return f"{short}-{hashlib.sha256(slug.encode()).hexdigest()[:8]}"


def _failure(step: Step, problem: Problem, cell: str, kept: str) -> Failure:
    detail = "\n".join(filter(None, (problem.detail, f"    The notebook, as far as it ran: {kept}")))
    return Failure(step.post, step.key.parts, (replace(problem, detail=detail),), cell, kept)


def _task(step: Step, project: Project, threads: int, task_type):
    post = step.post
    return task_type(
        post.slug,
        post.file,
        to_bytes(runnable(post)).decode(),
        step.parameters,
        str(project.root),
        post.folder,
        limits_of(post.meta, project.config.settings(post.meta)),
        threads,
        gpu=device_of(step).startswith("cuda"),
    )


def device_of(step: Step) -> str:
    """The device that a post is run on, as its parameters say."""
    return str(step.parameters.get("device", step.post.parameters.get("device", "cpu")))


def _longest_first(plan: Plan, project: Project) -> list[Step]:
    """Posts that took long last time start first; the end of the build is then not one long post alone."""
    seconds: dict[str, float] = {}
    with contextlib.suppress(OSError):
        for entry in sorted(plan.cache.folder.iterdir(), key=lambda path: path.stat().st_mtime):
            if record := plan.cache.record(entry.name):
                seconds[record["slug"]] = record["seconds"]
    return sorted(plan.stale, key=lambda step: -seconds.get(step.post.slug, 60.0))


def _changed_meanwhile(
    step: Step, result: Result, more: list[str], plan: Plan, project: Project
) -> tuple[Key, list[str]]:
    """The key as it is now, and what the run may have read in another state than the one that this key is made of.

    What the post itself writes is in the key as the run left it.

    Args:
        more: what is in the key only because the run read it.
    """
    now = make_key(step.post, step.parameters, plan.library, project.root, {})
    other = {name for name in step.base.parts.keys() | now.parts if step.base.parts.get(name) != now.parts.get(name)}
    theirs = {name for name in other if not _written(name.partition(" ")[2], result.writes)}
    old, new = ({name: parts[name] for name in theirs & parts.keys()} for parts in (step.base.parts, now.parts))
    return now, differences(old, new) + [f"{name} changed" for name in more if name in result.changed]


def place(notebooks: dict[str, dict[str, Any]], manifest: Manifest) -> list[str]:
    """Write the notebook of each post to its place. Returns those that changed, relative to the root.

    Args:
        notebooks: by slug; those that an author stored lie where they are.
    """
    ours = {slug: book for slug, book in notebooks.items() if "source" in (book["metadata"].get("press") or {})}
    return manifest.write({place_of(slug, book): to_bytes(book) for slug, book in ours.items()})


def _written(name: str, writes: tuple[str, ...]) -> bool:
    return name in writes or any(path.startswith(name + "/") for path in writes)


def remove_orphans(project: Project, manifest: Manifest) -> list[str]:
    """Remove our notebooks whose source no longer exists, so that they are not published.

    Returns:
        Those that are not as the press wrote them, and stay.
    """
    kept = {source.place(project.root).relative_to(project.root).as_posix() for source in sources(project)}
    return _keep_only(kept, manifest)


def remove_outdated(plan: Plan, manifest: Manifest) -> list[str]:
    """Remove our notebooks of pages that are not executed any longer, such as drafts; returns as `remove_orphans`."""
    return _keep_only(plan.places, manifest)


def _keep_only(places: set[str], manifest: Manifest) -> list[str]:
    ours = [name for name in manifest.names() if name.endswith(".ipynb")]
    # What is no longer there stays on record: its folder may have been renamed, and it is the press's own then too.
    there = [name for name in ours if name not in places and os.path.lexists(manifest.root / name)]
    return manifest.remove(there)[1]
