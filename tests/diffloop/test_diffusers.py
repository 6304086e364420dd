"""Whole trajectories against Diffusers 0.42 on shared noise.

The model is exact and cheap (one Gaussian), so that any difference is the sampler's. Diffusers rounds its schedule to
float32; in the float64 tests it is given ours, so that the formulas are compared and not the rounding.
"""

import pytest
import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler, DDPMScheduler
from tests.diffloop.reference import BARS, SPACINGS, model, scheduler_of

from diffloop.ddim import ddim_invert, ddim_sample
from diffloop.ddpm import ddpm_sample
from diffloop.parameterization import add_noise, v_from_x_0_eps
from diffloop.schedules import (
    alphas_cumprod_from_betas,
    linear_betas,
    rescale_zero_terminal_snr,
    spaced_timesteps,
    strided_prev_timesteps,
)

FEW, MANY = [1, 2, 3, 7, 10, 50], [333, 999, 1000]


def theirs(scheduler_class, steps, spacing, prediction, bars=BARS, **config):
    scheduler = scheduler_of(scheduler_class, steps, spacing, prediction, clip_sample=False, **config)
    if bars is not None:
        final = 1.0 if config.get("set_alpha_to_one", True) else bars[0].item()
        scheduler.alphas_cumprod = bars
        scheduler.final_alpha_cumprod = scheduler.initial_alpha_cumprod = torch.tensor(final, dtype=torch.float64)
        scheduler.one = torch.tensor(1.0, dtype=torch.float64)
    return scheduler


def ddim_difference(steps, spacing, prediction, eta, to_one, dtype=torch.float64, bars=BARS):
    scheduler = theirs(DDIMScheduler, steps, spacing, prediction, bars, set_alpha_to_one=to_one)
    x_T = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=dtype)
    predict, ts = model(prediction), spaced_timesteps(steps, spacing=spacing)
    assert scheduler.timesteps.tolist() == ts.tolist()
    ours = ddim_sample(
        predict,
        x_T,
        ts,
        BARS,
        eta=eta,
        generator=torch.Generator().manual_seed(2),
        prediction=prediction,
        set_alpha_to_one=to_one,
        prev_timesteps=strided_prev_timesteps(ts),
    )
    x, shared, worst = x_T, torch.Generator().manual_seed(2), 0.0
    for t, state in zip(ts.tolist(), ours, strict=True):
        noise = torch.randn(*x.shape, generator=shared, dtype=dtype) if eta > 0 else None
        x = scheduler.step(predict(x, t), t, x, eta=eta, variance_noise=noise).prev_sample
        assert torch.isfinite(x).all()  # max() below would skip a NaN
        worst = max(worst, (x - state).abs().max().item())
    assert state.dtype == dtype
    return worst


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


def test_ddim_predicting_x_0():
    assert ddim_difference(50, "leading", "x_0", 1.0, True) < 1e-11


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(("steps", "limit"), [(7, 1e-5), (50, 1e-5), (1000, 5e-5)])
def test_ddim_in_float32_with_diffusers_own_schedule(spacing, steps, limit):
    """Nothing is replaced: its float32 schedule against our float64 one, states in float32.

    Measured: 8e-7, 2e-6 and 1.9e-5. It is the schedule's rounding: with one schedule the float32 states are equal.
    """
    assert ddim_difference(steps, spacing, "v", 1.0, False, torch.float32, bars=None) < limit
    assert ddim_difference(steps, spacing, "v", 1.0, False, torch.float32) < 1e-6


def test_where_diffusers_steps_elsewhere():
    """Trailing, 7 steps: the previous timestep is another one, and so is the sample. With 10 steps it is not."""
    x_T = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for steps, same in [(7, False), (10, True)]:
        ts = spaced_timesteps(steps, spacing="trailing")
        *_, ours = ddim_sample(model("eps"), x_T, ts, BARS)
        *_, strided = ddim_sample(model("eps"), x_T, ts, BARS, prev_timesteps=strided_prev_timesteps(ts))
        assert ((ours - strided).abs().max().item() < 1e-12) == same


def ddpm_difference(steps, spacing, prediction, variance, dtype=torch.float64, bars=BARS, skip_last=False):
    scheduler = theirs(DDPMScheduler, steps, spacing, prediction, bars, variance_type=f"fixed_{variance}")
    x_T = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=dtype)
    predict, ts = model(prediction), spaced_timesteps(steps, spacing=spacing)
    generator, shared = torch.Generator().manual_seed(2), torch.Generator().manual_seed(2)
    ours = ddpm_sample(predict, x_T, ts, BARS, generator=generator, variance=variance, prediction=prediction)
    x, worst = x_T, []
    for t, state in zip(ts.tolist(), ours, strict=True):
        x = scheduler.step(predict(x, t), t, x, generator=shared).prev_sample
        assert torch.isfinite(x).all()
        worst.append((x - state).abs().max().item())
    return max(worst[:-1], default=0.0) if skip_last else max(worst)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("prediction", ["eps", "v"])
