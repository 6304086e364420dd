"""The training loop and the stages: resumed to the bit, killed at any moment, extended, and wrong checkpoints."""

import csv
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.tinyworld.conftest import SMALL, train_small

from tinyworld.budget import Budget, learning_rate_scale
from tinyworld.checkpoint import load_checkpoint, write_atomic
from tinyworld.stage_world import FILES, World, make_world
from tinyworld.stages import lengths_like
from tinyworld.trainer import batch_indices, train

ROOT = Path(__file__).resolve().parents[2]
ONE_STEP = 1e-9  # minutes: a call does at least one step, then finds its time spent

TOY = """
import sys, time
from pathlib import Path
import torch
from tinyworld.budget import Budget
from tinyworld.trainer import train
torch.set_num_threads(1)
torch.manual_seed(0)
net = torch.nn.Linear(8, 8)
def loss_at(step, generator):
    time.sleep(float(sys.argv[2]))
    x = torch.randn(16, 8, generator=generator)
    return {"loss": (net(x) - x.flip(1)).square().mean()}
train("toy", {"net": net}, loss_at, Path(sys.argv[1]), Budget(60), lr=0.01, hyper={}, warmup=5, save_every=7)
"""


def curve(folder: Path) -> list[list[str]]:
    with open(folder / "curve.csv", newline="") as file:
        return list(csv.reader(file))


def toy(folder: Path, budget: Budget, **options) -> torch.nn.Module:
    torch.manual_seed(0)
    net = torch.nn.Linear(8, 8)

    def loss_at(step: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        x = torch.randn(16, 8, generator=generator)
        return {"loss": (net(x) - x.flip(1)).square().mean()}

    options = {"lr": 0.01, "hyper": {"width": 8}, "warmup": 5, **options}
    net.state = train("toy", {"net": net}, loss_at, folder, budget, **options)
    return net


def test_killed_with_signal_9_and_resumed_gives_the_same_losses(tmp_path):
    command = [sys.executable, "-c", TOY]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    subprocess.run([*command, str(tmp_path / "alone"), "0"], check=True, env=environment, capture_output=True)
    process = subprocess.Popen([*command, str(tmp_path / "killed"), "0.05"], env=environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (tmp_path / "killed" / "checkpoint.pt").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    reached = load_checkpoint(tmp_path / "killed" / "checkpoint.pt", "toy")["step"]
    assert 0 < reached < 60
    subprocess.run([*command, str(tmp_path / "killed"), "0"], check=True, env=environment, capture_output=True)
    assert curve(tmp_path / "killed") == curve(tmp_path / "alone")
    a, b = (load_checkpoint(tmp_path / name / "checkpoint.pt", "toy") for name in ("killed", "alone"))
    assert all(torch.equal(a["ema"]["net"][k], b["ema"]["net"][k]) for k in a["ema"]["net"])
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("stage", list(SMALL))
def test_a_stage_stopped_after_every_step_gives_the_same_losses(stage, world, runs, tmp_path):
    """Four steps at once, and in four calls, each of which loads the checkpoint of the one before."""
    for name in ("alone", "stopped"):
        for earlier in list(SMALL)[: list(SMALL).index(stage)]:
            shutil.copytree(runs / earlier, tmp_path / name / earlier)
        if stage in ("unet", "joint"):
            shutil.copy(runs / "latents.pt", tmp_path / name)
    train_small(stage, world, tmp_path / "alone", Budget(4))
    for call in range(1, 5):
        state = train_small(stage, world, tmp_path / "stopped", Budget(4, ONE_STEP))
        assert state["step"] == call
    assert curve(tmp_path / "alone" / stage) == curve(tmp_path / "stopped" / stage)


@pytest.mark.slow
def test_fifty_steps_of_each_stage_leave_curves_checkpoints_manifests_and_pictures(world, runs):
    for stage in SMALL:
        folder = runs / stage
        rows = curve(folder)
        assert [row[0] for row in rows] == ["step", *map(str, range(50))]
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["step"] == 50
        assert manifest["data"] == world.sha256
        assert {"git", "versions", "device", "hyper", "seed", "minutes"} <= set(manifest)
        if stage in ("vae", "unet", "joint"):
            assert (folder / "samples" / "000050.png").stat().st_size > 1000
    losses = [float(row[2]) for row in curve(runs / "vae")[1:]]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])


def test_a_finished_run_is_extended_from_before_its_cooldown(tmp_path):
    toy(tmp_path / "a", Budget(40, cooldown=0.25))
    assert load_checkpoint(tmp_path / "a" / "stable.pt", "toy")["step"] == 30
    toy(tmp_path / "a", Budget(80, cooldown=0.25))
    toy(tmp_path / "b", Budget(80, cooldown=0.25))
    assert curve(tmp_path / "a") == curve(tmp_path / "b")


def test_a_finished_run_is_left_alone_without_extend(tmp_path):
    toy(tmp_path, Budget(20))
    before = (tmp_path / "checkpoint.pt").read_bytes()
    net = toy(tmp_path, Budget(40), extend=False)
    assert net.state["step"] == 20
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_time_limit_ends_with_a_cooldown(tmp_path, monkeypatch):
    ticks = itertools.count()  # a clock that no other work on the machine can stop
    monkeypatch.setattr("tinyworld.trainer.time", SimpleNamespace(monotonic=lambda: 0.001 * next(ticks)))
    state = toy(tmp_path, Budget(None, 0.02, 0.5)).state
    start, length = state["cooldown"]
    assert state["finished"]
    assert state["step"] == start + length
    assert float(curve(tmp_path)[-1][1]) < 0.1


