"""Scenes -> pictures: batched sphere tracing of signed distance fields with soft shadows, and exact masks.

A thing is marched inside its bounding sphere only, at twice the resolution each way; sub-pixels are averaged. Camera
and lights are fixed; a ground brings its own light and sky. Same scenes, same bits, in any batch: see `sdf`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tinyworld import sdf
from tinyworld.scene import RADIUS, SHAPES, Scene, Thing, check, edit
from tinyworld.setting import EYE, GROUND_LIGHT, RGB, backdrop, camera, light_direction
from tinyworld.shading import Table, ground_shadow, shade

# Scenes rendered together: on a CPU few enough that their tensors stay in its cache, on a GPU as many as keep it busy.
CHUNK = {"cpu": 8, "cuda": 128}


class Render(NamedTuple):
    """images: uint8 (n, 3, size, size). masks: bool (n, most things, size, size), True where a thing visibly covers at
    least half of a pixel; things left to right, all False past a scene's own things."""

    images: Tensor
    masks: Tensor


class Edit(NamedTuple):
    """Two pictures, uint8 (3, size, size), and `mask`, bool (size, size): where they differ at all."""

    before: Tensor
    after: Tensor
    mask: Tensor


class _Part(NamedTuple):
    """One shape of a scene: its place in the batch, base point and looks. Pattern: 0 none, 1 stripes, 2 checks."""

    scene: int
    thing: int
    shape: str
    base: tuple[float, float, float]
    radius: float
    yaw: float
    colour: str
    second: str
    pattern: int


def render(
    scenes: Sequence[Scene], *, size: int = 64, supersample: int = 2, device: str | torch.device = "cpu"
) -> Render:
    """Pictures and visible masks of scenes.

    Args:
        scenes: at least one.
        size: pixels per side, >= 8. The models are made for 64.
        supersample: rays per side of each pixel, >= 1.
        device: where to compute and return.

    Raises:
        ValueError: if there is no scene, an attribute is unknown, or size or supersample is too small.
    """
    if not scenes:
        raise ValueError("scenes is empty; give at least one")
    if size < 8 or supersample < 1:
        raise ValueError(f"size, supersample are {size}, {supersample}; they must be at least 8 and 1")
    for scene in scenes:
        check(scene)
    slots = max([1, *(len(s.things) for s in scenes)])
    images, masks = [], []
    device = torch.device(device)
    chunk = CHUNK.get(device.type, CHUNK["cpu"])
    for start in range(0, len(scenes), chunk):
        colour, thing = _trace(scenes[start : start + chunk], size * supersample, device)
        images.append(_average(colour, size, supersample))
        shares = [_average((thing == k).float()[:, None], size, supersample) for k in range(slots)]
        masks.append(torch.cat(shares, 1) >= 0.5)
    rgb = torch.cat(images).clamp(0.0, 1.0) * 255.0 + 0.5
    return Render(rgb.to(torch.uint8), torch.cat(masks))


def render_edit(scene: Scene, attribute: str, value: str, *, index: int = 0, size: int = 64) -> Edit:
    """A scene before and after an edit (see `scene.edit`), and the exact mask of what changed.

    The mask holds every pixel whose 8-bit value differs in any channel: the thing itself, its shadow on the ground and
    on the other thing, and what it uncovers. A new ground brings a new light and changes nearly every pixel.

    Raises:
        ValueError: see `scene.edit`.
    """
    before, after = render([scene, edit(scene, attribute, value, index=index)], size=size).images
    return Edit(before, after, (before != after).any(0))


