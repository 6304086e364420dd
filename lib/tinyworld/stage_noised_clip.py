"""Stage `noised-clip`: CLIP's image half retrained on noised latents, against the frozen text half.

Source: nichol2022glide, Sec. 2.4 and 4.4. Departures: latents instead of pixels, as the tiny model works on them; only
the image half is trained, from the clean one's transformer.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator
from transformers import CLIPVisionModelWithProjection

from diffloop.glide import noised_clip_loss
from diffloop.levels import vp_level
from diffloop.parameterization import add_noise
from diffloop.schedules import alphas_cumprod_from_betas, scaled_linear_betas
from diffloop.transfer import carried
from tinyworld.budget import Budget
from tinyworld.captions import caption
from tinyworld.checkpoint import load_ema
from tinyworld.noised_clip import encode_noised, make_noised_clip
from tinyworld.scene import decode
from tinyworld.stage_clip import tokenize, trained_clip
from tinyworld.stage_unet import training_latents
from tinyworld.stage_vae import trained_vae
from tinyworld.stage_world import World, to_float
from tinyworld.tokenizer import make_tokenizer
from tinyworld.trainer import Losses, autocast, batch_indices, train

STEPS = 2500
LEVELS = (0, 200, 400, 600, 800)  # timesteps at which it is measured


def train_noised_clip(
    world: World,
    runs: Path,
    budget: Budget,
    *,
    device: str = "cpu",
    batch: int = 96,
    seed: int = 0,
    extend: bool = True,
    compiled: bool = False,
) -> dict:
    """Train; resume if the stage has a checkpoint. Raises: see `trainer.train`."""
    torch.manual_seed(seed)
    latents, scaling = training_latents(world, runs, device=device)
    latents = latents.to(device)
    clip, tokenizer = trained_clip(runs, device=device), make_tokenizer()
    encoder = _fresh(clip).to(device).train()
    rows = torch.from_numpy(world.raw("train", "rows").astype("int64"))
    bars = alphas_cumprod_from_betas(scaled_linear_betas())
    scale = float(clip.logit_scale.exp().clamp(max=100.0))

    def loss_at(step: int, generator: Generator) -> Losses:
        at = batch_indices(len(latents), batch, step, seed)
        ids = tokenize(tokenizer, [caption(decode(row)) for row in rows[at].tolist()], full=False)
        x_0 = latents[carried(at, device)].float() * scaling
        with autocast(device):
            with torch.no_grad():
                text = clip.text_projection(clip.text_model(carried(ids, device)).pooler_output).float()
            loss = noised_clip_loss(
                lambda x, t: encode_noised(encoder, x, t).float(), x_0, text, bars, generator, logit_scale=scale
            )
        return {"loss": loss}

    return train(
        "noised-clip",
        {"encoder": encoder},
        loss_at,
        runs / "noised-clip",
        budget,
        lr=1e-3,
        hyper={"batch": batch},
        seed=seed,
        warmup=100,
        ema_decay=0.995,
        weight_decay=0.05,
        extend=extend,
        compiled=compiled,
        data_hash=world.sha256,
    )


def _fresh(clip) -> CLIPVisionModelWithProjection:
    """An encoder whose transformer is the clean CLIP's; patches and positions are new."""
    config = clip.config.vision_config
    encoder = make_noised_clip(config.hidden_size, config.num_hidden_layers)
    state = {f"vision_model.{k}": v for k, v in clip.vision_model.state_dict().items() if "embeddings" not in k}
    state["visual_projection.weight"] = clip.visual_projection.weight
    encoder.load_state_dict(state, strict=False)
    return encoder


def trained_noised_clip(runs: Path, *, device: str = "cpu") -> CLIPVisionModelWithProjection:
    """The encoder of a runs folder, frozen. Raises ValueError if its stage has not been run."""
    encoder = _fresh(trained_clip(runs))
    load_ema(runs / "noised-clip" / "checkpoint.pt", "noised-clip", {"encoder": encoder})
    return encoder.to(device)


@torch.no_grad()
def measure_noised_clip(
    runs: Path, world: World, *, device: str = "cpu", n: int = 512, group: int = 64
) -> dict[str, float]:
    """Right caption among 64, over test pictures, at several noise levels."""
    encoder, clip = trained_noised_clip(runs, device=device), trained_clip(runs, device=device)
    vae, (_, scaling) = trained_vae(runs, device=device), training_latents(world, runs, device=device)
    at = slice(0, min(n, world.sizes["test"]))
    texts = [caption(decode(row)) for row in world.take("test", "rows", at).tolist()]
    x_0 = vae.encode(to_float(world.take("test", "images", at)).to(device)).latent_dist.mean * scaling
    ids = tokenize(make_tokenizer(), texts).to(device)
    words = F.normalize(clip.text_projection(clip.text_model(ids).pooler_output), dim=1)
    bars, out = alphas_cumprod_from_betas(scaled_linear_betas()), {}
    for t in LEVELS:
        eps = torch.randn(x_0.shape, generator=Generator().manual_seed(t)).to(device)
        x_t = add_noise(x_0, eps, vp_level(bars[t].item(), t))
        seen = encode_noised(encoder, x_t, torch.full((len(x_t),), t, device=device))
        right = 0
        for start in range(0, len(texts), group):
            best = (seen[start : start + group] @ words[start : start + group].T).argmax(1).tolist()
            right += sum(texts[start + j] == texts[start + i] for i, j in enumerate(best))
        out[f"top-1 of {group} at t = {t}"] = right / len(texts)
    return out
