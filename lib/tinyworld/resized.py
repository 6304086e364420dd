"""Resizes pictures between the world, whose renders and oracle have 64 x 64 pixels, and a checkpoint of any size."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

SIDE = 64


def to_model(pictures: Tensor, side: int = SIDE) -> Tensor:
    """Renders as a checkpoint takes them.

    Args:
        pictures: uint8 (n, 3, h, w).
        side: pixels of the checkpoint's pictures.

    Returns:
        float32 (n, 3, side, side) in [0, 1], on the same device, each pixel the nearest one.

    Raises:
        ValueError: if pictures have another shape or type, or `side` is below 1.
    """
    if pictures.ndim != 4 or pictures.shape[1] != 3 or pictures.dtype != torch.uint8 or side < 1:
        raise ValueError(
            f"pictures are {pictures.dtype} {tuple(pictures.shape)}, side is {side}; need uint8 (n, 3, h, w), side > 0"
        )
    return interpolate(pictures.float() / 255, size=(side, side))


def to_oracle(images: Tensor) -> Tensor:
    """A model's pictures as the oracle takes them.

    Args:
        images: floats (n, 3, h, w) in [0, 1], on any device; a decoder's overshoot is clipped.

    Returns:
        uint8 (n, 3, 64, 64) on the CPU; each pixel the mean of the area that it covers.

    Raises:
        ValueError: if images have another shape, or are not floats.
    """
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(f"images are {images.dtype} {tuple(images.shape)}; need floats (n, 3, h, w)")
    small = interpolate(images.detach().cpu().float(), size=(SIDE, SIDE), mode="area")
    return (255 * small.clamp(0, 1)).round().to(torch.uint8)
