"""Levels and ladders: the three scales, the clocks, and the ladders of Diffusers."""

import math

import numpy as np
import pytest
import torch
from diffusers import EDMEulerScheduler, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler
from tests.diffloop.reference import BARS, scheduler_of

from diffloop.ladders import (
    as_timesteps,
    edm_clock,
    flow_levels,
    karras_levels,
    levels_at,
    retold,
    trained_clock,
    trained_levels,
)
from diffloop.levels import (
    CLEAN,
    Level,
    forward_std,
    initial_std,
    karras,
    pick,
    posterior_std,
    steps_down,
    straight,
    vp,
    vp_level,
)

VIEWS = {"vp": vp, "karras": karras, "straight": straight}
SIGMAS = [0.0, 1e-3, 0.3, 1.0, 17.0, 80.0]


def close(a, b):
    """Equal to one rounding: 1e-15 relative."""
    return a == pytest.approx(b, rel=1e-15, abs=0)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_each_view_is_what_it_says(sigma):
    level = Level(3.0, 3.0 * sigma, 7)
    a, b, c = vp(level), karras(level), straight(level)
    assert close(a.signal, 1 / math.sqrt(1 + sigma**2))
    assert close(a.noise, sigma / math.sqrt(1 + sigma**2))
    assert (b.signal, b.noise) == (1, pytest.approx(sigma, rel=1e-15))
    assert close(c.signal, 1 / (1 + sigma))
    assert close(c.noise, sigma / (1 + sigma))
    assert [view.t for view in (a, b, c)] == [7, 7, 7]


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("there", VIEWS)
@pytest.mark.parametrize("back", VIEWS)
def test_conversions_are_exact_both_ways(sigma, there, back):
    level = VIEWS[back](Level(1.0, sigma, 3))
    again = VIEWS[back](VIEWS[there](level))
    assert again.signal == pytest.approx(level.signal, rel=1e-15)
    assert again.noise == pytest.approx(level.noise, rel=1e-15)
    assert VIEWS[there](level).sigma == pytest.approx(sigma, rel=1e-15)
    assert again.t == 3


def test_what_a_level_says_of_itself():
    level = vp_level(0.2, 5)
    assert close(level.sigma, 2.0)
    assert close(level.alpha_bar, 0.2)
    assert close(karras(level).alpha_bar, 0.2)
    assert close(level.log_snr, -math.log(2))
    assert initial_std(level) == pytest.approx(1, rel=1e-15)
    assert close(initial_std(karras(level)), math.sqrt(5))
    assert initial_std(Level(0.0, 1.0)) == 1
    noise = Level(0.0, 1.0)
    assert (noise.sigma, noise.alpha_bar, noise.log_snr) == (math.inf, 0, -math.inf)
    assert (CLEAN.sigma, CLEAN.alpha_bar, CLEAN.log_snr, CLEAN.t) == (0, 1, math.inf, -1)
    assert vp(noise) == straight(noise)
    assert vp(noise).noise == 1


def test_sigma_of_a_batch_divides_through():
    level = Level(torch.tensor([1.0, 0.5, 0.0]), torch.tensor([0.0, 0.5, 1.0]))
    assert level.sigma.tolist() == [0, 1, math.inf]
    assert level.alpha_bar.tolist() == [1, 0.5, 0]


@pytest.mark.parametrize(("t", "prev"), [(999, 998), (999, 500), (500, 0), (1, 0), (10, -1)])
@pytest.mark.parametrize("view", VIEWS)
def test_what_a_step_adds_is_the_vp_closed_form_in_every_scale(t, prev, view):
    """sqrt(beta_t) and sqrt(beta_tilde_t) on the VP ladder; elsewhere the same noise, in units of the state."""
    at = vp_level(BARS[t].item())
    to = vp_level(BARS[prev].item()) if prev >= 0 else CLEAN
    beta = 1 - at.alpha_bar / to.alpha_bar
    small = math.sqrt((1 - to.alpha_bar) / (1 - at.alpha_bar) * beta)
    there, here = VIEWS[view](at), VIEWS[view](to)
    assert forward_std(there, here) * at.signal / there.signal == pytest.approx(math.sqrt(beta), rel=1e-9)
    assert posterior_std(there, here) * to.signal / here.signal == pytest.approx(small, rel=1e-9)


def test_ends_of_what_a_step_adds():
    assert posterior_std(vp_level(0.3), CLEAN) == 0
    assert forward_std(vp_level(0.3), CLEAN) == pytest.approx(math.sqrt(0.7), rel=1e-15)
    assert posterior_std(CLEAN, CLEAN) == 0
    assert forward_std(Level(0.0, 1.0), vp_level(0.3)) == 1
    assert forward_std(vp_level(0.3), vp_level(0.3)) == pytest.approx(0, abs=1e-8)


