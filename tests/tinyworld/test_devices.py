"""Every stage trains, goes on and is measured where it is asked to, and every function takes its data where they are.

On a pretended GPU, so that no machine needs one.
"""

from functools import partial

import pytest
import torch
from tests.diffloop.devices import Marked, pretended_gpu
from tests.tinyworld.conftest import SMALL
from tests.tinyworld.test_training import ONE_STEP

from tinyworld.budget import Budget
from tinyworld.identity import identify, train_identity
from tinyworld.oracle import features, frechet_distance, load_oracle, read, score, segment
from tinyworld.pictures import grid
from tinyworld.render import render, render_edit
from tinyworld.scene import sample_scene
from tinyworld.stage_clip import measure_clip
from tinyworld.stage_glide import measure_glide, train_glide
from tinyworld.stage_guided import measure_student, train_guided, train_students
from tinyworld.stage_inpaint import measure_inpaint, random_masks, train_inpaint
from tinyworld.stage_noised_clip import measure_noised_clip, train_noised_clip
from tinyworld.stage_oracle import measure_oracle, roughen, trained_oracle
from tinyworld.stage_unet import measure_unet
from tinyworld.stage_vae import measure_vae
from tinyworld.stage_web import measure_web, train_web
from tinyworld.stage_world import to_float

ON = {
    **{stage: partial(function, **how) for stage, (function, how) in SMALL.items()},
    "guided": partial(train_guided, batch=4, samples=1),
    "students": partial(train_students, batch=4, samples=1, rounds={2: 2, 1: 2}),
    "inpaint": partial(train_inpaint, batch=4, samples=2),
    "noised-clip": partial(train_noised_clip, batch=8),
    "web": partial(train_web, batch=4, samples=2),
    "glide-base": partial(train_glide, "glide-base", batch=4),
    "glide-upsampler": partial(train_glide, "glide-upsampler", batch=4),
}


@pytest.fixture
def gpu():
    with pretended_gpu() as device:
        yield device


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_stages(world, tmp_path, gpu):
    (tmp_path / "world").symlink_to(world.folder)
    for stage, train in ON.items():
        folder = tmp_path / "oracle" if stage == "oracle" else tmp_path
        train(world, folder, Budget(2, ONE_STEP), device="cuda")
        state = train(world, folder, Budget(2), device="cuda")  # goes on from a file
        assert all(isinstance(v, Marked) for ema in state["ema"].values() for v in ema.values()), stage
    there = {"device": "cuda"}
    measured = [
        measure_oracle(trained_oracle(tmp_path, **there), world),
        measure_vae(tmp_path, world, limit=4, **there),
        measure_clip(tmp_path, world, **there),
        measure_unet(tmp_path, world, "joint", n=1, **there),
        measure_student(tmp_path, world, "student-2", 2, n=2, **there),
        measure_inpaint(tmp_path, world, n=2, **there),
        measure_web(tmp_path, world, n=2, **there),
        measure_noised_clip(tmp_path, world, n=4, group=2, **there),
        measure_glide(tmp_path, world, n=2, **there),
    ]
    assert all(measured)


def test_pictures_and_judges(gpu):
    scenes = [sample_scene(i, count=2) for i in range(2)]
    here, there = render(scenes), render(scenes, device=gpu)
    assert all(isinstance(x, Marked) for x in there)
    assert torch.equal(there.images.cpu(), here.images)
    assert grid(there.images, 2).tobytes() == grid(here.images, 2).tobytes()
    assert render_edit(scenes[0], "colour", "red").after.shape == (3, 64, 64)
    oracle = load_oracle(device=gpu)
    texts = ["a red ball on grass"] * 2
    assert read(there.images, oracle) == read(here.images, oracle)
    assert torch.equal(segment(there.images, oracle), segment(here.images, oracle))
    assert score(there.images, texts, oracle).by == score(here.images, texts, oracle).by
    seen = features(there.images, oracle)
    assert frechet_distance(seen.to(gpu), seen.flip(0).to(gpu)) >= 0
    judge = train_identity(oracle, pictures=64, copies=1, passes=1)
    assert identify(there.images, judge).concept == identify(here.images, judge).concept
    rough = roughen(to_float(there.images), seeded())
    assert torch.equal(rough.cpu(), roughen(to_float(here.images), seeded()))
    masks = random_masks(there.masks[:, 0].long(), seeded())
    assert torch.equal(masks.cpu(), random_masks(here.masks[:, 0].long(), seeded()))
    assert all(isinstance(x, Marked) for x in (rough, masks))
