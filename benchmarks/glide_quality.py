"""Measure the noised CLIP and GLIDE's base, and print the table that their model card quotes (Markdown).

Pictures and captions are ones that training never saw. 95 % intervals are bootstrapped over pictures.

examples:
  python benchmarks/glide_quality.py                  all rows, about a minute on one core
  python benchmarks/glide_quality.py --card           and write them, with a picture, into the model card
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
from tinyworld.stage_glide import stages_for
from tinyworld.stage_world import to_float, to_uint8

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
        seen = encode_noised(encoder, add_noise(x_0, eps, alpha_bar_t=bars[t].item()), torch.full((len(x_0),), t))
        right = []
        for start in range(0, len(texts), GROUP):
            own = texts[start : start + GROUP]
            best = (seen[start : start + GROUP] @ words[start : start + GROUP].T).argmax(1).tolist()
            right += [float(own[j] == own[i]) for i, j in enumerate(best)]
        found = bootstrap(torch.tensor(right), 1000, Generator().manual_seed(0))
        yield f"noised CLIP, right caption among {GROUP}, t = {t}", share(found)


@torch.no_grad()
def drawn(models: Path, parts: Parts, texts: list[str], scale: float) -> Tensor:
    """Pictures of the base, (n, 3, 32, 32) in [-1, 1]; the noise of picture i is that of seed i."""
    net = load_unet(models / "tiny-glide" / "base")
    stage, _ = stages_for(net, net, encode_text(parts, texts), encode_text(parts, [""]), guidance_scale=scale)
    x_T = torch.stack([torch.randn(3, *stage.size, generator=Generator().manual_seed(i)) for i in range(len(texts))])
    *_, x_0 = ddim_sample(stage.model, x_T, stage.timesteps, stage.alphas_cumprod, prediction=stage.prediction)
    return x_0


def measure(models: Path, n: int) -> Iterator[tuple[str, str]]:
    parts, oracle = parts_of(load_tiny(models / "tiny")), load_oracle(models / "tiny-oracle")
    some = [scene for count in (1, 2) for scene in scenes("test", count, n // 2)]
    texts, images = [caption(scene) for scene in some], render(some).images
    yield from recognised(models, parts, images, texts)
    for scale in SCALES:
        large = interpolate(drawn(models, parts, texts, scale), (64, 64), mode="bilinear")
        right = share(score(to_uint8(large), texts, oracle).by["all"])
        yield f"base, 20 steps, guidance {scale:g}, enlarged bilinearly: all attributes right", right


def draw_picture(models: Path) -> None:
    """Samples of the base in its own pixels, guidance 1 above 3, the same captions and noise in each column."""
    parts = parts_of(load_tiny(models / "tiny"))
    texts = [caption(scene) for count in (1, 2) for scene in scenes("test", count, 4)]
    rows = [drawn(models, parts, texts, scale) for scale in SCALES]
    save_grid(to_uint8(torch.cat(rows)), models / "tiny-glide" / "samples.png", len(texts))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=ROOT / "models", help="folder of tiny, tiny-clip, tiny-glide")
    parser.add_argument("--pictures", type=int, default=128, help="for each figure (default 128)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--card", action="store_true", help="write table and picture into MODELS/tiny-glide")
    options = parser.parse_args(arguments)
    if options.pictures < 4:
        parser.error(f"--pictures is {options.pictures}; it must be at least 4")
    torch.set_num_threads(options.threads)
    table = ["| figure | measured (95 % interval) |", "|---|---|"]
    print("\n".join(table))
    try:
        for row in measure(options.models, options.pictures):
            table.append(f"| {' | '.join(row)} |")
            print(table[-1], flush=True)
        if options.card:
            draw_picture(options.models)
            write_card(options.models / "tiny-glide" / "README.md", table)
    except ValueError as error:
        print(f"glide_quality: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
