"""Guidance: a value that says how to guide, and wrappers from models to a model, `(x_t, level) -> output`.

There are two conventions. Ours, Imagen's and Diffusers' `guidance_scale` s means

    output_u + s * (output_c - output_u)      s = 0 is unconditional, s = 1 is off (conditional), s > 1 exaggerates

and Ho & Salimans' w means (1 + w) * output_c - w * output_u: their w is our s - 1. A negative prompt needs no function
of its own: it takes the place of the empty prompt in output_u; so does a weaker model (autoguidance).

The weights of output_u and output_c sum to 1, so guiding eps, x_0 or v gives the same result; only rescaling does not.
Two later ways to combine them, APG and CFG++, are in `guidance_kinds.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from diffloop.levels import Level
from diffloop.parameterization import check_prediction, finite, target
from diffloop.types import Model, State

Combine = Callable[..., Any]  # (output_u, output_c, x_t, level, *, guidance_scale, prediction) -> output or a pair


@dataclass(frozen=True)
class Guidance:
    """How strongly, against what, when and in which way to guide.

    Raises:
        ValueError: if scale is negative or not finite, rescale not in [0, 1], not 0 <= first <= last, or both negative
            and weak are given.
    """

    scale: float = 7.5  # s >= 0; 1 is off. See the top of this file
    negative: Sequence[str] | None = None  # prompts in place of the empty one, one per image
    rescale: float = 0.0  # 0 (off) to 1, see `rescale`
    interval: tuple[float, float] | None = None  # first and last t at which to guide, both included; None: everywhere
    weak: Any = None  # a weaker model's `types.Models`, called in place of the unconditional one (autoguidance)
    combine: Combine | None = None  # None: `guide`; or one of `guidance_kinds`

    def __post_init__(self) -> None:
        check_scale(self.scale)
        _check_rescale(self.rescale)
        if self.interval is not None:
            _check_interval(self.interval)
        if self.negative is not None and self.weak is not None:
            raise ValueError(
                "negative and weak are given, and both take the place of the unconditional prediction; give one of them"
            )


def guide(uncond: State, cond: State, *, guidance_scale: float) -> State:
    """uncond + s * (cond - uncond): the score of p(x_t) * p(c | x_t)^s, if both outputs are exact.

    Source: ho2022cfg, Eq. 6, with w = s - 1, and Sec. 3.2 (the implicit classifier p(c | x_t)); nichol2022glide,
    Sec. 2.3, in this form.
    """
    return uncond + guidance_scale * (cond - uncond)


def rescale(guided: State, cond: State, *, guidance_rescale: float) -> State:
    """The guided output, its standard deviation moved towards that of the conditional one.

        guidance_rescale * guided * std(cond) / std(guided) + (1 - guidance_rescale) * guided

    Source: lin2023zerosnr, Eq. 15 and 16 (its phi). Counters pictures that are too bright or too dark at a large s.

    Args:
        guided, cond: outputs of the model; each standard deviation is over all values of one item.
        guidance_rescale: 0 (off) to 1. The paper uses 0.7 with a model that predicts v.

    Raises:
        ValueError: if guidance_rescale is not in [0, 1].
    """
    _check_rescale(guidance_rescale)
    dims = tuple(range(1, cond.ndim))
    ratio = cond.std(dims, keepdim=True) / guided.std(dims, keepdim=True)
    return guidance_rescale * (guided * ratio) + (1 - guidance_rescale) * guided


def classifier_free_guidance(
    cond: Model,
    uncond: Model,
    *,
    guidance_scale: float,
    guidance_rescale: float = 0.0,
    both: Callable[[Tensor, Level], tuple[Tensor, Tensor]] | None = None,
    combine: Combine | None = None,
    prediction: str = "eps",
) -> Model:
    """A model that returns `guide`, and `rescale` if asked for.

    Source: ho2022cfg, Eq. 6.

    Departure: Diffusers' pipelines return the *conditional* output for every s <= 1. Here s = 0 is unconditional, and
    scales between them interpolate. At s = 1 and s = 0 only one of the two models is called.

    Args:
        cond: the model under the prompt.
        uncond: the model under the empty prompt, or under a negative one; or a weaker model under the prompt.
        guidance_scale: s, finite and >= 0; see the top of this file.
        guidance_rescale: 0 (off) to 1.
        both: (x_t, level) -> (output of uncond, output of cond), where one call is cheaper than two.
        combine: None: `guide`; or one of `guidance_kinds`, which then also says what s means.
        prediction: what both models return; only `combine` uses it.

    Raises:
        ValueError: if guidance_scale is negative or not finite, or guidance_rescale is not in [0, 1].
    """
    check_scale(guidance_scale)
    _check_rescale(guidance_rescale)
    if combine is None and guidance_scale == 1:  # the rescale would change nothing: its two deviations are equal
        return cond
    if combine is None and guidance_scale == 0 and guidance_rescale == 0:
        return uncond

    def guided(x_t: Tensor, level: Level) -> Any:
        output_u, output_c = both(x_t, level) if both is not None else (uncond(x_t, level), cond(x_t, level))
        if combine is not None:
            return combine(output_u, output_c, x_t, level, guidance_scale=guidance_scale, prediction=prediction)
        output = guide(output_u, output_c, guidance_scale=guidance_scale)
        return rescale(output, output_c, guidance_rescale=guidance_rescale) if guidance_rescale > 0 else output

    return guided


def on_interval(guided: Model, plain: Model, *, interval: tuple[float, float]) -> Model:
    """`guided` where first <= t <= last; elsewhere `plain` (usually the conditional model), and `guided` is not called.

    Source: kynkaanniemi2024interval, Sec. 3. Their interval is in sigma, ours in what the network is told, both ends
    included: a `Level` knows both.

    Raises:
        ValueError: unless 0 <= first <= last.
    """
    first, last = _check_interval(interval)
    return lambda x_t, level: guided(x_t, level) if first <= level.t <= last else plain(x_t, level)


def clip_guidance(
    model: Model,
    similarity: Callable[[Tensor, Level], Tensor],
    *,
    guidance_scale: float,
    prediction: str = "eps",
) -> Model:
    """A model pushed towards states that are more similar to the prompt.

        eps_hat <- eps_hat - s * noise * grad_{x_t} similarity(x_t, t)

    That is the score with s * grad similarity added. With s = 1 and similarity = log p(c | x_t) it is Bayes' rule, and
    gives the conditional score from the unconditional one. s = 0 is off, so this s is not classifier-free guidance's.

    Source: nichol2022glide, Sec. 2.4 (the gradient of the dot product of image and caption embeddings, from a CLIP
    trained on noised images), which moves the mean of a step; in eps as here: dhariwal2021diffusion, Algorithm 2.

    Args:
        model: (x_t, level) -> prediction.
        similarity: (x_t, level) -> one number per image, shape (b,), differentiable in x_t. GLIDE's is the dot product
            of the embeddings that a noised CLIP gives to x_t and to the caption. An image's number may depend on that
            image only.
        guidance_scale: s, finite.
        prediction: what the model returns: "eps", "x_0", "v" or "velocity".

    Raises:
        ValueError: if prediction is unknown or guidance_scale not finite; when called: if similarity's shape is not
            (b,), or its gradient is not finite, or the signal is 0 and prediction is not "eps".
    """
    check_prediction(prediction)
    if not math.isfinite(guidance_scale):
        raise ValueError(f"guidance_scale is {guidance_scale}; it must be finite (0 is off)")

    def guided(x_t: Tensor, level: Level) -> Tensor:
        output = model(x_t, level)
        if guidance_scale == 0:
            return output
        if level.signal == 0 and prediction != "eps":
            raise ValueError(f"signal is 0 at t = {level.t}: no gradient reaches x_0 there; it must be > 0")
        push = guidance_scale * level.noise * _gradient(similarity, x_t, level)  # eps loses it, so x_0 gains some
        gained = push * (level.noise / level.signal) if level.signal > 0 else push
        return output + target(gained, -push, level, prediction=prediction)

    return guided


def _gradient(similarity: Callable[[Tensor, Level], Tensor], x_t: Tensor, level: Level) -> Tensor:
    with torch.inference_mode(False), torch.enable_grad():
        x = x_t.detach().clone().requires_grad_()
        values = similarity(x, level)
        if values.shape != x.shape[:1]:
            raise ValueError(f"similarity returned shape {tuple(values.shape)}; it must be ({len(x)},): one per image")
        (gradient,) = torch.autograd.grad(values.sum(), x)
    return finite(gradient, level.t, what="the gradient of similarity holds")


def check_scale(guidance_scale: float) -> None:
    """Raises ValueError unless guidance_scale is finite and >= 0."""
    if not 0 <= guidance_scale < math.inf:
        raise ValueError(f"guidance_scale is {guidance_scale}; it must be finite and >= 0 (1 is off, 7.5 is common)")


def _check_interval(interval: tuple[float, float]) -> tuple[float, float]:
    first, last = interval
    if not 0 <= first <= last:
        raise ValueError(f"guidance_interval is {interval}; it must be (first, last) with 0 <= first <= last")
    return first, last


def _check_rescale(guidance_rescale: float) -> None:
    if not 0 <= guidance_rescale <= 1:
        raise ValueError(f"guidance_rescale is {guidance_rescale}; it must be in [0, 1] (0 is off)")
