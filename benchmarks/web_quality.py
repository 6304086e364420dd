"""Measure the U-Net that was taught with captions that lie, beside that of models/tiny, and print its card's table.

Captions are full ones, half of them of one thing and half of two, that training never saw; every row has the same ones
and the same noise. 95 % intervals are bootstrapped over pictures.

examples:
  python benchmarks/web_quality.py                  all rows, about ten minutes on one core
  python benchmarks/web_quality.py --card           and write them, with pictures, into the model card
  python benchmarks/web_quality.py --pictures 32
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from tiny_quality import ROOT, scenes, share, write_card

sys.path.insert(0, str(ROOT / "lib"))

from tinyworld.captions import caption
from tinyworld.models import load_tiny, load_unet, parts_of
from tinyworld.oracle import load_oracle, score
from tinyworld.pictures import save_grid
from tinyworld.sampling import Parts, generate
from tinyworld.stage_web import trust

SCALES = (1.0, 2.0, 4.0, 7.0)
ATTRIBUTES = ("count", "ground", "shape", "colour", "size")


def parts_with_web(models: Path) -> tuple[Parts, Parts]:
    """Those of models/tiny, and the same with the other U-Net."""
    parts = parts_of(load_tiny(models / "tiny"))
    return parts, parts._replace(unet=load_unet(models / "tiny-web"))


def measure(models: Path, n: int, steps: int) -> Iterator[tuple[str, ...]]:
    clean, web = parts_with_web(models)
    oracle = load_oracle(models / "tiny-oracle")
    texts = [caption(scene) for count in (1, 2) for scene in scenes("test", count, n // 2)]

    def row(name: str, parts: Parts, scale: float) -> tuple[str, ...]:
        found = score(generate(parts, texts, guidance_scale=scale, steps=steps), texts, oracle)
        one, two = (f"{100 * half.float().mean():.0f} %" for half in found.right.split(n // 2))
        each = (f"{100 * found.by[what][0]:.0f} %" for what in ATTRIBUTES)
        return (name, f"{scale:g}", share(found.by["all"]), one, two, *each)

    for scale in SCALES:
        yield row("this U-Net", web, scale)
    yield row("that of `models/tiny`", clean, 1.0)
    one, two = trust(1), trust(2)
    ideal = (f"{100 * value:.0f} %" for value in ((one + two) / 2, one, two))
    yield ("an ideal model of these captions", "1", *ideal, *["-"] * len(ATTRIBUTES))


def draw_pictures(models: Path) -> None:
    """Eight captions without guidance, two noises of each, and the same at guidance 4 below. A column has a caption."""
    _, parts = parts_with_web(models)
    texts = [caption(scene) for pair in zip(scenes("test", 1, 4), scenes("test", 2, 4), strict=True) for scene in pair]
    rows = [
        generate(parts, texts, guidance_scale=scale, steps=20, seed=seed) for scale in (1.0, 4.0) for seed in (0, 100)
    ]
    save_grid(torch.cat(rows), models / "tiny-web" / "samples.png", len(texts))
    (models / "tiny-web" / "samples.txt").write_text("".join(text + "\n" for text in texts))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=ROOT / "models", help="folder of tiny, tiny-oracle, tiny-web")
    parser.add_argument("--pictures", type=int, default=200, help="generated for each row (default 200)")
    parser.add_argument("--steps", type=int, default=20, help="of DDIM (default 20)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--card", action="store_true", help="write table and pictures into MODELS/tiny-web")
    options = parser.parse_args(arguments)
    if options.pictures < 4 or options.pictures % 2:
        parser.error(f"--pictures is {options.pictures}; it must be even, and at least 4")
    torch.set_num_threads(options.threads)
    table = [
        f"| U-Net | s | all attributes right | one thing | two | {' | '.join(ATTRIBUTES)} |",
        "|" + "---|" * (5 + len(ATTRIBUTES)),
    ]
    print("\n".join(table))
    try:
        for row in measure(options.models, options.pictures, options.steps):
            table.append(f"| {' | '.join(row)} |")
            print(table[-1], flush=True)
        if options.card:
            draw_pictures(options.models)
            write_card(options.models / "tiny-web" / "README.md", table)
    except ValueError as error:
        print(f"web_quality: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
