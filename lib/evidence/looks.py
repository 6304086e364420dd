"""Draw in blocks, look after each, stop as soon as the question is settled; with intervals that allow for the looks.

Whoever looks five times at 95 % intervals and stops when one suits is wrong 14 times in 100, not 5. With each interval
at the level of Pocock (1977), all of them hold together in 95 of 100.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar

import numpy as np
from scipy.stats import norm

from evidence.estimates import Estimate

Block = TypeVar("Block")
MOST = 20


@cache
def level_of_each_look(looks: int, confidence: float = 0.95) -> float:
    """The confidence that each of `looks` intervals must have, so that all together have `confidence`.

    Blocks are equally large. Pocock's table has 0.9842 for 5 looks at 0.95.

    Raises:
        ValueError: if looks is not in 1..20 or confidence not in (0.5, 1).
    """
    if not 1 <= looks <= MOST or not 0.5 < confidence < 1:
        raise ValueError(f"looks, confidence are {looks}, {confidence}; they must be in 1..{MOST} and (0.5, 1)")
    low, high = norm.ppf((1 + confidence) / 2), norm.ppf((1 + confidence) / 2) + 3.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _stays_within(middle, looks) < confidence else (low, middle)
    return float(2 * norm.cdf(high) - 1)


def _stays_within(border: float, looks: int) -> float:
    """P(|S_k| <= border sqrt(k) for all k <= looks) of a walk with steps of N(0, 1), by adding one step at a time."""
    x, w = np.polynomial.legendre.leggauss(96)
    points, density = border * x, norm.pdf(border * x)
    weights = border * w
    for k in range(2, looks + 1):
        edge = border * k**0.5
        density = norm.pdf(edge * x[:, None] - points) @ (density * weights)
        points, weights = edge * x, edge * w
    return float(density @ weights)


def sequentially(
    draw: Callable[[int], Block],
    estimate: Callable[[list[Block], float], Estimate],
    settled: Callable[[Estimate], bool],
    *,
    looks: int = 4,
    confidence: float = 0.95,
) -> tuple[Estimate, int]:
    """Draw blocks until an estimate is settled or the looks are used up.

    Args:
        draw: the k-th block, k = 0, 1, ...; blocks are equally large and independent of each other.
        estimate: (all blocks so far, the confidence that its interval must have) -> an estimate.
        settled: whether the estimate answers the question.
        looks: at most how many blocks; they are the budget.

    Returns:
        the last estimate, and how many blocks it is made of.

    Raises:
        ValueError: see `level_of_each_look`.
    """
    level, blocks = level_of_each_look(looks, confidence), []
    for k in range(looks):
        blocks.append(draw(k))
        found = estimate(blocks, level)
        if settled(found):
            break
    return found, len(blocks)
