"""Load the exported models, offline, with errors that name what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPModel

from tinyworld.checkpoint import VERSION
from tinyworld.sampling import Parts

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline


def load_tiny(
    folder: str | Path = "models/tiny", *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> StableDiffusionPipeline:
    """The tiny Stable Diffusion. Any folder in the Diffusers layout will do; ours is checked for its version.

    Raises:
        ValueError: if the folder is missing, a file in it is missing or truncated, or it is of another version.
    """
    about = Path(folder) / "tiny.json"
    if about.exists() and (found := json.loads(about.read_text()).get("version")) != VERSION:
        raise ValueError(f"{about} is of version {found}; this code reads version {VERSION}: export the model again")
    check_files(folder)
    from diffusers import StableDiffusionPipeline  # here, for its import warns about image processors on every page

    try:
        pipeline = StableDiffusionPipeline.from_pretrained(
            folder, safety_checker=None, dtype=dtype, local_files_only=True
        )
    except Exception as error:
        raise ValueError(f"{folder} does not hold a complete Stable Diffusion ({error}); export it again") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def load_clip(folder: str | Path = "models/tiny-clip", *, device: str | torch.device = "cpu") -> CLIPModel:
    """The CLIP as trained by contrast, for CLIP guidance and CLIP score.

    Raises:
        ValueError: if the folder or a file is missing or truncated.
    """
    check_files(folder)
    try:
        clip = CLIPModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    except Exception as error:
        raise ValueError(f"{folder} does not hold a complete CLIP ({error}); export it again") from error
    return clip.to(device).requires_grad_(False).eval()


def load_unet(folder: str | Path, *, device: str | torch.device = "cpu") -> UNet2DConditionModel:
    """A U-Net by itself, frozen: a distilled student, one that fills holes, or one of GLIDE's two.

    Raises:
        ValueError: if the folder or a file is missing or truncated.
    """
    check_files(folder)
    try:
        unet = UNet2DConditionModel.from_pretrained(folder, local_files_only=True, torch_dtype=torch.float32)
    except Exception as error:
        raise ValueError(f"{folder} does not hold a complete U-Net ({error}); export it again") from error
    return unet.to(device).requires_grad_(False).eval()


def parts_of(pipeline: StableDiffusionPipeline) -> Parts:
    """The pipeline's parts, for `sampling.generate`."""
    scaling = pipeline.vae.config.scaling_factor
    return Parts(pipeline.tokenizer, pipeline.text_encoder, pipeline.vae, pipeline.unet, scaling)


def check_files(folder: str | Path) -> None:
    """Raise ValueError, naming the file, unless every safetensors file is as long as its header says."""
    if not Path(folder).is_dir():
        raise ValueError(f"{folder} does not exist; run `python scripts/train_tiny.py all`, or restore it")
    for path in sorted(Path(folder).rglob("*.safetensors")):
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = file.read(length) if length < 100_000_000 else b""
        try:
            ends = [v["data_offsets"][1] for k, v in json.loads(header).items() if k != "__metadata__"]
        except ValueError:
            raise ValueError(f"{path} is truncated or not a safetensors file; restore or export it") from None
        wanted = 8 + length + max(ends, default=0)
        if path.stat().st_size != wanted:
            raise ValueError(f"{path} is truncated: {path.stat().st_size} bytes of {wanted}; restore or export it")
