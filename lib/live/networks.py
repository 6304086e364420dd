"""Which networks of a checkpoint are exported, and with what example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from live.onnxfile import onnx_bytes
from live.traceable import Decoder, Encoder, TextEncoder, UNet


def export(models: Any, name: str, unet: Path | None = None) -> bytes:
    """The ONNX file of one network of a checkpoint.

    Args:
        models: a `diffloop.stable_diffusion.StableDiffusion`; the exported part is unusable afterwards.
        name: "text_encoder", "vae_encoder", "vae_decoder" or "unet".
        unet: folder of a U-Net to take in place of the checkpoint's own.

    Raises:
        ValueError: if that U-Net does not take the checkpoint's latents and text.
    """
    n, (height, width) = 2, models.latent_size(None)
    x = torch.zeros(n, models.latent_channels, height, width)
    if name == "text_encoder":
        ids = torch.full((n, models.tokenizer.model_max_length), models.tokenizer.eos_token_id)
        return onnx_bytes(TextEncoder(models.text_encoder), {"ids": ids}, ["states"])
    if name == "vae_decoder":
        return onnx_bytes(Decoder(models.vae), {"latents": x}, ["pixels"])
    if name == "vae_encoder":
        pixels = torch.zeros(n, 3, height * models.scale, width * models.scale)
        return onnx_bytes(Encoder(models.vae), {"pixels": pixels}, ["mean", "std"])
    network = models.unet if unet is None else _loaded(unet, models.unet.config)
    text = models.encode_text([""] * n)
    inputs = {"x": x, "t": torch.zeros(1), "text": text}
    if network.config.time_cond_proj_dim is not None:
        inputs["scale"] = torch.ones(n)
    return onnx_bytes(UNet(network), inputs, ["output", "maps"], fixed=["t"])


def _loaded(folder: Path, own: Any) -> UNet2DConditionModel:
    unet = UNet2DConditionModel.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True)
    for key in ("in_channels", "out_channels", "cross_attention_dim", "sample_size"):
        if unet.config[key] != own[key]:
            raise ValueError(f"{folder}: {key} is {unet.config[key]}; the checkpoint's own U-Net has {own[key]}")
    return unet.requires_grad_(False).eval()
