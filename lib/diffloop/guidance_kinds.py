"""Later ways to combine a conditional and an unconditional output: CFG++ and adaptive projected guidance (APG).

Each goes into `Guidance(combine=...)` or `classifier_free_guidance(combine=...)` and changes a few lines of
`guidance.guide`: CFG++ where the noise comes from, APG which part of the difference is used. Autoguidance needs nothing
here: a weaker model replaces the unconditional one, `Guidance(weak=...)`.

CFG++ has an inversion of its own, `cfg_plus_plus_invert`; all others are inverted by `ddim.ddim_invert`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from diffloop.ddim import ddim_step
from diffloop.guidance import Combine, guide
from diffloop.levels import Level, steps_down
from diffloop.parameterization import check_prediction, finite, predictions, target
from diffloop.types import Model, State


def cfg_plus_plus(
    output_u: State, output_c: State, x_t: State, level: Level, *, guidance_scale: float, prediction: str
) -> tuple[State, State]:
    """CFG++: x_0_hat from the guided output, the noise that is added back from the unconditional one.

    The scale is a different one, in [0, 1]: 0 is unconditional, 1 takes x_0_hat from the conditional output alone.

    Source: chung2024cfgpp, Algorithm 2. Only `ddim_sample` honours the pair.

    Raises:
        ValueError: if guidance_scale is not in [0, 1].
    """
    _check_interpolates(guidance_scale)
    return guide(output_u, output_c, guidance_scale=guidance_scale), output_u


def cfg_plus_plus_invert(
    cond: Model, uncond: Model, x_0: State, levels: Sequence[Level], *, guidance_scale: float, prediction: str = "eps"
) -> Iterator[Tensor]:
    """From data to the noise that `ddim_sample` with `cfg_plus_plus` maps to it: the step solved for its state.

        x_next = next.signal * x_0_hat(output_u, x_t) + next.noise * eps_hat(guided output, x_t)

    The roles are swapped: on the way down x_0_hat is guided and the noise is not. As in `ddim.ddim_invert`, the
    models are told of `next` and shown x_t, as x_next is not known yet. This is the only error.

    Source: chung2024cfgpp, Algorithm 2, solved for its state as in the authors' code.

    Args:
        cond, uncond: (x_t, level) -> prediction, with the prompt and without.
        x_0: at the level levels[-1], with noise in it or not.
        levels: as `ddim_sample` would walk them, noisiest first.
        guidance_scale: in [0, 1]. At 0 this is `ddim_invert` of `uncond`.
        prediction: what both models return.

    Returns:
        a lazy iterator over len(levels) - 1 states, the last being x_T at levels[0].

    Raises:
        ValueError: at the call: if guidance_scale is not in [0, 1], prediction is unknown, see `levels.steps_down`;
            while iterating: if a model returns NaN or infinity.
    """
    _check_interpolates(guidance_scale)
    check_prediction(prediction)
    steps = steps_down(levels)

    def states() -> Iterator[Tensor]:
        x_t = x_0
        for up, at in reversed(steps):
            output_u, output_c = (finite(model(x_t, up), up.t) for model in (uncond, cond))
            output = guide(output_u, output_c, guidance_scale=guidance_scale)
            x_0_hat, _ = predictions(output_u, x_t, at, prediction=prediction)
            _, eps = predictions(output, x_t, at, prediction=prediction)
            x_t = ddim_step(x_0_hat, eps, at, up)
            yield x_t

    return states()


def projected(*, eta: float = 0.0, norm_threshold: float = math.inf, momentum: float = 0.0) -> Combine:
    """APG: guidance without its part along the conditional x_0_hat, which oversaturates pictures.

        difference <- x_0_c - x_0_u + momentum * difference of the step before
        difference <- difference * min(1, norm_threshold / |difference|)
        parallel   =  part of difference along x_0_c
        x_0_hat    =  x_0_c + (s - 1) * (difference - parallel + eta * parallel)

    Source: sadat2025apg, Algorithm 1. eta = 1, no threshold and no momentum give `guide`.

    Args:
        eta: share of the parallel part that is kept, >= 0; the paper's is 0.
        norm_threshold: > 0; the longest that an item's difference may be, the paper's r.
        momentum: in (-1, 1); the paper's are negative. A call at a level no less noisy than the last one starts over,
            so one `projected` serves run after run.

    Raises:
        ValueError: if any of them is out of range.
    """
    if not (eta >= 0 and norm_threshold > 0 and -1 < momentum < 1):
        raise ValueError(
            f"eta, norm_threshold, momentum are {eta}, {norm_threshold}, {momentum}; "
            "need eta >= 0, norm_threshold > 0 and -1 < momentum < 1"
        )
    last: dict[str, object] = {"sigma": -1.0}

    def combine(
        output_u: State, output_c: State, x_t: State, level: Level, *, guidance_scale: float, prediction: str
    ) -> State:
        x_0_u, _ = predictions(output_u, x_t, level, prediction=prediction)
        x_0_c, _ = predictions(output_c, x_t, level, prediction=prediction)
        difference = x_0_c - x_0_u
        if momentum:
            if level.sigma < last["sigma"]:
                difference = difference + momentum * last["difference"]
            last.update(sigma=level.sigma, difference=difference)
        difference = difference * (norm_threshold / _norm(difference)).clamp(max=1)
        along = x_0_c / _norm(x_0_c)
        parallel = (difference * along).sum(_dims(along), keepdim=True) * along
        moved = (guidance_scale - 1) * (difference - (1 - eta) * parallel)
        # eps moves the other way, so that signal * x_0 + noise * eps stays x_t
        return output_c + target(moved, -level.signal / level.noise * moved, level, prediction=prediction)

    return combine


def _check_interpolates(guidance_scale: float) -> None:
    if not 0 <= guidance_scale <= 1:
        raise ValueError(f"guidance_scale is {guidance_scale}; CFG++ interpolates: it must be in [0, 1]")


def _dims(x: Tensor) -> tuple[int, ...]:
    return tuple(range(1, x.ndim))


def _norm(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x, dim=_dims(x), keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
