"""Stage `world`: render every picture once, into memory-mapped files that the other stages read.

Parts: "train"; "extra", with no thing or three (for the oracle); "test", full combinations never trained on; and
"held-out", pairs of shape and colour never trained on. Scene i of a part is `scene_of(part, i)`, so the files hold
only what is computed from it.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffloop.transfer import carried
from tinyworld.checkpoint import VERSION, write_json
from tinyworld.progress import Progress
from tinyworld.render import render
from tinyworld.scene import Scene, encode, sample_scene

# Per part: the first seed, and its size as a share of the training part's.
PARTS = {"train": (0, 1.0), "extra": (10_000_000, 0.08), "test": (20_000_000, 0.08), "held-out": (30_000_000, 0.04)}
CHUNK = 256
FILES = {"images": (np.uint8, (3, 64, 64)), "labels": (np.uint8, (64, 64)), "rows": (np.int16, (8,))}


def scene_of(part: str, index: int) -> Scene:
    """Scene `index` of a part.

    Raises:
        ValueError: if the part is unknown.
    """
    if part not in PARTS:
        raise ValueError(f"part is {part!r}; choose one of {', '.join(map(repr, PARTS))}")
    seed = PARTS[part][0] + index
    if part == "extra":
        return sample_scene(seed, count=0 if index % 4 == 0 else 3)
    return sample_scene(seed, split=part)


def make_world(folder: Path, *, images: int = 24_000, threads: int = 2, device: str = "cpu") -> dict:
    """Render what is missing below `folder`; safe to kill and to call again.

    Args:
        images: training pictures; the other parts are smaller in proportion.
        threads: rendering processes on a CPU.
        device: "cpu", or a CUDA device, which then renders alone.

    Returns:
        the manifest, world.json: sizes, and the SHA-256 of all pictures.

    Raises:
        ValueError: if `folder` holds a world of another size or version.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {part: max(1, round(images * share)) for part, (_, share) in PARTS.items()}
    state = _read(folder / "world.json") or {"version": VERSION, "sizes": sizes, "done": dict.fromkeys(sizes, 0)}
    if state["sizes"] != sizes:
        raise ValueError(f"{folder} holds a world of sizes {state['sizes']}, not {sizes}; use it or another folder")
    if "sha256" in state:
        return state
    bar, total = Progress("world"), sum(sizes.values())
    context = multiprocessing.get_context("spawn")
    workers = threads if device == "cpu" and threads > 1 else 0
    pool = ProcessPoolExecutor(workers, context, torch.set_num_threads, (1,)) if workers else nullcontext()
    with pool as executor:
        for part, size in sizes.items():
            arrays = {name: _open(folder / f"{part}.{name}.bin", size, *spec) for name, spec in FILES.items()}
            starts = range(state["done"][part], size, CHUNK)
            jobs = ((part, start, min(start + CHUNK, size), device) for start in starts)
            for start, chunk in zip(starts, _ordered(executor, jobs, workers), strict=True):
                for name, values in chunk.items():
                    arrays[name][start : start + len(values)] = values
                    arrays[name].flush()
                state["done"][part] = start + len(chunk["rows"])
                write_json(folder / "world.json", state)
                done = sum(state["done"].values())
                bar.update(done, share=done / total)
    state["sha256"] = _hash(folder, sizes)
    write_json(folder / "world.json", state)
    bar.close()
    return state


def _ordered(executor: Executor | None, jobs: Iterator[tuple], workers: int) -> Iterator[dict[str, np.ndarray]]:
    """Results in order, never more than a few jobs ahead of the one being written."""
    if executor is None:
        yield from map(_render_chunk, jobs)
        return
    waiting = [executor.submit(_render_chunk, job) for job in islice(jobs, workers + 2)]
    while waiting:
        yield waiting.pop(0).result()
        waiting += [executor.submit(_render_chunk, job) for job in islice(jobs, 1)]


