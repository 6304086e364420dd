"""Pipelines of random weights: of the published shapes on a GPU, tiny ones elsewhere. For `bench_gpu.py`."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch

CLIP = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
BIG_CLIP = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20}
VAE = {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "sample_size": 1024}
VAE |= {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}


def random_checkpoint(family: str, device: str, dtype: torch.dtype) -> Any:
    """Diffusers' pipeline of a random checkpoint: of the published shape on a GPU, a tiny one elsewhere."""
    import diffusers
    from bench_families import build as build_tiny
    from bench_loops import random_pipeline

    if device != "cuda":
        with tempfile.TemporaryDirectory() as folder:
            _, name, parts = build_tiny(family, Path(folder))
            pipe = getattr(diffusers, name).from_pretrained(folder, **parts)
    else:
        with torch.device(device):
            makers = {"sd": partial(random_pipeline, "sd15"), "sdxl": sdxl, "sd3": sd3}
            pipe = makers[family](dtype)
        pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)  # a scheduler works on the CPU
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device)


def clips(kinds: dict[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """Both text encoders of the later families, of these classes, and their tokenizers."""
    from tests.diffloop.tiny import tokenizer
    from transformers import CLIPTextConfig

    made: dict[str, Any] = {}
    for (name, kind), shape in zip(kinds.items(), (CLIP, BIG_CLIP), strict=True):
        config = CLIPTextConfig(vocab_size=49408, projection_dim=shape["hidden_size"], **shape)
        made |= {name: kind(config).to(dtype).eval(), name.replace("text_encoder", "tokenizer"): tokenizer(77)}
    return made


def sdxl(dtype: torch.dtype) -> Any:
    """Random weights of the shape of Stable Diffusion XL's base model."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
    from tests.diffloop.tiny_families import VP
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    torch.set_default_dtype(dtype)
    unet = UNet2DConditionModel(
        sample_size=128, block_out_channels=(320, 640, 1280), transformer_layers_per_block=(1, 2, 10),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"), cross_attention_dim=2048,
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=(5, 10, 20),
        addition_embed_type="text_time", addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
        use_linear_projection=True,
    )  # fmt: skip
    torch.set_default_dtype(torch.float32)
    kinds = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
    vae = AutoencoderKL(**VAE, scaling_factor=0.13025, force_upcast=False).to(dtype)
    parts = {"vae": vae.eval(), "unet": unet.eval(), "scheduler": DDIMScheduler(**VP)} | clips(kinds, dtype)
    return StableDiffusionXLPipeline(**parts, add_watermarker=False)


def sd3(dtype: torch.dtype) -> Any:
    """Random weights of the shape of Stable Diffusion 3 Medium, without its T5."""
    from diffusers import (
        AutoencoderKL,
        FlowMatchEulerDiscreteScheduler,
        SD3Transformer2DModel,
        StableDiffusion3Pipeline,
    )
    from transformers import CLIPTextModelWithProjection

    torch.set_default_dtype(dtype)
    transformer = SD3Transformer2DModel(
        num_layers=24, num_attention_heads=24, caption_projection_dim=1536, pos_embed_max_size=192
    )
    torch.set_default_dtype(torch.float32)
    kinds = dict.fromkeys(("text_encoder", "text_encoder_2"), CLIPTextModelWithProjection)
    vae = AutoencoderKL(**VAE, latent_channels=16, scaling_factor=1.5305, shift_factor=0.0609)
    return StableDiffusion3Pipeline(
        transformer=transformer.eval(), vae=vae.to(dtype).eval(), text_encoder_3=None, tokenizer_3=None,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), **clips(kinds, dtype),
    )  # fmt: skip
