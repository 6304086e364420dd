"""DDIM: its identities with DDPM and with Euler's method, its order of convergence, and inversion."""

import math

import numpy as np
import pytest
import torch

from diffloop.ddim import ddim_invert, ddim_sample, ddim_step, ddim_step_std
from diffloop.ddpm import ddpm_step, ddpm_step_std
from diffloop.exact import (
    gaussian_flow_map,
    gaussian_mixture,
    gaussian_recursion,
    mixture_eps_model,
)
from diffloop.parameterization import karras_state, sigma_from_alpha_bar
from diffloop.schedules import alphas_cumprod_from_betas, linear_betas, spaced_timesteps, step_pairs

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


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(n=64, seed=1):
    return torch.randn(n, 2, generator=seeded(seed), dtype=F64)


def last(states):
    *_, x = states
    return x


def slope(counts, errors):
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


def rms(x):
    return (x**2).mean().sqrt().item()


@pytest.mark.parametrize(("t", "prev"), [(999, 998), (999, 500), (500, 0), (1, 0)])
def test_eta_1_is_ddpm_with_the_small_variance(t, prev):
    x_t, eps, z = torch.randn(3, 4, 3, generator=seeded(), dtype=F64)
    level = {"alpha_bar_t": BARS[t], "alpha_bar_prev": BARS[prev]}
    assert ddim_step_std(*level.values(), eta=1) == pytest.approx(ddpm_step_std(*level.values()), rel=1e-9)
    ours = ddim_step(x_t, eps, **level, eta=1, noise=z)
    torch.testing.assert_close(ours, ddpm_step(x_t, eps, **level, noise=z), atol=1e-10, rtol=0)


def test_sigma_hat_is_ddpm_with_the_large_variance():
    """song2021ddim, Sec. 5: sigma-hat = sqrt(1 - alpha_bar_t / alpha_bar_prev), with the direction of eta = 1."""
    x_t, eps, z = torch.randn(3, 4, 3, generator=seeded(), dtype=F64)
    level = {"alpha_bar_t": BARS[600], "alpha_bar_prev": BARS[500]}
    still = ddim_step(x_t, eps, **level, eta=1, noise=torch.zeros_like(z))
    sigma_hat = math.sqrt(1 - (BARS[600] / BARS[500]).item())
    expected = still + sigma_hat * z
    torch.testing.assert_close(ddpm_step(x_t, eps, **level, variance="large", noise=z), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_right_marginal_if_eps_is_right(eta):
    """Given the true x_0, x_prev ~ N(sqrt(a_prev) x_0, 1 - a_prev) for every eta (song2021ddim, Lemma 1)."""
    a_t, a_prev = BARS[700].item(), BARS[300].item()
    one, zero = torch.ones(1, 1, dtype=F64), torch.zeros(1, 1, dtype=F64)
    level = {"alpha_bar_t": a_t, "alpha_bar_prev": a_prev, "eta": eta}
    x_t = math.sqrt(a_t) * one  # x_0 = 1, eps = 0
    assert ddim_step(x_t, zero, **level, noise=zero).item() == pytest.approx(math.sqrt(a_prev))
    from_eps = ddim_step(math.sqrt(1 - a_t) * one, one, **level, noise=zero).item()  # x_0 = 0, eps = 1
    from_noise = ddim_step(zero, zero, **level, noise=one).item()
    assert from_eps**2 + from_noise**2 == pytest.approx(1 - a_prev)


@pytest.mark.parametrize("steps", [5, 50, 1000])
def test_eta_0_is_euler_in_sigma(steps):
    """d(x / sqrt(alpha_bar)) = eps d(sigma): Euler's method in Karras' variables visits the same states."""
    model, ts, x_T = mixture_eps_model(THREE, BARS), spaced_timesteps(steps, spacing="trailing"), noise()
    pairs = step_pairs(ts, BARS)
    y = karras_state(x_T, alpha_bar_t=pairs[0][1])
    for (t, a_t, a_prev), state in zip(pairs, ddim_sample(model, x_T, ts, BARS), strict=True):
        y = y + (sigma_from_alpha_bar(a_prev) - sigma_from_alpha_bar(a_t)) * model(math.sqrt(a_t) * y, t)
        torch.testing.assert_close(math.sqrt(a_prev) * y, state, atol=1e-12, rtol=0)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 10, 100])
