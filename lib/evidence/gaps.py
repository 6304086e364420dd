"""How much of a gap a set of pictures closes: a quotient of differences of unbiased squared kernel distances (KID's).

Source: binkowski2018mmd, Eq. 4, for the distance; efron1993bootstrap, Ch. 11, for the jackknife; Fieller (1954) for the
interval of the quotient, which needs no guess that its lower part is far from 0.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from evidence.estimates import Estimate


def gap_closed(
    worse: ArrayLike, x: ArrayLike, reference: ArrayLike, *, better: ArrayLike | None = None, confidence: float = 0.95
) -> Estimate:
    """(D(worse) - D(x)) / (D(worse) - D(better)), D being the squared kernel distance to the reference.

    1 where x is as near to the reference as `better`, 0 where it is no nearer than `worse`, below 0 if it is farther.
    Without `better`, the reference takes its place, whose distance is 0: then 1 minus the result is D(x) / D(worse).

        D(a) = mean_{i != j} k(a_i, a_j) - k(a_i, r_j) - k(a_j, r_i) + k(r_i, r_j),   k(a, b) = (a . b / d + 1)^3

    Only rows of different units are compared, so that D has no bias at any n, though rows of one unit are alike.

    Args:
        worse, x, better, reference: features (n, ..., d). Unit i of all of them is one prompt: its pictures, from
            common noise, and its real pictures; how many of each may differ between the sets.
        confidence: of the interval.

    Raises:
        ValueError: if there are fewer than 4 units, shapes do not fit, or the gap between `worse` and `better` is too
            near to 0 at this confidence.
    """
    r = np.asarray(reference, dtype=np.float64)
    sets = [np.asarray(v, dtype=np.float64) for v in (worse, x) + (() if better is None else (better,))]
    shapes = {(v.shape[0], v.shape[-1]) if v.ndim > 1 else v.shape for v in (r, *sets)}
    if len(shapes) > 1 or min(r.ndim, len(r) - 2) < 2:
        raise ValueError(f"units and features are {sorted(shapes)}; all sets need the same n >= 4 and d, (n, ..., d)")
    of_worse, of_x, *of_better = (_distances(v, r) for v in sets)
    closed, gap = of_worse - of_x, of_worse - of_better[0] if of_better else of_worse
    return _quotient(_pseudo_values(closed), _pseudo_values(gap), confidence)


def _distances(a: np.ndarray, r: np.ndarray) -> np.ndarray:
    """(n, n): what each pair of units contributes to D(a); the diagonal is empty."""
    cross = _kernel(a, r)
    pairs = _kernel(a, a) - cross - cross.T + _kernel(r, r)
    np.fill_diagonal(pairs, 0.0)
    return pairs


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, n): the kernel of two units, a mean over their rows."""
    n, d = len(a), a.shape[-1]
    flat_a, flat_b = a.reshape(-1, d), b.reshape(-1, d)
    return ((flat_a @ flat_b.T / d + 1) ** 3).reshape(n, len(flat_a) // n, n, -1).mean((1, 3))


def _pseudo_values(pairs: np.ndarray) -> np.ndarray:
    """The jackknife's: n times the mean over pairs, minus n - 1 times that without unit i."""
    n = len(pairs)
    whole = pairs.sum()
    without = (whole - 2 * pairs.sum(1)) / ((n - 1) * (n - 2))
    return whole / (n - 1) - (n - 1) * without


def _quotient(above: np.ndarray, below: np.ndarray, confidence: float) -> Estimate:
    """mean(above) / mean(below) with Fieller's interval: where |a - q b| is within its own error."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must be in (0, 1)")
    n, a, b = len(above), above.mean(), below.mean()
    (aa, ab), (_, bb) = t.ppf((1 + confidence) / 2, n - 1) ** 2 * np.cov(above, below) / n
    if not (b > 0 and b * b > bb):
        raise ValueError(f"the gap is too near to 0 for a share of it ({b:.3g}, of {n} units); use kernel_difference")
    middle, square = a * b - ab, b * b - bb
    root = math.sqrt(max(middle * middle - square * (a * a - aa), 0.0))
    return Estimate(float(a / b), float((middle - root) / square), float((middle + root) / square), n)
