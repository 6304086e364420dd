"""eps <-> x_0 <-> v, Karras' sigma, and where each is undefined."""

import math
from itertools import permutations

import pytest
import torch

from diffloop.noise import draw_noise
from diffloop.parameterization import (
    add_noise,
    alpha_bar_from_sigma,
    eps_from_v,
    eps_from_x_0,
    finite,
    karras_state,
    predictions,
    sigma_from_alpha_bar,
    v_from_x_0_eps,
    x_0_from_eps,
    x_0_from_v,
)
from diffloop.schedules import alpha_bar_at, alphas_cumprod_from_betas, linear_betas

X_0, EPS = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LEVELS = [1e-6, 0.3, 0.5, 1 - 1e-6]


@pytest.mark.parametrize("alpha_bar_t", LEVELS)
def test_every_round_trip(alpha_bar_t):
    level = {"alpha_bar_t": alpha_bar_t}
    x_t = add_noise(X_0, EPS, **level)
    truth = {"x_0": X_0, "eps": EPS, "v": v_from_x_0_eps(X_0, EPS, **level)}
    for name, output in truth.items():
        x_0_hat, eps_hat = predictions(output, x_t, **level, prediction=name)
        torch.testing.assert_close(x_0_hat, X_0, atol=1e-9, rtol=0)
        torch.testing.assert_close(eps_hat, EPS, atol=1e-9, rtol=0)
    steps = {
        ("eps", "x_0"): x_0_from_eps,
        ("x_0", "eps"): eps_from_x_0,
        ("v", "x_0"): x_0_from_v,
        ("v", "eps"): eps_from_v,
        ("eps", "v"): lambda x, e, **k: v_from_x_0_eps(x_0_from_eps(x, e, **k), e, **k),
        ("x_0", "v"): lambda x, x_0, **k: v_from_x_0_eps(x_0, eps_from_x_0(x, x_0, **k), **k),
    }
    for a, b in permutations(truth, 2):
        torch.testing.assert_close(steps[a, b](x_t, truth[a], **level), truth[b], atol=1e-9, rtol=0)


def test_v_is_the_derivative_along_the_circle():
    """alpha_bar = cos^2(phi) makes x_t = cos(phi) x_0 + sin(phi) eps, and v = d x_t / d phi."""
    phi, h = 0.7, 1e-6
    ahead, behind = (add_noise(X_0, EPS, alpha_bar_t=math.cos(p) ** 2) for p in (phi + h, phi - h))
    v = v_from_x_0_eps(X_0, EPS, alpha_bar_t=math.cos(phi) ** 2)
    torch.testing.assert_close((ahead - behind) / (2 * h), v, atol=1e-8, rtol=0)


def test_v_is_defined_at_both_ends():
    for alpha_bar_t in (0.0, 1.0):
        x_t = add_noise(X_0, EPS, alpha_bar_t=alpha_bar_t)
        v = v_from_x_0_eps(X_0, EPS, alpha_bar_t=alpha_bar_t)
        torch.testing.assert_close(x_0_from_v(x_t, v, alpha_bar_t=alpha_bar_t), X_0)
        torch.testing.assert_close(eps_from_v(x_t, v, alpha_bar_t=alpha_bar_t), EPS)


def test_a_batch_of_timesteps_is_each_timestep_alone():
    bars = alphas_cumprod_from_betas(linear_betas())
    t = torch.tensor([0, 10, 500, 900, 999])
    together = add_noise(X_0, EPS, alpha_bar_t=alpha_bar_at(bars, t, X_0.ndim))
    for i, level in enumerate(bars[t].tolist()):
        torch.testing.assert_close(together[i], add_noise(X_0[i], EPS[i], alpha_bar_t=level), atol=1e-14, rtol=0)
    assert add_noise(X_0.float(), EPS.float(), alpha_bar_t=alpha_bar_at(bars, t, X_0.ndim)).dtype == torch.float32


def test_float32_states_keep_the_precision_of_the_schedule():
    """sqrt(1 - alpha_bar) is taken in float64: in float32, 1 - 0.9999 has three digits left."""
    level = torch.tensor(1 - 1e-7, dtype=torch.float64)
    noise = add_noise(torch.zeros(3), torch.ones(3), alpha_bar_t=level)
    torch.testing.assert_close(noise, torch.full((3,), 1e-7**0.5), rtol=1e-6, atol=0)


def test_karras():
    x_t = add_noise(X_0, EPS, alpha_bar_t=0.2)
    sigma = sigma_from_alpha_bar(0.2)
    assert sigma == pytest.approx(2.0)
    assert alpha_bar_from_sigma(sigma) == pytest.approx(0.2)
    torch.testing.assert_close(karras_state(x_t, alpha_bar_t=0.2), X_0 + 2 * EPS)
    assert sigma_from_alpha_bar(1.0) == 0
    assert sigma_from_alpha_bar(torch.tensor([0.5, 1.0])).tolist() == [1, 0]


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
        (lambda: add_noise(X_0, EPS, alpha_bar_t=1.2), ["1.2", "[0, 1]"]),
        (lambda: add_noise(X_0, EPS, alpha_bar_t=math.nan), ["nan", "[0, 1]"]),
        (lambda: add_noise(X_0, EPS, alpha_bar_t=torch.tensor([[[-0.1]]])), ["-0.1", "[0, 1]"]),
        (lambda: x_0_from_eps(X_0, EPS, alpha_bar_t=0.0), ["alpha_bar_t is 0", "> 0", "'v'"]),
        (lambda: eps_from_x_0(X_0, EPS, alpha_bar_t=1.0), ["alpha_bar_t is 1", "< 1", "'eps'"]),
        (lambda: karras_state(X_0, alpha_bar_t=0.0), ["alpha_bar_t is 0", "(0, 1]"]),
        (lambda: sigma_from_alpha_bar(0.0), ["alpha_bar_t is 0", "(0, 1]"]),
        (lambda: predictions(X_0, X_0, alpha_bar_t=0.5, prediction="noise"), ["'noise'", "'eps', 'x_0', 'v'"]),
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
        add_noise(X_0, EPS[:2], alpha_bar_t=0.5)
