"""DreamBooth: tune the model so that a rare word names one subject, and keep what the subject's class looked like.

    tuned = dataclasses.replace(models, unet=full_copy(models.unet))                  # or lora_copy
    optimizer = torch.optim.AdamW(tuned.unet.parameters(), lr=1e-5)
    options = {"prior": class_latents, "class_prompt": "a ball", "steps": 500}    # of pictures that `models` made
    for step, loss in dreambooth(tuned, x_0, "a sks ball", optimizer, generator=g, **options): ...
    text_to_image(tuned, ["a sks ball on white"], generator=g)

`tuned` goes wherever `models` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer

from diffloop.denoising import check_latents, denoising_loss, text_conditioned
from diffloop.stable_diffusion import StableDiffusion
from diffloop.training import check_trains, train
from diffloop.words import expand_words

Latents = Float[Tensor, "n c h w"]


def prior_preservation_loss(
    instance: Float[Tensor, " b"], prior: Float[Tensor, " p"], *, prior_weight: float
) -> Float[Tensor, ""]:
    """mean(instance) + prior_weight * mean(prior), of one denoising loss per picture.

    Source: ruiz2023dreambooth, Eq. 2 (its lambda is prior_weight). Departure: its terms are errors of x_0_hat with
    weights w_t; ours are errors of whatever the model predicts, for eps this is the same with w_t = SNR.

    Raises:
        ValueError: if prior_weight is negative or not finite.
    """
    _check_weight(prior_weight)
    return instance.mean() + prior_weight * prior.mean()


def dreambooth(
    models: StableDiffusion,
    x_0: Latents,
    prompt: str,
    optimizer: Optimizer,
    *,
    generator: torch.Generator,
    prior: Float[Tensor, "m ..."] | None = None,
    class_prompt: str | None = None,
    prior_weight: float = 1.0,
    steps: int = 800,
    batch: int = 1,
    checkpoint: str | Path | None = None,
    save_every: int = 100,
) -> Iterator[tuple[int, float]]:
    """Tune the U-Net, and the text encoder if the optimizer holds weights of it, to the subject. Yields (step, loss).

    Source: ruiz2023dreambooth, Eq. 1, and with a prior Eq. 2.

    Args:
        models: with copies to train: `dataclasses.replace(models, unet=full_copy(models.unet))`, or `lora_copy`.
        x_0: latents of the subject's pictures (3 to 5 in the paper).
        prompt: identifier and class noun, such as "a sks ball".
        optimizer: holds weights of models.unet, and of models.text_encoder if that is to be tuned too.
        generator, steps, checkpoint, save_every: as for `train`.
        prior: latents of pictures of the class, made by the *base* model under class_prompt. None: no prior.
        class_prompt: the prompt without the identifier, such as "a ball"; given with prior, and only with it.
        prior_weight: >= 0.
        batch: pictures of the subject per step, and as many of the class; drawn with replacement.

    Raises:
        ValueError: if the optimizer holds other tensors, batch < 1, only one of prior and class_prompt is given, prior
            or x_0 has the wrong shape, prior_weight is negative, or a prompt is longer than the context; see `train`.
    """
    check_latents(models.unet, x_0, batch)
    _check_weight(prior_weight)
    _check_prior(x_0, prior, class_prompt)
    text_parameters = list(models.text_encoder.parameters())
    check_trains(optimizer, [*models.unet.parameters(), *text_parameters], "weights of models.unet or text_encoder")
    data = [x_0.detach().clone()] + ([] if prior is None else [prior.detach().clone()])
    ids = _token_ids(models, [prompt] if class_prompt is None else [prompt, class_prompt])
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    tunes_text = any(id(p) in held for p in text_parameters)
    with torch.no_grad():
        fixed = models.text_encoder(ids)[0]

    def loss_at(generator: torch.Generator) -> Tensor:
        picked = [x[torch.randint(len(x), (batch,), generator=generator)] for x in data]
        text = models.text_encoder(ids)[0] if tunes_text else fixed
        model = text_conditioned(models.unet, text.repeat_interleave(batch, 0))
        said = {"prediction": models.prediction}
        losses = denoising_loss(model, torch.cat(picked), models.alphas_cumprod, generator, **said)
        if prior is None:
            return losses.mean()
        return prior_preservation_loss(losses[:batch], losses[batch:], prior_weight=prior_weight)

    inputs = [*data, ids, torch.tensor(prior_weight), *models.unet.parameters(), *text_parameters]
    saving = {"checkpoint": checkpoint, "save_every": save_every}
    return train(loss_at, optimizer, steps=steps, generator=generator, inputs=inputs, **saving)


def _token_ids(models: StableDiffusion, prompts: list[str]) -> Tensor:
    length = models.tokenizer.model_max_length
    prompts = [expand_words(models.tokenizer, prompt) for prompt in prompts]
    found = models.tokenizer(prompts, truncation=False, verbose=False).input_ids
    for prompt, ids in zip(prompts, found, strict=True):
        if len(ids) > length:
            raise ValueError(f"prompt {prompt!r} is {len(ids)} tokens long; the text encoder takes {length}")
    return models.tokenizer(prompts, padding="max_length", max_length=length, return_tensors="pt").input_ids.to(
        models.device
    )


def _check_prior(x_0: Tensor, prior: Tensor | None, class_prompt: str | None) -> None:
    if (prior is None) != (class_prompt is None):
        raise ValueError(
            f"class_prompt is {class_prompt!r} with prior {'' if prior is None else 'not '}None; give both"
        )
    if prior is not None and (len(prior) == 0 or prior.shape[1:] != x_0.shape[1:]):
        sides = ", ".join(map(str, x_0.shape[1:]))
        raise ValueError(f"prior has shape {tuple(prior.shape)}; it must be (m, {sides}) as x_0 is, m >= 1")


def _check_weight(prior_weight: float) -> None:
    if not 0 <= prior_weight < float("inf"):
        raise ValueError(f"prior_weight is {prior_weight}; it must be finite and >= 0 (0 is off, 1 is the paper's)")
