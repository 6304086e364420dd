"""Stages `guided` and `students`: the U-Net distilled, first for one call per step at every guidance scale, then for
32, 16, 8, 4, 2 and 1 steps.

`guided` is stage 1 of Meng et al.: a copy of the U-Net that takes the scale as an input, s in [1, 5], and predicts v,
as predicted noise says nothing about the picture where there is only noise. `students` is their stage 2, progressive
distillation with the scale as a condition; at s = 1 it is Salimans and Ho's.
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Generator, Tensor

from diffloop.ddim import ddim_sample
from diffloop.distillation import halving_loss, under
from diffloop.guided_distillation import guided_loss, guided_student, guided_teacher, unet_model, unet_student
from diffloop.ladders import trained_levels
from diffloop.noise import draw_noise
from diffloop.schedules import alphas_cumprod_from_betas, scaled_linear_betas, spaced_timesteps
from diffloop.transfer import carried
from tinyworld.batches import captioned, pictures_of
from tinyworld.budget import Budget
from tinyworld.captions import caption
from tinyworld.checkpoint import load_ema
from tinyworld.oracle import score
from tinyworld.pictures import save_grid
from tinyworld.sampling import Parts, encode_text
from tinyworld.scene import decode
from tinyworld.stage_oracle import trained_oracle
from tinyworld.stage_unet import trained_parts, training_latents
from tinyworld.stage_world import World, to_uint8
from tinyworld.trainer import Losses, autocast, train

STEPS = 1200
ROUNDS = {32: 80, 16: 80, 8: 160, 4: 320, 2: 480, 1: 640}  # steps of training, by the student's number of steps
LOW, HIGH = 1.0, 5.0  # guidance scales


def train_guided(
    world: World,
    runs: Path,
    budget: Budget,
    *,
    device: str = "cpu",
    batch: int = 24,
    seed: int = 0,
    samples: int = 16,
    extend: bool = True,
    compiled: bool = False,
) -> dict:
    """Stage 1; resume if the stage has a checkpoint. Raises: see `trainer.train`."""
    parts, student = _teacher_and_student(runs, device)
    uncond = encode_text(parts, [""])
    teacher, model = guided_teacher(unet_model(parts.unet), uncond), unet_student(student)
    draw = _scaled(world, runs, parts, batch, seed)
    bars = _alphas_cumprod()

    def loss_at(step: int, generator: Generator) -> Losses:
        x_0, cond = draw(step, generator)
        with autocast(device):
            loss = guided_loss(model, teacher, x_0, cond, bars, generator, prediction="v", teacher_prediction="eps")
        return {"loss": loss}

    return train(
        "guided",
        {"unet": student},
        loss_at,
        runs / "guided",
        budget,
        lr=6e-4,
        hyper={"batch": batch, "low": LOW, "high": HIGH},
        seed=seed,
        warmup=50,
        ema_decay=0.995,
        weight_decay=0.0,
        show=lambda step: _show(runs, world, "guided", step, student, parts, samples, steps=16),
        extend=extend,
        compiled=compiled,
        data_hash=world.sha256,
    )


def train_students(
    world: World,
    runs: Path,
    budget: Budget,
    *,
    device: str = "cpu",
    batch: int = 24,
    seed: int = 0,
    samples: int = 16,
    rounds: dict[int, int] = ROUNDS,
    extend: bool = True,  # as in all stages; a finished round is never extended: the next one began from it
    compiled: bool = False,
) -> dict:
    """Stage 2: one round after the other, each in a folder student-<steps> of its own; a finished round stays.

    budget: of each round; where its steps are None, `rounds` gives them.

    Raises: see `trainer.train`; ValueError if stage `guided` is missing.
    """
    parts, teacher = _teacher_and_student(runs, device)
    load_ema(runs / "guided" / "checkpoint.pt", "guided", {"unet": teacher})
    draw, bars = _scaled(world, runs, parts, batch, seed), _alphas_cumprod()
    state: dict = {}
    for n, steps in rounds.items():
        length = budget._replace(steps=budget.steps or steps)
        levels = trained_levels(bars, spaced_timesteps(2 * n, spacing="trailing"))
        student = copy.deepcopy(teacher).requires_grad_(True).train()
        model, frozen, stage = unet_student(student), unet_student(teacher), f"student-{n}"

        def loss_at(step: int, generator: Generator) -> Losses:
            x_0, cond = draw(step, generator)
            with autocast(device):
                return {"loss": halving_loss(model, frozen, x_0, cond, levels, generator)}  # noqa: B023

        state = train(
            stage,
            {"unet": student},
            loss_at,
            runs / stage,
            length,
            lr=3e-4,
            hyper={"batch": batch, "low": LOW, "high": HIGH},
            seed=seed + n,
            warmup=20,
            ema_decay=0.99,
            weight_decay=0.0,
            show=lambda step: _show(runs, world, stage, step, student, parts, samples, steps=n),  # noqa: B023
            show_every=10**9,  # at its end
            extend=False,
            compiled=compiled,
            data_hash=world.sha256,
        )
        if not state["finished"]:
            break
        teacher = student.requires_grad_(False)  # it holds its averaged weights now
    return state


def trained_student(runs: Path, stage: str, *, device: str = "cpu") -> UNet2DConditionModel:
    """The distilled U-Net of a runs folder: stage "guided", or "student-4". Raises ValueError if it is missing."""
    _, student = _teacher_and_student(runs, device)
    load_ema(runs / stage / "checkpoint.pt", stage, {"unet": student})
    return student


@torch.no_grad()
def sample_student(
    student: UNet2DConditionModel,
    text: Tensor,
    scales: Tensor,
    *,
    steps: int,
    generators: list[Generator],
    alphas_cumprod: Tensor | None = None,
) -> Tensor:
    """Scaled latents (n, 4, 16, 16): `steps` calls of the student, at "trailing" timesteps, as it was trained.

    Args:
        text: (n, tokens, width), from `sampling.encode_text`.
        scales: (n,), guidance scales in [1, 5].
        generators: on the CPU, one per picture.
        alphas_cumprod: None: the tiny model's.
    """
    device, n = next(student.parameters()).device, len(text)
    bars = _alphas_cumprod() if alphas_cumprod is None else alphas_cumprod
    levels = trained_levels(bars, spaced_timesteps(steps, spacing="trailing"))
    x_T = draw_noise((n, student.config.in_channels, 16, 16), generators, device=device)
    model = under(unet_student(student), (text, scales.to(device)))
    *_, x_0 = ddim_sample(model, x_T, levels, prediction="v")
    return x_0


def measure_student(
    runs: Path, world: World, stage: str, steps: int, *, device: str = "cpu", n: int = 64, guidance_scale: float = 4.0
) -> dict[str, float]:
    """Share of pictures with all attributes right, for n captions never trained on."""
    parts, oracle = trained_parts(runs, device=device), trained_oracle(runs, device=device)
    rows = world.take("test", "rows", slice(0, n))
    texts = [caption(decode(row)) for row in rows.tolist()]
    student = trained_student(runs, stage, device=device)
    images = _draw(student, parts, texts, guidance_scale, steps)
    return {f"all right, {steps} steps": score(images, texts, oracle).by["all"][0]}


def _draw(student, parts: Parts, texts: list[str], guidance_scale: float, steps: int) -> Tensor:
    scales = torch.full((len(texts),), guidance_scale)
    generators = [Generator().manual_seed(i) for i in range(len(texts))]
    with torch.no_grad():
        x_0 = sample_student(student, encode_text(parts, texts), scales, steps=steps, generators=generators)
        return to_uint8(parts.vae.decode(x_0 / parts.scaling_factor).sample).cpu()


def _show(runs: Path, world: World, stage: str, step: int, student, parts: Parts, n: int, *, steps: int) -> None:
    rows = world.take("test", "rows", slice(0, min(n, world.sizes["test"])))
    texts = [caption(decode(row)) for row in rows.tolist()]
    save_grid(_draw(student, parts, texts, 4.0, steps), pictures_of(runs, stage, step), 8)


def _teacher_and_student(runs: Path, device: str) -> tuple[Parts, UNet2DConditionModel]:
    """The tiny model's parts, and a copy of its U-Net that also takes a guidance scale."""
    torch.manual_seed(0)
    parts = trained_parts(runs, device=device)
    return parts, guided_student(parts.unet)


def _scaled(world: World, runs: Path, parts: Parts, batch: int, seed: int):
    """(step, generator) -> (latents, (text states, scales))."""
    device = parts.unet.device
    latents, scaling = training_latents(world, runs, device=str(device))
    latents = latents.to(device)
    draw = captioned(world, parts, batch=batch, seed=seed)

    def scaled(step: int, generator: Generator) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        at, text = draw(step, generator)
        scale = LOW + (HIGH - LOW) * torch.rand(len(at), generator=generator)
        return latents[carried(at, device)].float() * scaling, (text, carried(scale, device))

    return scaled


def _alphas_cumprod() -> Tensor:
    return alphas_cumprod_from_betas(scaled_linear_betas())
