"""SDEdit: noise an image part of the way, then denoise it under a prompt.

Equal to Diffusers' StableDiffusionImg2ImgPipeline on the same noise to 1/255 of the pixel range. Departures: strength 0
returns the image as the VAE gives it back (Diffusers fails with a message about tensor sizes); a
strength above 0 that is too small for a single step is refused; guidance below 1, see `guidance.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diffloop.noise import Generators, draw_noise
from diffloop.parameterization import add_noise
from diffloop.pretrained import BaseModels
from diffloop.text_to_image import Callback, Sampler, checkpoint_timesteps, decode_latents, denoise, prompted_model

Images = Float[Tensor, "b 3 height width"]


def image_to_image(
    models: BaseModels,
    images: Tensor,
    prompts: Sequence[str],
    *,
    generator: Generators,
    strength: float = 0.8,
    steps: int = 50,
    guidance_scale: float = 7.5,
    negative_prompts: Sequence[str] | None = None,
    guidance_rescale: float = 0.0,
    guidance_interval: tuple[int, int] | None = None,
    sampler: Sampler | None = None,
    timesteps: Int[Tensor, " n"] | None = None,
    callback: Callback | None = None,
) -> Images:
    """Each image, redrawn under its prompt.

    Source: meng2022sdedit, Sec. 3 and Algorithm 1, in its VP form, on latents. Its t_0 is our strength.

    Args:
        images: (b, 3, height, width) in [0, 1], sides multiples of models.scale; one a prompt.
        generator: one CPU generator, or one an image. Draws the VAE's sample, the noise, then what the sampler needs.
        strength: 0 (the image stays) to 1 (all steps are done; the image still shows through a little, as it is noised
            to the first timestep and not replaced by noise). int(steps * strength) steps are done.
        others: as for `text_to_image`.

    Returns:
        images in [0, 1], float32, on the models' device.

    Raises:
        ValueError: if strength is not in [0, 1], or is above 0 and below 1 / steps; if images has another number than
            prompts, another shape, a side that is no multiple of models.scale, or values outside [0, 1]; if the U-Net
            is an inpainting one; see also `text_to_image`.
    """
    if models.inpaints:
        raise ValueError("this checkpoint's U-Net is an inpainting one; use diffloop.inpainting.inpaint")
    timesteps = last_timesteps(checkpoint_timesteps(models, steps) if timesteps is None else timesteps, strength)
    model = prompted_model(
        models,
        prompts,
        guidance_scale=guidance_scale,
        negative_prompts=negative_prompts,
        guidance_rescale=guidance_rescale,
        guidance_interval=guidance_interval,
    )
    check_images(models, images, len(prompts))
    x_t = encode_images(models, images, generator=generator)
    if len(timesteps):
        noise = draw_noise(x_t.shape, generator, device=models.device)
        x_t = add_noise(x_t, noise, alpha_bar_t=models.alphas_cumprod[timesteps[0]].item())
    x_0 = denoise(models, model, x_t, timesteps, generator=generator, sampler=sampler, callback=callback)
    return decode_latents(models, x_0)


def last_timesteps(timesteps: Int[Tensor, " n"], strength: float) -> Int[Tensor, " k"]:
    """The int(n * strength) cleanest timesteps, noisiest first.

    The product is rounded as Python rounds it, so that 50 * 0.58 = 28.999... gives 28, in Diffusers too.

    Raises:
        ValueError: if strength is not in [0, 1], or is above 0 and gives no step.
    """
    n = len(timesteps)
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is {strength}; it must be in [0, 1], from 'leave it' to 'all steps'")
    if strength > 0 and int(n * strength) == 0:
        raise ValueError(
            f"strength is {strength}; with {n} steps it must be 0 or at least {1 / n:.3g}: it gives no step"
        )
    return timesteps[n - int(n * strength) :]


@torch.no_grad()
def encode_images(
    models: BaseModels, images: Images, *, generator: Generators | None = None, copies: int = 1
) -> Float[Tensor, "n c h w"]:
    """Latents in the U-Net's scale, drawn from the VAE's posterior as Stable Diffusion was trained.

    Source: kingma2014vae, Sec. 3 (mean + std * noise); rombach2022ldm, Sec. 3.1 (its encoder) and Appendix G (scaled to
    about unit variance).

    Args:
        images: in [0, 1].
        generator: one CPU generator, or one an image; None: the posterior's mean, nothing is drawn.
        copies: independent draws from the posterior of each image, one after the other.

    Returns:
        float32, shape (b * copies, c, height / scale, width / scale).
    """
    posterior = models.vae.encode((2 * images - 1).to(models.device, models.dtype), return_dict=False)[0]
    mean, std = posterior.mean.float(), posterior.std.float()
    shape = (len(mean), copies, *mean.shape[1:])
    z = mean[:, None].expand(shape)
    if generator is not None:
        z = z + std[:, None] * draw_noise(shape, generator, device=models.device)
    return models.vae.config.scaling_factor * z.flatten(0, 1)


def check_images(models: BaseModels, images: Tensor, n: int) -> None:
    """Raises ValueError unless images is (n, 3, height, width), sides multiples of models.scale, and in [0, 1]."""
    s = models.scale
    if images.ndim != 4 or images.shape[:2] != (n, 3) or any(side == 0 or side % s for side in images.shape[2:]):
        raise ValueError(
            f"images has shape {tuple(images.shape)}; it must be ({n}, 3, height, width), one image a prompt, "
            f"height and width multiples of {s}"
        )
    low, high = images.min().item(), images.max().item()
    if not (low >= 0 and high <= 1):
        raise ValueError(f"images has values in [{low:.3g}, {high:.3g}]; they must be in [0, 1]")
