"""Guided distillation: the two calls of classifier-free guidance learned as one, for every guidance scale.

    student_unet = guided_student(models.unet)
    student, teacher = unet_student(student_unet), guided_teacher(unet_model(models.unet), uncond)
    draw_scaled = with_scales(draw, low=1.0, high=5.0)
    optimizer, how = torch.optim.Adam(student_unet.parameters()), {"steps": 1000, "generator": g, "prediction": "eps"}
    for step, loss in distill_guidance(student, teacher, draw_scaled, bars, optimizer, **how): ...          # stage 1
    *_, x_0 = ddim_sample(under(student, (text, scales)), x_T, levels)                              # one call per step

    fewer_unet = copy.deepcopy(student_unet)                                                                # stage 2
    fewer, optimizer = unet_student(fewer_unet), torch.optim.Adam(fewer_unet.parameters())
    for step, loss in halve_steps(fewer, student, draw_scaled, levels, optimizer, **how): ...

Stage 2 is progressive distillation with the condition (cond, guidance_scale), so `distillation.halve_steps` does it.
Meng et al. write w for the weight of Ho and Salimans: our guidance_scale s is w + 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.optim import Optimizer

from diffloop.denoising import stratified, text_conditioned
from diffloop.distillation import CondModel, Draw, check_distillation, distillation_loss
from diffloop.ladders import levels_at
from diffloop.levels import Level, told
from diffloop.noise import draw_noise
from diffloop.parameterization import add_noise, predictions
from diffloop.training import master_weights, train
from diffloop.transfer import carried
from diffloop.types import State


def guided_teacher(model: CondModel, uncond: Shaped[Tensor, "1 ..."]) -> CondModel:
    """(x_t, level, (cond, s)) -> model under uncond + s * (under cond - under uncond), both in one call; s per item.

    Source: meng2023guided, Sec. 3.1 (its x-hat^w = (1 + w) * x_cond - w * x_uncond, with w = s - 1). The weights sum to
    1, so that it is the same in eps, x_0 and v.

    Args:
        model: (x_t, level, cond) -> prediction, cond a tensor of one row per item.
        uncond: the row of the empty prompt.
    """

    def guided(x_t: Tensor, level: Level, condition: tuple[Tensor, Tensor]) -> Tensor:
        cond, scale = condition
        both = torch.cat([uncond.expand_as(cond), cond])
        output_u, output_c = model(torch.cat([x_t, x_t]), twice(level), both).chunk(2)
        return output_u + scale.reshape(-1, *[1] * (x_t.ndim - 1)).to(output_u) * (output_c - output_u)

    return guided


def twice(level: Level) -> Level:
    """The level of a batch that holds the same items twice, one half after the other."""
    if not isinstance(level.signal, Tensor):
        return level
    return Level(*(torch.cat([x, x]) for x in (level.signal, level.noise, level.t)))


def with_scales(draw: Draw, *, low: float = 1.0, high: float = 5.0) -> Draw:
    """Batches (x_0, (cond, s)) from batches (x_0, cond), with a guidance scale s ~ U[low, high] for each item.

    Source: meng2023guided, Sec. 3.1 (w ~ U[w_min, w_max]; w in [0, 4] is s in [1, 5]).

    Raises:
        ValueError: unless 0 <= low <= high, both finite.
    """
    if not 0 <= low <= high < math.inf:
        raise ValueError(f"low, high are {low}, {high}; need 0 <= low <= high, both finite (1 is no guidance)")

    def scaled(generator: torch.Generator) -> tuple[Tensor, tuple[Any, Tensor]]:
        x_0, cond = draw(generator)
        scale = low + (high - low) * torch.rand(len(x_0), generator=generator)
        return x_0, (cond, carried(scale, x_0.device))

    return scaled


def guided_loss(
    student: CondModel,
    teacher: CondModel,
    x_0: State,
    cond: tuple[Any, Tensor],
    alphas_cumprod: Float[Tensor, " T"],
    generator: torch.Generator,
    *,
    prediction: str = "v",
    teacher_prediction: str | None = None,
    weighting: str = "truncated_snr",
) -> Float[Tensor, ""]:
    """Error of the student against the guided teacher, at random timesteps with random noise: one batch's stage-1 loss.

    Source: meng2023guided, Sec. 3.1. Departure: discrete timesteps, stratified over the batch.

    Args:
        x_0, cond: a batch of clean data, with (cond, s) as `with_scales` draws it.
        generator: on the CPU.
        others: as for `distill_guidance`.
    """
    level = levels_at(alphas_cumprod, stratified(len(x_0), len(alphas_cumprod), generator), x_0.ndim)
    eps = draw_noise(x_0.shape, generator, dtype=x_0.dtype, device=x_0.device)
    x_t = add_noise(x_0, eps, level)
    with torch.no_grad():
        output = teacher(x_t, level, cond)
        target, _ = predictions(output, x_t, level, prediction=teacher_prediction or prediction)
    output = student(x_t, level, cond)
    return distillation_loss(output, target, x_t, level, prediction=prediction, weighting=weighting).mean()


def distill_guidance(
    student: CondModel,
    teacher: CondModel,
    draw: Draw,
    alphas_cumprod: Float[Tensor, " T"],
    optimizer: Optimizer,
    *,
    steps: int,
    generator: torch.Generator,
    prediction: str = "v",
    teacher_prediction: str | None = None,
    weighting: str = "truncated_snr",
    checkpoint: str | Path | None = None,
    save_every: int = 100,
    inputs: Sequence[Tensor] = (),
) -> Iterator[tuple[int, float]]:
    """Stage 1: one student for all guidance scales, at all timesteps. Yields (step, loss).

        E  weight(level) * |x_0_student(x_t, cond, s) - x_0_guided(x_t, cond, s)|^2

    Source: meng2023guided, Sec. 3.1. Departure: discrete timesteps, stratified over the batch.

    Args:
        student: (x_t, level, (cond, s)) -> prediction; see `guided_student`.
        teacher: `guided_teacher` of a frozen model.
        draw: generator -> (x_0, (cond, s)), see `with_scales`.
        alphas_cumprod: alpha_bar for t = 0 .. T-1.
        optimizer: holds the student's parameters.
        prediction, teacher_prediction: what they return: "eps", "x_0" or "v". None: the same.
        weighting: "snr", "truncated_snr" or "snr+1"; see `distillation_weight`.
        steps, generator, checkpoint, save_every: as for `train`.
        inputs: as for `train`; name the data and the teacher's weights.

    Raises:
        ValueError: at the call: if a prediction or the weighting is unknown; see `train`.
    """
    check_distillation(prediction, teacher_prediction or prediction, weighting)
    how = {"prediction": prediction, "teacher_prediction": teacher_prediction, "weighting": weighting}

    def loss_at(generator: torch.Generator) -> Tensor:
        return guided_loss(student, teacher, *draw(generator), alphas_cumprod, generator, **how)

    saving = {"checkpoint": checkpoint, "save_every": save_every}
    return train(loss_at, optimizer, steps=steps, generator=generator, inputs=inputs, **saving)


def guidance_embedding(guidance_scale: Float[Tensor, " b"], dim: int = 256) -> Float[Tensor, "b dim"]:
    """Sines and cosines of 1000 * w at dim / 2 frequencies from 1 down to 1 / 10000, with w = guidance_scale - 1.

    Source: meng2023guided, Sec. 3.1 (Fourier features of w); the frequencies are those of Diffusers'
    LatentConsistencyModelPipeline, which therefore samples from our students.

    Raises:
        ValueError: if dim is odd or below 4.
    """
    if dim < 4 or dim % 2:
        raise ValueError(f"dim is {dim}; it must be even and >= 4")
    half = dim // 2
    frequencies = torch.exp(torch.arange(half, device=guidance_scale.device) * (-math.log(10_000) / (half - 1)))
    angles = 1000 * (guidance_scale - 1).float()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def guided_student(unet: nn.Module, *, dim: int = 256) -> nn.Module:
    """A copy of a Diffusers U-Net that takes a guidance embedding, added to that of time through a new linear layer.

    The layer starts at zero: the student first computes what the U-Net does under the prompt, at every scale. Weights
    in half precision become float32, as in `full_copy`.

    Raises:
        ValueError: if the U-Net already takes such an embedding.
    """
    if unet.config.time_cond_proj_dim is not None:
        raise ValueError(f"this U-Net already takes an embedding of width {unet.config.time_cond_proj_dim}; copy it")
    # without "_use_default_values", where Diffusers keeps the names of settings that it would reset to their defaults
    config = {name: value for name, value in unet.config.items() if not name.startswith("_")}
    student = type(unet).from_config(config | {"time_cond_proj_dim": dim}).to(next(unet.parameters()))
    new = student.time_embedding.cond_proj.weight
    torch.nn.init.zeros_(new)
    student.load_state_dict(unet.state_dict() | {"time_embedding.cond_proj.weight": new.detach().clone()})
    return master_weights(student).requires_grad_(True).eval()


def unet_model(unet: nn.Module) -> CondModel:
    """(x_t, level, text embeddings) -> the U-Net's output in float32."""
    return lambda x_t, level, text: text_conditioned(unet, text)(x_t, level)


def unet_student(unet: nn.Module) -> CondModel:
    """(x_t, level, (text embeddings, s of shape (b,))) -> the output of a `guided_student` in float32."""
    dim, dtype = unet.config.time_cond_proj_dim, next(unet.parameters()).dtype

    def model(x_t: Tensor, level: Level, condition: tuple[Tensor, Tensor]) -> Tensor:
        text, scale = condition
        t = told(level.t, x_t)
        extra = {"timestep_cond": guidance_embedding(scale, dim).to(dtype), "return_dict": False}
        states = text.expand(len(x_t), -1, -1).to(dtype)
        return unet(x_t.to(dtype), t, encoder_hidden_states=states, **extra)[0].float()

    return model
