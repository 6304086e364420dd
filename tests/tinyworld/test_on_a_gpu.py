"""Training and rendering on a pretended GPU: every stage runs there, does not make Python wait for it at each step, and
learns what it learns on a CPU. What only a real one shows (bfloat16, speed) is not tested here.
"""

import csv
import shutil
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
import torch
from tests.diffloop.devices import Marked, pretended_gpu
from tests.tinyworld.conftest import SMALL
from torch.overrides import TorchFunctionMode

from tinyworld import trainer
from tinyworld.budget import Budget
from tinyworld.checkpoint import load_checkpoint
from tinyworld.curve import AT_ONCE
from tinyworld.render import render
from tinyworld.scene import CONCEPTS, concept_scene, sample_scene
from tinyworld.stage_glide import train_glide
from tinyworld.stage_guided import train_guided, train_students
from tinyworld.stage_inpaint import train_inpaint
from tinyworld.stage_noised_clip import train_noised_clip
from tinyworld.stage_vae import opponent
from tinyworld.stage_web import train_web
from tinyworld.stage_world import World, make_world
from tinyworld.trainer import train

# What makes Python wait until the GPU has done all that it was given.
WAITS = {"item", "tolist", "cpu", "__bool__", "__float__", "__int__", "__index__", "nonzero", "masked_select", "unique"}
STAGES = {
    **{name: partial(function, **how) for name, (function, how) in SMALL.items()},
    "guided": partial(train_guided, batch=4, samples=1),
    "student-2": partial(train_students, batch=4, samples=1, rounds={2: None}),
    "inpaint": partial(train_inpaint, batch=4, samples=2),
    "noised-clip": partial(train_noised_clip, batch=8),
    "glide-base": partial(train_glide, "glide-base", batch=4),
    "glide-upsampler": partial(train_glide, "glide-upsampler", batch=4),
    "web": partial(train_web, batch=4, samples=2),
}
NEEDS = {"oracle": (), "vae": ("oracle",), "clip": (), "unet": ("vae", "clip"), "joint": ("vae", "clip", "unet")}


class Waits(TorchFunctionMode):
    """Counts, by name, the calls that wait for the GPU, a copy to it from pageable memory included."""

    def __init__(self):
        super().__init__()
        self.count = Counter()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        marked = any(isinstance(x, Marked) for x in args)
        if marked and name in WAITS:
            self.count[name] += 1
        result = func(*args, **kwargs)
        if (
            name in ("to", "tensor", "as_tensor", "copy_")
            and isinstance(result, Marked)
            and not kwargs.get("non_blocking")
        ):
            source = args[1] if name == "copy_" else args[0]
            if not isinstance(source, Marked):
                self.count[name] += 1
        return result


@pytest.fixture
def gpu():
    with pretended_gpu() as device:
        yield device


@pytest.fixture(scope="module")
def more_runs(runs, world, tmp_path_factory):
    """The session's runs, and the stage that the students start from."""
    folder = tmp_path_factory.mktemp("more")
    shutil.copytree(runs, folder, dirs_exist_ok=True)
    shutil.rmtree(folder / "joint")
    train_guided(world, folder, Budget(2), batch=4, samples=1)
    return folder


def needed(stage: str, more_runs: Path, folder: Path) -> Path:
    """A runs folder with what a stage stands on."""
    stages = NEEDS.get(stage, ("vae", "clip", "unet"))
    for earlier in (*stages, *(["oracle"] if stages else []), *(["guided"] if stage == "student-2" else [])):
        shutil.copytree(more_runs / earlier, folder / earlier, dirs_exist_ok=True)
    shutil.copytree(more_runs / "world", folder / "world")
    shutil.copy(more_runs / "latents.pt", folder)
    return folder


