"""DPM-Solver++(2M): a second-order multistep solver that needs one network call per step, as DDIM does.

It follows the data prediction x_0_hat in lambda = log(signal / noise), which is minus the log of Karras' sigma. Where
DDIM takes x_0_hat as constant over a step, this extrapolates the line through the last two predictions.

Against Diffusers' DPMSolverMultistepScheduler as configured for Stable Diffusion (order 2, "dpmsolver++", "midpoint",
final sigma zero) the results agree to rounding. Departures are at `dpm_solver_timesteps` and, for ladders from pure
noise, at `dpm_solver_step`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jaxtyping import Int
from torch import Tensor

from diffloop.levels import Level, steps_down
from diffloop.parameterization import check_prediction, predict
from diffloop.schedules import spaced_timesteps
from diffloop.types import Generators, Model, State


def dpm_solver_timesteps(
    steps: int, T: int = 1000, *, spacing: str = "linspace", steps_offset: int = 0
) -> Int[Tensor, " n"]:
    """The `steps` timesteps that Diffusers' DPM-Solver visits: for two spacings, these are not DDIM's.

        leading    the noisiest `steps` of steps + 1 leading timesteps, i * (T // (steps + 1)) + steps_offset
        linspace   the noisiest `steps` of steps + 1 even points on [0, T-1]
        trailing   those of `spaced_timesteps`

    The point left out is the cleanest: the solver's last step leads from the one before it to clean data.

    Departure: with steps = T Diffusers' "leading" visits t = 0 a thousand times, and its "linspace" visits one timestep
    twice, which makes its next step NaN. Here both are refused.

    Args:
        steps: number of network calls, 1 <= steps <= T; at most T - 1 for "leading" and "linspace".
        T: number of training timesteps.
        spacing: "linspace" (the scheduler's default), "leading" or "trailing".
        steps_offset: as for `spaced_timesteps`.

    Returns:
        strictly decreasing timesteps in [0, T-1], int64, of length exactly `steps`.

    Raises:
        ValueError: if steps is out of range, or see `spaced_timesteps`.
    """
    if spacing == "trailing":
        return spaced_timesteps(steps, T, spacing=spacing, steps_offset=steps_offset)
    if spacing in ("leading", "linspace") and not 1 <= steps < T:
        raise ValueError(f"steps is {steps}; with spacing {spacing!r} it must be in [1, {T - 1}], or use 'trailing'")
    return spaced_timesteps(steps + 1, T, spacing=spacing, steps_offset=steps_offset)[:-1]


def dpm_solver_step(
    x_t: State, x_0_hat: State, at: Level, to: Level, *, before: tuple[State, Level] | None = None
) -> State:
    """x_prev: to second order if the step before is given, else to first order (DDIM's step with eta = 0).

        h, h_before = lambda_prev - lambda_t, lambda_t - lambda_before
        D           = x_0_hat + h / (2 * h_before) * (x_0_hat - x_0_hat_before)
        x_prev      = to.noise / at.noise * x_t - to.signal * (exp(-h) - 1) * D

    Source: lu2022dpmsolverpp, Algorithm 2 (its alpha_t and sigma_t are our signal and noise, its r is h_before / h).

    A step into clean data (h infinite) is always of first order: no line can be extrapolated to infinity. So is a step
    after one from pure noise (h_before infinite). Departure: Diffusers replaces alpha_bar = 0 by 2**-24.

    Args:
        x_t: state at level `at`, of some noise.
        x_0_hat: predicted clean data at x_t.
        to: level of the result.
        before: (x_0_hat, level) of the step before, from a noisier level.
    """
    D = x_0_hat
    if before is not None and to.noise > 0 and before[1].signal > 0:
        h, h_before = to.log_snr - at.log_snr, at.log_snr - before[1].log_snr
        D = x_0_hat + h / (2 * h_before) * (x_0_hat - before[0])
    ratio = to.noise / at.noise
    # to.signal * exp(-h) = at.signal * ratio, which is finite at both ends of the ladder
    return ratio * x_t + (to.signal - at.signal * ratio) * D


def dpm_solver_sample(
    model: Model,
    x_T: State,
    levels: Sequence[Level],
    *,
    prediction: str = "eps",
    generator: Generators | None = None,
    lower_order_final: bool | None = None,
) -> Iterator[Tensor]:
    """x_prev after each step, the last one being the sample.

    Source: lu2022dpmsolverpp, Algorithm 2. The first step has no predecessor and is of first order.

    Args:
        model, x_T, levels, prediction: see `types.Sampler`. Diffusers' timesteps are those of `dpm_solver_timesteps`.
        generator: not used, as nothing is drawn.
        lower_order_final: whether the last step is of first order, which is steadier when steps are few and long. None:
            with fewer than 15 steps, as in Diffusers. A step into clean data always is.

    Raises:
        ValueError: at the call: see `levels.steps_down`, or prediction unknown; while iterating: see
            `parameterization.predict`.
    """
    check_prediction(prediction)
    steps = steps_down(levels)
    lower = len(steps) < 15 if lower_order_final is None else lower_order_final

    def states() -> Iterator[Tensor]:
        x_t, before = x_T, None
        for i, (at, to) in enumerate(steps):
            x_0_hat, _ = predict(model, x_t, at, prediction=prediction)
            last = lower and i == len(steps) - 1
            x_t = dpm_solver_step(x_t, x_0_hat, at, to, before=None if last else before)
            before = (x_0_hat, at)
            yield x_t

    return states()
