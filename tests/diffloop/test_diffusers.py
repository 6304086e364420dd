"""What test_samplers.py's table leaves to say of Diffusers 0.42: long runs, float32, where it departs, inversion.

The model is exact and cheap (one Gaussian), so that any difference is the sampler's. Diffusers rounds its schedule to
float32; in the float64 tests it is given ours, so that the formulas are compared and not the rounding.
"""

import pytest
import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from tests.diffloop.reference import (
    BARS,
    SPACINGS,
    diffusers_states,
    model,
    normal,
    on_levels,
    scheduler_of,
    seeded,
    worst,
)

from diffloop.ddim import ddim_invert, ddim_sample
from diffloop.ddpm import ddpm_sample
from diffloop.dpm_solver import dpm_solver_sample, dpm_solver_timesteps
from diffloop.ladders import trained_levels
from diffloop.levels import vp_level
from diffloop.parameterization import add_noise, v_from_x_0_eps
from diffloop.schedules import (
    alphas_cumprod_from_betas,
    linear_betas,
    rescale_zero_terminal_snr,
    spaced_timesteps,
)

F64 = torch.float64
FEW, MANY = [1, 2, 3, 7, 10, 50], [333, 999, 1000]


def theirs(scheduler_class, levels, spacing, prediction, *, double=True, bars=BARS, **config):
    scheduler = scheduler_of(scheduler_class, len(levels) - 1, spacing, prediction, clip_sample=False, **config)
    return on_levels(scheduler, levels, bars) if double else scheduler


def strided(model, x_T, levels, **options):
    """DDIM with Diffusers' steps, to t - T // steps wherever the network is called next: a ladder for each step.

    That is the next level for "leading", and for "trailing" where the steps divide T. Else it is another.
    """
    x, stride = x_T, 1000 // (len(levels) - 1)
    for at in levels[:-1]:
        to = vp_level(BARS[at.t - stride].item(), at.t - stride) if at.t >= stride else levels[-1]
        *_, x = ddim_sample(model, x, [at, to], **options)
        yield x


def ddim_difference(steps, spacing, prediction, eta, to_one, dtype=F64, double=True):
    levels = trained_levels(BARS, spaced_timesteps(steps, spacing=spacing), set_alpha_to_one=to_one)
    scheduler = theirs(DDIMScheduler, levels, spacing, prediction, double=double, set_alpha_to_one=to_one)
    assert scheduler.timesteps.tolist()[:steps] == [level.t for level in levels[:-1]]
    x_T = normal(4, 3, dtype=dtype)
    reference = diffusers_states(scheduler, model(prediction), x_T, levels, eta=eta, generator=seeded(2))
    ours = list(strided(model(prediction), x_T, levels, eta=eta, generator=seeded(2), prediction=prediction))
    assert ours[-1].dtype == dtype
    return worst(ours, reference)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("prediction", ["eps", "v"])
@pytest.mark.parametrize("to_one", [True, False])
def test_ddim_trajectories(spacing, eta, prediction, to_one):
    for steps in FEW:
        assert ddim_difference(steps, spacing, prediction, eta, to_one) < 1e-11, steps


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("steps", MANY)
@pytest.mark.parametrize(("prediction", "eta", "to_one"), [("eps", 0.5, False), ("v", 1.0, True)])
def test_ddim_long_trajectories(spacing, steps, prediction, eta, to_one):
    assert ddim_difference(steps, spacing, prediction, eta, to_one) < 1e-11


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(("steps", "limit"), [(7, 1e-5), (50, 1e-5), (1000, 5e-5)])
def test_ddim_in_float32_with_diffusers_own_schedule(spacing, steps, limit):
    """Nothing is replaced: its float32 schedule against our float64 one, states in float32.

    Measured: 8e-7, 2e-6 and 1.9e-5. It is the schedule's rounding: with one schedule the float32 states are equal.
    """
    assert ddim_difference(steps, spacing, "v", 1.0, False, torch.float32, double=False) < limit
    assert ddim_difference(steps, spacing, "v", 1.0, False, torch.float32) < 1e-6


def test_where_diffusers_steps_elsewhere():
    """Trailing, 7 steps: the previous timestep is another one, and so is the sample. With 10 steps it is not."""
    x_T = normal(4, 3)
    for steps, same in [(7, False), (10, True)]:
        levels = trained_levels(BARS, spaced_timesteps(steps, spacing="trailing"))
        *_, ours = ddim_sample(model("eps"), x_T, levels)
        *_, elsewhere = strided(model("eps"), x_T, levels)
        assert ((ours - elsewhere).abs().max().item() < 1e-12) == same


