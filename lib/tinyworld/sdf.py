"""Signed distances of the five shapes, and marching along rays: to the surface, and to the light.

Each shape lives in its own unit space (standing on y = 0, lengths in units of the thing's radius), so that rays are
transformed once and a distance costs a few operations. Flat bases reach 0.1 below the ground: no edge shows there.
Coordinates are separate flat tensors, and nothing but + - * / sqrt min max abs floor is used: IEEE 754 rounds these the
same everywhere, so pictures agree to the bit in any batch and on any device.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Point = tuple[Tensor, Tensor, Tensor]

# Per shape, in units of the radius: height of the bounding sphere's centre, and the sphere's own radius.
BOUNDS = {
    "ball": (1.0, 1.001),
    "cube": (0.75, 1.417),
    "cone": (0.713, 1.289),
    "cylinder": (0.9, 1.251),
    "ring": (1.0, 1.001),
}
HIT = 0.004  # a ray this close (in radii) has hit
STEPS = 40
SHADOW_STEPS = 18
SOFTNESS = 7.0  # larger is harder: a ray that passes the caster at distance d after a way t gets light SOFTNESS * d / t
PENUMBRA = 0.45  # how far (in radii) beyond the bounding sphere a caster's shadow can reach


def _ball(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    y = y - 1.0
    return (x * x + y * y + z * z).sqrt() - 1.0


def _cube(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    x, y, z = x.abs() - 0.8, (y - 0.75).abs() - 0.85, z.abs() - 0.8
    inside = torch.maximum(x, torch.maximum(y, z)).clamp(max=0.0)
    x, y, z = x.clamp(min=0.0), y.clamp(min=0.0), z.clamp(min=0.0)
    return (x * x + y * y + z * z).sqrt() + inside


def _cone(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """A lower bound: the larger of the distances to the side and to the base. Marching needs no more."""
    rho = (x * x + z * z).sqrt()
    return torch.maximum(rho * 0.90328605 + (y - 2.0) * 0.42906087, -0.1 - y)  # radius 0.95 at y = 0, tip at 2


def _cylinder(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    side, cap = (x * x + z * z).sqrt() - 0.75, (y - 0.9).abs() - 1.0
    inside = torch.maximum(side, cap).clamp(max=0.0)
    side, cap = side.clamp(min=0.0), cap.clamp(min=0.0)
    return (side * side + cap * cap).sqrt() + inside


def _ring(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    y = y - 1.0
    q = (x * x + y * y).sqrt() - 0.72
    return (q * q + z * z).sqrt() - 0.28


DISTANCES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "ball": _ball,
    "cube": _cube,
    "cone": _cone,
    "cylinder": _cylinder,
    "ring": _ring,
}


def bounding_interval(shape: str, o: Point, d: Point, *, margin: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """(meets, t_in, t_out) of unit rays o + t d with the shape's bounding sphere, enlarged by `margin`."""
    height, radius = BOUNDS[shape]
    oy = o[1] - height
    b = o[0] * d[0] + oy * d[1] + o[2] * d[2]
    c = o[0] * o[0] + oy * oy + o[2] * o[2] - (radius + margin) * (radius + margin)
    disc = b * b - c
    root = disc.clamp(min=0.0).sqrt()
    return (disc > 0) & (root > b), (-b - root).clamp(min=0.0), root - b


def march(shape: str, o: Point, d: Point, t_in: Tensor, t_out: Tensor) -> Tensor:
    """Sphere tracing: t where each ray meets the shape, inf where it does not. Unit space, flat tensors of one length.

    Rays that have hit or left are dropped every eight steps: most are done long before the last.
    """
    distance = DISTANCES[shape]
    found = torch.full_like(t_in, float("inf"))
    alive, t = torch.arange(len(t_in), device=t_in.device), t_in
    for step in range(STEPS):
        gap = distance(o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2])
        t = torch.where(gap > HIT, t + gap, t)
        if step % 8 == 7:
            hit = gap <= HIT
            found[alive[hit]] = t[hit]
            keep = (~hit & (t < t_out)).nonzero()[:, 0]
            alive, t, t_out = alive[keep], t[keep], t_out[keep]
            o, d = tuple(a[keep] for a in o), tuple(a[keep] for a in d)
    return found


def light_reaching(shape: str, o: Point, light: Point, t_in: Tensor, t_out: Tensor, radius: Tensor) -> Tensor:
    """Share of the light, in [0, 1], that passes the shape on its way to each point: a soft shadow.

        light = min over the way of SOFTNESS * distance / t, 0 if the ray hits

    Unit space; `radius` scales a way of t radii back to the world, where the light's width is set.
    """
    distance = DISTANCES[shape]
    reaching = torch.ones_like(t_in)
    t = t_in.clamp(min=0.02)
    step = (t_out - t).clamp(min=0.0) * (1.0 / SHADOW_STEPS)
    for _ in range(SHADOW_STEPS):
        gap = distance(o[0] + t * light[0], o[1] + t * light[1], o[2] + t * light[2])
        reaching = torch.minimum(reaching, SOFTNESS * gap / (t * radius + 0.15) * radius)
        t = t + torch.maximum(gap * 0.5, step)
        t = torch.minimum(t, t_out)
    return reaching.clamp(min=0.0)


def normal(shape: str, p: Point) -> Point:
    """Outward unit normal near the surface: the distance's gradient by central differences (unit space)."""
    distance, (x, y, z), h = DISTANCES[shape], p, 0.004
    nx = distance(x + h, y, z) - distance(x - h, y, z)
    ny = distance(x, y + h, z) - distance(x, y - h, z)
    nz = distance(x, y, z + h) - distance(x, y, z - h)
    length = (nx * nx + ny * ny + nz * nz).sqrt().clamp(min=1e-9)
    return nx / length, ny / length, nz / length
