"""Shares of a gap between kernel distances: intervals that hold the truth, and what is exact about them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tests.evidence.test_coverage import EXPERIMENTS, expected_kernel, held

from evidence.gaps import gap_closed

D = 16
FAR, NEAR, ZERO = np.ones(D), np.where(np.arange(D) < 8, 0.5, 0.0), np.zeros(D)


def distance(mu):
    """The squared kernel distance of N(mu, 1) to N(0, 1)."""
    return expected_kernel(mu, mu) - 2 * expected_kernel(mu, ZERO) + expected_kernel(ZERO, ZERO)


def alike(rng, n, k, common=None):
    """(n, k, D) of N(0, 1); what is of one unit has half of its variance in common."""
    common = rng.normal(size=(n, 1, D)) if common is None else common
    return np.sqrt(0.5) * common + np.sqrt(0.5) * rng.normal(size=(n, k, D))


def draw(rng, n, x=NEAR):
    """Far pictures, others, better ones and real ones: two, two, one and three of each unit, by common noise."""
    noise, prompt = alike(rng, n, 2), rng.normal(size=(n, 1, D))
    real = alike(rng, n, 3, prompt)
    return noise + FAR, 0.6 * noise + 0.8 * alike(rng, n, 2, prompt) + x, noise[:, 0] + NEAR / 2, real


@pytest.mark.parametrize("n", [20, 40, 80])
@pytest.mark.parametrize("better", [False, True])
def test_the_share_of_a_gap_holds_the_truth(n, better):
    # where x is near the reference the jackknife is somewhat too cautious, hence up to 99 %
    def experiment(rng):
        worse, x, near, real = draw(rng, n)
        return gap_closed(worse, x, real, better=near if better else None)

    gap = distance(FAR) - (distance(NEAR / 2) if better else 0)
    assert 0.92 <= held(experiment, (distance(FAR) - distance(NEAR)) / gap) <= 0.99


def test_one_that_equals_the_reference_closes_all():
    found = []
    for seed in range(EXPERIMENTS):
        worse, x, _, real = draw(np.random.default_rng(seed), 24, ZERO)
        found.append(gap_closed(worse, x, real).value)
    assert abs(np.mean(found) - 1) < 3 * np.std(found) / EXPERIMENTS**0.5


def test_the_ends_of_the_gap_are_0_and_1_and_rows_may_be_repeated():
    worse, x, better, real = draw(np.random.default_rng(0), 20)
    assert gap_closed(worse, worse, real, better=better)[:3] == pytest.approx((0, 0, 0))
    assert gap_closed(worse, better, real, better=better)[:3] == pytest.approx((1, 1, 1))
    assert gap_closed(worse, real, real)[:3] == pytest.approx((1, 1, 1))
    again = (np.repeat(v, 2, axis=1) for v in (worse, x, real))
    assert gap_closed(*again)[:3] == pytest.approx(gap_closed(worse, x, real)[:3])


def test_it_agrees_with_two_differences():
    from evidence.nearness import kernel_difference

    worse, x, better, real = (v.reshape(20, -1, D)[:, 0] for v in draw(np.random.default_rng(1), 20))
    closed, gap = (kernel_difference(worse, v, real, matched=True).value for v in (x, better))
    assert gap_closed(worse, x, real, better=better).value == pytest.approx(closed / gap)


@pytest.mark.parametrize(
    ("worse", "x", "real", "words"),
    [
        (np.ones((3, 2)), np.ones((3, 2)), np.ones((3, 2)), ["n >= 4"]),
        (np.ones(5), np.ones(5), np.ones(5), ["(5,)"]),
        (np.ones((5, 2)), np.ones((6, 2)), np.ones((5, 2)), ["(5, 2)", "(6, 2)"]),
        (np.ones((5, 2)), np.ones((5, 2)), np.ones((5, 2)), ["too near to 0", "5 units", "kernel_difference"]),
    ],
)
def test_errors_name_the_shapes(worse, x, real, words):
    with pytest.raises(ValueError, match=".*".join(map(re.escape, words))):
        gap_closed(worse, x, real)
