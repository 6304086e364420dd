"""Inpainting: redraw what the mask marks, keep the rest. By replacement, or with a U-Net trained for it.

Equal to Diffusers' StableDiffusionInpaintPipeline on the same noise to 1/255 of the pixel range, with hard masks and
paste_back=False. Departures: the pixels that a mask keeps are put back, which Diffusers leaves to the caller; a soft
mask blends, where Diffusers cuts it at 0.5; strength 0 is legal, as in `image_to_image.py`; guidance below 1, see
`guidance.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from diffloop.ddim import ddim_sample
from diffloop.guidance import Guidance
from diffloop.image_to_image import as_floats, check_images, encode_images, last_levels
from diffloop.levels import Level, initial_std
from diffloop.noise import draw_noise
from diffloop.parameterization import add_noise
from diffloop.text_to_image import decode_latents, denoise, ladder, prompted_model
from diffloop.types import Callback, Generators, Images, Models, Sampler, Timesteps


def inpaint(
    models: Models,
    images: Tensor,
    masks: Tensor,
    prompts: Sequence[str],
    *,
    generator: Generators,
    strength: float = 1.0,
    steps: int = 50,
    guidance_scale: float | Guidance = 7.5,
    sampler: Sampler = ddim_sample,
    timesteps: Timesteps | None = None,
    callback: Callback | None = None,
    paste_back: bool = True,
) -> Images:
    """Each image, with the masked part redrawn under its prompt. How depends on the checkpoint.

    A U-Net of 4 channels: known-region replacement. After each step the part to keep is set to the image's latents,
    noised to the level just reached, with the same noise every time; after the last step, to the latents themselves.

        x_prev <- mask * x_prev + (1 - mask) * (to.signal * z_0 + to.noise * noise)

    A U-Net of 9 channels (`models.inpaints`): nothing is replaced. It sees the mask and the latents of the image with
    the masked part grey, next to x_t.

    A mask is hard if it holds only 0 and 1, else soft; each mask of a batch is taken by itself. At the latents' size a
    hard one is sampled at every models.scale-th pixel, as in Diffusers, so each latent is either kept or redrawn, and a
    soft one is averaged, so nothing of a smooth edge is lost. There the two parts of x_prev are added; as their noises
    differ, the sum has less noise than its level says, and lies between two pictures rather than on a third: an edge of
    a latent or two looks smooth, a mask of 0.5 all over looks blurred. A U-Net of 9 channels was trained on hard masks
    and is shown a soft one cut at 0.5, as in Diffusers. Either way the pixels are blended by the mask itself.

    Source: song2021sde, Appendix I.2 (replacement); rombach2022ldm, Sec. 4.5 (the conditioning by extra channels).

    Args:
        images: (b, 3, height, width) in [0, 1], sides multiples of models.scale; one per prompt.
        masks: (b, 1, height, width), 1 or True where to redraw, 0 or False where to keep; in between, both are mixed.
        generator: one CPU generator, or one per image. Draws the VAE's sample, then the noise, then the sample of the
            masked image, then what the sampler needs.
        strength: 0 to 1. At 1 the start is pure noise; below, the noised image. int(steps * strength) steps are done.
        paste_back: mask * made + (1 - mask) * images is returned: what a hard mask keeps is the input's, bit for bit in
            float32. False: what was made, as Diffusers returns it: the kept part went through the VAE and changed a
            little everywhere, which also hides the seam.
        others: as for `text_to_image`.

    Returns:
        images in [0, 1], float32, on the models' device.

    Raises:
        ValueError: if masks has another shape, or a value that is not in [0, 1]; see `image_to_image`.

    Warns:
        UserWarning: if most of what a mask marks is lost at the latents' size.
    """
    levels = last_levels(ladder(models, steps, timesteps), strength)
    check_images(models, images, len(prompts))
    check_masks(masks, images)
    images, masks = as_floats(images).to(models.device), masks.to(models.device, torch.float32)
    z_0 = None
    if not models.inpaints or strength < 1:
        z_0 = encode_images(models, images, generator=generator)
    if len(levels) == 1:
        return _pasted(decode_latents(models, z_0), images, masks, paste_back)
    h, w = (side // models.scale for side in images.shape[2:])
    noise = draw_noise((len(images), models.latent_channels, h, w), generator, device=models.device)
    x_t = initial_std(levels[0]) * noise if strength == 1 else add_noise(z_0, noise, levels[0])
    seen = (masks >= 0.5).float() if models.inpaints else masks
    mask = latent_masks(seen, (h, w))
    _warn_of_lost_marks(mask, masks, models.scale)
    extra = None
    if models.inpaints:
        grey = (2 * images - 1) * (1 - seen) / 2 + 0.5  # 0.5 is the VAE's 0
        extra = torch.cat([mask, encode_images(models, grey, generator=generator)], dim=1)
    model = prompted_model(models, prompts, guidance_scale, size=tuple(images.shape[2:]), extra=extra)
    last = len(levels) - 2

    def after_step(i: int, level: Level, state: Tensor) -> None:
        if not models.inpaints:
            known = z_0 if i == last else add_noise(z_0, noise, level)
            state.copy_(mask * state + (1 - mask) * known)  # the sampler goes on from what is written here
        if callback is not None:
            callback(i, level, state)

    x_0 = denoise(models, model, x_t, levels, generator=generator, sampler=sampler, callback=after_step)
    return _pasted(decode_latents(models, x_0), images, masks, paste_back)


def _pasted(made: Images, images: Tensor, masks: Tensor, paste_back: bool) -> Images:
    return masks * made + (1 - masks) * images.float() if paste_back else made


def latent_masks(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """Masks at the latents' size: of a hard one every n-th pixel, of a soft one the mean over each latent's pixels."""
    soft = ((masks > 0) & (masks < 1)).flatten(1).any(1)
    return torch.where(soft[:, None, None, None], interpolate(masks, size, mode="area"), interpolate(masks, size))


def _warn_of_lost_marks(mask: Tensor, masks: Tensor, scale: int) -> None:
    """Warns if most of an image's marked pixels fall on latents that are kept."""
    marked = masks.flatten(1).sum(1)
    redrawn = (masks * (mask > 0).repeat_interleave(scale, 2).repeat_interleave(scale, 3)).flatten(1).sum(1)
    lost = [i for i, (n, k) in enumerate(zip(marked.tolist(), redrawn.tolist(), strict=True)) if 2 * k < n]
    if lost:
        warnings.warn(
            f"masks {lost}: most of the marked pixels are kept, as only every {scale}-th pixel of a mask of 0 and 1 "
            "counts at the latents' size, and for an inpainting checkpoint nothing below 0.5; widen marks thinner "
            f"than {scale} pixels",
            stacklevel=3,
        )


def check_masks(masks: Tensor, images: Tensor) -> None:
    """Raises ValueError unless masks has the images' shape with one channel, and is in [0, 1] everywhere."""
    shape = (len(images), 1, *images.shape[2:])
    if tuple(masks.shape) != shape:
        raise ValueError(f"masks has shape {tuple(masks.shape)}; it must be {shape}, one channel for each image")
    odd = masks[~((masks >= 0) & (masks <= 1))]  # NaN is one
    if len(odd):
        raise ValueError(
            f"masks holds {odd[0].item():.3g}; every value must be in [0, 1], from keep to redraw: "
            "pass masks / 255 for an 8-bit picture"
        )
