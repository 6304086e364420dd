"""Measure the noised CLIP, GLIDE's base, its upsampler and the inpainting U-Net, and print the tables of their cards.

Pictures and captions are ones that training never saw. 95 % intervals are bootstrapped over pictures.

examples:
  python benchmarks/glide_quality.py                  all rows, about two minutes on two cores
  python benchmarks/glide_quality.py --card           and write them, with pictures, into the two model cards
  python benchmarks/glide_quality.py --pictures 32
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from tiny_quality import ROOT, scenes, share, write_card
from torch import Generator, Tensor
from torch.nn.functional import interpolate

sys.path.insert(0, str(ROOT / "lib"))

from diffloop.ddim import ddim_sample
from diffloop.glide import beside_low_res, shrink
from diffloop.levels import vp_level
from diffloop.metrics import psnr
from diffloop.noise import draw_noise
from diffloop.parameterization import add_noise
from diffloop.schedules import alphas_cumprod_from_betas, scaled_linear_betas
from tinyworld.captions import caption
from tinyworld.models import load_clip, load_tiny, load_unet, parts_of
from tinyworld.noised_clip import encode_noised, load_noised_clip
from tinyworld.oracle import bootstrap, load_oracle, score
from tinyworld.pictures import save_grid
from tinyworld.render import render
from tinyworld.sampling import Parts, encode_text
from tinyworld.stage_clip import tokenize
from tinyworld.stage_glide import generate_glide, stages_for
from tinyworld.stage_inpaint import recoloured
from tinyworld.stage_world import to_float

LEVELS = (0, 200, 400, 600, 800)  # timesteps at which the noised CLIP is asked
SCALES = (1.0, 3.0)
GROUP = 64


@torch.no_grad()
def recognised(models: Path, parts: Parts, images: Tensor, texts: list[str]) -> Iterator[tuple[str, str]]:
    """How often the noised CLIP picks a picture's own caption among `GROUP`, by timestep."""
    encoder, clip = load_noised_clip(models / "tiny-glide" / "noised-clip"), load_clip(models / "tiny-clip")
    x_0 = parts.vae.encode(to_float(images)).latent_dist.mean * parts.scaling_factor
    words = clip.text_projection(clip.text_model(tokenize(parts.tokenizer, texts)).pooler_output)
    words = torch.nn.functional.normalize(words, dim=1)
    bars = alphas_cumprod_from_betas(scaled_linear_betas())
    for t in LEVELS:
        eps = torch.randn(x_0.shape, generator=Generator().manual_seed(t))
        x_t = add_noise(x_0, eps, vp_level(bars[t].item(), t))
        seen = encode_noised(encoder, x_t, torch.full((len(x_0),), t))
        right = []
        for start in range(0, len(texts), GROUP):
            own = texts[start : start + GROUP]
            best = (seen[start : start + GROUP] @ words[start : start + GROUP].T).argmax(1).tolist()
            right += [float(own[j] == own[i]) for i, j in enumerate(best)]
        found = bootstrap(torch.tensor(right), 1000, Generator().manual_seed(0))
        yield f"noised CLIP, right caption among {GROUP}, t = {t}", share(found)


@torch.no_grad()
def enlarged(models: Path, parts: Parts, images: Tensor, texts: list[str]) -> Iterator[tuple[str, str]]:
    """How close renders that were shrunk to 32 x 32 come to themselves when they are made larger again."""
    net = load_unet(models / "tiny-glide" / "upsampler")
    _, stage = stages_for(net, net, encode_text(parts, texts), encode_text(parts, [""]))
    sharp = to_float(images)
    small = shrink(sharp, (32, 32))
    y_T = draw_noise(sharp.shape, [Generator().manual_seed(i) for i in range(len(texts))])
    model = beside_low_res(stage.model, small)
    *_, y_0 = ddim_sample(model, y_T, stage.levels, prediction=stage.prediction)
    for name, large in (("bicubic", interpolate(small, stage.size, mode="bicubic")), ("upsampler, 8 steps", y_0)):
        close = psnr(large.clamp(-1, 1), sharp, data_range=2.0)
        mean, low, high = bootstrap(close.float(), 1000, Generator().manual_seed(0))
        yield f"{name}, shrunken renders made larger: PSNR", f"{mean:.1f} dB ({low:.1f} to {high:.1f})"


