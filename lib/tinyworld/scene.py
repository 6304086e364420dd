"""What a picture can show: the vocabulary, scenes sampled by seed, splits, edits, and concepts outside the vocabulary.

A scene is one or two things on a ground. Things are listed left to right. World units: the ground is the plane y = 0,
x grows to the right, z away from the camera; a large ball has a radius of 0.68.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

SHAPES = ("ball", "cube", "cone", "cylinder", "ring")
# The corners of the RGB cube: the eight colours that lie furthest apart, in every light and after a lossy VAE.
COLOURS = ("red", "yellow", "green", "cyan", "blue", "pink", "white", "black")
SIZES = ("small", "large")
GROUNDS = ("grass", "sand", "snow", "night")
SPLITS = ("train", "test", "held-out")
# In no training picture: one colour for each shape. Shape and colour are both well known separately.
HELD_OUT = (("ball", "cyan"), ("cube", "pink"), ("cone", "black"), ("cylinder", "yellow"), ("ring", "green"))
# Outside the vocabulary: no caption names them, no training picture shows them.
CONCEPTS = ("striped ball", "checkered cube", "snowman", "cube on a cylinder")
RADIUS = {"small": 0.42, "large": 0.68}
ATTRIBUTES = ("shape", "colour", "size")


@dataclass(frozen=True)
class Thing:
    """One object. `second` is the other colour of a concept (stripes, the cylinder below), "" for a plain shape."""

    shape: str
    colour: str
    size: str
    x: float = 0.0
    z: float = 0.0
    yaw: float = 0.0  # radians about the vertical axis; seen on a cube and a ring
    second: str = ""


@dataclass(frozen=True)
class Scene:
    """A ground and its things, left to right. Two are the most that a caption can name."""

    ground: str
    things: tuple[Thing, ...]


def check(scene: Scene) -> None:
    """Raise ValueError, naming the value and the legal choices, unless every attribute of the scene is known."""
    _choose("ground", scene.ground, GROUNDS)
    for thing in scene.things:
        _choose("shape", thing.shape, SHAPES + CONCEPTS)
        _choose("colour", thing.colour, COLOURS)
        _choose("size", thing.size, SIZES)
        if thing.second:
            _choose("second colour", thing.second, COLOURS)


def sample_scene(seed: int, *, split: str = "train", count: int | None = None) -> Scene:
    """A random scene of a split; the same seed gives the same scene on every machine.

    Args:
        seed: any integer.
        split: "train"; "test": combinations of all attributes that training never saw (a tenth of them); or
            "held-out": the first thing is one of HELD_OUT, shape and colour that training never saw together.
        count: how many things. None: 1 or 2, two thirds of the scenes having 2. 0 and 3 are legal here (the oracle
            must know a picture that shows too few or too many), but have no caption.

    Raises:
        ValueError: if split is unknown or count is not in 0..3.
    """
    _choose("split", split, SPLITS)
    if count not in (None, 0, 1, 2, 3):
        raise ValueError(f"count is {count}; choose 0, 1, 2, 3 or None")
    rng = Random(seed)
    while True:
        scene = _draw(rng, count, split)
        if split_of(scene) == split or count == 0:
            return scene


def _draw(rng: Random, count: int | None, split: str) -> Scene:
    n = rng.choice((1, 2, 2)) if count is None else count
    things = []
    for x, z in _places(rng, n):
        shape, colour, size = rng.choice(SHAPES), rng.choice(COLOURS), rng.choice(SIZES)
        if split == "held-out" and not things:
            shape, colour = rng.choice(HELD_OUT)
        things.append(Thing(shape, colour, size, x, z, round(rng.uniform(-0.6, 0.6), 3)))
    return Scene(rng.choice(GROUNDS), tuple(things))


def _places(rng: Random, n: int) -> list[tuple[float, float]]:
    """(x, z) of each thing, left to right, far enough apart for two large ones (so any edit of size fits)."""
    if n == 1:
        return [(round(rng.uniform(-0.75, 0.75), 3), round(rng.uniform(-0.35, 0.35), 3))]
    if n == 3:
        return [(round(x + rng.uniform(-0.1, 0.1), 3), z) for x, z in ((-1.25, 0.2), (0.0, -0.2), (1.25, 0.2))]
    while n == 2:
        xs = rng.uniform(-1.0, -0.6), rng.uniform(0.6, 1.0)
        if xs[1] - xs[0] > 2 * RADIUS["large"] + 0.1:
            return [(round(x, 3), round(rng.uniform(-0.3, 0.3), 3)) for x in xs]
    return []


def attributes(scene: Scene) -> tuple:
    """(ground, (shape, colour, size), ...): what a full caption says, things left to right."""
    return (scene.ground, *((t.shape, t.colour, t.size) for t in scene.things))


def split_of(scene: Scene) -> str:
    """The split a scene belongs to: "held-out", else "test" for a fixed tenth of all attribute tuples, else "train"."""
    if any((t.shape, t.colour) in HELD_OUT for t in scene.things):
        return "held-out"
    return "test" if zlib.crc32(repr(attributes(scene)).encode()) % 10 == 0 else "train"


def edit(scene: Scene, attribute: str, value: str, *, index: int = 0) -> Scene:
    """The same scene with one attribute changed, everything else (position and rotation too) as it was.

    Args:
        attribute: "ground", or "shape", "colour" or "size" of the thing at `index`.
        value: the new value.
        index: which thing, 0 being the leftmost.

    Raises:
        ValueError: if the attribute or its value is unknown, or there is no thing at index.
    """
    if attribute == "ground":
        edited = replace(scene, ground=value)
    else:
        _choose("attribute", attribute, ("ground", *ATTRIBUTES))
        if not 0 <= index < len(scene.things):
            raise ValueError(f"index is {index}; the scene has things 0..{len(scene.things) - 1}")
        things = list(scene.things)
        things[index] = replace(things[index], **{attribute: value})
        edited = replace(scene, things=tuple(things))
    check(edited)
    return edited


def concept_scene(name: str, seed: int, *, ground: str | None = None) -> Scene:
    """A scene with one thing from outside the vocabulary: a striped ball, a checkered cube, a snowman (two balls), a
    cube on a cylinder. Colours belong to the concept; ground, position and rotation come from the seed.

    Raises:
        ValueError: if the name is not in CONCEPTS, or the ground is unknown.
    """
    _choose("concept", name, CONCEPTS)
    rng = Random(seed)
    ((x, z),) = _places(rng, 1)
    yaw, drawn = round(rng.uniform(-0.6, 0.6), 3), rng.choice(GROUNDS)
    colour, second = {
        "striped ball": ("red", "white"),
        "checkered cube": ("yellow", "blue"),
        "snowman": ("white", ""),
        "cube on a cylinder": ("red", "blue"),
    }[name]
    scene = Scene(ground or drawn, (Thing(name, colour, "large", x, z, yaw, second),))
    check(scene)
    return scene


def encode(scene: Scene) -> list[int]:
    """Attributes as eight integers: count, ground, then shape, colour, size of the left and the right thing; -1 where
    there is none. A third thing is counted but not described. The oracle's targets.

    Raises:
        ValueError: if a thing is outside the vocabulary.
    """
    row = [len(scene.things), GROUNDS.index(scene.ground)]
    for thing in scene.things[:2]:
        _choose("shape", thing.shape, SHAPES)
        row += [SHAPES.index(thing.shape), COLOURS.index(thing.colour), SIZES.index(thing.size)]
    return row + [-1] * (8 - len(row))


def decode(row: Sequence[int]) -> Scene:
    """The scene of an `encode`d row, its things without a position. Inverse of `encode` up to positions."""
    things = []
    for slot in range(min(int(row[0]), 2)):
        shape, colour, size = (int(v) for v in row[2 + 3 * slot : 5 + 3 * slot])
        things.append(Thing(SHAPES[shape], COLOURS[colour], SIZES[size]))
    return Scene(GROUNDS[int(row[1])], tuple(things))


def _choose(what: str, value: str, legal: Sequence[str]) -> None:
    if value not in legal:
        raise ValueError(f"{what} is {value!r}; choose one of {', '.join(map(repr, legal))}")
