"""A CLIP whose image half reads noised latents, told how noisy they are: what CLIP guidance needs.

The text half is that of models/tiny-clip. A CLIP of clean pictures sees nothing in a noised one, and its gradient there
points nowhere in particular.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from tinyworld.models import check_files

TIME_CHANNELS = 16
FASTEST = 2 * math.pi * 8 / 1000  # radians per timestep: eight turns over 1000 of them


def make_noised_clip(width: int = 128, layers: int = 4) -> CLIPVisionModelWithProjection:
    """A fresh encoder of 16 x 16 x 4 latents in patches of 2, to embeddings (b, width).

    The time enters by 16 more channels, constant over the picture; the patch embedding turns them into an offset.
    """
    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_attention_heads=4,
        num_hidden_layers=layers,
        projection_dim=width,
        image_size=16,
        patch_size=2,
        num_channels=4 + TIME_CHANNELS,
    )
    return CLIPVisionModelWithProjection(config)


def encode_noised(encoder: CLIPVisionModelWithProjection, x_t: Tensor, t: Tensor) -> Tensor:
    """f(x_t, t), (b, width): embeddings of scaled latents (b, 4, 16, 16) at timesteps (b,). Not normalised."""
    frequencies = FASTEST * 2.0 ** -torch.arange(TIME_CHANNELS // 2, device=x_t.device)
    angles = t.float()[:, None] * frequencies
    time = torch.cat([angles.sin(), angles.cos()], 1)[:, :, None, None].expand(-1, -1, *x_t.shape[2:])
    return encoder(torch.cat([x_t, time.to(x_t)], 1)).image_embeds


def load_noised_clip(folder: str | Path, *, device: str | torch.device = "cpu") -> CLIPVisionModelWithProjection:
    """The trained encoder, frozen.

    Raises:
        ValueError: if the folder or a file is missing or truncated.
    """
    check_files(folder)
    try:
        encoder = CLIPVisionModelWithProjection.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    except Exception as error:
        raise ValueError(f"{folder} does not hold a complete CLIP ({error}); export it again") from error
    return encoder.to(device).requires_grad_(False).eval()