def test_trained_levels():
    levels = trained_levels(BARS, [999, 500, 0])
    assert [level.t for level in levels] == [999, 500, 0, -1]
    assert levels[-1] == CLEAN
    for level in levels[:-1]:
        assert close(level.alpha_bar, BARS[level.t].item())
        assert close(level.signal, math.sqrt(BARS[level.t].item()))
    kept = trained_levels(BARS, [999, 500], set_alpha_to_one=False)
    assert kept[-1] == vp_level(BARS[0].item(), 0)
    for timesteps in (torch.tensor([7, 3]), torch.tensor([7.0, 3.0]), np.array([7, 3]), [7, 3], (7.0, 3.0)):
        assert trained_levels(BARS, timesteps) == trained_levels(BARS, [7, 3])


def test_the_last_step_may_stay_where_it_is():
    levels = trained_levels(BARS, [10, 0], set_alpha_to_one=False)
    assert steps_down(levels) == [(levels[0], levels[1]), (levels[1], levels[2])]


def test_pick_and_levels_at():
    t = torch.tensor([0, 999, 10])
    at = levels_at(BARS, t, 4)
    assert at.signal.shape == at.noise.shape == (3, 1, 1, 1)
    assert at.signal.dtype == torch.float64
    assert torch.equal(at.signal.flatten(), BARS[t].sqrt())
    assert torch.equal(at.noise.flatten(), (1 - BARS[t]).sqrt())
    assert torch.equal(at.t, t)
    ladder = trained_levels(BARS, [999, 10, 0])
    picked = pick(ladder, torch.tensor([2, 0, 1]), 4)
    for name in ("signal", "noise", "t"):
        torch.testing.assert_close(getattr(picked, name), getattr(at, name), atol=0, rtol=1e-15)
        assert getattr(picked, name).dtype == getattr(at, name).dtype
    assert pick(flow_levels(4), torch.tensor([0]), 2).t.tolist() == [1.0]


def test_clocks():
    assert close(edm_clock(Level(1.0, 80.0)), math.log(80) / 4)
    assert edm_clock(Level(2.0, 1.0)) == edm_clock(vp(Level(2.0, 1.0))) == math.log(0.5) / 4
    assert edm_clock(CLEAN) == -math.inf
    clock = trained_clock(BARS)
    for t in (0, 1, 500, 998, 999):
        level = vp_level(BARS[t].item())
        assert clock(level) == pytest.approx(t, abs=1e-9)
        assert clock(karras(level)) == pytest.approx(t, abs=1e-9)
    low, high = (vp_level(BARS[t].item()).sigma for t in (300, 301))
    assert clock(Level(1.0, low**0.75 * high**0.25)) == pytest.approx(300.25, abs=1e-9)
    assert (clock(Level(0.0, 1.0)), clock(Level(1.0, 1e9)), clock(CLEAN), clock(Level(1.0, 1e-9))) == (999, 999, 0, 0)
    told = retold(karras_levels(3), lambda level: level.noise)
    assert [level.t for level in told] == [level.noise for level in karras_levels(3)]


@pytest.mark.parametrize("steps", [1, 2, 5, 50])
@pytest.mark.parametrize("shift", [1.0, 3.0, 0.5])
def test_flow_levels_are_those_of_diffusers(steps, shift):
    """Its last call is at the shifted 1 / T, shifted once more; ours is told so by `last`."""
    theirs = FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=shift)
    theirs.set_timesteps(steps)
    ours = flow_levels(steps, shift=shift, last=theirs.sigma_min, T=1000)
    torch.testing.assert_close(torch.tensor([level.noise for level in ours]), theirs.sigmas, atol=1e-6, rtol=1e-6)
    told = torch.tensor([level.t for level in ours[:-1]])
    torch.testing.assert_close(told, theirs.timesteps, atol=1e-3, rtol=1e-6)
    assert all(level.signal + level.noise == pytest.approx(1, rel=1e-15) for level in ours)


def test_flow_levels_by_default_take_even_steps_from_pure_noise():
    us = [level.noise for level in flow_levels(4)]
    assert us == pytest.approx([1, 0.75, 0.5, 0.25, 0], rel=1e-15)
    assert [level.t for level in flow_levels(4, T=1000)] == pytest.approx([1000, 750, 500, 250, 0], rel=1e-15)
    assert [level.noise for level in flow_levels(1)] == [1, 0]


