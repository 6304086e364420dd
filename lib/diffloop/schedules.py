"""Noise schedules (betas, alphas_cumprod) and the timesteps that a sampler visits.

Everything is computed and returned in float64: with T = 1000 a float32 product loses a digit or two where it matters
most, at the noisy end. Diffusers computes in float32; the two agree to about 1e-6.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

SPACINGS = ("leading", "trailing", "linspace")


def linear_betas(T: int = 1000, *, beta_start: float = 1e-4, beta_end: float = 0.02) -> Float[Tensor, " T"]:
    """beta_t, growing linearly from `beta_start` to `beta_end`.

    Source: ho2020ddpm, Sec. 4 (T = 1000, 1e-4 to 0.02).

    Args:
        T: number of noise levels, >= 1.
        beta_start: variance that the first forward step adds, in (0, 1).
        beta_end: variance that the last forward step adds, in (0, 1).

    Returns:
        betas, float64, shape (T,).

    Raises:
        ValueError: if T < 1, or a beta is not in (0, 1).
    """
    _check_betas(T, beta_start, beta_end)
    return torch.linspace(beta_start, beta_end, T, dtype=torch.float64)


def scaled_linear_betas(T: int = 1000, *, beta_start: float = 0.00085, beta_end: float = 0.012) -> Float[Tensor, " T"]:
    """beta_t whose square root grows linearly: Stable Diffusion's schedule.

    Source: rombach2022ldm (the schedule of its code, and the two numbers of Stable Diffusion's configuration; the paper
    itself does not give them).

    Args: see `linear_betas`.
    Returns: betas, float64, shape (T,).
    Raises: see `linear_betas`.
    """
    _check_betas(T, beta_start, beta_end)
    return torch.linspace(beta_start**0.5, beta_end**0.5, T, dtype=torch.float64) ** 2


def cosine_betas(T: int = 1000, *, s: float = 0.008, max_beta: float = 0.999) -> Float[Tensor, " T"]:
    """beta_t of the cosine schedule, clipped at `max_beta`.

        alpha_bar(u) = cos((u + s) / (1 + s) * pi / 2) ** 2
        beta_t       = min(1 - alpha_bar((t + 1) / T) / alpha_bar(t / T), max_beta)

    Source: nichol2021improved, Eq. 17 (s = 0.008; betas clipped at 0.999).

    Args:
        T: number of noise levels, >= 1.
        s: small offset that keeps the first betas from vanishing, >= 0.
        max_beta: clip, in (0, 1). It binds only for the last few t, where alpha_bar reaches 0.

    Returns:
        betas, float64, shape (T,).

    Raises:
        ValueError: if T < 1, s < 0, or max_beta is not in (0, 1).
    """
    _check_betas(T, max_beta)
    if not s >= 0:
        raise ValueError(f"s is {s}; it must be >= 0")
    u = torch.arange(T + 1, dtype=torch.float64) / T
    alpha_bar = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=max_beta)


def alphas_cumprod_from_betas(betas: Float[Tensor, " T"]) -> Float[Tensor, " T"]:
    """alpha_bar_t = prod over s <= t of (1 - beta_s), in float64.

    Source: ho2020ddpm, Eq. 4. DDIM calls this product alpha_t (song2021ddim, Sec. 2), with no bar.
    """
    return torch.cumprod(1 - betas.double(), dim=0)


def rescale_zero_terminal_snr(betas: Float[Tensor, " T"]) -> Float[Tensor, " T"]:
    """betas shifted and scaled so that alpha_bar_{T-1} = 0: the last state is pure noise.

        r_t = sqrt(alpha_bar_t);   new r_t = (r_t - r_{T-1}) * r_0 / (r_0 - r_{T-1})

    Source: lin2023zerosnr, Algorithm 1.

    Args:
        betas: shape (T,), T >= 2, each in (0, 1).

    Returns:
        betas, float64, shape (T,); the last one is 1. alpha_bar_0 is unchanged.
        With alpha_bar = 0, eps says nothing about x_0: sample with a model that predicts v or x_0.

    Raises:
        ValueError: if T < 2.
    """
    if len(betas) < 2:
        raise ValueError(f"betas has length {len(betas)}; rescaling needs at least 2")
    root = alphas_cumprod_from_betas(betas).sqrt()
    alpha_bar = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
    return 1 - torch.cat([alpha_bar[:1], alpha_bar[1:] / alpha_bar[:-1]])


def spaced_timesteps(
    steps: int, T: int = 1000, *, spacing: str = "leading", steps_offset: int = 0
) -> Int[Tensor, " n"]:
    """The `steps` timesteps that a sampler visits, noisiest first.

        leading    i * (T // steps) + steps_offset     for i = steps-1 .. 0
        trailing   round(T - i * T / steps) - 1        for i = 0 .. steps-1
        linspace   round of `steps` even points on [0, T-1]

    Source: lin2023zerosnr, Table 2. Equal to Diffusers' for every `steps`, with one departure: its "trailing"
    returns one timestep too many, t = -1, for 62 of the 1,000 step counts at T = 1000 (61, 103 and 998, say).

    Args:
        steps: number of network calls, 1 <= steps <= T.
        T: number of training timesteps.
        spacing: "leading" starts below T-1 (it never sees the noisiest level); "trailing" always starts at T-1, and is
            what the cited paper recommends; "linspace" includes both ends, but a single step is t = 0, the clean end.
        steps_offset: added to every timestep of "leading" (Stable Diffusion uses 1); must be 0 for the others, where
            Diffusers ignores it.

    Returns:
        strictly decreasing timesteps in [0, T-1], int64, of length exactly `steps`.

    Raises:
        ValueError: if steps is not in [1, T], the spacing is unknown, steps_offset is negative, pushes a timestep
            beyond T-1, or is given with another spacing than "leading".
    """
    if not 1 <= steps <= T:
        raise ValueError(f"steps is {steps}; it must be in [1, {T}], the number of training timesteps")
    if spacing not in SPACINGS:
        raise ValueError(f"spacing is {spacing!r}; choose one of {', '.join(map(repr, SPACINGS))}")
    if spacing != "leading" and steps_offset != 0:
        raise ValueError(f"steps_offset is {steps_offset}; with spacing {spacing!r} it must be 0")
    if spacing == "leading":
        ts = np.arange(steps)[::-1] * (T // steps) + steps_offset
        if steps_offset < 0 or ts[0] >= T:
            raise ValueError(
                f"steps_offset is {steps_offset}; with {steps} steps it must be in [0, {T - 1 - ts[0] + steps_offset}]"
            )
    elif spacing == "trailing":
        # [:steps] because arange's length depends on rounding: T = 1000 in 61 steps gives 62 points, the last at 0
        ts = np.round(np.arange(T, 0, -T / steps)[:steps]) - 1
    else:
        ts = np.linspace(0, T - 1, steps).round()[::-1]
    assert len(ts) == steps
    assert (np.diff(ts) < 0).all()
    return torch.from_numpy(ts.astype(np.int64))


def _check_betas(T: int, *betas: float) -> None:
    if T < 1:
        raise ValueError(f"T is {T}; it must be >= 1")
    for beta in betas:
        if not 0 < beta < 1:
            raise ValueError(f"a beta is {beta}; it must be in (0, 1)")
