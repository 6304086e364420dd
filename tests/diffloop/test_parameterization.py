"""What a network may predict: one table, round trips on every ladder, and where each is undefined."""

import math
from itertools import permutations

import pytest
import torch
from tests.diffloop.reference import normal

from diffloop.ladders import levels_at
from diffloop.levels import Level, karras, pick, straight, vp_level
from diffloop.noise import draw_noise
from diffloop.parameterization import (
    PREDICTIONS,
    add_noise,
    eps_from_v,
    eps_from_velocity,
    eps_from_x_0,
    finite,
    predict,
    predictions,
    target,
    v_from_x_0_eps,
    velocity_from_x_0_eps,
    x_0_from_eps,
    x_0_from_v,
    x_0_from_velocity,
)
from diffloop.schedules import alphas_cumprod_from_betas, linear_betas

X_0, EPS = normal(2, 5, 3, 4, seed=0)
SCALES = {"vp": lambda level: level, "karras": karras, "straight": straight}
LEVELS = [1e-6, 0.3, 0.5, 1 - 1e-6]
PURE, CLEAN = Level(0.0, 1.0), Level(1.0, 0.0)

# name: the prediction from x_0 and eps; whether it says x_0 in pure noise; whether it says eps in clean data
TABLE = {
    "eps": (lambda x_0, eps, level: eps, False, True),
    "x_0": (lambda x_0, eps, level: x_0, True, False),
    "v": (lambda x_0, eps, level: level.signal * eps - level.noise * x_0, True, True),
    "velocity": (lambda x_0, eps, level: eps - x_0, True, True),
}


def test_the_table_is_whole():
    assert set(TABLE) == set(PREDICTIONS)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("alpha_bar", LEVELS)
@pytest.mark.parametrize("name", TABLE)
def test_round_trip(scale, alpha_bar, name):
    """To (x_0, eps) and back, at 1e-9 of the largest number that takes part."""
    level = SCALES[scale](vp_level(alpha_bar))
    x_t, size = add_noise(X_0, EPS, level), max(1.0, level.sigma * level.signal)
    output = target(X_0, EPS, level, prediction=name)
    torch.testing.assert_close(output, TABLE[name][0](X_0, EPS, level), atol=1e-15 * size, rtol=1e-15)
    x_0_hat, eps_hat = predictions(output, x_t, level, prediction=name)
    torch.testing.assert_close(x_0_hat, X_0, atol=1e-9, rtol=0)
    torch.testing.assert_close(eps_hat, EPS, atol=1e-9, rtol=0)
    for other in TABLE:
        there = target(x_0_hat, eps_hat, level, prediction=other)
        back = target(*predictions(there, x_t, level, prediction=other), level, prediction=name)
        torch.testing.assert_close(back, output, atol=1e-9 * size, rtol=0)


@pytest.mark.parametrize("alpha_bar", LEVELS)
def test_every_conversion_by_name(alpha_bar):
    level = vp_level(alpha_bar)
    x_t = add_noise(X_0, EPS, level)
    truth = {"x_0": X_0, "eps": EPS, "v": v_from_x_0_eps(X_0, EPS, level)}
    steps = {
        ("eps", "x_0"): x_0_from_eps,
        ("x_0", "eps"): eps_from_x_0,
        ("v", "x_0"): x_0_from_v,
        ("v", "eps"): eps_from_v,
        ("eps", "v"): lambda x, e, k: v_from_x_0_eps(x_0_from_eps(x, e, k), e, k),
        ("x_0", "v"): lambda x, x_0, k: v_from_x_0_eps(x_0, eps_from_x_0(x, x_0, k), k),
    }
    for a, b in permutations(truth, 2):
        torch.testing.assert_close(steps[a, b](x_t, truth[a], level), truth[b], atol=1e-9, rtol=0)
    x_t, velocity = add_noise(X_0, EPS, straight(level)), velocity_from_x_0_eps(X_0, EPS, straight(level))
    torch.testing.assert_close(x_0_from_velocity(x_t, velocity, straight(level)), X_0, atol=1e-12, rtol=0)
    torch.testing.assert_close(eps_from_velocity(x_t, velocity, straight(level)), EPS, atol=1e-12, rtol=0)


def test_v_is_the_derivative_along_the_circle():
    """alpha_bar = cos^2(phi) makes x_t = cos(phi) x_0 + sin(phi) eps, and v = d x_t / d phi."""
    phi, h = 0.7, 1e-6
    ahead, behind = (add_noise(X_0, EPS, vp_level(math.cos(p) ** 2)) for p in (phi + h, phi - h))
    v = v_from_x_0_eps(X_0, EPS, vp_level(math.cos(phi) ** 2))
    torch.testing.assert_close((ahead - behind) / (2 * h), v, atol=1e-8, rtol=0)


def test_velocity_is_the_derivative_along_the_line():
    """x_u = (1 - u) x_0 + u eps, and velocity = d x_u / d u."""
    ahead, behind = (add_noise(X_0, EPS, Level(1 - u, u)) for u in (0.4 + 1e-6, 0.4 - 1e-6))
    velocity = velocity_from_x_0_eps(X_0, EPS, Level(0.6, 0.4))
    torch.testing.assert_close((ahead - behind) / 2e-6, velocity, atol=1e-8, rtol=0)


