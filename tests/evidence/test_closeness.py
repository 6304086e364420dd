"""Energy distances without bias, and quotients whose intervals hold the truth even where the upper part vanishes."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from tests.evidence.test_coverage import EXPERIMENTS, held

from evidence.closeness import ANY, energy_distances, quotient
from evidence.estimates import Estimate, mean


def expected_energy(shift, spread=1.0):
    """The energy distance of N(shift, spread^2) to N(0, 1) on a line, in closed form."""

    def folded(mu, sigma):  # E|x| of N(mu, sigma^2)
        inside = sigma * math.sqrt(2 / math.pi) * math.exp(-(mu**2) / (2 * sigma**2))
        return inside + mu * math.erf(mu / (sigma * math.sqrt(2)))

    return 2 * folded(shift, math.hypot(1, spread)) - folded(0, math.sqrt(2) * spread) - folded(0, math.sqrt(2))


def draw(rng, n, shift, spread=1.0):
    """Four pictures and six real ones of each of n prompts, whose own places differ widely."""
    place = 5 * rng.normal(size=(n, 1, 1))
    return place + shift + spread * rng.normal(size=(n, 4, 1)), place + rng.normal(size=(n, 6, 1))


@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (1.0, 1.0), (0.0, 0.4), (0.5, 2.0)])
def test_energy_distances_have_no_bias_and_intervals_hold_the_truth(shift, spread):
    truth = expected_energy(shift, spread)
    found = [mean(energy_distances(*draw(np.random.default_rng(i), 40, shift, spread))) for i in range(EXPERIMENTS)]
    values = np.array([e.value for e in found])
    assert abs(values.mean() - truth) < 3 * values.std() / EXPERIMENTS**0.5
    assert 0.92 <= np.mean([e.low <= truth <= e.high for e in found]) <= 0.98


def test_half_of_wrong_pictures_cost_a_quarter():
    rng, d = np.random.default_rng(0), lambda shift: 1000 * [shift]
    real = rng.normal(size=(1000, 40, 1))
    wrong = rng.normal(size=(1000, 40, 1)) + np.reshape(d(3.0), (-1, 1, 1))
    mixed = np.where(rng.random((1000, 40, 1)) < 0.5, wrong, rng.normal(size=(1000, 40, 1)))
    whole, half = (energy_distances(x, real).mean() for x in (wrong, mixed))
    assert half / whole == pytest.approx(0.25, abs=0.01)


def pair(rng, n, a, b):
    """Values of two means that share most of their noise, and are skewed."""
    common = rng.exponential(size=n) - 1
    return a + common + 0.5 * rng.normal(size=n), b + common + 0.5 * rng.normal(size=n)


@pytest.mark.parametrize("n", [20, 40])
@pytest.mark.parametrize(("a", "b"), [(0.0, 2.0), (1.8, 2.0), (-1.0, 2.0), (5.0, 2.0)])
def test_a_quotient_holds_the_truth(n, a, b):
    assert 0.92 <= held(lambda rng: quotient(*pair(rng, n, a, b)), a / b) <= 0.98


def test_a_mean_that_is_not_clearly_above_0_bounds_no_quotient():
    assert quotient([1, 2, 3], [-1, 2, 0.5]) == Estimate(4.0, -ANY, ANY, 3)
    assert quotient([1, 2, 3], [-1, -2, -3]) == Estimate(-1.0, -ANY, ANY, 3)
    assert quotient([1, 2, 3], [-1, 1, 0]) == Estimate(0.0, -ANY, ANY, 3)


def test_a_quotient_of_equals_is_one():
    x, _ = pair(np.random.default_rng(0), 20, 2.0, 2.0)
    assert quotient(x, x)[:3] == pytest.approx((1, 1, 1))
    assert quotient(-x, x)[:3] == pytest.approx((-1, -1, -1))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: energy_distances(np.ones((3, 1, 2)), np.ones((3, 4, 2))), ["(3, 1, 2)", "k, m >= 2"]),
        (lambda: energy_distances(np.ones((3, 2, 2)), np.ones((4, 4, 2))), ["(4, 4, 2)"]),
        (lambda: quotient([1, 2, 3], [1, 2]), ["3 units above and 2"]),
        (lambda: quotient([1, 2], [1, 2], confidence=2), ["confidence 2"]),
    ],
)
def test_errors_name_the_value(call, words):
    with pytest.raises(ValueError, match=".*".join(map(re.escape, words))):
        call()