def losses(folder: Path) -> list[float]:
    with open(folder / "curve.csv", newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def run(stage: str, world: World, runs: Path, steps: int, **options) -> None:
    """From what nothing is left of before: a world and a constant that stay on the device are counted in every run."""
    opponent.cache_clear()
    world = World(world.folder)
    STAGES[stage](world, runs / "oracle" if stage == "oracle" else runs, Budget(steps, None, 0.0), **options)


@pytest.mark.parametrize("stage", list(STAGES))
def test_a_stage_trains_on_a_gpu_as_on_a_cpu_and_waits_for_it_at_no_step(stage, gpu, world, more_runs, tmp_path):
    waits = {}
    for steps in (2, 3):
        folder = needed(stage, more_runs, tmp_path / str(steps))
        with Waits() as counted:
            run(stage, world, folder, steps, device="cuda")
        waits[steps] = counted.count
    assert waits[2] == waits[3], "the third step waits"
    state = load_checkpoint(tmp_path / "3" / stage / "checkpoint.pt", stage)
    assert state["step"] == 3
    tensors = [v for group in (*state["ema"].values(), *state["modules"].values()) for v in group.values()]
    assert {type(v) for v in tensors} == {torch.Tensor}  # they open on any machine
    folder = needed(stage, more_runs, tmp_path / "cpu")
    run(stage, world, folder, 3)
    assert losses(tmp_path / "3" / stage) == pytest.approx(losses(folder / stage), rel=0.05)  # bfloat16 on some CPUs


def toy(folder: Path, budget: Budget, device: str, broken_at: int | None = None) -> dict:
    torch.manual_seed(0)
    net = torch.nn.Linear(8, 8).to(device)

    def loss_at(step: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        x = torch.randn(16, 8, generator=generator).to(device)
        return {"loss": (net(x) - x.flip(1)).square().mean() * (float("nan") if step == broken_at else 1.0)}

    return train("toy", {"net": net}, loss_at, folder, budget, lr=0.01, hyper={}, warmup=5, save_every=20)


def test_a_checkpoint_goes_from_a_cpu_to_a_gpu_and_back(gpu, tmp_path):
    """The optimizer's counts, which one keeps on the device and the other does not, go with it."""
    toy(tmp_path / "moved", Budget(10), "cpu")
    toy(tmp_path / "moved", Budget(20), "cuda")
    state = toy(tmp_path / "moved", Budget(30), "cpu")
    alone = toy(tmp_path / "alone", Budget(30), "cpu")
    assert state["step"] == 30
    for name, value in alone["ema"]["net"].items():
        torch.testing.assert_close(state["ema"]["net"][name], value, atol=1e-5, rtol=1e-4)


def test_a_loss_that_is_not_finite_is_named_late_and_never_saved(gpu, tmp_path):
    broken = AT_ONCE + 12  # after a checkpoint at 60, and before the losses are read the next time
    with pytest.raises(FloatingPointError, match=f"toy, step {broken}:"):
        toy(tmp_path, Budget(200), "cuda", broken)
    state = load_checkpoint(tmp_path / "checkpoint.pt", "toy")
    assert state["step"] == 60
    assert all(v.isfinite().all() for v in state["ema"]["net"].values())


def test_the_curve_of_a_gpu_has_every_step(gpu, tmp_path):
    toy(tmp_path / "gpu", Budget(AT_ONCE + 30), "cuda")
    toy(tmp_path / "cpu", Budget(AT_ONCE + 30), "cpu")
    assert losses(tmp_path / "gpu") == pytest.approx(losses(tmp_path / "cpu"), rel=1e-4)


def test_pictures_of_a_gpu_are_those_of_a_cpu(gpu, tmp_path):
    """In other chunks, too. On a real GPU square roots and sums are rounded as here; a picture within 1 of 255 is right."""
    scenes = [sample_scene(i) for i in range(9)] + [sample_scene(1, count=3), concept_scene(CONCEPTS[2], 0)]
    there, here = render(scenes, device=gpu), render(scenes)
    assert isinstance(there.images, Marked)
    assert torch.equal(there.images.cpu(), here.images)
    assert torch.equal(there.masks.cpu(), here.masks)
    shas = {make_world(tmp_path / d, images=12, threads=1, device=d)["sha256"] for d in ("cpu", "cuda")}
    assert len(shas) == 1


def test_bfloat16_only_where_the_card_multiplies_it(monkeypatch):
    for native in (True, False):
        trainer._native_bfloat16.cache_clear()
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, native=native: native)
        assert trainer._native_bfloat16("cuda") is native
    trainer._native_bfloat16.cache_clear()
