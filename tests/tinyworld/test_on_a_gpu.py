"""Training, rendering and judging on a GPU, on a pretended one: every stage runs there, does not make Python wait for it
at each step, and learns what it learns on a CPU; every function takes its data where they are. What only a real one shows
(bfloat16, speed) is not tested here.
"""

import csv
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from tests.diffloop.devices import Marked, pretended_gpu, waits
from tests.tinyworld.conftest import LATER, SMALL, train_small
from tests.tinyworld.test_training import ONE_STEP

from tinyworld import trainer
from tinyworld.budget import Budget
from tinyworld.checkpoint import load_checkpoint
from tinyworld.curve import AT_ONCE
from tinyworld.identity import identify, train_identity
from tinyworld.oracle import features, frechet_distance, load_oracle, read, score, segment
from tinyworld.pictures import grid
from tinyworld.progress import Progress
from tinyworld.render import render, render_edit
from tinyworld.scene import CONCEPTS, concept_scene, sample_scene
from tinyworld.stage_clip import measure_clip
from tinyworld.stage_glide import measure_glide
from tinyworld.stage_guided import measure_student
from tinyworld.stage_inpaint import measure_inpaint, random_masks
from tinyworld.stage_noised_clip import measure_noised_clip
from tinyworld.stage_oracle import measure_oracle, roughen, trained_oracle
from tinyworld.stage_unet import measure_unet
from tinyworld.stage_vae import measure_vae
from tinyworld.stage_web import measure_web
from tinyworld.stage_world import make_world, to_float
from tinyworld.trainer import train


class Waiting(Progress):
    """The progress of each training, and how many times Python had waited for the GPU after each step of it."""

    trainings: ClassVar[list[list[int]]] = []

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.trainings.append([])

    def update(self, *args, **how):
        super().update(*args, **how)
        self.trainings[-1].append(len(waits))


@pytest.fixture
def gpu():
    with pretended_gpu() as device:
        yield device


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def losses(folder: Path) -> list[float]:
    with open(folder / "curve.csv", newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def beside(runs: Path, folder: Path) -> Path:
    """A fresh runs folder that stands on the stages of another."""
    folder.mkdir()
    for path in runs.iterdir():
        (folder / path.name).symlink_to(path)
    return folder


def made(runs: Path, stage: str) -> list[str]:
    """The folders of a stage."""
    return sorted(path.name for path in runs.glob("student-*")) if stage == "students" else [stage]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_stages(world, tmp_path, monkeypatch):
    """Each goes on from a file, waits at no step but the first one, and learns what it does on a CPU from the same
    earlier stages; what it saves opens on any machine, and is measured."""
    monkeypatch.setattr(trainer, "Progress", Waiting)
    there = tmp_path / "there"
    there.mkdir()
    (there / "world").symlink_to(world.folder)
    budget = Budget(3, cooldown=0.0)
    for stage in (*SMALL, *LATER, "students"):
        here = beside(there, tmp_path / stage)
        train_small(stage, world, here, budget)
        with pretended_gpu():
            train_small(stage, world, there, budget._replace(minutes=ONE_STEP), device="cuda")
            Waiting.trainings.clear()
            state = train_small(stage, world, there, budget, device="cuda")
        assert all(isinstance(v, Marked) for ema in state["ema"].values() for v in ema.values()), stage
        assert len(Waiting.trainings) == len(made(there, stage))
        for counts in Waiting.trainings:
            assert len(counts) >= 2
            assert [waits[a:b] for a, b in pairwise(counts)] == [[]] * (len(counts) - 1), stage
        for name in made(there, stage):
            saved = load_checkpoint(there / name / "checkpoint.pt", name)
            assert saved["step"] == 3
            tensors = [v for group in (*saved["ema"].values(), *saved["modules"].values()) for v in group.values()]
            assert {type(v) for v in tensors} == {torch.Tensor}
            assert losses(there / name) == pytest.approx(losses(here / name), rel=0.05), name  # bfloat16 on some CPUs
    with pretended_gpu():
        on = {"device": "cuda"}
        measured = [
            measure_oracle(trained_oracle(there, **on), world),
            measure_vae(there, world, limit=4, **on),
            measure_clip(there, world, **on),
            measure_unet(there, world, "joint", n=1, **on),
            measure_student(there, world, "student-2", 2, n=2, **on),
            measure_inpaint(there, world, n=2, **on),
            measure_web(there, world, n=2, **on),
            measure_noised_clip(there, world, n=4, group=2, **on),
            measure_glide(there, world, n=2, **on),
        ]
    assert all(measured)


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
    assert all(isinstance(x, Marked) for x in there)
    assert torch.equal(there.images.cpu(), here.images)
    assert torch.equal(there.masks.cpu(), here.masks)
    shas = {make_world(tmp_path / d, images=12, threads=1, device=d)["sha256"] for d in ("cpu", "cuda")}
    assert len(shas) == 1


def test_pictures_and_judges(gpu):
    scenes = [sample_scene(i, count=2) for i in range(2)]
    here, there = render(scenes), render(scenes, device=gpu)
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


def test_bfloat16_only_where_the_card_multiplies_it(monkeypatch):
    for native in (True, False):
        trainer._native_bfloat16.cache_clear()
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, native=native: native)
        assert trainer._native_bfloat16("cuda") is native
    trainer._native_bfloat16.cache_clear()
