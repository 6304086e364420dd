"""What the comparisons with Diffusers' schedulers share: the schedule, an exact cheap model, and Diffusers' loop."""

import math
import sys
from unittest import mock

import torch

from diffloop.levels import Level, initial_std
from diffloop.schedules import alphas_cumprod_from_betas, scaled_linear_betas

F64 = torch.float64
BARS = alphas_cumprod_from_betas(scaled_linear_betas())
SPACINGS = ["leading", "trailing", "linspace"]
NAMES = {"eps": "epsilon", "v": "v_prediction", "x_0": "sample"}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=1, dtype=F64):
    return torch.randn(*shape, generator=seeded(seed), dtype=dtype)


def model(prediction):
    """Exact prediction for data ~ N(0.3, 0.5^2), elementwise, at every level."""

    def predict(x_t, level):
        signal, noise = level.signal, level.noise
        var = 0.25 * signal**2 + noise**2
        off = x_t - signal * 0.3
        x_0_hat, eps = 0.3 + signal * 0.25 / var * off, noise / var * off
        return {"x_0": x_0_hat, "eps": eps, "v": signal * eps - noise * x_0_hat, "velocity": eps - x_0_hat}[prediction]

    return predict


def scheduler_of(scheduler_class, steps, spacing, prediction, **config):
    """A scheduler of Diffusers on the betas of BARS, its timesteps set; config: further settings, or others."""
    scheduler = scheduler_class(
        prediction_type=NAMES[prediction],
        timestep_spacing=spacing,
        **{"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"} | config,
    )
    scheduler.set_timesteps(steps)
    return scheduler


class _Double:
    """torch as a scheduler's module sees it: what it would cast to float32 it casts to float64."""

    float32 = F64

    def __getattr__(self, name):
        return getattr(torch, name)


def on_levels(scheduler, levels, bars=BARS):
    """The scheduler with its schedule, which Diffusers rounds to float32, replaced by ours in float64."""
    if hasattr(scheduler, "alphas_cumprod"):
        scheduler.alphas_cumprod = bars
        final = torch.tensor(levels[-1].alpha_bar, dtype=F64)
        scheduler.final_alpha_cumprod = scheduler.initial_alpha_cumprod = final
        scheduler.one = torch.tensor(1.0, dtype=F64)
    if hasattr(scheduler, "sigmas"):  # a flow's sigma is the noise
        flow = "FlowMatch" in type(scheduler).__name__
        sigmas = torch.tensor([level.noise if flow else level.sigma for level in levels], dtype=F64)
        assert len(scheduler.timesteps) == (len(levels) - 1) * scheduler.order - (scheduler.order - 1)
        if scheduler.order == 2:
            sigmas = torch.cat([sigmas[:1], sigmas[1:-1].repeat_interleave(2), sigmas[-1:]])
        torch.testing.assert_close(scheduler.sigmas, sigmas.float(), atol=1e-6, rtol=1e-3)
        scheduler.sigmas = sigmas
    return scheduler


def diffusers_states(scheduler, network, x, levels, **step):
    """The states that Diffusers' loop visits: its `scale_model_input`, the network, its `step`; step: more for that.

    With churn Diffusers calls the network before the noise is added, and the paper after that: so does this loop, which
    adds the noise that `step` is about to draw.
    """
    states, module = [], sys.modules[type(scheduler).__module__]
    with mock.patch.object(module, "torch", _Double() if x.dtype == F64 else torch):
        for i, t in enumerate(scheduler.timesteps[: (len(levels) - 1) * scheduler.order]):
            at = levels[(i + 1) // 2 if scheduler.order == 2 else i]
            scaled = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
            if "s_churn" in step:
                hat = at.sigma * (1 + min(step["s_churn"] / (len(levels) - 1), math.sqrt(2) - 1))
                ahead = torch.randn(x.shape, generator=step["generator"].clone_state(), dtype=x.dtype)
                noisy = x + math.sqrt(hat**2 - at.sigma**2) * step.get("s_noise", 1.0) * ahead
                at = Level(1.0, hat, at.t)
                scaled = noisy / initial_std(at)
            told = t if hasattr(scheduler, "sigmas") else t.item()  # LCM computes with it, in float32 if a tensor
            x = scheduler.step(network(scaled, at), told, x, **step).prev_sample
            assert torch.isfinite(x).all()  # a maximum of differences would skip a NaN
            if scheduler.order == 1 or i % 2 == 1 or i == 2 * len(levels) - 4:
                states.append(x)
    return states


def worst(ours, theirs):
    """The greatest difference between two runs, state by state."""
    return max((a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True))
