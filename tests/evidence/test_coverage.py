"""An interval of 95 % holds the truth in 92 to 98 of 100 experiments on worlds where the truth is known exactly."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from tests.evidence.worlds import expected_kernel

from evidence.adjusting import adjusted_mean
from evidence.clusters import clustered_mean
from evidence.estimates import mean, ratio, share
from evidence.leaving_out import jackknife
from evidence.looks import level_of_each_look, sequentially
from evidence.nearness import kernel_contrast, kernel_difference
from evidence.settling import units_for
from evidence.several import largest, level_of_each, smallest

EXPERIMENTS = 500


def held(experiment, truth):
    """Share of experiments whose interval holds the truth."""
    found = [experiment(np.random.default_rng(seed)) for seed in range(EXPERIMENTS)]
    return np.mean([e.low <= truth <= e.high for e in found])


def paired(rng, n=30, effect=0.4):
    common = rng.normal(size=(n, 1)) * 3
    a, b = (common + rng.normal(size=(n, 1)) + shift for shift in (effect, 0.0))
    return mean(a - b)


def trainings(rng, k=3, prompts=20):
    """Few trainings, whose own luck is larger than that of the pictures."""
    return mean(1.0 + rng.normal(size=(k, 1)) + 0.5 * rng.normal(size=(k, prompts)))


def shares_of_trainings(rng, k=6, pictures=8):
    """Differences of rights and wrongs, in trainings that differ a little."""
    gain = rng.normal(0.3, 0.15, size=(k, 1)).clip(0, 0.6)
    return clustered_mean(
        (rng.random((k, pictures)) < 0.35 + gain) * 1.0 - (rng.random((k, pictures)) < 0.35), bounds=(-1, 1)
    )


def prompts_with_noises(rng, n=25):
    """Pictures of one prompt are alike; prompts are the units."""
    return mean(2.0 + rng.normal(size=(n, 1)) + rng.normal(size=(n, 4)))


def skewed(rng, n=60):
    return mean(rng.exponential(size=n))


def shares_in_pairs(rng, n=80, both=0.78, first=0.14, second=0.06):
    """Right under one of two kinds of guidance, both or none."""
    kind = rng.choice(4, size=n, p=(both, first, second, 1 - both - first - second))
    a, b = np.isin(kind, (0, 1)), np.isin(kind, (0, 2))
    return mean(a.astype(float) - b, bounds=(-1, 1))


def rare_differences(rng, n=60):
    return shares_in_pairs(rng, n=n, both=0.9, first=0.05, second=0.02)


def one_share(rng, n=50, p=0.9):
    return share(rng.random(n) < p)


def errors(rng, n=40):
    """Squared errors of one prompt under two samplers: skewed, and alike."""
    common = rng.lognormal(sigma=0.8, size=n)
    return ratio(1.3 * common * rng.lognormal(sigma=0.3, size=n), common * rng.lognormal(sigma=0.3, size=n))


def spreads(rng, n=40):
    """How much further apart the pictures of one model are than those of another: no mean of units."""
    x, y = rng.normal(size=(n, 3)), 0.5 * rng.normal(size=(n, 3))
    return jackknife(lambda kept: x[kept].var(0).sum() / y[kept].var(0).sum(), n, positive=True)


def correlations(rng, n=60):
    x = rng.normal(size=n)
    y = 0.6 * x + 0.8 * rng.normal(size=n)
    return jackknife(lambda kept: np.corrcoef(x[kept], y[kept])[0, 1], n)


@pytest.mark.parametrize(
    ("experiment", "truth"),
    [
        (paired, 0.4),
        (trainings, 1.0),
        (shares_of_trainings, 0.3),
        (prompts_with_noises, 2.0),
        (skewed, 1.0),
        (shares_in_pairs, 0.08),
        (rare_differences, 0.03),
        (one_share, 0.9),
        (errors, 1.3),
        (spreads, 4.0),
        (correlations, 0.6),
    ],
)
def test_an_interval_holds_the_truth(experiment, truth):
    assert 0.92 <= held(experiment, truth) <= 0.98


def test_trainings_that_are_counted_as_pictures_would_promise_too_much():
    def wrong(rng):
        return mean((1.0 + rng.normal(size=(3, 1)) + 0.5 * rng.normal(size=(3, 20))).reshape(-1))

    assert held(wrong, 1.0) < 0.6


def test_few_trainings_that_agree_are_not_certain():
    alike = clustered_mean(np.zeros((3, 4)), bounds=(-1, 1))
    assert alike.low < -0.1 < 0.1 < alike.high
    assert alike.n == 3
    spread = np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]])  # where trainings differ, they decide
    assert clustered_mean(spread, bounds=(0, 1)).interval == pytest.approx((0.0, 1.0))
    with pytest.raises(ValueError, match=re.escape("(3,)")):
        clustered_mean(np.zeros(3), bounds=(-1, 1))


MU, NU = np.array([0.6, 0.0, 0.2, 0.0]), np.array([0.0, 0.3, 0.0, 0.0])
ZERO = np.zeros(4)
NEARER = (
    expected_kernel(MU, MU) - 2 * expected_kernel(MU, ZERO) - expected_kernel(NU, NU) + 2 * expected_kernel(NU, ZERO)
)


@pytest.mark.parametrize(("n", "m"), [(40, 40), (40, 120), (150, 150)])
@pytest.mark.parametrize("matched", [False, True])
def test_a_difference_of_kernel_distances_holds_the_truth(n, m, matched):
    if matched and n != m:
        pytest.skip("matched rows are as many")

    def experiment(rng):
        scene, noise = rng.normal(size=(n, 4)), rng.normal(size=(n, 4))
        if matched:  # each picture resembles its own real one
            return kernel_difference(
                0.6 * scene + 0.8 * noise + MU, 0.6 * scene + 0.8 * noise + NU, scene, matched=True
            )
        return kernel_difference(noise + MU, 0.6 * scene + 0.8 * noise + NU, rng.normal(size=(m, 4)))

    assert 0.92 <= held(experiment, NEARER) <= 0.98


def test_the_difference_is_without_bias_and_agrees_with_two_distances():
    found = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        x, y, r = (rng.normal(size=(12, 4)) + shift for shift in (MU, NU, ZERO))
        found.append(kernel_difference(x, y, r).value)
    error = np.std(found) / 20
    assert abs(np.mean(found) - NEARER) < 3 * error
    torch = pytest.importorskip("torch")
    from diffloop.metrics import kernel_distance

    x, y, r = (torch.as_tensor(v) for v in (x, y, r))
    assert found[-1] == pytest.approx(kernel_distance(x, r) - kernel_distance(y, r), abs=1e-9)


def test_a_contrast_is_one_lead_minus_another_and_its_interval_holds():
    """a leads b by what x leads y, plus 0: the truth of the contrast is the difference of two known distances."""
    rng = np.random.default_rng(0)
    a, b, c, d, r = (rng.normal(size=(20, 4)) for _ in range(5))
    both = kernel_contrast([a, b, c, d], [1, -1, -1, 1], r).value
    assert both == pytest.approx(kernel_difference(a, b, r).value - kernel_difference(c, d, r).value)

    def experiment(rng, n=60):
        noise, other = rng.normal(size=(n, 4)), rng.normal(size=(n, 4))
        sets = [noise + MU, 0.6 * other + 0.8 * noise + NU, noise, other]
        return kernel_contrast(sets, [1, -1, -1, 1], rng.normal(size=(n, 4)))

    assert 0.92 <= held(experiment, NEARER) <= 0.98


def test_pairs_narrow_the_interval():
    rng = np.random.default_rng(0)
    noise, r = rng.normal(size=(100, 4)), rng.normal(size=(100, 4))
    together = kernel_difference(noise + 1.2 * MU, noise + MU, r)
    apart = kernel_difference(noise + 1.2 * MU, rng.normal(size=(100, 4)) + MU, r)
    assert together.high - together.low < 0.5 * (apart.high - apart.low)


def test_the_jackknife_of_a_mean_is_the_mean_s_own_interval():
    x = np.random.default_rng(0).normal(size=12)
    assert jackknife(lambda kept: x[kept].mean(), 12) == pytest.approx(mean(x))


@pytest.mark.parametrize(("looks", "level"), [(1, 0.95), (2, 0.9706), (3, 0.9779), (4, 0.9818), (5, 0.9842)])
def test_levels_are_those_of_pocock(looks, level):
    assert level_of_each_look(looks) == pytest.approx(level, abs=2e-4)


@pytest.mark.parametrize("looks", [1, 2, 4, 8])
def test_stopping_when_it_suits_keeps_the_level(looks):
    """The worst stopping rule there is: stop as soon as the interval misses the truth."""

    def experiment(rng, level=None):
        def estimate(blocks, confidence):
            return mean(np.concatenate(blocks), confidence=level or confidence)

        missed = lambda e: not e.low <= 0.0 <= e.high  # noqa: E731
        return sequentially(lambda k: rng.normal(size=30), estimate, missed, looks=looks)[0]

    assert 0.92 <= held(experiment, 0.0) <= 0.98
    if looks == 8:
        assert held(lambda rng: experiment(rng, 0.95), 0.0) < 0.85


def test_it_stops_as_soon_as_it_may():
    rng = np.random.default_rng(0)
    drawn = []

    def draw(k):
        drawn.append(k)
        return rng.normal(loc=2.0, size=20)

    found, used = sequentially(draw, lambda b, c: mean(np.concatenate(b), confidence=c), lambda e: e.low > 0, looks=5)
    assert (used, drawn, found.n) == (1, [0], 20)


@pytest.mark.parametrize(("n", "m"), [(12, 60), (40, 40), (40, 400)])
@pytest.mark.parametrize("bend", [0.0, 0.3])
def test_an_adjusted_mean_holds_the_truth_though_the_dependence_is_not_linear(n, m, bend):
    def experiment(rng, width=False):
        x, far = rng.normal(size=(n, 2)), rng.normal(size=(m, 2))
        y = 1 + x @ [0.8, -0.5] + bend * (x[:, 0] ** 2 - 1) + 0.5 * rng.normal(size=n)
        found = adjusted_mean(y, x, far)
        return (found.high - found.low) / (mean(y).high - mean(y).low) if width else found

    assert 0.91 <= held(experiment, 1.0) <= 0.98
    if (n, m, bend) == (40, 400, 0.0):
        assert np.mean([experiment(np.random.default_rng(seed), width=True) for seed in range(50)]) < 0.65


@pytest.mark.parametrize("choose", [smallest, largest])
@pytest.mark.parametrize("apart", [0.0, 0.3, 3.0])
def test_the_extreme_of_two_differences_holds_the_truth(choose, apart):
    """In 95 of 100 or more: intervals that hold together hold a little more than their extreme needs."""

    def experiment(rng):
        common = 0.2 * rng.normal(size=40)
        shifts = (0.0, apart)
        return choose(*(mean(common + rng.normal(size=40) + x, confidence=level_of_each(2)) for x in shifts))

    assert held(experiment, 0.0 if choose is smallest else apart) >= 0.94


@pytest.mark.parametrize("power", [0.8, 0.9])
def test_the_power_is_as_designed(power):
    n = units_for(0.3, 1.2, power=power)
    shown = [mean(np.random.default_rng(seed).normal(0.3, 1.2, size=n)).low > 0 for seed in range(2000)]
    assert np.mean(shown) == pytest.approx(power, abs=0.035)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mean([1.0]), ["(1,)", "at least 2"]),
        (lambda: mean([1.0, math.nan]), ["1 of 2", "not finite"]),
        (lambda: mean([0.5, 2.0], bounds=(0, 1)), ["out of the bounds (0, 1)"]),
        (lambda: mean([0.5, 2.0], confidence=1.0), ["confidence is 1.0"]),
        (lambda: share([0.5]), ["0 or 1"]),
        (lambda: ratio([1, 2], [1, 2, 3]), ["2 units above and 3"]),
        (lambda: ratio([1, 2, 3], [0.1, -0.1, 0.0]), ["too near to 0", "difference"]),
        (lambda: kernel_difference(np.ones((2, 3)), np.ones((2, 3)), np.ones((9, 3))), ["(2, 3)"]),
        (lambda: kernel_difference(np.ones((4, 3)), np.ones((4, 3)), np.ones((9, 3)), matched=True), ["9 rows"]),
        (lambda: kernel_contrast([np.ones((4, 3))] * 2, [1, 1], np.ones((9, 3))), ["[1, 1] for 2 sets", "sum 0"]),
        (lambda: jackknife(len, 2), ["n is 2"]),
        (lambda: jackknife(lambda kept: kept[0], 5, positive=True), ["5 units is 0.0", "> 0"]),
        (lambda: jackknife(lambda kept: math.nan, 5), ["5 units is nan"]),
        (lambda: level_of_each_look(0), ["1..20"]),
        (lambda: units_for(0.0, 1.0), ["above 0"]),
        (lambda: adjusted_mean([1, 2, 3], np.ones((3, 1)), np.ones((9, 1))), ["n, k, m", "3, 1, 9"]),
        (lambda: adjusted_mean([1, 2, 3], np.ones((2, 1)), np.ones((9, 1))), ["(2, 1)"]),
        (lambda: level_of_each(0), ["count", "0", ">= 1"]),
        (lambda: smallest(), ["no estimates"]),
    ],
)
def test_errors_name_the_value(call, words):
    with pytest.raises(ValueError, match=".*".join(map(re.escape, words))):
        call()


def test_thirty_equal_units_are_not_certain():
    assert mean([0.0] * 30, bounds=(-1, 1)).interval == pytest.approx((-0.065, 0.065), abs=0.02)
    assert share([1] * 30).interval == pytest.approx((0.886, 1.0), abs=0.002)
