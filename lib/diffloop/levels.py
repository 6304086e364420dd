"""Noise levels as values: x_t = signal * x_0 + noise * eps, and the number that a network is told about it.

A sampler walks down a ladder, a list of levels; `ladders.py` makes them. What a ladder looks like depends on how the
network was trained: VP levels have signal^2 + noise^2 = 1, EDM's signal = 1, those of flow matching signal + noise = 1.
The three describe the same states up to a factor, and `vp`, `karras` and `straight` convert between them: two levels of
the same `sigma` hold the same information. So every sampler works on every ladder.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from jaxtyping import Int
from torch import Tensor

from diffloop.transfer import carried

Number = float | int | Tensor


@dataclass(frozen=True, slots=True)
class Level:
    """How noisy a state is. Three numbers, or three tensors for a batch whose items differ (see `pick`)."""

    signal: Number  # >= 0; a batch's has shape (b, 1, ..., 1), float64
    noise: Number  # >= 0, and not 0 together with the signal
    t: Number = math.nan  # what the network is told; a batch's has shape (b,)

    def __post_init__(self) -> None:
        if isinstance(self.signal, Tensor):
            return
        if not (0 <= self.signal < math.inf and 0 <= self.noise < math.inf and self.signal + self.noise > 0):
            raise ValueError(f"{self}; signal and noise must be finite and >= 0, and one of them > 0")

    @property
    def sigma(self) -> Number:
        """noise / signal: Karras' noise level, the noise added to unscaled data. Infinite for pure noise."""
        if isinstance(self.signal, Tensor) or self.signal > 0:
            return self.noise / self.signal
        return math.inf

    @property
    def alpha_bar(self) -> Number:
        """The share of signal variance, alpha_bar_t of DDPM: 1 is clean data, 0 pure noise."""
        return self.signal**2 / (self.signal**2 + self.noise**2)

    @property
    def log_snr(self) -> float:
        """lambda = log(signal / noise), half the log of the signal-to-noise ratio; infinite at both ends."""
        if self.signal == 0 or self.noise == 0:
            return -math.inf if self.signal == 0 else math.inf
        return math.log(self.signal) - math.log(self.noise)


CLEAN = Level(1.0, 0.0, -1)


def vp_level(alpha_bar: float, t: Number = math.nan) -> Level:
    """signal = sqrt(alpha_bar), noise = sqrt(1 - alpha_bar). Raises ValueError unless alpha_bar is in [0, 1]."""
    if not 0 <= alpha_bar <= 1:
        raise ValueError(f"alpha_bar is {alpha_bar}; it must be in [0, 1]")
    return Level(math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar), t)


def vp(level: Level) -> Level:
    """The same level, scaled so that signal^2 + noise^2 = 1."""
    return _divided(level, math.hypot(level.signal, level.noise))


def karras(level: Level) -> Level:
    """The same level, scaled so that signal = 1. Source: karras2022edm, Table 1 (its s(t) is our signal).

    Raises:
        ValueError: if the level is pure noise, whose sigma is infinite.
    """
    if level.signal == 0:
        raise ValueError("signal is 0: sigma is infinite there; it must be > 0")
    return _divided(level, level.signal)


def straight(level: Level) -> Level:
    """The same level, scaled so that signal + noise = 1: flow matching's, whose time is the noise."""
    return _divided(level, level.signal + level.noise)


def initial_std(level: Level) -> float:
    """Standard deviation of the states at a level, for data of unit variance: what standard normal noise is multiplied
    by to start there. 1 on VP ladders and from a flow's pure noise, sqrt(1 + sigma^2) on Karras'."""
    return math.hypot(level.signal, level.noise)


def steps_down(levels: Sequence[Level]) -> list[tuple[Level, Level]]:
    """(at, to) for each step of a ladder: the network is called at the first, the state is taken to the second.

    Raises:
        ValueError: if there are fewer than two levels, or the noise does not fall from each to the next. Only the last
            step may stay where it is (a ladder of trained timesteps that ends at t = 0).
    """
    levels = list(levels)
    if len(levels) < 2:
        raise ValueError(f"levels has {len(levels)}; a ladder needs two: where to start, and where to end")
    for i, (at, to) in enumerate(pairwise(levels)):
        fall = at.noise * to.signal - to.noise * at.signal
        if fall < 0 or (fall == 0 and i + 2 < len(levels)):
            raise ValueError(f"levels[{i}] is {at} and the next {to}; noise / signal must fall from each to the next")
    return list(pairwise(levels))


def number_like(value: Number, like: Tensor) -> Number:
    """A Python float, or a tensor on `like`'s device and in its type. Compute with a level's numbers before this cast:
    in float32 signal^2 + noise^2 is often not 1."""
    return carried(value, like.device, like.dtype) if isinstance(value, Tensor) else value


def told(t: Number, like: Tensor) -> Tensor:
    """What the network is told, as a tensor on `like`'s device.

    A single number is written there by the device itself. `torch.as_tensor(t, device=...)` would copy it over, and the
    host would wait for the GPU at every step; a tensor goes by `carried`, which does not wait either.
    """
    return carried(t, like.device) if isinstance(t, Tensor) else torch.full((), t, device=like.device)


def pick(levels: Sequence[Level], index: Int[Tensor, " b"], ndim: int) -> Level:
    """levels[index] for a batch: signal and noise (b, 1, ..., 1) with `ndim` axes, float64; t of shape (b,)."""
    columns = ([level.signal for level in levels], [level.noise for level in levels])
    signal, noise = (torch.tensor(c, dtype=torch.float64)[index].reshape(-1, *[1] * (ndim - 1)) for c in columns)
    return Level(signal, noise, torch.tensor([level.t for level in levels])[index])


def forward_std(at: Level, to: Level) -> float:
    """Standard deviation of the noise that the forward process adds between `to` and the noisier `at`.

        sqrt(at.noise^2 - (at.signal / to.signal * to.noise)^2)        for VP levels sqrt(beta_t)

    Raises:
        ValueError: if `to` is noisier than `at`.
    """
    if to.signal == 0 or at.noise * to.signal < to.noise * at.signal:
        raise ValueError(f"from {at} to {to}: this step must lead to less noise; to go up, use eta = 0")
    return math.sqrt(max(at.noise**2 - (at.signal / to.signal * to.noise) ** 2, 0.0))


def posterior_std(at: Level, to: Level) -> float:
    """Standard deviation of x_to given x_at and x_0: to.noise / at.noise * forward_std; for VP sqrt(beta_tilde_t).

    Source: ho2020ddpm, Eq. 7 (beta_tilde); song2021ddim, Eq. 16 with eta = 1.
    """
    return to.noise / at.noise * forward_std(at, to) if at.noise > 0 else 0.0


def _divided(level: Level, by: float) -> Level:
    return replace(level, signal=level.signal / by, noise=level.noise / by)
