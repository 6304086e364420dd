"""The masks of DiffEdit: where a model's predictions under two prompts differ, as a map, and the map thresholded."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from diffloop.image_to_image import check_images, encode_images, last_levels
from diffloop.noise import draw_noise
from diffloop.parameterization import add_noise, finite
from diffloop.text_to_image import encode_prompts, ladder, rows
from diffloop.types import Generators, Models

RULES = ("paper", "diffusers")
Map = Float[Tensor, "b h w"]


@torch.no_grad()
def contrast_map(
    models: Models,
    images: Tensor,
    source: Sequence[str],
    target: Sequence[str],
    *,
    generator: Generators,
    n: int = 10,
    strength: float = 0.5,
    steps: int = 50,
) -> Map:
    """|prediction under target - prediction under source|, averaged over n noise samples and the latents' channels.

    Source: couairon2023diffedit, Sec. 3.2, step one. For a model that predicts v or x_0 the map is that of eps times a
    factor, which the next step divides out.

    Args:
        strength: how far the image is noised, as a share of the steps, in (0, 1]; the paper's is 0.5.
        steps: of the list of timesteps of which strength is a share.
        others: as for `diffedit.diffedit`.

    Returns:
        the map, >= 0, float32, at the latents' size.

    Raises:
        ValueError: if n < 1; if strength is not in (0, 1]; if the U-Net is an inpainting one; if images, source and
            target differ in number, or see `image_to_image`; if the model returns NaN or infinity.
    """
    if models.inpaints:
        raise ValueError("this checkpoint's U-Net is for inpainting; DiffEdit needs a text-to-image checkpoint")
    if n < 1:
        raise ValueError(f"n is {n}; it must be >= 1: the mask averages over n noise samples")
    if len(source) != len(target):
        raise ValueError(f"source has {len(source)} prompts and target {len(target)}; give one per image in each")
    check_images(models, images, len(target))
    if strength == 0:
        raise ValueError("strength is 0; it must be in (0, 1], 0.5 in the paper: the mask needs noise")
    level = last_levels(ladder(models, steps, None), strength)[0]
    z_0 = encode_images(models, images, generator=generator, copies=n)
    noise = draw_noise((len(images), n, *z_0.shape[1:]), generator, device=models.device).flatten(0, 1)
    x_t = add_noise(z_0, noise, level)
    text = encode_prompts(models, [*source, *target], size=tuple(images.shape[2:]))
    text = rows(text, torch.arange(2 * len(images)).repeat_interleave(n))
    output = finite(models.predict(torch.cat([x_t, x_t]), level, text), level.t)
    of_source, of_target = output.chunk(2)
    return (of_target - of_source).abs().unflatten(0, (len(images), n)).mean((1, 2))  # b n c h w -> b h w


def binary_masks(contrast: Map, *, rule: str = "paper", clip: float | None = None, threshold: float = 0.5) -> Map:
    """Masks of 0 and 1 from a contrast map, each from its own image alone.

        "paper"      outliers clipped, rescaled to [0, 1], > threshold
        "diffusers"  clipped at clip * mean, divided by that, > threshold

    Source: couairon2023diffedit, Sec. 3.2, step one: extreme values are removed, the rest is rescaled to [0, 1] and cut
    at 0.5. It does not say how they are removed; we clip at a quantile.

    Departure: Diffusers takes the mean over the whole batch, so that a mask depends on the other images in it.

    Args:
        contrast: from `contrast_map`.
        clip: for "paper" the quantile to clip at, in (0, 1], None: 0.99. For "diffusers" the multiple of the mean, > 0,
            None: 3 (its mask_thresholding_ratio).
        threshold: in [0, 1).

    Returns:
        float32, like contrast. A constant map gives an empty mask under "paper".

    Raises:
        ValueError: if rule is unknown, or clip or threshold out of range.
    """
    check_rule(rule)
    if clip is None:
        clip = 0.99 if rule == "paper" else 3.0
    if not clip > 0 or (rule == "paper" and clip > 1):
        legal = "a quantile in (0, 1]" if rule == "paper" else "a multiple of the mean, > 0"
        raise ValueError(f"clip is {clip}; with rule {rule!r} it must be {legal}")
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold is {threshold}; it must be in [0, 1)")
    flat = contrast.flatten(1)
    if rule == "diffusers":
        low, high = torch.zeros_like(flat[:, :1]), clip * flat.mean(1, keepdim=True)
    else:
        low, high = flat.amin(1, keepdim=True), flat.quantile(clip, dim=1, keepdim=True)
    # multiplied out, so that a constant map (high = low) does not divide by zero
    return (flat.clamp(max=high) - low > threshold * (high - low)).float().reshape(contrast.shape)


def check_rule(rule: str) -> None:
    """Raises ValueError unless rule is "paper" or "diffusers"."""
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}; choose one of {', '.join(map(repr, RULES))}")
