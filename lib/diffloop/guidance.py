"""Guidance: wrappers from models to a model, each `(x_t, t) -> output` as the samplers want it.

Two conventions are about. Ours, Imagen's and Diffusers' `guidance_scale` s means

    output_u + s * (output_c - output_u)      s = 0 is unconditional, s = 1 is off (conditional), s > 1 exaggerates

and Ho & Salimans' w means (1 + w) * output_c - w * output_u: their w is our s - 1. A negative prompt needs no function
of its own: it takes the place of the empty prompt in output_u.

The weights of output_u and output_c sum to 1, so that guiding eps, x_0 or v is all the same; only the rescale is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from diffloop.parameterization import check_prediction

Model = Callable[[Tensor, int], Tensor]
State = Float[Tensor, "b ..."]


def guide(uncond: State, cond: State, *, guidance_scale: float) -> State:
    """uncond + s * (cond - uncond): the score of p(x_t) * p(c | x_t)^s, if both outputs are exact.

    Source: ho2022cfg, Eq. 6, with w = s - 1, and Sec. 3.2 (the implicit classifier p(c | x_t)); nichol2022glide,
    Sec. 2.3, in this form.
    """
    return uncond + guidance_scale * (cond - uncond)


def rescale(guided: State, cond: State, *, guidance_rescale: float) -> State:
    """The guided output with, in part, the standard deviation of the conditional one.

        guidance_rescale * guided * std(cond) / std(guided) + (1 - guidance_rescale) * guided

    Source: lin2023zerosnr, Eq. 15 and 16 (its phi). Against pictures that are too bright or too dark at a large s.

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
    both: Callable[[Tensor, int], tuple[Tensor, Tensor]] | None = None,
) -> Model:
    """A model that returns `guide`, and `rescale` if asked for.

    Source: ho2022cfg, Eq. 6.

    Departure: Diffusers' pipelines return the *conditional* output for every s <= 1. Here s = 0 is unconditional, and
    what lies between is interpolated. At s = 1 and s = 0 only one of the two models is called.

    Args:
        cond: the model under the prompt.
        uncond: the model under the empty prompt, or under a negative one.
        guidance_scale: s, finite and >= 0; see the top of this file.
        guidance_rescale: 0 (off) to 1.
        both: (x_t, t) -> (output of uncond, output of cond), where one call is cheaper than two.

    Raises:
        ValueError: if guidance_scale is negative or not finite, or guidance_rescale is not in [0, 1].
    """
    if not 0 <= guidance_scale < math.inf:
        raise ValueError(f"guidance_scale is {guidance_scale}; it must be finite and >= 0 (1 is off, 7.5 is common)")
    _check_rescale(guidance_rescale)
    if guidance_scale == 1:  # the rescale would change nothing: its two standard deviations are one
        return cond
    if guidance_scale == 0 and guidance_rescale == 0:
        return uncond

    def guided(x_t: Tensor, t: int) -> Tensor:
        output_u, output_c = both(x_t, t) if both is not None else (uncond(x_t, t), cond(x_t, t))
        output = guide(output_u, output_c, guidance_scale=guidance_scale)
        return rescale(output, output_c, guidance_rescale=guidance_rescale) if guidance_rescale > 0 else output

    return guided


def on_interval(guided: Model, plain: Model, *, interval: tuple[int, int]) -> Model:
    """`guided` while first <= t <= last, `plain` (usually the conditional model) outside, where it is not called.

    Source: kynkaanniemi2024interval, Sec. 3. Their interval is in sigma, ours in timesteps, both ends included:
    `parameterization.sigma_from_alpha_bar(alphas_cumprod[t])` goes from one to the other.

    Raises:
        ValueError: unless 0 <= first <= last.
    """
    first, last = interval
    if not 0 <= first <= last:
        raise ValueError(f"guidance_interval is {interval}; it must be (first, last) with 0 <= first <= last")
    return lambda x_t, t: guided(x_t, t) if first <= t <= last else plain(x_t, t)


def clip_guidance(
    model: Model,
    similarity: Callable[[Tensor, int], Tensor],
    *,
    guidance_scale: float,
    alphas_cumprod: Float[Tensor, " T"],
    prediction: str = "eps",
) -> Model:
    """A model pushed towards where the noisy state is more similar to the prompt.

        eps_hat <- eps_hat - s * sqrt(1 - alpha_bar_t) * grad_{x_t} similarity(x_t, t)

    That is the score with s * grad similarity added. With s = 1 and similarity = log p(c | x_t) it is Bayes' rule, and
    gives the conditional score from the unconditional one. s = 0 is off, so this s is not classifier-free guidance's.

    Source: nichol2022glide, Sec. 2.4 (the gradient of the dot product of image and caption embeddings, from a CLIP
    trained on noised images), which moves the mean of a step; in eps as here: dhariwal2021diffusion, Algorithm 2.

    Args:
        model: (x_t, t) -> prediction.
        similarity: (x_t, t) -> one number an image, shape (b,), differentiable in x_t. GLIDE's is the dot product of
            the embeddings that a noised CLIP gives to x_t and to the caption. An image's number may depend on it only.
        guidance_scale: s, finite.
        alphas_cumprod: alpha_bar for t = 0 .. T-1.
        prediction: what the model returns: "eps", "x_0" or "v".

    Raises:
        ValueError: if prediction is unknown or guidance_scale not finite; when called: if similarity has another shape
            than (b,), or its gradient is not finite, or alpha_bar_t is 0 and prediction is not "eps".
    """
    check_prediction(prediction)
    if not math.isfinite(guidance_scale):
        raise ValueError(f"guidance_scale is {guidance_scale}; it must be finite (0 is off)")

    def guided(x_t: Tensor, t: int) -> Tensor:
        output = model(x_t, t)
        if guidance_scale == 0:
            return output
        a = float(alphas_cumprod[t])
        if a == 0 and prediction != "eps":
            raise ValueError(f"alpha_bar_t is 0 at t = {t}: no gradient reaches x_0 there; it must be > 0")
        # d eps = -s sqrt(1-a) grad;  x_0 = (x_t - sqrt(1-a) eps) / sqrt(a);  v = (eps - sqrt(1-a) x_t) / sqrt(a)
        factor = {"eps": -math.sqrt(1 - a)}
        if prediction != "eps":
            factor |= {"x_0": (1 - a) / math.sqrt(a), "v": -math.sqrt((1 - a) / a)}
        return output + guidance_scale * factor[prediction] * _gradient(similarity, x_t, t)

    return guided


def _gradient(similarity: Callable[[Tensor, int], Tensor], x_t: Tensor, t: int) -> Tensor:
    with torch.inference_mode(False), torch.enable_grad():
        x = x_t.detach().clone().requires_grad_()
        values = similarity(x, t)
        if values.shape != x.shape[:1]:
            raise ValueError(f"similarity returned shape {tuple(values.shape)}; it must be ({len(x)},): one an image")
        (gradient,) = torch.autograd.grad(values.sum(), x)
    if not torch.isfinite(gradient).all():
        raise ValueError(f"the gradient of similarity is not finite at t = {t}; every value must be finite")
    return gradient


def _check_rescale(guidance_rescale: float) -> None:
    if not 0 <= guidance_rescale <= 1:
        raise ValueError(f"guidance_rescale is {guidance_rescale}; it must be in [0, 1], 0 is off")
