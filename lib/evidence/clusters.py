"""Means over few units with several values in each, such as trainings and the pictures that each one draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from evidence.estimates import Estimate, mean


def clustered_mean(values: ArrayLike, *, bounds: tuple[float, float], confidence: float = 0.95) -> Estimate:
    """The mean over units, each of which holds several values: the wider of two intervals.

    One is Student's over the units' means, and covers all that differs between units. A handful of units that happen to
    agree would make it vanish. So the other takes every value as a unit of its own, with `mean`'s allowance for bounds:
    values of one unit are at best independent, and units cannot be known better than that.

    Args:
        values: (n, m), n units of m values.
        bounds: the least and largest value that there can be, such as (-1, 1) for a difference of shares.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: see `mean`; or the values are not (n, m).
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2:
        raise ValueError(f"the values have the shape {x.shape}; give (units, values of each)")
    of_units = mean(x, confidence=confidence)
    of_values = mean(x.reshape(-1), bounds=bounds, confidence=confidence)
    low, high = min(of_units.low, of_values.low), max(of_units.high, of_values.high)
    return Estimate(of_units.value, max(low, bounds[0]), min(high, bounds[1]), len(x))
