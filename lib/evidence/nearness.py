"""Which of two sets lies nearer to a third, and by more than elsewhere: unbiased squared kernel distances (KID's).

Source: binkowski2018mmd, Eq. 4, for the distance; the variance is that of what each unit contributes (Hoeffding).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from evidence.estimates import Estimate


def kernel_difference(
    x: ArrayLike, y: ArrayLike, reference: ArrayLike, *, matched: bool = False, confidence: float = 0.95
) -> Estimate:
    """Squared kernel distance of x to the reference minus that of y: below 0 where x is nearer.

        mean_{i != j} k(x_i, x_j) - 2 mean k(x_i, r_j)  -  the same with y,   k(a, b) = (a . b / d + 1)^3

    The term of the reference alone cancels, and with it most of the noise of two separate distances; common prompts
    and noise cancel in pairs. Unlike a ratio of Frechet distances it has no bias at any n and no floor.

    For sets that are nearly alike the interval is cautious: with 20 to 100 rows it is up to a fifth too wide, as the
    noise of the pairs is counted twice. (Subtracting it once made some intervals too narrow.) A pilot for `units_for`
    should therefore be about as large as what is planned.

    Args:
        x, y: features (n, d), row i of both from the same prompt and the same noise.
        reference: features (m, d) of the real pictures.
        matched: row i of the reference belongs to row i of x and y (the true picture of the same scene), m = n. The
            three then form one unit, and no row is compared with its own match.
        confidence: of the interval.

    Raises:
        ValueError: if there are fewer than 3 rows, or shapes do not fit.
    """
    return kernel_contrast([x, y], [1, -1], reference, matched=matched, confidence=confidence)


def kernel_contrast(
    sets: Sequence[ArrayLike],
    weights: Sequence[float],
    reference: ArrayLike,
    *,
    matched: bool = False,
    confidence: float = 0.95,
) -> Estimate:
    """The sum of weight * squared kernel distance to the reference, over sets: whether one lead is larger than another.

    With the sets a, b, c, d and the weights 1, -1, -1, 1: by how much a lies further off than b, minus the same of c
    and d. `kernel_difference` is the case of two sets, and says what the kernel is.

    Args:
        sets: features (n, d) each, row i of all from the same prompt and the same noise.
        weights: one per set; their sum is 0, as the term of the reference alone cancels only then.
        reference, matched, confidence: as for `kernel_difference`.

    Raises:
        ValueError: if there are fewer than 3 rows, shapes do not fit, or the sum of the weights is not 0.
    """
    if len(weights) != len(sets) or not len(sets) or abs(sum(weights)) > 1e-9:
        raise ValueError(f"the weights are {list(weights)} for {len(sets)} sets; give one per set, with the sum 0")
    many, r = [np.asarray(v, dtype=np.float64) for v in sets], np.asarray(reference, dtype=np.float64)
    x = many[0]
    alike = all(v.shape == x.shape for v in many)
    if x.ndim != 2 or not alike or r.ndim != 2 or r.shape[1] != x.shape[1] or min(len(x), len(r)) < 3:
        shapes = ", ".join(str(v.shape) for v in many)
        raise ValueError(f"the sets are {shapes}, the reference {r.shape}; need (n, d) each and (m, d); n, m > 2")
    if matched and len(r) != len(x):
        raise ValueError(f"{len(r)} rows of the reference for {len(x)} of each set; matched rows must be as many")
    kernels = [_kernels(v, r, matched) for v in many]  # (n, n) with an empty diagonal, and (n, m)
    own, cross = (sum(w * k[part] for w, k in zip(weights, kernels, strict=True)) for part in (0, 1))
    n, m = cross.shape
    pairs, rows, columns = n * (n - 1), (m - matched), (n - matched)
    value = own.sum() / pairs - 2 * cross.sum() / (n * rows)
    # What each unit contributes; their means are twice and once the two terms of the value.
    of_x = 2 * own.sum(1) / (n - 1) - 2 * cross.sum(1) / rows
    of_r = -2 * cross.sum(0) / columns
    variance = (of_x + of_r).var(ddof=1) / n if matched else of_x.var(ddof=1) / n + of_r.var(ddof=1) / m
    half = t.ppf((1 + confidence) / 2, min(n, m) - 1) * math.sqrt(variance)
    return Estimate(float(value), float(value - half), float(value + half), n)


def _kernels(x: np.ndarray, r: np.ndarray, matched: bool) -> tuple[np.ndarray, np.ndarray]:
    d = x.shape[1]
    own, cross = (x @ x.T / d + 1) ** 3, (x @ r.T / d + 1) ** 3
    np.fill_diagonal(own, 0.0)
    if matched:
        np.fill_diagonal(cross, 0.0)
    return own, cross
