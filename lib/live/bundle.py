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
from concurrent.futures import ProcessPoolExecutor
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
    shared: dict[str, Path] = {}

    def serve(path: Path) -> dict[str, Any]:
        shared[path.name] = path
        return {"file": f"../{path.name}", "bytes": path.stat().st_size}

    def keep(name: str, source: Path) -> dict[str, Any]:
        return serve(_kept(kept, name, [source], source.read_bytes))

    unets = {model.name: model / "unet", **unets}
    folders = {f"unet-{name}": folder for name, folder in unets.items()}
    folders |= {"vae_encoder": model / "vae", "vae_decoder": model / "vae", "text_encoder": model / "text_encoder"}
    networks = {name: serve(path) for name, path in _networks(model, folders, kept).items()}
    about = json.loads(_kept(kept, "about.json", [model, *_code()], lambda: _about(_load(model))).read_bytes())
    found = {}
    for name, folder in unets.items():
        said = OF_STUDENTS if _is_student(folder) else about["unet"] | {"guided": False}
        found[name] = networks.pop(f"unet-{name}") | said
    manifest = {"networks": networks, "unets": found, **{k: about[k] for k in ("latents", "alphasCumprod")}}
    manifest["runtimes"] = {}
    for device, (module, binary) in RUNTIMES.items():
        code, wasm = (keep(name, runtime / "dist" / name) for name in (module, binary))
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


def _networks(model: Path, folders: Mapping[str, Path], kept: Path) -> dict[str, Path]:
    """Name -> exported network. Those that are not kept are exported at the same time, each on a core."""
    paths = {name: _place(kept, f"{name}.onnx", [folder, *_code()]) for name, folder in folders.items()}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if len(missing) > 1:
        with ProcessPoolExecutor(min(len(missing), os.cpu_count() or 1)) as pool:
            list(pool.map(_network, *zip(*((model, name, folders[name], kept) for name in missing), strict=True)))
    return {name: _network(model, name, folder, kept) for name, folder in folders.items()}


def _network(model: Path, name: str, folder: Path, kept: Path) -> Path:
    """The exported network, made if it is not kept."""

    def make() -> bytes:
        from live.networks import export

        unet = folder if name.startswith("unet-") and folder != model / "unet" else None
        return export(_load(model), name.partition("-")[0], unet)

    return _kept(kept, f"{name}.onnx", [folder, *_code()], make)


@cache
def _load(model: Path) -> Any:
    from diffloop.pretrained import load

    models = load(model)
    if models.inpaints or getattr(models, "instructs", False):
        raise ValueError(f"{model} is a checkpoint for editing; give one for text to image")
    return models


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


def _place(kept: Path, name: str, sources: Iterable[Path], key: str = "") -> Path:
    """Where a file that is made once for its sources is kept: "unet-tiny-0123456789ab.onnx"."""
    stem, suffix = name.rsplit(".", 1)
    return kept / f"{stem}-{key or _digest(sources, version('torch'))}.{suffix}"


def _kept(kept: Path, name: str, sources: Iterable[Path], make: Callable[[], bytes], key: str = "") -> Path:
    """A file that is made once for its sources. Networks and binaries are compressed."""
    path = _place(kept, name, sources, key)
    if not path.is_file():
        data = make()
        data = gzip.compress(data, 9, mtime=0) if path.suffix in (".onnx", ".wasm") else data
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
