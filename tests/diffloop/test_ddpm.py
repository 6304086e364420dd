"""DDPM: the forward chain, the posterior, the bound and the sampler, each against something independent."""

import math

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
from diffloop.parameterization import add_noise, x_0_from_eps
from diffloop.schedules import alphas_cumprod_from_betas, cosine_betas, linear_betas, spaced_timesteps, step_pairs

F64 = torch.float64
BETAS = linear_betas()
BARS = alphas_cumprod_from_betas(BETAS)


def gaussian(mean, std):
    return gaussian_mixture(torch.ones(1), torch.tensor([[mean]]), torch.tensor([std**2]))


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
    coef_x_0, coef_x_t, beta_tilde = posterior_coefficients(a_t, a_prev)
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
    coef_x_0, coef_x_t, beta_tilde = posterior_coefficients(BARS[0], 1.0)
    assert (coef_x_0, coef_x_t, beta_tilde) == pytest.approx((1, 0, 0), abs=1e-12)
    assert ddpm_step_std(BARS[0], 1.0, variance="large") == 0


@pytest.mark.parametrize("t", [1, 100, 999])
def test_step_is_eq_11(t):
    """Algorithm 2 writes the mean with eps alone: (x_t - beta / sqrt(1 - alpha_bar) * eps) / sqrt(1 - beta)."""
    x_t, eps = torch.randn(2, 4, 3, generator=seeded(), dtype=F64)
    beta, a_t = BETAS[t].item(), BARS[t].item()
    mean = (x_t - beta / math.sqrt(1 - a_t) * eps) / math.sqrt(1 - beta)
    zero = torch.zeros_like(x_t)
    torch.testing.assert_close(ddpm_step(x_t, eps, alpha_bar_t=BARS[t], alpha_bar_prev=BARS[t - 1], noise=zero), mean)


@pytest.mark.parametrize("variance", ["small", "large"])
@pytest.mark.parametrize("steps", [1, 3, 10, 100, 1000])
def test_sampler_follows_its_variance_recursion(variance, steps):
    """Against the recursion, not against the data's variance: with few steps the two differ."""
    n, ts = 4_000 if steps >= 100 else 20_000, spaced_timesteps(steps, spacing="trailing")
    model = mixture_eps_model(gaussian(0.8, 0.5), BARS)
    x_T = torch.randn(n, 1, generator=seeded(1), dtype=F64)
    states = ddpm_sample(model, x_T, ts, BARS, generator=seeded(2), variance=variance)
    expected = gaussian_recursion(0.8, 0.25, ts, BARS, large=variance == "large")
    for state, (mean, var) in zip(states, expected, strict=True):
        assert state.mean().item() == pytest.approx(mean, abs=5 * math.sqrt(var / n) + 1e-12)
        assert state.var().item() == pytest.approx(var, rel=6 * math.sqrt(2 / n), abs=1e-12)
    if steps == 3:
        assert var < 0.04  # the data's is 0.25


def test_recursion_reaches_the_data_as_steps_grow():
    gaps = []
    for steps in (10, 100, 1000):
        *_, (mean, var) = gaussian_recursion(0.8, 0.25, spaced_timesteps(steps, spacing="trailing"), BARS)
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
    for _, a_t, a_prev in step_pairs(spaced_timesteps(5, spacing="trailing"), BARS)[:-1]:
        level = {"alpha_bar_t": a_t, "alpha_bar_prev": a_prev}
        x_t, zero = add_noise(x_0, eps, alpha_bar_t=a_t), torch.zeros_like(x_0)
        means = [ddpm_step(x_t, e, **level, noise=zero) for e in (eps, eps_hat)]
        q = torch.distributions.Normal(means[0], ddpm_step_std(a_t, a_prev, variance="small"))
        p = torch.distributions.Normal(means[1], ddpm_step_std(a_t, a_prev, variance=variance))
        expected = torch.distributions.kl_divergence(q, p).sum(1)
        torch.testing.assert_close(kl_step(eps, eps_hat, **level, variance=variance), expected)


def test_kl_prior_is_the_kl_of_the_two_gaussians():
    x_0 = torch.randn(4, 3, generator=seeded(), dtype=F64)
    q = torch.distributions.Normal(math.sqrt(0.3) * x_0, math.sqrt(0.7))
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl_prior(x_0, alpha_bar_T=0.3), expected.to(F64))


