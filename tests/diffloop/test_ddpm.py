"""DDPM: the forward chain, the posterior and the bound. The sampler is a row of test_samplers.py."""

import math
from itertools import pairwise

import pytest
import torch

from diffloop.ddpm import (
    ddpm_sample,
    ddpm_step,
    ddpm_step_std,
    decoder_nll,
    kl_prior,
    kl_step,
    loss_weights,
    posterior_coefficients,
)
from diffloop.exact import gaussian_mixture, gaussian_recursion, mixture_eps_model, mixture_log_density, sample_mixture
from diffloop.ladders import trained_levels
from diffloop.levels import CLEAN, Level, karras, straight, vp_level
from diffloop.parameterization import add_noise, x_0_from_eps
from diffloop.schedules import alphas_cumprod_from_betas, cosine_betas, linear_betas, spaced_timesteps

F64 = torch.float64
BETAS = linear_betas()
BARS = alphas_cumprod_from_betas(BETAS)


def gaussian(mean, std):
    return gaussian_mixture(torch.ones(1), torch.tensor([[mean]]), torch.tensor([std**2]))


def at(t):
    return vp_level(BARS[t].item(), t)


def ladder(steps, bars=BARS):
    return trained_levels(bars, spaced_timesteps(steps, spacing="trailing"))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_jump_equals_iterated_chain():
    """q(x_t | x_0) in closed form against the chain of q(x_t | x_{t-1}), by moments (ho2020ddpm, Eq. 2 and 4)."""
    mean, var = 1.0, 0.0  # of x_t, in units of x_0
    for t, beta in enumerate(BETAS.tolist()):
        mean, var = math.sqrt(1 - beta) * mean, (1 - beta) * var + beta
        assert mean == pytest.approx(math.sqrt(BARS[t].item()), rel=1e-10)
        assert var == pytest.approx(1 - BARS[t].item(), rel=1e-10)


@pytest.mark.parametrize(("t", "prev"), [(1, 0), (10, 9), (500, 499), (999, 998), (999, 0), (500, 100)])
def test_posterior_is_bayes_rule(t, prev):
    """q(x_prev | x_t, x_0) by brute force: q(x_t | x_prev) q(x_prev | x_0) on a fine grid, normalised by summation."""
    a_t, a_prev, x_0, x_t = BARS[t].item(), BARS[prev].item(), 0.7, -0.4
    coef_x_0, coef_x_t, beta_tilde = posterior_coefficients(at(t), at(prev))
    centre, width = coef_x_0 * x_0 + coef_x_t * x_t, math.sqrt(beta_tilde)
    grid = torch.linspace(centre - 12 * width, centre + 12 * width, 20_001, dtype=F64)
    log_prior = -((grid - math.sqrt(a_prev) * x_0) ** 2) / (2 * (1 - a_prev))
    ratio = a_t / a_prev
    log_likelihood = -((x_t - math.sqrt(ratio) * grid) ** 2) / (2 * (1 - ratio))
    p = (log_prior + log_likelihood).softmax(0)
    mean = (p @ grid).item()
    assert mean == pytest.approx(centre, abs=1e-9)
    assert (p @ (grid - mean) ** 2).item() == pytest.approx(beta_tilde, rel=1e-6)


def test_posterior_into_clean_data_is_x_0():
    coef_x_0, coef_x_t, beta_tilde = posterior_coefficients(at(0), CLEAN)
    assert (coef_x_0, coef_x_t, beta_tilde) == pytest.approx((1, 0, 0), abs=1e-12)
    assert ddpm_step_std(at(0), CLEAN, variance="large") == 0


@pytest.mark.parametrize("t", [1, 100, 999])
def test_step_is_eq_11(t):
    """Algorithm 2 writes the mean with eps alone: (x_t - beta / sqrt(1 - alpha_bar) * eps) / sqrt(1 - beta)."""
    x_t, eps = torch.randn(2, 4, 3, generator=seeded(), dtype=F64)
    beta, a_t = BETAS[t].item(), BARS[t].item()
    mean = (x_t - beta / math.sqrt(1 - a_t) * eps) / math.sqrt(1 - beta)
    zero = torch.zeros_like(x_t)
    x_0_hat = x_0_from_eps(x_t, eps, at(t))
    torch.testing.assert_close(ddpm_step(x_t, x_0_hat, at(t), at(t - 1), noise=zero), mean)


@pytest.mark.parametrize("scale", [karras, straight])
def test_a_step_in_another_scale_is_the_same_step(scale):
    x_t, x_0_hat, z = torch.randn(3, 4, 3, generator=seeded(), dtype=F64)
    here, there = scale(at(600)), scale(at(500))
    for variance in ("small", "large"):
        plain = ddpm_step(x_t, x_0_hat, at(600), at(500), variance=variance, noise=z)
        x = x_t * here.signal / at(600).signal
        ours = ddpm_step(x, x_0_hat, here, there, variance=variance, noise=z)
        torch.testing.assert_close(ours * at(500).signal / there.signal, plain, atol=1e-12, rtol=0)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("steps", [1, 3, 100])
def test_sampler_follows_its_variance_recursion(large, steps):
    """By its samples. Against the recursion, not against the data's variance: with few steps the two differ."""
    n, levels, variance = 20_000, ladder(steps), "large" if large else "small"
    x_T = torch.randn(n, 1, generator=seeded(1), dtype=F64)
    states = ddpm_sample(mixture_eps_model(gaussian(0.8, 0.5)), x_T, levels, generator=seeded(2), variance=variance)
    for state, (mean, var) in zip(states, gaussian_recursion(0.8, 0.25, levels, large=large), strict=True):
        assert state.mean().item() == pytest.approx(mean, abs=5 * math.sqrt(var / n) + 1e-12)
        assert state.var().item() == pytest.approx(var, rel=6 * math.sqrt(2 / n), abs=1e-12)
    if steps == 3:
        assert var < 0.04  # the data's is 0.25


