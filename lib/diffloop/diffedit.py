"""DiffEdit: find where a change of prompt should change an image, then change only that.

    1. mask     where the model's predictions under the two prompts differ, averaged over n noises
    2. encode   DDIM inversion of the image to the level r = strength
    3. decode   DDIM under the new prompt; outside the mask each state is replaced by that of the inversion

Each step comes with the paper's rule and with Diffusers' (StableDiffusionDiffEditPipeline, which it equals on the same
noise to 1/255 of the pixel range); they differ in how a map becomes a mask, and in which state is put back.

Departure in both: guidance does not affect the mask. With the same negative prompt on both sides it multiplies the
contrast by s, and the threshold is relative. So the mask takes two predictions per noise sample, not Diffusers' four.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from diffloop.ddim import ddim_invert
from diffloop.diffedit_mask import RULES as RULES
from diffloop.diffedit_mask import Map, binary_masks, check_rule, contrast_map
from diffloop.guidance import Guidance
from diffloop.image_to_image import check_images, encode_images, last_levels
from diffloop.levels import Level
from diffloop.parameterization import finite_in_the_end
from diffloop.text_to_image import decode_latents, denoise, ladder, prompted_model
from diffloop.types import Callback, Generators, Images, Models


def diffedit(
    models: Models,
    images: Tensor,
    source: Sequence[str],
    target: Sequence[str],
    *,
    generator: Generators,
    masks: Map | None = None,
    strength: float = 0.5,
    steps: int = 50,
    guidance_scale: float | Guidance = 7.5,
    n: int = 10,
    rule: str = "paper",
    callback: Callback | None = None,
) -> tuple[Images, Map]:
    """(edited images, masks): each image, changed from what `source` says to what `target` says, and only there.

    Source: couairon2023diffedit, Sec. 3.2 (its encoding ratio r is our strength; its image encoding is unconditional).

    Args:
        images: (b, 3, height, width) in [0, 1], sides multiples of models.scale; one per prompt.
        source: what each image shows. "" is allowed: the contrast is then with the unconditional prediction.
        target: what it should show.
        generator: one CPU generator, or one per image. Draws for the mask, then for the encoding.
        masks: to be used instead of computed ones, at the latents' size, 1 where to change.
        strength: r in [0, 1]: how far the image is encoded, and so how much may change.
        steps: of DDIM for r = 1; the edit takes its share of them.
        guidance_scale: of the decoding, as for `text_to_image`.
        n: noise samples that the mask averages over, >= 1.
        rule: "paper" or "diffusers", see `binary_masks` and `masked_decode`.
        callback: as for `text_to_image`, in the decoding.

    Returns:
        images in [0, 1], and masks (b, h, w) of 0 and 1 at the latents' size.

    Raises:
        ValueError: if rule is unknown; if source and target differ in length; see `contrast_map`, `masked_decode`.
    """
    check_rule(rule)
    levels = last_levels(ladder(models, steps, None), strength)
    if masks is None:
        contrast = contrast_map(models, images, source, target, generator=generator, n=n, steps=steps)
        masks = binary_masks(contrast, rule=rule)
    states = encode(models, images, levels, generator=generator)
    how = {"guidance_scale": guidance_scale, "rule": rule, "callback": callback}
    return masked_decode(models, states, levels, masks, target, **how), masks


def encode(
    models: Models,
    images: Tensor,
    levels: Sequence[Level],
    *,
    generator: Generators | None = None,
    prompts: Sequence[str] | None = None,
    guidance_scale: float | Guidance = 1.0,
) -> list[Tensor]:
    """The states of DDIM inversion, noisiest first: one per level; the last is the image's own latents.

    Source: couairon2023diffedit, Eq. 3 and Sec. 3.2, step two; song2021ddim, Eq. 14, see `ddim.ddim_invert`.

    Args:
        images: in [0, 1].
        levels: the ladder that the decoding will walk down.
        generator: for the VAE's sample; None: its mean.
        prompts: None: unconditional, as in the paper. Diffusers requires them, and guides with a scale of 7.5.
        guidance_scale: of the inversion; 1 is off. Guided inversion reconstructs the image less well.

    Returns:
        len(levels) latents.

    Raises:
        ValueError: see `image_to_image` and `ddim_invert`.
    """
    prompts = [""] * len(images) if prompts is None else prompts
    check_images(models, images, len(prompts))
    model = prompted_model(models, prompts, guidance_scale, size=tuple(images.shape[2:]))
    z_0 = encode_images(models, images, generator=generator)
    if len(levels) == 1:
        return [z_0]
    with torch.no_grad(), finite_in_the_end():
        states = list(ddim_invert(model, z_0, levels, prediction=models.prediction))
    return [*reversed(states), z_0]


def masked_decode(
    models: Models,
    states: Sequence[Tensor],
    levels: Sequence[Level],
    masks: Map,
    prompts: Sequence[str],
    *,
    guidance_scale: float | Guidance = 7.5,
    rule: str = "paper",
    callback: Callback | None = None,
) -> Images:
    """DDIM from states[0] under the prompts, with the part outside the mask put back after each step.

        x_prev <- mask * x_prev + (1 - mask) * state of the inversion

    Source: couairon2023diffedit, Eq. 2 and Sec. 3.2, step three.

    Args:
        states: from `encode`.
        levels: the same as there.
        masks: (b, h, w) at the latents' size, of 0 and 1.
        rule: "paper" puts back the state of the same level as x_prev, in the end the image's latents: outside the mask,
            it is the image as the VAE reconstructs it. "diffusers" puts back the state of the level *before* the
            step, so that a little noise is left outside the mask in the end.
        others: as for `text_to_image`.

    Raises:
        ValueError: if rule is unknown; if the shape of masks is not the latents', or a value is not 0 or 1; if
            there is not one state for each level; see `text_to_image`.
    """
    check_rule(rule)
    b, _, h, w = states[0].shape
    if tuple(masks.shape) != (b, h, w) or not ((masks == 0) | (masks == 1)).all():
        raise ValueError(f"masks has shape {tuple(masks.shape)}; it must be {(b, h, w)}, as the latents, of 0 and 1")
    if len(states) != len(levels):
        raise ValueError(f"{len(states)} states for {len(levels)} levels; give the {len(levels)} of `encode`")
    size = (h * models.scale, w * models.scale)
    model = prompted_model(models, prompts, guidance_scale, size=size)
    mask, offset = masks[:, None].to(states[0]), 1 if rule == "paper" else 0

    def put_back(i: int, level: Level, state: Tensor) -> None:
        state.copy_(mask * state + (1 - mask) * states[i + offset])  # the sampler goes on from what is written here
        if callback is not None:
            callback(i, level, state)

    return decode_latents(models, denoise(models, model, states[0], levels, callback=put_back))
