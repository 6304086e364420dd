"""DDIM: its identities with DDPM and with Euler's method, and inversion. Its order is in test_samplers.py."""

import math

import numpy as np
import pytest
import torch
from tests.diffloop.reference import normal

from diffloop.ddim import ddim_invert, ddim_sample, ddim_step, ddim_step_std
from diffloop.ddpm import ddpm_step, ddpm_step_std
from diffloop.exact import gaussian_flow_map, gaussian_mixture, mixture_eps_model
from diffloop.ladders import trained_levels
from diffloop.levels import CLEAN, Level, steps_down, vp_level
from diffloop.parameterization import add_noise, predict, x_0_from_eps
from diffloop.schedules import alphas_cumprod_from_betas, linear_betas, spaced_timesteps

F64 = torch.float64
BARS = alphas_cumprod_from_betas(linear_betas())
ONE = gaussian_mixture(torch.ones(1), torch.tensor([[0.8, -0.3]]), torch.tensor([[[0.3, 0.1], [0.1, 0.2]]]))
THREE = gaussian_mixture(
    torch.tensor([0.5, 0.3, 0.2]),
    torch.tensor([[1.5, 0.0], [-1.0, 1.0], [-0.5, -1.5]]),
    torch.tensor([0.1, 0.2, 0.15]),
)
COUNTS = [25, 50, 100, 200, 400]
FINE_T = 100_000  # a schedule fine enough that the timesteps themselves add no error of their own


def at(t):
    return vp_level(BARS[t].item(), t)


def noise(n=64, seed=1):
    return normal(n, 2, seed=seed)


def last(states):
    *_, x = states
    return x


def rms(x):
    return (x**2).mean().sqrt().item()


def order(errors):
    return -np.polyfit(np.log(COUNTS), np.log(errors), 1)[0]


def fine(n):
    bars = alphas_cumprod_from_betas(linear_betas(FINE_T, beta_start=1e-6, beta_end=2e-4))
    return trained_levels(bars, spaced_timesteps(n, FINE_T, spacing="trailing"))


@pytest.mark.parametrize(("t", "prev"), [(999, 998), (999, 500), (500, 0), (1, 0)])
def test_eta_1_is_ddpm_with_the_small_variance(t, prev):
    x_t, eps, z = normal(3, 4, 3, seed=0)
    here, there = at(t), at(prev)
    assert ddim_step_std(here, there, eta=1) == pytest.approx(ddpm_step_std(here, there), rel=1e-9)
    x_0_hat = x_0_from_eps(x_t, eps, here)
    ours = ddim_step(x_0_hat, eps, here, there, eta=1, noise=z)
    torch.testing.assert_close(ours, ddpm_step(x_t, x_0_hat, here, there, noise=z), atol=1e-10, rtol=0)


def test_sigma_hat_is_ddpm_with_the_large_variance():
    """song2021ddim, Sec. 5: sigma-hat = sqrt(1 - alpha_bar_t / alpha_bar_prev), with the direction of eta = 1."""
    x_t, eps, z = normal(3, 4, 3, seed=0)
    x_0_hat = x_0_from_eps(x_t, eps, at(600))
    still = ddim_step(x_0_hat, eps, at(600), at(500), eta=1, noise=torch.zeros_like(z))
    sigma_hat = math.sqrt(1 - (BARS[600] / BARS[500]).item())
    ours = ddpm_step(x_t, x_0_hat, at(600), at(500), variance="large", noise=z)
    torch.testing.assert_close(ours, still + sigma_hat * z, atol=1e-12, rtol=0)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_right_marginal_if_eps_is_right(eta):
    """Given the true x_0, x_prev ~ N(sqrt(a_prev) x_0, 1 - a_prev) for every eta (song2021ddim, Lemma 1)."""
    one, zero = torch.ones(1, 1, dtype=F64), torch.zeros(1, 1, dtype=F64)
    a_prev, step = BARS[300].item(), (at(700), at(300))
    assert ddim_step(one, zero, *step, eta=eta, noise=zero).item() == pytest.approx(math.sqrt(a_prev))
    from_eps = ddim_step(zero, one, *step, eta=eta, noise=zero).item()
    from_noise = ddim_step(zero, zero, *step, eta=eta, noise=one).item()
    assert from_eps**2 + from_noise**2 == pytest.approx(1 - a_prev)
    assert from_noise == pytest.approx(eta * ddpm_step_std(*step))


@pytest.mark.parametrize("steps", [5, 50, 1000])
def test_eta_0_is_euler_in_sigma(steps):
    """d(x / sqrt(alpha_bar)) = eps d(sigma): Euler's method in Karras' variables visits the same states."""
    model, x_T = mixture_eps_model(THREE), noise()
    levels = trained_levels(BARS, spaced_timesteps(steps, spacing="trailing"))
    y = x_T / levels[0].signal
    for (here, there), state in zip(steps_down(levels), ddim_sample(model, x_T, levels), strict=True):
        y = y + (there.sigma - here.sigma) * model(here.signal * y, here)
        torch.testing.assert_close(there.signal * y, state, atol=1e-12, rtol=0)


