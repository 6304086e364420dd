"""Ladders as Diffusers' schedulers see them, for the rows of test_samplers.py.

Each function returns a case, steps -> (scheduler, levels, network, model, prediction): the network is what Diffusers
calls, on a state that its scheduler has scaled; the model is what our sampler calls on our ladder, in our way.
"""

import math
from dataclasses import replace

import torch
from diffusers import EDMEulerScheduler, LCMScheduler
from tests.diffloop.reference import BARS, model, on_levels, scheduler_of

from diffloop.consistency import consistency_function, lcm_timesteps
from diffloop.ladders import flow_levels, karras_levels, trained_clock, trained_levels
from diffloop.levels import karras, vp
from diffloop.preconditioning import edm_preconditioned, seen_as
from diffloop.schedules import spaced_timesteps


def trained(scheduler_class, spacing="leading", prediction="eps", *, timesteps=spaced_timesteps, to_one=True, **config):
    """VP states on the trained ladder."""

    def case(steps):
        scheduler = scheduler_of(scheduler_class, steps, spacing, prediction, **config)
        ts = timesteps(steps, spacing=spacing)
        assert scheduler.timesteps[:steps].tolist() == ts.tolist()  # DPM-Solver's own may hold one more, t = -1
        levels = trained_levels(BARS, ts, set_alpha_to_one=to_one)
        return on_levels(scheduler, levels), levels, model(prediction), model(prediction), prediction

    return case


def rescaled(scheduler_class, spacing="trailing", prediction="eps", **config):
    """Karras' states around a VP network: at the sigmas of the trained ladder, or with use_karras_sigmas between."""

    def case(steps):
        scheduler = scheduler_of(scheduler_class, steps, spacing, prediction, **config)
        levels = [karras(level) for level in trained_levels(BARS, spaced_timesteps(steps, spacing=spacing))]
        if config.get("use_karras_sigmas"):
            low, high = scheduler.sigmas[-2].item(), scheduler.sigmas[0].item()
            levels = karras_levels(steps, sigma_min=low, sigma_max=high, clock=trained_clock(BARS))
        network = model(prediction)
        seen = seen_as(network, vp, lambda level: level.t, prediction=prediction)
        return on_levels(scheduler, levels), levels, lambda x, level: network(x, vp(level)), seen, prediction

    return case


def edm(steps):
    """EDM's states around a raw network, preconditioned by Diffusers and by us."""
    scheduler = EDMEulerScheduler()
    scheduler.set_timesteps(steps)
    levels = karras_levels(steps)

    def raw(x, level):
        return torch.tanh(x + math.log(level.noise) / 10)

    def told(x, level):
        return raw(x, replace(level, noise=math.exp(4 * level.t)))

    return on_levels(scheduler, levels), levels, raw, edm_preconditioned(told), "x_0"


def flow(scheduler_class, shift=3.0):
    """A flow's states."""

    def case(steps):
        scheduler = scheduler_class(shift=shift)
        scheduler.set_timesteps(steps)
        levels = flow_levels(steps, shift=shift, last=scheduler.sigma_min, T=1000)
        return on_levels(scheduler, levels), levels, model("velocity"), model("velocity"), "velocity"

    return case


def lcm(prediction):
    """A latent consistency model's states: the scheduler mixes x_0_hat with the state, ours does it in the model."""

    def case(steps):
        scheduler = scheduler_of(LCMScheduler, steps, "leading", prediction)
        levels = trained_levels(BARS, lcm_timesteps(steps))
        assert scheduler.timesteps.tolist() == [level.t for level in levels[:-1]]
        ours = consistency_function(model(prediction), prediction=prediction)
        return on_levels(scheduler, levels), levels, model(prediction), ours, "x_0"

    return case
