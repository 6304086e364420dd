"""Scenes, splits, edits and concepts."""

import itertools
from collections import Counter

import pytest

from tinyworld.scene import (
    COLOURS,
    CONCEPTS,
    HELD_OUT,
    SHAPES,
    SIZES,
    attributes,
    concept_scene,
    decode,
    edit,
    encode,
    sample_scene,
    split_of,
)
from tinyworld.stage_world import PARTS, scene_of


def test_same_seed_same_scene():
    assert [sample_scene(i) for i in range(50)] == [sample_scene(i) for i in range(50)]
    assert len({sample_scene(i) for i in range(50)}) == 50


def test_held_out_and_test_combinations_are_never_in_training():
    train = [scene_of("train", i) for i in range(5000)]
    pairs = {(t.shape, t.colour) for s in train for t in s.things}
    assert not pairs & set(HELD_OUT)
    assert pairs | set(HELD_OUT) == {(s, c) for s in SHAPES for c in COLOURS}
    trained = {attributes(s) for s in train}
    for part in ("test", "held-out"):
        scenes = [scene_of(part, i) for i in range(500)]
        assert all(split_of(s) == part for s in scenes)
        assert not trained & {attributes(s) for s in scenes}


def test_every_value_is_about_as_frequent_in_training():
    things = [t for i in range(3000) for t in scene_of("train", i).things]
    for values in (
        Counter(t.shape for t in things),
        Counter(t.colour for t in things),
        Counter(t.size for t in things),
    ):
        assert max(values.values()) < 1.4 * min(values.values())


def test_parts_do_not_share_seeds():
    firsts = sorted(first for first, _ in PARTS.values())
    assert min(b - a for a, b in itertools.pairwise(firsts)) >= 10_000_000


def test_things_are_listed_left_to_right_and_do_not_touch():
    for i in range(300):
        left, right = sample_scene(i, count=2).things
        assert right.x - left.x > 1.4


def test_edit_changes_one_attribute():
    scene = sample_scene(3, count=2)
    changed = edit(scene, "colour", "blue", index=1)
    assert changed.things[0] == scene.things[0]
    assert changed.things[1].colour == "blue"
    assert (changed.things[1].x, changed.things[1].yaw) == (scene.things[1].x, scene.things[1].yaw)
    assert edit(scene, "ground", "night").things == scene.things


def test_encode_decode():
    for i in range(200):
        scene = sample_scene(i)
        assert attributes(decode(encode(scene))) == attributes(scene)
    assert encode(sample_scene(1, count=0))[2:] == [-1] * 6


def test_concepts_are_outside_the_vocabulary():
    for name in CONCEPTS:
        scene = concept_scene(name, 0)
        with pytest.raises(ValueError, match=name):
            encode(scene)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: sample_scene(0, split="dev"), "held-out"),
        (lambda: sample_scene(0, count=4), "4"),
        (lambda: edit(sample_scene(0), "colour", "mauve"), "mauve.*yellow"),
        (lambda: edit(sample_scene(0), "weight", "1"), "weight.*size"),
        (lambda: edit(sample_scene(0, count=1), "colour", "red", index=1), "index is 1"),
        (lambda: concept_scene("two-headed ring", 0), "snowman"),
        (lambda: scene_of("validation", 0), "validation.*train"),
    ],
)
def test_bad_input_names_the_value_and_the_choices(call, word):
    with pytest.raises(ValueError, match=f"(?s){word}"):
        call()


def test_sizes_differ_enough():
    from tinyworld.scene import RADIUS

    assert RADIUS["large"] / RADIUS["small"] > 1.5
    assert set(RADIUS) == set(SIZES)
