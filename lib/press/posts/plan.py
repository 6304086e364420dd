"""What is to run and why: all posts, their keys, and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from postkit.verdicts import Claim
from press.core.errors import Problem, collected
from press.core.project import Project
from press.posts.cache import Cache, Key, differences, make_key
from press.posts.closure import Library, read_library
from press.posts.collection import read_posts, select
from press.posts.parameters import check_parameters, parameters_for
from press.posts.post import Post


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
    """All steps of a run, and what they were found with.

    Args:
        unsound: the chosen posts that have problems and can be read all the same; they are no steps.
        problems: what is wrong with the configuration, the chosen posts or the parameters: nothing may run.
        elsewhere: slug -> what is wrong with a post that is not to run.
    """

    steps: list[Step]
    library: Library
    cache: Cache
    executed: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    elsewhere: dict[str, list[Problem]] = field(default_factory=dict)
    unsound: list[Post] = field(default_factory=list)

    @property
    def stale(self) -> list[Step]:
        """The steps that have to run."""
        return [step for step in self.steps if step.reasons]


def make_plan(
    project: Project,
    slugs: list[str],
    given: dict[str, Any],
    force: bool = False,
    *,
    claims: Mapping[str, Claim] | None,
) -> Plan:
    """Read all posts, compute their keys, and find which have to run and why.

    Args:
        claims: what prose may quote, by id; None where that is not known.

    Returns:
        The plan, whose steps are those of sound posts, with the problems of the others.

    Raises:
        PressError: an unknown slug.
    """
    found, broken = read_posts(project, claims)
    posts, problems = select(found, broken, slugs)
    library = read_library(project.root)
    cache = Cache(project.work / "cache")
    hashes: dict[Path, str] = {}
    elsewhere = {slug: wrong for slug, wrong in broken.items() if slugs and slug not in slugs}
    plan = Plan([], library, cache, problems=[*project.config.problems, *problems], elsewhere=elsewhere)
    if not problems:  # a post that cannot be read may be the one that declares the parameter
        with collected(plan.problems):
            check_parameters(posts, given)
    plan.unsound = [post for post in posts if post.slug in broken]
    for post in (post for post in posts if post.slug not in broken):
        parameters = parameters_for(post, project.config, given)
        key = make_key(post, parameters, library, project.root, hashes)
        notebook = None if force else cache.get(key.digest)
        if notebook is not None:
            plan.executed[post.slug] = notebook
        reasons = [] if notebook is not None else ["--force"] if force else why(post, key, project, cache)
        plan.steps.append(Step(post, parameters, key, reasons))
    return plan


def why(post: Post, key: Key, project: Project, cache: Cache) -> list[str]:
    """What changed since the run whose outputs the post shows now."""
    last = last_parts(post, project)
    if last is None:
        return ["never run here"]
    changed = differences(last, key.parts)
    return changed or ["its outputs are no longer in the cache"]


def last_parts(post: Post, project: Project) -> dict[str, str] | None:
    """The parts of the key that the present `index.ipynb` was made with; None if there is none."""
    try:
        notebook = json.loads((project.root / post.file).with_name("index.ipynb").read_bytes())
        return notebook["metadata"]["press"]["parts"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
