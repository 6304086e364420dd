"""What a paper claims, what a post measured, and the rule that turns both into a verdict. Standard library only.

The press imports this module too: it re-renders the boxes from stored measurements when a `paper.toml` changes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

REPRODUCED = "REPRODUCED"
DIRECTION_ONLY = "DIRECTION ONLY"
CONTRADICTED = "CONTRADICTED"
NO_EFFECT = "NO EFFECT"
INCONCLUSIVE = "INCONCLUSIVE"
VERDICTS = (REPRODUCED, DIRECTION_ONLY, CONTRADICTED, NO_EFFECT, INCONCLUSIVE)
SCALES = ("small", "full")
DIRECTIONS = ("above", "below", "near")


@dataclass(frozen=True)
class Claim:
    """One claim of a paper: a `[[claims]]` table of its `paper.toml`.

    Args:
        id: a slug, unique across all papers.
        statement: what the paper says, in one sentence.
        table: where it says so, such as "Table 1".
        number: what it prints there.
        quantity: what a measurement of it is.
        direction: where a measurement must lie: "above" or "below" `than`, or "near" `expected`.
        row: the row of the table; "" for none.
        than: the border of "above" and "below"; None for "near".
        expected: the paper's value of a scale-free quantity; None where there is none.
        tolerance: share of |expected| by which a measurement may be off; absolute if `expected` is 0.
        delta: smallest effect of interest, stated before anything is measured: what lies within `delta` of `than` is no
            effect. None for "near", whose tolerance says as much, and for exact claims.
        delta_why: why this much.
        exact: whether a measurement involves no chance, such as a closed form or what a table prints.
        quotient: whether `quantity` is one positive mean divided by another, so that 2 and 1/2 are equally far from 1.
        verdict: the recorded verdict of each scale.
        reason: why it is not reproduced; "" for none.
        reason_checked_by: the cell that tested the reason, "post#label"; nobody states a cause that nothing tested.
        numbers: further numbers that prose may quote, as the paper prints them.
    """

    id: str
    statement: str
    table: str
    number: str
    quantity: str
    direction: str
    row: str = ""
    than: float | None = None
    expected: float | None = None
    tolerance: float | None = None
    delta: float | None = None
    delta_why: str = ""
    exact: bool = False
    quotient: bool = False
    verdict: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    reason_checked_by: str = ""
    numbers: Mapping[str, str] = field(default_factory=dict)

    @property
    def margin(self) -> float:
        """How far from `expected` still counts as equal, in the unit of `quantity`. Raises ValueError if unknown."""
        if self.expected is None or self.tolerance is None:
            raise ValueError(f"claim {self.id!r} has no expected and tolerance")
        return self.tolerance * (abs(self.expected) or 1.0)


@dataclass(frozen=True)
class Measurement:
    """What a post found; made by `measurement`, which checks it.

    Args:
        id: the claim.
        paper: the citekey of its paper.
        measured: the value.
        interval: its lower and upper end; the value twice where it is exact.
        seeds: how many seeds, or which; 0 where it is exact.
        scale: "small" or "full".
    """

    id: str
    paper: str
    measured: float
    interval: tuple[float, float]
    seeds: int | tuple[int, ...]
    scale: str

    @property
    def seed_count(self) -> int:
        """How many seeds."""
        return self.seeds if isinstance(self.seeds, int) else len(self.seeds)

    def as_json(self) -> dict[str, Any]:
        """What is kept in the notebook as `application/vnd.claim+json`."""
        seeds = self.seeds if isinstance(self.seeds, int) else list(self.seeds)
        return {
            "id": self.id,
            "paper": self.paper,
            "measured": self.measured,
            "interval": list(self.interval),
            "seeds": seeds,
            "scale": self.scale,
        }


def measurement(
    id: str,
    *,
    paper: str,
    measured: float,
    interval: Sequence[float] | None = None,
    seeds: int | Sequence[int] = 0,
    scale: str = "small",
) -> Measurement:
    """A measurement of the claim `id`, checked.

    Args:
        measured: a finite number; NumPy and torch scalars are fine.
        interval: (low, high), finite, with low <= measured <= high; None where the number is exact.
        seeds: how many seeds it was measured with, from 1; or the seeds, all different; 0 where the number is exact.
        scale: "small" (the site's default run on a CPU) or "full" (a real checkpoint).

    Raises:
        ValueError: anything else; names the value.
    """
    for name, text in (("id", id), ("paper", paper)):
        if not isinstance(text, str) or not text:
            raise ValueError(f"{name} is {text!r}; it must be a string")
    if scale not in SCALES:
        raise ValueError(f"scale is {scale!r}; legal: {', '.join(SCALES)}")
    value = _finite(measured, "measured")
    if _whole(seeds) == 0 and (interval is None or list(interval) == [value, value]):
        return Measurement(id, paper, value, (value, value), 0, scale)
    if interval is None:
        raise ValueError(f"seeds is {seeds!r}, without an interval; an exact number has neither, any other both")
    try:
        low, high = interval
    except (TypeError, ValueError):
        raise ValueError(f"interval is {interval!r}; it must be (low, high)") from None
    low, high = _finite(low, "interval's low end"), _finite(high, "interval's high end")
    if low > high:
        raise ValueError(f"interval is ({low!r}, {high!r}); its low end must not be above its high end")
    if not low <= value <= high:
        raise ValueError(f"measured is {value!r}; it must lie in its interval [{low!r}, {high!r}]")
    return Measurement(id, paper, value, (low, high), _seeds(seeds), scale)


def _finite(value: Any, name: str) -> float:
    # float("2") would be taken, and a bool is an int: neither is a measurement.
    if isinstance(value, (str, bytes, bool)) or not (isinstance(value, Real) or hasattr(value, "__float__")):
        raise ValueError(f"{name} is {value!r}; it must be a number")
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise ValueError(f"{name} is {value!r}; it must be one finite number") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} is {number!r}; it must be finite")
    return number


def _whole(value: Any) -> int | None:
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def _seeds(seeds: Any) -> int | tuple[int, ...]:
    count = _whole(seeds)
    if count is not None:
        if count < 1:
            raise ValueError(f"seeds is {seeds!r}; it must be at least 1")
        return count
    try:
        found = tuple(map(_whole, seeds))
    except TypeError:
        found = (None,)
    if None in found:
        raise ValueError(f"seeds is {seeds!r}; it must be the number of seeds or a list of whole numbers")
    if not found:
        raise ValueError(f"seeds is {seeds!r}; name at least one")
    if len(set(found)) < len(found):
        raise ValueError(f"seeds is {seeds!r}; each may occur only once")
    return found


def verdict(claim: Claim, measured: float, interval: Sequence[float]) -> str:
    """The verdict on a claim, by one rule for all.

    "above" and "below" `than`: NO EFFECT when the interval lies wholly within `delta` of `than` (an equivalence test),
    else INCONCLUSIVE when it contains `than`, CONTRADICTED when it lies wholly on the other side. On the claimed side,
    REPRODUCED when there is no `expected` or `measured` is within the tolerance of it, else DIRECTION ONLY. "near":
    REPRODUCED when the interval lies wholly within the tolerance of `expected`, CONTRADICTED when wholly outside, else
    INCONCLUSIVE. An exact number is its own interval; one that equals `than` is on neither side, and contradicts.
    Borders belong to the tolerance, and to `delta`.

    Returns:
        One of `VERDICTS`.

    Raises:
        ValueError: the claim's direction is none of `DIRECTIONS`, or it lacks what its direction needs.
    """
    low, high = (measured, measured) if claim.exact else interval
    if claim.direction == "near":
        margin = claim.margin
        least, most = claim.expected - margin, claim.expected + margin
        if least <= low and high <= most:
            return REPRODUCED
        return CONTRADICTED if high < least or low > most else INCONCLUSIVE
    if claim.direction not in DIRECTIONS:
        raise ValueError(f"claim {claim.id!r}: direction is {claim.direction!r}; legal: {', '.join(DIRECTIONS)}")
    if claim.than is None:
        raise ValueError(f"claim {claim.id!r}: direction {claim.direction!r} needs than")
    if claim.delta is not None and claim.than - claim.delta <= low and high <= claim.than + claim.delta:
        return NO_EFFECT
    if low <= claim.than <= high:
        return CONTRADICTED if claim.exact else INCONCLUSIVE
    if (low > claim.than) != (claim.direction == "above"):
        return CONTRADICTED
    if claim.expected is None or abs(measured - claim.expected) <= claim.margin:
        return REPRODUCED
    return DIRECTION_ONLY


def times_needed(claim: Claim, measured: float, interval: Sequence[float]) -> float:
    """How many times as much data would settle a claim that is INCONCLUSIVE, if the value measured is the true one.

    An interval shrinks with the root of its data. It settles the claim once half its width is below the distance of the
    value from the nearest border; or, where there is a `delta`, below what then separates the value from it: whichever
    takes less. inf where the value lies on the border and there is no `delta`.
    """
    half = (interval[1] - interval[0]) / 2
    if claim.direction == "near":
        enough = abs(abs(measured - claim.expected) - claim.margin)
    else:
        off = abs(measured - claim.than)
        enough = max(off, (claim.delta or 0.0) - off)
    return (half / enough) ** 2 if enough else math.inf
