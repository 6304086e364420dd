"""The design space of karras2022edm: its equations as the paper has them, against the library and against each other."""

import math
from itertools import pairwise

import pytest
import torch
from tests.diffloop.reference import BARS, F64, normal

from diffloop.ddpm import ddpm_sample
from diffloop.exact import (
    dataset_posterior_mean,
    gaussian_mixture,
    mixture_eps_model,
    mixture_posterior_mean,
    mixture_score,
)
from diffloop.heun import heun_sample
from diffloop.ladders import karras_levels, trained_levels
from diffloop.levels import Level
from diffloop.preconditioning import edm_preconditioned
from diffloop.schedules import spaced_timesteps
from diffloop.seeds import seeded

THREE = gaussian_mixture(
    torch.tensor([0.5, 0.3, 0.2]), torch.tensor([[-1.0, 0.2], [0.6, 0.9], [0.8, -0.7]]), torch.tensor([0.02, 0.05, 0.1])
)
SIGMAS = [0.002, 0.3, 1.0, 80.0]


def denoiser(x, sigma):
    return mixture_posterior_mean(x, THREE, Level(1.0, sigma))


def vp(t):
    """sigma(t), its derivative, s(t), its derivative: Table 1, with beta_d = 19.9 and beta_min = 0.1."""
    sigma = math.sqrt(math.expm1(19.9 * t * t / 2 + 0.1 * t))
    d_sigma = (19.9 * t + 0.1) * (sigma + 1 / sigma) / 2
    s = (1 + sigma**2) ** -0.5
    return sigma, d_sigma, s, -(s**3) * sigma * d_sigma


def vp_time(sigma):
    return (math.sqrt(0.01 + 39.8 * math.log1p(sigma**2)) - 0.1) / 19.9


SCHEDULES = {
    "noise": (lambda t: (t, 1.0, 1.0, 0.0), lambda sigma: sigma),
    "ve": (lambda t: (math.sqrt(t), 0.5 / math.sqrt(t), 1.0, 0.0), lambda sigma: sigma**2),
    "vp": (vp, vp_time),
}


def algorithm_1(x, sigmas, schedule, *, heun=True):
    """From an unscaled state at sigmas[0] to an unscaled one at the last, line by line."""
    at, when = SCHEDULES[schedule]

    def slope(x, t):
        sigma, d_sigma, s, d_s = at(t)
        return (d_sigma / sigma + d_s / s) * x - d_sigma * s / sigma * denoiser(x / s, sigma)

    ts = [when(sigma) for sigma in sigmas]
    x = at(ts[0])[2] * x
    for t, to in pairwise(ts):
        d = slope(x, t)
        there = x + (to - t) * d
        x = x + (to - t) * (d + slope(there, to)) / 2 if heun and to > 0 else there
    return x / at(ts[-1])[2] if ts[-1] > 0 else x


def geometric(n, high=5.0, low=0.2):
    return [high * (low / high) ** (i / n) for i in range(n + 1)]


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_guess_is_the_score(sigma):
    """Eq. 3."""
    x = sigma * normal(50, THREE.means.shape[1])
    score = (denoiser(x, sigma) - x) / sigma**2
    torch.testing.assert_close(score, mixture_score(x, THREE, Level(1.0, sigma)), atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("schedule", ["ve", "vp"])
def test_every_schedule_leads_to_the_same_place(schedule):
    """Eq. 4: the paths differ in their shape only; the solver's error falls with its second order."""
    x, errors = 5 * normal(50, THREE.means.shape[1]), []
    end = algorithm_1(x, geometric(2000), "noise")
    for n in (100, 200):
        errors.append((algorithm_1(x, geometric(n), schedule) - end).square().mean().sqrt().item())
    assert errors[1] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.2)


def test_the_square_root_schedule_is_the_step_of_the_variances():
    """Euler's step with sigma = sqrt(t): half the fall of the variance, times the score (Appendix C.2)."""
    x, (sigma, to) = normal(50, THREE.means.shape[1]), (0.8, 0.5)
    wanted = x + (sigma**2 - to**2) / 2 * mixture_score(x, THREE, Level(1.0, sigma))
    torch.testing.assert_close(algorithm_1(x, [sigma, to], "ve", heun=False), wanted, atol=1e-12, rtol=1e-12)


