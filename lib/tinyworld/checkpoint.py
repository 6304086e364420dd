"""Checkpoints, curves and manifests on disk. Every file is written under a temporary name and then renamed, so that a
kill at any moment leaves the last whole one.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

VERSION = 1


def write_atomic(path: Path, write) -> None:
    """Call write(temporary path), flush it to the disk, and rename it to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_checkpoint(path: Path, stage: str, modules: dict[str, nn.Module], optimizer, state: dict, hyper: dict) -> None:
    """State of a run: weights, averaged weights, optimizer, step, cooldown."""
    content = {
        "version": VERSION,
        "stage": stage,
        "hyper": hyper,
        "modules": {name: m.state_dict() for name, m in modules.items()},
        "optimizer": optimizer.state_dict(),
        **{k: v for k, v in state.items() if k != "since"},
    }
    content = _on_cpu(content)
    write_atomic(path, lambda temporary: torch.save(content, temporary))


def _on_cpu(value: Any) -> Any:
    """The same content, its tensors on the CPU: a checkpoint from a GPU opens on any machine."""
    if isinstance(value, torch.Tensor):
        return value.cpu()
    if isinstance(value, dict):
        return {k: _on_cpu(v) for k, v in value.items()}
    return type(value)(map(_on_cpu, value)) if isinstance(value, (list, tuple)) else value


def load_checkpoint(path: Path, stage: str, hyper: dict | None = None) -> dict:
    """The state that `save_checkpoint` wrote.

    Raises:
        ValueError: if the file is truncated or not a checkpoint; of another version or stage; or made with other
            hyper-parameters than `hyper` (None: any).
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        found = state["version"], state["stage"]
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; run the stage {stage!r} of scripts/train_tiny.py first") from None
    except Exception as error:
        raise ValueError(f"{path} is truncated or not a checkpoint ({error}); delete it to restart") from error
    if found[0] != VERSION:
        raise ValueError(f"{path} is a checkpoint of version {found[0]}; this code reads version {VERSION}")
    if found[1] != stage:
        raise ValueError(f"{path} is a checkpoint of stage {found[1]!r}, not of {stage!r}")
    if hyper is not None and state["hyper"] != hyper:
        differ = {k: (state["hyper"].get(k), hyper.get(k)) for k in {*state["hyper"], *hyper}}
        differ = {k: v for k, v in differ.items() if v[0] != v[1]}
        raise ValueError(
            f"{path} was made with other hyper-parameters (its, ours): {differ}; use another --runs folder"
        )
    return state


def load_ema(path: Path, stage: str, modules: dict[str, nn.Module]) -> dict:
    """Fill modules with a checkpoint's averaged weights, freeze them, return its state. Raises: as above."""
    state = load_checkpoint(path, stage)
    for name, module in modules.items():
        module.load_state_dict(state["ema"][name])
        module.requires_grad_(False).eval()
    return state


def rewrite_curve(path: Path, first: int, rows: list[dict] = ()) -> None:
    """curve.csv with the rows before step `first` that it already has, and `rows` after them."""
    kept = []
    if path.exists():
        with open(path, newline="") as file:
            kept = [row for row in csv.DictReader(file) if row["step"] and int(row["step"]) < first]
    rows = [*kept, *rows]
    if not rows:
        path.unlink(missing_ok=True)
        return

    def write(temporary: Path) -> None:
        with open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[-1]), extrasaction="ignore", restval="")
            writer.writeheader()
            writer.writerows(rows)

    write_atomic(path, write)


def write_json(path: Path, content: dict) -> None:
    """Write content as indented JSON, whole or not at all."""
    text = json.dumps(content, indent=2) + "\n"
    write_atomic(path, lambda temporary: temporary.write_text(text))


def write_manifest(folder: Path, stage: str, state: dict, hyper: dict, seed: int, data_hash: str, device) -> None:
    """manifest.json: what made the checkpoint beside it."""
    content = {
        "stage": stage,
        "version": VERSION,
        "step": state["step"],
        "finished": state["finished"],
        "cooldown": state["cooldown"],
        "minutes": round(state["seconds"] / 60, 2),
        "seed": seed,
        "hyper": hyper,
        "data": data_hash,
        "git": git_commit(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu",
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}},
        "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    write_json(folder / "manifest.json", content)


PACKAGES = ("torch", "diffusers", "transformers", "tokenizers", "safetensors", "numpy")


def git_commit() -> str:
    """The commit of the working tree, "-dirty" appended if it has changes; "unknown" outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    result = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"