def test_recursion_reaches_the_data_as_steps_grow():
    gaps = []
    for steps in (10, 100, 1000):
        *_, (mean, var) = gaussian_recursion(0.8, 0.25, ladder(steps))
        gaps.append(abs(var - 0.25))
    assert gaps[0] > 4 * gaps[1] > 16 * gaps[2]
    assert gaps[2] < 5e-3
    assert mean == pytest.approx(0.8, abs=0.01)


def test_loss_weights_are_the_papers():
    """Eq. 12, sigma_t^2 = beta_t: 0.50 at the paper's t = 1 (index 0), 0.005 to 0.010 from t = 100 (index 99) on."""
    weights = loss_weights(BARS, variance="large")
    assert weights[0].item() == pytest.approx(0.50005, abs=1e-5)
    assert round(weights[99:].min().item(), 3) == 0.005
    assert round(weights[99:].max().item(), 3) == 0.010
    beta = 1e-4 + (0.02 - 1e-4) * 99 / 999
    by_hand = beta**2 / (2 * beta * (1 - beta) * (1 - BARS[99].item()))
    assert weights[99].item() == pytest.approx(by_hand, rel=1e-9)
    assert math.isinf(loss_weights(BARS, variance="small")[0])


@pytest.mark.parametrize("variance", ["small", "large"])
def test_kl_step_is_the_kl_of_the_two_gaussians(variance):
    """KL(q(x_prev | x_t, x_0) || p(x_prev | x_t)) from torch.distributions, with means made by ddpm_step."""
    x_0, eps, eps_hat = torch.randn(3, 4, 3, generator=seeded(), dtype=F64)
    levels = ladder(5)
    for here, there in pairwise(levels[:-1]):
        x_t, zero = add_noise(x_0, eps, here), torch.zeros_like(x_0)
        means = [ddpm_step(x_t, x_0_from_eps(x_t, e, here), here, there, noise=zero) for e in (eps, eps_hat)]
        q = torch.distributions.Normal(means[0], ddpm_step_std(here, there, variance="small"))
        p = torch.distributions.Normal(means[1], ddpm_step_std(here, there, variance=variance))
        expected = torch.distributions.kl_divergence(q, p).sum(1)
        torch.testing.assert_close(kl_step(eps, eps_hat, here, there, variance=variance), expected)


def test_kl_prior_is_the_kl_of_the_two_gaussians():
    x_0 = torch.randn(4, 3, generator=seeded(), dtype=F64)
    q = torch.distributions.Normal(math.sqrt(0.3) * x_0, math.sqrt(0.7))
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl_prior(x_0, vp_level(0.3)), expected.to(F64))


def test_bound_holds_and_is_nearly_tight_for_an_exact_model():
    """E[-log p(x_0)] <= E[L_T + sum L_{t-1} + L_0] (Eq. 5); with the exact model and T = 1000 the gap is small."""
    mixture, n = gaussian(0.5, 0.6), 4_000
    model, x_0 = mixture_eps_model(mixture), sample_mixture(mixture, n, seeded(1))
    bound, generator = kl_prior(x_0, at(999)), seeded(2)
    levels = trained_levels(BARS, spaced_timesteps(1000))
    for here, there in pairwise(levels):
        eps = torch.randn(n, 1, generator=generator, dtype=F64)
        x_t = add_noise(x_0, eps, here)
        eps_hat = model(x_t, here)
        if there.noise > 0:
            bound = bound + kl_step(eps, eps_hat, here, there)
        else:
            bound = bound + decoder_nll(x_0, x_0_from_eps(x_t, eps_hat, here), here)
    gap = bound.mean() + mixture_log_density(x_0, mixture, CLEAN).mean()
    assert 0 < gap.item() < 0.05


def test_cosine_schedule_samples_too():
    bars = alphas_cumprod_from_betas(cosine_betas())
    levels = ladder(50, bars)
    x_T = torch.randn(5_000, 1, generator=seeded(1), dtype=F64)
    *_, x_0 = ddpm_sample(mixture_eps_model(gaussian(0.8, 0.5)), x_T, levels, generator=seeded(2))
    *_, (mean, var) = gaussian_recursion(0.8, 0.25, levels)
    assert x_0.mean().item() == pytest.approx(mean, abs=0.04)
    assert x_0.var().item() == pytest.approx(var, rel=0.1)


X = torch.zeros(2, 3)
STEP = (vp_level(0.1), vp_level(0.2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: posterior_coefficients(vp_level(0.5), vp_level(0.4)), ["less noise"]),
        (lambda: posterior_coefficients(vp_level(0.5), Level(0.0, 1.0)), ["less noise"]),
        (lambda: ddpm_step_std(*STEP, variance="medium"), ["'medium'", "'small', 'large'"]),
        (lambda: loss_weights(BARS, variance="medium"), ["'medium'", "'small', 'large'"]),
        (lambda: ddpm_step(X, X, *STEP, noise=None), ["noise is None", "step_std"]),
        (lambda: kl_step(X, X, vp_level(0.1), CLEAN), ["clean data", "decoder_nll"]),
        (lambda: ddpm_sample(lambda x, level: x, X, ladder(2), generator=seeded(), variance="?"), ["'?'", "'small'"]),
        (lambda: ddpm_sample(lambda x, level: x, X, ladder(2), generator=None), ["generator is None"]),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)