def test_algorithm_1_is_the_librarys_heun():
    levels = karras_levels(12)
    x = 80 * normal(50, THREE.means.shape[1])
    *_, ours = heun_sample(mixture_eps_model(THREE), x, levels)
    theirs = algorithm_1(x, [level.sigma for level in levels], "noise")
    torch.testing.assert_close(ours, theirs, atol=1e-11, rtol=0)


@pytest.mark.parametrize("steps", [5, 50])
def test_ddpm_is_euler_with_a_rung_of_churn(steps):
    """Algorithm 2 without lines 9 to 11, with gamma = sigma_{i-1} / sigma_i - 1, visits DDPM's states."""
    levels = trained_levels(BARS, spaced_timesteps(steps, spacing="trailing"))
    x_T, generator = normal(50, THREE.means.shape[1]), seeded(2)
    *_, wanted = ddpm_sample(mixture_eps_model(THREE), x_T, levels, generator=seeded(2))
    rungs = [level.sigma for level in levels]
    below = [rungs[0], *(b**2 / a for a, b in pairwise(rungs))]
    x = x_T / levels[0].signal
    for i, (start, to) in enumerate(pairwise(below)):
        hat = start * (rungs[i - 1] / rungs[i] if i else 1.0)  # (1 + gamma) * start
        if i:
            noise = torch.randn(x.shape, generator=generator, dtype=F64)
            x = x + math.sqrt(hat**2 - start**2) * noise
        x = x + (to - hat) * (x - denoiser(x, hat)) / hat
    torch.testing.assert_close(x, wanted, atol=1e-11, rtol=0)


def split(sigma, sigma_data=0.5):
    """c_skip and c_out of the library: what it makes of 1 with a network of 0, and what a 1 of the network adds."""
    one, level = torch.ones(1, 1, dtype=F64), Level(1.0, sigma)
    c_skip = edm_preconditioned(lambda x, level: 0 * x, sigma_data=sigma_data)(one, level)
    c_out = edm_preconditioned(lambda x, level: 0 * x + 1, sigma_data=sigma_data)(one, level) - c_skip
    return c_skip.item(), c_out.item()


@pytest.mark.parametrize("sigma", SIGMAS)
def test_no_other_skip_amplifies_errors_less(sigma):
    c_skip, c_out = split(sigma)
    others = torch.linspace(-1, 2, 30_001, dtype=F64)
    squares = (1 - others) ** 2 * 0.25 + others**2 * sigma**2
    assert squares.min().sqrt().item() >= c_out * (1 - 1e-9)
    assert others[squares.argmin()].item() == pytest.approx(c_skip, abs=1e-4)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_loss_seen_from_the_raw_network(sigma):
    """Eq. 8, for a network that is not good."""
    y, n, heard = 0.5 * normal(40, 3), sigma * normal(40, 3, seed=4), []

    def network(x, level):
        heard.append(torch.sin(3 * x))
        return heard[-1]

    error = edm_preconditioned(network, sigma_data=0.5)(y + n, Level(1.0, sigma)) - y
    c_skip, c_out = split(sigma)
    raw_error = heard[0] - (y - c_skip * (y + n)) / c_out
    torch.testing.assert_close(error**2, c_out**2 * raw_error**2, atol=1e-10, rtol=1e-6)


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("sigma_data", [0.5, 1.3])
def test_the_first_loss_is_one_at_every_level(sigma, sigma_data):
    """With F = 0 and the weight 1 / c_out^2, from the variances alone (Appendix B.6)."""
    c_skip, c_out = split(sigma, sigma_data)
    loss = ((1 - c_skip) ** 2 * sigma_data**2 + c_skip**2 * sigma**2) / c_out**2
    assert loss == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 80.0])
def test_the_ideal_denoiser_of_a_finite_data_set(sigma):
    """Appendix B.3, as it stands: densities, not a softmax."""
    points, x = normal(7, 2), sigma * normal(20, 2, seed=4)
    densities = torch.exp(-(x[:, None] - points).square().sum(2) / (2 * sigma**2))
    wanted = densities @ points / densities.sum(1, keepdim=True)
    torch.testing.assert_close(dataset_posterior_mean(x, points, Level(1.0, sigma)), wanted, atol=1e-10, rtol=1e-10)
