"""Consistency distillation and consistency training: learning to answer alike at two neighbours on a path.

With models (x_t, level, cond) -> prediction, cond being whatever they take, and a ladder from noise down to clean data:

    levels = trained_levels(bars, lcm_timesteps(20, distilled_steps=20))
    pair = neighbours(x_0, eps, levels, i, teacher=under(teacher, cond), prediction="v")
    loss = consistency_loss(under(student, cond), under(follower, cond), *pair, prediction="v", delta=1e-3).mean()
    ...                                                                     # an optimizer's step
    follow(follower_unet, student_unet, mu=0.95)

Without a teacher, x_prev is the same x_0 with less of the same noise: consistency training. `consistency.py` samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diffloop.levels import Level, Number, number_like, pick, steps_down
from diffloop.parameterization import add_noise, predictions
from diffloop.types import Model, State

Skip = Callable[[Level], tuple[Number, Number]]  # level -> (c_skip, c_out)


def lcm_skip(level: Level, *, sigma_data: float = 0.5, timestep_scaling: float = 10.0) -> tuple[Number, Number]:
    """(c_skip, c_out) of a latent consistency model: (1, 0) at t <= 0, nearly (0, 1) at every other trained timestep.

        c_skip = sigma_data^2 / (tau^2 + sigma_data^2)    c_out = tau / sqrt(tau^2 + sigma_data^2)    tau = scaling * t

    Source: luo2023lcm, Sec. 4.1, as Diffusers has it and `consistency.consistency_function` samples it.
    """
    if isinstance(level.t, Tensor):
        tau = timestep_scaling * level.t.double().clamp(min=0).reshape(torch.as_tensor(level.signal).shape)
        total = (tau**2 + sigma_data**2).sqrt()
    else:
        tau = timestep_scaling * max(level.t, 0.0)
        total = math.hypot(tau, sigma_data)
    return (sigma_data / total) ** 2, tau / total


def edm_skip(level: Level, *, sigma_data: float = 0.5, sigma_min: float = 0.002) -> tuple[Number, Number]:
    """(c_skip, c_out) on Karras' ladder: (1, 0) at sigma_min and below.

        c_skip = sigma_data^2 / (gap^2 + sigma_data^2)    c_out = sigma_data * gap / sqrt(sigma_data^2 + sigma^2)
        gap    = sigma - sigma_min

    Source: song2023consistency, Appendix C.

    Args:
        level: of signal 1.
        sigma_data: standard deviation of the data, > 0.
        sigma_min: where the ladder of noise ends.
    """
    sigma = level.noise
    gap = sigma - sigma_min
    gap = gap.clamp(min=0) if isinstance(gap, Tensor) else max(gap, 0.0)
    return sigma_data**2 / (gap**2 + sigma_data**2), sigma_data * gap / (sigma_data**2 + sigma**2) ** 0.5


def adaptive_schedule(k: int, K: int, *, first: int = 2, last: int = 150, mu_first: float = 0.9) -> tuple[int, float]:
    """(N, mu) for update k of K: the number of levels in the ladder of consistency training, and the follower's decay.

        N  = ceil(sqrt(k / K * ((last + 1)^2 - first^2) + first^2) - 1) + 1
        mu = exp(first * log(mu_first) / N)

    Source: song2023consistency, Appendix C (its s_0 and s_1 are our first and last, its mu_0 our mu_first).

    Raises:
        ValueError: unless 0 <= k <= K, 1 < first < last and 0 < mu_first < 1.
    """
    if not (0 <= k <= K and K > 0 and 1 < first < last and 0 < mu_first < 1):
        raise ValueError(
            f"k, K, first, last, mu_first are {k}, {K}, {first}, {last}, {mu_first}; "
            "need 0 <= k <= K, 1 < first < last and 0 < mu_first < 1"
        )
    N = math.ceil(math.sqrt(k / K * ((last + 1) ** 2 - first**2) + first**2) - 1) + 1
    return N, math.exp(first * math.log(mu_first) / N)


def through_boundary(output: State, x_t: State, level: Level, *, prediction: str, skip: Skip = lcm_skip) -> State:
    """f(x_t, t) = c_skip * x_t + c_out * x_0_hat from a network's output: x_t itself where the level is clean.

    Source: song2023consistency, Eq. 5; luo2023lcm, Sec. 4.1 (x_0_hat from predicted noise; here also from v).

    Args:
        output: of the network at x_t.
        prediction: "eps", "x_0" or "v".
        skip: level -> (c_skip, c_out).
    """
    x_0_hat, _ = predictions(output, x_t, level, prediction=prediction)
    c_skip, c_out = (number_like(c, x_t) for c in skip(level))
    return c_skip * x_t + c_out * x_0_hat


@torch.no_grad()
def neighbours(
    x_0: State,
    eps: State,
    levels: Sequence[Level],
    i: Int[Tensor, " b"],
    *,
    skip: int = 1,
    teacher: Model | None = None,
    prediction: str = "eps",
    heun: bool = False,
) -> tuple[State, State, Level, Level]:
    """(x_t, x_prev, at, to): a noised x_0 and its neighbour `skip` rungs further down, on the path through it.

        x_t    = at.signal * x_0 + at.noise * eps
        x_prev = DDIM's step from x_t, or Heun's, by the teacher               distillation
        x_prev = to.signal * x_0 + to.noise * eps                              training, without a teacher

    Source: song2023consistency, Eq. 6 (Algorithm 2) and Eq. 10 (Algorithm 3); luo2023lcm, Sec. 4.2 and 4.3: `skip` is
    its skipping step, a `guided_teacher` its augmented path.

    Args:
        x_0, eps: clean data and noise.
        levels: a ladder of falling noise.
        i: the rung of each item, 0 <= i < len(levels) - 1; where fewer than `skip` are left, it is the last.
        skip: >= 1.
        teacher: (x_t, level) -> prediction; None: consistency training.
        heun: step with the mean of the predictions at both ends, as in `heun.heun_sample`. `to` must then have noise.

    Raises:
        ValueError: if the noise does not fall, i or skip is out of range, or heun is set without a teacher.
    """
    steps_down(levels)
    if skip < 1 or not bool(((i >= 0) & (i < len(levels) - 1)).all()):
        raise ValueError(
            f"skip is {skip}, i ranges from {int(i.min())} to {int(i.max())}; "
            f"skip must be >= 1, i in [0, {len(levels) - 2}]"
        )
    if heun and teacher is None:
        raise ValueError("heun is True and teacher is None; Heun's step needs a teacher: pass one, or leave heun False")
    at, to = pick(levels, i, x_0.ndim), pick(levels, (i + skip).clamp(max=len(levels) - 1), x_0.ndim)
    x_t = add_noise(x_0, eps, at)
    if teacher is not None:
        x_0, eps = predictions(teacher(x_t, at), x_t, at, prediction=prediction)
    x_prev = add_noise(x_0, eps, to)
    if heun:
        x_0_there, eps_there = predictions(teacher(x_prev, to), x_prev, to, prediction=prediction)
        up, out = (number_like(b - a, x_t) for a, b in ((at.signal, to.signal), (at.noise, to.noise)))
        x_prev = x_t + up * (x_0 + x_0_there) / 2 + out * (eps + eps_there) / 2
    return x_t, x_prev, at, to


def consistency_loss(
    student: Model,
    follower: Model,
    x_t: State,
    x_prev: State,
    at: Level,
    to: Level,
    *,
    prediction: str,
    skip: Skip = lcm_skip,
    delta: float | None = None,
) -> Float[Tensor, " b"]:
    """Distance from the student's f(x_t) to the follower's f(x_prev), per item; no gradient reaches the follower.

        |d|^2                                     delta is None
        sqrt(|d|^2 + delta^2) - delta             else (pseudo-Huber), with |d|^2 the mean over an item's values

    Source: song2023consistency, Eq. 7 and 10 (with the squared l2 distance and weights of 1); luo2023lcm, Sec. 4.3
    (with a Huber loss).

    Args:
        student, follower: (x_t, level) -> prediction: the network, and its moving average.
    """
    with torch.no_grad():
        # a clean neighbour is its own answer; the network is still called, at the cleanest level that it knows
        wanted = through_boundary(follower(x_prev, to), x_prev, to, prediction=prediction, skip=skip)
    found = through_boundary(student(x_t, at), x_t, at, prediction=prediction, skip=skip)
    square = (found - wanted).square().flatten(1).mean(1)
    return square if delta is None else (square + delta**2).sqrt() - delta


@torch.no_grad()
def follow(follower: nn.Module, student: nn.Module, mu: float | Tensor) -> None:
    """follower <- mu * follower + (1 - mu) * student, weight by weight.

    Source: song2023consistency, Eq. 8.

    Args:
        follower, student: of the same structure; weights that are not trained are left alone.
        mu: in [0, 1); 0 copies the student. A tensor has to broadcast with every weight.

    Raises:
        ValueError: if mu is out of range.
    """
    if not bool(((torch.as_tensor(mu) >= 0) & (torch.as_tensor(mu) < 1)).all()):
        raise ValueError(f"mu is {mu}; it must be in [0, 1): 0 copies the student")
    for mine, new in zip(follower.parameters(), student.parameters(), strict=True):
        if new.requires_grad:
            mine.lerp_(new, 1 - mu)
