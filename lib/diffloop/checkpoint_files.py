"""A checkpoint's files: whether they are all there, and whether they are of a model that our loops know.

Everything here reads names and JSON only, so that an unsupported folder is rejected before any weights are loaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Configs = Mapping[str, dict[str, Any]]  # part -> the content of its config.json; only parts that have one

SCHEDULER_CONFIG = "scheduler/scheduler_config.json"
WAY_OUT = "Use such a checkpoint, or sample this one with its own Diffusers pipeline"
FOREIGN_PARTS = {  # a folder that no family of ours has, or only another family, and what it is
    "transformer": "a transformer in place of the U-Net (DiT, PixArt, Flux and their relatives)",
    "text_encoder_2": "a second text encoder (SDXL's is a CLIPTextModelWithProjection; Flux, HunyuanDiT)",
    "prior": "a prior (unCLIP, Kandinsky, Wuerstchen)",
    "decoder": "a decoder of its own (unCLIP, Wuerstchen)",
    "image_normalizer": "an embedding of images as a condition (Stable unCLIP)",
    "movq": "a MoVQ autoencoder (Kandinsky)",
    "vqvae": "a VQ autoencoder (latent diffusion of 2022)",
    "vqmodel": "a VQ autoencoder",
    "motion_adapter": "a motion module (video)",
}
CLIP = ("model_type", ("clip_text_model", "clip"))
NAMED = {  # what config.json says for a class from Transformers; for one from Diffusers it names the class
    "CLIPTextModel": CLIP,
    "CLIPTextModelWithProjection": CLIP,
    "T5EncoderModel": ("model_type", ("t5",)),
}
STEMS = {"diffusers": "diffusion_pytorch_model", "transformers": "model"}  # library -> its weights' file
TOKENIZERS = {  # the class of a tokenizer -> its files, one of which must be there
    "CLIPTokenizer": ("vocab.json", "tokenizer.json"),
    "T5TokenizerFast": ("spiece.model", "tokenizer.json"),
}


@dataclass(frozen=True)
class Family:
    """A row of `pretrained.FAMILIES`: what tells a family's checkpoints, what they consist of, what loads them."""

    what: str  # for messages
    models: Any  # the class; `models.misfits(configs)` lists what the parts' files ask for and it does not do
    mark: str  # the part whose class identifies the family
    pipelines: str  # how its pipelines' names begin: identifies it where no file names that part's class
    parts: dict[str, str]  # folder -> library and class
    settings: Callable[[dict[str, Any], Path], tuple[dict[str, Any], str]]  # reads the scheduler's file
    optional: tuple[str, ...] = ()  # text encoders that may be null in model_index.json
    options: tuple[str, ...] = ()  # fields that are read from model_index.json: true or false
    full_vae: bool = False  # in float16, whether the VAE computes in float32 if its config has `force_upcast`


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


def check_kind(folder: Path, families: Sequence[Family]) -> Family:
    """The family of a checkpoint; the last one if it has no other family's mark.

    Raises:
        ValueError: if the checkpoint is of a family that we do not know; the message gives every reason.
    """
    index = read_index(folder)
    named = _named(index)
    pipeline = str(index.get("_class_name", ""))
    family = next((f for f in families[:-1] if _marked(folder, f, named, pipeline)), families[-1])
    foreign = {part: what for part, what in FOREIGN_PARTS.items() if part not in family.parts}
    reasons = [f"{part}/ is {w}" for part, w in foreign.items() if part in named or (folder / part).is_dir()]
    parts = _networks(parts_of(folder, family))
    configs = {part: read_json(path) for part in parts if (path := folder / part / "config.json").is_file()}
    for part in configs:
        cls = _class(parts[part])
        key, legal = NAMED.get(cls, ("_class_name", (cls,)))
        if (found := configs[part].get(key)) is not None and found not in legal:
            reasons.append(f"{part}/ is a {found}, not {legal[0]}")
    root = folder / "config.json"
    if not {"unet", "transformer"} & set(configs) and root.is_file():
        reasons.append(f"its own config.json is that of a single {read_json(root).get('_class_name', 'network')}")
    if index.get("requires_aesthetics_score"):
        reasons.append("it is SDXL's refiner, which takes an aesthetic score and has one text encoder")
    reasons = reasons or family.models.misfits(configs)
    if reasons:
        kind = f"a {pipeline}" if pipeline else "a checkpoint"
        supported = "; ".join(family.what for family in reversed(families))
        raise ValueError(
            f"{folder} is {kind} that is not supported: {'; '.join(reasons)}. Supported are {supported}. {WAY_OUT}"
        )
    return family


