"""Wrappers around networks: EDM's preconditioning, and a network seen in another scale."""

import math
from dataclasses import replace

import pytest
import torch
from diffusers import EDMEulerScheduler, EulerDiscreteScheduler
from tests.diffloop.reference import BARS, F64, model, normal, scheduler_of, worst

from diffloop.ddim import ddim_sample
from diffloop.exact import gaussian_mixture, mixture_posterior_mean
from diffloop.ladders import edm_clock, karras_levels, retold, trained_clock, trained_levels
from diffloop.levels import Level, karras, straight, vp, vp_level
from diffloop.preconditioning import edm_preconditioned, seen_as

VIEWS = {"vp": vp, "karras": karras, "straight": straight}
SIGMAS = [0.002, 0.5, 1.0, 80.0]


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("sigma_data", [0.5, 1.3])
def test_preconditioning_is_that_of_diffusers(sigma, sigma_data):
    """Its input, what the network is told, and its output, in float64."""
    x, scheduler, seen = normal(4, 3), EDMEulerScheduler(sigma_data=sigma_data), []

    def network(scaled, level):
        seen.append((scaled, level.t))
        return torch.sin(3 * scaled)

    ours = edm_preconditioned(network, sigma_data=sigma_data)(x, Level(1.0, sigma, 123))
    ((scaled, t),) = seen
    sigma = torch.tensor(sigma, dtype=F64)
    torch.testing.assert_close(scaled, scheduler.precondition_inputs(x, sigma), atol=1e-14, rtol=1e-14)
    assert t == pytest.approx(scheduler.precondition_noise(sigma).item(), rel=1e-14)
    wanted = scheduler.precondition_outputs(x, torch.sin(3 * scaled), sigma)
    torch.testing.assert_close(ours, wanted, atol=1e-14, rtol=1e-14)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_what_a_raw_network_must_learn_of_a_gaussian(sigma):
    """Data ~ N(0, sigma_data^2): E[x_0 | x] = c_skip * x, so that the best raw network answers 0."""
    data = gaussian_mixture(torch.ones(1), torch.zeros(1, 2), torch.tensor([0.25]))
    x, level = sigma * normal(50, 2), Level(1.0, sigma)
    ours = edm_preconditioned(lambda x, level: 0 * x)(x, level)
    torch.testing.assert_close(ours, mixture_posterior_mean(x, data, level), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_inputs_and_targets_have_unit_variance(sigma):
    """karras2022edm, Appendix B.6: of c_in * x, and of the target (x_0 - c_skip * x) / c_out."""
    x_0, eps = 0.5 * normal(200_000, 1), normal(200_000, 1, seed=5)
    x, level, seen = x_0 + sigma * eps, Level(1.0, sigma), []
    skipped = edm_preconditioned(lambda x, level: seen.append(x) or 0 * x)(x, level)
    out = edm_preconditioned(lambda x, level: 0 * x + 1)(x, level) - skipped
    assert seen[0].var().item() == pytest.approx(1, rel=0.02)
    assert ((x_0 - skipped) / out).var().item() == pytest.approx(1, rel=0.02)


def test_a_clock_of_ones_own():
    seen = []
    network = lambda x, level: seen.append(level.t) or x  # noqa: E731
    edm_preconditioned(network, clock=lambda level: level.noise)(normal(2, 2), Level(1.0, 3.0))
    assert seen == [3.0]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("scale", VIEWS)
@pytest.mark.parametrize("prediction", ["eps", "x_0", "v", "velocity"])
def test_seen_as_says_the_same_in_every_scale(view, scale, prediction):
    """The network sees its own state, level and number; what it says of x_0 and eps is what comes out."""
    seen, level = [], VIEWS[scale](vp_level(0.3, -5))

    def network(x, inner):
        seen.append((x, inner))
        return model(prediction)(x, inner)

    x = normal(4, 3)
    ours = seen_as(network, VIEWS[view], lambda inner: 7 * inner.sigma, prediction=prediction)(x, level)
    torch.testing.assert_close(ours, model(prediction)(x, level), atol=1e-12, rtol=1e-12)
    ((inside, inner),) = seen
    assert (inner.signal, inner.noise) == (VIEWS[view](level).signal, VIEWS[view](level).noise)
    assert inner.t == pytest.approx(7 * level.sigma)
    torch.testing.assert_close(inside, x * inner.signal / level.signal, atol=1e-12, rtol=1e-12)


def test_at_the_ends():
    """Pure noise of a flow is pure noise of VP; clean data is clean data: no division by zero."""
    for level in (Level(0.0, 1.0), Level(1.0, 0.0)):
        for view in (vp, straight):
            seen = seen_as(model("v"), view, lambda inner: 0, prediction="v")
            torch.testing.assert_close(seen(normal(4, 3), level), model("v")(normal(4, 3), level))


def test_in_its_own_view_it_is_the_network():
    level = vp_level(0.3, 7)
    for prediction in ("eps", "x_0", "v"):
        seen = seen_as(model(prediction), vp, lambda inner: inner.t, prediction=prediction)
        torch.testing.assert_close(seen(normal(4, 3), level), model(prediction)(normal(4, 3), level))


def test_a_trained_network_between_its_timesteps():
    """A VP network on Karras' ladder: told fractions, as use_karras_sigmas of Diffusers has it."""
    told, levels = [], karras_levels(7, sigma_min=0.1, sigma_max=14.0)

    def network(x, level):
        told.append(level.t)
        return model("eps")(x, level)

    list(ddim_sample(seen_as(network, vp, trained_clock(BARS)), 14 * normal(4, 3), levels))
    scheduler = scheduler_of(
        EulerDiscreteScheduler, 7, "linspace", "eps", use_karras_sigmas=True, sigma_min=0.1, sigma_max=14.0
    )
    torch.testing.assert_close(torch.tensor(told), scheduler.timesteps, atol=2e-2, rtol=0)


def test_retold_levels_are_enough_where_the_scale_is_the_same():
    levels = trained_levels(BARS, [800, 500, 200])
    moved = retold([replace(level, t=-1) for level in levels], trained_clock(BARS))
    assert [level.t for level in moved] == pytest.approx([800, 500, 200, 0], abs=1e-9)
    x_T = normal(4, 3)
    assert (
        worst(ddim_sample(model("v"), x_T, moved, prediction="v"), ddim_sample(model("v"), x_T, levels, prediction="v"))
        == 0
    )
    assert math.isnan(Level(1.0, 1.0).t)
    assert edm_clock(moved[0]) == pytest.approx(math.log(levels[0].sigma) / 4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: edm_preconditioned(model("eps"), sigma_data=0.0), ["sigma_data is 0.0", "above 0"]),
        (lambda: edm_preconditioned(model("eps"), sigma_data=math.nan), ["nan", "above 0"]),
        (lambda: edm_preconditioned(model("eps"))(normal(2, 3), vp_level(0.5)), ["signal is 0.7", "karras_levels"]),
        (lambda: seen_as(model("eps"), karras, edm_clock)(normal(2, 3), Level(0.0, 1.0)), ["signal is 0"]),
        (lambda: seen_as(model("eps"), vp, edm_clock, prediction="?")(normal(2, 3), vp_level(0.5)), ["'?'", "'eps'"]),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)
