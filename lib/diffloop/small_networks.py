"""Many small networks side by side, for experiments in the plane whose unit is a training: one matrix product for all.

Run one by one, such networks cost more in calls than in arithmetic. In one tensor each layer is a batched product, and
an optimizer that treats each weight separately, such as Adam, trains them independently of each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

# Frequencies of the sines and cosines of its inputs that a network also sees: it learns narrow shapes sooner.
OCTAVES = (1.0, 2.0, 4.0)


class SmallNetworks(nn.Module):
    """n perceptrons that see a point of d dimensions and a time in [0, 1]; `small_networks` makes new ones."""

    def __init__(self, weights: Sequence[Tensor], biases: Sequence[Tensor]):
        super().__init__()
        self.weights, self.biases = nn.ParameterList(weights), nn.ParameterList(biases)

    def forward(self, x: Float[Tensor, "b n d"], u: float | Tensor) -> Float[Tensor, "b n d"]:
        """What each network returns at its own points.

        Args:
            x: row k of the second axis is seen by the k-th network alone.
            u: the time: a number, or a tensor of shape (b, 1, 1) or (b, n, 1).
        """
        u = torch.as_tensor(u, dtype=x.dtype, device=x.device).expand(*x.shape[:2], 1)
        seen = torch.cat([1.5 * x, math.pi * u], 2)
        waves = (seen[..., None] * seen.new_tensor(OCTAVES)).flatten(2)
        h = torch.cat([x, u, waves.sin(), waves.cos()], 2).transpose(0, 1)  # (n, b, features)
        for i, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(b, silu(h) if i else h, w)
        return h.transpose(0, 1)

    def part(self, which: slice) -> SmallNetworks:
        """Some of the networks, copied, without gradients."""
        copies = ([p[which].detach().clone() for p in ps] for ps in (self.weights, self.biases))
        return SmallNetworks(*copies).requires_grad_(False)


def small_networks(
    n: int, generator: torch.Generator, *, d: int = 2, width: int = 64, hidden: int = 3, copies: int = 1
) -> SmallNetworks:
    """copies * n networks. Network k, k + n, k + 2n, ... have the same initial weights, to be trained differently.

    Args:
        n: networks with initial weights of their own, >= 1.
        generator: on the CPU.
        d: dimensions of a point, and of what a network returns.
        width, hidden: of the hidden layers, and their number, >= 1.
        copies: >= 1.

    Raises:
        ValueError: if a number is below 1.
    """
    if min(n, d, width, hidden, copies) < 1:
        raise ValueError(f"n, d, width, hidden, copies are {n}, {d}, {width}, {hidden}, {copies}; each must be >= 1")
    sizes = ((d + 1) * (1 + 2 * len(OCTAVES)), *[width] * hidden, d)
    weights = [torch.randn(n, a, b, generator=generator) / math.sqrt(a) for a, b in pairwise(sizes)]
    biases = [torch.zeros(copies * n, 1, b) for b in sizes[1:]]
    return SmallNetworks([w.repeat(copies, 1, 1) for w in weights], biases)
