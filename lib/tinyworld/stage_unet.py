"""Stages `unet` and `joint`: the denoiser of the VAE's latents, with cross-attention to the captions.

`unet` trains the U-Net against CLIP's frozen text encoder. `joint` continues with both: in so small a model, the text
encoder learns from pictures what contrast alone did not teach it (what is left, which colour belongs to which shape).
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from random import Random

import torch
from diffusers import UNet2DConditionModel
from torch import Generator, Tensor, nn
from transformers import CLIPTextModel

from diffloop.levels import Level
from diffloop.parameterization import add_noise
from diffloop.schedules import alphas_cumprod_from_betas, scaled_linear_betas
from diffloop.transfer import carried
from tinyworld.budget import Budget
from tinyworld.captions import caption, random_caption
from tinyworld.checkpoint import load_checkpoint, load_ema, write_atomic
from tinyworld.oracle import score
from tinyworld.parallel import ranks
from tinyworld.pictures import save_grid
from tinyworld.sampling import Parts, generate
from tinyworld.scene import decode
from tinyworld.stage_clip import tokenize, trained_clip
from tinyworld.stage_oracle import trained_oracle
from tinyworld.stage_vae import trained_vae
from tinyworld.stage_world import World
from tinyworld.tokenizer import make_tokenizer
from tinyworld.trainer import Losses, autocast, batch_indices, train

STEPS, JOINT_STEPS = 20_000, 10_000
CHANNELS = (64, 160)
CAPTION_DROPOUT = 0.1
GAMMA = 5.0  # of min-SNR-gamma weighting


def make_unet(channels: tuple[int, ...] = CHANNELS, text_width: int = 128) -> UNet2DConditionModel:
    """A fresh U-Net for 16 x 16 x 4 latents, cross-attention at 16 x 16 and at 8 x 8."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D",) * len(channels),
        up_block_types=("CrossAttnUpBlock2D",) * len(channels),
        block_out_channels=channels,
        layers_per_block=1,
        cross_attention_dim=text_width,
        attention_head_dim=4,  # Diffusers means the number of heads
        norm_num_groups=16,
    )


def denoising_loss(
    unet: nn.Module, x_0: Tensor, states: Tensor, alphas_cumprod: Tensor, generator: Generator
) -> Losses:
    """Error of predicted noise, weighted by min(SNR, gamma) / SNR.

    Source: ho2020ddpm, Eq. 14; the weight is Hang et al. (2023), "Efficient diffusion training via min-SNR weighting
    strategy", Sec. 3.4. Timesteps are stratified: one in each of b equal parts of the range, which lowers the
    variance of the mean.
    """
    b, T = len(x_0), len(alphas_cumprod)
    t = ((torch.arange(b) + torch.rand(b, generator=generator)) / b * T).long().clamp(max=T - 1)
    t = carried(t[torch.randperm(b, generator=generator)], x_0.device)
    eps = carried(torch.randn(x_0.shape, generator=generator), x_0.device)
    bars = alphas_cumprod[t].reshape(-1, 1, 1, 1)  # float32, roots too: as the committed weights were trained
    x_t = add_noise(x_0, eps, Level(bars.sqrt(), (1 - bars).sqrt(), t))
    error = (unet(x_t, t, states).sample.float() - eps).square().mean((1, 2, 3))
    snr = alphas_cumprod[t] / (1 - alphas_cumprod[t])
    return {"loss": (error * snr.clamp(max=GAMMA) / snr).mean(), "eps": error.mean()}