def read_index(folder: Path) -> dict[str, Any]:
    """The content of model_index.json; empty if there is no such file."""
    path = folder / "model_index.json"
    return read_json(path) if path.is_file() else {}


def parts_of(folder: Path, family: Family) -> dict[str, str]:
    """The family's parts that this checkpoint has: an optional one is left out if model_index.json says null, or does
    not mention it and there is no folder. Without a text encoder, its tokenizer is left out too."""
    index = read_index(folder)
    named = _named(index)
    gone = {p for p in family.optional if p not in named and (p in index or not (folder / p).is_dir())}
    gone |= {part.replace("text_encoder", "tokenizer") for part in gone}
    return {part: cls for part, cls in family.parts.items() if part not in gone}


def patterns(families: Sequence[Family], variant: str | None) -> list[str]:
    """Patterns of the files to download for a checkpoint of any of these families."""
    parts = {part: cls for family in families for part, cls in family.parts.items()}
    weights = [f"{stem}*.{variant}*" if variant else f"{stem}*.safetensors*" for stem in _stems(parts)]
    configs = [f"{part}/config.json" for part in _networks(parts)]
    tokenizers = [f"{part}/*" for part in parts if part not in _networks(parts)]
    return [*weights, *configs, *tokenizers, SCHEDULER_CONFIG, "model_index.json"]


def check_layout(folder: Path, family: Family, variant: str | None) -> None:
    """Raises FileNotFoundError unless every file to be read is there, and ValueError if a weights file is truncated.
    variant: such as "fp16", whose weights have files of their own."""
    parts = parts_of(folder, family)
    names = [*(f"{part}/config.json" for part in _networks(parts)), SCHEDULER_CONFIG]
    missing = [name for name in names if not (folder / name).is_file()]
    for part, cls in parts.items():
        legal = [f"{part}/{name}" for name in TOKENIZERS.get(_class(cls), ())]
        if legal and not any((folder / name).is_file() for name in legal):
            missing.append(" or ".join(legal))
    files = {stem: _weights(folder, stem, variant) for stem in _stems(parts)}
    missing += [name for found in files.values() for name in found if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder} is not a checkpoint in the Diffusers layout; missing: {', '.join(missing)}. "
            f"{_way_out(folder, missing, list(files), family)}"
        )
    from safetensors import SafetensorError, safe_open

    for path in (folder / name for found in files.values() for name in found if name.endswith(".safetensors")):
        try:
            with safe_open(path, "pt"):  # reads the header and compares it with the file's length
                pass
        except (SafetensorError, OSError) as error:
            raise ValueError(
                f"{path} is damaged or truncated ({path.stat().st_size:,} bytes; {error}); download or write it again"
            ) from error


def _named(index: dict[str, Any]) -> dict[str, Any]:
    """The parts that model_index.json names, each with its class; those that are null are left out."""
    return {part: entry[-1] for part, entry in index.items() if isinstance(entry, list) and any(entry)}


def _marked(folder: Path, family: Family, named: dict[str, Any], pipeline: str) -> bool:
    """Whether the part that identifies the family is there, or in model_index.json, and has the family's class."""
    path = folder / family.mark / "config.json"
    if family.mark not in named and not path.parent.is_dir():
        return False
    config = read_json(path) if path.is_file() else {}
    names = config.get("architectures")  # of a class from Transformers
    found = config.get("_class_name") or (names[0] if names and isinstance(names, list) else named.get(family.mark))
    return found == _class(family.parts[family.mark]) if found else pipeline.startswith(family.pipelines)


def _class(dotted: str) -> str:
    return dotted.split(".")[1]


def _networks(parts: dict[str, str]) -> dict[str, str]:
    return {part: cls for part, cls in parts.items() if _class(cls) not in TOKENIZERS}


def _stems(parts: dict[str, str]) -> list[str]:
    return [f"{part}/{STEMS[cls.split('.')[0]]}" for part, cls in _networks(parts).items()]


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


def _way_out(folder: Path, missing: list[str], stems: list[str], family: Family) -> str:
    """What to do about missing files, judging by the files beside them."""
    stems = [stem for stem in stems if any(name.startswith(f"{stem}.") for name in missing)]
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
    if (part := missing[0].split("/")[0]) in family.optional:
        return f'Download {part}/, or do without it: "{part}": [null, null] in model_index.json'
    if (folder / "model_index.json").is_file():
        return "The folder is not complete; download it again"
    return (
        "A single .ckpt or .safetensors file must first be converted "
        f"({family.pipelines}Pipeline.from_single_file, then save_pretrained)"
    )
