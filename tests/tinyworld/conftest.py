"""A minuscule world, rendered once, the stages in sizes to match, and a runs folder with the first ones trained on it."""

from functools import partial
from pathlib import Path

import pytest

from tinyworld.budget import Budget
from tinyworld.stage_clip import train_clip
from tinyworld.stage_glide import train_glide
from tinyworld.stage_guided import train_guided, train_students
from tinyworld.stage_inpaint import train_inpaint
from tinyworld.stage_noised_clip import train_noised_clip
from tinyworld.stage_oracle import train_oracle
from tinyworld.stage_unet import train_unet
from tinyworld.stage_vae import train_vae
from tinyworld.stage_web import train_web
from tinyworld.stage_world import World, make_world

SMALL = {
    "oracle": partial(train_oracle, width=8, batch=8),
    "vae": partial(train_vae, channels=(8, 8, 16), batch=4),
    "clip": partial(train_clip, width=32, batch=8),
    "unet": partial(train_unet, channels=(16, 16), batch=4, samples=2),
    "joint": partial(train_unet, channels=(16, 16), batch=4, samples=2, joint=True),
}
LATER = {  # those on top of the trained U-Net
    "guided": partial(train_guided, batch=4, samples=1),
    "inpaint": partial(train_inpaint, batch=4, samples=2),
    "noised-clip": partial(train_noised_clip, batch=8),
    "web": partial(train_web, batch=4, samples=2),
    "glide-base": partial(train_glide, "glide-base", batch=4),
    "glide-upsampler": partial(train_glide, "glide-upsampler", batch=4),
}
# On top of "guided": two trainings, one after the other, in the folders student-2 and student-1.
STUDENTS = partial(train_students, batch=4, samples=1, rounds={2: None, 1: None})


def train_small(stage: str, world: World, runs: Path, budget: Budget, **options) -> dict:
    """A few steps of a stage in its minuscule configuration. The oracle takes its own folder, the others `runs`."""
    train = {**SMALL, **LATER, "students": STUDENTS}[stage]
    return train(world, runs / "oracle" if stage == "oracle" else runs, budget, **options)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("tinyworld") / "world"
    make_world(folder, images=64, threads=1)
    return World(folder)


@pytest.fixture(scope="session")
def runs(world: World) -> Path:
    """The first stages, 50 steps each."""
    folder = world.folder.parent
    for stage in SMALL:
        state = train_small(stage, world, folder, Budget(50))
        assert state["step"] == 50
    return folder
