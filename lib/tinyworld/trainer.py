"""The training loop of every stage: resumable to the bit, stopped by steps or by the clock.

All randomness of step k comes from a generator seeded by (seed, k), and the order of the data from (seed, epoch): a run
killed and resumed repeats a run left alone, and neither generator nor data order needs to be stored.

The learning rate warms up, stays constant, and falls to zero in a cooldown at the end. The state before the cooldown is
kept (`stable.pt`), so that a finished run can be extended as if it had never cooled down.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from tinyworld.budget import Budget, learning_rate_scale, plan_cooldown, share_done
from tinyworld.checkpoint import load_checkpoint, rewrite_curve, save_checkpoint, write_manifest
from tinyworld.curve import Curve
from tinyworld.parallel import any_rank, average_gradients, of_first_rank, ranks
from tinyworld.progress import Progress

Losses = dict[str, Tensor]


def step_generator(seed: int, step: int, stream: int = 0) -> Generator:
    """The CPU generator of one step: the same numbers for the same (seed, step, stream), whatever ran before."""
    return Generator().manual_seed((seed * 1_000_003 + step) * 64 + stream)


@lru_cache(maxsize=4)
def _order(n: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(n, generator=step_generator(seed, epoch, 63))


def batch_indices(n: int, batch: int, step: int, seed: int, rank: int = 0, ranks: int = 1) -> Tensor:
    """Indices (batch,) of step `step`: every epoch is a fresh permutation of 0..n-1, dealt out to the ranks in turn."""
    start = (step * ranks + rank) * batch
    at = torch.arange(start, start + batch)
    return torch.stack([_order(n, seed, int(i) // n)[int(i) % n] for i in at])


def autocast(device: str | torch.device, *, enabled: bool = True) -> torch.autocast:
    """bfloat16 where the device multiplies it natively (a GPU since Ampere, a new CPU); elsewhere a no-op."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=enabled and _native_bfloat16(kind))


@lru_cache(maxsize=2)
def _native_bfloat16(kind: str) -> bool:
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    path = Path("/proc/cpuinfo")
    return path.exists() and any(flag in path.read_text() for flag in ("avx512_bf16", "amx_bf16"))


def train(
    stage: str,
    modules: dict[str, nn.Module],
    loss_at: Callable[[int, Generator], Losses],
    folder: Path,
    budget: Budget,
    *,
    lr: float | dict[str, float],
    hyper: dict,
    seed: int = 0,
    warmup: int = 100,
    weight_decay: float = 0.01,
    ema_decay: float = 0.998,
    clip: float = 1.0,
    save_every: int | None = None,
    compiled: bool = False,
    show: Callable[[int], None] | None = None,
    show_every: int = 500,
    extend: bool = True,
    data_hash: str = "",
) -> dict:
    """Train until the budget is spent; resume from `folder` if it holds a checkpoint.

    Args:
        stage: name, kept in the checkpoint.
        modules: what is trained, by name, already on its device. On return they hold the averaged (EMA) weights.
        loss_at: (step, CPU generator) -> losses; "loss" is minimised, all are logged.
        folder: for checkpoint.pt, stable.pt, curve.csv, manifest.json.
        budget: steps (the total, with what an earlier call did) or minutes (of this call), and the cooldown's share.
        lr: peak learning rate of AdamW, for all or by module.
        hyper: what the checkpoint must agree on: shapes of the model, batch.
        save_every: steps between checkpoints; None: 100, on a GPU 1000.
        compiled: run the modules by `torch.compile`. It reaches those that the loss calls whole, such as U-Nets.
        show: called with the step on EMA weights; writes pictures.
        extend: go on from before the cooldown if the run was finished; False: leave a finished run alone.

    Returns:
        the last checkpoint's state.

    Raises:
        ValueError: if the checkpoint is truncated, of another version, stage or shape; FloatingPointError: if a loss is
            not finite.
    """
    rank, world = ranks()
    params = {name: [p for p in m.parameters() if p.requires_grad] for name, m in modules.items()}
    rates = lr if isinstance(lr, dict) else dict.fromkeys(modules, lr)
    groups = [{"params": params[name], "lr": rates[name], "peak": rates[name]} for name in modules]
    flat = [p for group in params.values() for p in group]
    device = flat[0].device
    on_gpu = device.type == "cuda"
    save_every = save_every or (1000 if on_gpu else 100)
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=weight_decay, fused=on_gpu or None)
    state = _start(stage, modules, optimizer, folder, hyper, extend, budget)
    if state["finished"]:
        swap_in(modules, state["ema"])
        return state
    folder.mkdir(parents=True, exist_ok=True)
    if rank == 0:
        rewrite_curve(folder / "curve.csv", state["step"])
    curve, began, first = Curve(stage, device), time.monotonic(), state["step"]
    bar, averaged = Progress(stage, quiet=rank > 0), _pairs(modules, state["ema"])
    for module in modules.values() if compiled else ():
        module.compile()

    def save(name: str = "checkpoint.pt") -> None:
        curve.read()  # before anything is written: a run that has gone wrong keeps its last good checkpoint
        if rank == 0:
            state["seconds"] += time.monotonic() - state.pop("since", began)
            state["since"] = time.monotonic()
            save_checkpoint(folder / name, stage, modules, optimizer, state, hyper)
            if name == "checkpoint.pt":
                rewrite_curve(folder / "curve.csv", first, curve.rows)
                write_manifest(folder, stage, state, hyper, seed, data_hash, device)

    while not state["finished"]:
        step, elapsed = state["step"], time.monotonic() - began
        if state["cooldown"] is None:
            state["cooldown"] = of_first_rank(plan_cooldown(budget, step, elapsed, step - first), world)
        if state["cooldown"] and step == state["cooldown"][0]:
            save("stable.pt")
        if state["cooldown"] and step >= sum(state["cooldown"]):
            state["finished"] = True
            break
        late = budget.minutes and elapsed > 60 * budget.minutes * (1.2 if budget.steps is None else 1.0)
        if any_rank(bool(late) and step > first, world):  # one step at least: every call gets further
            break
        scale = learning_rate_scale(step, warmup, state["cooldown"])
        losses = loss_at(step, step_generator(seed, step, rank))
        loss = curve.add(step, scale, losses)
        _descend(optimizer, losses["loss"], flat, scale, clip, world)
        _update_ema(averaged, min(ema_decay, (1 + step) / (10 + step)))
        state["step"] = step + 1
        bar.update(step + 1, loss, share=share_done(budget, state, first, time.monotonic() - began))
        if (step + 1) % save_every == 0:
            save()
        if show and rank == 0 and (step + 1) % show_every == 0:
            with ema_weights(modules, state["ema"]):
                _shown(show, step + 1)
    bar.close()
    save()
    swap_in(modules, state["ema"])
    if show and rank == 0 and state["finished"]:
        _shown(show, state["step"])
    return state


