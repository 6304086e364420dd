"""What `press check` says of claims: recorded verdicts that no longer hold, and reasons that nothing tested."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from postkit.claims import interval_text, recorded_verdict, value_text
from postkit.verdicts import CONTRADICTED, DIRECTION_ONLY, REPRODUCED, Claim
from press.core.celloptions import option_rows
from press.core.errors import PressError, Problem
from press.core.project import Project
from press.papers.ledger import DEFAULT_SCALE, Entry, ledger
from press.papers.schema import Paper, check_citekeys
from press.posts.collection import read_notebooks
from press.posts.failure import failures_in


def check_claims(
    project: Project,
    papers: Sequence[Paper],
    known: Iterable[str] | None,
    notebooks: dict[str, dict[str, Any]] | None = None,
) -> list[Problem]:
    """What is wrong between papers, posts and recorded verdicts.

    A verdict recorded for the scale "small" must be measured by some post, in a build without profile in which no post
    failed: "full" needs a real checkpoint, and so does a profile.

    Args:
        known: the bibliography's keys; None where the project has no bibliography.
        notebooks: what `read_notebooks` would read, where that is known.
    """
    try:
        notebooks = read_notebooks(project) if notebooks is None else notebooks
        entries = ledger(papers, notebooks)
    except PressError as error:
        return error.problems
    problems = check_citekeys(papers, known) if known is not None else []
    required = not project.profile and not failures_in(notebooks.values())
    for paper in papers:
        for claim in paper.claims:
            own = [entry for entry in entries if entry.claim.id == claim.id and entry.measured]
            problems += _judge(paper, claim, own, required=required)
            problems += _unfounded(paper, claim, notebooks)
            problems += _against_record(own)
    return problems


def _against_record(entries: list[Entry]) -> list[Problem]:
    """A build that says one thing where many runs of the same post say the opposite."""
    problems = []
    for entry in entries:
        record = entry.record
        if record is None or not record.current or not record.found or record.found.scale != entry.measured.scale:
            continue
        known = recorded_verdict(entry.claim, record)
        sides = {word in (REPRODUCED, DIRECTION_ONLY) for word in (entry.verdict, known)}
        if CONTRADICTED in (entry.verdict, known) and sides == {True, False}:
            message = (
                f"claim {entry.claim.id!r} is {entry.verdict} here ({value_text(entry.measured)}), and {known} on "
                f"record ({record.place[0]}:{record.place[1]}: {interval_text(record.found)}, {record.seeds} seeds). "
                "One run may err: give the post more data until both agree"
            )
            problems.append(Problem(*entry.place, message))
    return problems


def _unfounded(paper: Paper, claim: Claim, notebooks: dict[str, dict[str, Any]]) -> list[Problem]:
    """A reason whose test is not there."""
    post, _, label = claim.reason_checked_by.partition("#")
    if not label:
        return []
    if post in notebooks:
        wanted, legal, what = label, _labels(notebooks[post]), f"post {post!r} has no cell labelled {label!r}"
    else:
        wanted, legal, what = post, set(notebooks), f"there is no post {post!r}"
    if wanted in legal:
        return []
    close = get_close_matches(wanted, legal)
    way = f"Near: {', '.join(close)}" if close else f"Legal: {', '.join(sorted(legal)) or 'none'}"
    message = f"claim {claim.id!r}: reason_checked_by {claim.reason_checked_by!r}: {what}. {way}"
    return [Problem(*paper.claim_place(claim.id, "reason_checked_by"), message)]


def _judge(paper: Paper, claim: Claim, entries: list[Entry], *, required: bool) -> list[Problem]:
    problems = []
    for scale in dict.fromkeys(entry.measured.scale for entry in entries):
        at_scale = [entry for entry in entries if entry.measured.scale == scale]
        other = next((entry for entry in at_scale if entry.verdict != at_scale[0].verdict), None)
        if other:
            message = (
                f"claim {claim.id!r} is {other.verdict} here ({value_text(other.measured)}), and "
                f"{at_scale[0].verdict} in {_told(at_scale[0])}. Measure it once, or let them agree"
            )
            problems.append(Problem(*other.place, message))
        elif at_scale[0].verdict != claim.verdict.get(scale):
            problems.append(_differs(paper, claim, at_scale[0]))
    measured = {entry.measured.scale for entry in entries}
    if required and DEFAULT_SCALE in claim.verdict and DEFAULT_SCALE not in measured:
        message = (
            f"claim {claim.id!r} is recorded as {claim.verdict[DEFAULT_SCALE]} ({DEFAULT_SCALE}), and no post measures "
            f"it. Measure it in a post, or remove {DEFAULT_SCALE} from its verdict"
        )
        problems.append(Problem(*paper.claim_place(claim.id, "verdict", DEFAULT_SCALE), message))
    return problems


def _differs(paper: Paper, claim: Claim, entry: Entry) -> Problem:
    scale = entry.measured.scale
    now = ", ".join(f'{key} = "{value}"' for key, value in {**claim.verdict, scale: entry.verdict}.items())
    said = f"is recorded as {claim.verdict[scale]} ({scale})" if scale in claim.verdict else "has no recorded verdict"
    message = (
        f"claim {claim.id!r} {said}, and is {entry.verdict} in {_told(entry)}. "
        f"If the measurement is right, write: verdict = {{ {now} }}"
    )
    return Problem(*paper.claim_place(claim.id, "verdict", scale), message)


def _told(entry: Entry) -> str:
    return f"{entry.place[0]}:{entry.place[1]} ({value_text(entry.measured)})"


def _labels(notebook: dict[str, Any]) -> set[str]:
    """What a post's code cells are called: their labels, and the names of those that have none."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    rows = [row.partition(":") for cell in cells for row in option_rows("".join(cell["source"]))]
    labels = {value.strip().strip("\"'") for key, _, value in rows if key.strip() == "label"}
    return labels | {cell.get("id", "") for cell in cells}
