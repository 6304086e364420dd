"""Ladders of noise levels, and the clocks that say what a network is told at each.

    trained_levels   signal^2 + noise^2 = 1, told a timestep         DDPM, Stable Diffusion 1 and 2, SDXL ("VP")
    karras_levels    signal = 1, noise = sigma, told log(sigma) / 4  EDM
    flow_levels      signal + noise = 1, told T * noise              rectified flow, Stable Diffusion 3

A network that was trained on one ladder is sampled on another through `preconditioning.seen_as`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diffloop.levels import CLEAN, Level, Number, vp_level

Clock = Callable[[Level], Number]


def trained_levels(
    alphas_cumprod: Float[Tensor, " T"], timesteps: Any, *, set_alpha_to_one: bool = True
) -> list[Level]:
    """The ladder of trained timesteps: a level for each, and the one to which the last step leads.

    Args:
        alphas_cumprod: alpha_bar for t = 0 .. T-1.
        timesteps: strictly decreasing integers in [0, T-1], as from `schedules.spaced_timesteps`: a tensor, an array or
            a list (1.0 is an integer, 0.5 is not).
        set_alpha_to_one: the end is clean data if True, else alphas_cumprod[0], the cleanest level that the network was
            trained on: a little noise remains, as Stable Diffusion is configured.

    Returns:
        len(timesteps) + 1 levels; t is -1 for clean data.

    Raises:
        ValueError: if timesteps is empty, holds anything but integers, leaves [0, T-1] or does not decrease.
    """
    ts, bars = as_timesteps(timesteps).tolist(), alphas_cumprod.tolist()
    if not ts or any(a <= b for a, b in pairwise(ts)) or not 0 <= ts[-1] <= ts[0] < len(bars):
        raise ValueError(
            f"timesteps is {_short(ts)}; it must be strictly decreasing integers in [0, {len(bars) - 1}], and not empty"
        )
    return [*(vp_level(bars[t], t) for t in ts), CLEAN if set_alpha_to_one else vp_level(bars[0], 0)]


def levels_at(alphas_cumprod: Float[Tensor, " T"], t: Int[Tensor, " b"], ndim: int) -> Level:
    """The trained levels of a batch of timesteps, shaped as by `pick`."""
    bars = alphas_cumprod[t.to(alphas_cumprod.device)].double().reshape(-1, *[1] * (ndim - 1))
    return Level(bars.sqrt(), (1 - bars).sqrt(), t)


def karras_levels(
    steps: int, *, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0, clock: Clock | None = None
) -> list[Level]:
    """EDM's ladder: sigma^(1 / rho) falls evenly from sigma_max to sigma_min; then clean data.

    Source: karras2022edm, Eq. 5 (and Table 1 for what the network is told).

    Args:
        steps: >= 1.
        sigma_min, sigma_max: 0 < sigma_min < sigma_max.
        rho: > 0; 7 takes shorter steps at low noise.
        clock: what the network is told; None: `edm_clock`.

    Raises:
        ValueError: if any of them is out of range.
    """
    if steps < 1 or not 0 < sigma_min < sigma_max or not rho > 0:
        raise ValueError(
            f"steps, sigma_min, sigma_max, rho are {steps}, {sigma_min}, {sigma_max}, {rho}; "
            "need steps >= 1, 0 < sigma_min < sigma_max and rho > 0"
        )
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    sigmas = [(high + i / max(steps - 1, 1) * (low - high)) ** rho for i in range(steps)]
    return retold([*(Level(1.0, s) for s in sigmas), CLEAN], clock or edm_clock)


def flow_levels(steps: int, *, shift: float = 1.0, last: float | None = None, T: float = 1.0) -> list[Level]:
    """The straight ladder: signal 1 - u and noise u, u falling evenly from 1 to `last`, then shifted; then clean data.

        u <- shift * u / (1 + (shift - 1) * u)

    Source: liu2023rectified, Eq. 1 (the path); esser2024sd3, Eq. 23 (the shift, for larger pictures).

    Args:
        steps: >= 1.
        shift: > 0; above 1 spends more steps at high noise.
        last: u of the last call of the network, in (0, 1]; None: 1 / steps, so that all steps are equal.
        T: the network is told T * u: 1000 for Stable Diffusion 3.

    Raises:
        ValueError: if any of them is out of range.
    """
    last = 1 / steps if last is None and steps >= 1 else last
    if steps < 1 or not 0 < last <= 1 or not shift > 0:
        raise ValueError(f"steps, last, shift are {steps}, {last}, {shift}; need steps >= 1, 0 < last <= 1, shift > 0")
    us = [1 + i / max(steps - 1, 1) * (last - 1) for i in range(steps)]
    us = [shift * u / (1 + (shift - 1) * u) for u in us]
    return [*(Level(1 - u, u, T * u) for u in us), Level(1.0, 0.0, 0.0)]


def edm_clock(level: Level) -> float:
    """log(sigma) / 4: c_noise of karras2022edm, Table 1."""
    return math.log(level.sigma) / 4 if level.noise > 0 else -math.inf


def trained_clock(alphas_cumprod: Float[Tensor, " T"]) -> Clock:
    """The timestep, usually a fraction, at which the trained ladder has the level's sigma: interpolated in log sigma, 0
    and T-1 outside. Networks accept fractions, though they were trained on integers only."""
    logs = ((1 - alphas_cumprod) / alphas_cumprod).double().log() / 2

    def clock(level: Level) -> float:
        wanted = -level.log_snr
        above = int(torch.searchsorted(logs, torch.tensor(wanted, dtype=logs.dtype)))
        if above == 0 or above == len(logs):
            return float(max(above - 1, 0))
        low, high = logs[above - 1].item(), logs[above].item()
        return above - 1 + (wanted - low) / (high - low)

    return clock


def retold(levels: Sequence[Level], clock: Clock) -> list[Level]:
    """The same levels, with t from this clock."""
    return [replace(level, t=clock(level)) for level in levels]


def as_timesteps(timesteps: Any) -> Int[Tensor, " n"]:
    """Timesteps from a tensor, an array or a list of integers (1.0 is one, 0.5 is not).

    Raises:
        ValueError: if one is not an integer.
    """
    message = f"timesteps is {timesteps}; it must be a sequence of integers: the network knows no others"
    try:
        values = torch.as_tensor(timesteps).cpu()
    except (TypeError, ValueError, RuntimeError) as error:  # words, rows of unequal length, None
        raise ValueError(message) from error
    if values.ndim != 1 or values.is_complex() or values.dtype == torch.bool or (values % 1 != 0).any():
        raise ValueError(message)
    return values.long()


def _short(values: Sequence[int]) -> str:
    return str(list(values)) if len(values) <= 8 else f"[{', '.join(map(str, values[:4]))}, ... {values[-1]}]"
