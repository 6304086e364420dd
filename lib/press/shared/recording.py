"""`press record`: run posts again and again, each time with another seed, and keep what their claims measured.

The record itself is the state of the work: each run is written down as it ends, so after a kill
the same command continues with the missing seeds. A run that `press verdicts` has made is not made again. Results,
notebooks and site of the project stay as they are.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from postkit.claims import recorded_text
from press.core.disk import write_atomic
from press.core.errors import PressError, Problem
from press.core.project import Project
from press.papers.boxes import claim_of, measurements
from press.papers.recorded import SEED, added, identity, parts_of, recorded
from press.papers.recordfile import LARGEST, NAME, Record, Run, as_text, read_records
from press.papers.schema import Paper
from press.posts.cache import reads_of, with_reads
from press.posts.made import versions_of
from press.posts.plan import Plan, Step, trial_of
from press.posts.post import EXERCISE, Post, named_in
from press.posts.run import execute
from press.shared.seeding import held, kept_runs, name_of, seeded_step, seedless


@dataclass(frozen=True)
class Wanted:
    """A post and the runs that its record lacks.

    Args:
        step: the post with the parameters that all its runs share.
        seeds: those that are missing.
        earlier: whether there are runs of an earlier version of the post, or with other parameters.
    """

    step: Step
    seeds: tuple[int, ...]
    earlier: bool


def wanted(plan: Plan, papers: tuple[Paper, ...], slugs: list[str], seeds: int, root: Path) -> list[Wanted]:
    """What is to run for each post of a plan to have been run with the seeds from 1 on.

    Args:
        slugs: those that were asked for; if none, the posts whose code names a claim that is not exact.
        seeds: how many.

    Raises:
        PressError: the plan has problems, a post has no parameter `seed`, or one of its exercises measures a claim.
    """
    if plan.problems:
        raise PressError(plan.problems)
    chance = [claim.id for paper in papers for claim in paper.claims if not claim.exact]
    steps = [step for step in plan.steps if step.post.runs and (slugs or named_in(step.post, chance))]
    if not steps:
        raise PressError(
            Problem("", 0, "no post to record: no post that runs names a claim that involves chance. Measure one first")
        )
    if problems := seedless(step.post for step in steps) + _measured_in_exercises(steps, chance):
        raise PressError(problems)
    return [_wanted(step, papers, seeds, root) for step in steps]


def _measured_in_exercises(steps: list[Step], claims: list[str]) -> list[Problem]:
    problems = []
    for post in (step.post for step in steps):
        for cell in (cell for cell in post.cells if cell.name in post.exercises):
            for id in named_in(replace(post, cells=(cell,)), claims):
                message = f"claim {id!r} is in a cell tagged {EXERCISE!r}, on which no record depends. Measure it above"
                problems.append(Problem(cell.file, cell.line, message))
    return problems


def _wanted(step: Step, papers: tuple[Paper, ...], seeds: int, root: Path) -> Wanted:
    shared = replace(step, parameters={name: value for name, value in step.parameters.items() if name != SEED})
    records = [(paper.citekey, one) for paper in papers for one in paper.records if one.post == step.post.slug]
    current = {citekey: record for citekey, record in records if is_current(record, shared, root)}
    # A run is done where all papers have it whose claims it measured. A record that was deleted is named by the others.
    needed = {citekey for own, record in current.items() for citekey in (own, *record.beside)}
    held = [{run.seed for run in current[citekey].runs} if citekey in current else set() for citekey in needed]
    done = set.intersection(*held) if held else set()
    missing = tuple(seed for seed in range(1, seeds + 1) if seed not in done)
    return Wanted(shared, missing, len(current) < len(records))


def is_current(record: Record, step: Step, root: Path) -> bool:
    """Whether a run of this step would go on with this record."""
    same = dict(record.parameters) == _as_json(step.parameters)
    return same and record.key == identity(with_reads(step.base, list(record.reads), root, {}).parts)


def _as_json(parameters: dict[str, Any]) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in parameters.items()}


def record(
    project: Project, plan: Plan, papers: tuple[Paper, ...], work: list[Wanted], *, jobs: int, progress: Any
) -> list[Problem]:
    """Run what is missing; each run is in its record before the next result is looked at.

    Args:
        progress: object with `said(line)` and `tick()`.

    Returns:
        What went wrong in the runs that failed. They are not in the record.
    """
    with trial_of(plan) as trial:
        hashes: dict[Path, str] = {}
        pairs = sorted(((seed, one.step) for one in work for seed in one.seeds), key=lambda pair: pair[0])
        runs = {name_of(step, seed): (step, seed) for seed, step in pairs}
        keeper = Keeper(project, trial, papers, runs, progress)
        kept, trial.steps = kept_runs(project), []
        for seed, step in pairs:
            wanted = seeded_step(step, seed, trial, project.root, hashes, "record")
            new, book = held(wanted, kept, project.root, hashes)
            if book is None:
                trial.steps.append(wanted)
            else:
                keeper.found(new.post.slug, book, kept.record(new.key.digest) or {})
        execute(trial, project, jobs=jobs, dask=None, progress=keeper)
    return sorted([*trial.failed, *keeper.problems])


@dataclass
class Keeper:
    """Follows the runs, and writes down each as it ends.

    Args:
        runs: name -> step and seed of each run that is to come.
        problems: what was wrong with what a run measured.
    """

    project: Project
    plan: Plan
    papers: tuple[Paper, ...]
    runs: dict[str, tuple[Step, int]]
    progress: Any
    problems: list[Problem] = field(default_factory=list)
    ended: int = 0

    def started(self, name: str) -> None:
        """A run was handed to a worker."""

    def tick(self) -> None:
        """Time goes by."""
        self.progress.tick()

    def failed(self, name: str, seconds: float) -> None:
        """A run failed."""
        self._tell(f"FAILED {name}")

    def finished(self, name: str, seconds: float) -> None:
        """A run ran through, and its result is in the plan."""
        book = self.plan.executed.pop(name)
        key = book["metadata"]["press"]["key"]
        noted = self.plan.cache.record(key) or {}
        shutil.rmtree(self.plan.cache.folder / key, ignore_errors=True)  # hundreds of runs take much room
        self.found(name, book, noted)

    def found(self, name: str, book: dict[str, Any], noted: dict[str, Any]) -> None:
        """There is the result of a run, and what was noted of it."""
        step, seed = self.runs[name]
        try:
            said = self._keep(step, seed, book, noted)
        except PressError as error:
            self.problems += error.problems
            self._tell(f"FAILED {name}: {error.problems[0]}")
            return
        self._tell(f"recorded {name}: {said}")

    def _tell(self, line: str) -> None:
        self.ended += 1
        self.progress.said(f"{line} ({len(self.runs) - self.ended} of {len(self.runs)} runs left)")

    def _keep(self, step: Step, seed: int, book: dict[str, Any], noted: dict[str, Any]) -> str:
        """Add a run to the records of the papers whose claims it measured; returns what is said about it."""
        by_paper, scale = self.measured(step.post, book)
        parts, made = parts_of(book), book["metadata"]["press"]
        about = (identity(parts), scale, made["device"] or "cpu", _as_json(step.parameters), versions_of(parts))
        used = float(noted.get("processor", 0.0))
        for citekey, values in by_paper.items():
            run = Run(seed, noted.get("day", ""), made["commit"] or "no git", used, values)
            beside = tuple(sorted(by_paper.keys() - {citekey}))
            self._write(citekey, Record(step.post.slug, *about, tuple(reads_of(parts)), (run,), beside))
        told = [f"{id} = {value:.4g}" for values in by_paper.values() for id, value in values.items()]
        return f"{', '.join(told)}; {used} s of processor time"

    def measured(self, post: Post, book: dict[str, Any]) -> tuple[dict[str, dict[str, float]], str]:
        """Citekey -> claim -> value, of the claims that are not exact; and the scale of all.

        Raises:
            PressError: there is none, or what was measured does not go into one record.
        """
        values: dict[str, dict[str, float]] = {}
        scales = set()
        for found, file, line in measurements(book, post.file):
            if claim_of(found, self.papers, file, line).exact:
                continue
            if abs(found.measured) > LARGEST:
                message = f"claim {found.id!r} is measured as {found.measured!r}; a record takes up to {LARGEST:g}"
                raise PressError(Problem(file, line, f"{message}. Look why"))
            own = values.setdefault(found.paper, {})
            if own.setdefault(found.id, found.measured) != found.measured:
                message = f"claim {found.id!r} is measured twice in one run, {own[found.id]!r} and {found.measured!r}"
                raise PressError(Problem(file, line, f"{message}. Measure it once"))
            scales.add(found.scale)
        if len(scales) != 1:
            wrong = f"measures at several scales ({', '.join(sorted(scales))}); a record has one"
            none = "measures no claims, or only exact ones: there is nothing to record"
            raise PressError(Problem(post.file, 0, f"post {post.slug!r} {wrong if scales else none}"))
        return values, scales.pop()

    def _write(self, citekey: str, new: Record) -> None:
        paper = next(paper for paper in self.papers if paper.citekey == citekey)
        path = (self.project.root / paper.file).with_name(NAME)
        before = read_records(path, self.project.root, citekey, paper.claims)
        write_atomic(path, as_text(citekey, added(before, new)).encode())


def summary(work: list[Wanted], papers: tuple[Paper, ...], root: Path) -> list[str]:
    """A line for each claim that the current records of these posts have.

    Args:
        papers: as they are now.
    """
    lines = []
    for step in (one.step for one in work):
        for paper in papers:
            for own in (own for own in paper.records if own.post == step.post.slug and is_current(own, step, root)):
                parts = with_reads(step.base, list(own.reads), root, {}).parts
                for claim in paper.claims:
                    found = recorded(replace(paper, records=(own,)), claim.id, own.post, parts)
                    if found:
                        lines.append(f"{step.post.slug}: {claim.id}: recorded {recorded_text(claim, found)}")
    return lines
