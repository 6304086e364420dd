"""Null-text inversion: find, for each step, what to use in place of the empty prompt so that a picture is reproduced.

    levels = models.levels(50)
    states = encode(models, images, levels, prompts=prompts)                  # DDIM inversion without guidance
    nulls = list(null_text_optimization(models, states, levels, prompts))     # guided, kept near these states
    model = null_text_model(models, prompts, nulls, levels)
    x_0 = denoise(models, model, states[0], levels)                           # the picture again

Guidance adds s times the difference of two predictions. The states of an unguided inversion are the pivot; at each step
the embedding of the empty prompt is moved until the guided step leads to the next of them. The network and the prompt
stay as they are, so that the prompt can be edited afterwards: `prompt_to_prompt.with_edited_maps` takes this model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Adam

from diffloop.ddim import ddim_step
from diffloop.denoising import text_conditioned
from diffloop.guidance import check_scale, guide
from diffloop.levels import Level, steps_down
from diffloop.parameterization import predictions
from diffloop.stable_diffusion import StableDiffusion
from diffloop.text_to_image import encode_prompts
from diffloop.types import Model

Embeddings = Float[Tensor, "b tokens width"]


def null_text_optimization(
    models: StableDiffusion,
    states: Sequence[Tensor],
    levels: Sequence[Level],
    prompts: Sequence[str],
    *,
    guidance_scale: float = 7.5,
    iterations: int = 10,
    rate: float = 0.01,
    stop: float = 1e-5,
) -> Iterator[Embeddings]:
    """For each step of the ladder, embeddings in place of the empty prompt's, one per picture.

        argmin over null of  |z*_prev - z_prev(z_t, null, prompt)|^2,      then z_t <- z_prev(z_t, null, prompt)

    Each starts from that of the step before, the first one from the empty prompt's. Pictures share the steps and do not
    affect each other.

    Source: mokady2023nulltext, Eq. 3 and Algorithm 1; Adam, a new one at each step, is from the authors' code.

    Args:
        models: the models; they stay as they are.
        states: the pivot, one at each level, noisiest first: from `diffedit.encode` under the same prompts without
            guidance, as in the paper.
        levels: the ladder of those states.
        prompts: what each picture shows.
        guidance_scale: w = s of the sampling, finite and >= 0. At 1 the empty prompt has no effect.
        iterations: N per step, >= 0; 0 leaves plain DDIM.
        rate: Adam's learning rate.
        stop: within a step, a picture's embedding is left alone once its mean squared error is below this.

    Raises:
        ValueError: at the first step: if there is not one state per level or not one prompt per picture, iterations is
            negative, or guidance_scale is not legal.
    """
    _check(states, levels, prompts, iterations, guidance_scale)
    text, null = _texts(models, prompts)
    steps = _steps(states, levels)
    x_t = states[0]
    for at, to, pivot in steps:
        cond = models.predict(x_t, at, text)
        null = null.detach().clone().requires_grad_()
        optimizer = Adam([null], lr=rate)
        for _ in range(iterations):
            losses = _errors(_guided_step(models, x_t, null, cond, at, to, guidance_scale), pivot)
            optimizer.zero_grad()
            losses.sum().backward()
            before, resting = null.detach().clone(), losses.detach() < stop
            optimizer.step()
            null.data[resting] = before[resting]
            if resting.all():
                break
        with torch.no_grad():
            x_t = _guided_step(models, x_t, null, cond, at, to, guidance_scale)
        yield null.detach()


def global_null_text_optimization(
    models: StableDiffusion,
    states: Sequence[Tensor],
    levels: Sequence[Level],
    prompts: Sequence[str],
    *,
    guidance_scale: float = 7.5,
    iterations: int = 10,
    rate: float = 0.01,
) -> Embeddings:
    """One embedding per picture for all steps, the paper's comparison: the loops the other way round.

    Source: mokady2023nulltext, Algorithm 2. One Adam serves all its steps.

    Args:
        iterations: how often the ladder is walked down, with one update by Adam at each of its steps.
        others: as for `null_text_optimization`.

    Raises:
        ValueError: as there.
    """
    _check(states, levels, prompts, iterations, guidance_scale)
    text, null = _texts(models, prompts)
    steps = _steps(states, levels)
    null = null.clone().requires_grad_()
    optimizer = Adam([null], lr=rate)
    for _ in range(iterations):
        x_t = states[0]
        for at, to, pivot in steps:
            cond = models.predict(x_t, at, text)
            reached = _guided_step(models, x_t, null, cond, at, to, guidance_scale)
            optimizer.zero_grad()
            _errors(reached, pivot).sum().backward()
            optimizer.step()
            with torch.no_grad():
                x_t = _guided_step(models, x_t, null, cond, at, to, guidance_scale)
    return null.detach()


def null_text_model(
    models: StableDiffusion,
    prompts: Sequence[str],
    nulls: Sequence[Embeddings],
    levels: Sequence[Level],
    *,
    guidance_scale: float = 7.5,
) -> Model:
    """(x_t, level) -> the output under the prompts, guided away from the step's own embedding: for DDIM on that ladder.

        null + s * (prompt - null)

    Source: mokady2023nulltext, Sec. 3.1 (guidance, its w is our s), with the embeddings of Algorithm 1.

    Args:
        models: as for `null_text_optimization`.
        prompts: one per picture; or several blocks of that many, such as sources and then targets for
            `prompt_to_prompt.with_edited_maps`: each block gets the same embeddings.
        nulls: from `null_text_optimization`; one per step.
        levels: the ladder of those steps.
        guidance_scale: s, finite and >= 0: as in the optimisation.

    Raises:
        ValueError: if there is not one embedding per step, prompts do not make whole blocks, or guidance_scale is not
            legal; when called at a level that is not one of the ladder's: KeyError.
    """
    check_scale(guidance_scale)
    called = [at for at, _ in steps_down(levels)]
    if len(nulls) != len(called) or len(prompts) % len(nulls[0]):
        raise ValueError(
            f"{len(nulls)} embeddings for {len(called)} steps, of {len(nulls[0])} pictures for {len(prompts)} prompts; "
            "give one per step, and one prompt per picture or a multiple of that"
        )
    text = encode_prompts(models, prompts)
    copies = len(prompts) // len(nulls[0])
    at_level = {level.t: null.repeat(copies, 1, 1) for level, null in zip(called, nulls, strict=True)}

    def guided(x_t: Tensor, level: Level) -> Tensor:
        both = torch.cat([at_level[level.t].to(text), text])
        uncond, cond = models.predict(torch.cat([x_t, x_t]), level, both).chunk(2)
        return guide(uncond, cond, guidance_scale=guidance_scale)

    return guided


def _texts(models: StableDiffusion, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """The prompts' embeddings, and as many of the empty prompt's, in float32."""
    text = encode_prompts(models, prompts)
    return text, models.encode_text([None] * len(prompts)).float()


def _guided_step(
    models: StableDiffusion, x_t: Tensor, null: Tensor, cond: Tensor, at: Level, to: Level, scale: float
) -> Tensor:
    """A step of DDIM with gradients for the embedding."""
    output = guide(text_conditioned(models.unet, null)(x_t, at), cond, guidance_scale=scale)
    return ddim_step(*predictions(output, x_t, at, prediction=models.prediction), at, to)


def _errors(reached: Tensor, pivot: Tensor) -> Float[Tensor, " b"]:
    return (reached - pivot).square().flatten(1).mean(1)


def _steps(states: Sequence[Tensor], levels: Sequence[Level]) -> list[tuple[Level, Level, Tensor]]:
    """From which level each step leads to which, and the state of the pivot there."""
    return [(at, to, pivot) for (at, to), pivot in zip(steps_down(levels), states[1:], strict=True)]


def _check(
    states: Sequence[Tensor], levels: Sequence[Level], prompts: Sequence[str], iterations: int, guidance_scale: float
) -> None:
    check_scale(guidance_scale)
    if len(states) != len(levels) or len(prompts) != len(states[0]):
        raise ValueError(
            f"{len(states)} states for {len(levels)} levels, {len(prompts)} prompts for {len(states[0])} pictures; "
            "give one state per level, and one prompt per picture"
        )
    if iterations < 0:
        raise ValueError(f"iterations is {iterations}; it must be >= 0: 0 is plain DDIM")
