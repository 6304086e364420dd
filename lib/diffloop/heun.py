"""Heun's method: an Euler step, a second call where it led, and the step again with the mean of both predictions.

Second order at two calls per step, except the last one (to clean data). EDM's sampler, on Karras' ladder; on other
ladders it averages along their own coordinates, so a flow is followed in its own time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from diffloop.euler import Churn, checked, churned, euler_step
from diffloop.levels import Level
from diffloop.parameterization import predict
from diffloop.types import Generators, Model, State


def heun_sample(
    model: Model,
    x_T: State,
    levels: Sequence[Level],
    *,
    prediction: str = "eps",
    generator: Generators | None = None,
    churn: Churn | None = None,
) -> Iterator[Tensor]:
    """x_prev after each step, the last one being the sample; 2 * steps - 1 calls where the ladder ends at clean data.

    Source: karras2022edm, Algorithm 1, and with churn Algorithm 2.

    Args:
        model, x_T, levels, prediction: see `types.Sampler`.
        generator, churn: as for `euler.euler_sample`.

    Raises:
        ValueError: as `euler.euler_sample`.
    """
    steps = checked(levels, prediction, generator, churn)

    def states() -> Iterator[Tensor]:
        x_t = x_T
        for at, to in steps:
            x_t, at = churned(x_t, at, churn, len(steps), generator)
            x_0_hat, eps = predict(model, x_t, at, prediction=prediction)
            x_prev = euler_step(x_t, x_0_hat, eps, at, to)
            if to.noise > 0:
                x_0_there, eps_there = predict(model, x_prev, to, prediction=prediction)
                x_prev = euler_step(x_t, (x_0_hat + x_0_there) / 2, (eps + eps_there) / 2, at, to)
            x_t = x_prev
            yield x_t

    return states()
