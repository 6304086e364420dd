"""Stage `oracle`: train the classifier and mask head on renders, roughened to prepare for generated pictures."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from diffloop.transfer import carried
from tinyworld.budget import Budget
from tinyworld.checkpoint import load_ema
from tinyworld.oracle import HEADS, Oracle
from tinyworld.parallel import ranks
from tinyworld.stage_world import World, to_float
from tinyworld.trainer import Losses, autocast, batch_indices, train

STEPS = 1500


def roughen(images: Tensor, generator: Generator) -> Tensor:
    """Pictures in [-1, 1] with random blur, brightness, tint and noise, as a VAE or a sampler might leave them."""
    n = len(images)

    def draw(*shape: int) -> Tensor:
        return carried(torch.rand(n, *shape, 1, 1, generator=generator), images.device)

    small = F.interpolate(F.avg_pool2d(images, 2), scale_factor=2, mode="bilinear", align_corners=False)
    images = torch.lerp(images, small, 0.9 * draw(1) * (draw(1) < 0.5))
    images = images * (0.92 + 0.16 * draw(1)) + 0.1 * (draw(3) - 0.5)
    noise = carried(torch.randn(images.shape, generator=generator), images.device)
    return images + noise * 0.25 * draw(1) * draw(1)


def oracle_loss(oracle: Oracle, images: Tensor, rows: Tensor, labels: Tensor) -> Losses:
    """Cross-entropy over all heads (-1 in rows: no such thing, not counted), and over mask pixels."""
    logits, _, masks = oracle(images)
    heads = sum(
        F.cross_entropy(logits[name].float(), rows[:, k], ignore_index=-1, label_smoothing=0.02)
        for k, name in enumerate(HEADS)
    )
    mask = F.cross_entropy(masks.float(), labels)
    return {"loss": heads + 4.0 * mask, "heads": heads, "mask": mask}


def train_oracle(
    world: World,
    folder: Path,
    budget: Budget,
    *,
    device: str = "cpu",
    batch: int = 96,
    width: int = 32,
    seed: int = 0,
    extend: bool = True,
    compiled: bool = False,
) -> dict:
    """Train; resume if `folder` has a checkpoint. Raises: see `trainer.train`."""
    torch.manual_seed(seed)
    oracle = Oracle(width).to(device)
    rank, n_ranks = ranks()
    extra = max(1, batch // 12)  # pictures with no thing or three

    def loss_at(step: int, generator: Generator) -> Losses:
        at = batch_indices(world.sizes["train"], batch - extra, step, seed, rank, n_ranks)
        also = batch_indices(world.sizes["extra"], extra, step, seed, rank, n_ranks)
        images, rows, labels = (
            torch.cat([world.take("train", name, at, device), world.take("extra", name, also, device)])
            for name in ("images", "rows", "labels")
        )
        images = roughen(to_float(images), generator)
        with autocast(device):
            return oracle_loss(oracle, images, rows, labels)

    return train(
        "oracle", {"oracle": oracle}, loss_at, folder, budget, lr=2e-3, hyper={"width": width, "batch": batch},
        seed=seed, warmup=50, ema_decay=0.995, data_hash=world.sha256, extend=extend, compiled=compiled,
    )  # fmt: skip


def trained_oracle(runs: Path, *, device: str = "cpu") -> Oracle:
    """The oracle of a runs folder, frozen. Raises ValueError if its stage has not been run."""
    from tinyworld.checkpoint import load_checkpoint

    path = runs / "oracle" / "checkpoint.pt"
    oracle = Oracle(load_checkpoint(path, "oracle")["hyper"]["width"]).to(device)
    load_ema(path, "oracle", {"oracle": oracle})
    return oracle


@torch.no_grad()
def measure_oracle(oracle: Oracle, world: World, *, part: str = "test", batch: int = 128) -> dict[str, float]:
    """Accuracy on unseen renders: all attributes right for one thing and for two; mask IoU over the two parts."""
    device, right, ious = next(oracle.parameters()).device, {1: [], 2: []}, []
    for start in range(0, world.sizes[part], batch):
        at = slice(start, start + batch)
        rows, labels = world.take(part, "rows", at), world.take(part, "labels", at)
        logits, _, masks = oracle(world.images(part, at, device))
        seen = torch.stack([logits[name].argmax(1).cpu() for name in HEADS], 1)
        good = ((seen == rows) | (rows < 0)).all(1)
        for count in right:
            right[count].append(good[rows[:, 0] == count].float())
        masks = masks.argmax(1).cpu()
        for k in (1, 2):
            union = ((masks == k) | (labels == k)).flatten(1).sum(1)
            both = ((masks == k) & (labels == k)).flatten(1).sum(1)
            ious.append((both / union.clamp(min=1))[union > 0])
    return {
        "one object": float(torch.cat(right[1]).mean()),
        "two objects": float(torch.cat(right[2]).mean()),
        "mask IoU": float(torch.cat(ious).mean()),
    }
