"""Prompt to image: the text is encoded once, guidance is one network call, and any sampler does the steps.

    models, g = load("models/tiny"), torch.Generator().manual_seed(0)
    images = text_to_image(models, ["a red circle"], generator=g)
    images = text_to_image(models, ["a red circle"], sampler=dpm_solver_sample, steps=10, generator=g)
    images = text_to_image(models, ["a red circle"], guidance_scale=Guidance(4.0, negative=["blue"]), generator=g)

Equal to Diffusers' pipeline of the family on the same noise, if both take the same timesteps to the same end by the
same solver: to 1/255 of the pixel range, with the departures that `guidance.classifier_free_guidance` (s < 1) and
`ddim.py` (where a step leads) name. States are float32 whatever type the networks compute in; Diffusers keeps them in
the networks' type.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from diffloop.ddim import ddim_sample
from diffloop.guidance import Guidance, classifier_free_guidance, on_interval
from diffloop.levels import Level, initial_std, steps_down
from diffloop.noise import draw_noise
from diffloop.parameterization import finite_in_the_end
from diffloop.types import (
    Callback,
    Condition,
    Extra,
    Generators,
    Images,
    Latents,
    Model,
    Models,
    Sampler,
    Size,
    Timesteps,
)


def text_to_image(
    models: Models,
    prompts: Sequence[str],
    *,
    generator: Generators | None = None,
    steps: int = 50,
    guidance_scale: float | Guidance = 7.5,
    sampler: Sampler = ddim_sample,
    timesteps: Timesteps | None = None,
    size: Size | None = None,
    x_T: Latents | None = None,
    callback: Callback | None = None,
) -> Images:
    """One image per prompt.

    Source: rombach2022ldm, Sec. 3.3 (conditional latent diffusion), guided as in ho2022cfg, Eq. 6.

    Args:
        models: from `pretrained.load`.
        prompts: one per image; the same one n times gives n images of it, and is encoded once.
        generator: one CPU generator, or one per image (then an image does not depend on the others).
        steps: of the sampler. Not used if timesteps are given.
        guidance_scale: s >= 0, 1 is off; or a `Guidance`, for more: negative prompts, an interval ...
        sampler: `ddim_sample`, `ddpm_sample`, `dpm_solver_sample` ..., or one of them with options bound by
            functools.partial.
        timesteps: trained timesteps, noisiest first, which end where the checkpoint ends DDIM; or your own ladder of
            levels. None: `steps` of them, spaced as in the checkpoint.
        size: (height, width) in pixels, multiples of `models.scale`. None: what the network was trained on.
        x_T: standard normal noise to start from, instead of drawing it.
        callback: called with (number of the step, the level reached, the state there), for a progress bar or a film
            (`decode_latents` makes a picture of a state). It may write into the state.

    Returns:
        images in [0, 1], float32, on the models' device.

    Raises:
        ValueError: if prompts is empty or a plain string, the negative ones differ in number, the size is not a
            multiple of models.scale, x_T has another shape, the checkpoint is for inpainting or for editing; see also
            `draw_noise`, `Guidance` and the sampler.
    """
    check_text_to_image(models)
    levels = ladder(models, steps, timesteps)
    shape = (len(prompts), models.latent_channels, *models.latent_size(size))
    model = prompted_model(models, prompts, guidance_scale, size=size)
    if x_T is None:
        x_T = draw_noise(shape, generator, device=models.device)
    elif tuple(x_T.shape) != shape:
        raise ValueError(f"x_T has shape {tuple(x_T.shape)}; it must be {shape}")
    x_T = initial_std(levels[0]) * x_T.to(models.device, torch.float32)
    x_0 = denoise(models, model, x_T, levels, generator=generator, sampler=sampler, callback=callback)
    return decode_latents(models, x_0)


def prompted_model(
    models: Models,
    prompts: Sequence[str],
    guidance_scale: float | Guidance = 1.0,
    *,
    size: Size | None = None,
    extra: Extra | None = None,
) -> Model:
    """(x_t, level) -> the network's output under the prompts, guided: what the samplers call.

    Both halves of guidance are one call of twice the batch; the text of all of them is encoded here, once. On a CPU
    that took 0.77 of the time of two calls for one picture of 64 pixels, 0.94 for four, 1.07 for eight and 1.05 for
    sixteen, whose layers no longer fit the caches: two calls for large batches would gain too little to be worth new
    last bits.

    Args:
        guidance_scale: s, 1 is off; or a `Guidance`.
        size: of the pictures, which some families are told.
        extra: channels that the network sees after those of x_t (an inpainting one: mask and masked image).
        others: as for `text_to_image`.

    Raises:
        ValueError: if prompts is empty or a plain string, the negative ones differ in number, or the weak model of
            an autoguidance predicts something else; see `Guidance`.
    """
    how = guidance_scale if isinstance(guidance_scale, Guidance) else Guidance(guidance_scale)
    check_prompts("prompts", prompts)
    negative = [None] * len(prompts) if how.negative is None else list(check_prompts("negative", how.negative))
    if len(negative) != len(prompts):
        raise ValueError(
            f"negative has {len(negative)} prompts and there are {len(prompts)} prompts; give one per image, or None"
        )

    if how.weak is not None and how.weak.prediction != models.prediction:
        raise ValueError(
            f"the weak model predicts {how.weak.prediction!r} and this one {models.prediction!r}; both must be the same"
        )

    def call(of: Models, condition: Condition, x_t: Tensor, level: Level) -> Tensor:
        return of.predict(x_t, level, condition, extra=extra)

    def both(x_t: Tensor, level: Level) -> tuple[Tensor, ...]:
        twice = None if extra is None else torch.cat([extra, extra])
        return models.predict(torch.cat([x_t, x_t]), level, text, extra=twice).chunk(2)

    n, one_call = len(prompts), how.weak is None and (how.scale != 1 or how.combine is not None)
    text = models.encode_text([*negative, *prompts] if one_call else prompts, size=size)
    cond = partial(call, models, rows(text, slice(-n, None)))
    if how.weak is not None:
        uncond = partial(call, how.weak, how.weak.encode_text(prompts, size=size))
    else:
        uncond = partial(call, models, rows(text, slice(n)))
    model = classifier_free_guidance(
        cond,
        uncond,
        guidance_scale=how.scale,
        guidance_rescale=how.rescale,
        both=both if one_call else None,
        combine=how.combine,
        prediction=models.prediction,
    )
    return model if how.interval is None else on_interval(model, cond, interval=how.interval)


def rows(condition: Condition, index: Any) -> Condition:
    """Some rows of a condition: of a tensor, or of each tensor in a tuple."""
    if isinstance(condition, Tensor):
        return condition[index]
    return type(condition)(*(rows(part, index) for part in condition))


def encode_prompts(models: Models, prompts: Sequence[str], *, size: Size | None = None) -> Condition:
    """What the network is told of the prompts, each distinct one encoded once: for Stable Diffusion the text encoder's
    last hidden states (b, tokens, width). "" is the empty prompt.

    Raises:
        ValueError: if prompts is empty or a plain string.
    """
    return models.encode_text(check_prompts("prompts", prompts), size=size)


def decode_latents(models: Models, latents: Latents) -> Images:
    """Images in [0, 1], float32, from latents in the network's scale. Source: rombach2022ldm, Sec. 3.1 (its decoder).

    Raises:
        ValueError: if the decoder gives NaN or infinities, in float32 too where it is run again; see `latents.py`.
    """
    return models.decode(latents)


@torch.no_grad()
def denoise(
    models: Models,
    model: Model,
    x_t: Latents,
    levels: Sequence[Level],
    *,
    generator: Generators | None = None,
    sampler: Sampler = ddim_sample,
    callback: Callback | None = None,
) -> Latents:
    """The last state of a sampler that starts from x_t at levels[0]; x_t itself if there is no second level.

    A sampler continues from the tensor that it yielded: a callback that writes into it (`state.copy_(...)`) steers it.

    Args:
        model: (x_t, level) -> prediction, as from `prompted_model`.
        others: as for `text_to_image`.

    Raises:
        ValueError: see the sampler. On a GPU, a model that returns NaN or infinity is reported after the last step.
    """
    if len(levels) < 2:
        return x_t
    states = sampler(model, x_t, levels, generator=generator, prediction=models.prediction)
    with finite_in_the_end():
        for i, (level, state) in enumerate(zip(levels[1:], states, strict=True)):
            if callback is not None:
                callback(i, level, state)
    return state


def ladder(models: Models, steps: int, timesteps: Timesteps | None) -> list[Level]:
    """The ladder of `text_to_image`'s two arguments: see there for what they may be."""
    if timesteps is not None and len(timesteps) > 0 and isinstance(timesteps[0], Level):
        steps_down(timesteps)
        return list(timesteps)
    return models.levels(steps, timesteps)


def check_text_to_image(models: Models) -> None:
    """Raises ValueError if the checkpoint is one for inpainting, or for editing by instruction."""
    if models.inpaints:
        raise ValueError("this checkpoint's U-Net is for inpainting; use diffloop.inpainting.inpaint")
    if getattr(models, "instructs", False):
        raise ValueError("this checkpoint edits pictures by instruction; use diffloop.instruct_pix2pix.instruct")


def check_prompts(name: str, prompts: Sequence[str]) -> Sequence[str]:
    """The prompts. Raises ValueError, with this name, if they are a plain string, empty, or not all strings."""
    if isinstance(prompts, str) or len(prompts) == 0 or not all(isinstance(p, str) for p in prompts):
        raise ValueError(f"{name} is {prompts!r}; it must be a list of strings, one per image, and not empty")
    return prompts
