"""GLIDE: a base model from text to a small picture, and an upsampler that sees the small picture. Pixels, no VAE.

Guidance is `guidance.classifier_free_guidance` or `guidance.clip_guidance`, whose similarity `noised_clip_similarity`
makes from a CLIP that was trained on noised pictures (`noised_clip_loss`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from diffloop.ddpm import ddpm_sample
from diffloop.denoising import stratified
from diffloop.ladders import levels_at
from diffloop.levels import Level, initial_std
from diffloop.noise import draw_noise
from diffloop.parameterization import add_noise, check_prediction
from diffloop.transfer import carried
from diffloop.types import Generators, Model, Sampler

Pictures = Float[Tensor, "b c h w"]
Embeddings = Float[Tensor, "b d"]


class Stage(NamedTuple):
    """One of the two stages of `glide_sample`."""

    model: Callable  # (x_t, level) -> prediction; the upsampler gets x_t beside the enlarged small picture
    size: tuple[int, int]  # height and width of what it makes
    levels: Sequence[Level]  # its ladder
    prediction: str = "eps"
    device: torch.device | str = "cpu"  # where its model is


def glide_sample(
    base: Stage,
    upsampler: Stage,
    n: int,
    *,
    generator: Generators,
    channels: int = 3,
    sampler: Sampler = ddpm_sample,
) -> Iterator[tuple[str, Tensor]]:
    """("base", x_prev) after each step of the base, then ("upsampler", x_prev) after each of the upsampler.

    Source: nichol2022glide, Sec. 4 (base at 64 x 64, upsampler to 256 x 256, both conditioned on the text). Departures:
    DDPM's small variance, where GLIDE's models predict theirs; x_0_hat is not clipped, but the small picture is, to
    [-1, 1], before the upsampler sees it.

    Args:
        base: its model under the prompts, guided or not.
        upsampler: its model under the prompts; it gets 2 * channels channels, x_t first. See `beside_low_res`.
        n: number of pictures.
        generator: one CPU generator, or one per picture.
        channels: of a picture.
        sampler: `ddpm_sample`, or `ddim_sample` with options bound by functools.partial.

    Returns:
        a lazy iterator over len(base.levels) + len(upsampler.levels) - 2 states, in [-1, 1] at the end of each stage
        except where the model overshoots.

    Raises:
        ValueError: at the call: if n < 1, a prediction is unknown, or the upsampler's size is below the base's; while
            iterating: see the sampler.
    """
    if n < 1:
        raise ValueError(f"n is {n}; it must be >= 1")
    for stage in (base, upsampler):
        check_prediction(stage.prediction)
    if any(large < small for large, small in zip(upsampler.size, base.size, strict=True)):
        raise ValueError(f"the upsampler's size is {upsampler.size}; it must be at least the base's, {base.size}")

    def stage_states(stage: Stage, model: Callable) -> Iterator[Tensor]:
        x_T = initial_std(stage.levels[0]) * draw_noise((n, channels, *stage.size), generator, device=stage.device)
        return sampler(model, x_T, stage.levels, generator=generator, prediction=stage.prediction)

    def states() -> Iterator[tuple[str, Tensor]]:
        for state in stage_states(base, base.model):
            yield "base", state
        low_res = state.clamp(-1, 1)
        for state in stage_states(upsampler, beside_low_res(upsampler.model, low_res)):
            yield "upsampler", state

    return states()


def beside_low_res(model: Model, low_res: Pictures) -> Model:
    """(x_t, level) -> model(x_t and the small picture, enlarged to x_t's size, stacked as channels; level).

    For sampling and for training alike: `denoising_loss(beside_low_res(unet, shrink(x_0, size)), x_0, ...)`.

    Source: nichol2022glide, Sec. 2.1 and 4.1 (the upsampler of Dhariwal and Nichol (2021), conditioned by channels).
    Departure: enlarged bilinearly, as in the released code; the paper says bicubic.

    Args:
        model: takes twice the channels.
        low_res: clean small pictures in [-1, 1], one per item of x_t.
    """

    def conditioned(x_t: Tensor, level: Level) -> Tensor:
        large = F.interpolate(low_res, x_t.shape[2:], mode="bilinear", align_corners=False).to(x_t)
        return model(torch.cat([x_t, large], dim=1), level)

    return conditioned


def shrink(images: Pictures, size: tuple[int, int]) -> Float[Tensor, "b c low_h low_w"]:
    """Pictures made smaller, each pixel the mean of those it covers: what the upsampler is trained on.

    Raises:
        ValueError: if size does not divide the pictures' height and width.
    """
    if any(side < 1 or full % side for side, full in zip(size, images.shape[2:], strict=True)):
        raise ValueError(f"size is {size}; it must divide the pictures' {tuple(images.shape[2:])}")
    return F.interpolate(images, size, mode="area")


def noised_clip_similarity(
    encode_image: Callable[[Tensor, Tensor], Tensor], text: Embeddings
) -> Callable[[Tensor, Level], Tensor]:
    """(x_t, level) -> f(x_t, t) . g(caption) for each picture: the similarity that `guidance.clip_guidance` climbs.

    Source: nichol2022glide, Sec. 2.4. Both embeddings are scaled to length 1, as CLIP does.

    Args:
        encode_image: f, (x_t, t of shape (b,)) -> (b, d), of a CLIP trained on noised pictures. A CLIP that knows only
            clean ones also works here, with t ignored: the paper's comparison.
        text: g(caption), one per picture.
    """
    text = F.normalize(text.detach(), dim=1)

    def similarity(x_t: Tensor, level: Level) -> Tensor:
        times = torch.full((len(x_t),), level.t, device=x_t.device)
        return (F.normalize(encode_image(x_t, times), dim=1) * text.to(x_t.device)).sum(1)

    return similarity


def noised_clip_loss(
    encode_image: Callable[[Tensor, Tensor], Tensor],
    x_0: Pictures,
    text: Embeddings,
    alphas_cumprod: Float[Tensor, " T"],
    generator: torch.Generator,
    *,
    logit_scale: float | Float[Tensor, ""] = 100.0,
) -> Float[Tensor, ""]:
    """CLIP's contrastive loss with each picture noised to a timestep of its own.

        mean of the cross entropies of  logit_scale * f(x_t, t) . g(caption)  over captions, and over pictures

    Source: nichol2022glide, Sec. 2.4 and 4.4 (CLIP trained on noised images).

    Args:
        encode_image: f, (x_t, t of shape (b,)) -> (b, d).
        x_0: clean pictures; text: the embeddings of their captions, in the same order, with gradients if g is trained.
        alphas_cumprod: alpha_bar for t = 0 .. T-1.
        generator: on the CPU.
        logit_scale: inverse temperature, > 0.

    Raises:
        ValueError: if there are fewer than 2 pictures: nothing to contrast.
    """
    if len(x_0) < 2:
        raise ValueError(f"x_0 holds {len(x_0)} pictures; the loss contrasts at least 2")
    level = levels_at(alphas_cumprod, stratified(len(x_0), len(alphas_cumprod), generator), x_0.ndim)
    eps = draw_noise(x_0.shape, generator, dtype=x_0.dtype, device=x_0.device)
    x_t = add_noise(x_0, eps, level)
    image = F.normalize(encode_image(x_t, carried(level.t, x_0.device)), dim=1)
    logits = logit_scale * image @ F.normalize(text, dim=1).T  # (pictures, captions)
    right = torch.arange(len(x_0), device=logits.device)
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
