"""`press drift`: whether tests and posts still run through with the packages that are installed here.

It is run in an environment with the newest releases, beside the one that the site is built in. What ran through is kept
in `.press/drift/` like results of posts, so after a kill the same command continues. Results, notebooks and site of the
project stay as they are.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from press.core.errors import PressError, Problem, fail
from press.core.project import Project
from press.papers.boxes import with_boxes
from press.papers.driftfile import Drift, Outcome, Tried, source_of
from press.papers.schema import Paper
from press.posts.cache import Cache, with_reads
from press.posts.failure import shown
from press.posts.made import today_here, versions_of
from press.posts.notebook import with_outputs
from press.posts.outcome import ANSI
from press.posts.plan import Plan, Step
from press.posts.run import execute

LONGEST = 300  # characters of an error
NO_TESTS = 5  # pytest's exit status where it found none
TOOK = re.compile(r" in [\d.]+s\b.*")
NAMED = re.compile(r"(FAILED|ERROR) ")


def installed(plan: Plan, packages: Sequence[str]) -> dict[str, str]:
    """The versions that the results are told with, Python's first.

    Args:
        packages: names of distributions; if none, those that pages name too and a post depends on.

    Raises:
        PressError: a package is not installed.
    """
    found = {"python": platform.python_version()}
    if not packages:
        for step in plan.steps:
            found |= versions_of({name: value for name, value in step.base.parts.items() if name != "kernel"})
        return found
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise fail("", 0, f"--packages {name}: not installed here. Install it, or leave it out") from None
    return found


def check_tests(project: Project, paths: Sequence[str]) -> None:
    """Make sure that there is what pytest is to run, before anything runs.

    Raises:
        PressError: a path is not there, or leads out of the project.
    """
    for path in paths:
        place = Path(os.path.abspath(project.root / path))
        if not place.exists() or not place.is_relative_to(project.root):
            raise fail("", 0, f"--tests {path}: must be a file or folder in {project.root}")


def run_tests(project: Project, paths: Sequence[str], told: Callable[[str], None]) -> str:
    """Run tests with pytest, in a process of its own. Returns why they failed, in one line; "" if they did not.

    Args:
        paths: files and folders relative to the root, as `check_tests` allows them.
        told: gets each line that pytest prints.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--", *paths]
    lines: list[str] = []
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=project.root, text=True, errors="replace", **pipe) as process:
        try:
            for line in process.stdout:
                told(line.rstrip("\n"))
                lines.append(ANSI.sub("", line).strip())
        except BaseException:
            process.kill()
            raise
    if process.returncode == 0:
        return ""
    if process.returncode == NO_TESTS:
        return f"no tests in {' '.join(paths)}"
    named = next((line for line in reversed(lines) if NAMED.match(line)), "")
    last = next((line for line in reversed(lines) if line), f"pytest ended with {process.returncode}")
    return brief(": ".join(filter(None, (TOOK.sub("", last.strip("= ")), named))))


def run_posts_through(
    project: Project, plan: Plan, papers: tuple[Paper, ...], *, jobs: int, progress: Any
) -> dict[str, str]:
    """Run each post that the press executes, unless it ran through so before.

    Returns:
        Slug -> why it failed, or its results are refused, in one line; "" if it ran through.

    Raises:
        PressError: the plan has problems.
    """
    if plan.problems:
        raise PressError(plan.problems)
    own = replace(plan, cache=Cache(project.work / "drift"), executed={}, failures={}, notes=[], entered=set())
    hashes: dict[Path, str] = {}
    own.steps = []
    for step in (step for step in plan.steps if step.post.runs):
        key = with_reads(step.base, own.cache.reads(step.base.digest), project.root, hashes)
        if (book := own.cache.get(key.digest)) is not None:
            own.executed[step.post.slug] = book
            own.entered |= {step.base.digest, key.digest}
        own.steps.append(replace(step, key=key, reasons=[] if book is not None else ["drift"]))
    progress.planned([step.post.slug for step in own.stale], len(own.steps))
    execute(own, project, jobs=jobs, dask=None, progress=progress)
    own.cache.sweep(own.entered, 0)
    return {step.post.slug: _error(step, own, papers) for step in own.steps}


def _error(step: Step, plan: Plan, papers: tuple[Paper, ...]) -> str:
    if failure := plan.failures.get(step.post.slug):
        return _said(failure.problems[0])
    try:
        with_boxes(with_outputs(step.post, plan.executed[step.post.slug]), papers)
    except PressError as error:  # another verdict, say
        return _said(error.problems[0])
    return ""


def _said(problem: Problem) -> str:
    """What a problem says, in one line: of an exception with many lines, its name and the last of them."""
    first, *lines = [line.strip() for line in problem.message.splitlines() if line.strip()] or ["no message"]
    return brief(f"{first.partition(': ')[0]}: {lines[-1]}" if lines else first)


def brief(text: str) -> str:
    """A text for a file that is committed: one line, of a bearable length, without control characters and secrets."""
    line = " ".join(shown(text).split())
    return line if len(line) <= LONGEST else line[:LONGEST] + " \N{HORIZONTAL ELLIPSIS}"


def compared(
    before: Drift | None, versions: dict[str, str], tests: str | None, posts: dict[str, str], plan: Plan
) -> Drift:
    """What is to be written down of a run.

    Args:
        before: what was written down of the last one.
        tests: as `run_tests` says it; None where none were run.
        posts: as `run_posts_through` says it.
    """
    now = Tried(today_here()["day"], versions)
    steps = {step.post.slug: step for step in plan.steps}

    def outcome(error: str, last: Outcome | None, **about: str) -> Outcome:
        return Outcome(error, (last.green if last else None) if error else now, **about)

    done = tuple(
        outcome(error, before.of_post(slug) if before else None, slug=slug, source=source_of(steps[slug].base.parts))
        for slug, error in sorted(posts.items())
    )
    tested = None if tests is None else outcome(tests, before.tests if before else None)
    drift = Drift(now, now, tested, done)
    return replace(drift, green=before.green if before else None) if drift.failed else drift


def table(drift: Drift) -> list[str]:
    """What `press drift` prints: a line for the tests and for each post."""
    rows = [("tests", drift.tests)] if drift.tests else []
    rows += [(post.slug, post) for post in drift.posts]
    width = max((len(name) for name, _ in rows), default=0)
    lines = []
    for name, one in rows:
        green = f" (last green on {one.green.day})" if one.green else " (never green)"
        lines.append(f"{name.ljust(width)}  {f'FAILED: {one.error}{green}' if one.error else 'ok'}")
    return lines
