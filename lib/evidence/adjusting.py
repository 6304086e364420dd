"""A mean corrected for the luck of which units were drawn, where its cause is known for many more units.

Measuring a unit may take seconds, and describing it nothing: a scene is rendered at once, but an edit of it takes many
calls of a network. If the two are correlated, the mean is corrected to the description's known mean.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from evidence.estimates import Estimate, unit_means


def adjusted_mean(values: ArrayLike, covariates: ArrayLike, known: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """The mean of values at the known mean of the covariates, by linear regression.

    Args:
        values: (n, ...), see `unit_means`.
        covariates: (n, k), what describes each unit and is not affected by what is compared.
        known: (m, k), the same for m other units, drawn alike, independently of the first.
        confidence: of the interval, which covers the luck of both draws.

    Raises:
        ValueError: see `unit_means`; or if shapes do not fit, n < k + 3 or m < 2, or confidence is not in (0, 1).
    """
    y, x, far = unit_means(values), np.asarray(covariates, dtype=np.float64), np.asarray(known, dtype=np.float64)
    if x.ndim != 2 or far.ndim != 2 or len(x) != len(y) or x.shape[1] != far.shape[1]:
        raise ValueError(f"values are {y.shape}, covariates {x.shape}, known {far.shape}; need (n,), (n, k), (m, k)")
    n, k = x.shape
    if n < k + 3 or len(far) < 2 or not 0 < confidence < 1:
        raise ValueError(f"n, k, m, confidence are {n}, {k}, {len(far)}, {confidence}; need n > k + 2, m > 1, (0, 1)")
    centred, gap = x - x.mean(0), far.mean(0) - x.mean(0)
    slope = np.linalg.lstsq(centred, y - y.mean(), rcond=None)[0]
    rest = (y - y.mean() - centred @ slope).var() * n / (n - k - 1)
    here = rest * (1 / n + gap @ np.linalg.pinv(centred.T @ centred) @ gap)
    there = slope @ np.atleast_2d(np.cov(far.T)) @ slope / len(far)
    value = y.mean() + slope @ gap
    half = t.ppf((1 + confidence) / 2, n - k - 1) * math.sqrt(here + there)
    return Estimate(float(value), float(value - half), float(value + half), n)
