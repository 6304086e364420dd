"""DPM-Solver++(2M): a second-order multistep solver that needs one network call a step, as DDIM does.

It follows the data prediction x_0_hat in lambda = log(sqrt(alpha_bar) / sqrt(1 - alpha_bar)), which is minus the log of
Karras' sigma. Where DDIM takes x_0_hat as constant over a step, this extends the line through the last two predictions.

Against Diffusers' DPMSolverMultistepScheduler as Stable Diffusion users have it (order 2, "dpmsolver++", "midpoint",
final sigma zero) the results agree to rounding. Departures are at `dpm_solver_timesteps` and, for schedules with
alpha_bar = 0, at `dpm_solver_step`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from jaxtyping import Float, Int
from torch import Tensor

from diffloop.noise import Generators
from diffloop.parameterization import check_prediction, finite, predictions
from diffloop.schedules import spaced_timesteps, step_pairs

State = Float[Tensor, "b ..."]
Level = float | Float[Tensor, ""]
EpsModel = Callable[[Tensor, int], Tensor]


def dpm_solver_timesteps(
    steps: int, T: int = 1000, *, spacing: str = "linspace", steps_offset: int = 0
) -> Int[Tensor, " n"]:
    """The `steps` timesteps that Diffusers' DPM-Solver visits: for two spacings not those of DDIM.

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
        raise ValueError(f"steps is {steps}; with spacing {spacing!r} it must be in [1, {T - 1}], or take 'trailing'")
    return spaced_timesteps(steps + 1, T, spacing=spacing, steps_offset=steps_offset)[:-1]


def dpm_solver_step(
    x_t: State,
    x_0_hat: State,
    *,
    alpha_bar_t: Level,
    alpha_bar_prev: Level,
    x_0_hat_before: State | None = None,
    alpha_bar_before: Level | None = None,
) -> State:
    """x_prev: to the second order if the step before is given, else to the first (then it is DDIM's with eta = 0).

        h, h_before = lambda_prev - lambda_t, lambda_t - lambda_before
        D           = x_0_hat + h / (2 * h_before) * (x_0_hat - x_0_hat_before)
        x_prev      = sqrt((1 - alpha_bar_prev) / (1 - alpha_bar_t)) * x_t - sqrt(alpha_bar_prev) * (exp(-h) - 1) * D

    Source: lu2022dpmsolverpp, Algorithm 2 (its alpha_t and sigma_t are our sqrt(alpha_bar_t) and sqrt(1 - alpha_bar_t),
    its r is h_before / h).

    A step into clean data (h infinite) is of first order in any case: no line can be followed for ever. A step after
    one from pure noise (h_before infinite) is, too. Departure: Diffusers puts alpha_bar = 2**-24 in the place of 0.

    Args:
        x_t: state at noise level alpha_bar_t.
        x_0_hat: predicted clean data at x_t.
        alpha_bar_t: signal variance of x_t, in [0, 1).
        alpha_bar_prev: signal variance of the result, in [alpha_bar_t, 1].
        x_0_hat_before, alpha_bar_before: the prediction of the step before and its level, below alpha_bar_t; both or
            neither.

    Returns:
        x_prev, like x_t.

    Raises:
        ValueError: unless 0 <= alpha_bar_before < alpha_bar_t <= alpha_bar_prev <= 1 and alpha_bar_t < 1; if only one
            of the two of the step before is given.
    """
    a_t, a_prev = float(alpha_bar_t), float(alpha_bar_prev)
    a_before = -1.0 if alpha_bar_before is None else float(alpha_bar_before)
    if (x_0_hat_before is None) != (alpha_bar_before is None):
        raise ValueError("only one of x_0_hat_before, alpha_bar_before is given; give both (second order) or neither")
    if not (a_before < a_t <= a_prev <= 1 and 0 <= a_t < 1 and (alpha_bar_before is None or a_before >= 0)):
        raise ValueError(
            f"alpha_bar_before, alpha_bar_t, alpha_bar_prev are {alpha_bar_before}, {a_t}, {a_prev}; "
            "need 0 <= alpha_bar_before < alpha_bar_t <= alpha_bar_prev <= 1 and alpha_bar_t < 1"
        )
    D = x_0_hat
    if x_0_hat_before is not None and a_prev < 1 and a_before > 0:
        h, h_before = _log_snr(a_prev) - _log_snr(a_t), _log_snr(a_t) - _log_snr(a_before)
        D = x_0_hat + h / (2 * h_before) * (x_0_hat - x_0_hat_before)
    noise_ratio = math.sqrt((1 - a_prev) / (1 - a_t))
    # sqrt(a_prev) * exp(-h) = sqrt(a_t) * noise_ratio, which is finite at both ends of the schedule
    return noise_ratio * x_t + (math.sqrt(a_prev) - math.sqrt(a_t) * noise_ratio) * D


def dpm_solver_sample(
    eps_model: EpsModel,
    x_T: State,
    timesteps: Int[Tensor, " n"],
    alphas_cumprod: Float[Tensor, " T"],
    *,
    generator: Generators | None = None,
    prediction: str = "eps",
    set_alpha_to_one: bool = True,
    lower_order_final: bool | None = None,
) -> Iterator[Tensor]:
    """x_prev after each step, the last one being the sample.

    Source: lu2022dpmsolverpp, Algorithm 2. The first step has no step before it, and is of first order.

    Args:
        eps_model, x_T, alphas_cumprod, prediction: as for `ddim.ddim_sample`.
        timesteps: decreasing; Diffusers' are those of `dpm_solver_timesteps`.
        generator: not used, as nothing is drawn; here so that all samplers can be called alike.
        set_alpha_to_one: where the last step leads. True: to clean data, Diffusers' final_sigmas_type="zero", its
            default. False: to alphas_cumprod[0], its "sigma_min".
        lower_order_final: whether the last step is of first order, which is steadier when steps are few and long. None:
            with fewer than 15 steps, as in Diffusers. Counts only with set_alpha_to_one=False: the step into clean data
            is always of first order.

    Returns:
        a lazy iterator over len(timesteps) states. x_T is not among them.

    Raises:
        ValueError: at the call: see `step_pairs`, or prediction unknown; while iterating: if the model returns NaN or
            infinity, or alpha_bar_t is 0 with prediction "eps".
    """
    check_prediction(prediction)
    pairs = step_pairs(timesteps, alphas_cumprod, set_alpha_to_one=set_alpha_to_one)
    lower = len(pairs) < 15 if lower_order_final is None else lower_order_final

    def states() -> Iterator[Tensor]:
        x_t, before = x_T, {}
        for i, (t, alpha_bar_t, alpha_bar_prev) in enumerate(pairs):
            output = finite(eps_model(x_t, t), t)
            x_0_hat, _ = predictions(output, x_t, alpha_bar_t=alpha_bar_t, prediction=prediction)
            known = {} if lower and i == len(pairs) - 1 else before
            x_t = dpm_solver_step(x_t, x_0_hat, alpha_bar_t=alpha_bar_t, alpha_bar_prev=alpha_bar_prev, **known)
            before = {"x_0_hat_before": x_0_hat, "alpha_bar_before": alpha_bar_t}
            yield x_t

    return states()


def _log_snr(alpha_bar: float) -> float:
    """lambda = log(sqrt(alpha_bar) / sqrt(1 - alpha_bar)), half the log of the signal-to-noise ratio."""
    return 0.5 * (math.log(alpha_bar) - math.log1p(-alpha_bar))
