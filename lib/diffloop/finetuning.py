"""Copies of a base model to train, so that the base stays as it is: whole, or with low-rank additions (LoRA).

    tuned = dataclasses.replace(models, unet=lora_copy(models.unet, rank=4, generator=g))
    optimizer = torch.optim.AdamW(lora_parameters(tuned.unet), lr=1e-3)

`tuned` goes wherever `models` does. A LoRA copy shares the base's weights in memory and adds to them.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from diffloop.training import HALF, master_weights, write_whole

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")  # the projections of Diffusers' attention


def full_copy(module: nn.Module) -> nn.Module:
    """A copy with weights of its own, all of which need gradients. In evaluation mode: no dropout.

    Weights in half precision become float32: an update is often smaller than half precision can add, and then lost.
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
    """A shared copy in which each targeted linear layer W x became W x + B A x; only A and B need gradients.

    A (rank, in) is drawn, B (out, rank) is zero, so that before training the copy computes what the base does, to the
    bit. The usual factor alpha / rank is 1. They are float32 if the base is in half precision. Needs `peft`.

    Args:
        module: a U-Net or a text encoder.
        rank: >= 1.
        targets: ends of layer names. Those of Diffusers' attention; for CLIP's text encoder
            ("q_proj", "k_proj", "v_proj", "out_proj").
        generator: draws the A's, on the CPU.

    Raises:
        ValueError: if rank < 1, or no layer's name ends in one of the targets.
        ModuleNotFoundError: if peft is not installed.
    """
    if rank < 1:
        raise ValueError(f"rank is {rank}; it must be >= 1")
    names = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)]
    if not any(name == end or name.endswith(f".{end}") for name in names for end in targets):
        raise ValueError(f"targets is {tuple(targets)}; no linear layer is called so: there are {', '.join(names[:8])}")
    from peft import LoraConfig, inject_adapter_in_model

    tuned = shared_copy(module)
    flags = [(p, p.requires_grad) for p in tuned.parameters()]
    with torch.random.fork_rng(devices=[]):  # peft draws from the global generator
        inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=list(targets)), tuned)
    for parameter, flag in flags:  # peft has frozen the base's own tensors
        parameter.requires_grad_(flag)
    for name, parameter in tuned.named_parameters():
        if ".lora_" in name and parameter.dtype in HALF:
            parameter.data = parameter.data.float()
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
    """The A's and B's under the names that Diffusers' `load_lora_weights` expects. part: "unet" or "text_encoder"."""
    if part not in ("unet", "text_encoder"):
        raise ValueError(f"part is {part!r}; choose 'unet' or 'text_encoder'")
    lora_parameters(module)
    named = {name: p.detach() for name, p in module.named_parameters() if ".lora_" in name}
    return {f"{part}.{name.replace('.default.', '.')}": p.cpu().contiguous() for name, p in named.items()}


def save_lora(path: str | Path, module: nn.Module, *, part: str = "unet") -> None:
    """`lora_state` as a safetensors file. Diffusers loads it: `pipeline.load_lora_weights(path)`."""
    from safetensors.torch import save_file

    write_whole(path, lambda temporary: save_file(lora_state(module, part=part), temporary, {"format": "pt"}))


def load_lora(path: str | Path, module: nn.Module, *, part: str = "unet") -> nn.Module:
    """A `lora_copy` of the base `module` with the A's and B's of a file that `save_lora` wrote.

    Raises:
        ValueError: if the file is not one of `part`, or does not fit the module.
    """
    from safetensors.torch import load_file

    saved = load_file(path)
    ranks = {len(A) for name, A in saved.items() if name.endswith(".lora_A.weight")}
    names = [name.removeprefix(f"{part}.").rsplit(".lora_", 1)[0] for name in saved]
    if len(ranks) != 1 or not all(name.startswith(f"{part}.") for name in saved):
        raise ValueError(f"{path} is no LoRA of part {part!r} and of one rank; its first names: {list(saved)[:3]}")
    tuned = lora_copy(module, rank=ranks.pop(), targets=sorted(set(names)), generator=torch.Generator())
    fresh = lora_state(tuned, part=part)
    if {k: v.shape for k, v in fresh.items()} != {k: v.shape for k, v in saved.items()}:
        raise ValueError(f"{path} does not fit this {type(module).__name__}: its layers are {names[:3]} ...")
    own = {f"{part}.{name.replace('.default.', '.')}": p for name, p in tuned.named_parameters()}
    for name, value in saved.items():
        own[name].data.copy_(value)
    return tuned
