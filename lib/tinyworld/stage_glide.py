"""Stages `glide-base` and `glide-upsampler`: a small GLIDE, on pixels. Text to 32 x 32, then 32 x 32 to 64 x 64.

Source: nichol2022glide, Sec. 4 (64 x 64, then 256 x 256; base under the cosine schedule, upsampler under the linear
one, as its released code has them). Departures: the base predicts v, the upsampler x_0 as a correction of the small
picture enlarged (`correcting`); both start from the latent U-Net's inner weights, and see their pixels in squares
(`patches`); one text encoder, frozen, serves both.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Generator, Tensor

from diffloop.ddim import ddim_sample
from diffloop.denoising import denoising_loss
from diffloop.glide import Stage, beside_low_res, glide_sample, shrink
from diffloop.guidance import classifier_free_guidance
from diffloop.ladders import trained_levels
from diffloop.levels import Level
from diffloop.schedules import alphas_cumprod_from_betas, cosine_betas, linear_betas, spaced_timesteps
from tinyworld.batches import captioned, pictures_of
from tinyworld.budget import Budget
from tinyworld.captions import caption
from tinyworld.checkpoint import load_ema
from tinyworld.oracle import score
from tinyworld.patches import correcting, guided_pixel_model, pixel_model
from tinyworld.pictures import save_grid
from tinyworld.sampling import Parts, encode_text
from tinyworld.scene import decode
from tinyworld.stage_inpaint import with_channels
from tinyworld.stage_oracle import trained_oracle
from tinyworld.stage_unet import CAPTION_DROPOUT, trained_parts
from tinyworld.stage_world import World, to_uint8
from tinyworld.trainer import Losses, autocast, train

STEPS = {"glide-base": 1500, "glide-upsampler": 800}
SIZES = {"glide-base": (32, 32), "glide-upsampler": (64, 64)}
PATCH = {"glide-base": 2, "glide-upsampler": 4}
CHANNELS = {"glide-base": (12, 12), "glide-upsampler": (96, 48)}  # in, out
PREDICTION = {"glide-base": "v", "glide-upsampler": "x_0"}


def alphas_cumprod_of(stage: str) -> Tensor:
    """alpha_bar of a stage, (1000,), float64: cosine for the base, linear for the upsampler."""
    return alphas_cumprod_from_betas(cosine_betas() if stage == "glide-base" else linear_betas())


def levels_of(stage: str, steps: int) -> list[Level]:
    """The ladder of a stage: "trailing" timesteps, then clean data."""
    return trained_levels(alphas_cumprod_of(stage), spaced_timesteps(steps, spacing="trailing"))


def train_glide(
    stage: str,
    world: World,
    runs: Path,
    budget: Budget,
    *,
    device: str = "cpu",
    batch: int = 32,
    seed: int = 0,
    extend: bool = True,
    compiled: bool = False,
) -> dict:
    """Train one of the two; resume if it has a checkpoint.

    Raises:
        ValueError: if the stage is unknown or an earlier one is missing; see `trainer.train`.
    """
    if stage not in STEPS:
        raise ValueError(f"stage is {stage!r}; choose one of {', '.join(map(repr, STEPS))}")
    torch.manual_seed(seed)
    parts = trained_parts(runs, device=device)
    unet = with_channels(parts.unet, *CHANNELS[stage])
    draw = captioned(world, parts, batch=batch, seed=seed, dropout=CAPTION_DROPOUT if stage == "glide-base" else 0.0)
    bars = alphas_cumprod_of(stage)

    def loss_at(step: int, generator: Generator) -> Losses:
        at, states = draw(step, generator)
        images = world.images("train", at, device)
        model = pixel_model(unet, states, patch=PATCH[stage])
        low_res = shrink(images, SIZES["glide-base"])
        if stage == "glide-upsampler":
            model = beside_low_res(correcting(model), low_res)
        x_0 = low_res if stage == "glide-base" else images
        with autocast(device):
            return {"loss": denoising_loss(model, x_0, bars, generator, prediction=PREDICTION[stage]).mean()}

    return train(
        stage,
        {"unet": unet},
        loss_at,
        runs / stage,
        budget,
        lr=1e-3,
        hyper={"batch": batch},
        seed=seed,
        warmup=100,
        ema_decay=0.995,
        show=lambda step: _show(runs, world, stage, step, unet, parts),
        extend=extend,
        compiled=compiled,
        data_hash=world.sha256,
    )


def trained_glide(runs: Path, stage: str, *, device: str = "cpu") -> UNet2DConditionModel:
    """The U-Net of a runs folder, frozen. Raises ValueError if its stage has not been run."""
    unet = with_channels(trained_parts(runs, device=device).unet, *CHANNELS[stage])
    load_ema(runs / stage / "checkpoint.pt", stage, {"unet": unet})
    return unet


def stages_for(
    base: UNet2DConditionModel,
    upsampler: UNet2DConditionModel,
    cond: Tensor,
    uncond: Tensor,
    *,
    guidance_scale: float = 3.0,
    steps: tuple[int, int] = (20, 8),
) -> tuple[Stage, Stage]:
    """The two stages that `diffloop.glide.glide_sample` takes, for text states (n, tokens, width).

    Args:
        uncond: (1, tokens, width), of the empty prompt.
        guidance_scale: of the base; the upsampler is not guided.
        steps: of the base and of the upsampler.
    """
    model = classifier_free_guidance(
        pixel_model(base, cond, patch=PATCH["glide-base"]),
        pixel_model(base, uncond, patch=PATCH["glide-base"]),
        guidance_scale=guidance_scale,
        both=guided_pixel_model(base, cond, uncond, patch=PATCH["glide-base"]),
    )
    enlarge = correcting(pixel_model(upsampler, cond, patch=PATCH["glide-upsampler"]))
    models = {"glide-base": model, "glide-upsampler": enlarge}
    return tuple(
        Stage(models[s], SIZES[s], levels_of(s, n), PREDICTION[s], cond.device)
        for s, n in zip(STEPS, steps, strict=True)
    )


@torch.no_grad()
def generate_glide(base, upsampler, parts: Parts, texts: list[str], **options) -> tuple[Tensor, Tensor]:
    """uint8 pictures of the base (n, 3, 32, 32) and of the upsampler (n, 3, 64, 64); picture i from seed i."""
    cond, uncond = encode_text(parts, texts), encode_text(parts, [""])
    stages = stages_for(base, upsampler, cond, uncond, **options)
    generators = [Generator().manual_seed(i) for i in range(len(texts))]
    last = dict(glide_sample(*stages, len(texts), generator=generators, sampler=ddim_sample))
    return to_uint8(last["base"]), to_uint8(last["upsampler"])


def measure_glide(runs: Path, world: World, *, device: str = "cpu", n: int = 48) -> dict[str, float]:
    """Share of pictures that went through both stages with all attributes right, for captions never trained on."""
    parts, oracle = trained_parts(runs, device=device), trained_oracle(runs, device=device)
    base, upsampler = (trained_glide(runs, stage, device=device) for stage in STEPS)
    texts = [caption(decode(row)) for row in world.take("test", "rows", slice(0, n)).tolist()]
    _, images = generate_glide(base, upsampler, parts, texts)
    return {"all right": score(images.cpu(), texts, oracle).by["all"][0]}


@torch.no_grad()
def _show(runs: Path, world: World, stage: str, step: int, unet, parts: Parts) -> None:
    at = slice(0, min(16, world.sizes["test"]))
    texts = [caption(decode(row)) for row in world.take("test", "rows", at).tolist()]
    cond, uncond = encode_text(parts, texts), encode_text(parts, [""])
    generators = [Generator().manual_seed(i) for i in range(len(texts))]
    first, second = stages_for(unet, unet, cond, uncond)
    chosen = first if stage == "glide-base" else second
    model = chosen.model
    if stage == "glide-upsampler":
        low_res = shrink(world.images("test", at, parts.unet.device), SIZES["glide-base"])
        model = beside_low_res(model, low_res)
    x_T = torch.stack([torch.randn(3, *chosen.size, generator=g) for g in generators]).to(parts.unet.device)
    *_, x_0 = ddim_sample(model, x_T, chosen.levels, prediction=chosen.prediction)
    save_grid(to_uint8(x_0).cpu(), pictures_of(runs, stage, step), 8)
