"""Stage `export`: the trained parts as folders that Diffusers and Transformers load, half precision.

models/tiny         a StableDiffusionPipeline; tiny.json says what it was trained from
models/tiny-clip    CLIPModel, tokenizer and image processor: as trained by contrast, before `joint`
models/tiny-oracle  the oracle; its own format, see `oracle.load_oracle`
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPTokenizer

from tinyworld.checkpoint import VERSION, git_commit, load_checkpoint
from tinyworld.stage_clip import trained_clip
from tinyworld.stage_oracle import trained_oracle
from tinyworld.stage_unet import trained_parts
from tinyworld.tokenizer import make_tokenizer

LIMIT_MB = 30.0


def export(runs: Path, models: Path) -> dict[str, float | str]:
    """Write the three folders below `models` from the checkpoints below `runs`; other files there (a model card) stay.

    Returns:
        megabytes by folder.

    Raises:
        ValueError: if a stage is missing, or the folders together exceed 30 MB.
    """
    models.mkdir(parents=True, exist_ok=True)
    for left_by_a_kill in models.glob(".export-*"):
        shutil.rmtree(left_by_a_kill)
    sizes: dict[str, float | str] = {}
    with tempfile.TemporaryDirectory(dir=models, prefix=".export-") as name:
        made = Path(name)
        _save_pipeline(runs, made / "tiny")
        _save_clip(runs, made / "tiny-clip")
        _save_oracle(runs, made / "tiny-oracle")
        for folder in sorted(made.iterdir()):
            sizes[f"{folder.name} MB"] = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6
        if (total := sum(sizes.values())) > LIMIT_MB:
            raise ValueError(f"the models take {total:.1f} MB; they must stay within {LIMIT_MB:.0f} MB")
        for file in sorted(f for f in made.rglob("*") if f.is_file()):
            target = models / file.relative_to(made)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)
    return sizes


def _save_pipeline(runs: Path, folder: Path) -> None:
    parts = trained_parts(runs)
    parts.vae.register_to_config(scaling_factor=parts.scaling_factor)
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    pipeline = StableDiffusionPipeline(
        vae=half(parts.vae),
        text_encoder=half(parts.text_encoder),
        tokenizer=parts.tokenizer,
        unet=half(parts.unet),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    full_precision_on_load(folder / "text_encoder" / "config.json")
    _legacy_tokenizer_files(folder / "tokenizer", parts.tokenizer)
    stages = [s for s in ("oracle", "vae", "clip", "unet", "joint") if (runs / s / "checkpoint.pt").exists()]
    states = {s: load_checkpoint(runs / s / "checkpoint.pt", s) for s in stages}
    about = {
        "version": VERSION,
        "git": git_commit(),
        "steps": {s: state["step"] for s, state in states.items()},
        "minutes": {s: round(state["seconds"] / 60, 1) for s, state in states.items()},
    }
    (folder / "tiny.json").write_text(json.dumps(about, indent=2) + "\n")


def _save_clip(runs: Path, folder: Path) -> None:
    tokenizer = make_tokenizer()
    half(trained_clip(runs)).save_pretrained(folder)
    full_precision_on_load(folder / "config.json")
    tokenizer.save_pretrained(folder)
    _legacy_tokenizer_files(folder, tokenizer)
    size, grey = {"height": 64, "width": 64}, [0.5, 0.5, 0.5]
    steps = {"do_resize": True, "do_rescale": True, "do_normalize": True, "do_center_crop": False}
    images = {
        "image_processor_type": "CLIPImageProcessor",
        **steps,
        "size": size,
        "image_mean": grey,
        "image_std": grey,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(images, indent=2) + "\n")


def _save_oracle(runs: Path, folder: Path) -> None:
    folder.mkdir()
    width = load_checkpoint(runs / "oracle" / "checkpoint.pt", "oracle")["hyper"]["width"]
    weights = {k: v.half().contiguous() for k, v in trained_oracle(runs).state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"version": VERSION, "width": width}, indent=2) + "\n")


def half(module: nn.Module) -> nn.Module:
    """The module on the CPU, its weights in half precision."""
    return module.cpu().to(torch.float16)


def full_precision_on_load(path: Path) -> None:
    """Transformers loads in the type that the configuration names; a CPU wants float32 of half-precision files."""
    config = json.loads(path.read_text())
    for part in (config, *(v for v in config.values() if isinstance(v, dict))):
        for key in ("dtype", "torch_dtype"):
            if key in part:
                part[key] = "float32"
    path.write_text(json.dumps(config, indent=2) + "\n")


def _legacy_tokenizer_files(folder: Path, tokenizer: CLIPTokenizer) -> None:
    """vocab.json and merges.txt beside tokenizer.json, for Transformers before version 5 and for other readers."""
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False))
    merges = (" ".join(pair) if isinstance(pair, list) else pair for pair in model["merges"])
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
