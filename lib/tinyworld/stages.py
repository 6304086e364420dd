"""Runs one stage of `scripts/train_tiny.py` from its command-line options, and says how it went."""

from __future__ import annotations

import json
from argparse import Namespace
from functools import partial
from pathlib import Path

import torch

from tinyworld.budget import Budget
from tinyworld.checkpoint import load_checkpoint
from tinyworld.parallel import ranks
from tinyworld.stage_world import World, make_world

UNTRAINED = ("world", "restore", "export", "export-more")


def run_stage(stage: str, options: Namespace) -> dict[str, float | str | int]:
    """Run a stage and measure it. options: those of the script (runs, device, threads, steps, time_limit, ...).

    Returns:
        what to print: figures by name.

    Raises:
        ValueError: if an earlier stage is missing, or a file is not what it should be.
    """
    torch.set_num_threads(options.threads)
    rank, _ = ranks()
    device = device_of(options)
    if stage == "world":
        return _world(options, device) if rank == 0 else {}
    if stage == "export":
        from tinyworld.stage_export import export

        return export(options.runs, options.models) if rank == 0 else {}
    if stage == "export-more":
        from tinyworld.stage_export_more import export_more

        return export_more(options.runs, options.models) if rank == 0 else {}
    if stage == "restore":
        from tinyworld.stage_restore import restore

        return restore(options.runs, options.models) if rank == 0 else {}
    world = World(options.runs / "world")
    arguments = {"device": device, "seed": options.seed, "compiled": options.compile}
    if options.batch:
        arguments["batch"] = options.batch
    runners = {"oracle": _oracle, "vae": _vae, "clip": _clip, "unet": _unet, "joint": _joint}
    runners |= {"guided": _guided, "students": _students, "inpaint": _inpaint, "web": _web}
    runners |= {"noised-clip": _noised_clip}
    runners |= {name: partial(_glide, name) for name in ("glide-base", "glide-upsampler")}
    return runners[stage](world, options, device, arguments)


def device_of(options: Namespace) -> str:
    """The requested device; for "auto", the GPU if there is one."""
    if options.device != "auto":
        return options.device
    return f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() else "cpu"


def lengths_like(models: Path) -> dict[str, int | None]:
    """By stage, for how many steps the models in a folder were trained; None where a stage's own length is meant.

    Raises:
        ValueError: if the folder holds no tiny/tiny.json.
    """
    from tinyworld.stage_export_more import NETWORKS

    if not (about := models / "tiny" / "tiny.json").is_file():
        raise ValueError(f"{about} does not exist; --like takes a folder of exported models, such as models/")
    lengths: dict[str, int | None] = dict(json.loads(about.read_text())["steps"])
    for name, (stage, _) in NETWORKS.items():
        if (about := models / name / "tiny.json").is_file():
            student = stage.startswith("student-")  # each is a round of one stage
            lengths["students" if student else stage] = None if student else json.loads(about.read_text())["steps"]
    return lengths


def describe(stage: str, options: Namespace) -> str:
    """One line for --dry-run: where the stage would start, how far it would go, and on which device."""
    length = f", to step {options.steps}" if options.steps and stage not in UNTRAINED else ""
    where = f", on {device_of(options)}" if stage == "world" or stage not in UNTRAINED else ""
    return f"{_start_of(stage, options.runs)}{length}{where}"


def _start_of(stage: str, runs: Path) -> str:
    path = runs / stage / "checkpoint.pt"
    if stage == "world":
        return f"world: in {runs / stage}, {'exists' if (runs / stage / 'world.json').exists() else 'from nothing'}"
    if stage.startswith("export"):
        return f"{stage}: from the checkpoints of the other stages"
    if stage == "restore":
        return f"restore: checkpoints in {runs} from the exported models, where there are none"
    if not path.exists():
        return f"{stage}: from nothing, in {path.parent}"
    state = load_checkpoint(path, stage)
    return f"{stage}: from step {state['step']} of {path}{', finished' if state['finished'] else ''}"


def _budget(options: Namespace, steps: int) -> Budget:
    given = options.steps or (None if options.time_limit else steps)
    return Budget(given, options.time_limit, options.cooldown)


def _extend(options: Namespace) -> bool:
    return options.stage != "all"


def _world(options: Namespace, device: str) -> dict:
    state = make_world(options.runs / "world", images=options.images, threads=options.threads, device=device)
    return {"pictures": sum(state["sizes"].values()), "sha256": state["sha256"][:16]}