def test_first_order_on_trained_timesteps():
    """Against the exact flow map from the first timestep to clean data. Order 1, as Euler's method must have."""
    x_T, errors = noise(), []
    for n in COUNTS:
        exact = gaussian_flow_map(x_T, ONE, fine(n)[0], CLEAN)
        errors.append(rms(last(ddim_sample(mixture_eps_model(ONE), x_T, fine(n))) - exact))
    assert order(errors) == pytest.approx(1.0, abs=0.1)


def test_inversion_round_trip_is_of_first_order():
    model, errors, x_0 = mixture_eps_model(ONE), [], ONE.means + 0.4 * noise()
    for n in COUNTS:
        x_T = last(ddim_invert(model, x_0, fine(n)))
        errors.append(rms(last(ddim_sample(model, x_T, fine(n))) - x_0))
    assert order(errors) == pytest.approx(1.0, abs=0.1)


def test_inversion_ends_at_the_exact_latent():
    """More steps: closer to where the ODE's exact solution takes x_0."""
    x_0, errors = ONE.means + 0.4 * noise(), []
    exact = gaussian_flow_map(x_0, ONE, CLEAN, at(999))
    for n in (10, 100, 1000):
        levels = trained_levels(BARS, spaced_timesteps(n, spacing="trailing"))
        errors.append(rms(last(ddim_invert(mixture_eps_model(ONE), x_0, levels)) - exact))
    assert errors[0] > 5 * errors[1] > 25 * errors[2]


def test_set_alpha_to_one():
    """True: the last step returns x_0_hat. False: it stops at the level of t = 0, a little noise left."""
    model, ts, x_T = mixture_eps_model(THREE), spaced_timesteps(10), noise()
    ends = {
        flag: list(ddim_sample(model, x_T, trained_levels(BARS, ts, set_alpha_to_one=flag)))[-2:]
        for flag in (True, False)
    }
    before, clean = ends[True]
    assert torch.equal(before, ends[False][0])
    assert torch.equal(clean, (before - math.sqrt(1 - BARS[0]) * model(before, at(0))) / math.sqrt(BARS[0]))
    assert torch.allclose(ends[False][1], before, atol=1e-12)


def test_a_given_x_0_hat_is_used():
    """At pure noise, where eps says nothing about it."""
    eps, x_0_hat = normal(2, 2, 3, seed=0)
    ours = ddim_step(x_0_hat, eps, Level(0.0, 1.0), vp_level(0.5))
    torch.testing.assert_close(ours, math.sqrt(0.5) * (x_0_hat + eps))
    model = lambda x, level: (x_0_hat, eps)  # noqa: E731
    halves = predict(model, add_noise(x_0_hat, eps, Level(0.0, 1.0)), Level(0.0, 1.0), prediction="v", pairs=True)
    torch.testing.assert_close(halves[0], -x_0_hat)


X = torch.zeros(2, 3)
TWO = trained_levels(BARS, [500, 0])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ddim_step_std(vp_level(0.3), vp_level(0.2), eta=0.5), ["less noise", "eta = 0"]),
        (lambda: ddim_step(X, X, vp_level(0.1), vp_level(0.2), eta=0.5), ["noise is None", "step_std"]),
        (lambda: list(ddim_sample(lambda x, level: x, X, [Level(0.0, 1.0), CLEAN])), ["signal is 0"]),
        (lambda: ddim_sample(lambda x, level: x, X, TWO, eta=-0.1), ["eta is -0.1", "[0, 1]"]),
        (lambda: ddim_sample(lambda x, level: x, X, TWO, eta=1.5), ["eta is 1.5", "[0, 1]"]),
        (lambda: ddim_sample(lambda x, level: x, X, TWO, eta=math.nan), ["eta is nan", "[0, 1]"]),
        (lambda: ddim_sample(lambda x, level: x, X, TWO, eta=0.5), ["generator is None", "eta = 0.5"]),
        (lambda: ddim_invert(lambda x, level: x, X, TWO, prediction="x0"), ["'x0'", "'eps', 'x_0', 'v'"]),
        (lambda: list(ddim_sample(lambda x, level: x / 0, X, TWO)), ["NaN at t = 500"]),
        (lambda: list(ddim_invert(lambda x, level: x / 0, X, TWO)), ["NaN at t = 0"]),
        (lambda: list(ddim_invert(lambda x, level: x, X, TWO, prediction="x_0")), ["noise is 0"]),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)
