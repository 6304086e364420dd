"""Scenes in words, in several phrasings, and words back into attributes."""

from __future__ import annotations

import re
from random import Random
from typing import NamedTuple

from tinyworld.scene import COLOURS, GROUNDS, SHAPES, SIZES, Scene

# The first way of saying it is plain; phrasings 3 and 5 use the second.
SIZE_WORDS = {"small": ("small", "tiny"), "large": ("large", "big")}
GROUND_PHRASES = {
    "grass": ("on grass", "in a meadow"),
    "sand": ("on sand", "on the beach"),
    "snow": ("on snow", "in winter"),
    "night": ("at night", "in the dark"),
}
ONE = ("{a} {g}", "a photo of {a} {g}", "{g}, {a}", "{a} {g}", "a picture of {a} {g}", "{g}, there is {a}")
TWO = (
    "{a} left of {b} {g}",
    "{b} right of {a} {g}",
    "{a} to the left of {b} {g}",
    "{b} to the right of {a} {g}",
    "a photo of {a} left of {b} {g}",
    "{g}, {b} right of {a}",
)
STYLES = len(ONE)
OMITTABLE = ("size", "ground")

_SIZE_OF = {word: size for size, words in SIZE_WORDS.items() for word in words}
_GROUND_OF = {phrase.split()[-1]: ground for ground, phrases in GROUND_PHRASES.items() for phrase in phrases}
_FILLERS = frozenset(("a", "an", "the", "of", "on", "in", "at", "to", "and", "with", "is", "there", "photo", "picture"))
_RELATIONS = ("left", "right")


class Words(NamedTuple):
    """What a caption says: `ground`, None if unsaid; `things`, each (shape, colour or None, size or None), left to
    right if `ordered`. A caption of two things without a relation leaves their order open."""

    ground: str | None
    things: tuple[tuple[str, str | None, str | None], ...]
    ordered: bool


def caption(scene: Scene, style: int = 0, *, omit: tuple[str, ...] = ()) -> str:
    """A scene in words: shape, colour and size of each thing, which is left, and the ground.

    Args:
        style: which phrasing, 0 <= style < STYLES.
        omit: leave "size" or "ground" unsaid.

    Raises:
        ValueError: if the scene does not have one or two things, a thing is outside the vocabulary, or style or omit is
            unknown.
    """
    if not 0 <= style < STYLES:
        raise ValueError(f"style is {style}; choose 0..{STYLES - 1}")
    if unknown := set(omit) - set(OMITTABLE):
        raise ValueError(f"omit has {sorted(unknown)}; choose among {', '.join(map(repr, OMITTABLE))}")
    if len(scene.things) not in (1, 2):
        raise ValueError(f"the scene has {len(scene.things)} things; a caption names one or two")
    variant = 1 if style in (3, 5) else 0
    names = []
    for thing in scene.things:
        if thing.shape not in SHAPES:
            raise ValueError(f"shape is {thing.shape!r}; a caption knows {', '.join(map(repr, SHAPES))}")
        size = "" if "size" in omit else SIZE_WORDS[thing.size][variant] + " "
        names.append(f"a {size}{thing.colour} {thing.shape}")
    ground = "" if "ground" in omit else GROUND_PHRASES[scene.ground][variant]
    text = (ONE, TWO)[len(names) - 1][style].format(a=names[0], b=names[-1], g=ground)
    return text.strip(" ,").removeprefix("there is ")


def random_caption(scene: Scene, rng: Random, *, omission: float = 0.08) -> str:
    """A caption in a random phrasing; each of size and ground is left unsaid with probability `omission`."""
    omit = tuple(part for part in OMITTABLE if rng.random() < omission)
    return caption(scene, rng.randrange(STYLES), omit=omit)


def parse(text: str) -> Words:
    """What a caption says; inverse of `caption` for every phrasing.

    Raises:
        ValueError: naming the word if it is outside the vocabulary, or says twice what can be said once; if no thing or
            more than two are named.
    """
    ground, relation, things, size, colour = None, None, [], None, None
    for word in re.findall(r"[^\s,.;:!?]+", text.lower()):
        if word in _FILLERS:
            continue
        if word in _SIZE_OF:
            size = _once("size", word, size, _SIZE_OF[word])
        elif word in COLOURS:
            colour = _once("colour", word, colour, word)
        elif word in SHAPES:
            things.append((word, colour, size))
            size = colour = None
        elif word in _RELATIONS:
            relation = _once("relation", word, relation, word)
        elif word in _GROUND_OF:
            ground = _once("ground", word, ground, _GROUND_OF[word])
        else:
            raise ValueError(f"the caption {text!r} has the unknown word {word!r}; known are {_vocabulary()}")
    if size or colour:
        raise ValueError(f"in the caption {text!r}, {size or colour!r} is followed by no shape")
    if not 1 <= len(things) <= 2:
        raise ValueError(f"the caption {text!r} names {len(things)} things; it must name one or two")
    if relation and len(things) == 1:
        raise ValueError(f"the caption {text!r} says {relation!r} but names one thing; a relation needs two")
    if relation == "right":
        things.reverse()
    return Words(ground, tuple(things), len(things) == 1 or relation is not None)


def _once(what: str, word: str, before: str | None, value: str) -> str:
    if before is not None:
        raise ValueError(f"{what} {word!r} comes after {before!r}; a thing has one {what}")
    return value


def _vocabulary() -> str:
    return ", ".join((*SHAPES, *COLOURS, *_SIZE_OF, *_GROUND_OF, *_RELATIONS, *sorted(_FILLERS)))


assert set(_SIZE_OF.values()) == set(SIZES)
assert set(_GROUND_OF.values()) == set(GROUNDS)
