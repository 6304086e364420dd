"""What the loops cost on a GPU, against Diffusers' pipelines, eager and compiled, and against the bare network calls.

    .venv/bin/python benchmarks/bench_gpu.py                    # on the GPU if there is one, in 8 minutes at most
    .venv/bin/python benchmarks/bench_gpu.py --log              # and write the table into LOG.md
    .venv/bin/python benchmarks/bench_gpu.py --device cpu       # tiny networks, one batch of each; 4 minutes at most

Random checkpoints of the published shapes in bfloat16: Stable Diffusion 1.5 at 512 x 512, XL and 3 (without its T5) at
1024 x 1024. All contestants work on the same networks and prompts, in one process per family. `bare` is what cannot be
saved: text, the network's calls and the decoder, the calls as a CUDA graph that is replayed and nothing else. Compiled
is `torch.compile(mode="reduce-overhead")`, its compile time left out, at one image. Then the posts with the profile for
a GPU, and a piece of the training. What does not fit into the time is a row that says so; so is what fails.

Targets at one image: ours / pipeline <= 0.50, ours / bare <= 1.05; at eight <= 0.97; memory <= 1.10.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import calibration
import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT), str(ROOT / "benchmarks")]

STEPS = {1: 20, 8: 8, 32: 4}  # of the sampler, by batch: what is left is as exact, and takes less time
SHARES = {"sd": 130, "sdxl": 110, "sd3": 80}  # seconds of each family on a GPU; on a CPU half of it
POSTS, TRAINING = 100, 40  # seconds


def measure(run: Callable[[], object], device: str, limit: float) -> dict[str, float | str]:
    """Seconds, the best of up to four turns after two to warm up, within a time limit; and GiB: allocated at most, and
    held by torch, with what the contestants before it left there, such as the memory of graphs."""
    on_gpu, times, start = device == "cuda", [], time.perf_counter()
    try:
        if on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        for i in range(6):
            before = time.perf_counter()
            run()
            if on_gpu:
                torch.cuda.synchronize()
            if i >= 2 or (i and time.perf_counter() - start > limit):
                times.append(time.perf_counter() - before)
            if times and time.perf_counter() - start > limit:
                break
    except Exception as error:  # out of memory, no compiler ...: a row that says so
        return {"failed": f"{type(error).__name__}: {str(error).strip().splitlines()[0][:80]}"}
    found: dict[str, float | str] = {"seconds": min(times)}
    if on_gpu:
        peaks = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        found |= dict(zip(("GiB", "held"), (peak / 2**30 for peak in peaks), strict=True))
    return found


def family_rows(family: str, device: str, limit: float) -> None:
    """Print one row of results after another, as JSON, until the time is up."""
    from gpu_contestants import LOOPS, compiled, contestants, ours
    from random_checkpoints import random_checkpoint

    end = time.perf_counter() + limit
    pipe = random_checkpoint(family, device, torch.bfloat16 if device == "cuda" else torch.float32)
    models, each = ours(pipe), limit / 30
    batches = STEPS if device == "cuda" else {2: 4}
    for b, steps in batches.items():
        for loop in LOOPS:
            for who, run in contestants(pipe, models, loop, b, steps).items():
                if time.perf_counter() < end:
                    print(json.dumps([family, loop, b, steps, who, measure(run, device, each)]), flush=True)
    if device == "cuda":  # last, as it may take all the time that is left
        row = [family, "text", 1, STEPS[1], "compiled", measure(compiled(pipe, STEPS[1]), device, each)]
        print(json.dumps(row), flush=True)


def child(command: list[str], limit: float) -> tuple[str, str]:
    """What a program printed within the limit; and what became of it, '' if all was well."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=errors, text=True, start_new_session=True)
        try:
            end = f"exit status {process.returncode}" if process.wait(limit) else ""
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            end = f"stopped after {limit:.0f} s"
        for stream in (out, errors):
            stream.seek(0)
        last = errors.read().strip().splitlines()[-1:]
        return out.read(), f"{end}: {last[0][:100]}" if end and last and "status" in end else end


