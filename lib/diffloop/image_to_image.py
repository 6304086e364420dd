"""SDEdit: noise an image part of the way, then denoise it under a prompt.

Equal to Diffusers' StableDiffusionImg2ImgPipeline on the same noise to 1/255 of the pixel range. Departures: strength 0
returns the image as the VAE reconstructs it (Diffusers fails with a message about tensor sizes); a strength above 0
that is too small for a single step raises an error; guidance below 1, see `guidance.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Shaped
from torch import Tensor

from diffloop.ddim import ddim_sample
from diffloop.guidance import Guidance
from diffloop.levels import Level
from diffloop.noise import draw_noise
from diffloop.parameterization import add_noise
from diffloop.text_to_image import check_text_to_image, decode_latents, denoise, ladder, prompted_model
from diffloop.types import Callback, Encoded, Generators, Images, Models, Sampler, Timesteps


def image_to_image(
    models: Models,
    images: Tensor,
    prompts: Sequence[str],
    *,
    generator: Generators,
    strength: float = 0.8,
    steps: int = 50,
    guidance_scale: float | Guidance = 7.5,
    sampler: Sampler = ddim_sample,
    timesteps: Timesteps | None = None,
    callback: Callback | None = None,
) -> Images:
    """Each image, redrawn under its prompt.

    Source: meng2022sdedit, Sec. 3 and Algorithm 1, in its VP form, on latents. Its t_0 is our strength.

    Args:
        images: (b, 3, height, width) in [0, 1], sides multiples of models.scale; one per prompt.
        generator: one CPU generator, or one per image. Draws the VAE's sample, the noise, then what the sampler needs.
        strength: 0 (the image stays) to 1 (all steps are done; the image still shows through a little, as it is noised
            to the first timestep and not replaced by noise). int(steps * strength) steps are done.
        others: as for `text_to_image`.

    Returns:
        images in [0, 1], float32, on the models' device.

    Raises:
        ValueError: if strength is not in [0, 1], or is above 0 and below 1 / steps; if images and prompts differ in
            number, or images has another shape, a side that is not a multiple of models.scale, or values outside
            [0, 1]; see also `text_to_image`.
    """
    check_text_to_image(models)
    levels = last_levels(ladder(models, steps, timesteps), strength)
    model = prompted_model(models, prompts, guidance_scale, size=tuple(images.shape[2:]))
    check_images(models, images, len(prompts))
    x_t = encode_images(models, images, generator=generator)
    if len(levels) > 1:
        x_t = add_noise(x_t, draw_noise(x_t.shape, generator, device=models.device), levels[0])
    x_0 = denoise(models, model, x_t, levels, generator=generator, sampler=sampler, callback=callback)
    return decode_latents(models, x_0)


def last_levels(levels: Sequence[Level], strength: float) -> list[Level]:
    """The end of a ladder: its int(n * strength) cleanest steps of n, noisiest first.

    The product is rounded as Python rounds it, so that 50 * 0.58 = 28.999... gives 28, in Diffusers too.

    Raises:
        ValueError: if strength is not in [0, 1], or is above 0 and gives no step.
    """
    n = len(levels) - 1
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is {strength}; it must be in [0, 1]: 0 keeps the image, 1 does all steps")
    if strength > 0 and int(n * strength) == 0:
        raise ValueError(
            f"strength is {strength}; with {n} steps it must be 0 or at least {1 / n:.3g}: it gives no step"
        )
    return list(levels[n - int(n * strength) :])


def encode_images(
    models: Models,
    images: Shaped[Tensor, "b 3 height width"],
    *,
    generator: Generators | None = None,
    copies: int = 1,
) -> Encoded:
    """Latents in the U-Net's scale, drawn from the VAE's posterior, as in Stable Diffusion's training.

    Source: kingma2014vae, Sec. 3 (mean + std * noise); rombach2022ldm, Sec. 3.1 (its encoder) and Appendix G (scaled to
    about unit variance).

    Args:
        images: in [0, 1], of a floating type.
        generator: one CPU generator, or one per image; None: the posterior's mean, nothing is drawn.
        copies: independent draws from the posterior of each image, one after the other.

    Returns:
        float32, shape (b * copies, c, height / scale, width / scale).

    Raises:
        ValueError: if images holds integers, or the encoder gives NaN or infinities; see `latents.py`.
    """
    return models.encode(as_floats(images), generator=generator, copies=copies)


def as_floats(images: Tensor) -> Tensor:
    """The same pictures in a type whose arithmetic neither wraps nor rounds to 1/2048: float32, float64 stays.

    Raises:
        ValueError: if they hold integers above 0: it cannot be told whether 1 means white or 1/255.
    """
    if images.dtype in (torch.float32, torch.float64):
        return images
    if not images.is_floating_point() and images.dtype != torch.bool and images.any():
        raise ValueError(
            f"images is {images.dtype} with values up to {images.max().item()}; give floats in [0, 1]: "
            "pass images / 255 for 8-bit pictures"
        )
    return images.float()


def check_images(models: Models, images: Tensor, n: int) -> None:
    """Raises ValueError unless images is (n, 3, height, width), sides multiples of models.scale, and in [0, 1]."""
    s = models.scale
    if images.ndim != 4 or images.shape[:2] != (n, 3) or any(side == 0 or side % s for side in images.shape[2:]):
        raise ValueError(
            f"images has shape {tuple(images.shape)}; it must be ({n}, 3, height, width), one image per prompt, "
            f"height and width multiples of {s}"
        )
    images = as_floats(images)
    low, high = images.min().item(), images.max().item()
    if not (low >= 0 and high <= 1):
        raise ValueError(f"images has values in [{low:.3g}, {high:.3g}]; they must be in [0, 1]")
