"""Several processes, as `accelerate launch` or torchrun starts them: who am I, and averaging over all."""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from torch import nn


def ranks() -> tuple[int, int]:
    """(rank, number of processes): (0, 1), unless `accelerate launch` or torchrun started several."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    return (dist.get_rank(), world) if world > 1 else (0, 1)


def any_rank(stop: bool, world: int) -> bool:
    """Does any process want to stop? They must agree, or the others would wait for ever."""
    if world == 1:
        return stop
    flag = torch.tensor(float(stop), device="cuda" if dist.get_backend() == "nccl" else "cpu")
    dist.all_reduce(flag, dist.ReduceOp.MAX)
    return bool(flag > 0)


def of_first_rank(value: object, world: int) -> object:
    """The first process's value, in every process (clocks differ)."""
    if world == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def average_gradients(params: list[nn.Parameter], world: int) -> None:
    """Replace every gradient by its mean over the processes."""
    if world > 1:
        for p in params:
            if p.grad is not None:
                dist.all_reduce(p.grad)
                p.grad /= world
