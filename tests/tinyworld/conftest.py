"""A minuscule world, rendered once, and a runs folder with every stage trained for a few steps on it."""

from pathlib import Path

import pytest

from tinyworld.budget import Budget
from tinyworld.stage_clip import train_clip
from tinyworld.stage_oracle import train_oracle
from tinyworld.stage_unet import train_unet
from tinyworld.stage_vae import train_vae
from tinyworld.stage_world import World, make_world

SMALL = {
    "oracle": (train_oracle, {"width": 8, "batch": 8}),
    "vae": (train_vae, {"channels": (8, 8, 16), "batch": 4}),
    "clip": (train_clip, {"width": 32, "batch": 8}),
    "unet": (train_unet, {"channels": (16, 16), "batch": 4, "samples": 2}),
    "joint": (train_unet, {"channels": (16, 16), "batch": 4, "samples": 2, "joint": True}),
}


def train_small(stage: str, world: World, runs: Path, budget: Budget, **options) -> dict:
    """A few steps of a stage in its minuscule configuration. The oracle takes its own folder, the others `runs`."""
    function, arguments = SMALL[stage]
    return function(world, runs / "oracle" if stage == "oracle" else runs, budget, **arguments, **options)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("tinyworld") / "world"
    make_world(folder, images=64, threads=1)
    return World(folder)


@pytest.fixture(scope="session")
def runs(world: World) -> Path:
    """All stages, 50 steps each."""
    folder = world.folder.parent
    for stage in SMALL:
        state = train_small(stage, world, folder, Budget(50))
        assert state["step"] == 50
    return folder
