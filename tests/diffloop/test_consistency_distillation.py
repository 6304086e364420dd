"""Consistency distillation: neighbours lie on one path, the exact flow map has no loss, and the boundary holds."""

import math

import pytest
import torch
from diffusers import LCMScheduler
from tests.diffloop.tiny_models import seeded
from torch import nn

from diffloop.consistency import consistency_function, lcm_timesteps
from diffloop.consistency_distillation import (
    adaptive_schedule,
    consistency_loss,
    edm_skip,
    follow,
    lcm_skip,
    neighbours,
    through_boundary,
)
from diffloop.ddim import ddim_sample
from diffloop.distillation import under
from diffloop.exact import gaussian_flow_map, gaussian_mixture, mixture_eps_model
from diffloop.guided_distillation import guided_teacher
from diffloop.heun import heun_sample
from diffloop.ladders import karras_levels, levels_at, trained_levels
from diffloop.levels import CLEAN, Level, pick, vp_level
from diffloop.parameterization import add_noise, target
from diffloop.schedules import alphas_cumprod_from_betas, scaled_linear_betas

BARS = alphas_cumprod_from_betas(scaled_linear_betas())
LEVELS = trained_levels(BARS, lcm_timesteps(20, distilled_steps=20))
KARRAS = karras_levels(18)[:-1]
GAUSSIAN = gaussian_mixture(torch.ones(1), torch.tensor([[0.3, -0.2]]), torch.tensor([[0.5, 0.1]]))
MIXTURE = gaussian_mixture(torch.ones(2), torch.tensor([[1.0, 0.0], [-1.0, 0.5]]), torch.tensor([0.2, 0.1]))
EPS = mixture_eps_model(MIXTURE)


def drawn(n=6, seed=1):
    g = seeded(seed)
    return torch.randn(n, 2, generator=g, dtype=torch.float64), torch.randn(n, 2, generator=g, dtype=torch.float64)


@pytest.mark.parametrize(("skip", "level"), [(lcm_skip, CLEAN), (lcm_skip, vp_level(0.99, 0)), (edm_skip, KARRAS[-1])])
def test_clean_data_is_its_own_answer(skip, level):
    x, output = drawn()
    told = "v" if skip is lcm_skip else "x_0"
    for one in (level, pick([level], torch.zeros(6, dtype=torch.long), 2)):
        found = through_boundary(output, x, one, prediction=told, skip=skip)
        torch.testing.assert_close(found, x, rtol=0, atol=1e-14)  # the ladder's own rounding


def test_edms_coefficients_are_those_of_the_preconditioning_far_from_the_boundary():
    c_skip, c_out = edm_skip(Level(1.0, 3.0), sigma_data=0.5, sigma_min=0.0)
    assert c_skip == pytest.approx(0.25 / 9.25)
    assert c_out == pytest.approx(1.5 / math.sqrt(9.25))


def test_the_boundary_is_that_of_the_sampler():
    """And that of Diffusers, level by level and in a batch of levels."""
    x, output = drawn(20)
    sampled = consistency_function(lambda x_t, level: output, prediction="eps")
    scheduler = LCMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
    batch = levels_at(BARS, torch.tensor([level.t for level in LEVELS[:-1]]), 2)
    together = through_boundary(output, x, batch, prediction="eps")
    for k, level in enumerate(LEVELS[:-1]):
        found = through_boundary(output, x, level, prediction="eps")
        torch.testing.assert_close(found, sampled(x, level), rtol=0, atol=1e-12)
        torch.testing.assert_close(together[k], found[k], rtol=0, atol=1e-12)
        theirs = scheduler.get_scalings_for_boundary_condition_discrete(level.t)
        torch.testing.assert_close(lcm_skip(level), tuple(map(float, theirs)), rtol=1e-12, atol=0)


