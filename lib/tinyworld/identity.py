"""Judges pictures of the concepts that no caption names: which of `scene.CONCEPTS` a picture shows, if any, and how.

    judge = train_identity(load_oracle())     # about ten seconds
    seen = identify(images, judge)            # seen.concept: ["striped ball", "none", ...]
    seen.right("striped ball")                # (n, 3): shape, pattern and colours as the concept has them

A small head on the frozen oracle's activations at 16 and 8 pixels per side. All that it is trained on is rendered: the
concepts alone and beside a plain thing, their near misses (another pattern, other colours, one part missing) and plain
scenes, each roughened as the oracle's own training pictures were, so that it may judge generated pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyworld.oracle import Oracle
from tinyworld.render import render
from tinyworld.scene import COLOURS, CONCEPTS, GROUNDS, RADIUS, SHAPES, Scene, Thing, concept_scene, sample_scene
from tinyworld.stage_oracle import roughen
from tinyworld.stage_world import to_float

NONE = "none"
KINDS = (*CONCEPTS, NONE)
OUTLINES = (*SHAPES, "snowman", "cube on a cylinder")
PATTERNS = ("plain", "stripes", "checks")
ATTRIBUTES = ("shape", "pattern", "colours")
HEADS = {"concept": len(KINDS), "ground": len(GROUNDS), "shape": len(OUTLINES), "pattern": 3, "colours": len(COLOURS)}
_PATTERN_OF = {"striped ball": "stripes", "checkered cube": "checks"}
_OUTLINE_OF = {"striped ball": "ball", "checkered cube": "cube"}
MIX = ("alone", "alone", "alone", "alone", "beside", "beside", "beside", "near", "near", "near", "one", "two")


class Identity(nn.Module):
    """Pictures in [-1, 1] (b, 3, 64, 64) -> logits by head. The oracle inside is frozen and shared."""

    def __init__(self, oracle: Oracle, *, width: int = 64) -> None:
        super().__init__()
        self.oracle = oracle
        channels = oracle.at16[-1][0].out_channels + oracle.at8[-1][0].out_channels
        self.squeeze = nn.Sequential(nn.Conv2d(channels, width, 1), nn.GroupNorm(8, width), nn.SiLU())
        self.look = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.GroupNorm(8, width), nn.SiLU())
        self.heads = nn.Linear(2 * width, sum(HEADS.values()))

    @torch.no_grad()
    def activations(self, images: Tensor) -> Tensor:
        """What the head reads, (b, channels, 8, 8): the trunk at 16 pixels, averaged by two, and at 8."""
        _, at16, at8 = self.oracle.trunk(images)
        return torch.cat([F.avg_pool2d(at16, 2), at8], 1)

    def read(self, activations: Tensor) -> dict[str, Tensor]:
        x = self.look(self.squeeze(activations))
        pooled = torch.cat([x.amax((2, 3)), x.mean((2, 3))], 1)
        return dict(zip(HEADS, self.heads(pooled).split(list(HEADS.values()), 1), strict=True))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return self.read(self.activations(images))


class Seen(NamedTuple):
    """What is in n pictures.

    `shape`, `pattern` and `colours` describe a picture's only thing; beside another thing they mean little, while
    `concept` and `ground` still hold.
    """

    concept: list[str]  # of KINDS
    ground: list[str]  # of GROUNDS
    shape: list[str]  # of OUTLINES
    pattern: list[str]  # of PATTERNS
    colours: list[frozenset[str]]  # of COLOURS
    share: Tensor  # (n, 5): probability of each of KINDS

    def right(self, concept: str) -> Tensor:
        """Which of ATTRIBUTES are as the concept has them, bool (n, 3).

        Raises:
            ValueError: if the concept is unknown.
        """
        shape, pattern, colours = describe(concept_scene(concept, 0).things[0])
        rows = zip(self.shape, self.pattern, self.colours, strict=True)
        return torch.tensor([(s == shape, p == pattern, c == colours) for s, p, c in rows])


def describe(thing: Thing) -> tuple[str, str, frozenset[str]]:
    """Shape, pattern and colours of a thing, plain or concept."""
    shape, pattern = _OUTLINE_OF.get(thing.shape, thing.shape), _PATTERN_OF.get(thing.shape, "plain")
    return shape, pattern, frozenset({thing.colour, thing.second} - {""})


def identity_scene(seed: int) -> Scene:
    """A random scene to train or test the judge on; the same seed gives the same scene.

    A third shows a concept alone, a quarter a concept beside a plain thing, a quarter a near miss of one, and the rest
    is plain: one thing or two, rarely none.
    """
    rng = Random(seed)
    kind, concept = rng.choice(MIX), rng.choice(CONCEPTS)
    scene = concept_scene(concept, rng.getrandbits(32))
    if kind == "beside":
        left, right = (rng.uniform(0.6, 1.0) for _ in range(2))
        other = sample_scene(rng.getrandbits(32), count=1).things[0]
        order = [replace(scene.things[0], size=rng.choice(("large", "large", "small"))), other]
        rng.shuffle(order)
        if left + right < 2 * RADIUS["large"] + 0.1:
            left = right = 0.75
        return replace(scene, things=(replace(order[0], x=-left), replace(order[1], x=right)))
    if kind == "near":
        return replace(scene, things=(_near_miss(scene.things[0], rng),))
    if kind == "alone":
        return replace(scene, things=(replace(scene.things[0], size=rng.choice(("large", "large", "small"))),))
    return sample_scene(rng.getrandbits(32), count=rng.choice((0, 1, 1, 1, 1, 1)) if kind == "one" else 2)


def _near_miss(thing: Thing, rng: Random) -> Thing:
    """The concept in other colours, or a plain thing in one of its colours."""
    own = [thing.colour, *([thing.second] if thing.second else [])]
    if rng.random() < 0.5:
        plain = {"striped ball": "ball", "checkered cube": "cube", "snowman": "ball"}
        shape = plain.get(thing.shape) or rng.choice(("cube", "cylinder"))
        return replace(thing, shape=shape, colour=rng.choice(own), second="", size=rng.choice(("small", "large")))
    while True:
        colour = rng.choice((*own, *COLOURS))
        second = rng.choice((*own, *COLOURS)) if thing.second else ""
        if {colour, second} - {""} != set(own) and colour != second:
            return replace(thing, colour=colour, second=second)


def _targets(scenes: Sequence[Scene]) -> dict[str, Tensor]:
    """Class numbers by head (n,), -1 where there is no single thing to describe; colours float (n, 8)."""
    rows: dict[str, list] = {name: [] for name in HEADS}
    for scene in scenes:
        rows["concept"].append(KINDS.index(truth(scene)))
        rows["ground"].append(GROUNDS.index(scene.ground))
        alone = len(scene.things) == 1
        shape, pattern, colours = describe(scene.things[0]) if alone else ("", "", frozenset())
        rows["shape"].append(OUTLINES.index(shape) if alone else -1)
        rows["pattern"].append(PATTERNS.index(pattern) if alone else -1)
        rows["colours"].append([float(colour in colours) if alone else -1.0 for colour in COLOURS])
    return {name: torch.tensor(values) for name, values in rows.items()}


def truth(scene: Scene) -> str:
    """Which of KINDS a scene shows: a concept in its own colours, or none."""
    for thing in scene.things:
        if thing.shape in CONCEPTS:
            own = concept_scene(thing.shape, 0).things[0]
            # the two colours of a pattern may change places; cube and cylinder may not
            pairs = [(own.colour, own.second)] + [(own.second, own.colour)] * (thing.shape in _PATTERN_OF)
            if (thing.colour, thing.second) in pairs:
                return thing.shape
    return NONE


def train_identity(
    oracle: Oracle,
    *,
    through: Callable[[Tensor], Tensor] | None = None,
    n_through: int = 240,
    pictures: int = 900,
    copies: int = 2,
    passes: int = 6,
    batch: int = 64,
    seed: int = 0,
) -> Identity:
    """A judge, trained on fresh renders. Deterministic by seed on one machine.

    Args:
        oracle: from `load_oracle`; stays as it is.
        through: pictures (b, 3, 64, 64) in [0, 1] -> the same as a VAE returns them. With it the judge also learns what
            this VAE makes of stripes and checks, which it may not draw well.
        n_through: how many of the pictures also go through it, <= pictures.
        pictures: how many to render, >= 64. Seeds from 2**40 on; test with others, such as small numbers.
        copies: how many times each picture is roughened, >= 1.
        passes: over all copies.
        batch: pictures per step.
        seed: of weights, order and roughening.

    Raises:
        ValueError: if pictures < 64 or any other number < 1.
    """
    if pictures < 64 or min(passes, copies, batch) < 1:
        raise ValueError(
            f"pictures, passes, copies, batch are {pictures}, {passes}, {copies}, {batch}; they must be at least 64, "
            "1, 1, 1"
        )
    device = next(oracle.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    scenes = [identity_scene(2**40 + seed * 10**6 + i) for i in range(pictures)]
    images, which = to_float(render(scenes).images), [torch.arange(pictures)] * (copies + 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = Identity(oracle).to(device)
    rough = [images, *(roughen(images, generator) for _ in range(copies))]
    if through is not None:
        with torch.no_grad():
            returned = torch.cat([through((x.to(device) + 1) / 2).cpu() for x in images[:n_through].split(40)])
        which += [torch.arange(len(returned))] * 2
        rough += [2 * returned - 1, roughen(2 * returned - 1, generator)]
    seen = torch.cat([judge.activations(x.to(device)) for one in rough for x in one.split(128)])
    targets = {name: t[torch.cat(which)].to(device) for name, t in _targets(scenes).items()}
    own = [p for name, p in judge.named_parameters() if not name.startswith("oracle.")]
    optimizer = torch.optim.AdamW(own, lr=3e-3, weight_decay=1e-2)
    steps = passes * -(-len(seen) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.1)
    with torch.enable_grad():
        for _ in range(passes):
            for at in torch.randperm(len(seen), generator=generator).to(device).split(batch):
                optimizer.zero_grad(set_to_none=True)
                _loss(judge.read(seen[at]), {name: t[at] for name, t in targets.items()}).backward()
                optimizer.step()
                schedule.step()
    return judge.requires_grad_(False).eval()


def _loss(logits: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
    total = 2.0 * F.cross_entropy(logits["concept"], targets["concept"], label_smoothing=0.02)
    for name in ("ground", "shape", "pattern"):
        total = total + F.cross_entropy(logits[name], targets[name], ignore_index=-1)
    wanted, counted = targets["colours"], (targets["colours"] >= 0).float()
    colours = F.binary_cross_entropy_with_logits(logits["colours"], wanted.clamp(min=0), reduction="none")
    return total + 2.0 * (colours * counted).sum() / counted.sum().clamp(min=1)


@torch.no_grad()
def identify(images: Tensor, judge: Identity, *, batch: int = 128) -> Seen:
    """What the judge sees in uint8 pictures (n, 3, 64, 64).

    Raises:
        ValueError: if images are not of this form, or there are none.
    """
    if images.dtype != torch.uint8 or images.shape[1:] != (3, 64, 64) or len(images) == 0:
        raise ValueError(f"images are {images.dtype} {tuple(images.shape)}; they must be uint8 (n, 3, 64, 64), n >= 1")
    device = next(judge.parameters()).device
    outputs = (judge(to_float(chunk.to(device))) for chunk in images.split(batch))
    parts = [{name: v.float().cpu() for name, v in output.items()} for output in outputs]
    logits = {name: torch.cat([part[name] for part in parts]) for name in HEADS}
    named = {
        name: [words[k] for k in logits[name].argmax(1).tolist()]
        for name, words in (("concept", KINDS), ("ground", GROUNDS), ("shape", OUTLINES), ("pattern", PATTERNS))
    }
    rows = (logits["colours"] > 0).tolist()
    colours = [frozenset(c for c, on in zip(COLOURS, row, strict=True) if on) for row in rows]
    return Seen(**named, colours=colours, share=logits["concept"].softmax(1))
