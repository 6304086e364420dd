"""Training that survives an interruption: a generator of (step, loss) that resumes from a file, bit for bit.

    optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-4)
    for step, loss in train(loss_at, optimizer, steps=500, generator=g, checkpoint="runs/a.pt"):
        ...

Run again after an interruption, from the same start, it first yields the losses that the file holds, at once, and then
continues: the caller sees the same sequence as if nothing had happened.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Loss = Callable[[torch.Generator], Tensor]
HALF = (torch.float16, torch.bfloat16)
SAMPLED = 4096  # values of a tensor that go into its fingerprint


def train(
    loss_at: Loss,
    optimizer: Optimizer,
    *,
    steps: int,
    generator: torch.Generator,
    checkpoint: str | Path | None = None,
    save_every: int = 100,
    inputs: Iterable[Tensor] = (),
) -> Iterator[tuple[int, float]]:
    """(step, loss) for step = 0 .. steps-1. The loss is the one before the step's update.

    Gradients reach only what the optimizer holds; so a base model around it stays as it is, without even a `.grad`.
    The file is written whole or not at all (under another name, then renamed), every `save_every` steps and at the end.

    Args:
        loss_at: draws all it needs from the generator that it is given, and returns a scalar.
        optimizer: holds the parameters to train, freshly made. Its parameters, its own state, the generator's state and
            the losses are what is saved; buffers (batch statistics) are not.
        steps: number of updates, counted from the very start, >= 1. More than last time: the run is extended.
        generator: on the CPU, as at the start of the run: seed it again before a resumed run.
        checkpoint: file to save to and to resume from; None: neither.
        save_every: >= 1.
        inputs: what else the losses depend on (data, embeddings, frozen weights). With the trained parameters, the
            optimizer's settings and the generator's state it makes the run's fingerprint, by which a file from another
            run is rejected.

    Returns:
        a lazy iterator. Nothing is loaded or trained until the first item is requested.

    Raises:
        ValueError: at the call: if steps or save_every < 1, the generator is not on the CPU, or a parameter of the
            optimizer needs no gradient or is in half precision; while iterating: if the file is of another run, has
            more steps than asked for or cannot be read, or the loss is not one finite number.
    """
    parameters = _check(optimizer, steps, save_every, generator)
    path = None if checkpoint is None else Path(checkpoint)

    def run() -> Iterator[tuple[int, float]]:
        start = _fingerprint(parameters, optimizer, generator, inputs) if path else {}
        losses = _resume(path, start, parameters, optimizer, generator, steps) if path and path.exists() else []
        yield from enumerate(losses[:])
        for step in range(len(losses), steps):
            losses.append(_update(loss_at, optimizer, parameters, generator, step))
            if path and ((step + 1) % save_every == 0 or step + 1 == steps):
                state = {"parameters": [p.detach() for p in parameters], "optimizer": optimizer.state_dict()}
                _save(path, {"start": start, "losses": losses, "generator": generator.get_state(), **state})
            yield step, losses[-1]

    return run()


def check_trains(optimizer: Optimizer, parameters: Iterable[Tensor], what: str) -> None:
    """Raises ValueError unless all that the optimizer holds is among `parameters`, which `what` describes."""
    allowed = {id(p) for p in parameters}
    strange = sum(id(p) not in allowed for group in optimizer.param_groups for p in group["params"])
    if strange:
        raise ValueError(f"the optimizer holds {strange} tensors that are not {what}; make it for these alone")


def write_whole(path: str | Path, write: Callable[[Path], object]) -> None:
    """`write` to a temporary file beside `path`, then rename: the file is there whole, or as it was before."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def master_weights(module: nn.Module) -> nn.Module:
    """The module itself, its half-precision parts converted to float32."""
    for tensor in [*module.parameters(), *module.buffers()]:
        if tensor.dtype in HALF:
            tensor.data = tensor.data.float()
    return module


def _update(
    loss_at: Loss, optimizer: Optimizer, parameters: list[Tensor], generator: torch.Generator, step: int
) -> float:
    optimizer.zero_grad(set_to_none=True)
    with torch.enable_grad():
        loss = loss_at(generator)
    if loss.numel() != 1 or not math.isfinite(loss.item()):
        raise ValueError(f"the loss is {loss.tolist()} at step {step}; it must be one finite number: try a lower lr")
    loss.backward(inputs=parameters)
    optimizer.step()
    return loss.item()


def _check(optimizer: Optimizer, steps: int, save_every: int, generator: torch.Generator) -> list[Tensor]:
    for name, value in (("steps", steps), ("save_every", save_every)):
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be >= 1")
    if generator.device.type != "cpu":
        raise ValueError(f"the generator is on {generator.device}; it must be on the cpu")
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    frozen = sum(not p.requires_grad for p in parameters)
    if frozen:
        raise ValueError(
            f"{frozen} of {len(parameters)} tensors in the optimizer do not need gradients; train a copy: "
            "finetuning.full_copy or lora_copy. A loaded base model is frozen, so that it stays as it is"
        )
    half = sorted({str(p.dtype) for p in parameters if p.dtype in HALF})
    if half:
        raise ValueError(
            f"the optimizer holds tensors of {', '.join(half)}, in which small updates are lost; train float32: "
            "finetuning.full_copy or lora_copy, or master_weights(module) before the optimizer is made"
        )
    return parameters


def _fingerprint(
    parameters: list[Tensor], optimizer: Optimizer, generator: torch.Generator, inputs: Iterable[Tensor]
) -> dict[str, str]:
    """What a run depends on, by name."""
    settings = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    return {
        "optimizer": f"{type(optimizer).__name__} {settings}",
        "seed": f"{generator.initial_seed()}, state {_digest([generator.get_state()])}",
        "starting point": _digest(parameters),
        "data": _digest(inputs),
    }


def _digest(tensors: Iterable[Tensor]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        flat = tensor.detach().flatten()
        sample = flat[:: max(1, len(flat) // SAMPLED)].cpu().double()
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode() + sample.numpy().tobytes())
    return digest.hexdigest()[:12]


def _save(path: Path, state: dict) -> None:
    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())

    write_whole(path, write)


@torch.no_grad()
def _resume(
    path: Path,
    start: dict[str, str],
    parameters: list[Tensor],
    optimizer: Optimizer,
    generator: torch.Generator,
    steps: int,
) -> list[float]:
    """Restore everything from the file; returns the losses so far."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        was, losses = state["start"], state["losses"]
    except Exception as error:  # a damaged file can make torch.load raise almost anything
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error}); delete it to restart") from error
    for name, now in start.items():
        if was.get(name) != now:
            raise ValueError(
                f"{path} is of another run: its {name} was {was.get(name)}, now it is {now}. "
                "Delete it to restart, or give another path"
            )
    if len(losses) > steps:
        raise ValueError(
            f"steps is {steps}; {path} already holds {len(losses)}: ask for at least as many, or delete it"
        )
    for parameter, saved in zip(parameters, state["parameters"], strict=True):
        parameter.copy_(saved)
    optimizer.load_state_dict(state["optimizer"])
    generator.set_state(state["generator"])
    return losses
