"""Stage `clip`: a CLIP of the world, contrastive with hard negatives, captions that differ in one attribute.

Two departures from CLIP. A caption that is true of another picture of the batch is not a negative for it (in so small a
world that is common). In training, linear heads on both towers also name the attributes: contrast alone takes long to
find colours.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from diffloop.transfer import carried
from tinyworld.budget import Budget
from tinyworld.captions import caption, parse, random_caption
from tinyworld.checkpoint import load_checkpoint, load_ema
from tinyworld.oracle import HEADS
from tinyworld.parallel import ranks
from tinyworld.scene import COLOURS, GROUNDS, SHAPES, SIZES, Scene, decode, edit
from tinyworld.stage_world import World, to_float
from tinyworld.tokenizer import LENGTH, make_tokenizer
from tinyworld.trainer import Losses, autocast, batch_indices, train

STEPS = 6000
WIDTH = 128
HARD = 3  # hard negatives for each picture


def make_clip(tokenizer: CLIPTokenizer, width: int = WIDTH) -> CLIPModel:
    """A fresh CLIP: text `width` x 3 layers, vision transformer of patch 8, `width` x 4 layers."""
    common = {"hidden_size": width, "intermediate_size": 4 * width, "num_attention_heads": 4, "projection_dim": width}
    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    text = {**common, **special, "num_hidden_layers": 3, "vocab_size": len(tokenizer)}
    text["max_position_embeddings"] = LENGTH
    vision = {**common, "num_hidden_layers": 4, "image_size": 64, "patch_size": 8}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=width))


def tokenize(tokenizer: CLIPTokenizer, texts: list[str], *, full: bool = True) -> Tensor:
    """Token ids (n, 32), or as long as the longest if not `full`. A longer text is cut."""
    padding = "max_length" if full else "longest"
    return tokenizer(texts, padding=padding, max_length=LENGTH, truncation=True, return_tensors="pt").input_ids


def hard_negatives(scene: Scene, rng: Random, k: int = HARD) -> list[Scene]:
    """k scenes that differ from this one in one attribute, or, if it has two things, in which is left."""
    out = []
    while len(out) < k:
        what = rng.choice(("shape", "colour", "colour", "size", "ground", "swap"))
        if what == "swap":
            if len(scene.things) == 2:
                out.append(replace(scene, things=scene.things[::-1]))
            continue
        legal = {"shape": SHAPES, "colour": COLOURS, "size": SIZES, "ground": GROUNDS}[what]
        out.append(edit(scene, what, rng.choice(legal), index=rng.randrange(len(scene.things))))
    return out


@lru_cache(maxsize=100_000)
def said(text: str) -> tuple[int, ...]:
    """`scene.encode` of what a caption says, -2 for what it leaves unsaid."""
    words = parse(text)
    row = [len(words.things), -2 if words.ground is None else GROUNDS.index(words.ground)]
    for shape, colour, size in words.things:
        row += [SHAPES.index(shape), -2 if colour is None else COLOURS.index(colour)]
        row += [-2 if size is None else SIZES.index(size)]
    return (*row, *[-1] * (8 - len(row)))


def true_of(rows: Tensor, captions: Tensor) -> Tensor:
    """Is caption j true of picture i? rows int (n, 8), captions int (m, 8) from `said` -> bool (n, m)."""
    return ((rows[:, None] == captions[None]) | (captions[None] == -2)).all(2)


class Towers(nn.Module):
    """CLIP and, for training only, linear heads that name attributes from either tower's pooled state."""

    def __init__(self, clip: CLIPModel, width: int) -> None:
        super().__init__()
        self.clip = clip
        self.image_heads = nn.Linear(width, sum(HEADS.values()))
        self.text_heads = nn.Linear(width, sum(HEADS.values()))


def clip_loss(towers: Towers, images: Tensor, rows: Tensor, ids: Tensor, captions: Tensor) -> Losses:
    """Contrast of b pictures with captions (b of their own first, then the negatives), plus the attribute heads.

    Args:
        rows: (b, 8), the truth; ids: (m, tokens); captions: (m, 8), what each caption says.
    """
    b, clip = len(images), towers.clip
    vision, text = clip.vision_model(images).pooler_output, clip.text_model(ids).pooler_output
    image_states = F.normalize(clip.visual_projection(vision).float(), dim=1)
    text_states = F.normalize(clip.text_projection(text).float(), dim=1)
    logits = clip.logit_scale.exp().clamp(max=100.0) * image_states @ text_states.T
    own = torch.zeros_like(logits, dtype=torch.bool)
    own[:, :b] = torch.eye(b, dtype=torch.bool, device=logits.device)
    logits = logits.masked_fill(true_of(rows, captions) & ~own, float("-inf"))
    target = torch.arange(b, device=logits.device)
    contrast = 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits[:, :b].T, target))
    named = _name(towers.image_heads(vision), rows) + _name(towers.text_heads(text[:b]), captions[:b])
    return {"loss": contrast + 0.2 * named, "contrast": contrast, "named": named}