@pytest.mark.parametrize(("heun", "sampler"), [(False, ddim_sample), (True, heun_sample)])
@pytest.mark.parametrize("levels", [LEVELS, KARRAS], ids=["trained", "karras"])
@pytest.mark.parametrize("skip", [1, 4])
def test_a_neighbour_is_one_step_of_the_sampler(levels, heun, sampler, skip):
    x_0, eps = drawn()
    i = torch.tensor([0, 3, 7, 2, 11, 5])
    x_t, x_prev, at, to = neighbours(x_0, eps, levels, i, skip=skip, teacher=EPS, heun=heun)
    for k in range(6):
        one = levels[i[k]], levels[i[k] + skip]
        torch.testing.assert_close(x_t[k], add_noise(x_0[k], eps[k], one[0]))
        (step,) = sampler(EPS, x_t[k : k + 1], one)
        torch.testing.assert_close(x_prev[k : k + 1], step, rtol=0, atol=1e-10)
        assert (at.noise[k].item(), to.noise[k].item()) == pytest.approx((one[0].noise, one[1].noise))


def test_the_last_neighbour_is_the_end_of_the_ladder():
    x_0, eps = drawn()
    *_, to = neighbours(x_0, eps, LEVELS, torch.full((6,), 18), skip=5)
    assert to.noise.abs().max() == 0


def test_a_guided_neighbour_is_a_guided_step():
    x_0, eps = drawn()
    label, scale = torch.ones(6, 1, dtype=torch.float64), torch.linspace(1, 5, 6, dtype=torch.float64)

    def model(x_t, level, cond):
        one = gaussian_mixture(torch.ones(1), MIXTURE.means[:1], MIXTURE.variances[:1])
        return torch.where(cond == 1, mixture_eps_model(one)(x_t, level), EPS(x_t, level))

    teacher = under(guided_teacher(model, torch.zeros(1, 1, dtype=torch.float64)), (label, scale))
    x_t, x_prev, at, _ = neighbours(x_0, eps, LEVELS, torch.full((6,), 9), teacher=teacher)
    said_u, said_c = model(x_t, at, 0 * label), model(x_t, at, label)
    guided = said_u + scale[:, None] * (said_c - said_u)
    (step,) = ddim_sample(lambda x, level: guided, x_t, LEVELS[9:11])
    torch.testing.assert_close(x_prev, step, rtol=0, atol=1e-10)


def test_without_a_teacher_neighbours_share_their_noise():
    x_0, eps = drawn()
    x_t, x_prev, at, to = neighbours(x_0, eps, LEVELS, torch.arange(6))
    torch.testing.assert_close((x_t - at.signal * x_0) / at.noise, eps)
    torch.testing.assert_close((x_prev - to.signal * x_0) / to.noise, eps)


def flow_map(x_t, level):
    """The exact consistency function of Gaussian data, as the network behind edm_skip would have to say it."""
    ends = torch.cat([gaussian_flow_map(x[None], GAUSSIAN, Level(1.0, s.item()), KARRAS[-1])
                      for x, s in zip(x_t, level.noise.flatten(), strict=True)])  # fmt: skip
    c_skip, c_out = edm_skip(level)
    return torch.where(c_out > 0, (ends - c_skip * x_t) / c_out.clamp(min=1e-300), 0)


