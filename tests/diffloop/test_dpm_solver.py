"""DPM-Solver++(2M): its timesteps, float32 and pure noise against Diffusers 0.42. Else it is a row of test_samplers.py."""

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler
from tests.diffloop.reference import (
    BARS,
    F64,
    NAMES,
    SPACINGS,
    diffusers_states,
    model,
    normal,
    on_levels,
    scheduler_of,
)
from tests.diffloop.reference import worst as worst_of

from diffloop.ddim import ddim_step
from diffloop.dpm_solver import dpm_solver_sample, dpm_solver_step, dpm_solver_timesteps
from diffloop.ladders import trained_levels
from diffloop.levels import CLEAN, Level, vp_level
from diffloop.parameterization import eps_from_x_0, predictions
from diffloop.schedules import alphas_cumprod_from_betas, rescale_zero_terminal_snr, scaled_linear_betas


def theirs(steps, spacing, prediction, **config):
    return scheduler_of(DPMSolverMultistepScheduler, steps, spacing, prediction, **config)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_timesteps_equal_diffusers_for_every_step_count(spacing):
    scheduler = theirs(10, spacing, "eps")
    for steps in range(1, 1000 if spacing != "trailing" else 1001):
        scheduler.set_timesteps(steps)
        ours = dpm_solver_timesteps(steps, spacing=spacing)
        assert ours.tolist() == scheduler.timesteps[:steps].tolist(), steps  # trailing: 62 counts give one more, t = -1
    if spacing != "trailing":
        scheduler.set_timesteps(1000)
        assert len(set(scheduler.timesteps.tolist())) < 1000  # why we refuse it


def test_diffusers_is_nan_where_we_refuse():
    scheduler, predict, x = theirs(1000, "linspace", "eps"), model("eps"), torch.ones(1, 1)
    for t in scheduler.timesteps.tolist():
        x = scheduler.step(predict(x, vp_level(BARS[t].item(), t)), t, x).prev_sample
    assert torch.isnan(x).all()


def test_steps_offset_equals_diffusers():
    for steps in (1, 7, 20, 400):
        scheduler = theirs(steps, "leading", "eps", steps_offset=1)
        assert dpm_solver_timesteps(steps, spacing="leading", steps_offset=1).tolist() == scheduler.timesteps.tolist()


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("prediction", ["eps", "v"])
@pytest.mark.parametrize("steps", [1, 2, 7, 50, 999, 1000])
def test_float32_with_diffusers_own_schedule_and_step(spacing, prediction, steps):
    """Nothing is replaced: its float32 schedule and its float32 logs against our float64 ones, states in float32.

    Measured: at most 4e-6, at 999 steps.
    """
    if steps == 1000 and spacing != "trailing":
        pytest.skip("Diffusers visits a timestep twice")
    scheduler, x_T, predict = theirs(steps, spacing, prediction), normal(4, 3, dtype=torch.float32), model(prediction)
    levels = trained_levels(BARS, dpm_solver_timesteps(steps, spacing=spacing))
    ours = list(dpm_solver_sample(predict, x_T, levels, prediction=prediction))
    assert ours[-1].dtype == torch.float32
    reference = diffusers_states(scheduler, predict, x_T, levels)
    if scheduler.timesteps[-1] < 0:  # its extra timestep, t = -1: the last of ours is not its last
        pytest.skip("Diffusers does one step more than asked")
    assert worst_of(ours, reference) < 1e-5


def test_first_order_is_ddim():
    x_t, x_0_hat = normal(2, 4, 3, seed=0)
    for at, to in [(vp_level(0.1), vp_level(0.4)), (vp_level(0.9), CLEAN), (Level(0.0, 1.0), vp_level(0.2))]:
        expected = ddim_step(x_0_hat, eps_from_x_0(x_t, x_0_hat, at), at, to)
        torch.testing.assert_close(dpm_solver_step(x_t, x_0_hat, at, to), expected, atol=1e-12, rtol=0)


def test_the_last_step_is_of_first_order_if_steps_are_few():
    x_T = normal(4, 3)
    for steps, lower in [(14, True), (15, False)]:
        levels = trained_levels(BARS, dpm_solver_timesteps(steps), set_alpha_to_one=False)
        ends = {
            flag: list(dpm_solver_sample(model("eps"), x_T, levels, lower_order_final=flag))[-1]
            for flag in (None, True, False)
        }
        assert torch.equal(ends[None], ends[lower])
        assert not torch.equal(ends[True], ends[False])


def test_pure_noise_at_the_start():
    """alpha_bar = 0 with a model that predicts v. Diffusers writes 2**-24 in its place, and so is off by little."""
    bars = alphas_cumprod_from_betas(rescale_zero_terminal_snr(scaled_linear_betas()))
    x_T, ts = normal(4, 3), dpm_solver_timesteps(10, spacing="trailing")
    ours = dpm_solver_sample(model("v"), x_T, trained_levels(bars, ts), prediction="v")
    fudged = torch.cat([bars[:-1], torch.tensor([2.0**-24], dtype=F64)])
    levels = trained_levels(fudged, ts)
    scheduler = on_levels(theirs(10, "trailing", "v", rescale_betas_zero_snr=True), levels, fudged)
    reference = diffusers_states(scheduler, model("v"), x_T, levels)
    assert worst_of(dpm_solver_sample(model("v"), x_T, levels, prediction="v"), reference) < 1e-11
    assert 1e-6 < (list(ours)[-1] - reference[-1]).abs().max() < 0.1
    with pytest.raises(ValueError, match="eps says nothing"):
        list(dpm_solver_sample(model("eps"), x_T, trained_levels(bars, ts)))


def test_predictions_of_all_kinds_agree():
    x_T, levels = normal(4, 3), trained_levels(BARS, dpm_solver_timesteps(12))
    ends = [list(dpm_solver_sample(model(p), x_T, levels, prediction=p))[-1] for p in [*NAMES, "velocity"]]
    for end in ends[1:]:
        torch.testing.assert_close(end, ends[0], atol=1e-10, rtol=0)
    x_0_hat, _ = predictions(model("v")(x_T, levels[5]), x_T, levels[5], prediction="v")
    torch.testing.assert_close(x_0_hat, model("x_0")(x_T, levels[5]), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: dpm_solver_timesteps(0), ["steps is 0", "[1, 999]"]),
        (lambda: dpm_solver_timesteps(1000), ["steps is 1000", "'linspace'", "[1, 999]", "'trailing'"]),
        (lambda: dpm_solver_timesteps(1001, spacing="trailing"), ["steps is 1001", "[1, 1000]"]),
        (lambda: dpm_solver_timesteps(5, spacing="even"), ["'even'", "'leading', 'trailing', 'linspace'"]),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)
