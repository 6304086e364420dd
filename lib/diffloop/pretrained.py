"""The base models of a checkpoint: tokenizer, text encoder, VAE, U-Net and noise schedule.

The only file that imports Diffusers and Transformers, and it does so when `load` is called. From these two come the
networks; every loop around them is ours.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from diffloop.schedules import (
    alphas_cumprod_from_betas,
    cosine_betas,
    linear_betas,
    rescale_zero_terminal_snr,
    scaled_linear_betas,
)

PREDICTION_TYPES = {"epsilon": "eps", "v_prediction": "v", "sample": "x_0"}
BETA_SCHEDULES = {"linear": linear_betas, "scaled_linear": scaled_linear_betas, "squaredcos_cap_v2": cosine_betas}
SPACINGS = ("leading", "trailing", "linspace")
SCHEDULER_CONFIG = "scheduler/scheduler_config.json"
CONFIGS = ("text_encoder/config.json", "vae/config.json", "unet/config.json", SCHEDULER_CONFIG)
WEIGHTS = ("text_encoder/model", "vae/diffusion_pytorch_model", "unet/diffusion_pytorch_model")
TOKENIZER = ("tokenizer/vocab.json", "tokenizer/tokenizer.json")  # one of the two
IGNORED_KEYS = ("position_ids", "vision_model", "logit_scale", "projection")  # in whole-CLIP files; not ours to read


@dataclass(frozen=True)
class BaseModels:
    """What `load` returns. The networks are in evaluation mode and need no gradients."""

    tokenizer: Any = field(repr=False)
    text_encoder: nn.Module = field(repr=False)
    vae: nn.Module = field(repr=False)
    unet: nn.Module = field(repr=False)
    alphas_cumprod: Tensor = field(repr=False)  # (T,), float64, on the CPU
    prediction: str  # what the U-Net predicts: "eps", "v" or "x_0"
    spacing: str  # of timesteps: "leading", "trailing" or "linspace"
    steps_offset: int  # added to "leading" timesteps
    set_alpha_to_one: bool  # where DDIM's last step leads: clean data, or alphas_cumprod[0]

    @property
    def device(self) -> torch.device:
        """Where the U-Net is."""
        return next(self.unet.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The type that the networks compute in. States are float32 whatever it is."""
        return next(self.unet.parameters()).dtype

    @property
    def scale(self) -> int:
        """Pixels along one side of a latent: 8 for Stable Diffusion."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def latent_channels(self) -> int:
        """Channels of a latent: 4 for Stable Diffusion. An inpainting U-Net takes twice as many and one more."""
        return self.vae.config.latent_channels

    @property
    def inpaints(self) -> bool:
        """Whether the U-Net also takes a mask and a masked image (9 channels instead of 4)."""
        return self.unet.config.in_channels == 2 * self.latent_channels + 1


def load(
    checkpoint: str | Path, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> BaseModels:
    """The base models of a Stable Diffusion checkpoint, from a folder or from the Hugging Face hub.

    Settings that the scheduler's file leaves out get the defaults of Diffusers' DDIMScheduler, whatever class the file
    names, as DDIMScheduler.from_config does. Departure: `steps_offset` is used as it stands in the file. Diffusers'
    pipeline classes overwrite it by 1.

    Args:
        checkpoint: a folder in the Diffusers layout, or a hub id, "owner/name". It is a folder if there is one of this
            name, or if the part before the slash is a folder.
        device: where the networks go.
        dtype: the type that they compute in: torch.float32, torch.bfloat16 or torch.float16.

    Returns:
        the base models, in evaluation mode, without gradients.

    Raises:
        FileNotFoundError: if the folder is not there, or files are missing from it (names them all).
        ConnectionError: if it is a hub id that is not cached, and the hub cannot be reached or does not know it.
        ValueError: if a weights file is damaged or lacks weights of its network, or a setting of the scheduler or the
            number of the U-Net's input channels is one that we do not know.
    """
    folder = _find(checkpoint)
    _check_layout(folder)
    settings = _scheduler_settings(folder / SCHEDULER_CONFIG)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")  # tqdm's, in a notebook without widgets
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextModel, CLIPTokenizer

    parts = {
        "text_encoder": _network(CLIPTextModel, folder / "text_encoder", dtype=dtype),
        "vae": _network(AutoencoderKL, folder / "vae", torch_dtype=dtype),
        "unet": _network(UNet2DConditionModel, folder / "unet", torch_dtype=dtype),
    }
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    networks = {name: part.eval().requires_grad_(False).to(device) for name, part in parts.items()}
    models = BaseModels(tokenizer=tokenizer, **networks, **settings)
    n = models.unet.config.in_channels
    if n != models.latent_channels and not models.inpaints:
        raise ValueError(
            f"the U-Net of {folder} takes {n} channels; it must be {models.latent_channels} (text to image) or "
            f"{2 * models.latent_channels + 1} (inpainting), for the VAE's {models.latent_channels} latent channels"
        )
    return models


def _find(checkpoint: str | Path) -> Path:
    """The folder of a checkpoint, downloaded if it is a hub id."""
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        return folder
    name = str(checkpoint)
    looks_like_id = isinstance(checkpoint, str) and name.count("/") == 1 and name[0] not in "./~" and name[-1] != "/"
    if not looks_like_id or folder.parent.is_dir():
        raise FileNotFoundError(
            f"checkpoint {name!r} is not a folder (looked for {folder.absolute()}); give the folder that holds unet/, "
            "vae/, text_encoder/, tokenizer/ and scheduler/, or a hub id such as 'owner/name'"
        )
    from huggingface_hub import snapshot_download

    patterns = [f"{w}*.safetensors*" for w in WEIGHTS] + [*CONFIGS, "tokenizer/*", "model_index.json"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns, ignore_patterns=["*.fp16*", "*non_ema*"]))
    except (OSError, ValueError) as error:  # the hub's errors are all one of the two
        raise ConnectionError(
            f"checkpoint {name!r} is not a folder here, is not in the hub's cache, and could not be downloaded "
            f"({type(error).__name__}). Check the spelling and the network; a gated repository needs HF_TOKEN in the "
            f"environment. Without a network: `hf download {name}` where there is one, copy the folder, give its path"
        ) from error


def _check_layout(folder: Path) -> None:
    """Every file that will be read is there, and no weights file is cut short."""
    missing = [name for name in CONFIGS if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in TOKENIZER):
        missing.append(" or ".join(TOKENIZER))
    files = {w: sorted(folder.glob(f"{w}.safetensors")) or sorted(folder.glob(f"{w}-*.safetensors")) for w in WEIGHTS}
    missing += [f"{w}.safetensors" for w, found in files.items() if not found]
    if missing:
        raise FileNotFoundError(
            f"{folder} is not a checkpoint in the Diffusers layout; missing: {', '.join(missing)}. A single .ckpt or "
            ".safetensors file must first be converted (StableDiffusionPipeline.from_single_file, then save_pretrained)"
        )
    from safetensors import SafetensorError, safe_open

    for path in (p for found in files.values() for p in found):
        try:
            with safe_open(path, "pt"):  # reads the header and compares it with the file's length
                pass
        except (SafetensorError, OSError) as error:
            raise ValueError(
                f"{path} is damaged or cut short ({path.stat().st_size:,} bytes; {error}); download or write it again"
            ) from error


def _scheduler_settings(path: Path) -> dict[str, Any]:
    """The fields of BaseModels that come from the scheduler's file."""
    config = _json(path)
    choices = {
        "prediction_type": ("epsilon", tuple(PREDICTION_TYPES)),
        "beta_schedule": ("linear", tuple(BETA_SCHEDULES)),
        "timestep_spacing": ("leading", SPACINGS),
    }
    values = {key: config.get(key, default) for key, (default, _) in choices.items()}
    for key, (_, legal) in choices.items():
        if values[key] not in legal:
            raise ValueError(f"{path}: {key} is {values[key]!r}; choose one of {', '.join(map(repr, legal))}")
    T = config.get("num_train_timesteps", 1000)
    if config.get("trained_betas") is not None:
        betas = torch.tensor(config["trained_betas"], dtype=torch.float64)
    elif values["beta_schedule"] == "squaredcos_cap_v2":
        betas = cosine_betas(T)
    else:
        ends = {"beta_start": config.get("beta_start", 1e-4), "beta_end": config.get("beta_end", 0.02)}
        betas = BETA_SCHEDULES[values["beta_schedule"]](T, **ends)
    if config.get("rescale_betas_zero_snr", False):
        betas = rescale_zero_terminal_snr(betas)
    return {
        "alphas_cumprod": alphas_cumprod_from_betas(betas),
        "prediction": PREDICTION_TYPES[values["prediction_type"]],
        "spacing": values["timestep_spacing"],
        "steps_offset": config.get("steps_offset", 0),
        "set_alpha_to_one": config.get("set_alpha_to_one", True),
    }


def _network(cls: Any, folder: Path, **kwargs: Any) -> nn.Module:
    """A network with all its weights from the file. The two libraries only warn when some are missing, and make them
    up."""
    _json(folder / "config.json")  # a broken one is named here, before the libraries see it
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


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}); download or write it again") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}; it must be a JSON object")
    return content
