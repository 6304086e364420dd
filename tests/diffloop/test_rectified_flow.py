"""Velocities against derivatives, the continuity equation and plain averages; reflow and straightness on known paths."""

import math
from itertools import pairwise

import pytest
import torch

from diffloop.ddim import ddim_sample
from diffloop.denoising import level_loss
from diffloop.euler import euler_sample
from diffloop.exact import (
    gaussian_mixture,
    mixture_log_density,
    mixture_posterior_mean,
    sample_mixture,
)
from diffloop.ladders import flow_levels
from diffloop.levels import Level, vp
from diffloop.parameterization import add_noise
from diffloop.rectified_flow import (
    conditional_velocity,
    logit_normal,
    mixture_velocity_model,
    pair_loss,
    reflow,
    straightness,
)

F64 = torch.float64
POINTS = torch.tensor([[1.5, 0.0], [-1.0, 1.0], [-0.5, -1.5]], dtype=F64)
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=F64)
BLOBS = gaussian_mixture(WEIGHTS, POINTS, torch.tensor([[0.1, 0.4], [0.2, 0.2], [0.5, 0.05]]))
DIRACS = gaussian_mixture(WEIGHTS, POINTS, torch.zeros(3))
PATHS = {  # t -> signal, noise, and their rates
    "straight": lambda t: (1 - t, t, -1.0, 1.0),
    "cosine": lambda t: (math.cos(t), math.sin(t), -math.sin(t), math.cos(t)),
    "exploding": lambda t: (1.0, t**2, 0.0, 2 * t),
}


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def straight_levels(u):
    u = u[:, None]
    return Level(1 - u, u, u.flatten())


@pytest.mark.parametrize("path", PATHS)
def test_a_conditional_velocity_is_the_derivative_of_its_path(path):
    x_0, eps, t, h = normal(5, 2), normal(5, 2, seed=1), 0.4, 1e-6
    before, after = (add_noise(x_0, eps, Level(*PATHS[path](at)[:2])) for at in (t - h, t + h))
    *level, signal_rate, noise_rate = PATHS[path](t)
    x_t = add_noise(x_0, eps, Level(*level))
    ours = conditional_velocity(x_t, x_0, Level(*level), signal_rate, noise_rate)
    torch.testing.assert_close(ours, (after - before) / (2 * h), atol=1e-8, rtol=0)