def test_bound_holds_and_is_nearly_tight_for_an_exact_model():
    """E[-log p(x_0)] <= E[L_T + sum L_{t-1} + L_0] (Eq. 5); with the exact model and T = 1000 the gap is small."""
    mixture, n = gaussian(0.5, 0.6), 4_000
    model, x_0 = mixture_eps_model(mixture, BARS), sample_mixture(mixture, n, seeded(1))
    bound, generator = kl_prior(x_0, alpha_bar_T=BARS[-1]), seeded(2)
    for t, a_t, a_prev in step_pairs(spaced_timesteps(1000), BARS):
        eps = torch.randn(n, 1, generator=generator, dtype=F64)
        x_t = add_noise(x_0, eps, alpha_bar_t=a_t)
        eps_hat = model(x_t, t)
        if t > 0:
            bound = bound + kl_step(eps, eps_hat, alpha_bar_t=a_t, alpha_bar_prev=a_prev)
        else:
            bound = bound + decoder_nll(x_0, x_0_from_eps(x_t, eps_hat, alpha_bar_t=a_t), alpha_bar_0=a_t)
    gap = bound.mean() + mixture_log_density(x_0, mixture, alpha_bar_t=1.0).mean()
    assert 0 < gap.item() < 0.05


def test_same_seed_same_bits_and_batches_do_not_matter():
    ts, model = spaced_timesteps(10), mixture_eps_model(gaussian(0.8, 0.5), BARS)
    x_T = torch.randn(4, 1, generator=seeded(3))
    runs = [list(ddpm_sample(model, x_T, ts, BARS, generator=seeded(4))) for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))
    *_, together = ddpm_sample(model, x_T, ts, BARS, generator=[seeded(i) for i in range(4)])
    for i in range(4):
        *_, alone = ddpm_sample(model, x_T[i : i + 1], ts, BARS, generator=[seeded(i)])
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=0)


def test_sampler_is_lazy_and_yields_a_state_a_step():
    calls = []

    def model(x_t, t):
        calls.append(t)
        return x_t

    states = ddpm_sample(model, torch.zeros(1, 1), spaced_timesteps(5), BARS, generator=seeded())
    assert calls == []
    next(states)
    assert calls == [800]
    assert len(list(states)) == 4


def test_cosine_schedule_samples_too():
    bars = alphas_cumprod_from_betas(cosine_betas())
    ts = spaced_timesteps(50, spacing="trailing")
    x_T = torch.randn(5_000, 1, generator=seeded(1), dtype=F64)
    *_, x_0 = ddpm_sample(mixture_eps_model(gaussian(0.8, 0.5), bars), x_T, ts, bars, generator=seeded(2))
    *_, (mean, var) = gaussian_recursion(0.8, 0.25, ts, bars)
    assert x_0.mean().item() == pytest.approx(mean, abs=0.04)
    assert x_0.var().item() == pytest.approx(var, rel=0.1)


X = torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: posterior_coefficients(0.5, 0.4), ["0.5, 0.4", "alpha_bar_t <= alpha_bar_prev"]),
        (lambda: posterior_coefficients(1.0, 1.0), ["1.0, 1.0", "alpha_bar_t < 1"]),
        (lambda: posterior_coefficients(math.nan, 1.0), ["nan"]),
        (lambda: ddpm_step_std(0.1, 0.2, variance="medium"), ["'medium'", "'small', 'large'"]),
        (lambda: loss_weights(BARS, variance="medium"), ["'medium'", "'small', 'large'"]),
        (lambda: ddpm_step(X, X, alpha_bar_t=0.1, alpha_bar_prev=0.2, noise=None), ["noise is None", "step_std"]),
        (lambda: ddpm_step(X, X, alpha_bar_t=0.0, alpha_bar_prev=0.2, noise=X), ["alpha_bar_t is 0"]),
        (lambda: kl_step(X, X, alpha_bar_t=0.1, alpha_bar_prev=1.0), ["alpha_bar_prev is 1", "decoder_nll"]),
        (
            lambda: ddpm_sample(lambda x, t: x, X, spaced_timesteps(2), BARS, generator=seeded(), variance="?"),
            ["'?'", "'small'"],
        ),
        (
            lambda: ddpm_sample(lambda x, t: x, X, spaced_timesteps(2), BARS, generator=seeded(), prediction="?"),
            ["'?'", "'v'"],
        ),
        (lambda: ddpm_sample(lambda x, t: x, X, spaced_timesteps(2), BARS, generator=None), ["generator is None"]),
        (
            lambda: list(ddpm_sample(lambda x, t: x / 0, X, spaced_timesteps(2), BARS, generator=seeded())),
            ["NaN at t = 500"],
        ),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)
