"""A checkpoint as the class of its family: tokenizers, text encoders, VAE, the network that denoises, and its ladder.

The only file that imports Diffusers and Transformers, and only when `load` is called. The networks come from these two;
every loop around them is ours.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from diffloop.checkpoint_files import (
    SCHEDULER_CONFIG,
    Family,
    check_kind,
    check_layout,
    parts_of,
    patterns,
    read_index,
    read_json,
)
from diffloop.graphs import callers
from diffloop.latents import check_vae
from diffloop.scheduler_file import flow_settings, scheduler_settings
from diffloop.stable_diffusion import StableDiffusion
from diffloop.stable_diffusion_3 import StableDiffusion3
from diffloop.stable_diffusion_xl import StableDiffusionXL
from diffloop.types import Models

FAMILIES = (  # the last one is for checkpoints with no other family's mark
    Family(
        what="Stable Diffusion 3 (text to image: two CLIPTextModelWithProjection, optionally a T5EncoderModel, one "
        "AutoencoderKL, one SD3Transformer2DModel)",
        models=StableDiffusion3,
        mark="transformer",
        pipelines="StableDiffusion3",
        parts={
            "tokenizer": "transformers.CLIPTokenizer",
            "tokenizer_2": "transformers.CLIPTokenizer",
            "tokenizer_3": "transformers.T5TokenizerFast",
            "text_encoder": "transformers.CLIPTextModelWithProjection",
            "text_encoder_2": "transformers.CLIPTextModelWithProjection",
            "text_encoder_3": "transformers.T5EncoderModel",
            "vae": "diffusers.AutoencoderKL",
            "transformer": "diffusers.SD3Transformer2DModel",
        },
        optional=("text_encoder_3",),
        settings=flow_settings,
    ),
    Family(
        what="Stable Diffusion XL (text to image and inpainting: one CLIPTextModel, one CLIPTextModelWithProjection, "
        "one AutoencoderKL, one UNet2DConditionModel)",
        models=StableDiffusionXL,
        mark="text_encoder_2",
        pipelines="StableDiffusionXL",
        parts={
            "tokenizer": "transformers.CLIPTokenizer",
            "tokenizer_2": "transformers.CLIPTokenizer",
            "text_encoder": "transformers.CLIPTextModel",
            "text_encoder_2": "transformers.CLIPTextModelWithProjection",
            "vae": "diffusers.AutoencoderKL",
            "unet": "diffusers.UNet2DConditionModel",
        },
        options=("force_zeros_for_empty_prompt",),
        full_vae=True,
        settings=scheduler_settings,
    ),
    Family(
        what="Stable Diffusion 1 and 2 (text to image, inpainting and InstructPix2Pix: one CLIPTextModel, one "
        "AutoencoderKL, one UNet2DConditionModel)",
        models=StableDiffusion,
        mark="unet",
        pipelines="StableDiffusion",
        parts={
            "tokenizer": "transformers.CLIPTokenizer",
            "text_encoder": "transformers.CLIPTextModel",
            "vae": "diffusers.AutoencoderKL",
            "unet": "diffusers.UNet2DConditionModel",
        },
        settings=scheduler_settings,
    ),
)


def load(
    checkpoint: str | Path,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    variant: str | None = None,
    graphs: bool | None = None,
    compile: bool = False,
) -> Models:
    """The base models of a checkpoint of one of FAMILIES, from a folder or from the Hugging Face hub.

    The scheduler's file is read for the noise schedule, see `scheduler_settings`; a warning, kept in `note`, says which
    solver it names if that is not DDIM. Departure: `steps_offset` is used as it stands in the file. Diffusers' pipeline
    classes overwrite it with 1.

    Args:
        checkpoint: a folder in the Diffusers layout, or a hub id, "owner/name". It is a folder if there is one of this
            name, or if the part before the slash is a folder.
        device: where the networks go.
        dtype: the type that they compute in: torch.float32, torch.bfloat16 or torch.float16. In float16, the VAE of
            Stable Diffusion XL stays in float32 if its config has `force_upcast`: it overflows.
        variant: of the weights' files, such as "fp16" for unet/diffusion_pytorch_model.fp16.safetensors.
        graphs: whether the denoising network is called through CUDA graphs, which hold the memory of a call of each
            shape: the same pictures, sooner at small batches; see `graphs.py`. None: on a CUDA device only.
        compile: whether that network goes through `torch.compile`, on any device, with graphs or without. The first
            call of each shape takes a minute or more; the pictures are the same up to rounding.

    Returns:
        an instance of the family's class, see FAMILIES; its networks are in evaluation mode, without gradients.

    Raises:
        FileNotFoundError: if the folder is not there, or files are missing from it (names them all).
        ConnectionError: if it is a hub id that is not cached, and the hub cannot be reached or does not know it.
        RuntimeError: if compile is requested, and torch has no working compiler for this device.
        ValueError: if graphs are requested where there are none, the checkpoint is of another family (DiT, Flux, unCLIP
            ...), a weights file is damaged or lacks weights of its network, or a setting of the scheduler, the VAE or
            the U-Net is one that we do not know.
    """
    calls = callers(torch.device(device), graphs, compile)
    folder = _find(checkpoint, variant)
    family = check_kind(folder, FAMILIES)
    check_layout(folder, family, variant)
    vae = read_json(folder / "vae/config.json")
    check_vae(vae, folder / "vae/config.json")
    settings, note = family.settings(_scheduler_config(folder), folder / SCHEDULER_CONFIG)
    settings |= _options(folder, family)
    if note:
        warnings.warn(f"{folder}: {note}", stacklevel=2)
    parts: dict[str, Any] = {}
    upcast = family.full_vae and dtype == torch.float16 and vae.get("force_upcast", True)
    for part, cls in sorted(parts_of(folder, family).items()):  # a text encoder before its tokenizer
        if part.startswith("tokenizer"):
            encoder = parts[part.replace("tokenizer", "text_encoder")]
            parts[part] = _tokenizer(_class(cls), folder / part, encoder.config)
        else:
            own = torch.float32 if upcast and part == "vae" else dtype
            kwargs = {"dtype" if cls.startswith("transformers") else "torch_dtype": own, "variant": variant}
            parts[part] = _network(_class(cls), folder / part, **kwargs).eval().requires_grad_(False).to(device)
    return family.models(**parts, **settings, note=note, graphs=calls)


def _find(checkpoint: str | Path, variant: str | None) -> Path:
    """The folder of a checkpoint, downloaded if it is a hub id."""
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        return folder
    name = str(checkpoint)
    if folder.is_file():
        raise ValueError(
            f"checkpoint {name!r} is a single file; convert it to a folder in the Diffusers layout: "
            "StableDiffusionPipeline.from_single_file (or StableDiffusionXLPipeline's, StableDiffusion3Pipeline's), "
            "which asks the hub for what the file lacks, then save_pretrained"
        )
    looks_like_id = isinstance(checkpoint, str) and name.count("/") == 1 and name[0] not in "./~" and name[-1] != "/"
    if not looks_like_id or folder.parent.is_dir():
        raise FileNotFoundError(
            f"checkpoint {name!r} is not a folder (looked for {folder.absolute()}); give the folder that holds unet/ "
            "(or transformer/), vae/, text_encoder/, tokenizer/ and scheduler/, or a hub id such as 'owner/name'"
        )
    from huggingface_hub import snapshot_download

    ignored = ["*non_ema*", "*.bin"] if variant else ["*.fp16*", "*non_ema*"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns(FAMILIES, variant), ignore_patterns=ignored))
    except (OSError, ValueError) as error:  # the hub's errors are all one of the two
        raise ConnectionError(
            f"checkpoint {name!r} is not a folder here, is not in the hub's cache, and could not be downloaded "
            f"({type(error).__name__}). Check the spelling and the network; a gated repository needs HF_TOKEN in the "
            f"environment. Without a network: `hf download {name}` where there is one, copy the folder, give its path"
        ) from error


def _scheduler_config(folder: Path) -> dict[str, Any]:
    """The scheduler's file. The class, where it names none, is the one in model_index.json."""
    config = read_json(folder / SCHEDULER_CONFIG)
    if "_class_name" not in config:
        entry = read_index(folder).get("scheduler")
        if isinstance(entry, list) and len(entry) == 2 and entry[1]:
            config["_class_name"] = entry[1]
    return config


