"""The oracles themselves: against autograd, Monte Carlo, and brute-force integration."""

import math

import pytest
import torch

from diffloop.exact import (
    condition,
    dataset_eps_model,
    dataset_log_density,
    dataset_posterior_mean,
    gaussian_flow_map,
    gaussian_mixture,
    gaussian_recursion,
    mixture_eps_model,
    mixture_log_density,
    mixture_posterior_mean,
    mixture_score,
    sample_mixture,
)
from diffloop.ladders import trained_levels
from diffloop.levels import karras, pick, straight, vp_level
from diffloop.parameterization import add_noise, x_0_from_eps
from diffloop.schedules import alphas_cumprod_from_betas, linear_betas, spaced_timesteps

F64 = torch.float64
BARS = alphas_cumprod_from_betas(linear_betas())
MEANS = torch.tensor([[1.5, 0.0], [-1.0, 1.0], [-0.5, -1.5]], dtype=F64)
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=F64)
FULL = torch.tensor([[[0.3, 0.2], [0.2, 0.4]], [[0.1, 0.0], [0.0, 0.5]], [[0.2, -0.1], [-0.1, 0.2]]], dtype=F64)
MIXTURES = {
    "isotropic": gaussian_mixture(WEIGHTS, MEANS, torch.tensor([0.1, 0.2, 0.3])),
    "diagonal": gaussian_mixture(WEIGHTS, MEANS, torch.tensor([[0.1, 0.4], [0.2, 0.2], [0.5, 0.05]])),
    "full": gaussian_mixture(WEIGHTS, MEANS, FULL),
}
LEVELS = [1e-4, 0.05, 0.5, 0.95, 0.9999]


def normal(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=F64)