@pytest.mark.parametrize("heun", [False, True])
def test_the_flow_map_has_no_loss(heun):
    """The loss of the exact map is the solver's error: it falls with the square of the ladder's fineness and faster."""
    x_0, eps = drawn(32)
    found = []
    for n in (40, 160):
        levels = karras_levels(n)[:-1]
        pair = neighbours(x_0, eps, levels, torch.arange(32) * n // 40, teacher=mixture_eps_model(GAUSSIAN), heun=heun)
        loss = consistency_loss(flow_map, flow_map, *pair, prediction="x_0", skip=edm_skip)
        found.append(loss.mean().sqrt().item())
    order = math.log(found[0] / found[1]) / math.log(4)
    assert order == pytest.approx(3 if heun else 2, abs=0.15)  # of the local error


def test_training_is_distillation_on_average():
    """Given x_t, the mean of the neighbours without a teacher is Euler's, by the teacher without error."""
    at, to = KARRAS[6], KARRAS[7]
    x_0, eps = drawn(400_000, seed=3)
    x_0 = 0.4 * x_0  # one Gaussian, whose regression on x_t is a straight line
    teacher = mixture_eps_model(gaussian_mixture(torch.ones(1), torch.zeros(1, 2), torch.tensor([0.16])))
    i = torch.full((len(x_0),), 6)
    x_t, by_teacher, *_ = neighbours(x_0, eps, KARRAS, i, teacher=teacher)
    _, alone, *_ = neighbours(x_0, eps, KARRAS, i)
    slope = (alone * x_t).sum() / x_t.square().sum()
    wanted = (by_teacher / x_t).flatten()[0]
    assert slope.item() == pytest.approx(wanted.item(), rel=2e-3)
    assert (alone - by_teacher).square().mean() > 1e-4 * to.noise**2  # but not each by itself
    assert at.noise > to.noise


@pytest.mark.parametrize("delta", [None, 0.01])
def test_no_gradient_reaches_the_follower(delta):
    student, follower = nn.Linear(2, 2).double(), nn.Linear(2, 2).double()
    pair = neighbours(*drawn(), LEVELS, torch.arange(6) + 3)
    said = (lambda x, level, net=net: net(x) for net in (student, follower))
    loss = consistency_loss(*said, *pair, prediction="v", delta=delta)
    assert loss.shape == (6,)
    loss.mean().backward()
    assert student.weight.grad.abs().sum() > 0
    assert follower.weight.grad is None


def test_a_huber_loss_is_a_distance_far_away_and_a_square_nearby():
    x, _ = drawn(2)
    level = Level(1.0, 1.0)
    for gap, wanted in ((100.0, 100.0 - 0.5), (1e-3, 1e-6 / (2 * 0.5))):
        loss = consistency_loss(
            lambda x_t, level, gap=gap: x_t + gap,
            lambda x_t, level: x_t,
            x, x, level, level,
            prediction="x_0", skip=lambda level: (0.0, 1.0), delta=0.5,
        )  # fmt: skip
        torch.testing.assert_close(loss, torch.full((2,), wanted, dtype=torch.float64), rtol=1e-4, atol=2e-3 * wanted)


def test_following():
    student, follower = nn.Linear(3, 1), nn.Linear(3, 1)
    student.bias.requires_grad_(False)
    before = follower.weight.clone(), follower.bias.clone()
    follow(follower, student, 0.75)
    torch.testing.assert_close(follower.weight, 0.75 * before[0] + 0.25 * student.weight)
    assert torch.equal(follower.bias, before[1])
    follow(follower, student, torch.zeros(1, 1))
    assert torch.equal(follower.weight, student.weight)


def test_the_schedule_of_rungs():
    """The numbers of Appendix C by hand: two levels at first, and s_1 + 1 in the end."""
    assert adaptive_schedule(0, 800) == (2, pytest.approx(0.9))
    assert adaptive_schedule(800, 800)[0] == 151
    assert adaptive_schedule(200, 800)[0] == math.ceil(math.sqrt(0.25 * (151**2 - 4) + 4) - 1) + 1
    many = [adaptive_schedule(k, 800) for k in range(801)]
    assert many == sorted(many)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: adaptive_schedule(5, 4), "k, K, first"),
        (lambda: follow(nn.Linear(1, 1), nn.Linear(1, 1), 1.0), "mu is 1.0"),
        (lambda: neighbours(*drawn(), LEVELS, torch.full((6,), 20)), "i ranges from 20 to 20"),
        (lambda: neighbours(*drawn(), LEVELS, torch.zeros(6, dtype=torch.long), skip=0), "skip is 0"),
        (lambda: neighbours(*drawn(), LEVELS, torch.zeros(6, dtype=torch.long), heun=True), "teacher is None"),
        (lambda: neighbours(*drawn(), LEVELS[::-1], torch.zeros(6, dtype=torch.long)), "must fall"),
    ],
)
def test_bad_input_is_named(bad, message):
    with pytest.raises(ValueError, match=message):
        bad()


def test_v_and_eps_say_the_same():
    x_0, eps = drawn()
    level = vp_level(BARS[400].item(), 400)
    x_t = add_noise(x_0, eps, level)
    found = [
        through_boundary(target(x_0, eps, level, prediction=p), x_t, level, prediction=p) for p in ("eps", "v", "x_0")
    ]
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])
