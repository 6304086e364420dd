"""The losses of a run on their way to curve.csv, read from the device as seldom as possible."""

from __future__ import annotations

import math

import torch
from torch import Tensor

AT_ONCE = 50  # steps whose losses are read together from a GPU: reading one waits for all the work given before


class Curve:
    """`rows` holds what has been read: dicts of step, lr_scale and the losses by name."""

    def __init__(self, stage: str, device: torch.device) -> None:
        self.stage, self.every = stage, AT_ONCE if device.type == "cuda" else 1
        self.rows: list[dict] = []
        self._waiting: list[tuple[int, float, dict[str, Tensor]]] = []

    def add(self, step: int, scale: float, losses: dict[str, Tensor]) -> float | None:
        """Take a step's losses. Returns the last "loss" if it has been read by now, else None. Raises: see `read`."""
        self._waiting.append((step, scale, {name: loss.detach() for name, loss in losses.items()}))
        if len(self._waiting) < self.every:
            return None
        self.read()
        return self.rows[-1]["loss"]

    def read(self) -> None:
        """Read what is still on the device, in one go.

        Raises:
            FloatingPointError: if a loss is not finite; of several steps, the first is named.
        """
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        table = torch.stack([torch.stack([v.float() for v in losses.values()]) for _, _, losses in waiting]).tolist()
        for (step, scale, losses), numbers in zip(waiting, table, strict=True):
            values = dict(zip(losses, numbers, strict=True))
            if not all(math.isfinite(v) for v in values.values()):
                raise FloatingPointError(f"{self.stage}, step {step}: a loss is not finite: {values}")
            self.rows.append({"step": step, "lr_scale": scale, **values})
