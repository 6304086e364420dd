"""The files of a live model: what a site serves so that its pages draw with a checkpoint in the reader's browser.

A network is exported once for its weights, and kept; with everything kept, torch is not even imported.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
TINYWORLD = HERE.parent / "tinyworld"
# The files of `onnxruntime-web` for a CPU, and those that also use a GPU.
RUNTIMES = {
    "wasm": ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"),
    "webgpu": ("ort.jspi.bundle.min.mjs", "ort-wasm-simd-threaded.jspi.wasm"),
}
OF_STUDENTS = {"prediction": "v", "spacing": "trailing", "offset": 0, "toClean": True, "guided": True}


def live_files(
    model: Path, unets: Mapping[str, Path], *, runtime: Path, tokenizers: Path, kept: Path
) -> dict[str, Path]:
    """Name below the site's folder of live models -> the file to serve there.

    Args:
        model: a Stable Diffusion in the Diffusers layout.
        unets: further U-Nets for it, by the names that pages use; its own has the name of its folder. One that takes an
            embedding of the guidance scale is taken to be a student of `diffloop.guided_distillation`, which predicts v
            at "trailing" timesteps.
        runtime, tokenizers: the unpacked packages onnxruntime-web and @huggingface/tokenizers of npm.
        kept: folder that caches what was made.

    Returns:
        networks and runtimes, compressed, under names that change with their content; and below one folder, whose name
        changes with anything, `manifest.json`, the tokenizer's files and the engine's scripts.

    Raises:
        ValueError: if a folder holds no such checkpoint, or a U-Net is not for text to image alone.
    """
    load = cache(lambda: _load(model))
    shared: dict[str, Path] = {}

    def keep(name: str, sources: Iterable[Path], make: Callable[[], bytes]) -> dict[str, Any]:
        path = _kept(kept, name, sources, make)
        shared[path.name] = path
        return {"file": f"../{path.name}", "bytes": path.stat().st_size}

    def network(name: str, folder: Path, unet: Path | None = None) -> dict[str, Any]:
        return keep(f"{name}.onnx", [folder, *_code()], lambda: _exported(load(), name.partition("-")[0], unet))

    parts = {"text_encoder": "text_encoder", "vae_decoder": "vae", "vae_encoder": "vae"}
    networks = {name: network(name, model / part) for name, part in parts.items()}
    about = json.loads(_kept(kept, "about.json", [model, *_code()], lambda: _about(load())).read_bytes())
    found = {}
    for name, folder in {model.name: model / "unet", **unets}.items():
        own = network(f"unet-{name}", folder, None if folder == model / "unet" else folder)
        found[name] = own | (OF_STUDENTS if _is_student(folder) else about["unet"] | {"guided": False})
    manifest = {"networks": networks, "unets": found, **{k: about[k] for k in ("latents", "alphasCumprod")}}
    manifest["runtimes"] = {}
    for device, (module, binary) in RUNTIMES.items():
        code = keep(module, [runtime / "dist" / module], (runtime / "dist" / module).read_bytes)
        wasm = keep(binary, [runtime / "dist" / binary], (runtime / "dist" / binary).read_bytes)
        manifest["runtimes"][device] = {"module": code["file"], "binary": wasm["file"], "bytes": wasm["bytes"]}
    manifest["text"] = about["text"] | {"module": "./tokenizers.mjs", "tokenizer": "tokenizer.json"}
    manifest["text"]["config"] = "tokenizer_config.json"
    if (model / "tiny.json").exists():
        manifest["world"] = json.loads(_kept(kept, "world.json", [TINYWORLD, *_code()], _world).read_bytes())
    own = {path.name: path for pattern in ("*.js", "*.css") for path in sorted(ASSETS.glob(pattern))}
    own["tokenizers.mjs"] = tokenizers / "dist/tokenizers.min.mjs"
    own |= {name: model / "tokenizer" / name for name in ("tokenizer.json", "tokenizer_config.json")}
    text = json.dumps(manifest, separators=(",", ":"))
    key = _digest([*own.values(), *_code()], text)
    own["manifest.json"] = _kept(kept, "manifest.json", (), lambda: text.encode(), key)
    own["start.js"] = _kept(kept, "start.js", (), lambda: _told(ASSETS / "start.js", manifest).encode(), key)
    return shared | {f"{key}/{name}": path for name, path in own.items()}


def _load(model: Path) -> Any:
    from diffloop.pretrained import load

    models = load(model)
    if models.inpaints or getattr(models, "instructs", False):
        raise ValueError(f"{model} is a checkpoint for editing; give one for text to image")
    return models


def _exported(models: Any, name: str, unet: Path | None) -> bytes:
    """The ONNX file of one network. unet: folder of another one than the checkpoint's own."""
    from live.networks import export

    return export(models, name, unet)


