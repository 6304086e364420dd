"""Captions and back."""

from random import Random

import pytest

from tinyworld.captions import STYLES, caption, parse, random_caption
from tinyworld.scene import GROUNDS, Scene, Thing, concept_scene, sample_scene

THING = Thing("ball", "red", "small")


def told(scene):
    return tuple((t.shape, t.colour, t.size) for t in scene.things)


def test_round_trip_on_10000_scenes():
    for i in range(10_000):
        scene = sample_scene(i, split=("train", "test", "held-out")[i % 3])
        words = parse(caption(scene, i % STYLES))
        assert words == (scene.ground, told(scene), True)


def test_every_phrasing_says_the_same():
    for i in range(100):
        scene = sample_scene(i)
        texts = [caption(scene, style) for style in range(STYLES)]
        assert len(set(texts)) == STYLES
        assert len({parse(text) for text in texts}) == 1


def test_what_is_left_unsaid_is_none():
    scene = Scene("snow", (THING, Thing("cube", "blue", "large")))
    for style in range(STYLES):
        words = parse(caption(scene, style, omit=("size", "ground")))
        assert words == (None, (("ball", "red", None), ("cube", "blue", None)), True)


def test_random_captions_parse_and_never_contradict():
    rng = Random(0)
    for i in range(2000):
        scene = sample_scene(i)
        words = parse(random_caption(scene, rng, omission=0.5))
        assert words.ground in (None, scene.ground)
        for said, true in zip(words.things, told(scene), strict=True):
            assert all(a in (None, b) for a, b in zip(said, true, strict=True))


def test_right_of_is_left_of_turned_round():
    assert parse("a red ball right of a blue cube") == parse("a blue cube left of a red ball")


def test_no_relation_leaves_the_order_open():
    words = parse("A red ball and a blue cube, on sand.")
    assert not words.ordered
    assert words.ground == "sand"


@pytest.mark.parametrize("ground", GROUNDS)
def test_grounds(ground):
    assert parse(caption(Scene(ground, (THING,)))).ground == ground


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a purple ball on grass", "unknown word 'purple'; known are .*ball.*yellow"),
        ("a red ball left of a blue cube left of a green cone", "left"),
        ("a red ball, a blue cube and a green cone", "names 3 things"),
        ("on grass", "names 0 things"),
        ("", "names 0 things"),
        ("a red blue ball", "'blue' comes after 'red'"),
        ("a red ball on grass at night", "ground 'night' comes after 'grass'"),
        ("a ball red", "'red' is followed by no shape"),
        ("a red ball left", "'left' but names one"),
    ],
)
def test_bad_captions_name_the_word(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


@pytest.mark.parametrize(
    "call",
    [
        lambda: caption(sample_scene(0, count=3)),
        lambda: caption(sample_scene(0, count=0)),
        lambda: caption(sample_scene(0), STYLES),
        lambda: caption(sample_scene(0), omit=("colour",)),
        lambda: caption(concept_scene("snowman", 0)),
    ],
)
def test_scenes_without_a_caption(call):
    with pytest.raises(ValueError, match=r"one or two|style is|omit has|shape is"):
        call()
