"""`press verdicts`: whether another seed gives every claim the same verdict, and leaves no sentence broken.

The runs are kept in `.press/seeds/` like results of posts, so the same command continues after a kill. Records,
results, notebooks and site of the project stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from postkit.claims import recorded_verdict, value_text
from postkit.verdicts import INCONCLUSIVE, Claim, Measurement, verdict
from press.core.errors import PressError, Problem
from press.core.project import Project
from press.papers.boxes import claim_of, measurements
from press.papers.ledger import NOT_MEASURED
from press.papers.recorded import SEED, parts_of, recorded
from press.papers.schema import Paper
from press.posts.notebook import with_outputs
from press.posts.notebookfile import text_of
from press.posts.plan import Plan, Step
from press.posts.run import execute
from press.shared.seeding import held, kept_runs, name_of, seeded_step, seedless

NEWEST = 60  # runs that are kept for the next command
BROKEN = re.compile(r"(?i)^(none|)$|(?<![\w.])[-+\N{MINUS SIGN}]?(nan|inf(inity)?)(?!\w)|<[\w.]+ .*at 0x[0-9a-f]+>")
UNSAID = "nothing recorded"


@dataclass(frozen=True)
class Run:
    """A post that ran with one seed.

    Args:
        book: the post's notebook with what this run gave, its prose included.
        found: claim id -> the claim, what was measured, and the verdict on record; "" for none.
    """

    step: Step
    seed: int
    book: dict[str, Any]
    found: dict[str, tuple[Claim, Measurement, str]]


def chosen(plan: Plan, slugs: Sequence[str]) -> tuple[list[Step], list[str]]:
    """The posts to run, and the slugs of those that have no seed to change.

    Args:
        slugs: those that were asked for; if none, all.

    Raises:
        PressError: the plan has problems, a post that was asked for has no parameter `seed`, or none is left.
    """
    if plan.problems:
        raise PressError(plan.problems)
    steps = [step for step in plan.steps if step.post.runs]
    without = {problem.file for problem in seedless(step.post for step in steps)}
    if slugs and without:
        raise PressError(seedless(step.post for step in steps))
    left = [step for step in steps if step.post.file not in without]
    if not left:
        raise PressError(Problem("", 0, f"no post to run: none that the press executes has a parameter {SEED!r}"))
    return left, [step.post.slug for step in steps if step.post.file in without]


def run_with(
    project: Project, plan: Plan, papers: tuple[Paper, ...], steps: list[Step], seeds: list[int], **how: Any
) -> tuple[list[Run], list[Problem]]:
    """Run each post with each seed, unless it was run so before.

    Args:
        how: `jobs` and `progress`, as `execute` takes them.

    Returns:
        The runs that ran through, post by post, and what went wrong in the others.
    """
    own = replace(plan, cache=kept_runs(project), executed={}, failures={}, notes=[], entered=set())
    runs = {name_of(step, seed): (step, seed) for step in steps for seed in seeds}
    hashes: dict[Path, str] = {}
    own.steps = []
    for step, seed in runs.values():
        wanted = seeded_step(step, seed, own, project.root, hashes, "verdicts")
        new, book = held(wanted, own.cache, project.root, hashes)
        if book is not None:
            own.executed[new.post.slug] = book
            own.entered |= {new.base.digest, new.key.digest}
        own.steps.append(new)
    how["progress"].planned([step.post.slug for step in own.stale], len(own.steps))
    execute(own, project, dask=None, **how)
    own.cache.sweep(own.entered, NEWEST)
    done, problems = [], list(own.failed)
    for name, (step, seed) in runs.items():
        if book := own.executed.get(name):
            try:
                done.append(Run(step, seed, with_outputs(step.post, book), _found(step, book, papers)))
            except PressError as error:
                problems += error.problems
    return done, problems + [problem for run in done for problem in _broken_values(run, own.executed)]


def _found(step: Step, book: dict[str, Any], papers: tuple[Paper, ...]) -> dict[str, tuple[Claim, Measurement, str]]:
    by_key, parts, done = {paper.citekey: paper for paper in papers}, parts_of(book), {}
    for found, file, line in measurements(book, step.post.file):
        claim = claim_of(found, papers, file, line)
        record = recorded(by_key[found.paper], found.id, step.post.slug, parts)
        done[found.id] = claim, found, recorded_verdict(claim, record) if record and record.current else ""
    return done


def _broken_values(run: Run, executed: dict[str, dict[str, Any]]) -> list[Problem]:
    """Values within the text that no reader can make sense of."""
    book = executed[name_of(run.step, run.seed)]
    ran = {cell["id"]: cell for cell in book["cells"] if cell["cell_type"] == "code"}
    problems = []
    for value in (value for value in run.step.post.inline if value.name in ran):
        data = next((output["data"] for output in ran[value.name]["outputs"] if "data" in output), {})
        text = text_of(data.get("text/markdown") or data.get("text/plain", "")).strip()
        if BROKEN.search(text):
            message = f"with seed {run.seed}, `{{python}} {value.expression}` reads {text!r} on the page"
            way = "Give the value a case for this outcome, as postkit.saying.told does"
            problems.append(Problem(value.file, value.line, f"{message}. {way}"))
    return problems


@dataclass(frozen=True)
class Row:
    """A claim as one post measures it.

    Args:
        recorded: the verdict in paper.toml; "" for none. A current record's stands in place of INCONCLUSIVE, here and
            below.
        words: what each seed said, in the order of the seeds; "" if the post failed.
        told: the measurement behind each.
    """

    id: str
    slug: str
    recorded: str
    words: tuple[str, ...]
    told: tuple[str, ...]

    @property
    def differing(self) -> list[int]:
        """The places of the seeds whose verdict is not the recorded one."""
        return [place for place, word in enumerate(self.words) if word and word != self.recorded]


def rows_of(runs: list[Run], seeds: list[int]) -> list[Row]:
    """A row for each post and claim that at least one of its runs measured."""
    rows = []
    for slug in dict.fromkeys(run.step.post.slug for run in runs):
        own = {run.seed: run for run in runs if run.step.post.slug == slug}
        for id in dict.fromkeys(id for run in own.values() for id in run.found):
            pairs = {seed: run.found.get(id) for seed, run in own.items()}
            claim, found, known = next(pair for pair in pairs.values() if pair)
            said = [_said(pairs[seed]) if seed in pairs else ("", "") for seed in seeds]
            words, told = zip(*said, strict=True)
            rows.append(Row(id, slug, _settled(claim.verdict.get(found.scale, ""), known), words, told))
    return rows


def _said(pair: tuple[Claim, Measurement, str] | None) -> tuple[str, str]:
    if pair is None:
        return NOT_MEASURED, ""
    claim, found, known = pair
    return _settled(verdict(claim, found.measured, found.interval), known), value_text(found)


def _settled(word: str, known: str) -> str:
    """The verdict that a page's reader is left with: of the record where the run leaves the question open."""
    return known or word if word == INCONCLUSIVE else word


def table(rows: list[Row], seeds: list[int]) -> list[str]:
    """What `press verdicts` prints: a line for each claim, and below it one for each seed that says otherwise."""
    grid = [("claim", "post", "recorded", *(f"seed {seed}" for seed in seeds))]
    for row in rows:
        words = ["failed" if not word else "same" if word == row.recorded else word for word in row.words]
        grid.append((row.id, row.slug, row.recorded or UNSAID, *words))
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in grid]
    told = [[f"  seed {seeds[i]}: {row.words[i]} {row.told[i]}".rstrip() for i in row.differing] for row in rows]
    return [lines[0], *(text for line, more in zip(lines[1:], told, strict=True) for text in (line, *more))]
