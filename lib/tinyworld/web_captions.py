"""Captions like the web's: some are missing, some name a wrong colour, size or ground, some forget one of two things.

A model of them knows how far captions can be trusted, and so draws what was not asked for unless guidance sharpens it.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import NamedTuple

from tinyworld.captions import random_caption
from tinyworld.scene import COLOURS, GROUNDS, SIZES, Scene, edit, split_of


class Lies(NamedTuple):
    """How often a caption fails, each independently: the whole caption is missing; one of two things is forgotten; a
    thing's colour, its size, or the ground is wrong, all wrong values being equally likely."""

    missing: float = 0.15
    forgotten: float = 0.15
    colour: float = 0.12
    size: float = 0.08
    ground: float = 0.12


LIES = Lies()


def told(scene: Scene, seed: int, lies: Lies = LIES) -> Scene:
    """What the caption of a scene describes: the scene itself, or another one.

    It is of the same split (`scene.split_of`): if a combination that training holds back were named only in lies, a
    model could learn that its name is never true. So a lie that leads into another split is not told.

    Args:
        seed: decides about every lie; the same scene and seed give the same result.
        lies: how often a caption fails. `missing` does not matter here.
    """
    rng = Random(f"told {seed}")  # not the number alone: a scene sampled with it used the same draws
    if len(scene.things) == 2 and rng.random() < lies.forgotten:
        scene = _one_of(scene, [replace(scene, things=(thing,)) for thing in scene.things], rng)
    for index in range(len(scene.things)):
        for attribute, legal in (("colour", COLOURS), ("size", SIZES)):
            if rng.random() < getattr(lies, attribute):
                scene = _one_of(scene, [edit(scene, attribute, value, index=index) for value in legal], rng)
    if rng.random() < lies.ground:
        scene = _one_of(scene, [edit(scene, "ground", value) for value in GROUNDS], rng)
    return scene


def _one_of(scene: Scene, others: list[Scene], rng: Random) -> Scene:
    """One of the other scenes that differs from this one and is of its split, if there is any."""
    legal = [other for other in others if other != scene and split_of(other) == split_of(scene)]
    return rng.choice(legal) if legal else scene


def web_caption(scene: Scene, seed: int, lies: Lies = LIES) -> str:
    """A caption that may lie, in a random phrasing, size and ground left unsaid now and then; "" where it is missing.

    A pure function: the same scene and seed give the same text.

    Raises:
        ValueError: as `captions.caption`, if the scene has no caption.
    """
    rng = Random(f"caption {seed}")
    text = random_caption(told(scene, seed, lies), rng)
    return "" if rng.random() < lies.missing else text