def _shown(show: Callable[[int], None], step: int) -> None:
    """Pictures have other shapes than batches: what is compiled for batches would be compiled again for these."""
    with torch.compiler.set_stance("force_eager"):
        show(step)


def _start(stage, modules, optimizer, folder, hyper, extend, budget) -> dict:
    """A fresh state, or that of the checkpoint; a finished run starts again before its cooldown if it is extended."""
    path = folder / "checkpoint.pt"
    if not path.exists():
        ema = {name: {k: v.detach().clone().float() for k, v in m.state_dict().items()} for name, m in modules.items()}
        return {"step": 0, "ema": ema, "cooldown": None, "finished": False, "seconds": 0.0}
    state = load_checkpoint(path, stage, hyper)
    cooling = state["cooldown"] is not None and state["step"] >= state["cooldown"][0]
    if budget.steps is None:
        anew = state["finished"] and extend and budget.minutes is not None
    else:
        anew = cooling and budget.steps > sum(state["cooldown"]) and (extend or not state["finished"])
    if anew and (folder / "stable.pt").exists():
        state = load_checkpoint(folder / "stable.pt", stage, hyper)
    if anew or not cooling:
        state["cooldown"], state["finished"] = None, False  # planned again, by this call's budget
    for name, module in modules.items():
        module.load_state_dict(state["modules"][name])
        device = next(module.parameters()).device
        state["ema"][name] = {k: v.to(device) for k, v in state["ema"][name].items()}
    for group in state["optimizer"]["param_groups"]:  # as this device wants it, whichever the checkpoint was made on
        group["fused"] = optimizer.defaults["fused"]
    peaks = [group["peak"] for group in optimizer.param_groups]
    optimizer.load_state_dict(state["optimizer"])
    for group, peak in zip(optimizer.param_groups, peaks, strict=True):
        group["peak"] = peak
    del state["modules"], state["optimizer"]
    return state


def _descend(
    optimizer: torch.optim.Optimizer, loss: Tensor, params: list[nn.Parameter], scale: float, clip: float, world: int
) -> None:
    """One step of the optimizer at `scale` times the peak rates, gradients averaged over processes and clipped."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * scale
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    average_gradients(params, world)
    nn.utils.clip_grad_norm_(params, clip)
    optimizer.step()


def _pairs(modules: dict[str, nn.Module], ema: dict[str, dict[str, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    """(averages, weights), tensor by tensor; they share the memory of the modules, and so follow their training."""
    now = [(name, key, v) for name, m in modules.items() for key, v in m.state_dict().items() if v.is_floating_point()]
    return [ema[name][key] for name, key, _ in now], [v for *_, v in now]


@torch.no_grad()
def _update_ema(averaged: tuple[list[Tensor], list[Tensor]], decay: float) -> None:
    averages, weights = averaged
    torch._foreach_lerp_(averages, [w.float() for w in weights], 1 - decay)


class ema_weights:
    """Context: the modules hold their averaged weights inside it, and have their own again after it."""

    def __init__(self, modules: dict[str, nn.Module], ema: dict[str, dict[str, Tensor]]) -> None:
        self.modules, self.ema = modules, ema

    def __enter__(self) -> None:
        self.before = {n: {k: v.clone() for k, v in m.state_dict().items()} for n, m in self.modules.items()}
        swap_in(self.modules, self.ema)

    def __exit__(self, *_: object) -> None:
        swap_in(self.modules, self.before)


def swap_in(modules: dict[str, nn.Module], weights: dict[str, dict[str, Tensor]]) -> None:
    """Load weights, by module name, and switch to evaluation mode (no module here has dropout or batch statistics)."""
    for name, module in modules.items():
        module.load_state_dict(weights[name])