def test_sampler_follows_its_recursion(eta, steps):
    one = gaussian_mixture(torch.ones(1), torch.tensor([[0.8]]), torch.tensor([0.25]))
    n, ts = 10_000, spaced_timesteps(steps, spacing="trailing")
    x_T = torch.randn(n, 1, generator=seeded(1), dtype=F64)
    states = ddim_sample(mixture_eps_model(one, BARS), x_T, ts, BARS, eta=eta, generator=seeded(2))
    for state, (mean, var) in zip(states, gaussian_recursion(0.8, 0.25, ts, BARS, eta=eta), strict=True):
        assert state.mean().item() == pytest.approx(mean, abs=5 * math.sqrt(var / n) + 1e-12)
        assert state.var().item() == pytest.approx(var, rel=6 * math.sqrt(2 / n), abs=1e-12)


def test_first_order_on_a_gaussian():
    """Against the exact flow map from the first timestep to clean data. Order 1, as Euler's method must have."""
    bars = alphas_cumprod_from_betas(linear_betas(FINE_T, beta_start=1e-6, beta_end=2e-4))
    model, x_T = mixture_eps_model(ONE, bars), noise()
    exact = gaussian_flow_map(x_T, ONE, alpha_bar_t=bars[-1], alpha_bar_prev=1.0)
    errors = [
        rms(last(ddim_sample(model, x_T, spaced_timesteps(n, FINE_T, spacing="trailing"), bars)) - exact)
        for n in COUNTS
    ]
    assert slope(COUNTS, errors) == pytest.approx(1.0, abs=0.1)


def test_first_order_on_a_mixture():
    """Against a solution with sixteen times the steps. States near a boundary between components have large constants,
    so the slope is fitted further down."""
    bars = alphas_cumprod_from_betas(linear_betas(FINE_T, beta_start=1e-6, beta_end=2e-4))
    model, x_T, counts = mixture_eps_model(THREE, bars), noise(16), [100, 200, 400]
    runs = {
        n: last(ddim_sample(model, x_T, spaced_timesteps(n, FINE_T, spacing="trailing"), bars)) for n in [*counts, 6400]
    }
    errors = [rms(runs[n] - runs[6400]) for n in counts]
    assert slope(counts, errors) == pytest.approx(1.0, abs=0.1)


def test_inversion_round_trip_is_of_first_order():
    bars = alphas_cumprod_from_betas(linear_betas(FINE_T, beta_start=1e-6, beta_end=2e-4))
    model, errors = mixture_eps_model(ONE, bars), []
    x_0 = ONE.means + 0.4 * noise()
    for n in COUNTS:
        ts = spaced_timesteps(n, FINE_T, spacing="trailing")
        x_T = last(ddim_invert(model, x_0, ts, bars))
        errors.append(rms(last(ddim_sample(model, x_T, ts, bars)) - x_0))
    assert slope(COUNTS, errors) == pytest.approx(1.0, abs=0.1)


def test_inversion_ends_at_the_exact_latent():
    """More steps: closer to where the ODE's exact solution takes x_0."""
    x_0, model = ONE.means + 0.4 * noise(), mixture_eps_model(ONE, BARS)
    exact = gaussian_flow_map(x_0, ONE, alpha_bar_t=1.0, alpha_bar_prev=BARS[-1])
    errors = []
    for n in (10, 100, 1000):
        ts = spaced_timesteps(n, spacing="trailing")
        errors.append(rms(last(ddim_invert(model, x_0, ts, BARS)) - exact))
    assert errors[0] > 5 * errors[1] > 25 * errors[2]