@pytest.mark.parametrize("steps", [2, 18, 50])
@pytest.mark.parametrize("config", [{}, {"sigma_min": 0.02, "sigma_max": 14.0, "rho": 5.0}])
def test_karras_levels_are_those_of_diffusers_edm(steps, config):
    theirs = EDMEulerScheduler(**config)
    theirs.set_timesteps(steps)
    ours = karras_levels(steps, **config)
    torch.testing.assert_close(torch.tensor([level.noise for level in ours]), theirs.sigmas, atol=1e-7, rtol=1e-6)
    torch.testing.assert_close(torch.tensor([level.t for level in ours[:-1]]), theirs.timesteps, atol=1e-6, rtol=1e-5)
    assert {level.signal for level in ours} == {1.0}
    assert ours[0].noise == pytest.approx(config.get("sigma_max", 80.0), rel=1e-14)


@pytest.mark.parametrize("steps", [2, 7, 30])
@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
def test_karras_levels_told_by_the_trained_clock_are_those_of_diffusers(steps, spacing):
    """use_karras_sigmas: the sigmas, and the fractional timesteps that the network is told."""
    theirs = scheduler_of(EulerDiscreteScheduler, steps, spacing, "eps", use_karras_sigmas=True)
    high, low = theirs.sigmas[0].item(), theirs.sigmas[-2].item()
    ours = karras_levels(steps, sigma_min=low, sigma_max=high, clock=trained_clock(BARS))
    torch.testing.assert_close(torch.tensor([level.noise for level in ours]), theirs.sigmas, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(torch.tensor([level.t for level in ours[:-1]]), theirs.timesteps, atol=2e-2, rtol=0)
    assert any(level.t % 1 > 0.01 for level in ours) or steps == 2


LONG = list(range(100, 0, -1))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Level(-0.1, 1.0), ["signal=-0.1", "finite and >= 0"]),
        (lambda: Level(0.0, 0.0), ["one of them > 0"]),
        (lambda: Level(1.0, math.nan), ["noise=nan", "finite"]),
        (lambda: Level(1.0, math.inf), ["noise=inf", "finite"]),
        (lambda: vp_level(1.2), ["alpha_bar is 1.2", "[0, 1]"]),
        (lambda: vp_level(math.nan), ["nan", "[0, 1]"]),
        (lambda: vp_level(-0.1), ["-0.1", "[0, 1]"]),
        (lambda: karras(Level(0.0, 1.0)), ["signal is 0", "> 0"]),
        (lambda: steps_down([CLEAN]), ["levels has 1", "two"]),
        (lambda: steps_down([]), ["levels has 0", "two"]),
        (lambda: steps_down([CLEAN, vp_level(0.5)]), ["levels[0]", "must fall"]),
        (lambda: steps_down([vp_level(0.5), vp_level(0.5), CLEAN]), ["levels[0]", "must fall"]),
        (lambda: steps_down([vp_level(0.2), vp_level(0.5), karras(vp_level(0.4))]), ["levels[1]", "must fall"]),
        (lambda: steps_down([Level(0.0, 2.0), Level(0.0, 1.0), CLEAN]), ["levels[0]", "must fall"]),
        (lambda: forward_std(vp_level(0.5), vp_level(0.4)), ["less noise", "eta = 0"]),
        (lambda: forward_std(Level(0.0, 1.0), Level(0.0, 1.0)), ["less noise"]),
        (lambda: posterior_std(vp_level(0.5), vp_level(0.4)), ["less noise"]),
        (lambda: trained_levels(BARS, []), ["[]", "not empty"]),
        (lambda: trained_levels(BARS, [3, 3]), ["[3, 3]", "decreasing", "[0, 999]"]),
        (lambda: trained_levels(BARS, [1000, 3]), ["[1000, 3]", "[0, 999]"]),
        (lambda: trained_levels(BARS, [3, -1]), ["[3, -1]", "[0, 999]"]),
        (lambda: trained_levels(BARS, [*LONG, 5]), ["[100, 99, 98, 97, ... 5]"]),
        (lambda: trained_levels(BARS, [3.5]), ["[3.5]", "integers"]),
        (lambda: as_timesteps([[3]]), ["[[3]]", "a sequence of integers"]),
        (lambda: as_timesteps([math.nan]), ["nan", "integers"]),
        (lambda: as_timesteps([True]), ["True", "integers"]),
        (lambda: karras_levels(0), ["0, 0.002, 80.0, 7.0", "steps >= 1"]),
        (lambda: karras_levels(3, sigma_min=0.0), ["0 < sigma_min < sigma_max"]),
        (lambda: karras_levels(3, sigma_min=2.0, sigma_max=1.0), ["0 < sigma_min < sigma_max"]),
        (lambda: karras_levels(3, rho=0.0), ["rho > 0"]),
        (lambda: flow_levels(0), ["0, None, 1.0", "steps >= 1"]),
        (lambda: flow_levels(3, last=0.0), ["last", "0 < last <= 1"]),
        (lambda: flow_levels(3, last=1.5), ["1.5", "0 < last <= 1"]),
        (lambda: flow_levels(3, shift=0.0), ["shift > 0"]),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)
