"""One measurement from many runs, each with its own seed: what `press record` found. Standard library only.

The runs are independent of one another, with their own training, prompts and noise, so the interval of their mean
covers all of these. It is Student's: of the values as they are, or of their logarithms where a claim says that its
quantity is a quotient: else one run several times as large as the others would dominate the mean and its interval.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from postkit.verdicts import Measurement, measurement

LEAST = 3  # runs that make a record; fewer have begun one
LEVEL = 0.95


@dataclass(frozen=True)
class Recorded:
    """What the recorded runs of a post say about a claim.

    Args:
        found: their mean and its interval; None where there are fewer than `LEAST`.
        seeds: how many runs there are.
        day: of the last one, such as "2026-11-28".
        current: whether they ran the post as this build ran it, with all that it depends on; None where none was run.
        parameters: those that differ from the post's own, such as "n = 50"; "" for none.
        place: file and line of the record.
    """

    found: Measurement | None
    seeds: int
    day: str
    current: bool | None
    parameters: str = ""
    place: tuple[str, int] = ("", 0)


def student_t(freedom: int, level: float = LEVEL) -> float:
    """The t such that Student's distribution has this share of its probability between -t and t.

    Args:
        freedom: degrees of freedom, from 1.
        level: between 0 and 1.

    Raises:
        ValueError: if an argument is out of range.
    """
    if freedom < 1 or not 0 < level < 1:
        raise ValueError(f"freedom is {freedom!r} and level {level!r}; legal: >= 1, and between 0 and 1")
    low, high = 0.0, math.pi / 2  # of the angle whose tangent is t / sqrt(freedom)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _within(angle: float, freedom: int) -> float:
    """The share of probability within an angle: a finite series (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term, total = (cosine if odd else 1.0), 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= cosine * cosine * (power + 1) / (power + 2)
    return (angle + sine * total) * 2 / math.pi if odd else sine * total


def pooled(
    id: str, *, paper: str, values: Sequence[float], scale: str = "small", quotient: bool = False
) -> Measurement:
    """The mean of independent runs with Student's interval; of quotients the geometric mean, if all are above 0.

    Args:
        values: what each run measured, one per seed; at least two.
        quotient: whether the claim says that it is one.
        id, paper, scale: as in `measurement`.

    Raises:
        ValueError: fewer than two values, or one that is not finite.
    """
    if len(values) < 2 or not all(map(math.isfinite, values)):
        raise ValueError(f"values are {list(values)!r}; an interval takes at least two, all finite")
    logs = quotient and min(values) > 0
    found = [math.log(value) for value in values] if logs else values
    mean = statistics.fmean(found)
    half = student_t(len(values) - 1) * statistics.stdev(found) / math.sqrt(len(values))
    value, *ends = (math.exp(x) if logs else x for x in (mean, mean - half, mean + half))
    return measurement(id, paper=paper, measured=value, interval=ends, seeds=len(values), scale=scale)
