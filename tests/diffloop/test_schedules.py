"""Schedules and spacings: against Diffusers, and against what they promise."""

import math

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr as diffusers_rescale

from diffloop import schedules
from diffloop.schedules import (
    alphas_cumprod_from_betas,
    cosine_betas,
    linear_betas,
    rescale_zero_terminal_snr,
    scaled_linear_betas,
    spaced_timesteps,
)

KINDS = {
    "linear": (linear_betas, {"beta_schedule": "linear"}),
    "cosine": (cosine_betas, {"beta_schedule": "squaredcos_cap_v2"}),
    "scaled_linear": (
        scaled_linear_betas,
        {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("T", [10, 1000])
def test_betas_equal_diffusers(kind, T):
    ours, config = KINDS[kind]
    theirs = DDPMScheduler(num_train_timesteps=T, **config)
    betas = ours(T)
    assert betas.dtype == torch.float64
    torch.testing.assert_close(betas, theirs.betas.double(), atol=1e-7, rtol=1e-5)
    torch.testing.assert_close(alphas_cumprod_from_betas(betas), theirs.alphas_cumprod.double(), atol=1e-6, rtol=1e-3)


def test_alphas_cumprod_is_the_product():
    betas = linear_betas(1000)
    product, expected = 1.0, []
    for beta in betas.tolist():
        product *= 1 - beta
        expected.append(product)
    torch.testing.assert_close(alphas_cumprod_from_betas(betas), torch.tensor(expected).double(), atol=0, rtol=1e-6)
    assert alphas_cumprod_from_betas(betas.float()).dtype == torch.float64


def test_cosine_is_the_papers_formula_and_clips():
    T, s = 1000, 0.008
    alpha_bar = alphas_cumprod_from_betas(cosine_betas(T))
    for t in (0, 1, 250, 500, 998):  # the clip binds for the last beta only
        u = (t + 1) / T
        f = [math.cos((v + s) / (1 + s) * math.pi / 2) ** 2 for v in (u, 0.0)]
        assert alpha_bar[t].item() == pytest.approx(f[0] / f[1], rel=1e-9)
    assert cosine_betas(T)[-1].item() == 0.999
    assert (cosine_betas(T)[:-1] < 0.999).all()


@pytest.mark.parametrize("kind", ["linear", "scaled_linear"])
def test_zero_terminal_snr(kind):
    betas = KINDS[kind][0](1000)
    rescaled = rescale_zero_terminal_snr(betas)
    bars, before = alphas_cumprod_from_betas(rescaled), alphas_cumprod_from_betas(betas)
    assert bars[-1] == 0
    assert bars[0].item() == pytest.approx(before[0].item(), rel=1e-12)
    assert (bars.diff() < 0).all()
    torch.testing.assert_close(rescaled, diffusers_rescale(betas.clone()), atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_spacing_equals_diffusers_for_every_step_count(spacing):
    theirs, too_long = DDIMScheduler(timestep_spacing=spacing), []
    for steps in range(1, 1001):
        ours = spaced_timesteps(steps, 1000, spacing=spacing)
        assert len(ours) == steps
        theirs.set_timesteps(steps)
        if len(theirs.timesteps) > steps:  # float rounding in arange; the extra timestep is -1
            too_long.append(steps)
            assert theirs.timesteps[steps:].tolist() == [-1]
        np.testing.assert_array_equal(ours.numpy(), theirs.timesteps[:steps].numpy(), err_msg=f"steps={steps}")
    assert len(too_long) == (62 if spacing == "trailing" else 0)  # diffusers 0.42.0
    assert spacing != "trailing" or {61, 103, 998} <= set(too_long)


@pytest.mark.parametrize("T", [1, 2, 7, 64, 999])
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_spacing_invariants_for_other_T(T, spacing):
    for steps in range(1, T + 1):
        ts = spaced_timesteps(steps, T, spacing=spacing)
        assert len(ts) == steps
        assert ts.max() < T
        assert ts.min() >= 0
        assert (ts.diff() < 0).all()
        if spacing == "trailing":
            assert ts[0] == T - 1


@pytest.mark.parametrize("steps", [1, 7, 50, 333])
def test_steps_offset_equals_diffusers(steps):
    theirs = DDIMScheduler(timestep_spacing="leading", steps_offset=1)
    theirs.set_timesteps(steps)
    assert spaced_timesteps(steps, steps_offset=1).tolist() == theirs.timesteps.tolist()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: spaced_timesteps(0), ["steps is 0", "[1, 1000]"]),
        (lambda: spaced_timesteps(1001), ["steps is 1001", "[1, 1000]"]),
        (lambda: spaced_timesteps(5, spacing="even"), ["'even'", "'leading', 'trailing', 'linspace'"]),
        (lambda: spaced_timesteps(1000, steps_offset=1), ["steps_offset is 1", "[0, 0]"]),
        (lambda: spaced_timesteps(10, steps_offset=-1), ["steps_offset is -1", "[0, 99]"]),
        (lambda: spaced_timesteps(10, spacing="trailing", steps_offset=1), ["steps_offset is 1", "must be 0"]),
        (lambda: linear_betas(0), ["T is 0", ">= 1"]),
        (lambda: linear_betas(10, beta_end=1.5), ["1.5", "(0, 1)"]),
        (lambda: cosine_betas(10, s=-1.0), ["s is -1.0", ">= 0"]),
        (lambda: cosine_betas(10, s=math.nan), ["s is nan", ">= 0"]),
        (lambda: rescale_zero_terminal_snr(linear_betas(1)), ["length 1", "at least 2"]),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)


def test_schedules_lists_its_spacings():
    for spacing in schedules.SPACINGS:
        assert len(spaced_timesteps(3, 10, spacing=spacing)) == 3
