"""Prompt to image: the text is encoded once, guidance is one U-Net call, and any sampler does the steps.

    models = load("models/tiny")
    images = text_to_image(models, ["a red circle"], generator=torch.Generator().manual_seed(0))
    images = text_to_image(models, ["a red circle"], sampler=dpm_solver_sample, steps=10, generator=...)

Equal to Diffusers' StableDiffusionPipeline on the same noise to 1/255 of the pixel range, with the departures that
`guidance.classifier_free_guidance` (s < 1) and `schedules.strided_prev_timesteps` name. States are float32 whatever
type the networks compute in; Diffusers keeps them in the networks' type.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diffloop.ddim import ddim_sample
from diffloop.guidance import Model, classifier_free_guidance, on_interval
from diffloop.latents import Size, in_own_type, latent_size, to_vae_scale
from diffloop.noise import Generators, draw_noise
from diffloop.pretrained import BaseModels
from diffloop.schedules import as_timesteps, spaced_timesteps
from diffloop.words import expand_words

Images = Float[Tensor, "b 3 height width"]
Latents = Float[Tensor, "b c h w"]
Extra = Float[Tensor, "b c_extra h w"]
Sampler = Callable[..., Iterator[Tensor]]
Timesteps = Any  # integers in a tensor, an array or a list, see `as_timesteps`
Callback = Callable[[int, int, Tensor], object]


def text_to_image(
    models: BaseModels,
    prompts: Sequence[str],
    *,
    generator: Generators | None = None,
    steps: int = 50,
    guidance_scale: float = 7.5,
    negative_prompts: Sequence[str] | None = None,
    guidance_rescale: float = 0.0,
    guidance_interval: tuple[int, int] | None = None,
    sampler: Sampler | None = None,
    timesteps: Timesteps | None = None,
    size: Size | None = None,
    x_T: Latents | None = None,
    callback: Callback | None = None,
) -> Images:
    """One image a prompt.

    Source: rombach2022ldm, Sec. 3.3 (conditional latent diffusion), guided as in ho2022cfg, Eq. 6.

    Args:
        models: from `pretrained.load`.
        prompts: one an image; the same one n times gives n images of it, and is encoded once.
        generator: one CPU generator, or one an image (then an image does not depend on the others).
        steps: number of U-Net calls, 1 <= steps <= T. Not used if timesteps are given.
        guidance_scale: s >= 0; 1 is off. See `guidance.py`.
        negative_prompts: one an image, in the place of the empty prompt.
        guidance_rescale: 0 (off) to 1.
        guidance_interval: (first, last) timesteps at which to guide, both included; None: at all.
        sampler: `ddim_sample`, `ddpm_sample`, `dpm_solver_sample`, or one of them with options bound by
            functools.partial. None: DDIM with eta = 0, its last step as the checkpoint has it.
        timesteps: what the sampler visits, noisiest first. None: `steps` of them, spaced as the checkpoint has it.
        size: (height, width) in pixels, multiples of `models.scale`. None: what the U-Net was trained on.
        x_T: the noise to start from, instead of drawing it.
        callback: called with (number of the step, its timestep, the state after it), for a progress bar or a film
            (`decode_latents` makes a picture of a state). It may write into the state.

    Returns:
        images in [0, 1], float32, on the models' device.

    Raises:
        ValueError: if prompts is empty or a plain string, negative_prompts has another length, the size is not a
            multiple of models.scale, x_T has another shape, the U-Net is an inpainting one; see also
            `spaced_timesteps`, `draw_noise`, `classifier_free_guidance` and the sampler.
    """
    if models.inpaints:
        raise ValueError("this checkpoint's U-Net is an inpainting one; use diffloop.inpainting.inpaint")
    timesteps = checkpoint_timesteps(models, steps) if timesteps is None else as_timesteps(timesteps)
    shape = (len(prompts), models.latent_channels, *latent_size(models, size))
    model = prompted_model(
        models,
        prompts,
        guidance_scale=guidance_scale,
        negative_prompts=negative_prompts,
        guidance_rescale=guidance_rescale,
        guidance_interval=guidance_interval,
    )
    if x_T is None:
        x_T = draw_noise(shape, generator, device=models.device)
    elif tuple(x_T.shape) != shape:
        raise ValueError(f"x_T has shape {tuple(x_T.shape)}; it must be {shape}")
    x_T = x_T.to(models.device, torch.float32)
    x_0 = denoise(models, model, x_T, timesteps, generator=generator, sampler=sampler, callback=callback)
    return decode_latents(models, x_0)


def prompted_model(
    models: BaseModels,
    prompts: Sequence[str],
    *,
    guidance_scale: float = 1.0,
    negative_prompts: Sequence[str] | None = None,
    guidance_rescale: float = 0.0,
    guidance_interval: tuple[int, int] | None = None,
    extra: Extra | None = None,
) -> Model:
    """(x_t, t) -> the U-Net's output under the prompts, guided: what the samplers call.

    Both halves of guidance are one U-Net call of twice the batch, the text of all of them encoded here, once.

    Args:
        extra: channels that the U-Net sees after those of x_t (an inpainting one: mask and masked image).
        others: as for `text_to_image`.

    Raises:
        ValueError: if prompts is empty or a plain string, or negative_prompts has another length; see
            `classifier_free_guidance` and `on_interval`.
    """
    _check_prompts("prompts", prompts)
    negative_prompts = [""] * len(prompts) if negative_prompts is None else negative_prompts
    _check_prompts("negative_prompts", negative_prompts)
    if len(negative_prompts) != len(prompts):
        raise ValueError(
            f"negative_prompts has {len(negative_prompts)} entries and prompts {len(prompts)}; "
            "give one an image, or None for the empty prompt"
        )
    guided = guidance_scale != 1
    text = encode_prompts(models, [*negative_prompts, *prompts] if guided else prompts)
    text_u, text_c = text.chunk(2) if guided else (text, text)

    def both(x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
        twice = None if extra is None else torch.cat([extra, extra])
        return unet_output(models, torch.cat([x_t, x_t]), t, text, extra=twice).chunk(2)

    def one(x_t: Tensor, t: int, *, text: Tensor) -> Tensor:
        return unet_output(models, x_t, t, text, extra=extra)

    cond, uncond = partial(one, text=text_c), partial(one, text=text_u)
    scales = {"guidance_scale": guidance_scale, "guidance_rescale": guidance_rescale}
    model = classifier_free_guidance(cond, uncond, **scales, both=both)
    return model if guidance_interval is None else on_interval(model, cond, interval=guidance_interval)


@torch.no_grad()
def unet_output(
    models: BaseModels,
    x_t: Latents,
    t: int,
    text: Float[Tensor, "b tokens width"],
    *,
    extra: Extra | None = None,
) -> Latents:
    """The U-Net's output in float32; inside, it computes in its own type. `extra`: channels after those of x_t."""
    if models.unet.config.get("time_cond_proj_dim"):
        raise ValueError("this U-Net takes the guidance scale as an input; use guided_distillation.unet_student")
    x = x_t if extra is None else torch.cat([x_t, extra], dim=1)
    return models.unet(x.to(models.dtype), t, encoder_hidden_states=text.to(models.dtype), return_dict=False)[0].float()