def train_unet(
    world: World,
    runs: Path,
    budget: Budget,
    *,
    joint: bool = False,
    device: str = "cpu",
    batch: int = 48,
    channels: tuple[int, ...] = CHANNELS,
    seed: int = 0,
    samples: int = 32,
    extend: bool = True,
    compiled: bool = False,
) -> dict:
    """Train; resume if the stage has a checkpoint. joint: start from stage `unet`, and train the text encoder too.
    samples: pictures drawn in training.

    Raises: see `trainer.train`; ValueError if an earlier stage is missing.
    """
    stage = "joint" if joint else "unet"
    torch.manual_seed(seed)
    latents, scaling = training_latents(world, runs, device=device)
    latents = latents.to(device)
    tokenizer, text = make_tokenizer(), trained_clip(runs, device=device).text_model
    unet = make_unet(channels, text.config.hidden_size)
    if joint:
        channels = tuple(load_checkpoint(runs / "unet" / "checkpoint.pt", "unet")["hyper"]["channels"])
        unet = make_unet(channels, text.config.hidden_size)
        load_ema(runs / "unet" / "checkpoint.pt", "unet", {"unet": unet})
        unet.requires_grad_(True).train()
        text.requires_grad_(True).train()
        text.embeddings.position_embedding.requires_grad_(True)
    unet = unet.to(device)
    alphas_cumprod = alphas_cumprod_from_betas(scaled_linear_betas()).float().to(device)
    rows = torch.from_numpy(world.raw("train", "rows").astype("int64"))
    rank, n_ranks = ranks()

    def loss_at(step: int, generator: Generator) -> Losses:
        at = batch_indices(len(latents), batch, step, seed, rank, n_ranks)
        rng = Random(int(torch.randint(2**31, (1,), generator=generator)))
        texts = [random_caption(decode(row), rng) for row in rows[at].tolist()]
        texts = ["" if rng.random() < CAPTION_DROPOUT else words for words in texts]
        ids = carried(tokenize(tokenizer, texts), device)
        x_0 = latents[carried(at, device)].float() * scaling
        with autocast(device):
            with torch.set_grad_enabled(joint):
                states = text(ids).last_hidden_state
            return denoising_loss(unet, x_0, states, alphas_cumprod, generator)

    parts = Parts(tokenizer, text, trained_vae(runs, device=device), unet, scaling)
    modules = {"unet": unet, "text": text} if joint else {"unet": unet}
    return train(
        stage,
        modules,
        loss_at,
        runs / stage,
        budget,
        lr={"unet": 6e-4, "text": 3e-4} if joint else 1e-3,
        hyper={"channels": list(channels), "batch": batch},
        seed=seed + (1 if joint else 0),
        warmup=200,
        ema_decay=0.999,
        show=lambda step: _show(parts, world, runs / stage / "samples" / f"{step:06}.png", samples),
        show_every=500,
        extend=extend,
        compiled=compiled,
        data_hash=world.sha256,
    )


def _show(parts: Parts, world: World, path: Path, n: int) -> None:
    rows = world.take("test", "rows", slice(0, min(n, world.sizes["test"])))
    texts = [caption(decode(row)) for row in rows.tolist()]
    save_grid(generate(parts, texts, steps=15), path, 8)


@torch.no_grad()
def training_latents(world: World, runs: Path, *, device: str = "cpu", batch: int = 64) -> tuple[Tensor, float]:
    """Latents of all training pictures (the posterior's mean), half precision (n, 4, 16, 16) on the CPU, and the
    scaling factor 1 / std. Computed once for each VAE and kept in runs/latents.pt.

    Raises:
        ValueError: if there is no trained VAE.
    """
    vae, path = trained_vae(runs, device=device), runs / "latents.pt"
    weights = b"".join(v.cpu().numpy().tobytes() for v in vae.state_dict().values())
    key = hashlib.sha256(weights + world.sha256.encode()).hexdigest()
    if path.exists():
        try:
            kept = torch.load(path, weights_only=True)
            if kept["key"] == key:
                return kept["latents"], kept["scaling_factor"]
        except (RuntimeError, KeyError, EOFError):
            pass  # unreadable: computed again
    print("latents: encoding the training pictures with the current VAE", file=sys.stderr)
    parts = []
    for start in range(0, world.sizes["train"], batch):
        with autocast(device, enabled=False):
            images = world.images("train", slice(start, start + batch), device)
            parts.append(vae.encode(images).latent_dist.mean.half().cpu())
    latents = torch.cat(parts)
    scaling = 1.0 / float(latents.float().std())
    content = {"key": key, "latents": latents, "scaling_factor": scaling}
    write_atomic(path, lambda temporary: torch.save(content, temporary))
    return latents, scaling


def trained_parts(runs: Path, *, device: str = "cpu", stage: str | None = None) -> Parts:
    """The trained parts of a runs folder. stage: "unet", "joint", or None for the last one that was run.

    Raises:
        ValueError: if a stage is missing.
    """
    stage = stage or ("joint" if (runs / "joint" / "checkpoint.pt").exists() else "unet")
    path = runs / stage / "checkpoint.pt"
    text: CLIPTextModel = trained_clip(runs, device=device).text_model
    state = load_checkpoint(path, stage)
    unet = make_unet(tuple(state["hyper"]["channels"]), text.config.hidden_size).to(device)
    load_ema(path, stage, {"unet": unet, **({"text": text} if stage == "joint" else {})})
    _, scaling = training_latents(World(runs / "world"), runs, device=device)
    return Parts(make_tokenizer(), text, trained_vae(runs, device=device), unet, scaling)


def measure_unet(runs: Path, world: World, stage: str, *, device: str = "cpu", n: int = 48) -> dict[str, float]:
    """Share of pictures with all attributes right at guidance 4, for n captions never trained on, of one and of two."""
    parts, oracle = trained_parts(runs, device=device, stage=stage), trained_oracle(runs, device=device)
    rows, out = world.take("test", "rows", slice(None)), {}
    for count, name in ((1, "one object"), (2, "two objects")):
        texts = [caption(decode(row)) for row in rows[rows[:, 0] == count][:n].tolist()]
        if texts:
            out[name] = score(generate(parts, texts, steps=20), texts, oracle).by["all"][0]
    return out