@pytest.mark.parametrize("name", TABLE)
def test_ends_of_the_ladder(name):
    """Pure noise and clean data: what a prediction cannot say there is an error, and the rest is exact."""
    for level, defined, words in [(PURE, TABLE[name][1], "signal is 0"), (CLEAN, TABLE[name][2], "noise is 0")]:
        x_t = add_noise(X_0, EPS, level)
        if defined:
            halves = predictions(target(X_0, EPS, level, prediction=name), x_t, level, prediction=name)
            torch.testing.assert_close(halves[0], X_0)
            torch.testing.assert_close(halves[1], EPS)
        else:
            with pytest.raises(ValueError, match=words):
                predictions(X_0, x_t, level, prediction=name)


def test_a_batch_of_timesteps_is_each_timestep_alone():
    bars = alphas_cumprod_from_betas(linear_betas())
    t = torch.tensor([0, 10, 500, 900, 999])
    level = levels_at(bars, t, X_0.ndim)
    together = add_noise(X_0, EPS, level)
    for i, alpha_bar in enumerate(bars[t].tolist()):
        torch.testing.assert_close(together[i], add_noise(X_0[i], EPS[i], vp_level(alpha_bar)), atol=1e-14, rtol=0)
    assert add_noise(X_0.float(), EPS.float(), level).dtype == torch.float32
    for name in TABLE:
        halves = predictions(target(X_0, EPS, level, prediction=name), together, level, prediction=name)
        torch.testing.assert_close(halves, (X_0, EPS), atol=1e-9, rtol=0)
    with pytest.raises(ValueError, match="signal is 0"):
        x_0_from_eps(X_0[:2], EPS[:2], pick([PURE, CLEAN], torch.tensor([1, 0]), X_0.ndim))
    with pytest.raises(ValueError, match="noise is 0"):
        eps_from_x_0(X_0[:2], EPS[:2], pick([PURE, CLEAN], torch.tensor([1, 0]), X_0.ndim))


def test_float32_states_keep_the_precision_of_the_schedule():
    """sqrt(1 - alpha_bar) is taken in float64: in float32, 1 - 0.9999 has three digits left."""
    bars = torch.tensor([1 - 1e-7], dtype=torch.float64)
    for level in (vp_level(bars[0].item()), levels_at(bars, torch.tensor([0]), 2)):
        noise = add_noise(torch.zeros(1, 3), torch.ones(1, 3), level)
        torch.testing.assert_close(noise, torch.full((1, 3), 1e-7**0.5), rtol=1e-6, atol=0)


def test_karras():
    level = karras(vp_level(0.2))
    x_t = add_noise(X_0, EPS, vp_level(0.2))
    assert level.noise == pytest.approx(2.0)
    torch.testing.assert_close(x_t / vp_level(0.2).signal, X_0 + 2 * EPS)
    torch.testing.assert_close(add_noise(X_0, EPS, level), X_0 + 2 * EPS)


def test_a_pair_says_x_0_with_the_one_and_eps_with_the_other():
    level, other = vp_level(0.3, 7), normal(5, 3, 4, seed=4)
    for name in ("v", "velocity"):
        halves = predict(lambda x, at: (X_0, other), EPS, level, prediction=name, pairs=True)
        torch.testing.assert_close(halves[0], predictions(X_0, EPS, level, prediction=name)[0])
        torch.testing.assert_close(halves[1], predictions(other, EPS, level, prediction=name)[1])
    with pytest.raises(ValueError, match="infinity at t = 7"):
        predict(lambda x, at: (X_0, other / 0), EPS, level, pairs=True)


def test_noise_per_image_does_not_depend_on_the_batch():
    def generators(seeds):
        return [torch.Generator().manual_seed(s) for s in seeds]

    batch = draw_noise((3, 4, 8), generators([7, 8, 9]))
    for i, seed in enumerate([7, 8, 9]):
        assert torch.equal(batch[i : i + 1], draw_noise((1, 4, 8), generators([seed])))
    assert draw_noise((2, 3), torch.Generator().manual_seed(0), dtype=torch.float64).dtype == torch.float64
    one = [draw_noise((2, 3), torch.Generator().manual_seed(0)) for _ in range(2)]
    assert torch.equal(*one)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: x_0_from_eps(X_0, EPS, PURE), ["signal is 0", "> 0", "predict x_0"]),
        (lambda: eps_from_x_0(X_0, EPS, CLEAN), ["noise is 0", "> 0", "predict eps"]),
        (
            lambda: predictions(X_0, X_0, vp_level(0.5), prediction="noise"),
            ["'noise'", "'eps', 'x_0', 'v', 'velocity'"],
        ),
        (lambda: target(X_0, X_0, vp_level(0.5), prediction="x0"), ["'x0'", "'eps', 'x_0', 'v', 'velocity'"]),
        (lambda: predict(lambda x, level: (x, x), X_0, vp_level(0.5)), ["pair", "ddim_sample"]),
        (lambda: predict(lambda x, level: x / 0, X_0, vp_level(0.5, 7)), ["infinity at t = 7"]),
        (lambda: draw_noise((2, 3), None), ["generator is None", "torch.Generator"]),
        (lambda: draw_noise((3, 3), [torch.Generator()]), ["1 generators for a batch of 3", "(3)"]),
        (lambda: finite(torch.tensor([1, math.nan]), 7), ["NaN at t = 7"]),
        (lambda: finite(torch.tensor([1, math.inf]), 7), ["infinity at t = 7"]),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)


def test_shapes_are_checked_here():
    """The hook of conftest.py is in force: a wrong shape fails at the signature."""
    with pytest.raises(Exception, match="add_noise"):
        add_noise(X_0, EPS[:2], vp_level(0.5))
