"""Pictures, masks, and masks of edits."""

import pytest
import torch

from tinyworld.render import render, render_edit
from tinyworld.scene import COLOURS, CONCEPTS, GROUNDS, Scene, Thing, concept_scene, edit, sample_scene

SCENES = [sample_scene(i) for i in range(20)]


def ball(colour: str = "red", x: float = 0.0, size: str = "large") -> Thing:
    return Thing("ball", colour, size, x)


def test_same_seed_same_picture_in_any_batch_and_with_any_number_of_threads():
    together = render(SCENES)
    assert torch.equal(together.images, render(SCENES).images)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = [render([scene]) for scene in SCENES[:9]]
    finally:
        torch.set_num_threads(before)
    for i, one in enumerate(alone):
        assert torch.equal(one.images[0], together.images[i])
        assert torch.equal(one.masks[0, 0], together.masks[i, 0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_same_picture_on_a_gpu():
    assert torch.equal(render(SCENES, device="cuda").images.cpu(), render(SCENES).images)


def test_shapes_types_and_masks():
    images, masks = render(SCENES)
    assert images.dtype == torch.uint8
    assert images.shape == (20, 3, 64, 64)
    assert masks.shape == (20, 2, 64, 64)
    for scene, mask in zip(SCENES, masks, strict=True):
        sizes = mask.flatten(1).sum(1)
        assert (sizes[: len(scene.things)] > 20).all()
        assert (sizes[len(scene.things) :] == 0).all()
        if len(scene.things) == 2:
            columns = torch.arange(64).float()
            left, right = ((m.sum(0) * columns).sum() / m.sum() for m in mask)
            assert left < right


def test_a_mask_is_where_the_thing_is_seen():
    """Without a thing the picture changes under its mask, and the mask shrinks where another thing stands before it."""
    scene = Scene("grass", (ball("red", -0.6), ball("blue", 0.6)))
    whole = render([scene])
    for k in (0, 1):
        other = Scene("grass", (scene.things[1 - k],))
        differs = (render([other]).images[0] != whole.images[0]).any(0)
        assert differs[whole.masks[0, k]].all()
    hidden = Scene("grass", (Thing("ball", "red", "large", 0.0, 1.0), Thing("ball", "blue", "large", 0.4, -0.6)))
    alone = Scene("grass", (hidden.things[0],))
    assert render([hidden]).masks[0, 0].sum() < render([alone]).masks[0, 0].sum()


def test_a_ball_has_the_size_that_the_camera_gives_it():
    """Projected radius of a sphere at the centre of view, from the pinhole model: r / sqrt(d^2 - r^2) / tangent."""
    from tinyworld.setting import EYE, HALF_WIDTH

    area = render([Scene("sand", (ball(),))], size=128).masks[0, 0].sum()
    distance = ((EYE[1] - 0.68) ** 2 + EYE[2] ** 2) ** 0.5
    radius = 0.68 / (distance**2 - 0.68**2) ** 0.5 / HALF_WIDTH * 64
    assert float(area) == pytest.approx(3.14159 * radius**2, rel=0.03)


@pytest.mark.parametrize(("attribute", "value"), [("colour", "blue"), ("shape", "cone"), ("size", "small")])
def test_the_mask_of_an_edit_is_exactly_what_changed(attribute, value):
    for i in range(6):
        scene = sample_scene(i, count=2)
        found = render_edit(scene, attribute, value, index=1)
        before, after = render([scene, edit(scene, attribute, value, index=1)])
        assert torch.equal(found.before, before[0])
        assert torch.equal(found.after, before[1])
        assert (before[0] == before[1])[:, ~found.mask].all()
        assert (before[0] != before[1])[:, found.mask].any(0).all()
        if edit(scene, attribute, value, index=1) == scene:
            assert not found.mask.any()
        elif attribute == "colour":
            # no shadow depends on a colour: nothing beyond the thing (and the pixels its edge touches) changes
            grown = torch.nn.functional.max_pool2d(after[0, 1].float()[None, None], 3, 1, 1)[0, 0] > 0
            assert not (found.mask & ~grown).any()
        else:
            assert (found.mask & ~(after[0, 1] | after[1, 1])).any(), "the shadow changes too"


def test_a_new_ground_changes_nearly_everything():
    assert (
        render_edit(sample_scene(1), "ground", "night" if sample_scene(1).ground != "night" else "sand")
        .mask.float()
        .mean()
        > 0.95
    )


def test_colours_stay_apart_in_every_light():
    """Mean colour under the mask: any two colours differ by more than a fifth of the range in some channel."""
    for ground in GROUNDS:
        images, masks = render([Scene(ground, (ball(colour),)) for colour in COLOURS])
        means = [im[:, m[0]].float().mean(1) / 255 for im, m in zip(images, masks, strict=True)]
        for i, a in enumerate(means):
            for b in means[:i]:
                assert (a - b).abs().max() > 0.2, (ground, COLOURS[i])


def test_shadows_are_soft_and_fall_away_from_the_light():
    empty, full = render([Scene("snow", ()), Scene("snow", (ball(),))]).images.float()
    mask = render([Scene("snow", (ball(),))]).masks[0, 0]
    darker = (empty - full).mean(0) * ~mask
    columns = torch.arange(64).float()
    assert (darker.sum(0) * columns).sum() / darker.sum() > 34  # the light comes from the left
    values = (darker[darker > 4] / darker.max()).sort().values
    assert ((values > 0.2) & (values < 0.8)).float().mean() > 0.2


def test_concepts_render():
    images, masks = render([concept_scene(name, 0) for name in CONCEPTS])
    assert (masks[:, 0].flatten(1).sum(1) > 100).all()
    assert len({tuple(im.flatten().tolist()) for im in images}) == len(CONCEPTS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: render([]), "empty"),
        (lambda: render(SCENES[:1], size=4), "size"),
        (lambda: render([Scene("lava", ())]), "lava.*grass"),
        (lambda: render([Scene("sand", (Thing("blob", "red", "small"),))]), "blob.*ball"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
