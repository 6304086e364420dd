"""DEIS of second order: one call per step; eps extrapolated along a line in log sigma, and the step integrated exactly.

The exponential integrator solves the known, linear part of the ODE exactly; what is left, eps, changes slowly.
The counterpart of DPM-Solver++(2M), which extrapolates x_0_hat instead.

Against Diffusers' DEISMultistepScheduler (order 2, "logrho") the results agree to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from torch import Tensor

from diffloop.levels import Level, steps_down
from diffloop.parameterization import check_prediction, predict
from diffloop.types import Generators, Model, State


def deis_step(x_0_hat: State, eps: State, at: Level, to: Level, *, before: tuple[State, Level] | None = None) -> State:
    """x_prev: to second order if the step before is given, else to first order (DDIM's step with eta = 0).

        eps(sigma) ~ eps + (eps - eps_before) * log(sigma / sigma_t) / log(sigma_t / sigma_before)
        x_prev     = to.signal * (x_t / at.signal + integral of eps(sigma) d sigma from sigma_t to sigma_prev)
        integral   = (sigma_prev - sigma_t) * eps + slope * (sigma_prev * (log(sigma_prev / sigma_t) - 1) + sigma_t)

    Source: zhang2023deis, Sec. 3 (its exponential integrator with a polynomial of degree 1; its rho is our sigma, and
    the line is drawn in log rho, as Diffusers does).

    Args:
        x_0_hat, eps: the two halves of x_t, from `parameterization.predict`.
        at, to: level of x_t, and of the result.
        before: (eps, level) of the step before, from a noisier level. Not used from pure noise or into clean data.
    """
    x_prev = to.signal * x_0_hat + to.noise * eps
    if before is None or before[1].signal == 0 or to.noise == 0:
        return x_prev
    slope = (eps - before[0]) / math.log(at.sigma / before[1].sigma)
    return x_prev + to.signal * (to.sigma * (math.log(to.sigma / at.sigma) - 1) + at.sigma) * slope


def deis_sample(
    model: Model,
    x_T: State,
    levels: Sequence[Level],
    *,
    prediction: str = "eps",
    generator: Generators | None = None,
    lower_order_final: bool | None = None,
) -> Iterator[Tensor]:
    """x_prev after each step, the last one being the sample.

    Source: zhang2023deis, Sec. 3 (its t-AB-DEIS, in log rho).

    Args:
        model, x_T, levels, prediction: see `types.Sampler`.
        generator: not used, as nothing is drawn.
        lower_order_final: as for `dpm_solver.dpm_solver_sample`.

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
            x_0_hat, eps = predict(model, x_t, at, prediction=prediction)
            last = lower and i == len(steps) - 1
            x_t = deis_step(x_0_hat, eps, at, to, before=None if last else before)
            before = (eps, at)
            yield x_t

    return states()
