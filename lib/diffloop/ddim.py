"""DDIM: one step for every eta, the sampling loop, and inversion. The step is also that of most other samplers.

    x_prev = to.signal * x_0_hat + sqrt(to.noise^2 - step_std^2) * eps + step_std * noise

A model says which part of x_t is data and which is noise (`parameterization.predict`); a step recombines the two at the
next level, and may replace a part of the noise by fresh noise. Samplers differ in how much that is:

    step_std = 0                            DDIM; Euler's step of the probability-flow ODE in sigma, or of a flow
    step_std = eta * posterior_std(at, to)  DDIM with eta; at eta = 1 DDPM with the small variance, ancestral Euler
    step_std = to.noise                     consistency models: all noise is fresh

The others do something to the two halves first: Heun takes the mean of two calls, DPM-Solver++ extrapolates along two
x_0_hat, DEIS along two eps; DDPM's large variance adds more noise than it takes away.

Against Diffusers' DDIMScheduler (with clip_sample=False) the results agree to rounding, with one departure: each step
here leads to the next level of the ladder. Diffusers steps to t - T // steps instead, which for "linspace", and for
"trailing" where `steps` does not divide T, is not the level at which the network is called next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from torch import Tensor

from diffloop.levels import Level, posterior_std, steps_down
from diffloop.noise import draw_noise, with_noise
from diffloop.parameterization import check_prediction, finite, predict, predictions
from diffloop.types import Generators, Model, State


def ddim_step_std(at: Level, to: Level, *, eta: float) -> float:
    """step_std, the standard deviation of the noise that a DDIM step adds (the paper's sigma(eta)).

        step_std = eta * sqrt((1 - alpha_bar_prev) / (1 - alpha_bar_t)) * sqrt(1 - alpha_bar_t / alpha_bar_prev)

    Source: song2021ddim, Eq. 16 (its alpha is alpha_bar), written for every ladder by `levels.posterior_std`.

    Raises:
        ValueError: if eta > 0 and `to` is noisier than `at`.
    """
    return eta * posterior_std(at, to) if eta > 0 else 0.0


def ddim_step(
    x_0_hat: State, eps: State, at: Level, to: Level, *, eta: float = 0.0, noise: State | None = None
) -> State:
    """x_prev: the predicted data and the predicted noise, recombined at the next level.

        x_prev = to.signal * x_0_hat + sqrt(to.noise^2 - step_std^2) * eps + step_std * noise

    Source: song2021ddim, Eq. 12 (Eq. 7 with x_0_hat in place of x_0); step_std from Eq. 16.

    Args:
        x_0_hat, eps: the two halves of x_t, from `parameterization.predict`.
        at, to: level of x_t, and of the result. A noisier `to` (inversion) needs eta = 0.
        eta: 0 (deterministic) to 1 (DDPM).
        noise: standard normal, like x_0_hat. May be None if step_std is 0.

    Raises:
        ValueError: if noise is None and step_std > 0; see `ddim_step_std`.
    """
    step_std = ddim_step_std(at, to, eta=eta)
    kept = math.sqrt(max(to.noise**2 - step_std**2, 0.0))  # the max is for rounding only
    x_prev = to.signal * x_0_hat + kept * eps
    return with_noise(x_prev, step_std, noise)


def ddim_sample(
    model: Model,
    x_T: State,
    levels: Sequence[Level],
    *,
    prediction: str = "eps",
    generator: Generators | None = None,
    eta: float = 0.0,
) -> Iterator[Tensor]:
    """x_prev after each step, the last one being the sample: `*_, x_0 = ddim_sample(...)`.

    Source: song2021ddim, Eq. 12, over the sub-sequence of timesteps of its Sec. 4.2. With eta = 0 it is Eq. 13.

    Args:
        model, x_T, levels, prediction: see `types.Sampler`.
        generator: needed if eta > 0.
        eta: 0 (deterministic) to 1 (DDPM).

    Raises:
        ValueError: at the call: see `levels.steps_down`, or eta not in [0, 1], prediction unknown, or generator None
            with eta > 0; while iterating: see `parameterization.predict`.
    """
    check_prediction(prediction)
    if not 0 <= eta <= 1:
        raise ValueError(f"eta is {eta}; it must be in [0, 1]: 0 is deterministic, 1 is DDPM")
    if eta > 0 and generator is None:
        raise ValueError(
            f"generator is None; with eta = {eta} every step draws noise: pass a torch.Generator on the CPU"
        )
    steps = steps_down(levels)

    def states() -> Iterator[Tensor]:
        x_t = x_T
        for at, to in steps:
            x_0_hat, eps = predict(model, x_t, at, prediction=prediction, pairs=True)
            noise = draw_noise(x_t.shape, generator, dtype=x_t.dtype, device=x_t.device) if eta > 0 else None
            x_t = ddim_step(x_0_hat, eps, at, to, eta=eta, noise=noise)
            yield x_t

    return states()


def ddim_invert(model: Model, x_0: State, levels: Sequence[Level], *, prediction: str = "eps") -> Iterator[Tensor]:
    """From an image to the noise that eta = 0 maps to it: the ladder of `ddim_sample`, walked upwards.

        x_next = next.signal * x_0_hat(x_t) + next.noise * eps_hat(x_t, next)

    Source: song2021ddim, Eq. 13 and 14 with t increasing, and Sec. 5.4. The same as Diffusers' DDIMInverseScheduler.

    The step that samples from `next` to t uses eps_hat(x_next, next). Here x_next is not known yet, so the model is
    told of `next` and shown x_t, and its output is split at the level of x_t: the timestep is right, the state one step
    behind. This is the only error; it shrinks in proportion to the step.

    Args:
        x_0: the image, at the level levels[-1].
        levels: as `ddim_sample` would walk them, noisiest first.
        model, prediction: as there.

    Returns:
        a lazy iterator over len(levels) - 1 states, the last being x_T at levels[0].

    Raises:
        ValueError: at the call: see `levels.steps_down`, or prediction unknown; while iterating: if the model returns
            NaN or infinity, or prediction is "x_0" and the state is clean (its first step has no noise to read off).
    """
    check_prediction(prediction)
    steps = steps_down(levels)

    def states() -> Iterator[Tensor]:
        x_t = x_0
        for up, at in reversed(steps):
            output = finite(model(x_t, up), up.t)
            x_0_hat, eps = predictions(output, x_t, at, prediction=prediction)
            x_t = ddim_step(x_0_hat, eps, at, up)
            yield x_t

    return states()
