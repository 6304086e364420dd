"""Several estimates that a claim needs together: the smallest or the largest of them, with an interval that holds.

"Better than both ends" is a statement about the smaller of two differences. Each is estimated at `level_of_each`; then
all their intervals hold together (Bonferroni), and the ends of the smallest one follow from theirs.
"""

from __future__ import annotations

from evidence.estimates import Estimate


def level_of_each(count: int, confidence: float = 0.95) -> float:
    """The confidence that each of `count` intervals must have, so that all together have `confidence`.

    Raises:
        ValueError: if count < 1 or confidence is not in (0, 1).
    """
    if count < 1 or not 0 < confidence < 1:
        raise ValueError(f"count, confidence are {count}, {confidence}; count must be >= 1, confidence in (0, 1)")
    return 1 - (1 - confidence) / count


def smallest(*estimates: Estimate) -> Estimate:
    """The smallest of several values; its interval, from intervals that hold together (see `level_of_each`).

    Raises:
        ValueError: if there is none.
    """
    return _extreme(min, estimates)


def largest(*estimates: Estimate) -> Estimate:
    """The largest of several values, as `smallest` gives the smallest."""
    return _extreme(max, estimates)


def _extreme(choose, estimates: tuple[Estimate, ...]) -> Estimate:
    if not estimates:
        raise ValueError("there are no estimates; give at least one")
    value, low, high, _ = (choose(part) for part in zip(*estimates, strict=True))
    return Estimate(value, low, high, min(e.n for e in estimates))
