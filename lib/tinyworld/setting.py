"""What all scenes of one ground share: camera rays, colours, lights, and the empty picture.

Computed on the CPU in float64 and rounded once to float32, so that every device starts from the same numbers.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

RGB = {
    "red": (0.87, 0.10, 0.08),
    "yellow": (0.99, 0.84, 0.06),
    "green": (0.06, 0.62, 0.14),
    "cyan": (0.08, 0.80, 0.86),
    "blue": (0.10, 0.20, 0.88),
    "pink": (0.98, 0.36, 0.74),
    "white": (0.97, 0.97, 0.97),
    "black": (0.06, 0.06, 0.07),
}
# Per ground: its colour, the colour of its light, the sky at the horizon and at the top, the light's direction.
GROUND_LIGHT = {
    "grass": ((0.50, 0.64, 0.27), (0.80, 0.77, 0.68), (0.78, 0.90, 0.97), (0.42, 0.68, 0.95), (-0.52, 0.74, -0.43)),
    "sand": ((0.90, 0.77, 0.54), (0.82, 0.74, 0.62), (0.97, 0.90, 0.78), (0.72, 0.82, 0.90), (0.60, 0.66, -0.45)),
    "snow": ((0.90, 0.93, 0.98), (0.70, 0.72, 0.76), (0.86, 0.89, 0.93), (0.66, 0.74, 0.83), (-0.38, 0.80, -0.46)),
    "night": ((0.27, 0.31, 0.48), (0.70, 0.76, 0.86), (0.13, 0.15, 0.32), (0.03, 0.04, 0.12), (0.46, 0.72, -0.52)),
}
AMBIENT = 0.42  # light from all sides, as a share of a thing's colour
EYE = (0.0, 2.0, -4.6)
TARGET = (0.0, 0.66, 0.0)
HALF_WIDTH = 0.38  # tangent of half the field of view
MOON = (50.0, 3.4, 2.4)  # x, y and radius in pixels of a 64 x 64 picture


def light_direction(ground: str) -> tuple[float, float, float]:
    """Unit vector towards the ground's light."""
    d = np.array(GROUND_LIGHT[ground][4])
    return tuple((d / np.linalg.norm(d)).tolist())


def _rays(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions (3, side^2), row by row from the top left, and the way to the ground (inf in the sky)."""
    eye, target = np.array(EYE), np.array(TARGET)
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.array([1.0, 0.0, 0.0])
    up = np.cross(forward, right)
    at = (np.arange(side) + 0.5) / side * 2 - 1
    u, v = np.meshgrid(at * HALF_WIDTH, -at * HALF_WIDTH)
    d = forward + u[..., None] * right + v[..., None] * up
    d = (d / np.linalg.norm(d, axis=-1, keepdims=True)).reshape(-1, 3).T
    below = np.minimum(d[1], -1e-3)
    return d, np.where(d[1] < -1e-3, -EYE[1] / below, np.inf)


@lru_cache(maxsize=8)
def camera(side: int, device: torch.device) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """Unit directions of the side x side rays, as three flat tensors, and each ray's way to the ground (inf: sky)."""
    d, way = _rays(side)
    x, y, z, way = (torch.from_numpy(a.astype(np.float32)).to(device) for a in (*d, way))
    return (x, y, z), way


@lru_cache(maxsize=32)
def backdrop(ground: str, side: int, device: torch.device) -> Tensor:
    """(2, 3, side^2): the empty picture without direct light, and the direct light to add where nothing is in its way.

    The ground fades into the horizon's colour; the sky rises from it to the top's; the night has a moon.
    """
    colour, light, horizon, top, _ = (np.array(c)[:, None] for c in GROUND_LIGHT[ground])
    d, way = _rays(side)
    on_ground = np.isfinite(way)
    haze = np.clip((np.where(on_ground, way, 0.0) - 5.0) / 22.0, 0.0, 1.0)
    rise = np.clip(d[1] / 0.16, 0.0, 1.0)
    sky = horizon * (1 - rise) + top * rise
    if ground == "night":
        y, x = np.divmod(np.arange(side * side), side)
        away = np.hypot((x + 0.5) * 64 / side - MOON[0], (y + 0.5) * 64 / side - MOON[1])
        sky = np.where(away < MOON[2], np.array([0.95, 0.93, 0.82])[:, None], sky)
    base = np.where(on_ground, colour * AMBIENT * (1 - haze) + horizon * haze, sky)
    direct = np.where(on_ground, colour * light * light_direction(ground)[1] * (1 - haze), 0.0)
    return torch.from_numpy(np.stack([base, direct]).astype(np.float32)).to(device)
