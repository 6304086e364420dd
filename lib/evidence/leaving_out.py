"""The jackknife: an interval for a statistic other than a mean, such as a distance between sets or a ratio of two."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.stats import t

from evidence.estimates import Estimate


def jackknife(
    statistic: Callable[[np.ndarray], float], n: int, *, positive: bool = False, confidence: float = 0.95
) -> Estimate:
    """A smooth statistic of n independent units, with Student's interval from leaving out one at a time.

    For means, shares and paired differences `estimates` has narrower or safer ones. Unsuitable for medians and
    quantiles, and blind to bias: a Frechet distance of few pictures stays too large.

    Args:
        statistic: of the units that are kept, given as their indices, ascending, int64 (k,). Pictures of one prompt or
            one training are one unit: leave them out together.
        n: number of units, >= 3.
        positive: whether it is a distance, a time or a ratio: above 0. The interval is then symmetric in the logarithm.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: n is below 3, confidence not in (0, 1), or the statistic not finite (where positive, not above 0).
    """
    if n < 3 or not 0 < confidence < 1:
        raise ValueError(f"n is {n} and confidence {confidence}; n must be at least 3, confidence in (0, 1)")
    units = np.arange(n)

    def of(kept: np.ndarray) -> float:
        value = float(statistic(kept))
        if not math.isfinite(value) or (positive and value <= 0):
            raise ValueError(f"the statistic of {len(kept)} units is {value!r}; need finite{', > 0' * positive}")
        return math.log(value) if positive else value

    value = of(units)
    without = np.array([of(np.delete(units, i)) for i in units])
    half = t.ppf((1 + confidence) / 2, n - 1) * math.sqrt((n - 1) * without.var())
    ends = (value, value - half, value + half)
    return Estimate(*(math.exp(x) if positive else x for x in ends), n)
