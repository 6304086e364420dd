"""Numbers on their way from the CPU, where they are drawn, to the device that computes with them."""

from __future__ import annotations

import torch
from torch import Tensor


def carried(values: Tensor, device: torch.device | str, dtype: torch.dtype | None = None) -> Tensor:
    """The values on a device, cast to dtype if one is given.

    A plain `.to("cuda")` waits until the GPU has done all the work that it was given before. This one goes through
    pinned memory and does not: the copy takes its turn in the GPU's own queue, and Python prepares what comes next.
    """
    values = values if dtype is None else values.to(dtype)
    if torch.device(device).type != "cuda" or values.device.type != "cpu":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)
