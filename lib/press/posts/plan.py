"""What is to run and why: all posts, their keys, and what is wrong with them."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from postkit.verdicts import Claim
from press.core.errors import Problem, collected
from press.core.project import Project
from press.core.strictness import sift
from press.posts.cache import Cache, Key, differences, make_key, reads_of, with_reads
from press.posts.closure import Library, read_library
from press.posts.collection import choose, read_posts
from press.posts.failure import Failure
from press.posts.parameters import check_named, check_parameters, parameters_for
from press.posts.post import Post, Source
from press.posts.way import read_path

FORCED = "--force"  # the reason of a step that was asked to run, up to date or not


@dataclass(frozen=True)
class Step:
    """One post and what is to be done with it.

    Args:
        parameters: what is injected, beyond the post's own defaults.
        base: the key as far as the source tells it; key: with what earlier runs were seen to read.
        reasons: why it has to run; empty when its outputs are in the cache.
    """

    post: Post
    parameters: dict[str, Any]
    base: Key
    key: Key
    reasons: list[str]


@dataclass
class Plan:
    """All steps of a run, and what they were found with.

    Args:
        failures: slug -> how a post failed, of those that did.
        unsound: the chosen posts that have problems and can be read all the same; they are no steps.
        problems: what is wrong with the configuration, the chosen posts or the parameters: nothing may run.
        elsewhere: slug -> what is wrong with a post that is not to run.
        warnings: what is wrong with the chosen posts and does not keep them from running.
        stored: the chosen notebooks that are published with their stored outputs; each with what was read of it.
        frozen: the chosen pages whose results Quarto froze -> the file of these.
        notes: what the author should know of the run.
        places: where the executed notebooks of all posts lie or will lie, chosen or not, relative to the root.
        whole: whether all posts are chosen.
        taken: slugs of the posts whose results came from a cache.
        entered: digests of the keys under which the run has entered something into the cache.
    """

    steps: list[Step]
    library: Library
    cache: Cache
    executed: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    elsewhere: dict[str, list[Problem]] = field(default_factory=dict)
    unsound: list[Post] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    stored: dict[Source, dict[str, Any]] = field(default_factory=dict)
    frozen: dict[Source, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)
    whole: bool = True
    taken: list[str] = field(default_factory=list)
    entered: set[str] = field(default_factory=set)

    @property
    def failed(self) -> list[Problem]:
        """All that went wrong in the posts that failed."""
        return sorted(problem for failure in self.failures.values() for problem in failure.problems)

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
        claims: what prose may quote, by id; None if that is not known.

    Returns:
        The plan, whose steps are those of sound posts, with the problems of the others.

    Raises:
        PressError: an unknown slug.
    """
    found = read_posts(project, claims)
    broken, told = _sifted(found.broken, project)
    known = {post.slug: post for post in found.sound}
    stored = {source.slug: source for source in found.stored}
    frozen = {source.slug: source for source in found.frozen}
    files = {slug: post.file for slug, post in known.items()}
    files |= {source.slug: source.page for source in (*found.stored, *found.frozen)}
    there = sorted({*known, *found.broken, *stored, *frozen})
    slugs = choose(there, slugs, files)
    chosen = slugs or there
    posts = [known[slug] for slug in chosen if slug in known]
    problems = [problem for slug in chosen for problem in broken.get(slug, ())]
    library = read_library(project.root, project.work)
    cache = Cache(project.work / "cache")
    hashes: dict[Path, str] = {}
    elsewhere = {slug: wrong for slug, wrong in broken.items() if slugs and slug not in slugs}
    plan = Plan([], library, cache, problems=[*project.config.problems, *problems], elsewhere=elsewhere)
    plan.places, plan.whole = found.places, not slugs
    plan.stored = {stored[slug]: found.stored[stored[slug]] for slug in chosen if slug in stored}
    plan.frozen = {frozen[slug]: found.frozen[frozen[slug]] for slug in chosen if slug in frozen}
    readable = [post for post in found.sound if post.slug not in found.broken]
    plan.problems += check_named(project.config, readable, there) + read_path(project.config, there)[1]
    if not problems:  # a post that cannot be read may be the one that declares the parameter
        with collected(plan.problems):
            check_parameters(posts, given)
    plan.warnings = [problem for post in posts for problem in told.get(post.slug, ())]
    plan.unsound = [post for post in posts if post.slug in broken]
    for post in (post for post in posts if post.slug not in broken):
        parameters = parameters_for(post, project.config, given)
        base = make_key(post, parameters, library, project.root, hashes)
        key = with_reads(base, cache.reads(base.digest), project.root, hashes)
        if not post.runs:
            plan.executed[post.slug] = post.notebook | {
                "metadata": post.notebook["metadata"] | {"press": {"stored": True}}
            }
            plan.steps.append(Step(post, parameters, base, key, []))
            continue
        notebook = None if force else cache.get(key.digest)
        if notebook is not None:
            plan.executed[post.slug] = notebook
        reasons = [] if notebook is not None else [FORCED] if force else why(post, base, project, cache)
        plan.steps.append(Step(post, parameters, base, key, reasons))
    return plan


@contextlib.contextmanager
def trial_of(plan: Plan) -> Iterator[Plan]:
    """The plan with nothing executed, and a cache of its own: running it leaves the project's results as they are."""
    with tempfile.TemporaryDirectory(prefix="press-", ignore_cleanup_errors=True) as folder:
        yield replace(plan, cache=Cache(Path(folder)), executed={}, failures={}, notes=[], entered=set())


def _sifted(
    broken: dict[str, list[Problem]], project: Project
) -> tuple[dict[str, list[Problem]], dict[str, list[Problem]]]:
    """By slug, what keeps a post from running, and what is only reported."""
    pairs = {slug: sift(found, project.settings) for slug, found in broken.items()}
    return (
        {slug: errors for slug, (errors, _) in pairs.items() if errors},
        {slug: told for slug, (_, told) in pairs.items() if told},
    )


def why(post: Post, base: Key, project: Project, cache: Cache) -> list[str]:
    """What changed since the run whose outputs the post shows now, or that failed.

    Args:
        base: the key as far as the source tells it; what that run read is looked at as it is now.
    """
    last = last_run(post, project)
    if last is None:
        return ["never run here"]
    key = with_reads(base, reads_of(last["parts"]), project.root, {})
    changed = differences(last["parts"], key.parts)
    if "failed" in last:
        return [f"failed when it last ran ({', '.join(last['failed']['places'])})", *changed]
    return changed or ["its outputs are no longer in the cache"]


def last_run(post: Post, project: Project) -> dict[str, Any] | None:
    """What the present executed notebook notes of the run that it is of, with the key's "parts"; None for none."""
    try:
        notebook = json.loads((project.root / post.place).read_bytes())
        press = notebook["metadata"]["press"]
        return press if isinstance(press["parts"], dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