def _options(folder: Path, family: Family) -> dict[str, bool]:
    """The family's fields in model_index.json, where it has them."""
    index = read_index(folder)
    options = {key: index[key] for key in family.options if key in index}
    for key, value in options.items():
        if not isinstance(value, bool):
            raise ValueError(f"{folder / 'model_index.json'}: {key} is {value!r}; it must be true or false")
    return options


def _class(dotted: str) -> Any:
    """A class of Diffusers or Transformers, by its name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")  # tqdm's, in a notebook without widgets
        import diffusers
        import transformers

        library, name = dotted.split(".")
        return getattr({"diffusers": diffusers, "transformers": transformers}[library], name)


def _tokenizer(cls: Any, folder: Path, text: Any) -> Any:
    """A tokenizer whose prompts fit the text encoder. Where its own limit exceeds the encoder's positions (or is
    missing: the library then sets 1e30), the encoder's applies."""
    tokenizer = cls.from_pretrained(folder)
    longest = getattr(text, "max_position_embeddings", None)  # a T5 has none: its positions are relative
    tokenizer.model_max_length = min(tokenizer.model_max_length, longest or tokenizer.model_max_length)
    if len(tokenizer) > text.vocab_size:
        raise ValueError(
            f"{folder} has {len(tokenizer)} tokens and the text encoder {text.vocab_size}; "
            "the two must come from the same checkpoint"
        )
    return tokenizer


def _network(cls: Any, folder: Path, **kwargs: Any) -> nn.Module:
    """A network with all its weights from the file. The two libraries only warn when some are missing, and initialise
    them at random."""
    read_json(folder / "config.json")  # a broken one is named here, before the libraries see it
    network, info = cls.from_pretrained(folder, output_loading_info=True, local_files_only=True, **kwargs)
    missing = [k for k in sorted(info["missing_keys"]) if "position_ids" not in k]  # 0, 1, 2 ...; not of every version
    wrong = [*missing, *(str(k) for k in info.get("mismatched_keys", ()))]
    if wrong:
        few = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        raise ValueError(
            f"the weights in {folder} do not fit its config.json: {few} missing or of another shape; "
            "the two files must come from the same checkpoint"
        )
    return network