def test_learning_rate():
    assert learning_rate_scale(0, 10, None) == pytest.approx(0.1)
    assert learning_rate_scale(500, 10, None) == 1
    assert learning_rate_scale(75, 10, (50, 100)) == pytest.approx(0.5)
    assert learning_rate_scale(150, 10, (50, 100)) == 0


def test_an_epoch_shows_every_picture_once_over_all_ranks():
    seen = torch.cat([batch_indices(24, 4, step, 0, rank, 2) for step in range(3) for rank in range(2)])
    assert sorted(seen.tolist()) == list(range(24))
    assert not torch.equal(seen, torch.cat([batch_indices(24, 4, s, 0, r, 2) for s in range(3, 6) for r in range(2)]))


def test_a_loss_that_is_not_finite_stops(tmp_path):
    net = torch.nn.Linear(1, 1)
    with pytest.raises(FloatingPointError, match="toy, step 0"):
        train("toy", {"net": net}, lambda s, g: {"loss": net.weight.sum() * float("nan")}, tmp_path, Budget(2),
              lr=1.0, hyper={})  # fmt: skip


def test_compiled_it_learns_the_same_and_pictures_are_drawn_without(tmp_path, monkeypatch):
    """By Dynamo and its plain backend: a compiler of C++ or Triton is not what is tested."""
    compile_module, compiled, shown = torch.nn.Module.compile, [], []
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda m: (compiled.append(type(m)), compile_module(m, backend="eager"))
    )
    how = {"show": lambda step: shown.append((step, torch.compiler.is_compiling())), "show_every": 5}
    toy(tmp_path / "plain", Budget(10))
    toy(tmp_path / "compiled", Budget(10), compiled=True, **how)
    assert compiled == [torch.nn.Linear]
    assert [step for step, _ in shown] == [5, 10, 10]
    plain, other = ([float(row[2]) for row in curve(tmp_path / d)[1:]] for d in ("plain", "compiled"))
    assert plain == pytest.approx(other, rel=1e-5)


def test_wrong_checkpoints_are_named(tmp_path):
    toy(tmp_path, Budget(4))
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(ValueError, match=r"hyper-parameters.*width"):
        toy(tmp_path, Budget(8), hyper={"width": 9})
    with pytest.raises(ValueError, match="of stage 'toy', not of 'vae'"):
        load_checkpoint(path, "vae")
    state = torch.load(path, weights_only=True)
    torch.save({**state, "version": 99}, path)
    with pytest.raises(ValueError, match="of version 99; this code reads version 1"):
        toy(tmp_path, Budget(8))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="truncated"):
        toy(tmp_path, Budget(8))
    with pytest.raises(ValueError, match="run the stage 'vae'"):
        load_checkpoint(tmp_path / "no.pt", "vae")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomic(path, write)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_world_killed_and_resumed_is_the_same(world, tmp_path):
    make_world(tmp_path, images=64, threads=1)
    state = json.loads((tmp_path / "world.json").read_text())
    state.pop("sha256")
    state["done"].update({"test": 0, "held-out": 0})  # as after a kill: later chunks half written
    (tmp_path / "world.json").write_text(json.dumps(state))
    (tmp_path / "held-out.images.bin").unlink()
    with open(tmp_path / "test.images.bin", "rb+") as file:
        file.write(b"\0" * 1000)
    with pytest.raises(ValueError, match="no finished world"):
        World(tmp_path)
    assert make_world(tmp_path, images=64, threads=1)["sha256"] == world.sha256
    with pytest.raises(ValueError, match="world of sizes"):
        make_world(tmp_path, images=65, threads=1)
    assert set(FILES) == {"images", "labels", "rows"}


def test_the_command_line(world, tmp_path):
    script = [sys.executable, str(ROOT / "scripts" / "train_tiny.py")]
    result = subprocess.run([*script, "--help"], capture_output=True, text=True, check=True)
    assert "python scripts/train_tiny.py vae --time-limit 20" in result.stdout
    result = subprocess.run([*script, "vae", "--runs", str(tmp_path)], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "no finished world" in result.stderr
    result = subprocess.run([*script, "vae", "--cooldown", "2"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "--cooldown is 2.0" in result.stderr
    result = subprocess.run([*script, "all", "--dry-run", "--runs", str(tmp_path)], capture_output=True, text=True)
    assert "vae: from nothing" in result.stdout
    result = subprocess.run([*script, "all", "--like", str(tmp_path)], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "--like takes a folder of exported models" in result.stderr
    result = subprocess.run(
        [*script, "vae", "--like", "x", "--steps", "2"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2


def test_as_long_as_the_exported_models_were_trained(tmp_path):
    """Those of a folder, by stage: students have their own rounds, and what the folder lacks is left out."""
    steps = {"tiny": {"oracle": 5, "unet": 7}, "tiny-students/steps-4": 9, "tiny-glide/base": 11}
    for name, value in steps.items():
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "tiny.json").write_text(json.dumps({"steps": value}))
    assert lengths_like(tmp_path) == {"oracle": 5, "unet": 7, "students": None, "glide-base": 11}
    script = [sys.executable, str(ROOT / "scripts" / "train_tiny.py"), "all", "--dry-run", "--device", "cuda"]
    command = [*script, "--like", str(tmp_path), "--runs", str(tmp_path / "runs")]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.partition(":")[0] for line in lines if "left out" not in line] == [
        "world", "oracle", "unet", "students", "glide-base", "export", "export-more"
    ]  # fmt: skip
    assert f"unet: from nothing, in {tmp_path}/runs/unet, to step 7, on cuda" in lines