@pytest.mark.parametrize("alpha_bar_t", LEVELS)
def test_density_is_that_of_torch(alpha_bar_t):
    component = torch.distributions.MultivariateNormal(
        math.sqrt(alpha_bar_t) * MEANS, alpha_bar_t * FULL + (1 - alpha_bar_t) * torch.eye(2, dtype=F64)
    )
    reference = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(WEIGHTS), component)
    x = 2 * normal(50, 2)
    ours = mixture_log_density(x, MIXTURES["full"], vp_level(alpha_bar_t))
    torch.testing.assert_close(ours, reference.log_prob(x), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("kind", MIXTURES)
@pytest.mark.parametrize("alpha_bar_t", LEVELS)
def test_score_is_the_gradient_and_eps_and_mean_follow(kind, alpha_bar_t):
    mixture, x = MIXTURES[kind], (2 * normal(40, 2)).requires_grad_()
    (gradient,) = torch.autograd.grad(mixture_log_density(x, mixture, vp_level(alpha_bar_t)).sum(), x)
    x = x.detach()
    score = mixture_score(x, mixture, vp_level(alpha_bar_t))
    torch.testing.assert_close(score, gradient, atol=1e-9, rtol=1e-9)
    eps = mixture_eps_model(mixture)(x, vp_level(alpha_bar_t))
    torch.testing.assert_close(eps, -math.sqrt(1 - alpha_bar_t) * gradient, atol=1e-9, rtol=1e-9)
    # Tweedie: two ways to E[x_0 | x_t]
    x_0_hat = mixture_posterior_mean(x, mixture, vp_level(alpha_bar_t))
    torch.testing.assert_close(x_0_hat, x_0_from_eps(x, eps, vp_level(alpha_bar_t)), atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("alpha_bar_t", [0.05, 0.5, 0.9])
def test_posterior_mean_by_monte_carlo(alpha_bar_t):
    """E[x_0 | x_t] = E[x_0 q(x_t | x_0)] / E[q(x_t | x_0)] over samples of x_0; within five standard errors."""
    mixture, x_t = MIXTURES["full"], normal(5, 2, seed=3)
    x_0 = sample_mixture(mixture, 200_000, torch.Generator().manual_seed(4))
    square = ((x_t[:, None] - math.sqrt(alpha_bar_t) * x_0) ** 2).sum(2)
    w = (-square / (2 * (1 - alpha_bar_t))).softmax(1)
    estimate = w @ x_0
    error = ((w**2)[:, :, None] * (x_0 - estimate[:, None]) ** 2).sum(1).sqrt()
    exact = mixture_posterior_mean(x_t, mixture, vp_level(alpha_bar_t))
    assert ((exact - estimate).abs() < 5 * error).all()
    assert error.max() < 0.02


def test_samples_have_the_moments_of_the_mixture():
    mixture = MIXTURES["full"]
    x = sample_mixture(mixture, 400_000, torch.Generator().manual_seed(0))
    mean = WEIGHTS @ MEANS
    covariance = torch.einsum("k,kij->ij", WEIGHTS, FULL + MEANS[:, :, None] * MEANS[:, None]) - torch.outer(mean, mean)
    torch.testing.assert_close(x.mean(0), mean, atol=0.01, rtol=0)
    torch.testing.assert_close(x.T.cov(), covariance, atol=0.02, rtol=0)


def test_noised_samples_have_the_density_that_is_claimed():
    """E[-log p(x_t)] over samples must be below the cross-entropy with any other level, and the score's mean is 0."""
    mixture = MIXTURES["diagonal"]
    x_0 = sample_mixture(mixture, 50_000, torch.Generator().manual_seed(0))
    x_t = add_noise(x_0, normal(50_000, 2, seed=1), vp_level(0.6))
    entropy = {a: -mixture_log_density(x_t, mixture, vp_level(a)).mean().item() for a in (0.5, 0.6, 0.7)}
    assert min(entropy, key=entropy.get) == 0.6
    assert mixture_score(x_t, mixture, vp_level(0.6)).mean(0).abs().max() < 0.02


def test_no_overflow_far_from_the_data():
    x = torch.tensor([[1e4, -1e4], [0.0, 0.0]], dtype=F64)
    points = normal(6, 2)
    for alpha_bar_t in (1e-8, 1 - 1e-8):
        for value in (
            mixture_log_density(x, MIXTURES["full"], vp_level(alpha_bar_t)),
            mixture_score(x, MIXTURES["full"], vp_level(alpha_bar_t)),
            dataset_posterior_mean(x, points, vp_level(alpha_bar_t)),
            dataset_log_density(x, points, vp_level(alpha_bar_t)),
        ):
            assert torch.isfinite(value).all()


def test_ends_of_the_schedule():
    mixture = MIXTURES["full"]
    mean = (WEIGHTS @ MEANS).expand(3, 2)
    torch.testing.assert_close(mixture_posterior_mean(normal(3, 2), mixture, vp_level(0.0)), mean)
    x = normal(3, 2)
    torch.testing.assert_close(mixture_posterior_mean(x, mixture, vp_level(1.0)), x)


def test_condition_is_bayes():
    """The unconditional score is the average of the class scores under p(class | x_t)."""
    mixture, x = MIXTURES["full"], normal(20, 2)
    parts = [condition(mixture, [0, 1]), condition(mixture, [2])]
    prior = torch.tensor([0.8, 0.2], dtype=F64)
    joint = torch.stack([mixture_log_density(x, p, vp_level(0.4)) for p in parts], 1) + prior.log()
    torch.testing.assert_close(joint.logsumexp(1), mixture_log_density(x, mixture, vp_level(0.4)))
    scores = torch.stack([mixture_score(x, p, vp_level(0.4)) for p in parts], 1)
    average = (joint.softmax(1)[:, :, None] * scores).sum(1)
    torch.testing.assert_close(average, mixture_score(x, mixture, vp_level(0.4)))


@pytest.mark.parametrize("alpha_bar_t", [0.1, 0.9])
def test_a_data_set_is_a_mixture_without_variance(alpha_bar_t):
    points, x = normal(7, 6, seed=5), normal(4, 6)
    mixture = gaussian_mixture(torch.ones(7), points, torch.zeros(7))
    level = vp_level(alpha_bar_t)
    shaped, pictures = x.reshape(4, 2, 3), points.reshape(7, 2, 3)
    ours = dataset_posterior_mean(shaped, pictures, level)
    torch.testing.assert_close(ours.flatten(1), mixture_posterior_mean(x, mixture, level))
    torch.testing.assert_close(dataset_log_density(shaped, pictures, level), mixture_log_density(x, mixture, level))
    eps = dataset_eps_model(pictures)(shaped, level)
    torch.testing.assert_close(eps.flatten(1), mixture_eps_model(mixture)(x, level))


@pytest.mark.parametrize("how", [{"eta": 0.0}, {"eta": 0.5}, {"large": True}])
def test_many_variances_follow_the_recursion_as_each_one_alone(how):
    levels, variances = trained_levels(BARS, spaced_timesteps(5)), torch.tensor([0.0, 0.1, 1.0], dtype=F64)
    together = [torch.stack([mean.expand(3), var]) for mean, var in gaussian_recursion(0.8, variances, levels, **how)]
    alone = [list(gaussian_recursion(0.8, v, levels, **how)) for v in variances.tolist()]
    expected = torch.tensor(alone, dtype=F64).permute(1, 2, 0)  # steps, mean or variance, data sets
    torch.testing.assert_close(torch.stack(together), expected, rtol=1e-12, atol=1e-15)
    with pytest.raises(ValueError, match="must be in"):
        list(gaussian_recursion(0.8, -variances, levels, **how))


@pytest.mark.parametrize("kind", MIXTURES)
def test_each_point_may_have_its_own_level(kind):
    levels, x_t = trained_levels(BARS, [900, 500, 100]), normal(3, 2)
    own = pick(levels, torch.arange(3), x_t.ndim)
    functions = (
        mixture_log_density,
        mixture_score,
        mixture_posterior_mean,
        lambda x, m, at: mixture_eps_model(m)(x, at),
    )
    for function in functions:
        alone = [function(x_t[i : i + 1], MIXTURES[kind], levels[i]) for i in range(3)]
        torch.testing.assert_close(function(x_t, MIXTURES[kind], own), torch.cat(alone), rtol=1e-12, atol=1e-12)


def test_float32_in_float32_out():
    x = normal(3, 2).float()
    assert mixture_eps_model(MIXTURES["full"])(x, vp_level(0.9)).dtype == torch.float32
    assert dataset_eps_model(normal(5, 2))(x, vp_level(0.9)).dtype == torch.float32


def test_flow_map_carries_the_marginals_and_composes():
    one = gaussian_mixture(torch.ones(1), MEANS[:1], FULL[:1])
    x = math.sqrt(0.2) * MEANS[0] + normal(5, 2) @ torch.linalg.cholesky(0.2 * FULL[0] + 0.8 * torch.eye(2)).T
    there = gaussian_flow_map(x, one, vp_level(0.2), vp_level(0.9))
    back = gaussian_flow_map(there, one, vp_level(0.9), vp_level(0.2))
    torch.testing.assert_close(back, x)
    halfway = gaussian_flow_map(x, one, vp_level(0.2), vp_level(0.6))
    torch.testing.assert_close(gaussian_flow_map(halfway, one, vp_level(0.6), vp_level(0.9)), there)
    # change of variables: log p(x) = log p(there) + log |det d there / d x|
    jacobian = torch.autograd.functional.jacobian(
        lambda y: gaussian_flow_map(y[None], one, vp_level(0.2), vp_level(0.9))[0], x[0]
    )
    before, after = (mixture_log_density(v[:1], one, vp_level(a)).item() for v, a in [(x, 0.2), (there, 0.9)])
    assert before == pytest.approx(after + torch.linalg.slogdet(jacobian)[1].item(), abs=1e-10)


def test_flow_map_solves_the_ode():
    """d(x / sqrt(alpha_bar)) / d sigma = eps (song2021ddim, Eq. 14), by central differences."""
    one = gaussian_mixture(torch.ones(1), MEANS[:1], FULL[:1])
    x, sigma, h = normal(5, 2), 1.3, 1e-5
    level = [1 / (1 + s**2) for s in (sigma - h, sigma, sigma + h)]
    states = [gaussian_flow_map(x, one, vp_level(level[1]), vp_level(a)) / math.sqrt(a) for a in level]
    eps = mixture_eps_model(one)(x, vp_level(level[1]))
    torch.testing.assert_close((states[2] - states[0]) / (2 * h), eps, atol=1e-8, rtol=0)


@pytest.mark.parametrize("scale", [karras, straight])
def test_other_scales_are_a_change_of_variables(scale):
    """log p(c x) = log p(x) - D log c for the density; eps and x_0_hat do not change, the score goes by 1 / c."""
    at, mixture, x = vp_level(0.3), MIXTURES["full"], normal(20, 2)
    there, points = scale(at), normal(6, 2, seed=2)
    c = there.signal / at.signal
    densities = mixture_log_density(c * x, mixture, there), dataset_log_density(c * x, points, there)
    torch.testing.assert_close(densities[0] + 2 * math.log(c), mixture_log_density(x, mixture, at))
    torch.testing.assert_close(densities[1] + 2 * math.log(c), dataset_log_density(x, points, at))
    torch.testing.assert_close(c * mixture_score(c * x, mixture, there), mixture_score(x, mixture, at))
    for f in (mixture_eps_model(mixture), dataset_eps_model(points)):
        torch.testing.assert_close(f(c * x, there), f(x, at))
    torch.testing.assert_close(mixture_posterior_mean(c * x, mixture, there), mixture_posterior_mean(x, mixture, at))
    one = gaussian_mixture(torch.ones(1), MEANS[:1], FULL[:1])
    moved = gaussian_flow_map(c * x, one, there, vp_level(0.8))
    torch.testing.assert_close(moved, gaussian_flow_map(x, one, at, vp_level(0.8)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: gaussian_mixture(-WEIGHTS, MEANS, FULL), ["weights", ">= 0"]),
        (lambda: gaussian_mixture(0 * WEIGHTS, MEANS, FULL), ["weights", "at least one > 0"]),
        (lambda: gaussian_mixture(WEIGHTS, MEANS, FULL[:, :1]), ["(3, 1, 2)", "(3,), (3, 2) or (3, 2, 2)"]),
        (lambda: gaussian_mixture(WEIGHTS, MEANS, -FULL), ["variance", ">= 0"]),
        (lambda: gaussian_mixture(WEIGHTS, MEANS, FULL + torch.tensor([[0, 1], [0, 0]])), ["not symmetric"]),
        (lambda: condition(MIXTURES["full"], []), ["[]", "0 .. 2"]),
        (lambda: condition(MIXTURES["full"], [3]), ["[3]", "0 .. 2"]),
        (lambda: mixture_score(normal(1, 2), MIXTURES["full"], vp_level(1.1)), ["1.1", "[0, 1]"]),
        (lambda: dataset_posterior_mean(normal(1, 2), normal(3, 2), vp_level(1.0)), ["no noise", "above 0"]),
        (
            lambda: mixture_score(
                normal(1, 2), gaussian_mixture(torch.ones(1), MEANS[:1], torch.zeros(1)), vp_level(1.0)
            ),
            ["no variance", "above 0"],
        ),
        (
            lambda: gaussian_flow_map(normal(1, 2), MIXTURES["full"], vp_level(0.1), vp_level(0.2)),
            ["3 components", "known for 1"],
        ),
        (
            lambda: list(gaussian_recursion(0, 1, trained_levels(BARS, spaced_timesteps(3)), eta=2)),
            ["eta is 2", "[0, 1]"],
        ),
        (
            lambda: list(gaussian_recursion(0, 1, trained_levels(BARS, spaced_timesteps(3)), eta=0, large=True)),
            ["eta is 0", "1 if large"],
        ),
        (
            lambda: list(gaussian_recursion(0, -1, trained_levels(BARS, spaced_timesteps(3)))),
            ["variance is -1", ">= 0"],
        ),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)
