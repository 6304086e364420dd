"""Measure the world, the oracle and the tiny model, and print the table that the model card quotes (Markdown).

Every figure comes with the least that it should be, and whether it is. Captions and renders are ones that training
never saw: scenes of the parts "test" and "held-out", rendered here afresh. 95 % intervals are bootstrapped over pictures.

examples:
  python benchmarks/tiny_quality.py                                all figures, about ten minutes on two cores
  python benchmarks/tiny_quality.py --card                         and write them, with pictures, into the model card
  python benchmarks/tiny_quality.py --pictures 32 --only text guidance --models /tmp/models
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "lib"))

from diffloop.ddim import ddim_invert, ddim_sample  # noqa: E402
from diffloop.ladders import trained_levels  # noqa: E402
from diffloop.levels import Level  # noqa: E402
from diffloop.schedules import alphas_cumprod_from_betas, scaled_linear_betas, spaced_timesteps  # noqa: E402
from tinyworld.captions import caption  # noqa: E402
from tinyworld.checkpoint import write_atomic  # noqa: E402
from tinyworld.models import load_clip, load_tiny, parts_of  # noqa: E402
from tinyworld.oracle import (  # noqa: E402
    Oracle,
    bootstrap,
    features,
    frechet_distance,
    load_oracle,
    score,
    segment,
)
from tinyworld.pictures import save_grid  # noqa: E402
from tinyworld.render import render  # noqa: E402
from tinyworld.sampling import Parts, encode_text, generate  # noqa: E402
from tinyworld.scene import Scene, sample_scene  # noqa: E402
from tinyworld.stage_clip import top1  # noqa: E402
from tinyworld.stage_vae import psnr, reconstruct  # noqa: E402
from tinyworld.stage_world import render_rate, to_float  # noqa: E402
from tinyworld.tokenizer import load_tokenizer  # noqa: E402

FIRST_SEED = 50_000_000  # beyond every seed of training
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"  # the part of a card that --card writes
Row = tuple[str, str, str, str]  # figure, measured, at least, met


def scenes(split: str, count: int, n: int, *, offset: int = 0) -> list[Scene]:
    return [sample_scene(FIRST_SEED + offset + i, split=split, count=count) for i in range(n)]


def share(values: tuple[float, float, float]) -> str:
    mean, low, high = values
    return f"{100 * mean:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def row(name: str, measured: str, value: float, wanted: float, unit: str, *, most: bool = False) -> Row:
    met = value <= wanted if most else value >= wanted
    return name, measured, f"{'at most' if most else 'at least'} {wanted:g} {unit}", "yes" if met else "no"


def renderer(threads: int) -> Iterator[Row]:
    rate = render_rate(512, threads=threads)
    yield row("renderer, 64 x 64 with 2 x supersampling", f"{rate:.0f} images/s", rate, 60, "images/s")


def oracle_rows(oracle: Oracle, n: int) -> Iterator[Row]:
    for count, name, wanted in ((1, "one object", 99.5), (2, "two objects", 99.0)):
        some = scenes("test", count, n)
        images, masks = render(some)
        got = score(images, [caption(s) for s in some], oracle).by["all"]
        yield row(f"oracle on renders, {name}, all attributes right", share(got), 100 * got[0], wanted, "%")
        found = segment(images, oracle)[:, :count]
        both, union = ((op(found, masks)).flatten(2).sum(2).float() for op in (torch.logical_and, torch.logical_or))
        iou = bootstrap((both / union.clamp(min=1)).mean(1), 1000, torch.Generator().manual_seed(0))
        yield f"oracle's masks, {name}, IoU", share(iou), "-", "-"


def vae_rows(parts: Parts, oracle: Oracle, n: int) -> Iterator[Row]:
    some = [s for count in (1, 2) for s in scenes("test", count, n // 2)]
    images = render(some).images
    again = reconstruct(parts.vae, images)
    values = torch.tensor([psnr(a[None], b[None]) for a, b in zip(images, again, strict=True)])
    mean, low, high = bootstrap(values, 1000, torch.Generator().manual_seed(0))
    yield row("VAE reconstruction, PSNR", f"{mean:.1f} dB ({low:.1f} to {high:.1f})", mean, 32, "dB")
    got = score(again, [caption(s) for s in some], oracle).by["all"]
    yield row("VAE reconstruction, all attributes still right", share(got), 100 * got[0], 99, "%")


def clip_rows(clip, tokenizer, n: int) -> Iterator[Row]:
    some = [sample_scene(FIRST_SEED + i, split="test") for i in range(max(64, n // 64 * 64))]
    right = top1(clip, tokenizer, render(some).images, [caption(s) for s in some])
    got = bootstrap(right, 1000, torch.Generator().manual_seed(0))
    yield row("CLIP, right caption among 64", share(got), 100 * got[0], 90, "%")


def guidance_rows(parts: Parts, oracle: Oracle, n: int, steps: int) -> tuple[list[Row], float]:
    """Accuracy against guidance, on captions apart from those that are scored at the best; and the best."""
    texts = [caption(s) for count in (1, 2) for s in scenes("test", count, n // 2, offset=1_000_000)]
    got = {}
    for scale in (1.0, 2.0, 3.0, 4.0, 6.0, 8.0):
        got[scale] = score(generate(parts, texts, guidance_scale=scale, steps=steps), texts, oracle).by["all"]
        print(f"guidance {scale:g}: {share(got[scale])}", file=sys.stderr)
    best = max(got, key=lambda scale: got[scale][0])
    rows = [(f"text to image at guidance {scale:g}", share(values), "-", "-") for scale, values in got.items()]
    apart = got[1.0][2] < got[best][1]
    text = f"{share(got[1.0])} at 1, {share(got[best])} at {best:g}"
    return [*rows, ("effect of guidance", text, "intervals apart", "yes" if apart else "no")], best


def text_rows(parts: Parts, oracle: Oracle, n: int, steps: int, scale: float) -> Iterator[Row]:
    kinds = (("test", 1, "one object", 95), ("test", 2, "two objects", 80), ("held-out", 1, "one object, held out", 85))
    for split, count, name, wanted in kinds:
        some = scenes(split, count, n)
        texts = [caption(s) for s in some]
        images = generate(parts, texts, guidance_scale=scale, steps=steps)
        found = score(images, texts, oracle).by
        label = f"text to image, {name}, guidance {scale:g}, {steps} steps"
        yield row(f"{label}: all attributes right", share(found["all"]), 100 * found["all"][0], wanted, "%")
        detail = ", ".join(f"{what} {100 * v[0]:.0f} %" for what, v in found.items() if what != "all")
        yield f"{label}: by attribute", detail, "-", "-"
        renders = render(some).images
        distance = frechet_distance(features(images, oracle), features(renders, oracle))
        yield f"{label}: Frechet distance to renders", f"{distance:.2f} (n = {n})", "-", "-"


@torch.no_grad()
def inversion_row(parts: Parts, n: int, steps: int = 50) -> Row:
    """||x_0' - x_0|| / ||x_0|| for DDIM inversion with the right caption, guidance 1, and back."""
    some = [s for count in (1, 2) for s in scenes("test", count, n // 2)]
    states = encode_text(parts, [caption(s) for s in some])
    x_0 = parts.vae.encode(to_float(render(some).images)).latent_dist.mean * parts.scaling_factor
    bars = alphas_cumprod_from_betas(scaled_linear_betas())
    levels = trained_levels(bars, spaced_timesteps(steps, steps_offset=1), set_alpha_to_one=False)

    def eps_model(x_t: torch.Tensor, level: Level) -> torch.Tensor:
        return parts.unet(x_t, level.t, states).sample

    *_, x_T = ddim_invert(eps_model, x_0, levels)
    *_, back = ddim_sample(eps_model, x_T, levels)
    error = (back - x_0).flatten(1).norm(dim=1) / x_0.flatten(1).norm(dim=1)
    got = bootstrap(error, 1000, torch.Generator().manual_seed(0))
    return row(f"DDIM inversion, {steps} steps, and back: latent error", share(got), 100 * got[0], 5, "%", most=True)


def speed_row(parts: Parts, scale: float) -> Row:
    texts = ["a red ball on grass"] * 8
    generate(parts, texts, guidance_scale=scale, steps=2)
    began = time.perf_counter()
    generate(parts, texts, guidance_scale=scale, steps=30)
    seconds = time.perf_counter() - began
    name = f"8 images, 30 steps, with guidance, {torch.get_num_threads()} threads"
    return row(name, f"{seconds:.1f} s", seconds, 6, "s", most=True)


def measure(options: argparse.Namespace) -> Iterator[Row]:
    n, only = options.pictures, options.only
    oracle = load_oracle(options.models / "tiny-oracle")
    parts = parts_of(load_tiny(options.models / "tiny"))
    if "renderer" in only:
        yield from renderer(options.threads)
    if "oracle" in only:
        yield from oracle_rows(oracle, 4 * n)
    if "vae" in only:
        yield from vae_rows(parts, oracle, 2 * n)
    if "clip" in only:
        folder = options.models / "tiny-clip"
        yield from clip_rows(load_clip(folder), load_tokenizer(folder), 4 * n)
    scale = options.guidance
    if "guidance" in only:
        rows, best = guidance_rows(parts, oracle, n, options.steps)
        scale = scale or best
        yield from rows
    if "text" in only:
        yield from text_rows(parts, oracle, n, options.steps, scale or 4.0)
    if "inversion" in only:
        yield inversion_row(parts, 16)
    if "speed" in only:
        yield speed_row(parts, scale or 4.0)


def draw_pictures(models: Path) -> None:
    """The card's pictures, beside it: samples of captions never trained on, one noise over guidance, and what the VAE
    keeps of renders (above the render, below its reconstruction)."""
    parts = parts_of(load_tiny(models / "tiny"))
    some = [scene for pair in zip(scenes("test", 1, 8), scenes("test", 2, 8), strict=True) for scene in pair]
    texts = [caption(scene) for scene in some]
    save_grid(generate(parts, texts), models / "tiny" / "samples.png", 8)
    rows = [generate(parts, texts[:4], guidance_scale=scale) for scale in (1.0, 2.0, 4.0, 8.0)]
    save_grid(torch.stack(rows, 1).flatten(0, 1), models / "tiny" / "guidance.png", 4)
    renders = render(some[:8]).images
    save_grid(torch.cat([renders, reconstruct(parts.vae, renders)]), models / "tiny" / "reconstructions.png", 8)
    (models / "tiny" / "samples.txt").write_text("".join(text + "\n" for text in texts))


def write_card(card: Path, table: list[str]) -> None:
    """Put the table between the card's two marks.

    Raises:
        ValueError: if the card or its marks are missing.
    """
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{card}: needs the lines {BEGIN} and {END} once each, for the table to stand between")
    head, _, rest = text.partition(BEGIN)
    new = f"{head}{BEGIN}\n" + "\n".join(table) + f"\n{END}{rest.partition(END)[2]}"
    write_atomic(card, lambda temporary: temporary.write_text(new, encoding="utf-8"))


FIGURES = ("renderer", "oracle", "vae", "clip", "guidance", "text", "inversion", "speed")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=ROOT / "models", help="folder of tiny, tiny-clip, tiny-oracle")
    parser.add_argument("--pictures", type=int, default=128, help="generated for each figure (default 128)")
    parser.add_argument("--steps", type=int, default=30, help="of DDIM (default 30)")
    parser.add_argument("--guidance", type=float, help="scale of the text rows (default: the best that is measured)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--only", nargs="+", choices=FIGURES, default=FIGURES, metavar="FIGURE", help=", ".join(FIGURES)
    )
    parser.add_argument("--card", action="store_true", help="write table and pictures into MODELS/tiny/README.md")
    options = parser.parse_args(arguments)
    if options.pictures < 4:
        parser.error(f"--pictures is {options.pictures}; it must be at least 4")
    torch.set_num_threads(options.threads)
    table = ["| figure | measured (95 % interval) | wanted | met |", "|---|---|---|---|"]
    print("\n".join(table))
    try:
        for figure in measure(options):
            table.append(f"| {' | '.join(figure)} |")
            print(table[-1], flush=True)
        if options.card:
            draw_pictures(options.models)
            write_card(options.models / "tiny" / "README.md", table)
    except ValueError as error:
        print(f"tiny_quality: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