@pytest.mark.parametrize("path", PATHS)
def test_the_velocity_is_the_mean_of_the_conditional_ones(path):
    """For three points as data the mean is a sum of three, each weighted by how likely it led here."""
    *numbers, signal_rate, noise_rate = PATHS[path](0.6)
    level, x_t = Level(*numbers), normal(40, 2)
    likely = -((x_t[:, None] - level.signal * POINTS) ** 2).sum(2) / (2 * level.noise**2) + WEIGHTS.log()
    each = [conditional_velocity(x_t, x_0.expand_as(x_t), level, signal_rate, noise_rate) for x_0 in POINTS]
    mean = (likely.softmax(1)[:, :, None] * torch.stack(each, 1)).sum(1)
    model = mixture_velocity_model(DIRACS, signal_rate=signal_rate, noise_rate=noise_rate)
    torch.testing.assert_close(model(x_t, level), mean, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("path", PATHS)
def test_the_velocity_carries_the_densities(path):
    """d/dt log p + v . grad log p + div v = 0, the continuity equation, on points all over the plane."""
    t, h, x = 0.5, 1e-5, (1.5 * normal(60, 2)).requires_grad_()
    *numbers, signal_rate, noise_rate = PATHS[path](t)
    level = Level(*numbers)
    v = mixture_velocity_model(BLOBS, signal_rate=signal_rate, noise_rate=noise_rate)(x, level)
    divergence = sum(torch.autograd.grad(v[:, i].sum(), x, retain_graph=True)[0][:, i] for i in range(2))
    (score,) = torch.autograd.grad(mixture_log_density(x, BLOBS, level).sum(), x)
    before, after = (mixture_log_density(x, BLOBS, Level(*PATHS[path](at)[:2])) for at in (t - h, t + h))
    change = (after - before) / (2 * h)
    assert change.abs().max() > 0.1
    torch.testing.assert_close(change + (v * score).sum(1) + divergence, torch.zeros(60, dtype=F64), atol=1e-7, rtol=0)


def test_pure_noise_has_a_velocity():
    x, mean = normal(4, 2), WEIGHTS @ POINTS
    torch.testing.assert_close(mixture_velocity_model(BLOBS)(x, Level(0.0, 1.0)), x - mean)


def test_the_loss_of_pairs_is_the_level_loss_for_independent_ones():
    def model(x, level):
        return torch.sin(x) * level.noise

    x_0, level = normal(6, 2), straight_levels(torch.rand(6, generator=torch.Generator().manual_seed(2), dtype=F64))
    ours = pair_loss(model, x_0, normal(6, 2, seed=3), level)
    theirs = level_loss(model, x_0, level, torch.Generator().manual_seed(3), prediction="velocity")
    torch.testing.assert_close(ours, theirs, atol=0, rtol=0)


def test_both_losses_have_one_gradient():
    """Towards the velocity of each pair, averaged over all that can lead to a point, as towards the mean velocity."""
    weight = normal(2, 2, seed=4).requires_grad_()
    level, x_t = Level(0.3, 0.7), normal(20, 2)

    def gradient(loss):
        return torch.autograd.grad(loss, weight)[0]

    likely = -((x_t[:, None] - level.signal * POINTS) ** 2).sum(2) / (2 * level.noise**2) + WEIGHTS.log()
    share = likely.softmax(1).T  # (points, states)
    pairs = [(x_0.expand_as(x_t), (x_t - level.signal * x_0) / level.noise) for x_0 in POINTS]
    each = torch.stack([pair_loss(lambda x, _: torch.tanh(x @ weight), *pair, level) for pair in pairs])
    conditional = (share * each).sum(0).mean()
    off = torch.tanh(x_t @ weight) - mixture_velocity_model(DIRACS)(x_t, level)
    marginal = off.square().mean(1).mean()
    torch.testing.assert_close(gradient(conditional), gradient(marginal), atol=1e-13, rtol=1e-12)
    assert conditional > marginal + 0.1  # the losses differ by the variance of the velocities, and only by that


def test_a_flow_is_ddim_on_another_clock():
    """Euler along the velocity, state by state, against DDIM on the VP ladder of the same sigmas."""
    levels, x_T = flow_levels(9, shift=2.0), normal(50, 2)
    flow = list(euler_sample(mixture_velocity_model(BLOBS), x_T, levels, prediction="velocity"))
    ddim = list(
        ddim_sample(
            lambda x, level: mixture_posterior_mean(x, BLOBS, level), x_T, list(map(vp, levels)), prediction="x_0"
        )
    )
    for ours, theirs, level in zip(flow, ddim, levels[1:], strict=True):
        torch.testing.assert_close(ours / math.hypot(level.signal, level.noise), theirs, atol=1e-13, rtol=1e-13)


def test_straightness_of_known_paths():
    t = torch.linspace(0, 1, 401, dtype=F64)
    line = t[:, None, None] * torch.tensor([[3.0, 4.0]], dtype=F64)
    circle = torch.stack([torch.cos(math.pi / 2 * t), torch.sin(math.pi / 2 * t)], 1)[:, None]
    assert straightness(line, t).item() == pytest.approx(0, abs=1e-20)
    assert straightness(line.flip(0), 5 * t.flip(0)).item() == pytest.approx(0, abs=1e-20)
    # t^2 for t: the speed is 2 t along a chord of length 5
    assert straightness(t[:, None, None] * line, t).item() == pytest.approx(25 / 3, rel=1e-5)
    assert straightness(circle, t).item() == pytest.approx(math.pi**2 / 4 - 2, rel=1e-4)
    both = torch.cat([line, circle], 1)
    torch.testing.assert_close(
        straightness(both, t), torch.cat([straightness(line, t), straightness(circle, t)]), atol=1e-15, rtol=0
    )


@pytest.mark.parametrize("times", [[0.0, 0.5], [0.0, 0.5, 0.5], [0.0, 1.0, 0.5]])
def test_times_that_do_not_fit_are_refused(times):
    with pytest.raises(ValueError, match="rising or falling"):
        straightness(normal(3, 2, 2), times)


def test_reflow_pairs_noise_with_where_it_goes():
    eps, levels = normal(2000, 2), flow_levels(100)
    x_0, again = reflow(mixture_velocity_model(BLOBS), eps, levels)
    assert again is eps
    *_, end = euler_sample(mixture_velocity_model(BLOBS), eps, levels, prediction="velocity")
    torch.testing.assert_close(x_0, end, atol=0, rtol=0)
    with pytest.raises(ValueError, match="clean data"):
        reflow(mixture_velocity_model(BLOBS), eps, levels[:-1])


@pytest.mark.parametrize("power", [1, 2, 4])
def test_a_rectified_coupling_costs_no_more(power):
    """E c(Z_1 - Z_0) <= E c(X_1 - X_0) for convex c; here it is less by far, and the ends still have the moments."""
    n = 20_000
    eps, data = normal(n, 2), sample_mixture(BLOBS, n, torch.Generator().manual_seed(5))
    x_0, _ = reflow(mixture_velocity_model(BLOBS), eps, flow_levels(64))
    before, after = ((a - eps).norm(dim=1) ** power for a in (data, x_0))
    assert after.mean() < 0.9 * before.mean()
    torch.testing.assert_close(x_0.mean(0), data.mean(0), atol=0.05, rtol=0)
    torch.testing.assert_close(x_0.T.cov(), data.T.cov(), atol=0.08, rtol=0)


@pytest.mark.parametrize("shift", [0.5, 3.0])
def test_a_shift_multiplies_every_sigma(shift):
    """Of n and m = shift^2 n pixels of one colour, seen through the noise, the mean has the same error at both levels:
    sigma / sqrt(n). And lambda, twice our log_snr, moves by -2 log(shift)."""
    n = 64
    plain, shifted = flow_levels(8), flow_levels(8, shift=shift)
    for a, b in zip(plain[1:-1], shifted[1:-1], strict=True):
        assert b.sigma / math.sqrt(shift**2 * n) == pytest.approx(a.sigma / math.sqrt(n), rel=1e-12)
        assert 2 * b.log_snr == pytest.approx(2 * a.log_snr - 2 * math.log(shift), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.5, 0.6)])
def test_logit_normal_times_have_the_papers_density(mean, std):
    n, edges = 400_000, torch.linspace(0, 1, 21, dtype=F64)
    u = logit_normal(n, torch.Generator().manual_seed(6), mean=mean, std=std).double()
    t = torch.linspace(0, 1, 20_001, dtype=F64)[1:-1]
    density = torch.exp(-((torch.logit(t) - mean) ** 2) / (2 * std**2)) / (std * math.sqrt(2 * math.pi) * t * (1 - t))
    wanted = torch.stack([density[(t > a) & (t <= b)].sum() * 5e-5 for a, b in pairwise(edges)])
    found = torch.histogram(u, edges)[0] / n
    torch.testing.assert_close(found, wanted, atol=5 * math.sqrt(0.06 / n) + 5e-5, rtol=0)
    with pytest.raises(ValueError, match="std is 0"):
        logit_normal(3, torch.Generator(), std=0.0)
