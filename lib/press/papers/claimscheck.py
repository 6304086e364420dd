"""What `press check` says of claims: recorded verdicts that no longer hold, and reasons that nothing tested."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import combinations
from typing import Any

from postkit.claims import interval_text, recorded_verdict, value_text
from postkit.verdicts import CONTRADICTED, DIRECTION_ONLY, INCONCLUSIVE, REPRODUCED, Claim
from press.core.celloptions import option_rows
from press.core.errors import PressError, Problem
from press.core.project import Project
from press.papers.ledger import DEFAULT_SCALE, Entry, ledger
from press.papers.schema import Paper, check_citekeys
from press.posts.collection import read_notebooks
from press.posts.failure import failures_in

VERDICTS = "verdicts"  # the check of strictness.CHECKS


def is_close(one: str, other: str) -> bool:
    """Whether two verdicts on a claim do not contradict each other: a measurement near a border may give either.

    So it is where one of them leaves the question open, and of a number that is within the tolerance or just outside.
    """
    return one == other or INCONCLUSIVE in (one, other) or {one, other} == {REPRODUCED, DIRECTION_ONLY}


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
        known: the bibliography's keys; None if the project has no bibliography.
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
            problems += _unfounded(paper, claim, notebooks) + _needless(paper, claim, own)
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
                "One run may be wrong: give the post more data until both agree"
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
        kinds: dict[str, Entry] = {}
        for entry in (entry for entry in entries if entry.measured.scale == scale):
            kinds.setdefault(entry.verdict, entry)
        apart = sorted(combinations(kinds.values(), 2), key=lambda pair: is_close(pair[0].verdict, pair[1].verdict))
        others = [entry for entry in kinds.values() if entry.verdict != claim.verdict.get(scale)]
        found = [_differs(paper, claim, entry) for entry in others]
        if apart:
            first = _apart(claim, *apart[0])
            found = [first, *(problem for problem in found if first.check and not problem.check)]
        problems += found
    measured = {entry.measured.scale for entry in entries}
    if required and DEFAULT_SCALE in claim.verdict and DEFAULT_SCALE not in measured:
        message = (
            f"claim {claim.id!r} is recorded as {claim.verdict[DEFAULT_SCALE]} ({DEFAULT_SCALE}), and no post measures "
            f"it. Measure it in a post, or remove {DEFAULT_SCALE} from its verdict"
        )
        problems.append(Problem(*paper.claim_place(claim.id, "verdict", DEFAULT_SCALE), message))
    return problems


def _apart(claim: Claim, one: Entry, other: Entry) -> Problem:
    """Two measurements of one claim with different verdicts."""
    message = (
        f"claim {claim.id!r} is {other.verdict} here ({value_text(other.measured)}), and "
        f"{one.verdict} in {_told(one)}. Measure it once, or make them agree"
    )
    return Problem(*other.place, message, check=VERDICTS if is_close(one.verdict, other.verdict) else "")


def _differs(paper: Paper, claim: Claim, entry: Entry) -> Problem:
    """A verdict that is not the recorded one. It stops a build only where one contradicts the other: a measurement near
    a border may fall on either side of it by the last digits of a machine."""
    scale = entry.measured.scale
    now = ", ".join(f'{key} = "{value}"' for key, value in {**claim.verdict, scale: entry.verdict}.items())
    said = f"is recorded as {claim.verdict[scale]} ({scale})" if scale in claim.verdict else "has no recorded verdict"
    close = scale in claim.verdict and is_close(claim.verdict[scale], entry.verdict)
    seen = "If every machine says so" if close else "If the measurement is right"
    said += f", and is {entry.verdict} in {_told(entry)}"
    message = f"claim {claim.id!r} {said}. {seen}, write: verdict = {{ {now} }}"
    return Problem(*paper.claim_place(claim.id, "verdict", scale), message, check=VERDICTS if close else "")


def _told(entry: Entry) -> str:
    return f"{entry.place[0]}:{entry.place[1]} ({value_text(entry.measured)})"


def _needless(paper: Paper, claim: Claim, entries: list[Entry]) -> list[Problem]:
    """A reason beside a verdict that the build leaves open, and that no record decides."""
    if not claim.reason or set(claim.verdict.values()) != {INCONCLUSIVE}:
        return []
    if any(
        entry.record and recorded_verdict(claim, entry.record) not in ("", INCONCLUSIVE, REPRODUCED)
        for entry in entries
    ):
        return []
    message = (
        f"claim {claim.id!r} is {INCONCLUSIVE}, and no record contradicts it, so there is nothing to give a reason for"
    )
    return [Problem(*paper.claim_place(claim.id, "reason"), f"{message}. Remove reason, or run press record")]


def _labels(notebook: dict[str, Any]) -> set[str]:
    """What a post's code cells are called: their labels, and the names of those that have none."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    rows = [row.partition(":") for cell in cells for row in option_rows("".join(cell["source"]))]
    labels = {value.strip().strip("\"'") for key, _, value in rows if key.strip() == "label"}
    return labels | {cell.get("id", "") for cell in cells}