def table(rows: list[list], device: str) -> list[str]:
    """One line for each loop, family and batch."""
    keys = list(dict.fromkeys(tuple(row[:4]) for row in rows))
    who = ("ours", "pipeline", "compiled", "bare")
    lines = [
        "| family | loop | images | steps | "
        + " | ".join(who)
        + " | ours / pipeline | ours / bare | GiB, ours / pipeline |"
    ]
    lines.append("|---" * 11 + "|")
    for key in keys:
        found = {row[4]: row[5] for row in rows if tuple(row[:4]) == key}
        cells = [str(x) for x in key] + [_cell(found.get(name)) for name in who]
        cells += [_ratio(found, "ours", other, "seconds") for other in ("pipeline", "bare")]
        cells.append(_ratio(found, "ours", "pipeline", "GiB"))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _cell(found: dict | None) -> str:
    if found is None:
        return "-"
    held = f" ({found['GiB']:.2f}, {found['held']:.2f} GiB)" if "GiB" in found else ""
    return found.get("failed") or f"{found['seconds']:.3f}{held}"


def _ratio(found: dict, a: str, b: str, what: str) -> str:
    values = [found.get(who, {}).get(what) for who in (a, b)]
    return f"{values[0] / values[1]:.2f}" if all(values) else "-"


def report(device: str, families: list[str]) -> list[str]:
    """All that is measured, as lines of Markdown."""
    import diffusers

    name = (
        torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()}, {torch.get_num_threads()} threads"
    )
    lines = [f"- {name}; Diffusers {diffusers.__version__}; {calibration.line(device)}. Seconds."]
    rows: list[list] = []
    for family in families:
        limit = SHARES[family] / (1 if device == "cuda" else 2)
        command = [sys.executable, __file__, "--family", family, "--device", device, "--limit", str(limit - 20)]
        out, end = child(command, limit)
        rows += [json.loads(line) for line in out.splitlines() if line.startswith("[")]
        lines += [f"- {family}: {end}; what is missing was not measured."] if end else []
    lines += ["", *table(rows, device), ""]
    if device != "cuda":
        return [
            *lines,
            "- Without a GPU: no graphs (`bare` is plain calls), no compiled pipeline, no memory, no posts, no training.",
        ]
    press = ["press", "run", "--profile", "gpu"]
    train = [sys.executable, "scripts/train_tiny.py", "vae", "--device", "cuda", "--steps", "200", "--images", "512"]
    with tempfile.TemporaryDirectory() as runs:
        for what, command, limit in (("posts", press, POSTS), ("training", [*train, "--runs", runs], TRAINING)):
            before = time.perf_counter()
            _, end = child(command, limit)
            lines.append(f"- {what}, `{' '.join(command[-7:])}`: {end or f'{time.perf_counter() - before:.0f} s'}.")
    return lines


def write_log(lines: list[str]) -> None:
    """Put the lines into LOG.md, on top."""
    path, mark = ROOT / "LOG.md", "\n## "
    head, _, rest = path.read_text().partition(mark)
    section = f"{mark}{date.today()} · What the loops cost on a GPU\n\n" + "\n".join(lines) + "\n"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(head + section + mark + rest)
    temporary.replace(path)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    best = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=["cuda", "cpu"], default=best, help="(default: the GPU if there is one)")
    parser.add_argument("--families", nargs="+", choices=list(SHARES), default=list(SHARES))
    parser.add_argument("--log", action="store_true", help="write the table into LOG.md too")
    parser.add_argument("--family", help=argparse.SUPPRESS)
    parser.add_argument("--limit", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.device == "cuda" and best != "cuda":
        parser.error("--device is cuda, and torch sees no GPU; take cpu, or a CUDA build of torch")
    if args.family:
        return family_rows(args.family, args.device, args.limit)
    lines = report(args.device, args.families)
    print("\n".join(lines))
    if args.log:
        write_log(lines)


if __name__ == "__main__":
    main()
