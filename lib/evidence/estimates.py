"""Estimates of means, shares and ratios with intervals by Student's t, over units that were drawn independently.

Differences of shares by Agresti and Min (2005), one share by Wilson (1927).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, t


class Estimate(NamedTuple):
    """A value, the ends of its interval, and how many independent units it is made of."""

    value: float
    low: float
    high: float
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """(low, high)."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g}; n = {self.n})"


def unit_means(values: ArrayLike) -> np.ndarray:
    """One number per unit, float64 (n,): what a unit holds along further axes is averaged.

    Args:
        values: (n, ...), the first axis being the units: trainings, prompts or pictures.

    Raises:
        ValueError: if there are fewer than 2 units, or a value is not finite.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim == 0 or len(x) < 2 or x.size == 0:
        raise ValueError(f"the values have the shape {x.shape}; give at least 2 units along the first axis")
    if not np.isfinite(x).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(x))} of {x.size} values are not finite")
    return x.reshape(len(x), -1).mean(1)


def mean(values: ArrayLike, *, bounds: tuple[float, float] | None = None, confidence: float = 0.95) -> Estimate:
    """The mean over units. For a difference give the differences, unit by unit: what both have in common then cancels.

    Args:
        values: (n, ...), see `unit_means`.
        bounds: the least and largest value that a unit can have, such as (-1, 1) for a difference of shares. Two
            further units, a half at each bound and one in the middle, then enter the interval (not the value), so that
            thirty equal units do not look certain. None: no such bounds are known.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: see `unit_means`; or if a value is out of bounds.
    """
    x = unit_means(values)
    n, value = len(x), x.mean()
    _check(confidence)
    if bounds is None:
        centre, variance, count = value, x.var(ddof=1), n
    else:
        low, high = bounds
        if x.min() < low or x.max() > high:
            raise ValueError(f"values from {x.min():g} to {x.max():g} are out of the bounds {bounds}")
        middle, count = (low + high) / 2, n + 2
        centre = (x.sum() + 2 * middle) / count
        more = (low - centre) ** 2 / 2 + (high - centre) ** 2 / 2 + (middle - centre) ** 2
        variance = (((x - centre) ** 2).sum() + more) / (count - 1)
    half = t.ppf((1 + confidence) / 2, n - 1) * math.sqrt(variance / count)
    ends = (centre - half, centre + half) if bounds is None else (max(centre - half, low), min(centre + half, high))
    return Estimate(float(value), float(min(ends[0], value)), float(max(ends[1], value)), n)


def share(right: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """The share of units that are right, with Wilson's interval, which holds near 0 and 1 too.

    Args:
        right: (n,), each 0 or 1.

    Raises:
        ValueError: if there is no unit, or one that is neither 0 nor 1.
    """
    x = np.asarray(right, dtype=np.float64).reshape(-1)
    if not len(x) or not np.isin(x, (0, 1)).all():
        raise ValueError("a share needs at least one unit, each of them 0 or 1")
    _check(confidence)
    n, p, z = len(x), x.mean(), norm.ppf((1 + confidence) / 2)
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Estimate(float(p), float(min(p, max(centre - half, 0.0))), float(max(p, min(centre + half, 1.0))), n)


def ratio(above: ArrayLike, below: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """The mean of `above` divided by the mean of `below`, over the same units.

    The interval is symmetric in the logarithm. For errors, times and sizes, whose means lie well above 0: where either
    may vanish, use a difference instead.

    Args:
        above, below: (n, ...), unit by unit from the same prompts and noise.

    Raises:
        ValueError: see `unit_means`; if the units differ in number, or a mean is not above 0, or is too near to it for
            a ratio: within two standard errors.
    """
    a, b = unit_means(above), unit_means(below)
    if len(a) != len(b):
        raise ValueError(f"{len(a)} units above and {len(b)} below; they must be the same ones")
    _check(confidence)
    n = len(a)
    for name, x in (("above", a), ("below", b)):
        if not x.mean() > 2 * x.std(ddof=1) / math.sqrt(n):
            raise ValueError(f"the mean of `{name}` is too near to 0 for a ratio ({x.mean():g}); use a difference")
    value = a.mean() / b.mean()
    error = (a / a.mean() - b / b.mean()).std(ddof=1) / math.sqrt(n)
    factor = math.exp(t.ppf((1 + confidence) / 2, n - 1) * error)
    return Estimate(float(value), float(value / factor), float(value * factor), n)


def _check(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must be in (0, 1)")