def _about(models: Any) -> bytes:
    """What the engine must know of a checkpoint beside its networks."""
    height, width = models.latent_size(None)
    tokenizer = models.tokenizer
    sizes = {"channels": models.latent_channels, "height": height, "width": width, "scale": models.scale}
    unet = {"prediction": models.prediction, "spacing": models.spacing, "offset": models.steps_offset}
    text = {
        "length": tokenizer.model_max_length,
        "pad": tokenizer.pad_token_id,
        "end": tokenizer.eos_token_id,
    }
    about = {"latents": sizes, "unet": unet | {"toClean": models.set_alpha_to_one}, "text": text}
    return json.dumps(about | {"alphasCumprod": models.alphas_cumprod.tolist()}).encode()


def _world() -> bytes:
    """The words that models of our world know, and its colours: what a page offers its readers."""
    from tinyworld.captions import GROUND_PHRASES, SIZE_WORDS
    from tinyworld.scene import COLOURS, SHAPES
    from tinyworld.setting import GROUND_LIGHT, RGB

    grounds = [phrase for phrases in GROUND_PHRASES.values() for phrase in phrases]
    sizes = [word for words in SIZE_WORDS.values() for word in words]
    words = {"size": sizes, "colour": COLOURS, "thing": SHAPES, "place": ["left of", "right of"], "ground": grounds}
    colours = RGB | {ground: parts[0] for ground, parts in GROUND_LIGHT.items()}
    return json.dumps({"words": words, "colours": colours}).encode()


def _told(script: Path, manifest: Mapping[str, Any]) -> str:
    """The script of the button, which says how much is loaded, with the sizes of the files in it."""
    networks = {name: network["bytes"] for name, network in manifest["networks"].items()}
    sizes = {name: {key: one["bytes"] for key, one in manifest[name].items()} for name in ("runtimes", "unets")}
    sizes |= {"always": networks["text_encoder"] + networks["vae_decoder"], "encoder": networks["vae_encoder"]}
    before, here, after = script.read_text(encoding="utf-8").partition("const SIZES = null;")
    assert here, script
    return f"{before}const SIZES = {json.dumps(sizes)};{after}"


def _is_student(folder: Path) -> bool:
    return json.loads((folder / "config.json").read_bytes()).get("time_cond_proj_dim") is not None


def _code() -> list[Path]:
    """What the exported files depend on beside the weights."""
    return sorted(HERE.glob("*.py"))


def _kept(kept: Path, name: str, sources: Iterable[Path], make: Callable[[], bytes], key: str = "") -> Path:
    """A file that is made once for its sources: "unet-tiny-0123456789ab.onnx". Networks and binaries are compressed."""
    stem, suffix = name.rsplit(".", 1)
    path = kept / f"{stem}-{key or _digest(sources, version('torch'))}.{suffix}"
    if not path.is_file():
        data = make()
        data = gzip.compress(data, 9, mtime=0) if suffix in ("onnx", "wasm") else data
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=".tmp-", dir=kept, delete=False) as file:
            file.write(data)
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
    return path


def _digest(paths: Iterable[Path], text: str = "") -> str:
    """A hash of the content of files, and of all files in folders."""
    total = hashlib.sha256(text.encode())
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                total.update(f"{file.name}\0{file.stat().st_size}\0".encode())
                total.update(file.read_bytes())
    return total.hexdigest()[:12]
