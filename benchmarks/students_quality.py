"""Measure the distilled students beside their teacher, and print the table that their model card quotes (Markdown).

Captions are ones that training never saw, the same with the same noise and DDIM settings in every row. All attributes right as the oracle
reads them, and the Frechet distance of the oracle's features to renders; 95 % intervals bootstrapped over pictures.

examples:
  python benchmarks/students_quality.py                  all rows, about six minutes on one core
  python benchmarks/students_quality.py --card           and write them, with a picture, into the model card
  python benchmarks/students_quality.py --pictures 32
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from tiny_quality import ROOT, scenes, share, write_card

sys.path.insert(0, str(ROOT / "lib"))

from diffloop.ddim import ddim_sample
from diffloop.distillation import under
from diffloop.guided_distillation import guided_teacher, unet_model
from diffloop.ladders import trained_levels
from diffloop.noise import draw_noise
from diffloop.schedules import alphas_cumprod_from_betas, scaled_linear_betas, spaced_timesteps
from tinyworld.captions import caption
from tinyworld.models import load_tiny, load_unet, parts_of
from tinyworld.oracle import Oracle, features, frechet_distance, load_oracle, score
from tinyworld.pictures import save_grid
from tinyworld.render import render
from tinyworld.sampling import Parts, encode_text, to_uint8
from tinyworld.stage_guided import sample_student

SCALES = (1.0, 2.0, 4.0)
STUDENTS = (("guided", 16), ("steps-8", 8), ("steps-4", 4), ("steps-2", 2), ("steps-1", 1))


@torch.no_grad()
def draw(student, parts: Parts, texts: list[str], scale: float, steps: int) -> torch.Tensor:
    """Pictures (n, 3, 64, 64), uint8; the noise of picture i is that of seed i."""
    generators = [torch.Generator().manual_seed(i) for i in range(len(texts))]
    scales = torch.full((len(texts),), scale)
    x_0 = sample_student(student, encode_text(parts, texts), scales, steps=steps, generators=generators)
    return to_uint8(torch.cat([parts.vae.decode(part / parts.scaling_factor).sample for part in x_0.split(64)]))


@torch.no_grad()
def draw_taught(parts: Parts, texts: list[str], scale: float, steps: int) -> torch.Tensor:
    """The teacher's pictures, from the same noise and under the same timesteps as the students'."""
    scales, text = torch.full((len(texts),), scale), encode_text(parts, texts)
    noises = [draw_noise((1, 4, 16, 16), torch.Generator().manual_seed(i)) for i in range(len(texts))]
    model = guided_teacher(unet_model(parts.unet), encode_text(parts, [""]))
    bars = alphas_cumprod_from_betas(scaled_linear_betas())
    levels = trained_levels(bars, spaced_timesteps(steps, spacing="trailing"))
    *_, x_0 = ddim_sample(under(model, (text, scales)), torch.cat(noises), levels)
    return to_uint8(torch.cat([parts.vae.decode(part / parts.scaling_factor).sample for part in x_0.split(64)]))


def measure(models: Path, n: int) -> Iterator[tuple[str, ...]]:
    oracle: Oracle = load_oracle(models / "tiny-oracle")
    parts = parts_of(load_tiny(models / "tiny"))
    some = [scene for count in (1, 2) for scene in scenes("test", count, n // 2)]
    texts, renders = [caption(scene) for scene in some], features(render(some).images, oracle)

    def cells(images: torch.Tensor) -> str:
        right = score(images, texts, oracle).by["all"]
        return f"{share(right)}, {frechet_distance(features(images, oracle), renders):.2f}"

    for steps in (16, 4):
        found = [cells(draw_taught(parts, texts, scale, steps)) for scale in SCALES]
        yield (f"the teacher, DDIM, {steps} steps", f"{steps}, from s = 2 on {2 * steps}", *found)
    for name, steps in STUDENTS:
        student = load_unet(models / "tiny-students" / name)
        found = [cells(draw(student, parts, texts, scale, steps)) for scale in SCALES]
        yield (f"`{name}`" + (f", {steps} steps" if name == "guided" else ""), str(steps), *found)


def draw_picture(models: Path) -> None:
    """One row per student, from 16 steps to 1, the same captions and noise in each column, s = 4."""
    parts = parts_of(load_tiny(models / "tiny"))
    texts = [caption(scene) for count in (1, 2) for scene in scenes("test", count, 4)]
    rows = [draw(load_unet(models / "tiny-students" / name), parts, texts, 4.0, steps) for name, steps in STUDENTS]
    save_grid(torch.cat(rows), models / "tiny-students" / "samples.png", len(texts))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--models", type=Path, default=ROOT / "models", help="folder of tiny, tiny-oracle, tiny-students"
    )
    parser.add_argument("--pictures", type=int, default=192, help="generated for each figure (default 192)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--card", action="store_true", help="write table and picture into MODELS/tiny-students")
    options = parser.parse_args(arguments)
    if options.pictures < 4:
        parser.error(f"--pictures is {options.pictures}; it must be at least 4")
    torch.set_num_threads(options.threads)
    table = [
        "| network | calls | " + " | ".join(f"s = {scale:g}" for scale in SCALES) + " |",
        "|---|---|" + "---|" * len(SCALES),
    ]
    print("\n".join(table))
    try:
        for row in measure(options.models, options.pictures):
            table.append(f"| {' | '.join(row)} |")
            print(table[-1], flush=True)
        if options.card:
            draw_picture(options.models)
            write_card(options.models / "tiny-students" / "README.md", table)
    except ValueError as error:
        print(f"students_quality: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