def _render_chunk(job: tuple[str, int, int, str]) -> dict[str, np.ndarray]:
    part, start, stop, device = job
    scenes = [scene_of(part, i) for i in range(start, stop)]
    images, masks = render(scenes, device=device)
    # a pixel belongs to at most one thing, as a mask means half of it or more; a tie goes to the left one
    labels = torch.zeros_like(masks[:, 0], dtype=torch.uint8)
    for k in reversed(range(masks.shape[1])):
        labels[masks[:, k]] = k + 1
    rows = np.array([encode(s) for s in scenes], dtype=np.int16)
    return {"images": images.cpu().numpy(), "labels": labels.cpu().numpy(), "rows": rows}


def render_rate(images: int = 512, *, threads: int = 2) -> float:
    """Pictures rendered per second by `threads` processes, as the stage does it, not counting their start."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(threads, context, torch.set_num_threads, (1,)) as executor:
        size = max(1, images // (2 * threads))
        list(executor.map(_render_chunk, [("train", i * 8, i * 8 + 8, "cpu") for i in range(4 * threads)]))
        began = time.perf_counter()
        jobs = [("train", i * size, (i + 1) * size, "cpu") for i in range(2 * threads)]
        list(executor.map(_render_chunk, jobs))
        return size * len(jobs) / (time.perf_counter() - began)


def _open(path: Path, size: int, dtype: type, shape: tuple[int, ...]) -> np.memmap:
    mode = "r+" if path.exists() else "w+"
    return np.memmap(path, dtype=dtype, mode=mode, shape=(size, *shape))


def _hash(folder: Path, sizes: dict[str, int]) -> str:
    total = hashlib.sha256()
    for part in sizes:
        for name in FILES:
            with open(folder / f"{part}.{name}.bin", "rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _read(path: Path) -> dict | None:
    if not path.exists():
        return None
    state = json.loads(path.read_text())
    if state.get("version") != VERSION:
        raise ValueError(f"{path} is of version {state.get('version')}; this code reads version {VERSION}")
    return state


class World:
    """A finished world, read from disk as needed. `world.part("train")` gives its arrays.

    Raises:
        ValueError: if the folder holds no finished world.
    """

    def __init__(self, folder: Path) -> None:
        state = _read(folder / "world.json")
        if state is None or "sha256" not in state:
            raise ValueError(f"{folder} holds no finished world; run `python scripts/train_tiny.py world` first")
        self.folder, self.sizes, self.sha256 = folder, state["sizes"], state["sha256"]
        self._kept: dict[tuple[str, str, str], Tensor] = {}
        self._arrays = {
            (part, name): np.memmap(folder / f"{part}.{name}.bin", dtype, "r", shape=(size, *shape))
            for part, size in self.sizes.items()
            for name, (dtype, shape) in FILES.items()
        }

    def raw(self, part: str, name: str) -> np.memmap:
        """One array: "images" uint8 (n, 3, 64, 64), "labels" uint8 (n, 64, 64) or "rows" int16 (n, 8)."""
        return self._arrays[part, name]

    def images(self, part: str, at: Sequence[int] | Tensor | slice, device: str | torch.device = "cpu") -> Tensor:
        """Pictures in [-1, 1], float32 (b, 3, 64, 64)."""
        return to_float(self.take(part, "images", at, device))

    def take(
        self, part: str, name: str, at: Sequence[int] | Tensor | slice, device: str | torch.device = "cpu"
    ) -> Tensor:
        """Some of an array; a GPU keeps the whole of it from the first call on."""
        if torch.device(device).type == "cuda":
            key = part, name, str(device)
            if key not in self._kept:
                self._kept[key] = torch.from_numpy(np.array(self._arrays[part, name])).to(device)
            values = self._kept[key][at if isinstance(at, slice) else carried(torch.as_tensor(at), device)]
        else:
            at = at.numpy() if isinstance(at, Tensor) else at
            values = torch.from_numpy(np.array(self._arrays[part, name][at]))
        return values if name == "images" else values.long()


def to_float(images: Tensor) -> Tensor:
    """uint8 pictures -> float32 in [-1, 1], as the models take them."""
    return images.float() / 127.5 - 1.0


def to_uint8(images: Tensor) -> Tensor:
    """Pictures in [-1, 1], clipped -> uint8. Inverse of `to_float`."""
    return ((images.float().clamp(-1.0, 1.0) + 1.0) * 127.5 + 0.5).to(torch.uint8)
