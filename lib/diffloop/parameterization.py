"""What a network may predict (eps, x_0, v or a flow's velocity), and how to go from one to another.

All of it follows from one line, x_t = signal * x_0 + noise * eps, with the two numbers of a `levels.Level`. A batch may
have a level for each item; its numbers are float64, and are cast to the state's type here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from diffloop.levels import Level, Number, number_like
from diffloop.types import Model

State = Float[Tensor, "*shape"]
_seen: ContextVar[list[tuple[Tensor, Number, str]] | None] = ContextVar("seen", default=None)


def add_noise(x_0: State, eps: State, level: Level) -> State:
    """q(x_t | x_0): the forward process in one jump.

        x_t = signal * x_0 + noise * eps

    Source: ho2020ddpm, Eq. 4 (signal = sqrt(alpha_bar_t), noise = sqrt(1 - alpha_bar_t)).
    """
    signal, noise = _numbers(level, x_0)
    return signal * x_0 + noise * eps


def x_0_from_eps(x_t: State, eps: State, level: Level) -> State:
    """x_0_hat = (x_t - noise * eps) / signal.

    Source: ho2020ddpm, Eq. 15; song2021ddim, Eq. 9.

    Raises:
        ValueError: if the signal is 0 anywhere: such a state is pure noise, and eps says nothing about x_0.
    """
    _refuse_zero(
        level.signal, "signal is 0: eps says nothing about x_0 there; it must be > 0, or let the model predict x_0"
    )
    signal, noise = _numbers(level, x_t)
    return (x_t - noise * eps) / signal


def eps_from_x_0(x_t: State, x_0: State, level: Level) -> State:
    """eps = (x_t - signal * x_0) / noise.

    Source: ho2020ddpm, Eq. 4, solved for eps.

    Raises:
        ValueError: if the noise is 0 anywhere: a clean state holds none to read off.
    """
    _refuse_zero(
        level.noise, "noise is 0: x_0 says nothing about eps there; it must be > 0, or let the model predict eps"
    )
    signal, noise = _numbers(level, x_t)
    return (x_t - signal * x_0) / noise


def v_from_x_0_eps(x_0: State, eps: State, level: Level) -> State:
    """v = signal * eps - noise * x_0.

    Source: salimans2022progressive, Sec. 4 and Appendix D (its alpha and sigma are our signal and noise).
    """
    signal, noise = _numbers(level, x_0)
    return signal * eps - noise * x_0


def x_0_from_v(x_t: State, v: State, level: Level) -> State:
    """x_0_hat = signal * x_t - noise * v, where signal^2 + noise^2 = 1. Defined for clean data and pure noise too.

    Source: salimans2022progressive, Sec. 4 and Appendix D.
    """
    signal, noise = _numbers(level, x_t)
    return (signal * x_t - noise * v) / number_like(level.signal**2 + level.noise**2, x_t)


def eps_from_v(x_t: State, v: State, level: Level) -> State:
    """eps_hat = noise * x_t + signal * v, where signal^2 + noise^2 = 1. Defined for clean data and pure noise too.

    Source: salimans2022progressive, Appendix D.
    """
    signal, noise = _numbers(level, x_t)
    return (noise * x_t + signal * v) / number_like(level.signal**2 + level.noise**2, x_t)


def velocity_from_x_0_eps(x_0: State, eps: State, level: Level) -> State:
    """velocity = eps - x_0: the direction of the straight path from data to noise, the same at every level.

    Source: liu2023rectified, Eq. 1 (with the sign of Stable Diffusion 3: esser2024sd3, Eq. 13, time runs to noise).
    """
    return eps - x_0


def x_0_from_velocity(x_t: State, velocity: State, level: Level) -> State:
    """x_0_hat = x_t - noise * velocity, where signal + noise = 1."""
    _, noise = _numbers(level, x_t)
    return (x_t - noise * velocity) / number_like(level.signal + level.noise, x_t)


def eps_from_velocity(x_t: State, velocity: State, level: Level) -> State:
    """eps_hat = x_t + signal * velocity, where signal + noise = 1."""
    signal, _ = _numbers(level, x_t)
    return (x_t + signal * velocity) / number_like(level.signal + level.noise, x_t)


# For each prediction: x_0_hat and eps_hat from it, and it from x_0 and eps.
PREDICTIONS = {
    "eps": (x_0_from_eps, lambda x_t, eps, level: eps, lambda x_0, eps, level: eps),
    "x_0": (lambda x_t, x_0, level: x_0, eps_from_x_0, lambda x_0, eps, level: x_0),
    "v": (x_0_from_v, eps_from_v, v_from_x_0_eps),
    "velocity": (x_0_from_velocity, eps_from_velocity, velocity_from_x_0_eps),
}


def predictions(output: Any, x_t: State, level: Level, *, prediction: str = "eps") -> tuple[State, State]:
    """(x_0_hat, eps_hat) from whatever the network predicts.

    Args:
        output: the network's output at x_t; or a pair of them, the first to say x_0_hat and the second eps_hat.
        x_t: the state that it saw.
        level: of x_t.
        prediction: "eps", "x_0", "v" or "velocity".

    Returns:
        the two halves of x_t: x_t = signal * x_0_hat + noise * eps_hat (unless a pair was given).

    Raises:
        ValueError: if `prediction` is unknown; if the level is pure noise with "eps", or clean with "x_0".
    """
    check_prediction(prediction)
    to_x_0, to_eps, _ = PREDICTIONS[prediction]
    of_x_0, of_eps = output if isinstance(output, tuple) else (output, output)
    return to_x_0(x_t, of_x_0, level), to_eps(x_t, of_eps, level)


def target(x_0: State, eps: State, level: Level, *, prediction: str = "eps") -> State:
    """What a network that predicts `prediction` should return at signal * x_0 + noise * eps; linear in x_0 and eps."""
    check_prediction(prediction)
    return PREDICTIONS[prediction][2](x_0, eps, level)


def predict(
    model: Model, x_t: State, level: Level, *, prediction: str = "eps", pairs: bool = False
) -> tuple[State, State]:
    """(x_0_hat, eps_hat) of a model: one call, checked and split into its two halves.

    Args:
        pairs: whether the model may answer with a pair (see `types.Model`). Only a sampler that puts x_prev together
            from the two halves alone can honour one.

    Raises:
        ValueError: if the model returns NaN or infinity, or a pair although pairs is false; see `predictions`.
    """
    output = model(x_t, level)
    parts = output if isinstance(output, tuple) else (output,)
    if len(parts) > 1 and not pairs:
        raise ValueError("the model answers with a pair (CFG++), which only ddim_sample honours; use that")
    for part in parts:
        finite(part, level.t)
    return predictions(output, x_t, level, prediction=prediction)


def check_prediction(prediction: str) -> None:
    """Raises ValueError unless `prediction` is known."""
    if prediction not in PREDICTIONS:
        raise ValueError(f"prediction is {prediction!r}; choose one of {', '.join(map(repr, PREDICTIONS))}")


def finite(output: Tensor, t: Number, *, what: str = "the model returned") -> Tensor:
    """`output`, or a ValueError that names the timestep if it holds NaN or infinity; see `finite_in_the_end`.

    Args:
        what: the beginning of the message.
    """
    largest, seen = output.detach().abs().amax(), _seen.get()
    if seen is not None and largest.device.type != "cpu":
        seen.append((largest, t, what))
    else:
        _refuse_infinite(largest.item(), t, what)
    return output


@contextmanager
def finite_in_the_end() -> Iterator[None]:
    """Inside it, `finite` does not wait for a GPU at each step: what it finds is raised at the end.

    To read one number from a GPU, the host waits until all the work before it is done, and then the GPU waits until
    the host has handed over the next step.
    """
    seen: list[tuple[Tensor, Number, str]] = []
    token = _seen.set(seen)
    try:
        yield
    finally:
        _seen.reset(token)
    values = torch.stack([largest for largest, _, _ in seen]).tolist() if seen else []
    for value, (_, t, what) in zip(values, seen, strict=True):
        _refuse_infinite(value, t, what)


def _refuse_infinite(largest: float, t: Number, what: str) -> None:
    if not math.isfinite(largest):
        bad = "NaN" if math.isnan(largest) else "infinity"
        raise ValueError(f"{what} {bad} at t = {t}; every value must be finite")


def _numbers(level: Level, like: Tensor) -> tuple[Number, Number]:
    return number_like(level.signal, like), number_like(level.noise, like)


def _refuse_zero(value: Number, message: str) -> None:
    if bool((value == 0).any()) if isinstance(value, Tensor) else value == 0:
        raise ValueError(message)
