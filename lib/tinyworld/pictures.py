"""Grids of pictures as PNG files."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from tinyworld.checkpoint import write_atomic


def grid(images: Tensor, columns: int, *, scale: int = 1) -> Image.Image:
    """uint8 pictures (n, 3, h, w), row by row, each pixel `scale` pixels wide; missing ones are white."""
    n, _, h, w = images.shape
    rows = -(-n // columns)
    sheet = torch.full((3, rows * h, columns * w), 255, dtype=torch.uint8)
    for i, image in enumerate(images):
        y, x = i // columns * h, i % columns * w
        sheet[:, y : y + h, x : x + w] = image
    picture = Image.fromarray(sheet.permute(1, 2, 0).numpy())
    return picture.resize((columns * w * scale, rows * h * scale), Image.Resampling.NEAREST)


def save_grid(images: Tensor, path: Path, columns: int, *, scale: int = 2) -> None:
    """Write a grid of uint8 pictures (n, 3, h, w) to a PNG file, at once or not at all."""
    write_atomic(path, lambda temporary: grid(images.cpu(), columns, scale=scale).save(temporary, format="PNG"))
