"""What the recorded runs of a post say of a claim, and whether they ran the post as it is now."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from postkit.pooling import LEAST, Recorded, pooled
from press.papers.recordfile import Record
from press.papers.schema import Paper
from press.posts.cache import key_of

SEED = "seed"
BOXES = "module postkit._claim_box"


def identity(parts: Mapping[str, str]) -> str:
    """The digest of what a run's measurements depend on, apart from its parameters and the post's name.

    Boxes are drawn again from the measurement, whenever a page is made, so how they are drawn does not count.

    A package's build for another device (2.9.0+cu128) counts as the same version: the device is a parameter.

    Args:
        parts: of its key.
    """
    return key_of({name: _of_any_device(name, value) for name, value in parts.items() if not _left_out(name)}).digest


def _left_out(name: str) -> bool:
    return name in ("slug", BOXES) or name.startswith(("parameter ", "exercise "))


def _of_any_device(name: str, value: str) -> str:
    return value.partition("+")[0] if name.startswith("version ") else value


def parts_of(notebook: Mapping[str, Any]) -> dict[str, str]:
    """The parts of the key of an executed notebook; {} if it has none."""
    return (notebook["metadata"].get("press") or {}).get("parts") or {}


def recorded(paper: Paper, id: str, post: str, parts: Mapping[str, str]) -> Recorded | None:
    """What is on record of a claim; None if nothing is.

    Of several records, one that is current and complete comes first, else the one with most runs.

    Args:
        post: slug of the post that measures it; "" for any.
        parts: of the key of its executed notebook; {} if there is none.
    """
    key = _digest(tuple(sorted(parts.items()))) if parts else ""
    found = [one for one in paper.records if post in ("", one.post) and any(id in run.values for run in one.runs)]
    if not found:
        return None
    best = max(found, key=lambda one: (one.key == key and _count(one, id) >= LEAST, _count(one, id)))
    runs = [run for run in best.runs if id in run.values]
    values = [run.values[id] for run in runs]
    how = {"scale": best.scale, "quotient": any(claim.quotient for claim in paper.claims if claim.id == id)}
    return Recorded(
        pooled(id, paper=paper.citekey, values=values, **how) if len(values) >= LEAST else None,
        len(values),
        max(run.day for run in runs),
        best.key == key if parts else None,
        ", ".join(f"{name} = {value}" for name, value in sorted(best.parameters.items())),
        best.place,
    )


@functools.lru_cache(maxsize=256)
def _digest(parts: tuple[tuple[str, str], ...]) -> str:
    return identity(dict(parts))


def _count(record: Record, id: str) -> int:
    return sum(id in run.values for run in record.runs)


def added(records: Sequence[Record], new: Record) -> list[Record]:
    """The records with those runs added that have the same kind, else with a record more.

    An earlier record of the post goes once the new one has at least as many runs.
    """
    same = next((one for one in records if one.kind == new.kind), None)
    runs = {run.seed: run for run in (*(same.runs if same else ()), *new.runs)}
    whole = Record(**{**vars(new), "runs": tuple(runs[seed] for seed in sorted(runs))})
    kept = [one for one in records if one is not same and (one.post != new.post or len(one.runs) > len(whole.runs))]
    return sorted([*kept, whole], key=lambda one: one.post)
