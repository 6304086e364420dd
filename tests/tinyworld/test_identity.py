"""The judge of concepts, trained as a post trains it but on fewer pictures, against renders that it has not seen."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tinyworld.identity import KINDS, NONE, describe, identify, identity_scene, train_identity, truth
from tinyworld.oracle import load_oracle
from tinyworld.render import render
from tinyworld.scene import CONCEPTS, Scene, Thing, concept_scene, sample_scene

MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.fixture(scope="module")
def oracle():
    return load_oracle(MODELS / "tiny-oracle")


@pytest.fixture(scope="module")
def judge(oracle):
    return train_identity(oracle, pictures=320, copies=1, passes=10)


def test_concepts_are_told_from_plain_things_and_from_each_other(judge):
    scenes = [concept_scene(name, 1000 + i) for name in CONCEPTS for i in range(8)]
    scenes += [sample_scene(i, count=1) for i in range(32)]
    seen = identify(render(scenes).images, judge)
    right = torch.tensor([kind == truth(scene) for kind, scene in zip(seen.concept, scenes, strict=True)])
    assert right[:32].float().mean() >= 0.9
    assert right[32:].float().mean() >= 0.9
    ground = [a == scene.ground for a, scene in zip(seen.ground, scenes, strict=True)]
    assert sum(ground) >= 0.95 * len(scenes)


def test_a_red_ball_has_a_striped_ball_s_shape_but_not_its_pattern(judge):
    striped = [concept_scene("striped ball", 2000 + i) for i in range(12)]
    plain = [replace(s, things=(replace(s.things[0], shape="ball", second=""),)) for s in striped]
    both = identify(render(striped + plain).images, judge).right("striped ball")
    assert both[:12, :2].float().mean() >= 0.9
    assert both[12:, 0].float().mean() >= 0.8
    assert both[12:, 1].float().mean() <= 0.2
    assert both[12:, 2].float().mean() <= 0.2


def test_training_leaves_the_oracle_and_the_global_generator_and_repeats_itself(oracle):
    before, state = {k: v.clone() for k, v in oracle.state_dict().items()}, torch.get_rng_state()
    small = {"pictures": 64, "copies": 1, "passes": 1}
    first, again = train_identity(oracle, **small), train_identity(oracle, **small)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[k], v) for k, v in oracle.state_dict().items())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    other = train_identity(oracle, **small, seed=1)
    assert not torch.equal(first.heads.weight, other.heads.weight)


def test_what_a_vae_returns_is_also_learned(oracle):
    asked = []

    def through(pictures):
        asked.append(pictures)
        return 1 - pictures

    train_identity(oracle, through=through, n_through=50, pictures=64, copies=1, passes=1)
    pictures = torch.cat(asked)
    assert pictures.shape == (50, 3, 64, 64)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    own = render([identity_scene(2**40)]).images / 255
    torch.testing.assert_close(pictures[:1], own, atol=1e-6, rtol=0)


def test_truth_and_description_of_scenes():
    stripes = concept_scene("striped ball", 0)
    tower = concept_scene("cube on a cylinder", 0)
    assert [truth(concept_scene(name, 3)) for name in CONCEPTS] == list(CONCEPTS)
    swapped = [
        replace(s, things=(replace(t, colour=t.second, second=t.colour),)) for s in (stripes, tower) for t in s.things
    ]
    assert [truth(s) for s in swapped] == ["striped ball", NONE]
    assert truth(replace(stripes, things=(replace(stripes.things[0], second="blue"),))) == NONE
    beside = Scene("snow", (Thing("cone", "red", "small", -0.8), replace(tower.things[0], x=0.8)))
    assert truth(beside) == "cube on a cylinder"
    assert describe(stripes.things[0]) == ("ball", "stripes", {"red", "white"})
    assert describe(concept_scene("snowman", 1).things[0]) == ("snowman", "plain", {"white"})
    assert describe(Thing("cube", "red", "small")) == ("cube", "plain", {"red"})


def test_scenes_to_train_on_are_many_and_repeatable():
    scenes = [identity_scene(i) for i in range(300)]
    assert scenes[:20] == [identity_scene(i) for i in range(20)]
    shown = [truth(scene) for scene in scenes]
    assert all(shown.count(name) >= 20 for name in KINDS)
    assert {len(scene.things) for scene in scenes} == {0, 1, 2}
    near = [
        s for s, kind in zip(scenes, shown, strict=True) if kind == NONE and any(t.shape in CONCEPTS for t in s.things)
    ]
    assert len(near) >= 15  # a concept's shape in other colours


def test_bad_input_is_named(oracle, judge):
    with pytest.raises(ValueError, match=r"pictures.* 10, .*at least 64"):
        train_identity(oracle, pictures=10)
    with pytest.raises(ValueError, match=r"float32 \(2, 3, 64, 64\).*uint8"):
        identify(torch.zeros(2, 3, 64, 64), judge)
    with pytest.raises(ValueError, match="'a moose'"):
        identify(torch.zeros(1, 3, 64, 64, dtype=torch.uint8), judge).right("a moose")
