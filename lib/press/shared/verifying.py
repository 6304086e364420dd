"""`press verify`: run posts again, beside everything that there is, and compare with what the site shows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from press.core.errors import PressError
from press.core.project import Project
from press.papers.schema import Paper, claims_by_id
from press.posts.plan import Plan, Step, trial_of
from press.posts.run import execute
from press.shared.agreement import TIMING, WORDS, Finding, Grade, compare

GAP = "  "
HEAD = ("post", "cells", *WORDS, "result")


@dataclass
class Verified:
    """A post that was run again.

    Args:
        cells: name -> where it is, and what was found.
        problem: why it could not be compared; "" if it was.
        origin: the cache that its results came from; "" for none.
    """

    slug: str
    cells: dict[str, tuple[str, Finding]] = field(default_factory=dict)
    problem: str = ""
    origin: str = ""

    @property
    def agrees(self) -> bool:
        """Whether nothing but times and last digits differs."""
        return not self.problem and all(found.grade < Grade.DIFFERENT for _, found in self.cells.values())


def verify(
    project: Project, plan: Plan, papers: tuple[Paper, ...], *, jobs: int, progress: Any
) -> tuple[list[Verified], list[str]]:
    """Run the posts of a plan again and compare. The project's results, notebooks and site stay as they are.

    Returns:
        What was found, post by post, and what went wrong in those that failed.

    Raises:
        PressError: the plan has problems.
    """
    if plan.problems:
        raise PressError(plan.problems)
    before = {step.post.slug: _shown(step, plan, project.root) for step in plan.steps if step.post.runs}
    again = [step for step in plan.steps if before.get(step.post.slug) is not None]
    with trial_of(plan) as trial:
        trial.steps = [replace(step, reasons=["verify"]) for step in again]
        progress.planned([step.post.slug for step in again], len(plan.steps))
        execute(trial, project, jobs=jobs, dask=None, progress=progress)
    done = [_compared(step, before[step.post.slug], trial, papers) for step in again]
    for step in (step for step in plan.steps if step.post.runs and before[step.post.slug] is None):
        why = step.reasons[0] if step.reasons else "no results"
        done.append(Verified(step.post.slug, problem=f"nothing to compare with: it is stale ({why}). Run press build"))
    return sorted(done, key=lambda one: one.slug), list(map(str, trial.failed))


def _shown(step: Step, plan: Plan, root: Path) -> dict[str, Any] | None:
    """The notebook whose outputs the site shows: of the cache, or as it was placed; None where it is of another key."""
    if step.post.slug in plan.executed:
        return plan.executed[step.post.slug]
    try:
        book = json.loads((root / step.post.place).read_bytes())
        return book if book["metadata"]["press"]["key"] == step.key.digest else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _compared(step: Step, book: dict[str, Any], trial: Plan, papers: tuple[Paper, ...]) -> Verified:
    slug = step.post.slug
    taken = book["metadata"]["press"].get("taken") or {}
    done = Verified(slug, origin=str(taken.get("origin", "")))
    if slug not in trial.executed:
        done.problem = "it failed"
        return done
    new = {cell["id"]: cell for cell in trial.executed[slug]["cells"] if cell["cell_type"] == "code"}
    claims = claims_by_id(papers)
    for cell in (cell for cell in book["cells"] if cell["cell_type"] == "code" and cell["id"] in new):
        place = cell["metadata"].get("press") or {}
        where = f"{place['file']}:{place['line']}" if place.get("line") else step.post.file
        timing = TIMING in new[cell["id"]]["metadata"].get("tags", ())
        found = compare(cell["outputs"], new[cell["id"]]["outputs"], claims, timing)
        done.cells[cell["id"]] = where, found
    return done


def table(found: list[Verified]) -> list[str]:
    """What `press verify` prints: a row per post, and below it a line for each cell that is not the same."""
    rows = [HEAD]
    for one in found:
        counts = [sum(cell.grade == grade for _, cell in one.cells.values()) for grade in Grade]
        result = "agrees" if one.agrees else one.problem or "DIFFERS"
        origin = f" (taken from {one.origin})" if one.origin else ""
        rows.append((one.slug, str(len(one.cells)), *(str(count or "") for count in counts), result + origin))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = []
    for number, row in enumerate(rows):
        sides = [
            text.ljust(w) if i in (0, len(HEAD) - 1) else text.rjust(w)
            for i, (text, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(GAP.join(sides).rstrip())
        if number:
            lines += _details(found[number - 1])
    return lines


def _details(one: Verified) -> list[str]:
    told = [(name, *cell) for name, cell in one.cells.items() if cell[1].grade != Grade.SAME]
    return [f"  {where} {name}: {WORDS[f.grade]}{': ' + f.said if f.said else ''}" for name, where, f in told]
