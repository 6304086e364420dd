"""A checkpoint's files: whether they are all there, and whether they are of a model that our loops know.

Everything here reads names and JSON only, so that a folder of another kind is named before any weights are loaded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCHEDULER_CONFIG = "scheduler/scheduler_config.json"
CONFIGS = ("text_encoder/config.json", "vae/config.json", "unet/config.json", SCHEDULER_CONFIG)
WEIGHTS = ("text_encoder/model", "vae/diffusion_pytorch_model", "unet/diffusion_pytorch_model")
TOKENIZER = ("tokenizer/vocab.json", "tokenizer/tokenizer.json")  # one of the two
SUPPORTED = (
    "Supported are Stable Diffusion 1 and 2 (text to image and inpainting): one CLIPTextModel, one AutoencoderKL, one "
    "UNet2DConditionModel. Use such a checkpoint, or sample this one with its own Diffusers pipeline"
)
FOREIGN_PARTS = {  # a folder that only other families have, and what it is
    "transformer": "a transformer in place of the U-Net (DiT, PixArt, SD3, Flux and their relatives)",
    "text_encoder_2": "a second text encoder (SDXL, SD3, Flux)",
    "prior": "a prior (unCLIP, Kandinsky, Wuerstchen)",
    "decoder": "a decoder of its own (unCLIP, Wuerstchen)",
    "image_normalizer": "an embedding of images as a condition (Stable unCLIP)",
    "movq": "a MoVQ autoencoder (Kandinsky)",
    "vqvae": "a VQ autoencoder (latent diffusion of 2022)",
    "vqmodel": "a VQ autoencoder",
    "motion_adapter": "a motion module (video)",
}
CLASSES = {  # what a part's config.json may name
    "unet": ("_class_name", ("UNet2DConditionModel",)),
    "vae": ("_class_name", ("AutoencoderKL",)),
    "text_encoder": ("model_type", ("clip_text_model", "clip")),
}
UNET_CONDITIONS = {  # settings of the U-Net that add an input, and what it is
    "addition_embed_type": "added conditions such as sizes and pooled text (SDXL)",
    "class_embed_type": "a class or an image embedding beside the text (unCLIP, upscalers)",
    "num_class_embeds": "a class or a noise level beside the text (upscalers)",
    "encoder_hid_dim_type": "a projection of other conditions (Kandinsky)",
    "encoder_hid_dim": "a projection of other text states (DeepFloyd IF)",
    "time_cond_proj_dim": "an embedding of the guidance scale (LCM, a guided student); "
    "guided_distillation.unet_student gives it one",
}


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        ValueError: if it is not JSON, or not an object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}); download or write it again") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}; it must be a JSON object")
    return content


def check_kind(folder: Path) -> None:
    """Raises ValueError, which names every reason, if the folder is a checkpoint of a family that we do not know."""
    index = folder / "model_index.json"
    parts = read_json(index) if index.is_file() else {}
    pipeline = parts.get("_class_name")
    named = {part for part, entry in parts.items() if isinstance(entry, list) and any(entry)}
    reasons = [f"{part}/ is {w}" for part, w in FOREIGN_PARTS.items() if part in named or (folder / part).is_dir()]
    configs = {part: read_json(path) for part in CLASSES if (path := folder / part / "config.json").is_file()}
    for part, (key, legal) in CLASSES.items():
        found = configs.get(part, {}).get(key)
        if found is not None and found not in legal:
            reasons.append(f"{part}/ is a {found}, not {legal[0]}")
    root = folder / "config.json"
    if "unet" not in configs and root.is_file():
        reasons.append(f"its own config.json is that of a single {read_json(root).get('_class_name', 'network')}")
    unet = configs.get("unet", {})
    if not reasons:
        reasons += [f"the U-Net's {k} is {unet[k]!r}: {w}" for k, w in UNET_CONDITIONS.items() if unet.get(k)]
    if not reasons and len(configs) == len(CLASSES):
        reasons += _misfits(**configs)
    if reasons:
        kind = f"a {pipeline}" if pipeline else "a checkpoint"
        raise ValueError(f"{folder} is {kind} that is not supported: {'; '.join(reasons)}. {SUPPORTED}")


def check_layout(folder: Path, variant: str | None) -> None:
    """Raises FileNotFoundError unless every file is there that will be read, and ValueError if a weights file is cut
    short. variant: such as "fp16", whose weights are files of their own."""
    missing = [name for name in CONFIGS if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in TOKENIZER):
        missing.append(" or ".join(TOKENIZER))
    files = {stem: _weights(folder, stem, variant) for stem in WEIGHTS}
    missing += [name for found in files.values() for name in found if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder} is not a checkpoint in the Diffusers layout; missing: {', '.join(missing)}. "
            f"{_way_out(folder, missing)}"
        )
    from safetensors import SafetensorError, safe_open

    for path in (folder / name for found in files.values() for name in found if name.endswith(".safetensors")):
        try:
            with safe_open(path, "pt"):  # reads the header and compares it with the file's length
                pass
        except (SafetensorError, OSError) as error:
            raise ValueError(
                f"{path} is damaged or cut short ({path.stat().st_size:,} bytes; {error}); download or write it again"
            ) from error


def _misfits(unet: dict[str, Any], vae: dict[str, Any], text_encoder: dict[str, Any]) -> list[str]:
    """What does not fit between parts that are each of a class that we know."""
    reasons, latents = [], vae.get("latent_channels", 4)
    if (out := unet.get("out_channels", 4)) != latents:
        learned = ", the prediction and a learned variance" if out == 2 * latents else ""
        reasons.append(f"the U-Net gives {out} channels{learned}; it must give the VAE's {latents}, the prediction")
    width = text_encoder.get("hidden_size")
    takes = unet.get("cross_attention_dim", 1280)
    if width is not None and any(n != width for n in (takes if isinstance(takes, list) else [takes])):
        reasons.append(f"the U-Net takes text of width {takes}, and the text encoder gives {width}")
    return reasons


def _weights(folder: Path, stem: str, variant: str | None) -> list[str]:
    """The weights files of one network: a single one, or an index and the shards that it names."""
    dot = f".{variant}" if variant else ""
    single, index = f"{stem}{dot}.safetensors", f"{stem}.safetensors.index{dot}.json"
    if (folder / single).is_file() or not (folder / index).is_file():
        shards = [p for p in folder.glob(f"{stem}*-of-*.safetensors") if not variant or dot in p.name]
        return [single] if (folder / single).is_file() or not shards else [index]
    shards = read_json(folder / index).get("weight_map")
    if not isinstance(shards, dict) or not all(
        isinstance(name, str) and Path(name).name == name for name in shards.values()
    ):
        raise ValueError(f"{folder / index} has no weight_map of file names; download or write it again")
    return [index, *(f"{stem.rsplit('/', 1)[0]}/{name}" for name in sorted(set(shards.values())))]


def _way_out(folder: Path, missing: list[str]) -> str:
    """What to do about missing files, from what lies beside them."""
    stems = [stem for stem in WEIGHTS if any(name.startswith(f"{stem}.") for name in missing)]
    beside = [p for stem in stems for p in sorted((folder / stem).parent.glob("*"))]
    pickled = [p for p in beside if p.suffix in (".bin", ".msgpack", ".h5", ".onnx")]
    variants = sorted({p.name.split(".")[1] for p in beside if p.suffix == ".safetensors" and p.name.count(".") == 2})
    if any("-of-" in name for name in missing):
        return "Shards are missing; download the folder again"
    if variants:
        return f"There are weights of variant {', '.join(map(repr, variants))}: load(..., variant={variants[0]!r})"
    if pickled:
        return (
            f"{pickled[0].relative_to(folder)} is there, but only safetensors are read, as pickled weights can run "
            "code. Convert it: DiffusionPipeline.from_pretrained(folder, use_safetensors=False), then save_pretrained"
        )
    return (
        "A single .ckpt or .safetensors file must first be converted "
        "(StableDiffusionPipeline.from_single_file, then save_pretrained)"
    )
