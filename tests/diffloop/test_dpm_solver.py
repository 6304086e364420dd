"""DPM-Solver++(2M): against Diffusers 0.42, against the exact flow map, and its convergence order."""

import math

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler
from tests.diffloop.reference import BARS, NAMES, SPACINGS, model, scheduler_of

from diffloop.ddim import ddim_step
from diffloop.dpm_solver import dpm_solver_sample, dpm_solver_step, dpm_solver_timesteps
from diffloop.exact import gaussian_flow_map, gaussian_mixture, mixture_eps_model
from diffloop.parameterization import predictions
from diffloop.schedules import (
    alphas_cumprod_from_betas,
    rescale_zero_terminal_snr,
    scaled_linear_betas,
)

F64 = torch.float64
ONE = gaussian_mixture(torch.ones(1), torch.tensor([[0.8, -0.3]]), torch.tensor([[[0.3, 0.1], [0.1, 0.2]]]))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def theirs(steps, spacing, prediction, **config):
    return scheduler_of(DPMSolverMultistepScheduler, steps, spacing, prediction, **config)


def reference(scheduler, predict, x, n, bars):
    """Diffusers' two update formulas in float64, on our schedule: its `step` would cast states and sigmas to float32."""
    last = 0.0 if scheduler.config.final_sigmas_type == "zero" else ((1 - bars[0]) / bars[0]).sqrt().item()
    levels = bars[scheduler.timesteps[:n]]
    scheduler.sigmas = torch.cat([((1 - levels) / levels).sqrt(), torch.tensor([last], dtype=F64)])
    history = []
    for i, t in enumerate(scheduler.timesteps[:n].tolist()):
        scheduler._step_index = i
        history.append(scheduler.convert_model_output(predict(x, t), sample=x))
        if i == 0 or (i == n - 1 and (last == 0 or n < 15)):
            x = scheduler.dpm_solver_first_order_update(history[-1], sample=x)
        else:
            x = scheduler.multistep_dpm_solver_second_order_update(history[-2:], sample=x)
        yield x


def difference(steps, spacing, prediction, final="zero"):
    scheduler, ts = (
        theirs(steps, spacing, prediction, final_sigmas_type=final),
        dpm_solver_timesteps(steps, spacing=spacing),
    )
    x_T = torch.randn(4, 3, generator=seeded(1), dtype=F64)
    ours = dpm_solver_sample(model(prediction), x_T, ts, BARS, prediction=prediction, set_alpha_to_one=final == "zero")
    both = zip(ours, reference(scheduler, model(prediction), x_T, steps, BARS), strict=True)
    worst = [(a - b).abs().max().item() for a, b in both]
    assert not math.isnan(sum(worst))
    return max(worst)


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
        x = scheduler.step(predict(x, t), t, x).prev_sample
    assert torch.isnan(x).all()


def test_steps_offset_equals_diffusers():
    for steps in (1, 7, 20, 400):
        scheduler = theirs(steps, "leading", "eps", steps_offset=1)
        assert dpm_solver_timesteps(steps, spacing="leading", steps_offset=1).tolist() == scheduler.timesteps.tolist()


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("prediction", NAMES)
@pytest.mark.parametrize("final", ["zero", "sigma_min"])
def test_trajectories(spacing, prediction, final):
    for steps in (1, 2, 3, 7, 14, 15, 20, 50):
        assert difference(steps, spacing, prediction, final) < 1e-11, steps


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("steps", [333, 999, 1000])
def test_long_trajectories(spacing, steps):
    if steps < 1000 or spacing == "trailing":
        assert difference(steps, spacing, "eps") < 1e-10


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("prediction", ["eps", "v"])
@pytest.mark.parametrize("steps", [1, 2, 7, 50, 999, 1000])
def test_float32_with_diffusers_own_schedule_and_step(spacing, prediction, steps):
    """Nothing is replaced: its float32 schedule and its float32 logs against our float64 ones, states in float32.

    Measured: at most 4e-6, at 999 steps.
    """
    if steps == 1000 and spacing != "trailing":
        pytest.skip("Diffusers visits a timestep twice")
    scheduler, x = theirs(steps, spacing, prediction), torch.randn(4, 3, generator=seeded(1))
    predict, ts = model(prediction), dpm_solver_timesteps(steps, spacing=spacing)
    worst = 0.0
    for t, ours in zip(ts.tolist(), dpm_solver_sample(predict, x, ts, BARS, prediction=prediction), strict=True):
        x = scheduler.step(predict(x, t), t, x).prev_sample
        worst = max(worst, (x - ours).abs().max().item())
    assert ours.dtype == torch.float32
    if scheduler.timesteps[-1] < 0:  # its extra timestep, t = -1: the last of ours is not its last
        pytest.skip("Diffusers does one step more than asked")
    assert worst < 1e-5