def test_set_alpha_to_one():
    """True: the last step returns x_0_hat. False: it stops at the level of t = 0, a little noise left."""
    model, ts, x_T = mixture_eps_model(THREE, BARS), spaced_timesteps(10), noise()
    ends = {flag: list(ddim_sample(model, x_T, ts, BARS, set_alpha_to_one=flag))[-2:] for flag in (True, False)}
    before, clean = ends[True]
    assert torch.equal(before, ends[False][0])
    assert torch.equal(clean, (before - math.sqrt(1 - BARS[0]) * model(before, 0)) / math.sqrt(BARS[0]))
    assert torch.equal(ends[False][1], before) or torch.allclose(ends[False][1], before, atol=1e-12)


def test_same_seed_same_bits_and_batches_do_not_matter():
    ts, model, x_T = spaced_timesteps(10), mixture_eps_model(THREE, BARS), noise(4).float()
    for eta in (0.0, 0.7):
        runs = [list(ddim_sample(model, x_T, ts, BARS, eta=eta, generator=seeded(4))) for _ in range(2)]
        assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))
        together = last(ddim_sample(model, x_T, ts, BARS, eta=eta, generator=[seeded(i) for i in range(4)]))
        for i in range(4):
            alone = last(ddim_sample(model, x_T[i : i + 1], ts, BARS, eta=eta, generator=[seeded(i)]))
            torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=0)


def test_a_given_x_0_hat_is_used():
    x_t, eps, x_0_hat = torch.randn(3, 2, 3, generator=seeded(), dtype=F64)
    ours = ddim_step(x_t, eps, alpha_bar_t=0.0, alpha_bar_prev=0.5, x_0_hat=x_0_hat)
    torch.testing.assert_close(ours, math.sqrt(0.5) * (x_0_hat + eps))


X = torch.zeros(2, 3)
STEP = {"alpha_bar_t": 0.1, "alpha_bar_prev": 0.2}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ddim_step_std(0.1, 0.2, eta=1.5), ["eta is 1.5", "[0, 1]"]),
        (lambda: ddim_step_std(0.1, 0.2, eta=math.nan), ["eta is nan", "[0, 1]"]),
        (lambda: ddim_step_std(0.1, 1.2, eta=0.0), ["0.1, 1.2", "[0, 1]"]),
        (lambda: ddim_step_std(0.3, 0.2, eta=0.5), ["alpha_bar_prev is 0.2", "0.3", "eta to 0"]),
        (lambda: ddim_step(X, X, **STEP, eta=0.5), ["noise is None", "step_std"]),
        (lambda: ddim_step(X, X, alpha_bar_t=0.0, alpha_bar_prev=0.2), ["alpha_bar_t is 0"]),
        (lambda: ddim_sample(lambda x, t: x, X, spaced_timesteps(2), BARS, eta=-0.1), ["eta is -0.1", "[0, 1]"]),
        (
            lambda: ddim_sample(lambda x, t: x, X, spaced_timesteps(2), BARS, eta=0.5),
            ["generator is None", "eta = 0.5"],
        ),
        (
            lambda: ddim_sample(lambda x, t: x, X, spaced_timesteps(2), BARS, prediction="x0"),
            ["'x0'", "'eps', 'x_0', 'v'"],
        ),
        (lambda: list(ddim_sample(lambda x, t: x / 0, X, spaced_timesteps(2), BARS)), ["NaN at t = 500"]),
        (lambda: list(ddim_invert(lambda x, t: x / 0, X, spaced_timesteps(2), BARS)), ["NaN at t = 0"]),
        (
            lambda: list(ddim_invert(lambda x, t: x, X, spaced_timesteps(2), BARS, prediction="x_0")),
            ["alpha_bar_t is 1"],
        ),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)
