"""Imagic: edit one picture by a text, in three stages.

    target = encode_prompts(models, ["a red circle on black"]).clone()         # the picture shows a blue one
    optimized = target.clone().requires_grad_()
    list(optimize_embedding(models, x_0, optimized, Adam([optimized], lr=1e-3), steps=100, generator=g))  # 1
    tuned = dataclasses.replace(models, unet=full_copy(models.unet))
    optimizer = Adam(tuned.unet.parameters(), lr=1e-5)
    list(fine_tune(tuned, x_0, optimized, optimizer, steps=1500, generator=g))                            # 2
    model = embedding_model(tuned, interpolate(target, optimized, eta=0.7), guidance_scale=3.0)           # 3
    x_0_edited = denoise(tuned, model, x_T, tuned.levels(50))

Departures: the paper's diffusion models work on pixels, 64 x 64, and a super-resolution model is tuned as well; here
there is one model, on latents.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer

from diffloop.denoising import check_latents, denoising_loss, text_conditioned
from diffloop.guidance import classifier_free_guidance
from diffloop.levels import Level
from diffloop.stable_diffusion import StableDiffusion
from diffloop.text_to_image import encode_prompts
from diffloop.training import check_trains, train
from diffloop.types import Model

Latent = Float[Tensor, "1 c h w"]
Latents = Float[Tensor, "n c h w"]
Embedding = Float[Tensor, "1 tokens width"]
Embeddings = Float[Tensor, "m tokens width"]


def optimize_embedding(
    models: StableDiffusion,
    x_0: Latents,
    embedding: Embeddings,
    optimizer: Optimizer,
    *,
    generator: torch.Generator,
    steps: int = 100,
    batch: int = 1,
    checkpoint: str | Path | None = None,
    save_every: int = 100,
) -> Iterator[tuple[int, float]]:
    """Stage 1: move the target text's embedding until the frozen model denoises better. Yields (step, loss).

        argmin over embedding of  E |eps - eps_hat(x_t, t, embedding)|^2

    Several pictures can share the steps, each with its own embedding. Their losses are summed, so that each
    embedding gets the gradient that it would get alone.

    Source: kawar2023imagic, Eq. 2 (Sec. 3.2: few steps from the target's embedding, so that it stays near).

    Args:
        models: the base models; they stay as they are.
        x_0: the picture's latent, or those of n pictures.
        embedding: starts as the target text's, from `encode_prompts(...).clone()`; needs gradients; trained in place.
            One per picture.
        optimizer: holds the embedding and nothing else. One that treats each number separately (Adam, SGD without
            clipping) keeps the pictures apart.
        generator, steps, checkpoint, save_every: as for `train`.
        batch: noise samples and timesteps of each picture per step.

    Raises:
        ValueError: if the optimizer holds anything else, batch < 1, x_0 has other channels, or there are more or fewer
            embeddings than pictures; see `train`.
    """
    check_latents(models.unet, x_0, batch)
    if len(embedding) != len(x_0):
        raise ValueError(f"{len(embedding)} embeddings, {len(x_0)} pictures; give one embedding per picture")
    check_trains(optimizer, [embedding], "the embedding")
    x_0 = x_0.detach().clone()  # the encoders return inference tensors, which cannot be saved for a gradient

    def loss_at(generator: torch.Generator) -> Tensor:
        return _loss(models, x_0, embedding, generator, batch)

    inputs = [x_0, *models.unet.parameters()]
    saving = {"checkpoint": checkpoint, "save_every": save_every}
    return train(loss_at, optimizer, steps=steps, generator=generator, inputs=inputs, **saving)


def fine_tune(
    models: StableDiffusion,
    x_0: Latent,
    embedding: Embedding,
    optimizer: Optimizer,
    *,
    generator: torch.Generator,
    steps: int = 1500,
    batch: int = 1,
    checkpoint: str | Path | None = None,
    save_every: int = 100,
) -> Iterator[tuple[int, float]]:
    """Stage 2: with the optimised embedding fixed, tune the U-Net until it reproduces the picture. Yields (step, loss).

    Source: kawar2023imagic, Eq. 2, over the model's weights (Sec. 3.2).

    Args:
        models: with a U-Net to train: `dataclasses.replace(models, unet=full_copy(models.unet))`, or a `lora_copy`.
        x_0: the picture's latent.
        embedding: what stage 1 found.
        optimizer: holds weights of models.unet.
        generator, steps, checkpoint, save_every: as for `train`.
        batch: noise samples and timesteps of the one picture per step.

    Raises:
        ValueError: if the optimizer holds other tensors, batch < 1, or x_0 has other channels; see `train`.
    """
    check_latents(models.unet, x_0, batch)
    check_trains(optimizer, models.unet.parameters(), "weights of models.unet")
    x_0, embedding = x_0.detach().clone(), embedding.detach().clone()

    def loss_at(generator: torch.Generator) -> Tensor:
        return _loss(models, x_0, embedding, generator, batch)

    inputs = [x_0, embedding, *models.unet.parameters()]
    saving = {"checkpoint": checkpoint, "save_every": save_every}
    return train(loss_at, optimizer, steps=steps, generator=generator, inputs=inputs, **saving)


def interpolate(target: Embeddings, optimized: Embeddings, *, eta: float) -> Embeddings:
    """Stage 3: eta * target + (1 - eta) * optimized. eta = 0 is the picture, eta = 1 the text.

    Source: kawar2023imagic, Eq. 3 (its e_tgt and e_opt; this eta is not DDIM's).

    Raises:
        ValueError: if eta is not in [0, 1].
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta is {eta}; it must be in [0, 1]: 0 is the optimised embedding, 1 the target text's")
    return (eta * target + (1 - eta) * optimized).detach()


def embedding_model(models: StableDiffusion, embedding: Embeddings, *, guidance_scale: float = 1.0) -> Model:
    """(x_t, level) -> the U-Net's output under an embedding, guided away from the empty prompt: for any sampler.

    Args:
        models: with the tuned U-Net.
        embedding: one for all items, or one per item.
        guidance_scale: s >= 0; 1 is off. See `guidance.py`.

    Raises:
        ValueError: see `classifier_free_guidance`.
    """
    text, empty = embedding.detach().to(models.device, models.dtype), encode_prompts(models, [""])

    def one(x_t: Tensor, level: Level, text: Tensor) -> Tensor:
        return models.predict(x_t, level, text.expand(len(x_t), -1, -1))

    def both(x_t: Tensor, level: Level) -> tuple[Tensor, ...]:
        pair = torch.cat([e.expand(len(x_t), -1, -1) for e in (empty, text)])
        return models.predict(torch.cat([x_t, x_t]), level, pair).chunk(2)

    cond, uncond = partial(one, text=text), partial(one, text=empty)
    return classifier_free_guidance(cond, uncond, guidance_scale=guidance_scale, both=both)


def _loss(models: StableDiffusion, x_0: Tensor, embedding: Tensor, generator: torch.Generator, batch: int) -> Tensor:
    """The sum over the pictures of each one's mean error."""
    model = text_conditioned(models.unet, embedding.repeat_interleave(batch, 0))
    repeated = x_0.repeat_interleave(batch, 0)
    losses = denoising_loss(model, repeated, models.alphas_cumprod, generator, prediction=models.prediction)
    return losses.mean() * len(x_0)