def _oracle(world: World, options: Namespace, device: str, arguments: dict) -> dict:
    from tinyworld import stage_oracle as stage

    folder = options.runs / "oracle"
    state = stage.train_oracle(world, folder, _budget(options, stage.STEPS), extend=_extend(options), **arguments)
    oracle = stage.trained_oracle(options.runs, device=device)
    return {"step": state["step"], **stage.measure_oracle(oracle, world)}


def _vae(world: World, options: Namespace, device: str, arguments: dict) -> dict:
    from tinyworld import stage_vae as stage

    state = stage.train_vae(world, options.runs, _budget(options, stage.STEPS), extend=_extend(options), **arguments)
    return {"step": state["step"], **stage.measure_vae(options.runs, world, device=device)}


def _clip(world: World, options: Namespace, device: str, arguments: dict) -> dict:
    from tinyworld import stage_clip as stage

    state = stage.train_clip(world, options.runs, _budget(options, stage.STEPS), extend=_extend(options), **arguments)
    return {"step": state["step"], **stage.measure_clip(options.runs, world, device=device)}


def _unet(world: World, options: Namespace, device: str, arguments: dict) -> dict:
    from tinyworld import stage_unet as stage

    state = stage.train_unet(world, options.runs, _budget(options, stage.STEPS), extend=_extend(options), **arguments)
    return {"step": state["step"], **stage.measure_unet(options.runs, world, "unet", device=device)}


def _joint(world: World, options: Namespace, device: str, arguments: dict) -> dict:
    from tinyworld import stage_unet as stage

    budget = _budget(options, stage.JOINT_STEPS)
    state = stage.train_unet(world, options.runs, budget, joint=True, extend=_extend(options), **arguments)
    return {"step": state["step"], **stage.measure_unet(options.runs, world, "joint", device=device)}


def _guided(world: World, options: Namespace, device: str, arguments: dict) -> dict:
    from tinyworld import stage_guided as stage

    budget = _budget(options, stage.STEPS)
    state = stage.train_guided(world, options.runs, budget, extend=_extend(options), **arguments)
    return {"step": state["step"], **stage.measure_student(options.runs, world, "guided", 16, device=device)}


def _students(world: World, options: Namespace, device: str, arguments: dict) -> dict:
    from tinyworld import stage_guided as stage

    budget = Budget(options.steps, options.time_limit, options.cooldown)
    state = stage.train_students(world, options.runs, budget, extend=_extend(options), **arguments)
    out: dict = {"step": state["step"]}
    for n in stage.ROUNDS:
        if (options.runs / f"student-{n}" / "checkpoint.pt").exists():
            out |= stage.measure_student(options.runs, world, f"student-{n}", n, device=device)
    return out


def _inpaint(world: World, options: Namespace, device: str, arguments: dict) -> dict:
    from tinyworld import stage_inpaint as stage

    budget = _budget(options, stage.STEPS)
    state = stage.train_inpaint(world, options.runs, budget, extend=_extend(options), **arguments)
    return {"step": state["step"], **stage.measure_inpaint(options.runs, world, device=device)}


def _web(world: World, options: Namespace, device: str, arguments: dict) -> dict:
    from tinyworld import stage_web as stage

    state = stage.train_web(world, options.runs, _budget(options, stage.STEPS), extend=_extend(options), **arguments)
    return {"step": state["step"], **stage.measure_web(options.runs, world, device=device)}


def _noised_clip(world: World, options: Namespace, device: str, arguments: dict) -> dict:
    from tinyworld import stage_noised_clip as stage

    budget = _budget(options, stage.STEPS)
    state = stage.train_noised_clip(world, options.runs, budget, extend=_extend(options), **arguments)
    return {"step": state["step"], **stage.measure_noised_clip(options.runs, world, device=device)}


def _glide(name: str, world: World, options: Namespace, device: str, arguments: dict) -> dict:
    from tinyworld import stage_glide as stage

    budget = _budget(options, stage.STEPS[name])
    state = stage.train_glide(name, world, options.runs, budget, extend=_extend(options), **arguments)
    both = all((options.runs / name / "checkpoint.pt").exists() for name in stage.STEPS)
    return {"step": state["step"], **(stage.measure_glide(options.runs, world, device=device) if both else {})}
