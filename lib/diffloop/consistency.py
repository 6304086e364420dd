"""Consistency models: one call leads to clean data; more calls add fresh noise and go there again.

A consistency function is a model that predicts x_0, and returns its input when there is no noise. Latent consistency
models (LCM) make one of a U-Net by mixing its x_0_hat with the state: `consistency_function`.

Against Diffusers' LCMScheduler the results agree to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from diffloop.levels import Level, steps_down
from diffloop.noise import draw_noise, with_noise
from diffloop.parameterization import check_prediction, predict
from diffloop.types import Generators, Model, State


def lcm_timesteps(steps: int, T: int = 1000, *, distilled_steps: int = 50) -> Int[Tensor, " n"]:
    """The timesteps of a latent consistency model: evenly spaced among those at which it was distilled.

    Source: luo2023lcm, Sec. 4.3 (skipping steps), as Diffusers' LCMScheduler spaces them.

    Args:
        steps: number of calls, 1 <= steps <= distilled_steps.
        distilled_steps: of the teacher's solver; divides the T trained timesteps into equal parts.

    Raises:
        ValueError: if steps or distilled_steps is out of range.
    """
    if not 1 <= steps <= distilled_steps <= T:
        raise ValueError(f"steps is {steps}; it must be in [1, {distilled_steps}], and distilled_steps at most {T}")
    distilled = torch.arange(1, distilled_steps + 1).flip(0) * (T // distilled_steps) - 1
    return distilled[(torch.arange(steps, dtype=torch.float64) * (distilled_steps / steps)).floor().long()]


def consistency_function(
    model: Model, *, prediction: str = "eps", sigma_data: float = 0.5, timestep_scaling: float = 10.0
) -> Model:
    """(x_t, level) -> c_skip * x_t + c_out * x_0_hat, which is x_t itself at t = 0: an LCM; sample it as "x_0".

        c_skip = sigma_data^2 / (tau^2 + sigma_data^2)    c_out = tau / sqrt(tau^2 + sigma_data^2)    tau = scaling * t

    Source: song2023consistency, Eq. 5, with the two functions of luo2023lcm, Sec. 4, as Diffusers has them.

    Args:
        model: (x_t, level) -> prediction, of a network that was distilled as a consistency model.
        prediction: what it returns: "eps", "x_0" or "v".
        sigma_data, timestep_scaling: as in its distillation.

    Raises:
        ValueError: if prediction is unknown.
    """
    check_prediction(prediction)

    def function(x_t: Tensor, level: Level) -> Tensor:
        x_0_hat, _ = predict(model, x_t, level, prediction=prediction)
        total = math.hypot(timestep_scaling * level.t, sigma_data)
        return (sigma_data / total) ** 2 * x_t + timestep_scaling * level.t / total * x_0_hat

    return function


def consistency_sample(
    model: Model,
    x_T: State,
    levels: Sequence[Level],
    *,
    prediction: str = "x_0",
    generator: Generators | None = None,
) -> Iterator[Tensor]:
    """x_prev after each step, the last one being the sample: x_0_hat with fresh noise of the next level.

        x_prev = to.signal * x_0_hat + to.noise * noise

    Source: song2023consistency, Algorithm 1; luo2023lcm, Sec. 4.

    Args:
        model, x_T, levels: see `types.Sampler`. A `consistency_function`, or any model.
        prediction: "x_0" for a consistency function.
        generator: needed unless the only step leads to clean data.

    Raises:
        ValueError: at the call: see `levels.steps_down`, or prediction unknown, or generator None if noise is
            needed; while iterating: if the model returns NaN or infinity.
    """
    check_prediction(prediction)
    steps = steps_down(levels)
    if generator is None and any(to.noise > 0 for _, to in steps):
        raise ValueError("generator is None; every step but the last draws noise: pass a torch.Generator on the CPU")

    def states() -> Iterator[Tensor]:
        x_t = x_T
        for at, to in steps:
            x_0_hat, _ = predict(model, x_t, at, prediction=prediction)
            noise = None
            if to.noise > 0:
                noise = draw_noise(x_t.shape, generator, dtype=x_t.dtype, device=x_t.device)
            x_t = with_noise(to.signal * x_0_hat, to.noise, noise)
            yield x_t

    return states()