def _name(logits: Tensor, rows: Tensor) -> Tensor:
    """Cross-entropy over the heads, each over the rows that have it; a head that no row has adds nothing."""
    parts, total = logits.float().split(list(HEADS.values()), dim=1), logits.new_zeros((), dtype=torch.float32)
    for k, part in enumerate(parts):
        missed = F.cross_entropy(part, rows[:, k].clamp(min=-1), ignore_index=-1, reduction="sum")
        total = total + missed / (rows[:, k] >= 0).sum().clamp(min=1)
    return total


def train_clip(
    world: World,
    runs: Path,
    budget: Budget,
    *,
    device: str = "cpu",
    batch: int = 96,
    width: int = WIDTH,
    seed: int = 0,
    extend: bool = True,
    compiled: bool = False,
) -> dict:
    """Train; resume if `runs`/clip has a checkpoint. Raises: see `trainer.train`."""
    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    towers = Towers(make_clip(tokenizer, width), width).to(device)
    rank, n_ranks = ranks()

    def loss_at(step: int, generator: Generator) -> Losses:
        at = batch_indices(world.sizes["train"], batch, step, seed, rank, n_ranks)
        images, rows = world.images("train", at, device), world.take("train", "rows", at)
        rng = Random(int(torch.randint(2**31, (1,), generator=generator)))
        scenes = [decode(row) for row in rows.tolist()]
        texts = [random_caption(scene, rng) for scene in scenes]
        texts += [random_caption(negative, rng) for scene in scenes for negative in hard_negatives(scene, rng)]
        captions = torch.tensor([said(text) for text in texts])
        ids = tokenize(tokenizer, texts, full=False)
        rows, ids, captions = (carried(values, device) for values in (rows, ids, captions))
        with autocast(device):
            return clip_loss(towers, images, rows, ids, captions)

    return train(
        "clip",
        {"towers": towers},
        loss_at,
        runs / "clip",
        budget,
        lr=1e-3,
        hyper={"width": width, "batch": batch},
        seed=seed,
        warmup=200,
        ema_decay=0.998,
        weight_decay=0.05,
        extend=extend,
        compiled=compiled,
        data_hash=world.sha256,
    )


def trained_clip(runs: Path, *, device: str = "cpu") -> CLIPModel:
    """The CLIP of a runs folder, frozen. Raises ValueError if its stage has not been run."""
    path = runs / "clip" / "checkpoint.pt"
    width = load_checkpoint(path, "clip")["hyper"]["width"]
    towers = Towers(make_clip(make_tokenizer(), width), width)
    load_ema(path, "clip", {"towers": towers})
    return towers.clip.to(device)


@torch.no_grad()
def top1(clip: CLIPModel, tokenizer: CLIPTokenizer, images: Tensor, captions: list[str], group: int = 64) -> Tensor:
    """For each uint8 picture (n, 3, 64, 64): is its own caption, or an equal one, first among the `group` captions of
    its group? float (n,); the last group may be smaller."""
    device, right = next(clip.parameters()).device, []
    for start in range(0, len(images), group):
        texts = captions[start : start + group]
        states = clip.vision_model(to_float(images[start : start + group].to(device))).pooler_output
        seen = F.normalize(clip.visual_projection(states), dim=1)
        words = clip.text_model(tokenize(tokenizer, texts).to(device)).pooler_output
        meant = F.normalize(clip.text_projection(words), dim=1)
        best = (seen @ meant.T).argmax(1).tolist()
        right += [float(texts[j] == texts[i]) for i, j in enumerate(best)]
    return torch.tensor(right)


def measure_clip(runs: Path, world: World, *, device: str = "cpu", part: str = "test") -> dict[str, float]:
    """Right caption among 64, over the pictures of a part never trained on."""
    rows = world.take(part, "rows", slice(None))
    texts = [caption(decode(row)) for row in rows.tolist()]
    found = top1(trained_clip(runs, device=device), make_tokenizer(), world.take(part, "images", slice(None)), texts)
    return {"top-1 of 64": float(found.mean())}
