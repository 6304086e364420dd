"""Textual inversion: a new word, learned from a few pictures; nothing in the model changes but the word's vectors.

    concept = add_concept(models, "<toy>", initializer="circle", n_vectors=1)
    optimizer = torch.optim.AdamW([concept.vectors], lr=5e-3, weight_decay=0)
    for step, loss in learn_concept(concept, x_0, ["a <toy> on black"], optimizer, steps=500, generator=g): ...
    text_to_image(concept.models, ["two <toy> on white"], generator=g)
    save_concept("toy.safetensors", concept)          # pipeline.load_textual_inversion("toy.safetensors")

A word of several vectors is several tokens: "<toy>", "<toy>_1", ... as Diffusers names them.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Optimizer

from diffloop.concept_files import read_concept
from diffloop.denoising import check_latents, stratified, text_conditioned
from diffloop.finetuning import shared_copy
from diffloop.ladders import levels_at
from diffloop.noise import draw_noise
from diffloop.parameterization import add_noise, target
from diffloop.stable_diffusion import StableDiffusion
from diffloop.training import check_trains, train, write_whole
from diffloop.words import expand_words


class Concept(NamedTuple):
    """A new word. Made by `add_concept` or `load_concept`."""

    models: StableDiffusion  # the base models, with a tokenizer and a text encoder that know the word
    placeholder: str  # the word as it stands in a prompt
    token_ids: list[int]  # one per vector
    vectors: Tensor  # (n_vectors, width), float32: the leaf to train


def add_concept(models: StableDiffusion, placeholder: str, *, initializer: str, n_vectors: int = 1) -> Concept:
    """A word that so far means what `initializer` means.

    The given models stay as they are: the tokenizer is copied, the text encoder is a shared copy with a longer table.

    Args:
        models: from `pretrained.load`.
        placeholder: the new word, such as "<toy>": one piece without spaces, not yet in the vocabulary.
        initializer: a word that is one token (Sec. 3 of the paper: a coarse descriptor, such as "sculpture").
        n_vectors: how many tokens the word stands for, >= 1.

    Raises:
        ValueError: if the placeholder is empty, has spaces or is known already, the initializer is not one token, or
            n_vectors < 1.
    """
    if n_vectors < 1:
        raise ValueError(f"n_vectors is {n_vectors}; it must be >= 1")
    ids = models.tokenizer(initializer, add_special_tokens=False).input_ids
    if len(ids) != 1:
        pieces = models.tokenizer.convert_ids_to_tokens(ids)
        raise ValueError(f"initializer is {initializer!r}, which is {len(ids)} tokens {pieces}; it must be one")
    start = models.text_encoder.get_input_embeddings().weight[ids].detach().float()
    return concept_of(models, placeholder, start.repeat(n_vectors, 1))


def concept_of(models: StableDiffusion, placeholder: str, vectors: Float[Tensor, "n width"]) -> Concept:
    """A word with given vectors, such as those of another word made shorter; they are copied.

    Args:
        models, placeholder: as for `add_concept`.
        vectors: one per token, as wide as the text encoder's embeddings.

    Raises:
        ValueError: if the placeholder is empty, has spaces or is known already, or the vectors have another shape.
    """
    width = models.text_encoder.get_input_embeddings().embedding_dim
    if vectors.ndim != 2 or not len(vectors) or vectors.shape[1] != width:
        raise ValueError(f"vectors has shape {tuple(vectors.shape)}; it must be (n, {width}) with n >= 1")
    if not placeholder or any(c.isspace() for c in placeholder):
        raise ValueError(f"placeholder is {placeholder!r}; it must be one piece without spaces, such as '<toy>'")
    tokenizer, encoder = copy.deepcopy(models.tokenizer), shared_copy(models.text_encoder)
    tokens = [placeholder, *(f"{placeholder}_{i}" for i in range(1, len(vectors)))]
    known = [token for token in tokens if token in tokenizer.get_vocab()]
    if known:
        raise ValueError(f"placeholder is {placeholder!r}, and {known} is in the vocabulary; choose a new word")
    tokenizer.add_tokens(tokens)
    ids = tokenizer.convert_tokens_to_ids(tokens)
    old = encoder.get_input_embeddings().weight.detach()
    rows = max(len(old), max(ids) + 1)
    table = nn.Embedding(rows, old.shape[1], _weight=torch.cat([old, old.new_zeros(rows - len(old), old.shape[1])]))
    encoder.set_input_embeddings(table.requires_grad_(False))
    encoder.config.vocab_size = rows
    leaf = vectors.detach().clone().to(old.device).requires_grad_()
    concept = Concept(dataclasses.replace(models, tokenizer=tokenizer, text_encoder=encoder), placeholder, ids, leaf)
    _write_rows(concept)
    return concept


def learn_concept(
    concept: Concept,
    x_0: Float[Tensor, "n c h w"],
    prompts: Sequence[str],
    optimizer: Optimizer,
    *,
    generator: torch.Generator,
    steps: int = 500,
    batch: int = 1,
    checkpoint: str | Path | None = None,
    save_every: int = 100,
) -> Iterator[tuple[int, float]]:
    """Move the word's vectors until prompts with the word describe the pictures. Yields (step, loss).

        argmin over vectors of  E |eps - eps_hat(x_t, t, text(prompt with the word))|^2

    Source: gal2023textual, Eq. 2.

    Args:
        concept: from `add_concept`. Its vectors are trained in place; concept.models shows them after every step.
        x_0: latents of the pictures (3 to 5 in the paper).
        prompts: each with the placeholder, such as "a photo of <toy>"; one is drawn for each picture of a batch.
        optimizer: holds concept.vectors and nothing else. With weight decay the vectors shrink.
        generator, steps, checkpoint, save_every: as for `train`.
        batch: pictures per step, drawn with replacement.

    Raises:
        ValueError: if the optimizer holds anything else, batch < 1, there are no prompts, or one lacks the placeholder
            or is cut before it; see `train`.
    """
    saving = {"checkpoint": checkpoint, "save_every": save_every}
    return learn_concepts([concept], [x_0], prompts, optimizer, generator=generator, steps=steps, batch=batch, **saving)


def learn_concepts(
    concepts: Sequence[Concept],
    x_0: Sequence[Float[Tensor, "n c h w"]],
    prompts: Sequence[str],
    optimizer: Optimizer,
    *,
    generator: torch.Generator,
    steps: int = 500,
    batch: int = 1,
    checkpoint: str | Path | None = None,
    save_every: int = 100,
) -> Iterator[tuple[int, float]]:
    """Several words, each as `learn_concept` learns it alone, in one call of the U-Net. (step, sum of their losses).

    In a step all words see the same timesteps and noises, the same of their pictures and the same of the prompts. Each
    word's gradient is that of its own loss, so with Adam none influences another. On a CPU one batch of eight took two
    thirds of the time of four batches of two.

    Source: gal2023textual, Eq. 2, for each word.

    Args:
        concepts: from `add_concept`, of the same models; all have the placeholder that is in the prompts.
        x_0: latents of the pictures of each concept, equally many of each.
        optimizer: holds the vectors of the concepts and nothing else; a group each, where they have rates of their own.
        others: as for `learn_concept`.

    Raises:
        ValueError: as for `learn_concept`; or there is no concept, they do not share one U-Net, or x_0 does not have as
            many pictures for each.
    """
    if len(concepts) == 0 or any(concept.models.unet is not concepts[0].models.unet for concept in concepts):
        raise ValueError(f"concepts is {len(concepts)} words; give one at least, all added to the same models")
    if len(x_0) != len(concepts) or len({x.shape for x in x_0}) > 1:
        raise ValueError(f"x_0 has shapes {[tuple(x.shape) for x in x_0]}; give the same one for each concept")
    models = concepts[0].models
    check_latents(models.unet, x_0[0], batch)
    what = "concept.vectors" if len(concepts) == 1 else "vectors of the concepts"
    check_trains(optimizer, [concept.vectors for concept in concepts], what)
    x_0 = [x.detach().clone() for x in x_0]
    ids = [_prompt_ids(concept, prompts) for concept in concepts]

    def loss_at(generator: torch.Generator) -> Tensor:
        pictures = torch.randint(len(x_0[0]), (batch,), generator=generator)
        sentences = torch.randint(len(prompts), (batch,), generator=generator)
        text = torch.cat([_encode(concept, own[sentences]) for concept, own in zip(concepts, ids, strict=True)])
        t = stratified(batch, len(models.alphas_cumprod), generator)
        eps = draw_noise((batch, *x_0[0].shape[1:]), generator, device=models.device)
        x = torch.cat([own[pictures] for own in x_0])
        eps = eps.repeat(len(concepts), 1, 1, 1)
        level = levels_at(models.alphas_cumprod, t.repeat(len(concepts)), x.ndim)
        predicted = text_conditioned(models.unet, text)(add_noise(x, eps, level), level)
        wanted = target(x, eps, level, prediction=models.prediction)
        losses = (predicted - wanted).square().flatten(1).mean(1)
        return losses.unflatten(0, (len(concepts), batch)).mean(1).sum()

    inputs = [*x_0, *ids, *models.unet.parameters()]
    saving = {"checkpoint": checkpoint, "save_every": save_every}
    trained = train(loss_at, optimizer, steps=steps, generator=generator, inputs=inputs, **saving)

    def shown() -> Iterator[tuple[int, float]]:
        for item in trained:
            for concept in concepts:
                _write_rows(concept)
            yield item

    return shown()


def expand(concept: Concept, prompt: str) -> str:
    """The prompt with the placeholder written out as all its tokens. Doing it twice changes nothing.

    `encode_prompts`, and so everything that takes a prompt, does this itself.
    """
    return expand_words(concept.models.tokenizer, prompt)


def save_concept(path: str | Path, concept: Concept) -> None:
    """{placeholder: (n_vectors, width)} as safetensors. Diffusers: `pipeline.load_textual_inversion(path)`."""
    from safetensors.torch import save_file

    state = {concept.placeholder: concept.vectors.detach().cpu().contiguous()}
    write_whole(path, lambda temporary: save_file(state, temporary, {"format": "pt"}))


def load_concept(path: str | Path, models: StableDiffusion, *, placeholder: str | None = None) -> Concept:
    """A word from a file that `save_concept`, Diffusers' training script or A1111 wrote: .safetensors, .bin or .pt.

    Args:
        placeholder: the word to use in prompts; None: as the file calls it, see `read_concept`.

    Raises:
        ValueError: if the file cannot be read or does not hold one word, its vectors have another width than the text
            encoder, or the word has spaces or is in the vocabulary.
    """
    name, vectors = read_concept(path)
    width = models.text_encoder.get_input_embeddings().embedding_dim
    if vectors.ndim not in (1, 2) or vectors.shape[-1] != width or not len(vectors):
        raise ValueError(
            f"{path} holds {name!r} of shape {tuple(vectors.shape)}; it must be one word of shape (n, {width}) or "
            f"({width},): it was learned with another text encoder"
        )
    return concept_of(models, placeholder or name, vectors.float().reshape(-1, width))


@torch.no_grad()
def _write_rows(concept: Concept) -> None:
    table = concept.models.text_encoder.get_input_embeddings().weight
    table[concept.token_ids] = concept.vectors.to(table.dtype)


def _encode(concept: Concept, ids: Tensor) -> Tensor:
    """The text encoder's states with the vectors put in place of their rows, so that gradients reach them alone."""
    encoder = concept.models.text_encoder
    table = encoder.get_input_embeddings().weight
    name = next(name for name, parameter in encoder.named_parameters() if parameter is table)
    at = torch.tensor(concept.token_ids, device=table.device)
    swapped = table.detach().index_copy(0, at, concept.vectors.to(table.dtype))
    return functional_call(encoder, {name: swapped}, (ids,))[0]


def _prompt_ids(concept: Concept, prompts: Sequence[str]) -> Tensor:
    if isinstance(prompts, str) or not prompts:
        raise ValueError(f"prompts is {prompts!r}; it must be a list of strings, and not empty")
    tokenizer = concept.models.tokenizer
    written = [expand(concept, prompt) for prompt in prompts]
    length = tokenizer.model_max_length
    ids = tokenizer(written, padding="max_length", max_length=length, truncation=True, return_tensors="pt").input_ids
    for prompt, row in zip(prompts, ids.tolist(), strict=True):
        if not set(concept.token_ids) <= set(row):
            raise ValueError(
                f"prompt {prompt!r} lacks {concept.placeholder!r}, or is cut before it ends; every prompt must have it "
                f"within the first {length - 2} tokens"
            )
    return ids.to(concept.models.device)
