"""A post that is to run with another value of its parameter `seed`, under a name of its own; the runs that are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from press.core.errors import Problem
from press.core.project import Project
from press.papers.recorded import SEED
from press.posts.cache import Cache, make_key, with_reads
from press.posts.parameters import parameter_line
from press.posts.plan import Plan, Step
from press.posts.post import Post


def seedless(posts: Iterable[Post]) -> list[Problem]:
    """What is to be said of those posts that have no whole number `seed` among their parameters."""
    return [_seedless(post) for post in posts if type(post.parameters.get(SEED)) is not int]


def _seedless(post: Post) -> Problem:
    legal = ", ".join(post.parameters) or "none"
    message = (
        f"post {post.slug!r} has no whole number {SEED!r} among its parameters ({legal}), so its runs would all be the "
        f"same. Write {SEED} = 0 in its cell tagged parameters and derive all randomness from it, or name other posts"
    )
    return Problem(post.file, parameter_line(post), message)


def name_of(step: Step, seed: int) -> str:
    """What a run is called, as a post has several."""
    return f"{step.post.slug}, seed {seed}"


def seeded_step(step: Step, seed: int, plan: Plan, root: Path, hashes: dict[Path, str], why: str) -> Step:
    """The step of one run, which has to run.

    Args:
        hashes: memo of file hashes, filled as it goes.
        why: the reason for which it runs.
    """
    post, parameters = replace(step.post, slug=name_of(step, seed)), step.parameters | {SEED: seed}
    key = make_key(post, parameters, plan.library, root, hashes)
    return Step(post, parameters, key, key, [why])


def kept_runs(project: Project) -> Cache:
    """The runs with other seeds that `press verdicts` has made, and `press record` need not make again."""
    return Cache(project.work / "seeds")


def held(step: Step, kept: Cache, root: Path, hashes: dict[Path, str]) -> tuple[Step, dict[str, Any] | None]:
    """The step of a run with the files that the same run has read before, and what that gave; None: it has to run.

    Args:
        hashes: memo of file hashes, filled as it goes.
    """
    key = with_reads(step.base, kept.reads(step.base.digest), root, hashes)
    book = kept.get(key.digest)
    return replace(step, key=key, reasons=step.reasons if book is None else []), book
