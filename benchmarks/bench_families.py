"""How much each family's loop costs against its Diffusers pipeline, on tiny random checkpoints of the published classes.

    .venv/bin/python benchmarks/bench_families.py                  # 4 images, 20 steps with guidance, each family
    .venv/bin/python benchmarks/bench_families.py --families sdxl sd3 --repeats 5

Both make the same pictures from the same noise, in one process, taking turns. It prints seconds on the wall and of the
processor (which other programs on the machine disturb less), each the best of --repeats, and ours / pipeline. Target:
<= 1.00. The networks are so small that what is measured is mostly the loops; two runs of the
same differ by 3 percent and more, by 10 where other programs are at work: take --repeats 15 before you believe one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import calibration
import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT)]

PROMPT = "a red circle on grey"
SCALE = 5.0
FAMILIES = ("sd", "sd-v", "sdxl", "sd3", "sd3-no-t5", "pix2pix")


def build(family: str, folder: Path) -> tuple[Path, str, dict]:
    """A checkpoint; the class of its pipeline, and what that is loaded with."""
    from tests.diffloop import tiny, tiny_families

    safe = {"safety_checker": None, "requires_safety_checker": False}
    rows = {
        "sd": (tiny.build, "StableDiffusionPipeline", safe),
        "sd-v": (partial(tiny.build, prediction_type="v_prediction"), "StableDiffusionPipeline", safe),
        "sdxl": (tiny_families.build_xl, "StableDiffusionXLPipeline", {}),
        "sd3": (tiny_families.build_3, "StableDiffusion3Pipeline", {}),
        "sd3-no-t5": (
            partial(tiny_families.build_3, with_t5=False),
            "StableDiffusion3Pipeline",
            {"text_encoder_3": None, "tokenizer_3": None},
        ),
        "pix2pix": (tiny_families.build_pix2pix, "StableDiffusionInstructPix2PixPipeline", safe),
    }
    made, name, parts = rows[family]
    return made(folder), name, parts


def contestants(family: str, folder: Path, images: int, steps: int) -> dict[str, Callable[[], torch.Tensor]]:
    """Ours and the pipeline, ready to run."""
    import diffusers

    from diffloop.instruct_pix2pix import instruct
    from diffloop.pretrained import load
    from diffloop.text_to_image import text_to_image

    folder, name, parts = build(family, folder)
    models, pipe = load(folder), getattr(diffusers, name).from_pretrained(folder, **parts)
    pipe.set_progress_bar_config(disable=True)
    prompts, theirs = [PROMPT] * images, {"num_inference_steps": steps, "guidance_scale": SCALE, "output_type": "pt"}
    if family != "pix2pix":
        return {
            "ours": lambda: text_to_image(
                models, prompts, generator=torch.Generator().manual_seed(0), steps=steps, guidance_scale=SCALE
            ),
            "pipeline": lambda: pipe(prompts, generator=torch.Generator().manual_seed(0), **theirs).images,
        }
    pictures = torch.rand(images, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    own = {"image_guidance_scale": 1.5}
    return {
        "ours": lambda: instruct(
            models, pictures, prompts, generator=torch.Generator().manual_seed(0), steps=steps, guidance_scale=SCALE, **own
        ),
        "pipeline": lambda: pipe(prompts, pictures, generator=torch.Generator().manual_seed(0), **own, **theirs).images,
    }  # fmt: skip


def measure(family: str, images: int, steps: int, repeats: int) -> str:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        runs = contestants(family, Path(folder), images, steps)
        results = {who: run() for who, run in runs.items()}  # also warms up
        times: dict[str, list[tuple[float, float]]] = {who: [] for who in runs}
        for turn in range(repeats):
            for who, run in sorted(runs.items(), reverse=turn % 2 == 1):  # neither is always the first
                wall, cpu = time.perf_counter(), time.process_time()
                run()
                times[who].append((time.perf_counter() - wall, time.process_time() - cpu))
    best = {who: [min(column) for column in zip(*rows, strict=True)] for who, rows in times.items()}
    (a_wall, a_cpu), (b_wall, b_cpu) = best["ours"], best["pipeline"]
    off = (results["ours"] - results["pipeline"]).abs().max().item()
    return (
        f"{family:10} ours {a_wall:6.2f} s ({a_cpu:6.2f} processor)   pipeline {b_wall:6.2f} s ({b_cpu:6.2f})   "
        f"ratio {a_wall / b_wall:5.3f} ({a_cpu / b_cpu:5.3f})   largest difference {255 * off:.5f} / 255"
    )


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--images", type=int, default=4, help="in a batch (default 4)")
    parser.add_argument("--steps", type=int, default=20, help="of the sampler (default 20)")
    parser.add_argument("--repeats", type=int, default=3, help="turns (default 3)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default 1)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"{args.images} images, {args.steps} steps, {args.threads} threads, best of {args.repeats}; target 1.00")
    for family in args.families:
        print(measure(family, args.images, args.steps, args.repeats), flush=True)
    calibration.tell()


if __name__ == "__main__":
    main()
