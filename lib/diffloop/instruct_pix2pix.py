"""InstructPix2Pix: edit a picture by an instruction, with a U-Net that sees it beside the noisy state, and two scales.

Equal to Diffusers' StableDiffusionInstructPix2PixPipeline on the same noise to 1/255 of the pixel range. Departure:
that pipeline guides by neither scale if guidance_scale <= 1 or image_guidance_scale < 1. Here each is used as given.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from diffloop.ddim import ddim_sample
from diffloop.guidance import check_scale
from diffloop.image_to_image import check_images, encode_images
from diffloop.latents import to_vae_scale
from diffloop.levels import Level, initial_std
from diffloop.noise import draw_noise
from diffloop.stable_diffusion import StableDiffusion
from diffloop.text_to_image import check_prompts, decode_latents, denoise, ladder, rows
from diffloop.types import Callback, Generators, Images, Latents, Model, Sampler, Timesteps


def instruct(
    models: StableDiffusion,
    images: Tensor,
    instructions: Sequence[str],
    *,
    generator: Generators,
    steps: int = 50,
    guidance_scale: float = 7.5,
    image_guidance_scale: float = 1.5,
    negative: Sequence[str] | None = None,
    sampler: Sampler = ddim_sample,
    timesteps: Timesteps | None = None,
    callback: Callback | None = None,
) -> Images:
    """Each image, edited by its instruction.

    Source: brooks2023instructpix2pix, Sec. 3.2 (the picture as further channels) and Sec. 3.2.1 (the two scales).

    Args:
        models: whose U-Net takes 8 channels (`models.instructs`).
        images: (b, 3, height, width) in [0, 1], sides multiples of models.scale; one per instruction.
        instructions: such as "make the circle blue".
        generator: one CPU generator, or one per image. Draws the noise, then what the sampler needs.
        guidance_scale: s_T, how strongly the instruction is followed; >= 0, 1 is off.
        image_guidance_scale: s_I, how much of the picture is kept; >= 0, 1 is off.
        negative: in place of the empty instruction, one per image.
        others: as for `text_to_image`.

    Returns:
        images in [0, 1], float32, on the models' device.

    Raises:
        ValueError: if the U-Net takes other channels, the negative instructions differ in number, or a scale is
            negative or not finite; see also `image_to_image`.
    """
    levels = ladder(models, steps, timesteps)
    check_prompts("instructions", instructions)
    check_images(models, images, len(instructions))
    model = instructed_model(models, images, instructions, guidance_scale, image_guidance_scale, negative=negative)
    h, w = (side // models.scale for side in images.shape[2:])
    noise = draw_noise((len(images), models.latent_channels, h, w), generator, device=models.device)
    x_T = initial_std(levels[0]) * noise
    x_0 = denoise(models, model, x_T, levels, generator=generator, sampler=sampler, callback=callback)
    return decode_latents(models, x_0)


def instructed_model(
    models: StableDiffusion,
    images: Tensor,
    instructions: Sequence[str],
    guidance_scale: float,
    image_guidance_scale: float,
    *,
    negative: Sequence[str] | None = None,
) -> Model:
    """(x_t, level) -> the U-Net's output under picture and instruction, guided by both, in one call.

        e(0, 0) + s_I * (e(image, 0) - e(0, 0)) + s_T * (e(image, text) - e(image, 0))

    A term whose weight in this sum is 0 is not computed: e(0, 0) at s_I = 1, e(image, 0) at s_T = s_I.

    Source: brooks2023instructpix2pix, Sec. 3.2.1. Its image is the mean of the VAE's posterior, in the VAE's own scale.

    Args:
        others: as for `instruct`.

    Raises:
        ValueError: as `instruct`.
    """
    if not models.instructs:
        n, c = models.unet.config.in_channels, models.latent_channels
        raise ValueError(f"this checkpoint's U-Net takes {n} channels; one that edits by instruction takes {2 * c}")
    for scale in (guidance_scale, image_guidance_scale):
        check_scale(scale)
    if negative is not None and len(check_prompts("negative", negative)) != len(instructions):
        raise ValueError(
            f"negative has {len(negative)} instructions for {len(instructions)} images; give one per image, or None"
        )
    n, empty = len(instructions), list(negative) if negative is not None else [None] * len(instructions)
    image: Latents = to_vae_scale(models.vae, encode_images(models, images))
    text = models.encode_text([*instructions, *empty])
    cases = [  # weight, rows of the text, picture
        (guidance_scale, range(n), image),
        (image_guidance_scale - guidance_scale, range(n, 2 * n), image),
        (1 - image_guidance_scale, range(n, 2 * n), torch.zeros_like(image)),
    ]
    cases = [case for case in cases if case[0] != 0]
    text = rows(text, [i for _, which, _ in cases for i in which])
    pictures = torch.cat([picture for _, _, picture in cases])

    def model(x_t: Tensor, level: Level) -> Tensor:
        outputs = models.predict(torch.cat([x_t] * len(cases)), level, text, extra=pictures).chunk(len(cases))
        return sum(weight * output for (weight, _, _), output in zip(cases, outputs, strict=True))

    return model