@torch.no_grad()
def encode_prompts(models: BaseModels, prompts: Sequence[str]) -> Float[Tensor, "b tokens width"]:
    """The text encoder's last hidden states, each different prompt encoded once. "" is the empty prompt.

    A prompt longer than the context is cut, with a warning that names what is lost.

    Raises:
        ValueError: if prompts is empty or a plain string.
    """
    _check_prompts("prompts", prompts)
    prompts = [expand_words(models.tokenizer, prompt) for prompt in prompts]
    different = list(dict.fromkeys(prompts))
    length = models.tokenizer.model_max_length
    for prompt in different:
        _warn_of_lost_words(models, prompt, length)
    tokens = models.tokenizer(
        different, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    ).to(models.device)
    masked = getattr(models.text_encoder.config, "use_attention_mask", False)  # of no Stable Diffusion
    hidden = models.text_encoder(tokens.input_ids, attention_mask=tokens.attention_mask if masked else None)[0]
    return hidden[[different.index(prompt) for prompt in prompts]]


@torch.no_grad()
def decode_latents(models: BaseModels, latents: Latents) -> Images:
    """Images in [0, 1], float32, from latents in the U-Net's scale. Source: rombach2022ldm, Sec. 3.1 (its decoder).

    Raises:
        ValueError: if the decoder gives NaN or infinities, in float32 too where it is asked again; see `latents.py`.
    """
    z = to_vae_scale(models.vae, latents)
    decoded = in_own_type(models.vae, lambda vae, z: vae.decode(z, return_dict=False)[0], z, "decoder")
    return (decoded / 2 + 0.5).clamp(0, 1)


@torch.no_grad()
def denoise(
    models: BaseModels,
    model: Model,
    x_t: Latents,
    timesteps: Timesteps,
    *,
    generator: Generators | None = None,
    sampler: Sampler | None = None,
    callback: Callback | None = None,
) -> Latents:
    """The last state of a sampler that starts from x_t at timesteps[0]; x_t itself if there are no timesteps.

    A sampler goes on from the tensor that it yielded: a callback that writes into it (`state.copy_(...)`) steers it.

    Raises:
        ValueError: see the sampler.
    """
    timesteps = as_timesteps(timesteps)
    if sampler is None:
        sampler = partial(ddim_sample, set_alpha_to_one=models.set_alpha_to_one)
    if len(timesteps) == 0:
        return x_t
    states = sampler(model, x_t, timesteps, models.alphas_cumprod, generator=generator, prediction=models.prediction)
    for i, (t, state) in enumerate(zip(timesteps.tolist(), states, strict=True)):
        if callback is not None:
            callback(i, t, state)
    return state


def checkpoint_timesteps(models: BaseModels, steps: int) -> Int[Tensor, " n"]:
    """`spaced_timesteps` with the checkpoint's spacing and offset (which is for "leading" only, as in Diffusers)."""
    offset = models.steps_offset if models.spacing == "leading" else 0
    return spaced_timesteps(steps, len(models.alphas_cumprod), spacing=models.spacing, steps_offset=offset)


def _check_prompts(name: str, prompts: Sequence[str]) -> None:
    if isinstance(prompts, str) or len(prompts) == 0 or not all(isinstance(p, str) for p in prompts):
        raise ValueError(f"{name} is {prompts!r}; it must be a list of strings, one an image, and not empty")


def _warn_of_lost_words(models: BaseModels, prompt: str, length: int) -> None:
    ids = models.tokenizer(prompt, truncation=False, verbose=False).input_ids
    if len(ids) > length:
        lost = models.tokenizer.decode(ids[length - 1 : -1]).strip()
        warnings.warn(
            f"the prompt is {len(ids)} tokens long and the text encoder takes {length}; lost: {lost!r}", stacklevel=2
        )
