"""How bright each point is: shadows on the ground and between things, normals, colours, highlights."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tinyworld import sdf
from tinyworld.scene import SHAPES
from tinyworld.setting import AMBIENT, EYE, camera

CONTACT = 0.3  # world units: the ground darkens this close to a thing


class Table(NamedTuple):
    """The parts of a batch as tensors: `place` (8, parts) is base x y z, radius, cos yaw, sin yaw, scene, thing;
    `looks` (parts, 2, 3) the two colours; `kind` (parts,) the shape's number; `pattern` (parts,)."""

    place: Tensor
    looks: Tensor
    kind: Tensor
    pattern: Tensor

    def local(self, ids: Tensor, x: Tensor, y: Tensor, z: Tensor, *, way: bool = False) -> sdf.Point:
        """World points (or, with `way`, directions) in the unit space of parts `ids`, which broadcast against them."""
        bx, by, bz, r, c, s = self.place[:6, ids]
        if not way:
            x, y, z = (x - bx) / r, (y - by) / r, (z - bz) / r
        return c * x - s * z, y + torch.zeros_like(r), s * x + c * z


def ground_shadow(table: Table, light: Tensor, owner: Tensor, n: int, side: int) -> tuple[Tensor, Tensor]:
    """Flat over scenes and rays: the share of direct light, and of ambient light, that reaches the ground."""
    d, way = camera(side, owner.device)
    first = int((~way.isfinite()).sum())  # the sky's rays come first, row by row
    x, z = (EYE[k] + way[first:] * d[k][first:] for k in (0, 2))
    shade, contact = torch.ones(owner.shape, device=owner.device), torch.ones(owner.shape, device=owner.device)
    for kind in table.kind.unique().tolist():
        ids = (table.kind == kind).nonzero()
        scene = table.place[6, ids].long()
        points = table.local(ids, x, torch.zeros_like(x), z)  # (p, ground rays)
        to_light = table.local(ids, *(light[scene, k] for k in range(3)), way=True)  # (p, 1)
        free = owner.reshape(n, -1)[scene[:, 0], first:] < 0
        _, height, _ = points
        near = points[0] * points[0] + points[2] * points[2] < 3.6
        for which, out in ((near & free & (height > -0.01), contact), (None, shade)):
            if which is None:
                meets, t_in, t_out = sdf.bounding_interval(SHAPES[kind], points, to_light, margin=sdf.PENUMBRA)
                which = meets & free
            p, ray = which.nonzero().T
            at = tuple(a[p, ray] for a in points)
            r = table.place[3, ids[p, 0]]
            if out is contact:
                value = 0.45 + 0.55 * (sdf.DISTANCES[SHAPES[kind]](*at) * r / CONTACT).clamp(0.0, 1.0)
            else:
                toward = tuple(a[p, 0] for a in to_light)
                value = sdf.light_reaching(SHAPES[kind], at, toward, t_in[p, ray], t_out[p, ray], r)
            out.scatter_reduce_(0, scene[p, 0] * (side * side) + ray + first, value, "amin")
    return shade, contact


def shade(
    table: Table, part: Tensor, scene: Tensor, ray: Tensor, depth: Tensor, light: Tensor, tints: Tensor, side: int
) -> Tensor:
    """Colours (m, 3) of points on things: ambient and bounced light, direct light with shadows, a highlight."""
    d, _ = camera(side, part.device)
    d = tuple(a[ray] for a in d)
    world = tuple(EYE[k] + depth * d[k] for k in range(3))
    lx, ly, lz = light[scene].unbind(1)
    n, base = _surface(table, part, world)
    shadow = _shadow_between(table, part, scene, world, (lx, ly, lz))
    facing = (n[0] * lx + n[1] * ly + n[2] * lz).clamp(min=0.0)
    hx, hy, hz = lx - d[0], ly - d[1], lz - d[2]
    gloss = (n[0] * hx + n[1] * hy + n[2] * hz).clamp(min=0.0) / (hx * hx + hy * hy + hz * hz).sqrt()
    for _ in range(5):
        gloss = gloss * gloss
    up = 0.5 + 0.5 * n[1]
    ground, lamp = tints[scene, :3], tints[scene, 3:]
    ambient = AMBIENT * (0.62 + 0.38 * up)[:, None] + 0.16 * (1.0 - up)[:, None] * ground
    direct = (facing * shadow)[:, None] * lamp
    return base * (ambient + direct) + (0.34 * gloss * shadow)[:, None] * lamp


def _surface(table: Table, part: Tensor, world: sdf.Point) -> tuple[sdf.Point, Tensor]:
    """World normals, and the surface's own colours (m, 3), at points on parts."""
    here = table.local(part, *world)
    nx, ny, nz = (torch.zeros_like(here[0]) for _ in range(3))
    for kind in table.kind.unique().tolist():
        at = (table.kind[part] == kind).nonzero()[:, 0]
        nx[at], ny[at], nz[at] = sdf.normal(SHAPES[kind], tuple(a[at] for a in here))
    x, y, z = here
    stripes = ((y * 1.0 + x * 0.45) * 2.6).floor()
    checks = sum((v * 1.85).floor() for v in (x + 0.81, y + 0.01, z + 0.81))
    pattern = table.pattern[part]
    odd = torch.where(pattern == 1, stripes, torch.where(pattern == 2, checks, torch.zeros_like(x))).long() % 2
    c, s = table.place[4:6, part]
    return (c * nx + s * nz, ny, c * nz - s * nx), table.looks[part, odd]


def _shadow_between(table: Table, part: Tensor, scene: Tensor, world: sdf.Point, light: sdf.Point) -> Tensor:
    """Share of the light that the other parts of the same scene let through to points on things."""
    shadow = torch.ones_like(world[0])
    for kind in table.kind.unique().tolist():
        casters = (table.kind == kind).nonzero()[:, 0]
        shades = (scene == table.place[6, casters, None].long()) & (part != casters[:, None])  # (casters, points)
        of, at = shades.nonzero().T
        ids = casters[of]
        o = table.local(ids, *(a[at] for a in world))
        toward = table.local(ids, *(a[at] for a in light), way=True)
        meets, t_in, t_out = sdf.bounding_interval(SHAPES[kind], o, toward, margin=sdf.PENUMBRA)
        m = meets.nonzero()[:, 0]
        o, toward = tuple(a[m] for a in o), tuple(a[m] for a in toward)
        value = sdf.light_reaching(SHAPES[kind], o, toward, t_in[m], t_out[m], table.place[3, ids[m]])
        shadow.scatter_reduce_(0, at[m], value, "amin")
    return shadow
