"""Files with low-rank additions: ours, Diffusers', PEFT's and kohya's, read into one form."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

METADATA = "lora_adapter_metadata"  # Diffusers' key
KOHYA = {"unet": ("lora_unet_",), "text_encoder": ("lora_te_", "lora_te1_")}
NAMES = re.compile(
    r"(?P<layer>.+?)[._](?P<side>lora_A|lora_B|lora_down|lora_up|lora\.down|lora\.up|lora_linear_layer\.down|"
    r"lora_linear_layer\.up)(\.default)?\.weight"
)
REFUSED = ("dora_scale", "lora_magnitude_vector", "lora_B.bias", "hada_", "lokr_", "lora_mid", "lora_embedding")


class Addition(NamedTuple):
    """What is added to one layer: (alpha / rank) B A."""

    down: Tensor  # A: (rank, in), or (rank, in, k, k) of a convolution
    up: Tensor  # B: (out, rank)
    scaling: float  # alpha / rank


def read_lora(path: str | Path, part: str, layers: Collection[str]) -> dict[str, Addition]:
    """The additions of a file to the layers of one part, by the layers' own names.

    alpha is what the file says of a layer, else its metadata (Diffusers) or the adapter_config.json beside it (PEFT),
    else the rank.

    Args:
        path: a .safetensors file, or a folder that PEFT wrote.
        part: "unet" or "text_encoder"; what a file holds for another part is ignored.
        layers: names in the module.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be read, holds nothing for the part, or something that is not a LoRA of `layers`.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "adapter_model.safetensors"
    state, settings = _read(path, part)
    own = {name: value for key, value in state.items() if (name := _own_name(key, part)) is not None}
    if not own:
        raise ValueError(f"{path} is not a LoRA of part {part!r}; its first names: {list(state)[:3]}")
    odd = [name for name in own if any(word in name for word in REFUSED)]
    if odd or any(settings.get(key) for key in ("use_dora", "lora_bias")):
        raise ValueError(
            f"{path} is not a plain LoRA ({(odd or ['use_dora or lora_bias'])[0]}): only A, B and alpha are read"
        )
    sides, alphas = _sides(own, path, layers)
    found = {}
    for layer, pair in sides.items():
        if set(pair) != {"down", "up"} or pair["down"].shape[0] != pair["up"].shape[1]:
            raise ValueError(
                f"{path}: layer {layer} has { ({k: tuple(v.shape) for k, v in pair.items()}) }; A and B must match"
            )
        rank = pair["down"].shape[0]
        alpha = alphas.get(layer, _setting(settings, "alpha_pattern", layer, settings.get("lora_alpha")))
        told = _setting(settings, "rank_pattern", layer, settings.get("r"))
        if told is not None and told != rank:
            raise ValueError(f"{path}: layer {layer} has rank {rank}, but the settings say {told}; the file is damaged")
        root = math.sqrt(rank) if settings.get("use_rslora") and layer not in alphas else rank
        found[layer] = Addition(**pair, scaling=1.0 if alpha is None else float(alpha) / root)
    return found


def metadata(part: str, ranks: dict[str, int], scalings: dict[str, float]) -> dict[str, str]:
    """What `save_lora` writes beside the tensors, so that Diffusers and `read_lora` scale them alike.

    Empty where every alpha equals its rank, as both assume."""
    plain = {"format": "pt"}
    if all(scaling == 1 for scaling in scalings.values()):
        return plain
    first = next(iter(ranks))
    settings: dict[str, Any] = {
        "r": ranks[first],
        "lora_alpha": scalings[first] * ranks[first],
        "rank_pattern": {name: rank for name, rank in ranks.items() if rank != ranks[first]},
        "alpha_pattern": {name: scaling * ranks[name] for name, scaling in scalings.items()},
        "target_modules": sorted(ranks),
    }
    return plain | {METADATA: json.dumps({f"{part}.{key}": value for key, value in settings.items()})}


def _read(path: Path, part: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file, and PEFT's settings for the part."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            state, about = {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
        settings = json.loads(about.get(METADATA, "{}"))
        beside = path.with_name("adapter_config.json")
        if path.name == "adapter_model.safetensors" and beside.is_file():
            settings = json.loads(beside.read_text(encoding="utf-8"))
    except (SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} cannot be read ({error}); it must be a .safetensors file. A .bin or .pt one must be converted: "
            "safetensors.torch.save_file(torch.load(path, weights_only=True), ...)"
        ) from error
    prefixed = {key.removeprefix(f"{part}."): value for key, value in settings.items() if key.startswith(f"{part}.")}
    plain = {key: value for key, value in settings.items() if "." not in key}
    return state, prefixed or plain


def _own_name(key: str, part: str) -> str | None:
    """A tensor's name without the part's, or None if it is another part's. A name without a part is taken as ours."""
    key = key.removeprefix("base_model.model.")
    for prefix in (f"{part}.", *KOHYA[part]):
        if key.startswith(prefix):
            return key.removeprefix(prefix)
    others = ("unet.", "text_encoder.", "text_encoder_2.", "transformer.", "lora_unet_", "lora_te")
    return None if key.startswith(others) else key


def _sides(own: dict[str, Tensor], path: Path, layers: Collection[str]) -> tuple[dict[str, dict[str, Tensor]], dict]:
    """{layer: {"down": A, "up": B}} and {layer: alpha}."""
    flat = {name.replace(".", "_"): name for name in layers}
    sides: dict[str, dict[str, Tensor]] = {}
    alphas: dict[str, float] = {}
    for name, value in own.items():
        old = re.sub(r"\.processor\.(to_\w+?)_lora\.", r".\1.lora.", name).replace("to_out.lora.", "to_out.0.lora.")
        match = NAMES.fullmatch(old)
        written = match["layer"] if match else old.removesuffix(".alpha")
        guesses = [form.replace(".", "_") for form in (written, written.removeprefix("text_model."))]
        guesses += [guesses[0].removeprefix("text_model_"), f"text_model_{guesses[0]}"]
        layer = next((flat[guess] for guess in guesses if guess in flat), None)
        if layer is None or not (match or old.endswith(".alpha")):
            raise ValueError(
                f"{path} does not fit: {name} belongs to no layer of this network, such as {sorted(layers)[:3]}"
            )
        if match:
            sides.setdefault(layer, {})["down" if match["side"].endswith(("A", "down")) else "up"] = value
        else:
            alphas[layer] = value.item()
    return sides, alphas


def _setting(settings: dict[str, Any], patterns: str, layer: str, default: Any) -> Any:
    """PEFT's rule: a pattern is a regular expression for the end of a layer's name; the first that fits applies."""
    for pattern, value in (settings.get(patterns) or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", layer):
            return value
    return default
