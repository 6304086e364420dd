"""The base models of a checkpoint: tokenizer, text encoder, VAE, U-Net and noise schedule.

The only file that imports Diffusers and Transformers, and it does so when `load` is called. From these two come the
networks; every loop around them is ours.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from diffloop.checkpoint_files import CONFIGS, SCHEDULER_CONFIG, WEIGHTS, check_kind, check_layout, read_json
from diffloop.latents import check_vae
from diffloop.scheduler_file import scheduler_settings
from diffloop.stable_diffusion import StableDiffusion

IGNORED_KEYS = ("position_ids", "vision_model", "logit_scale", "projection")  # in whole-CLIP files; not ours to read


def load(
    checkpoint: str | Path,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    variant: str | None = None,
) -> StableDiffusion:
    """The base models of a Stable Diffusion checkpoint, from a folder or from the Hugging Face hub.

    The scheduler's file is read for the noise schedule, see `scheduler_settings`; a warning, kept in `note`, says which
    solver it names if that is not DDIM. Departure: `steps_offset` is used as it stands in the file. Diffusers' pipeline
    classes overwrite it by 1.

    Args:
        checkpoint: a folder in the Diffusers layout, or a hub id, "owner/name". It is a folder if there is one of this
            name, or if the part before the slash is a folder.
        device: where the networks go.
        dtype: the type that they compute in: torch.float32, torch.bfloat16 or torch.float16.
        variant: of the weights' files, such as "fp16" for unet/diffusion_pytorch_model.fp16.safetensors.

    Returns:
        the base models, in evaluation mode, without gradients.

    Raises:
        FileNotFoundError: if the folder is not there, or files are missing from it (names them all).
        ConnectionError: if it is a hub id that is not cached, and the hub cannot be reached or does not know it.
        ValueError: if the checkpoint is of another family (SDXL, SD3, unCLIP ...), a weights file is damaged or lacks
            weights of its network, or a setting of the scheduler, the VAE or the U-Net is one that we do not know.
    """
    folder = _find(checkpoint, variant)
    check_kind(folder)
    check_layout(folder, variant)
    check_vae(read_json(folder / "vae/config.json"), folder / "vae/config.json")
    settings, note = scheduler_settings(_scheduler_config(folder), folder / SCHEDULER_CONFIG)
    if note:
        warnings.warn(f"{folder}: {note}", stacklevel=2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")  # tqdm's, in a notebook without widgets
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextModel, CLIPTokenizer

    parts = {
        "text_encoder": _network(CLIPTextModel, folder / "text_encoder", dtype=dtype, variant=variant),
        "vae": _network(AutoencoderKL, folder / "vae", torch_dtype=dtype, variant=variant),
        "unet": _network(UNet2DConditionModel, folder / "unet", torch_dtype=dtype, variant=variant),
    }
    tokenizer = _tokenizer(CLIPTokenizer, folder / "tokenizer", parts["text_encoder"].config)
    networks = {name: part.eval().requires_grad_(False).to(device) for name, part in parts.items()}
    models = StableDiffusion(tokenizer=tokenizer, **networks, **settings, note=note)
    n = models.unet.config.in_channels
    if n != models.latent_channels and not models.inpaints and not models.instructs:
        raise ValueError(
            f"the U-Net of {folder} takes {n} channels; it must be {models.latent_channels} (text to image), "
            f"{2 * models.latent_channels} (editing by instruction) or {2 * models.latent_channels + 1} (inpainting), "
            f"for the VAE's {models.latent_channels} latent channels"
        )
    return models


def _find(checkpoint: str | Path, variant: str | None) -> Path:
    """The folder of a checkpoint, downloaded if it is a hub id."""
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        return folder
    name = str(checkpoint)
    if folder.is_file():
        raise ValueError(
            f"checkpoint {name!r} is a single file; convert it to a folder in the Diffusers layout: "
            "StableDiffusionPipeline.from_single_file, then save_pretrained"
        )
    looks_like_id = isinstance(checkpoint, str) and name.count("/") == 1 and name[0] not in "./~" and name[-1] != "/"
    if not looks_like_id or folder.parent.is_dir():
        raise FileNotFoundError(
            f"checkpoint {name!r} is not a folder (looked for {folder.absolute()}); give the folder that holds unet/, "
            "vae/, text_encoder/, tokenizer/ and scheduler/, or a hub id such as 'owner/name'"
        )
    from huggingface_hub import snapshot_download

    weights = [f"{w}*.{variant}*" if variant else f"{w}*.safetensors*" for w in WEIGHTS]
    patterns = [*weights, *CONFIGS, "tokenizer/*", "model_index.json"]
    ignored = ["*non_ema*", "*.bin"] if variant else ["*.fp16*", "*non_ema*"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns, ignore_patterns=ignored))
    except (OSError, ValueError) as error:  # the hub's errors are all one of the two
        raise ConnectionError(
            f"checkpoint {name!r} is not a folder here, is not in the hub's cache, and could not be downloaded "
            f"({type(error).__name__}). Check the spelling and the network; a gated repository needs HF_TOKEN in the "
            f"environment. Without a network: `hf download {name}` where there is one, copy the folder, give its path"
        ) from error


def _scheduler_config(folder: Path) -> dict[str, Any]:
    """The scheduler's file. The class, where it names none, is the one in model_index.json."""
    config, index = read_json(folder / SCHEDULER_CONFIG), folder / "model_index.json"
    if "_class_name" not in config and index.is_file():
        entry = read_json(index).get("scheduler")
        if isinstance(entry, list) and len(entry) == 2 and entry[1]:
            config["_class_name"] = entry[1]
    return config


def _tokenizer(cls: Any, folder: Path, text: Any) -> Any:
    """A tokenizer whose prompts fit the text encoder. Where its own limit is longer than the encoder has positions (or
    missing: the library then puts 1e30), the encoder's holds."""
    tokenizer = cls.from_pretrained(folder)
    tokenizer.model_max_length = min(tokenizer.model_max_length, text.max_position_embeddings)
    if len(tokenizer) > text.vocab_size:
        raise ValueError(
            f"{folder} has {len(tokenizer)} tokens and the text encoder {text.vocab_size}; "
            "the two must come from the same checkpoint"
        )
    return tokenizer


def _network(cls: Any, folder: Path, **kwargs: Any) -> nn.Module:
    """A network with all its weights from the file. The two libraries only warn when some are missing, and make them
    up."""
    read_json(folder / "config.json")  # a broken one is named here, before the libraries see it
    network, info = cls.from_pretrained(folder, output_loading_info=True, local_files_only=True, **kwargs)
    missing = [k for k in sorted(info["missing_keys"]) if not any(word in k for word in IGNORED_KEYS)]
    wrong = [*missing, *(str(k) for k in info.get("mismatched_keys", ()))]
    if wrong:
        few = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        raise ValueError(
            f"the weights in {folder} do not fit its config.json: {few} missing or of another shape; "
            "the two files must come from the same checkpoint"
        )
    return network
