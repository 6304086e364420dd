"""Euler's method on the probability-flow ODE, along the coordinates of the ladder; with EDM's churn, stochastic.

On a straight ladder it is the flow's Euler step, x + (u_to - u_at) * velocity. On Karras' it is EDM's,
x + (sigma_to - sigma_at) * eps. On every ladder it is DDIM's step with eta = 0, written as a difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from diffloop.ladders import Clock, edm_clock
from diffloop.levels import Level, steps_down
from diffloop.noise import draw_noise
from diffloop.parameterization import check_prediction, predict
from diffloop.types import Generators, Model, State


@dataclass(frozen=True, kw_only=True)
class Churn:
    """How much noise is added before a step, to be removed with the rest: karras2022edm, Algorithm 2, line 5.

    The signal is unchanged, so on a ladder whose scale is not Karras' the level leaves that scale: a network that was
    trained in it must be wrapped in `preconditioning.seen_as`, which scales every state back.
    """

    amount: float  # S_churn, >= 0, spread over all steps
    sigma_min: float = 0.0  # S_tmin, S_tmax: at which levels
    sigma_max: float = math.inf
    noise_std: float = 1.0  # S_noise; the paper's is slightly above 1
    clock: Clock = edm_clock  # what the network is told at the level that the noise leads up to

    def __post_init__(self) -> None:
        if not (self.amount >= 0 and 0 <= self.sigma_min <= self.sigma_max and self.noise_std > 0):
            raise ValueError(f"{self}; amount must be >= 0, 0 <= sigma_min <= sigma_max, noise_std > 0")


def euler_step(x_t: State, x_0_hat: State, eps: State, at: Level, to: Level) -> State:
    """x_prev = x_t + (to.signal - at.signal) * x_0_hat + (to.noise - at.noise) * eps.

    Source: karras2022edm, Algorithm 1, line 5 (signal = 1, eps is its d_i); for flows liu2023rectified, Sec. 2.
    """
    return x_t + (to.signal - at.signal) * x_0_hat + (to.noise - at.noise) * eps


def churned(
    x_t: State, at: Level, churn: Churn | None, steps: int, generator: Generators | None
) -> tuple[State, Level]:
    """A state with more noise, and its level: sigma grows by the factor 1 + gamma.

        gamma = min(amount / steps, sqrt(2) - 1)
        x_hat = x_t + signal * sqrt(sigma_hat^2 - sigma^2) * noise_std * noise

    Source: karras2022edm, Algorithm 2, lines 4 to 6 (where signal = 1).
    """
    if churn is None or churn.amount == 0 or at.signal == 0 or not churn.sigma_min <= at.sigma <= churn.sigma_max:
        return x_t, at
    gamma = min(churn.amount / steps, math.sqrt(2) - 1)
    up = replace(at, noise=at.noise * (1 + gamma))
    noise = draw_noise(x_t.shape, generator, dtype=x_t.dtype, device=x_t.device)
    added = math.sqrt(up.noise**2 - at.noise**2) * churn.noise_std
    return x_t + added * noise, replace(up, t=churn.clock(up))


def euler_sample(
    model: Model,
    x_T: State,
    levels: Sequence[Level],
    *,
    prediction: str = "eps",
    generator: Generators | None = None,
    churn: Churn | None = None,
) -> Iterator[Tensor]:
    """x_prev after each step, the last one being the sample.

    Source: karras2022edm, Algorithm 2 without its lines 9 to 11.

    Args:
        model, x_T, levels, prediction: see `types.Sampler`.
        generator: needed with churn.
        churn: None: deterministic.

    Raises:
        ValueError: at the call: see `levels.steps_down`, or prediction unknown, or generator None with churn; while
            iterating: see `parameterization.predict`.
    """
    steps = checked(levels, prediction, generator, churn)

    def states() -> Iterator[Tensor]:
        x_t = x_T
        for at, to in steps:
            x_t, at = churned(x_t, at, churn, len(steps), generator)
            x_0_hat, eps = predict(model, x_t, at, prediction=prediction)
            x_t = euler_step(x_t, x_0_hat, eps, at, to)
            yield x_t

    return states()


def checked(
    levels: Sequence[Level], prediction: str, generator: Generators | None, churn: Churn | None
) -> list[tuple[Level, Level]]:
    """The steps, or a ValueError: see `euler_sample`."""
    check_prediction(prediction)
    if churn is not None and churn.amount > 0 and generator is None:
        raise ValueError("generator is None; churn draws noise: pass a torch.Generator on the CPU")
    return steps_down(levels)
