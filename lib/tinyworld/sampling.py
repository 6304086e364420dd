"""Text to image with the tiny model's parts: DDIM with guidance, by `diffloop`. Training and the benchmark use it; the
exported model runs in Diffusers' own pipelines just as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from diffloop.ddim import ddim_sample
from diffloop.ladders import trained_levels
from diffloop.levels import Level
from diffloop.noise import draw_noise
from diffloop.schedules import alphas_cumprod_from_betas, scaled_linear_betas, spaced_timesteps
from tinyworld.stage_world import to_uint8
from tinyworld.tokenizer import LENGTH


class Parts(NamedTuple):
    """What text to image needs, on one device. `scaling_factor`: latents times it have unit variance."""

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    vae: AutoencoderKL
    unet: UNet2DConditionModel
    scaling_factor: float


@torch.no_grad()
def encode_text(parts: Parts, texts: Sequence[str]) -> Tensor:
    """Text states (n, 32, width) for cross-attention, as in Stable Diffusion: padded to the full length."""
    options = {"padding": "max_length", "max_length": LENGTH, "truncation": True, "return_tensors": "pt"}
    ids = parts.tokenizer(list(texts), **options).input_ids
    return parts.text_encoder(ids.to(parts.text_encoder.device)).last_hidden_state.float()


@torch.no_grad()
def sample_latents(
    parts: Parts, captions: Sequence[str], *, guidance_scale: float = 4.0, steps: int = 30, seed: int = 0
) -> Tensor:
    """Scaled latents (n, 4, 16, 16). Picture i starts from the noise of seed + i, whatever the others are.

    Args:
        guidance_scale: eps_u + s (eps_c - eps_u); 1 is off, which halves the cost.
        steps: of DDIM with eta = 0, "leading" spacing with an offset of 1, as Stable Diffusion is configured.
    """
    device, n = parts.unet.device, len(captions)
    cond, uncond = encode_text(parts, captions), encode_text(parts, [""]).expand(n, -1, -1)
    generators = [torch.Generator().manual_seed(seed + i) for i in range(n)]
    x_T = draw_noise((n, 4, 16, 16), generators, device=device)

    def eps_model(x_t: Tensor, level: Level) -> Tensor:
        if guidance_scale == 1:
            return parts.unet(x_t, level.t, cond).sample
        eps_u, eps_c = parts.unet(torch.cat([x_t, x_t]), level.t, torch.cat([uncond, cond])).sample.chunk(2)
        return eps_u + guidance_scale * (eps_c - eps_u)

    timesteps = spaced_timesteps(steps, spacing="leading", steps_offset=1)
    alphas_cumprod = alphas_cumprod_from_betas(scaled_linear_betas())
    *_, x_0 = ddim_sample(eps_model, x_T, trained_levels(alphas_cumprod, timesteps, set_alpha_to_one=False))
    return x_0


@torch.no_grad()
def generate(
    parts: Parts,
    captions: Sequence[str],
    *,
    guidance_scale: float = 4.0,
    steps: int = 30,
    seed: int = 0,
    batch: int = 32,
) -> Tensor:
    """uint8 pictures (n, 3, 64, 64), one per caption; see `sample_latents`."""
    images = []
    for start in range(0, len(captions), batch):
        some = captions[start : start + batch]
        x_0 = sample_latents(parts, some, guidance_scale=guidance_scale, steps=steps, seed=seed + start)
        images.append(to_uint8(parts.vae.decode(x_0 / parts.scaling_factor).sample).cpu())
    return torch.cat(images)