def _average(values: Tensor, size: int, s: int) -> Tensor:
    """(n, c, (size s)^2) sub-pixels -> (n, c, size, size). Summed one by one: the order, so the rounding, is fixed."""
    grid = values.reshape(values.shape[0], -1, size, s, size, s)
    total = grid[:, :, :, 0, :, 0]
    for k in range(1, s * s):
        total = total + grid[:, :, :, k // s, :, k % s]
    return total / (s * s)


def _parts_of(scene: int, index: int, thing: Thing) -> list[_Part]:
    """The shapes that a thing is made of: one, or two for a snowman and for a cube on a cylinder."""
    r, base = RADIUS[thing.size], (thing.x, 0.0, thing.z)
    part = _Part(scene, index, thing.shape, base, r, thing.yaw, thing.colour, thing.second or thing.colour, 0)
    if thing.shape == "striped ball":
        return [part._replace(shape="ball", pattern=1)]
    if thing.shape == "checkered cube":
        return [part._replace(shape="cube", pattern=2)]
    if thing.shape == "snowman":
        head = (thing.x, 1.72 * r * 0.85, thing.z)
        return [part._replace(shape="ball", radius=0.85 * r), part._replace(shape="ball", base=head, radius=0.55 * r)]
    if thing.shape == "cube on a cylinder":
        top = part._replace(shape="cube", base=(thing.x, (1.9 * 0.72 + 0.05) * r, thing.z), radius=0.62 * r)
        return [part._replace(shape="cylinder", radius=0.72 * r, colour=part.second), top]
    return [part]


def _table(scenes: Sequence[Scene], device: torch.device) -> Table:
    parts = [p for i, s in enumerate(scenes) for k, t in enumerate(s.things) for p in _parts_of(i, k, t)]
    rows = [(*p.base, p.radius, math.cos(p.yaw), math.sin(p.yaw), p.scene, p.thing) for p in parts]
    looks = [(RGB[p.colour], RGB[p.second]) for p in parts]
    return Table(
        torch.tensor(rows, dtype=torch.float32).reshape(-1, 8).T.contiguous().to(device),
        torch.tensor(looks, dtype=torch.float32).reshape(-1, 2, 3).to(device),
        torch.tensor([SHAPES.index(p.shape) for p in parts], dtype=torch.long).to(device),
        torch.tensor([p.pattern for p in parts], dtype=torch.long).to(device),
    )


def _trace(scenes: Sequence[Scene], side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Colours (n, 3, side^2) and the thing each ray hits, -1 for none (n, side^2)."""
    n, rays = len(scenes), side * side
    table = _table(scenes, device)
    empty = torch.stack([backdrop(s.ground, side, device) for s in scenes])  # (n, 2, 3, rays)
    owner, depth = _visible(table, n, side, device)
    light = torch.tensor([light_direction(s.ground) for s in scenes], device=device)
    sun, contact = ground_shadow(table, light, owner, n, side)
    colour = empty[:, 0] * contact.reshape(n, 1, rays) + empty[:, 1] * sun.reshape(n, 1, rays)
    hit = (owner >= 0).nonzero()[:, 0]
    thing = torch.full((n * rays,), -1, device=device)
    if len(hit):
        tints = torch.tensor([(*GROUND_LIGHT[s.ground][0], *GROUND_LIGHT[s.ground][1]) for s in scenes], device=device)
        part, scene, ray = owner[hit], hit // rays, hit % rays
        flat = colour.permute(0, 2, 1).reshape(n * rays, 3)
        flat[hit] = shade(table, part, scene, ray, depth[hit], light, tints, side)
        colour = flat.reshape(n, rays, 3).permute(0, 2, 1)
        thing[hit] = table.place[7, part].long()
    return colour, thing.reshape(n, rays)


def _visible(table: Table, n: int, side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """For every ray of every scene, flat: the part it hits first, -1 for none, and the way to it."""
    d, ground = camera(side, device)
    rays = side * side
    keys, ways, parts = [], [], []
    for kind in table.kind.unique().tolist():
        ids = (table.kind == kind).nonzero()
        o = table.local(ids, *(torch.tensor(v, device=device) for v in EYE))  # (p, 1)
        way = table.local(ids, *d, way=True)  # (p, rays)
        meets, t_in, t_out = sdf.bounding_interval(SHAPES[kind], o, way)
        p, ray = meets.nonzero().T
        at = tuple(a[p, 0] for a in o), tuple(a[p, ray] for a in way)
        t = sdf.march(SHAPES[kind], *at, t_in[p, ray], t_out[p, ray])
        found = (t * table.place[3, ids[p, 0]] < ground[ray]).nonzero()[:, 0]
        part = ids[p[found], 0]
        keys.append(table.place[6, part].long() * rays + ray[found])
        ways.append(t[found] * table.place[3, part])
        parts.append(part)
    depth, owner = torch.full((n * rays,), float("inf"), device=device), torch.full((n * rays,), -1, device=device)
    if keys:
        key, t, part = torch.cat(keys), torch.cat(ways), torch.cat(parts)
        depth.scatter_reduce_(0, key, t, "amin")
        first = t == depth[key]
        owner[key[first]] = part[first]
    return owner, depth
