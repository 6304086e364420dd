"""Stage `web`: the U-Net fine-tuned on captions that lie, as the web's do, so that guidance has something to repair.

What it learns is the distribution of pictures given a caption that may be wrong. Missing captions train the
unconditional model: no others are dropped. Text encoder and VAE stay as they are. What is exported lies halfway between
the U-Net before the stage and after it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Generator

from diffloop.schedules import alphas_cumprod_from_betas, scaled_linear_betas
from diffloop.transfer import carried
from tinyworld.batches import captioned, pictures_of
from tinyworld.budget import Budget
from tinyworld.captions import caption
from tinyworld.checkpoint import load_ema
from tinyworld.oracle import score
from tinyworld.pictures import save_grid
from tinyworld.sampling import generate
from tinyworld.scene import attributes, decode, sample_scene
from tinyworld.stage_inpaint import with_channels
from tinyworld.stage_oracle import trained_oracle
from tinyworld.stage_unet import denoising_loss, trained_parts, training_latents
from tinyworld.stage_world import World
from tinyworld.trainer import Losses, autocast, train
from tinyworld.web_captions import LIES, Lies, told, web_caption

STEPS = 2000
SHARE = 0.5  # of the fine-tuned weights in the mean


def train_web(
    world: World,
    runs: Path,
    budget: Budget,
    *,
    device: str = "cpu",
    batch: int = 48,
    seed: int = 0,
    samples: int = 16,
    extend: bool = True,
    compiled: bool = False,
) -> dict:
    """Fine-tune; resume if the stage has a checkpoint. Raises: see `trainer.train`."""
    torch.manual_seed(seed)
    parts = trained_parts(runs, device=device)
    latents, scaling = training_latents(world, runs, device=device)
    latents = latents.to(device)
    unet = with_channels(parts.unet, parts.unet.config.in_channels)
    draw = captioned(
        world, parts, batch=batch, seed=seed, describe=lambda scene, rng: web_caption(scene, rng.getrandbits(32))
    )
    bars = alphas_cumprod_from_betas(scaled_linear_betas()).float().to(device)

    def loss_at(step: int, generator: Generator) -> Losses:
        at, states = draw(step, generator)
        x_0 = latents[carried(at, device)].float() * scaling
        with autocast(device):
            return denoising_loss(unet, x_0, states, bars, generator)

    def show(step: int) -> None:
        """Pictures without guidance above, the same captions and noise at guidance 4 below."""
        rows = world.take("test", "rows", slice(0, min(samples, world.sizes["test"])))
        texts, parts_now = [caption(decode(row)) for row in rows.tolist()], parts._replace(unet=unet)
        grids = [generate(parts_now, texts, guidance_scale=scale, steps=15) for scale in (1.0, 4.0)]
        save_grid(torch.cat(grids), pictures_of(runs, "web", step), max(1, samples // 2))

    return train(
        "web",
        {"unet": unet},
        loss_at,
        runs / "web",
        budget,
        lr=4e-4,
        hyper={"batch": batch, "lies": LIES._asdict()},
        seed=seed,
        warmup=50,
        ema_decay=0.995,
        show=show,
        extend=extend,
        compiled=compiled,
        data_hash=world.sha256,
    )


def trained_web(runs: Path, *, device: str = "cpu") -> UNet2DConditionModel:
    """The U-Net of a runs folder, frozen: halfway between what it was before the stage and after it.

    A short fine-tuning learns that captions lie, and spoils some of what was known; the mean of the weights keeps both.

    Raises:
        ValueError: if the stage has not been run.
    """
    before = trained_parts(runs, device=device).unet
    unet = with_channels(before, 4)
    load_ema(runs / "web" / "checkpoint.pt", "web", {"unet": unet})
    for mine, old in zip(unet.parameters(), before.parameters(), strict=True):
        mine.lerp_(old, 1 - SHARE)
    return unet


def measure_web(runs: Path, world: World, *, device: str = "cpu", n: int = 48) -> dict[str, float]:
    """Share of pictures with all attributes right without guidance and at 4, for n captions never trained on, and the
    share that an ideal model reaches without it."""
    parts, oracle = trained_parts(runs, device=device), trained_oracle(runs, device=device)
    parts = parts._replace(unet=trained_web(runs, device=device))
    rows = world.take("test", "rows", slice(0, n)).tolist()
    texts, out = [caption(decode(row)) for row in rows], {}
    for scale in (1.0, 4.0):
        out[f"guidance {scale:g}"] = score(generate(parts, texts, guidance_scale=scale, steps=20), texts, oracle).by[
            "all"
        ][0]
    ones = sum(row[0] == 1 for row in rows)
    out["ideal at 1"] = (ones * trust(1) + (len(rows) - ones) * trust(2)) / len(rows)
    return out


def trust(count: int, *, lies: Lies = LIES, scenes: int = 20_000) -> float:
    """The share of captions naming `count` things, and all of their attributes, that tell the truth.

    An ideal model of such captions draws what they say, without guidance, just as often. Estimated over scenes as
    training has them.
    """
    true = [
        attributes(said) == attributes(scene)
        for scene, said in ((s, told(s, i, lies)) for i, s in enumerate(map(sample_scene, range(scenes))))
        if len(said.things) == count
    ]
    return sum(true) / len(true)
