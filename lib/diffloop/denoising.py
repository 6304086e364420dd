"""The loss of every training here: how well a network denoises, at random timesteps and with random noise."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diffloop.ladders import levels_at
from diffloop.levels import Level, told
from diffloop.noise import draw_noise
from diffloop.parameterization import add_noise, target
from diffloop.types import Latents, Model, State


def denoising_loss(
    model: Model,
    x_0: State,
    alphas_cumprod: Float[Tensor, " T"],
    generator: torch.Generator,
    *,
    prediction: str = "eps",
) -> Float[Tensor, " b"]:
    """One number per item: the mean squared error of the model's prediction, at a random timestep with random noise.

    Source: ho2020ddpm, Eq. 14 (L_simple), for eps; on latents rombach2022ldm, Eq. 2. Departure: the timesteps of a
    batch are stratified, one in each of b equal parts of the range, in random order. Each one alone is still uniform;
    the batch's mean varies less.

    Args:
        model: (x_t, level) -> prediction, with a level for each item.
        x_0: clean data.
        alphas_cumprod: alpha_bar for t = 0 .. T-1.
        generator: on the CPU.
        prediction: what the model returns: "eps", "x_0", "v" or "velocity".

    Raises:
        ValueError: if prediction is unknown.
    """
    level = levels_at(alphas_cumprod, stratified(len(x_0), len(alphas_cumprod), generator), x_0.ndim)
    return level_loss(model, x_0, level, generator, prediction=prediction)


def level_loss(
    model: Model, x_0: State, level: Level, generator: torch.Generator, *, prediction: str = "eps"
) -> Float[Tensor, " b"]:
    """The same at given levels, one per item; for a flow, say, `Level(1 - u, u, u.flatten())` with u of (b, 1, ..., 1).

    Source: ho2020ddpm, Eq. 14; for a velocity liu2023rectified, Eq. 1.

    Args:
        level: one for each item, see `levels.pick`.
        others: as for `denoising_loss`.

    Raises:
        ValueError: if prediction is unknown.
    """
    eps = draw_noise(x_0.shape, generator, dtype=x_0.dtype, device=x_0.device)
    wanted = target(x_0, eps, level, prediction=prediction)
    return (model(add_noise(x_0, eps, level), level) - wanted).square().flatten(1).mean(1)


def stratified(b: int, n: int, generator: torch.Generator) -> Int[Tensor, " b"]:
    """b numbers in 0 .. n-1, one from each of b equal parts of the range, in random order."""
    at = (torch.arange(b) + torch.rand(b, generator=generator)) * (n / b)
    return at.long().clamp(max=n - 1)[torch.randperm(b, generator=generator)]


def text_conditioned(unet: nn.Module, text: Float[Tensor, "#b tokens width"]) -> Model:
    """(x_t, level) -> the U-Net's output in float32, under these text embeddings, with gradients. One can serve all.

    Source: rombach2022ldm, Eq. 3 (its epsilon_theta, with the text already encoded).
    """
    dtype = next(unet.parameters()).dtype

    def model(x_t: Tensor, level: Level) -> Tensor:
        states = text.expand(len(x_t), -1, -1).to(dtype)
        return unet(x_t.to(dtype), told(level.t, x_t), encoder_hidden_states=states, return_dict=False)[0].float()

    return model


def check_latents(unet: nn.Module, x_0: Latents, batch: int) -> None:
    """Raises ValueError if batch < 1, x_0 is empty, or its channels are not those that the U-Net takes."""
    if batch < 1:
        raise ValueError(f"batch is {batch}; it must be >= 1")
    takes = unet.config.in_channels
    if len(x_0) == 0 or x_0.shape[1] != takes:
        raise ValueError(
            f"x_0 has shape {tuple(x_0.shape)} and the U-Net takes {takes} channels; give at least one latent, "
            f"(n, {takes}, height, width), and a text-to-image checkpoint"
        )
