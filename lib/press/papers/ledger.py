"""`press claims`: the ledger of what papers claim and what posts measured."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from postkit.claims import interval_text, recorded_verdict
from postkit.pooling import Recorded
from postkit.verdicts import VERDICTS, Claim, Measurement, verdict
from press.core.errors import PressError, Problem
from press.papers.boxes import claim_of, measurements
from press.papers.recorded import parts_of, recorded
from press.papers.schema import Paper
from press.posts.failure import failures_in
from press.posts.post import page_of

NOT_MEASURED = "not measured"
NOT_NOW = "not measured in this build"  # a post failed that measures it
NOT_EXECUTED = "not executed"
WIDTH = 100
DEFAULT_SCALE = "small"
Found = tuple[str, Measurement, tuple[str, int], bool]  # post, measurement, its cell's place, whether it is stored


@dataclass(frozen=True)
class Entry:
    """One line of the ledger: a claim, and one measurement of it or none.

    Args:
        post: slug of the post that measured it; "" for none.
        place: file and line of the measuring cell.
        verdict: the measured verdict, or one of `NOT_MEASURED` and `NOT_NOW`.
        recorded: the verdict in paper.toml at the measurement's scale; "" for none.
        stored: whether it was measured in a notebook that is published with its stored outputs, by no build of ours.
        record: what many runs found; None if nothing is on record.
    """

    claim: Claim
    paper: str
    post: str
    place: tuple[str, int]
    measured: Measurement | None
    verdict: str
    recorded: str
    stored: bool = False
    record: Recorded | None = None

    def as_json(self) -> dict[str, Any]:
        """The entry as plain data."""
        found = self.measured.as_json() if self.measured else {"id": self.claim.id, "paper": self.paper}
        keys = ("statement", "table", "row", "number", "quantity", "direction", "than", "expected", "tolerance")
        keys += ("delta", "delta_why", "exact", "quotient", "reason_checked_by")
        own = {"post": self.post or None, "verdict": self.verdict, "recorded": self.recorded or None}
        own |= {"executed": not self.stored} if self.measured else {}
        own["record"] = _record_json(self.claim, self.record) if self.record else None
        return {**found, **own, "reason": self.claim.reason, **{key: getattr(self.claim, key) for key in keys}}


def ledger(papers: Sequence[Paper], notebooks: dict[str, dict[str, Any]]) -> list[Entry]:
    """Every claim of every paper with what the executed notebooks measured, in the order of the papers.

    Args:
        notebooks: slug -> a post's notebook.

    Raises:
        PressError: an invalid measurement, or one of a claim that no paper has.
    """
    found: dict[str, list[Found]] = {}
    problems: list[Problem] = []
    failures = failures_in(notebooks.values())
    for slug, notebook in notebooks.items():
        stored = bool((notebook["metadata"].get("press") or {}).get("stored"))
        try:
            for measured, file, line in measurements(notebook, page_of(slug, notebook)):
                claim_of(measured, papers, file, line)
                found.setdefault(measured.id, []).append((slug, measured, (file, line), stored))
        except PressError as error:
            problems += error.problems
    if problems:
        raise PressError(problems)
    entries = [
        entry
        for paper in papers
        for claim in paper.claims
        for entry in _entries(claim, paper, found.get(claim.id, []), _unmeasured(claim, failures), notebooks)
    ]
    return sorted(entries, key=lambda entry: entry.measured is None)  # measured ones first


def _unmeasured(claim: Claim, failures: list[dict[str, Any]]) -> str:
    """What a claim is called that no post has measured: a post that failed may have, if its code names the claim, or
    if the claim has a recorded verdict."""
    lost = failures and (claim.verdict or any(claim.id in failure["claims"] for failure in failures))
    return NOT_NOW if lost else NOT_MEASURED


def _record_json(claim: Claim, record: Recorded) -> dict[str, Any]:
    found = record.found
    pooled = {"measured": found.measured, "interval": list(found.interval)} if found else {}
    about = {"seeds": record.seeds, "day": record.day, "current": record.current, "parameters": record.parameters}
    return {"verdict": recorded_verdict(claim, record) or None, **pooled, **about}


def _entries(
    claim: Claim, paper: Paper, found: list[Found], unmeasured: str, notebooks: dict[str, dict[str, Any]]
) -> list[Entry]:
    if not found:
        said, record = claim.verdict.get(DEFAULT_SCALE, ""), recorded(paper, claim.id, "", {})
        return [Entry(claim, paper.citekey, "", ("", 0), None, unmeasured, said, record=record)]
    return [
        Entry(
            claim,
            paper.citekey,
            post,
            place,
            measured,
            verdict(claim, measured.measured, measured.interval),
            claim.verdict.get(measured.scale, ""),
            stored,
            recorded(paper, claim.id, post, parts_of(notebooks[post])),
        )
        for post, measured, place, stored in found
    ]


def select(entries: Iterable[Entry], *, verdict: str = "", paper: str = "", post: str = "") -> list[Entry]:
    """The entries with this verdict (in any case), this paper and this post; an empty text takes all.

    Raises:
        PressError: a verdict, paper or post that the ledger does not have; the message lists the legal ones.
    """
    entries = list(entries)
    kinds = [*VERDICTS, NOT_MEASURED, *{entry.verdict for entry in entries if entry.verdict == NOT_NOW}]
    legal = {"verdict": [kind.lower() for kind in kinds], "paper": {entry.paper for entry in entries}}
    legal["post"] = {entry.post for entry in entries if entry.post}
    for name, wanted in (("verdict", verdict.lower()), ("paper", paper), ("post", post)):
        if wanted and wanted not in legal[name]:
            choices = ", ".join(sorted(legal[name])) or "none"
            raise PressError(Problem("", 0, f"--{name} {wanted!r}: not in the ledger. Legal: {choices}"))
    return [
        entry
        for entry in entries
        if verdict.casefold() in ("", entry.verdict.casefold())
        and paper in ("", entry.paper)
        and post in ("", entry.post)
    ]


def as_json(entries: Iterable[Entry]) -> str:
    """The entries as a JSON list."""
    return json.dumps([entry.as_json() for entry in entries], indent=1, ensure_ascii=False)


def as_table(entries: Sequence[Entry], width: int = WIDTH) -> str:
    """The entries as a text table of at most `width` columns; what is too long goes on in the next line."""
    header = ("claim", "paper", "post", "verdict", "measured", "seeds", "recorded", "on record")
    grid = [header, *(_cells(entry) for entry in entries)]
    if not any(entry.record for entry in entries):
        grid = [row[:-1] for row in grid]
    widths = _widths(grid, width)
    lines = []
    for number, row in enumerate(grid):
        wrapped = [_wrap(text, size) for text, size in zip(row, widths, strict=True)]
        for i in range(max(map(len, wrapped))):
            parts = [cell[i] if i < len(cell) else "" for cell in wrapped]
            lines.append("  ".join(part.ljust(size) for part, size in zip(parts, widths, strict=True)).rstrip())
        if number == 0:
            lines.append("  ".join("-" * size for size in widths))
    measured = sum(entry.measured is not None for entry in entries)
    stored = sum(entry.stored for entry in entries)
    more = f", {stored} of these not executed by this build" if stored else ""
    return "\n".join([*lines, "", f"{len(entries)} lines, {measured} of them measured{more}"])


def _cells(entry: Entry) -> tuple[str, ...]:
    recorded = "same" if entry.recorded == entry.verdict else entry.recorded
    names = (entry.claim.id, entry.paper, entry.post, entry.verdict + (f" ({NOT_EXECUTED})" if entry.stored else ""))
    if entry.measured is None:
        return *names, "", "", recorded, _on_record(entry)
    scale = "" if entry.measured.scale == DEFAULT_SCALE else f" ({entry.measured.scale})"
    return (
        *names,
        interval_text(entry.measured),
        f"{entry.measured.seed_count or 'exact'}{scale}",
        recorded,
        _on_record(entry),
    )


def _on_record(entry: Entry) -> str:
    """What is on record, in short: `REPRODUCED 2.1 [1.7, 2.6], 10 seeds`."""
    if not entry.record:
        return ""
    word, found = recorded_verdict(entry.claim, entry.record), entry.record.found
    said = f"{word} {interval_text(found)}" if found else "begun"
    seeds = f"{entry.record.seeds} seed{'s' * (entry.record.seeds > 1)}"
    return f"{said}, {seeds}" + (", earlier version" if entry.record.current is False else "")


def _widths(grid: Sequence[tuple[str, ...]], width: int) -> list[int]:
    """Each column as wide as its longest cell; while that is too much, the widest gives way."""
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    return widths


def _wrap(text: str, size: int) -> list[str]:
    return textwrap.wrap(text, size) or [""]
