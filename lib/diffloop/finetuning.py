"""Copies of a base model to train, so that the base stays as it is: whole, or with low-rank additions (LoRA).

    tuned = dataclasses.replace(models, unet=lora_copy(models.unet, rank=4, generator=g))
    optimizer = torch.optim.AdamW(lora_parameters(tuned.unet), lr=1e-3)

`tuned` goes wherever `models` does. A LoRA copy shares the base's weights in memory and adds to them.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from diffloop.lora_files import metadata, read_lora
from diffloop.training import HALF, master_weights, write_whole

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")  # the projections of Diffusers' attention


def full_copy(module: nn.Module) -> nn.Module:
    """A copy with weights of its own, all of which need gradients. In evaluation mode: no dropout.

    Weights in half precision become float32: an update is often too small to add in half precision, and is lost.
    """
    return master_weights(copy.deepcopy(module)).requires_grad_(True).eval()


def shared_copy(module: nn.Module) -> nn.Module:
    """A copy of the structure on the same tensors: its layers can be replaced without touching the original's."""
    tensors = [*module.parameters(), *module.buffers()]
    return copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})


def lora_copy(
    module: nn.Module,
    *,
    rank: int = 4,
    targets: Sequence[str] = ATTENTION,
    generator: torch.Generator,
) -> nn.Module:
    """A shared copy in which each targeted linear layer W x becomes W x + B A x; only A and B need gradients.

    A (rank, in) is drawn, B (out, rank) is zero, so before training the copy computes what the base does, bit for bit.
    The usual factor alpha / rank is 1. They are float32 if the base is in half precision. Needs `peft`.

    Args:
        module: a U-Net or a text encoder.
        rank: >= 1.
        targets: ends of layer names; by default of Diffusers' attention. For CLIP's text encoder
            use ("q_proj", "k_proj", "v_proj", "out_proj").
        generator: draws the A's, on the CPU.

    Raises:
        ValueError: if rank < 1, or no layer's name ends in one of the targets.
        ModuleNotFoundError: if peft is not installed.
    """
    if rank < 1:
        raise ValueError(f"rank is {rank}; it must be >= 1")
    names = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)]
    if not any(name == end or name.endswith(f".{end}") for name in names for end in targets):
        raise ValueError(f"targets is {tuple(targets)}; no linear layer is named so: there are {', '.join(names[:8])}")
    tuned = _injected(module, rank, list(targets), {})
    for name, parameter in tuned.named_parameters():
        if ".lora_A." in name:
            bound = 1 / math.sqrt(parameter.shape[1])  # as peft, and as nn.Linear
            drawn = torch.rand(parameter.shape, generator=generator)
            parameter.data.copy_((2 * drawn - 1) * bound)
    return tuned.eval()


def lora_parameters(module: nn.Module) -> list[nn.Parameter]:
    """The A's and B's, for the optimizer.

    Raises:
        ValueError: if there are none.
    """
    found = [p for name, p in module.named_parameters() if ".lora_" in name]
    if not found:
        raise ValueError(f"this {type(module).__name__} has no LoRA layers; make it with lora_copy")
    return found


def lora_state(module: nn.Module, *, part: str = "unet") -> dict[str, Tensor]:
    """The A's and B's under the names that Diffusers' `load_lora_weights` expects. part: "unet" or "text_encoder".

    Raises:
        ValueError: if part is neither, or the module has no LoRA layers.
    """
    if part not in ("unet", "text_encoder"):
        raise ValueError(f"part is {part!r}; choose 'unet' or 'text_encoder'")
    lora_parameters(module)
    named = {name: p.detach() for name, p in module.named_parameters() if ".lora_" in name}
    return {f"{part}.{name.replace('.default.', '.')}": p.cpu().contiguous() for name, p in named.items()}


def save_lora(path: str | Path, module: nn.Module, *, part: str = "unet") -> None:
    """`lora_state` as a safetensors file. Diffusers loads it: `pipeline.load_lora_weights(path)`.

    Where alpha is not the rank, as in a LoRA from elsewhere, the file's metadata has it.
    """
    from safetensors.torch import save_file

    state, adapted = lora_state(module, part=part), dict(_adapted(module))
    about = metadata(
        part,
        {name: layer.r["default"] for name, layer in adapted.items()},
        {name: layer.scaling["default"] for name, layer in adapted.items()},
    )
    write_whole(path, lambda temporary: save_file(state, temporary, about))


def load_lora(path: str | Path, module: nn.Module, *, part: str = "unet") -> nn.Module:
    """A copy of the base `module`, as from `lora_copy`, with the A's and B's of a file from `save_lora`, Diffusers,
    PEFT or kohya, with their alphas, and with another rank in each layer if need be.

    Raises:
        ValueError: if the file is not one of `part`, is not a plain LoRA, or does not fit the module.
    """
    layers = {name: layer for name, layer in module.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)}
    found = read_lora(path, part, layers)
    for name, (down, up, _) in found.items():
        rank, weight = len(down), layers[name].weight
        shapes = ((rank, *weight.shape[1:]), (len(weight), rank, *[1] * (weight.ndim - 2)))
        if (down.shape, up.shape) != shapes:
            raise ValueError(f"{path} does not fit this {type(module).__name__}: {name} has another shape")
    ranks = {name: len(addition.down) for name, addition in found.items()}
    tuned = _injected(module, next(iter(ranks.values())), "|".join(map(re.escape, ranks)), ranks)
    for name, layer in _adapted(tuned):
        for side, value in ((layer.lora_A, found[name].down), (layer.lora_B, found[name].up)):
            side["default"].weight.data.copy_(value)
        layer.scaling["default"] = found[name].scaling
    return tuned.eval()


def _injected(module: nn.Module, rank: int, targets: list[str] | str, ranks: dict[str, int]) -> nn.Module:
    """A shared copy with additions of alpha = rank.

    targets: ends of layers' names, or a regular expression for whole ones. ranks: of layers, where it is not `rank`.
    """
    from peft import LoraConfig, inject_adapter_in_model

    tuned = shared_copy(module)
    flags = [(p, p.requires_grad) for p in tuned.parameters()]
    pattern = {f"^{re.escape(name)}": r for name, r in ranks.items()}
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=targets, rank_pattern=pattern, alpha_pattern=pattern)
    with torch.random.fork_rng(devices=[]):  # peft draws from the global generator
        inject_adapter_in_model(config, tuned)
    for parameter, flag in flags:  # peft has frozen the base's own tensors
        parameter.requires_grad_(flag)
    for name, parameter in tuned.named_parameters():
        if ".lora_" in name and parameter.dtype in HALF:
            parameter.data = parameter.data.float()
    return tuned


def _adapted(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """The layers with additions, by name."""
    return ((name, layer) for name, layer in module.named_modules() if getattr(layer, "lora_A", None))
