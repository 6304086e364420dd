"""Worlds that are known exactly, one for each kind of question that the estimates are asked.

Each has two states: nothing is there, or an effect of `delta`. `tests/evidence/test_power.py` and
`benchmarks/evidence_quality.py` ask whether intervals hold the truth, and how often the effect is shown.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from itertools import permutations
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from evidence.estimates import Estimate, mean, ratio, share
from evidence.leaving_out import jackknife
from evidence.looks import sequentially
from evidence.nearness import kernel_difference
from evidence.settling import units_for

Draw = Callable[[np.random.Generator, int, bool, float], Estimate]


class World(NamedTuple):
    """A question.

    Args:
        name: the estimate, and of what.
        draw: random numbers, units, whether the effect is there, confidence -> the estimate of one experiment.
        than: the true value where nothing is there.
        delta: how much it is above that where the effect is there.
        log: whether the interval is symmetric in the logarithm, so that delta is a factor for `units_for`.
        held: what share of intervals of 95 % may hold the truth.
    """

    name: str
    draw: Draw
    than: float
    delta: float
    log: bool = False
    held: tuple[float, float] = (0.92, 0.98)

    def truth(self, there: bool) -> float:
        """The value that an estimate should have."""
        return self.than + there * self.delta


def paired(rng, n, there, level):
    common = 3 * rng.normal(size=(n, 1))
    a, b = (common + rng.normal(size=(n, 1)) + shift for shift in (0.4 * there, 0.0))
    return mean(a - b, confidence=level)


def trainings(rng, n, there, level):
    """Each with luck of its own, and 20 prompts."""
    return mean(1.5 * there + rng.normal(size=(n, 1)) + 0.5 * rng.normal(size=(n, 20)), confidence=level)


def skewed(rng, n, there, level):
    return mean(rng.exponential(size=n) + 0.3 * there, confidence=level)


def shares_in_pairs(rng, n, there, level):
    """Right with one sampler, the other, both or none."""
    first, second = (0.14, 0.06) if there else (0.1, 0.1)
    kind = rng.choice(4, size=n, p=(0.6, first, second, 0.2))
    return mean(np.isin(kind, (0, 1)).astype(float) - np.isin(kind, (0, 2)), bounds=(-1, 1), confidence=level)


def one_share(rng, n, there, level):
    return share(rng.random(n) < 0.8 + 0.1 * there, confidence=level)


def errors(rng, n, there, level):
    """Squared errors of one prompt under two samplers: skewed, and alike."""
    common = rng.lognormal(sigma=0.8, size=n)
    own, other = (rng.lognormal(sigma=0.3, size=n) for _ in range(2))
    return ratio((1 + 0.15 * there) * common * own, common * other, confidence=level)


def spreads(rng, n, there, level):
    """How far apart pictures are: a ratio of two variances, no mean of units."""
    x, y = (1 + there) ** 0.5 * rng.normal(size=(n, 3)), rng.normal(size=(n, 3))
    return jackknife(lambda kept: x[kept].var(0).sum() / y[kept].var(0).sum(), n, positive=True, confidence=level)


MU = np.array([0.6, 0.0, 0.2, 0.0])
FARTHER = 1.3


def nearer(rng, n, there, level):
    """Two sets of pictures from common noise, of which one may be farther from the real ones."""
    noise, own, real = (rng.normal(size=(n, 4)) for _ in range(3))
    x, y = 0.9 * noise + math.sqrt(0.19) * own, noise
    return kernel_difference(x + (FARTHER if there else 1) * MU, y + MU, real, confidence=level)


def moments(mu: np.ndarray) -> list[np.ndarray]:
    """1, E x, E x x, E x x x of N(mu, 1)."""
    third = np.einsum("i,j,k->ijk", mu, mu, mu)
    third += sum(np.einsum("ij,k->ijk", np.eye(len(mu)), mu).transpose(p) for p in list(permutations(range(3)))[::2])
    return [np.ones(()), mu, np.outer(mu, mu) + np.eye(len(mu)), third]


def expected_kernel(mu: np.ndarray, nu: np.ndarray) -> float:
    """E (x . y / d + 1)^3 of independent x ~ N(mu, 1), y ~ N(nu, 1)."""
    a, b, d = moments(mu), moments(nu), len(mu)
    return sum(math.comb(3, p) * (a[p] * b[p]).sum() / d**p for p in range(4))


def squared_distance(mu: np.ndarray) -> float:
    """Of N(mu, 1) to N(0, 1), without the term of the latter alone."""
    return expected_kernel(mu, mu) - 2 * expected_kernel(mu, np.zeros(len(mu)))


def looked_at(rng, n, there, level):
    """As `paired`, in four blocks, stopped as soon as the interval lies on one side of 0."""
    blocks = [math.ceil(n / 4)] * 4

    def draw(k):
        size = (blocks[k], 1)
        return rng.normal(size=size) - rng.normal(size=size) + 0.4 * there

    decided = lambda e: not e.low <= 0.0 <= e.high  # noqa: E731
    return sequentially(draw, lambda b, c: mean(np.concatenate(b), confidence=c), decided, confidence=level)[0]


FARTHER_BY = squared_distance(FARTHER * MU) - squared_distance(MU)
WORLDS = (
    World("mean, paired differences", paired, 0.0, 0.4),
    World("mean, trainings as units", trainings, 0.0, 1.5),
    World("mean, exponential", skewed, 1.0, 0.3),
    World("mean with bounds, shares in pairs", shares_in_pairs, 0.0, 0.08),
    World("share, 80 % or 90 %", one_share, 0.8, 0.1),
    World("ratio, squared errors", errors, 1.0, 0.15, log=True),
    World("jackknife, ratio of variances", spreads, 1.0, 1.0, log=True),
    World("kernel_difference", nearer, 0.0, float(FARTHER_BY), held=(0.9, 1.0)),
    World("sequentially, 4 looks, paired", looked_at, 0.0, 0.4, held=(0.92, 1.0)),
)


def units(world: World, power: float = 0.8) -> int:
    """How many units `units_for` asks for, from the median spread of pilots of about that many units.

    Size and state of the pilot matter for a kernel distance: what one unit contributes is known the worse the fewer
    others there are, and it grows with the distance. So the larger spread of the two states is taken.
    """
    n = 400
    for _ in range(3):
        spreads = [statistics.median(_spread(world, n, there, seed) for seed in range(20)) for there in (False, True)]
        n = units_for(_size(world, world.than, world.truth(True)), max(spreads), power=power)
    return n


def _spread(world: World, n: int, there: bool, seed: int) -> float:
    found = world.draw(np.random.default_rng(10_000 + seed), n, there, 0.95)
    return _size(world, found.low, found.high) / 2 / norm.ppf(0.975) * math.sqrt(found.n)


def _size(world: World, low: float, high: float) -> float:
    return math.log(high / low) if world.log else high - low