def test_first_order_is_ddim():
    x_t, x_0_hat = torch.randn(2, 4, 3, generator=seeded(), dtype=F64)
    for a_t, a_prev in [(0.1, 0.4), (0.9, 1.0), (0.0, 0.2)]:
        eps = (x_t - math.sqrt(a_t) * x_0_hat) / math.sqrt(1 - a_t)
        expected = ddim_step(x_t, eps, alpha_bar_t=a_t, alpha_bar_prev=a_prev, x_0_hat=x_0_hat)
        ours = dpm_solver_step(x_t, x_0_hat, alpha_bar_t=a_t, alpha_bar_prev=a_prev)
        torch.testing.assert_close(ours, expected, atol=1e-12, rtol=0)


def test_second_order():
    """Against the exact flow map between two levels, over steps that are even in lambda. DDIM's order there is 1."""
    errors, counts = [], [64, 128, 256, 512]
    x_T = torch.randn(64, 2, generator=seeded(1), dtype=F64)
    for n in counts:
        bars = torch.sigmoid(2 * torch.linspace(2.0, -2.0, n + 1, dtype=F64))  # lambda from 2 (t = 0) to -2
        exact = gaussian_flow_map(x_T, ONE, alpha_bar_t=bars[-1], alpha_bar_prev=bars[0])
        ts = torch.arange(n, 0, -1)
        *_, x = dpm_solver_sample(
            mixture_eps_model(ONE, bars), x_T, ts, bars, set_alpha_to_one=False, lower_order_final=False
        )
        errors.append(((x - exact) ** 2).mean().sqrt().item())
    assert -np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(2.0, abs=0.1)


def test_pure_noise_at_the_start():
    """alpha_bar = 0 with a model that predicts v. Diffusers writes 2**-24 in its place, and so is off by little."""
    bars = alphas_cumprod_from_betas(rescale_zero_terminal_snr(scaled_linear_betas()))
    x_T, ts = torch.randn(4, 3, generator=seeded(1), dtype=F64), dpm_solver_timesteps(10, spacing="trailing")
    *_, ours = dpm_solver_sample(model("v", bars), x_T, ts, bars, prediction="v")
    fudged = torch.cat([bars[:-1], torch.tensor([2.0**-24], dtype=F64)])
    scheduler = theirs(10, "trailing", "v", rescale_betas_zero_snr=True)
    *_, diffusers = reference(scheduler, model("v", bars), x_T, 10, fudged)
    *_, as_they_do = dpm_solver_sample(model("v", bars), x_T, ts, fudged, prediction="v")
    torch.testing.assert_close(as_they_do, diffusers, atol=1e-11, rtol=0)
    assert 1e-6 < (ours - diffusers).abs().max() < 0.1
    with pytest.raises(ValueError, match="eps says nothing"):
        list(dpm_solver_sample(model("eps", bars), x_T, ts, bars))


def test_predictions_of_all_kinds_agree():
    x_T, ts = torch.randn(4, 3, generator=seeded(1), dtype=F64), dpm_solver_timesteps(12)
    ends = [list(dpm_solver_sample(model(p), x_T, ts, BARS, prediction=p))[-1] for p in NAMES]
    for end in ends[1:]:
        torch.testing.assert_close(end, ends[0], atol=1e-10, rtol=0)
    x_0_hat, _ = predictions(model("v")(x_T, 500), x_T, alpha_bar_t=BARS[500].item(), prediction="v")
    torch.testing.assert_close(x_0_hat, model("x_0")(x_T, 500), atol=1e-12, rtol=0)


X = torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: dpm_solver_timesteps(0), ["steps is 0", "[1, 999]"]),
        (lambda: dpm_solver_timesteps(1000), ["steps is 1000", "'linspace'", "[1, 999]", "'trailing'"]),
        (lambda: dpm_solver_timesteps(1001, spacing="trailing"), ["steps is 1001", "[1, 1000]"]),
        (lambda: dpm_solver_timesteps(5, spacing="even"), ["'even'", "'leading', 'trailing', 'linspace'"]),
        (lambda: dpm_solver_step(X, X, alpha_bar_t=0.5, alpha_bar_prev=0.4), ["0.5, 0.4", "need"]),
        (lambda: dpm_solver_step(X, X, alpha_bar_t=1.0, alpha_bar_prev=1.0), ["alpha_bar_t < 1"]),
        (lambda: dpm_solver_step(X, X, alpha_bar_t=0.1, alpha_bar_prev=0.2, alpha_bar_before=0.05), ["only one"]),
        (
            lambda: dpm_solver_step(X, X, alpha_bar_t=0.1, alpha_bar_prev=0.2, alpha_bar_before=0.1, x_0_hat_before=X),
            ["0.1, 0.1, 0.2", "alpha_bar_before < alpha_bar_t"],
        ),
        (lambda: dpm_solver_sample(lambda x, t: x, X, torch.tensor([1]), BARS, prediction="x0"), ["'x0'", "'v'"]),
        (lambda: list(dpm_solver_sample(lambda x, t: x / 0, X, torch.tensor([5]), BARS)), ["NaN at t = 5"]),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)