def ddpm_difference(steps, spacing, prediction, variance, dtype=F64, double=True):
    levels = trained_levels(BARS, spaced_timesteps(steps, spacing=spacing))
    scheduler = theirs(DDPMScheduler, levels, spacing, prediction, double=double, variance_type=f"fixed_{variance}")
    x_T, generator = normal(4, 3, dtype=dtype), seeded(2)
    reference = diffusers_states(scheduler, model(prediction), x_T, levels, generator=seeded(2))
    ours = list(
        ddpm_sample(model(prediction), x_T, levels, generator=generator, variance=variance, prediction=prediction)
    )
    return worst(ours, reference), worst([x_T, *ours[:-1]], [x_T, *reference[:-1]])


@pytest.mark.parametrize(("steps", "spacing"), list(zip(MANY, SPACINGS, strict=True)))
def test_ddpm_long_trajectories(steps, spacing):
    assert ddpm_difference(steps, spacing, "eps", "large")[0] < 1e-11


@pytest.mark.parametrize(
    ("steps", "spacing", "limit"), [(7, "trailing", 1e-5), (50, "linspace", 1e-5), (1000, "leading", 5e-5)]
)
def test_ddpm_in_float32_with_diffusers_own_schedule(steps, spacing, limit):
    assert ddpm_difference(steps, spacing, "v", "small", torch.float32, double=False)[0] < limit
    assert ddpm_difference(steps, spacing, "v", "small", torch.float32)[0] < 1e-6


@pytest.mark.parametrize("steps", FEW)
@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_diffusers_leaves_noise_in_the_last_trailing_step(steps, prediction):
    """With the large variance and a last timestep above 0. DDPM's Algorithm 2 sets z = 0 there, and so do we."""
    whole, but_the_last = ddpm_difference(steps, "trailing", prediction, "large")
    assert whole > 0.05
    assert but_the_last < 1e-11


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("steps", [333, 999, 1000])
def test_dpm_solver_long_trajectories(spacing, steps):
    if steps == 1000 and spacing != "trailing":
        pytest.skip("Diffusers visits a timestep twice")
    levels = trained_levels(BARS, dpm_solver_timesteps(steps, spacing=spacing))
    scheduler = on_levels(scheduler_of(DPMSolverMultistepScheduler, steps, spacing, "eps"), levels)
    x_T = normal(4, 3)
    reference = diffusers_states(scheduler, model("eps"), x_T, levels)
    assert worst(dpm_solver_sample(model("eps"), x_T, levels), reference) < 1e-10


@pytest.mark.parametrize("steps", [1, 7, 10, 50, 333, 1000])
@pytest.mark.parametrize("to_one", [True, False])
@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_inversion(steps, to_one, prediction):
    levels = trained_levels(BARS, spaced_timesteps(steps), set_alpha_to_one=to_one)
    scheduler, x = theirs(DDIMInverseScheduler, levels, "leading", prediction, set_alpha_to_one=to_one), normal(4, 3)
    assert scheduler.timesteps.tolist() == [level.t for level in reversed(levels[:-1])]
    ours = ddim_invert(model(prediction), x, levels, prediction=prediction)
    for level, state in zip(reversed(levels[:-1]), ours, strict=True):
        x = scheduler.step(model(prediction)(x, level), level.t, x).prev_sample
        torch.testing.assert_close(state, x, atol=1e-11, rtol=0)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_zero_terminal_snr_with_v(eta):
    """At alpha_bar = 0 eps says nothing about x_0, but v does: sampling works, and as in Diffusers."""
    bars = alphas_cumprod_from_betas(rescale_zero_terminal_snr(linear_betas()))
    levels, x_T = trained_levels(bars, spaced_timesteps(10, spacing="trailing")), normal(4, 3)
    scheduler = theirs(DDIMScheduler, levels, "trailing", "v", bars=bars)
    ours = ddim_sample(model("v"), x_T, levels, eta=eta, generator=seeded(2), prediction="v")
    assert worst(ours, diffusers_states(scheduler, model("v"), x_T, levels, eta=eta, generator=seeded(2))) < 1e-11
    with pytest.raises(ValueError, match="eps says nothing about x_0"):
        list(ddim_sample(model("eps"), x_T, levels))


def test_add_noise_and_velocity():
    scheduler = theirs(DDIMScheduler, trained_levels(BARS, spaced_timesteps(10)), "leading", "v")
    x_0, eps = normal(2, 4, 3)
    for t in (0, 500, 999):
        ts, level = torch.full((4,), t), vp_level(BARS[t].item(), t)
        x_t = add_noise(x_0, eps, level)
        torch.testing.assert_close(x_t, scheduler.add_noise(x_0, eps, ts), atol=1e-12, rtol=0)
        v = v_from_x_0_eps(x_0, eps, level)
        torch.testing.assert_close(v, scheduler.get_velocity(x_0, eps, ts), atol=1e-12, rtol=0)
