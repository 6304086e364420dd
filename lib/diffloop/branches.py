"""Two classes in the plane that look like trees: narrow branches, with score and density in closed form.

Pictures are said to lie near thin sheets that branch again and again as noise is removed. A tree does so in two
dimensions, where one can see which branches a sampler misses and which samples lie beside them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from diffloop.exact import GaussianMixture, gaussian_mixture


class Trees(NamedTuple):
    """What `two_trees` returns."""

    mixture: GaussianMixture  # of both classes, weighted equally
    classes: tuple[range, range]  # the components of each class, for `exact.condition`
    branch: Tensor  # (K,) int64: the branch of each component, unique over both classes
    tips: tuple[list[int], list[int]]  # the outermost branches of each class


def two_trees(generator: torch.Generator, *, depth: int = 4, per_branch: int = 5, std: float = 0.5) -> Trees:
    """Two trees that grow from nearly the same point, at a right angle to each other, with randomly turned branches.

    Each branch is a row of Gaussians and splits into two shorter ones, which together weigh less than it does.

    Source: karras2024autoguidance, Appendix C. Departure: 4 generations and 75 components for each class, where the
    paper has 7 and 1016, and somewhat wider branches, so that a network of a few thousand weights can learn them.

    Args:
        generator: draws the branches' angles and lengths; on the CPU.
        depth: generations of branches, >= 1.
        per_branch: Gaussians per branch, >= 1.
        std: root-mean-square deviation of the data along an axis, > 0; the mean is 0.

    Raises:
        ValueError: if depth, per_branch or std is out of range.
    """
    if depth < 1 or per_branch < 1 or not std > 0:
        raise ValueError(f"depth, per_branch, std are {depth}, {per_branch}, {std}; need >= 1, >= 1 and > 0")
    parts = [_tree(generator, depth, per_branch, lean) for lean in (1, 3)]
    means, covs, weights = (torch.cat(columns) for columns in zip(*(part[:3] for part in parts), strict=True))
    size, branches = len(means) // 2, 2**depth - 1
    means = means - weights @ means / 2
    total = (weights / 2) @ (means.square().sum(1) + covs.diagonal(dim1=1, dim2=2).sum(1))
    scale = std / (total / 2).sqrt()
    mixture = gaussian_mixture(weights, scale * means, scale**2 * covs)
    branch = torch.cat([parts[0][3], parts[1][3] + branches])
    outer = [list(range(k * branches + 2 ** (depth - 1) - 1, (k + 1) * branches)) for k in (0, 1)]
    return Trees(mixture, (range(size), range(size, 2 * size)), branch, (outer[0], outer[1]))


def _tree(generator: torch.Generator, depth: int, per_branch: int, lean: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Means, covariances, weights (their sum is 1) and branches of one tree, branches counted from 0 by generation."""
    start = torch.tensor([0.05, 0.0] if lean == 1 else [-0.05, 0.0], dtype=torch.float64)
    now = [(start, lean * math.pi / 4, 1.0, 1.0)]  # where, in which direction, how long, how heavy
    rows: list[tuple[Tensor, Tensor, float, int]] = []
    count = 0
    for _ in range(depth):
        after = []
        for at, angle, length, weight in now:
            way = length * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
            cov = torch.outer(way, way) * (0.5 / per_branch) ** 2
            cov = cov + (0.07 * length) ** 2 * (torch.eye(2, dtype=torch.float64) - torch.outer(way, way) / length**2)
            for i in range(per_branch):
                rows.append((at + way * (i + 0.5) / per_branch, cov, weight / per_branch, count))
            count += 1
            for side in (-1, 1):
                turn, shrink = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
                after.append(
                    (at + way, angle + side * (0.35 + 0.4 * turn), length * (0.6 + 0.2 * shrink), 0.45 * weight)
                )
        now = after
    means, covs, weights, branch = zip(*rows, strict=True)
    w = torch.tensor(weights, dtype=torch.float64)
    return torch.stack(means), torch.stack(covs), w / w.sum(), torch.tensor(branch)