def drawn(models: Path, parts: Parts, texts: list[str], scale: float) -> tuple[Tensor, Tensor]:
    """uint8 pictures of the base (n, 3, 32, 32), and of the upsampler (n, 3, 64, 64)."""
    nets = [load_unet(models / "tiny-glide" / name) for name in ("base", "upsampler")]
    return generate_glide(*nets, parts, texts, guidance_scale=scale)


def measure(models: Path, n: int) -> dict[str, Iterator[tuple[str, str]]]:
    """The rows of each card, measured as they are asked for."""
    parts, oracle = parts_of(load_tiny(models / "tiny")), load_oracle(models / "tiny-oracle")
    some = [scene for count in (1, 2) for scene in scenes("test", count, n // 2)]
    texts, (images, things, *_) = [caption(scene) for scene in some], render(some)

    def right(images: Tensor, texts: list[str]) -> str:
        return share(score(images, texts, oracle).by["all"])

    def glide() -> Iterator[tuple[str, str]]:
        yield from recognised(models, parts, images, texts)
        for scale in SCALES:
            small, large = drawn(models, parts, texts, scale)
            smooth = interpolate(small.float(), (64, 64), mode="bilinear").round().to(torch.uint8)
            yield f"base, 20 steps, guidance {scale:g}, enlarged bilinearly: all attributes right", right(smooth, texts)
            yield f"and through the upsampler, 8 steps, guidance {scale:g}: all attributes right", right(large, texts)
        yield from enlarged(models, parts, images, texts)

    def holes() -> Iterator[tuple[str, str]]:
        for name, unet in (
            ("this U-Net", load_unet(models / "tiny-inpaint")),
            ("that of `models/tiny`, by replacement", parts.unet),
        ):
            yield f"{name}: all attributes right", right(*recoloured(parts, unet, some, images, things[:, :1]))

    return {"tiny-glide": glide(), "tiny-inpaint": holes()}


def draw_pictures(models: Path) -> None:
    """Samples of base and upsampler, guidance 3; and holes filled by both U-Nets. A column has one caption."""
    parts = parts_of(load_tiny(models / "tiny"))
    some = [scene for count in (1, 2) for scene in scenes("test", count, 4)]
    small, large = drawn(models, parts, [caption(scene) for scene in some], 3.0)
    save_grid(
        torch.cat([interpolate(small, large.shape[2:], mode="nearest"), large]),
        models / "tiny-glide" / "samples.png",
        len(some),
    )
    unets = load_unet(models / "tiny-inpaint"), parts.unet
    images, things, *_ = render(some)
    filled = [recoloured(parts, unet, some, images, things[:, :1])[0] for unet in unets]
    save_grid(torch.cat([images, *filled]), models / "tiny-inpaint" / "samples.png", len(some))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--models", type=Path, default=ROOT / "models", help="folder of tiny, tiny-clip, tiny-glide, tiny-inpaint"
    )
    parser.add_argument("--pictures", type=int, default=128, help="for each figure (default 128)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--card", action="store_true", help="write tables and pictures into the model cards")
    options = parser.parse_args(arguments)
    if options.pictures < 4:
        parser.error(f"--pictures is {options.pictures}; it must be at least 4")
    torch.set_num_threads(options.threads)
    try:
        for folder, rows in measure(options.models, options.pictures).items():
            table = ["| figure | measured (95 % interval) |", "|---|---|"]
            print(f"\n{folder}\n\n" + "\n".join(table))
            for row in rows:
                table.append(f"| {' | '.join(row)} |")
                print(table[-1], flush=True)
            if options.card:
                write_card(options.models / folder / "README.md", table)
        if options.card:
            draw_pictures(options.models)
    except ValueError as error:
        print(f"glide_quality: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
