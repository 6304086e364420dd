"""Stage `vae`: AutoencoderKL, 64 x 64 x 3 -> 16 x 16 x 4, that keeps what the oracle looks for.

A first study's VAE turned yellow into orange and green into black while its PSNR looked fair. Hence the loss: things
count more than ground, colours are compared again over patches in colour-opponent space, and the frozen oracle's
activations must agree.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Generator, Tensor

from diffloop.transfer import carried
from tinyworld.budget import Budget
from tinyworld.checkpoint import load_checkpoint, load_ema
from tinyworld.oracle import HEADS, Oracle
from tinyworld.parallel import ranks
from tinyworld.pictures import save_grid
from tinyworld.stage_oracle import trained_oracle
from tinyworld.stage_world import World, to_float, to_uint8
from tinyworld.trainer import Losses, autocast, batch_indices, train

STEPS = 12_000
CHANNELS = (32, 64, 128)
# R, G, B -> brightness, blue minus yellow, red minus green
OPPONENT = ((0.30, 0.59, 0.11), (-0.5, -0.5, 1.0), (1.0, -1.0, 0.0))


def make_vae(channels: tuple[int, ...] = CHANNELS) -> AutoencoderKL:
    """A fresh VAE, a factor of 4 smaller each way, with 4 latent channels and no attention."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=channels,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=64,
    )


@lru_cache(maxsize=2)
def opponent(device: torch.device) -> Tensor:
    """OPPONENT as a tensor, (3, 3), made once for each device."""
    return torch.tensor(OPPONENT, device=device)


def vae_loss(vae: AutoencoderKL, oracle: Oracle, images: Tensor, labels: Tensor, generator: Generator) -> Losses:
    """Reconstruction, patch colour, edges, oracle activations, and a small pull of the latents to a unit Gaussian.

    Args:
        images: float (b, 3, 64, 64) in [-1, 1]; labels: int (b, 64, 64), above 0 on things.
    """
    posterior = vae.encode(images).latent_dist
    noise = carried(torch.randn(posterior.mean.shape, generator=generator), images.device)
    found = vae.decode(posterior.mean + posterior.std * noise).sample.float()
    off = found - images
    things = F.max_pool2d((labels > 0).float()[:, None], 5, 1, 2)  # two pixels beyond the edge as well
    weight = 1.0 + 3.0 * things
    pixel = (weight * (off.square() + 1e-4).sqrt()).mean() + 2.0 * (weight * off.square()).mean()
    edges = off.diff(dim=2).abs().mean() + off.diff(dim=3).abs().mean()
    with autocast(images.device, enabled=False):
        colour = torch.einsum("kc,bchw->bkhw", opponent(images.device), F.avg_pool2d(off * things, 2)).abs().mean()
    ours, theirs = oracle.trunk(found), oracle.trunk(images)
    features = sum((a - b).abs().mean() for a, b in zip(ours, theirs, strict=True)).float()
    mean, logvar = posterior.mean.float(), posterior.logvar.float()
    kl = 0.5 * (mean.square() + logvar.exp() - 1.0 - logvar).mean()
    loss = pixel + 0.5 * edges + 2.0 * colour + 0.15 * features + 3e-4 * kl
    return {"loss": loss, "pixel": pixel, "colour": colour, "features": features, "kl": kl}


def train_vae(
    world: World,
    runs: Path,
    budget: Budget,
    *,
    device: str = "cpu",
    batch: int = 12,
    channels: tuple[int, ...] = CHANNELS,
    seed: int = 0,
    extend: bool = True,
    compiled: bool = False,
) -> dict:
    """Train; resume if `runs`/vae has a checkpoint. Raises: see `trainer.train`; ValueError without an oracle."""
    torch.manual_seed(seed)
    vae, oracle = make_vae(channels).to(device), trained_oracle(runs, device=device)
    rank, n_ranks = ranks()

    def loss_at(step: int, generator: Generator) -> Losses:
        at = batch_indices(world.sizes["train"], batch, step, seed, rank, n_ranks)
        images, labels = (world.take("train", name, at, device) for name in ("images", "labels"))
        with autocast(device):
            return vae_loss(vae, oracle, to_float(images), labels, generator)

    def show(step: int) -> None:
        images = world.take("test", "images", slice(0, min(32, world.sizes["test"])))
        again = reconstruct(vae, images)
        pairs = torch.stack([images, again], 1).flatten(0, 1)
        save_grid(pairs, runs / "vae" / "samples" / f"{step:06}.png", 8)

    return train(
        "vae",
        {"vae": vae},
        loss_at,
        runs / "vae",
        budget,
        lr=1e-3,
        hyper={"channels": list(channels), "batch": batch},
        seed=seed,
        warmup=200,
        ema_decay=0.998,
        weight_decay=0.0,
        show=show,
        show_every=1000,
        extend=extend,
        compiled=compiled,
        data_hash=world.sha256,
    )


@torch.no_grad()
def reconstruct(vae: AutoencoderKL, images: Tensor, batch: int = 32) -> Tensor:
    """Pictures through the VAE and back (the mean of the latents), uint8 to uint8."""
    device = next(vae.parameters()).device
    parts = [vae.decode(vae.encode(to_float(x.to(device))).latent_dist.mean).sample for x in images.split(batch)]
    return torch.cat([to_uint8(p).cpu() for p in parts])


def trained_vae(runs: Path, *, device: str = "cpu") -> AutoencoderKL:
    """The VAE of a runs folder, frozen. Raises ValueError if its stage has not been run."""
    path = runs / "vae" / "checkpoint.pt"
    vae = make_vae(tuple(load_checkpoint(path, "vae")["hyper"]["channels"]))
    load_ema(path, "vae", {"vae": vae})
    return vae.to(device)


@torch.no_grad()
def measure_vae(runs: Path, world: World, *, device: str = "cpu", part: str = "test", limit: int = 768) -> dict:
    """PSNR in dB of the 8-bit pictures, and the share whose attributes the oracle still reads right."""
    vae, oracle = trained_vae(runs, device=device), trained_oracle(runs, device=device)
    at = slice(0, min(limit, world.sizes[part]))
    images, rows = world.take(part, "images", at), world.take(part, "rows", at)
    again = reconstruct(vae, images)
    return {"PSNR dB": psnr(images, again), **read_right(oracle, again, rows)}


def psnr(a: Tensor, b: Tensor) -> float:
    """Mean over pictures of 10 log10(255^2 / mean squared error), in dB, of uint8 pictures (n, 3, h, w)."""
    error = (a.float() - b.float()).square().flatten(1).mean(1).clamp(min=1e-3)
    return float((10.0 * torch.log10(255.0**2 / error)).mean())


@torch.no_grad()
def read_right(oracle: Oracle, images: Tensor, rows: Tensor) -> dict[str, float]:
    """Share of uint8 pictures in which the oracle reads every attribute of `rows`, and colour by colour."""
    device = next(oracle.parameters()).device
    logits = [oracle(to_float(x.to(device)))[0] for x in images.split(128)]
    seen = torch.stack([torch.cat([part[name].argmax(1).cpu() for part in logits]) for name in HEADS], 1)
    good = (seen == rows) | (rows < 0)
    colour = good[:, [3, 6]].all(1)
    return {"all right": float(good.all(1).float().mean()), "colours right": float(colour.float().mean())}
