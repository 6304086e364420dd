"""Batches that the stages on top of the trained U-Net share: latents of training pictures, with captions encoded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import torch
from torch import Generator, Tensor

from diffloop.transfer import carried
from tinyworld.captions import random_caption
from tinyworld.parallel import ranks
from tinyworld.sampling import Parts
from tinyworld.scene import Scene, decode
from tinyworld.stage_clip import tokenize
from tinyworld.stage_world import World
from tinyworld.trainer import batch_indices

Describe = Callable[[Scene, Random], str]


def captions_at(
    rows: Tensor, generator: Generator, *, dropout: float = 0.0, describe: Describe = random_caption
) -> list[str]:
    """One random caption for each scene. rows: int (b, 8). dropout: the share of empty captions."""
    rng = Random(int(torch.randint(2**31, (1,), generator=generator)))
    texts = [describe(decode(row), rng) for row in rows.tolist()]
    return ["" if rng.random() < dropout else words for words in texts] if dropout else texts


def captioned(
    world: World,
    parts: Parts,
    *,
    batch: int,
    seed: int,
    dropout: float = 0.0,
    describe: Describe = random_caption,
) -> Callable[[int, Generator], tuple[Tensor, Tensor]]:
    """(step, generator) -> (indices into the training part, int64 (batch,); text states (batch, 32, width))."""
    rows = torch.from_numpy(world.raw("train", "rows").astype("int64"))
    rank, n_ranks = ranks()
    device = parts.text_encoder.device

    @torch.no_grad()
    def draw(step: int, generator: Generator) -> tuple[Tensor, Tensor]:
        at = batch_indices(len(rows), batch, step, seed, rank, n_ranks)
        ids = tokenize(parts.tokenizer, captions_at(rows[at], generator, dropout=dropout, describe=describe))
        return at, parts.text_encoder(carried(ids, device)).last_hidden_state

    return draw


def pictures_of(runs: Path, stage: str, step: int) -> Path:
    """Where a stage puts the pictures that it draws in training."""
    return runs / stage / "samples" / f"{step:06}.png"