@pytest.mark.parametrize("variance", ["small", "large"])
def test_ddpm_trajectories(spacing, prediction, variance):
    last_differs = spacing == "trailing" and variance == "large"  # see the next test
    for steps in FEW:
        # 1e-9: Diffusers clamps a variance of 0 to 1e-20, so a last step above t = 0 adds noise of 1e-10
        assert ddpm_difference(steps, spacing, prediction, variance, skip_last=last_differs) < 1e-9, steps


@pytest.mark.parametrize(("steps", "spacing"), list(zip(MANY, SPACINGS, strict=True)))
def test_ddpm_long_trajectories(steps, spacing):
    assert ddpm_difference(steps, spacing, "eps", "large") < 1e-11


@pytest.mark.parametrize(
    ("steps", "spacing", "limit"), [(7, "trailing", 1e-5), (50, "linspace", 1e-5), (1000, "leading", 5e-5)]
)
def test_ddpm_in_float32_with_diffusers_own_schedule(steps, spacing, limit):
    assert ddpm_difference(steps, spacing, "v", "small", torch.float32, bars=None) < limit
    assert ddpm_difference(steps, spacing, "v", "small", torch.float32) < 1e-6


def test_diffusers_leaves_noise_in_the_last_trailing_step():
    """With the large variance and a last timestep above 0. DDPM's Algorithm 2 sets z = 0 there, and so do we."""
    assert ddpm_difference(10, "trailing", "eps", "large") > 0.1
    assert ddpm_difference(10, "leading", "eps", "large") < 1e-11


@pytest.mark.parametrize("steps", [1, 7, 10, 50, 333, 1000])
@pytest.mark.parametrize("to_one", [True, False])
@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_inversion(steps, to_one, prediction):
    scheduler = theirs(DDIMInverseScheduler, steps, "leading", prediction, set_alpha_to_one=to_one)
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    predict, ts = model(prediction), spaced_timesteps(steps)
    assert scheduler.timesteps.tolist() == ts.flip(0).tolist()
    ours = ddim_invert(predict, x, ts, BARS, prediction=prediction, set_alpha_to_one=to_one)
    for t, state in zip(ts.flip(0).tolist(), ours, strict=True):
        x = scheduler.step(predict(x, t), t, x).prev_sample
        torch.testing.assert_close(state, x, atol=1e-11, rtol=0)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_zero_terminal_snr_with_v(eta):
    """At alpha_bar = 0 eps says nothing about x_0, but v does: sampling works, and as in Diffusers."""
    betas = rescale_zero_terminal_snr(linear_betas())
    bars, ts = alphas_cumprod_from_betas(betas), spaced_timesteps(10, spacing="trailing")
    scheduler = theirs(DDIMScheduler, 10, "trailing", "v", bars)
    x_T = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    seeded = torch.Generator().manual_seed(2)
    *_, ours = ddim_sample(model("v", bars), x_T, ts, bars, eta=eta, generator=seeded, prediction="v")
    x, shared = x_T, torch.Generator().manual_seed(2)
    for t in ts.tolist():
        noise = torch.randn(*x.shape, generator=shared, dtype=torch.float64) if eta > 0 else None
        x = scheduler.step(model("v", bars)(x, t), t, x, eta=eta, variance_noise=noise).prev_sample
    torch.testing.assert_close(ours, x, atol=1e-11, rtol=0)
    with pytest.raises(ValueError, match="eps says nothing about x_0"):
        list(ddim_sample(model("eps", bars), x_T, ts, bars))


def test_add_noise_and_velocity():
    scheduler = theirs(DDIMScheduler, 10, "leading", "v")
    x_0, eps = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for t in (0, 500, 999):
        ts = torch.full((4,), t)
        x_t = add_noise(x_0, eps, alpha_bar_t=BARS[t])
        torch.testing.assert_close(x_t, scheduler.add_noise(x_0, eps, ts), atol=1e-12, rtol=0)
        v = v_from_x_0_eps(x_0, eps, alpha_bar_t=BARS[t])
        torch.testing.assert_close(v, scheduler.get_velocity(x_0, eps, ts), atol=1e-12, rtol=0)
