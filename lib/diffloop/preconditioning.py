"""Wrappers from a model to a model: another scale of the state, another number told, another prediction.

`seen_as` lets a network be sampled on a ladder that it was not trained on. `edm_preconditioned` is what EDM puts around
a raw network, so that what comes in and what goes out has unit variance at every level.
"""

from __future__ import annotations

import math
from dataclasses import replace

from torch import Tensor

from diffloop.ladders import Clock, edm_clock
from diffloop.levels import Level
from diffloop.parameterization import predictions, target
from diffloop.types import Model, View


def seen_as(model: Model, view: View, clock: Clock, *, prediction: str = "eps") -> Model:
    """A model for any ladder from one that was trained in another view: `vp` with `trained_clock`, say.

    The state is scaled to what the network knows, and what it predicts is turned into the same prediction at the level
    of the sampler (eps and x_0 need no change: they do not depend on the scale).

    Args:
        model: (x_t, level) -> prediction, at levels of its view.
        view: `vp`, `karras` or `straight`.
        clock: level -> what it is told.
        prediction: what it predicts.
    """

    def seen(x_t: Tensor, level: Level) -> Tensor:
        inner = view(level)
        inner = replace(inner, t=clock(inner))
        x = x_t * ((inner.signal + inner.noise) / (level.signal + level.noise))
        halves = predictions(model(x, inner), x, inner, prediction=prediction)
        return target(*halves, level, prediction=prediction)

    return seen


def edm_preconditioned(network: Model, *, sigma_data: float = 0.5, clock: Clock = edm_clock) -> Model:
    """A model that predicts x_0 on Karras' ladder from a raw network F of unit-variance input and output.

        x_0_hat = c_skip * x + c_out * F(c_in * x, c_noise)
        c_skip  = sigma_data^2 / (sigma^2 + sigma_data^2)    c_out = sigma * sigma_data / sqrt(sigma^2 + sigma_data^2)
        c_in    = 1 / sqrt(sigma^2 + sigma_data^2)           c_noise = log(sigma) / 4

    Source: karras2022edm, Eq. 7 and Table 1; derived in Appendix B.6. In training, an error of x_0_hat is c_out times
    one of F, whose target is (x_0 - c_skip * x) / c_out: Eq. 8.

    Args:
        network: (c_in * x, level) -> F, where level.t is c_noise.
        sigma_data: standard deviation of the data, > 0.
        clock: level -> c_noise.

    Returns:
        (x, level) -> x_0_hat, at levels of signal 1: sample it with prediction="x_0".

    Raises:
        ValueError: if sigma_data is not above 0; when called: if the level's signal is not 1.
    """
    if not sigma_data > 0:
        raise ValueError(f"sigma_data is {sigma_data}; it must be above 0")

    def model(x: Tensor, level: Level) -> Tensor:
        if level.signal != 1:
            raise ValueError(f"signal is {level.signal}; EDM's states have signal 1: see karras_levels and seen_as")
        total = math.hypot(level.noise, sigma_data)
        c_skip, c_out = (sigma_data / total) ** 2, level.noise * sigma_data / total
        return c_skip * x + c_out * network(x / total, replace(level, t=clock(level)))

    return model
