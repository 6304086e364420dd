"""Stage `inpaint`: the U-Net fine-tuned to fill holes; it also sees the mask and the latents of the picture without it.

Source: nichol2022glide, Sec. 2.5 (fine-tuned on random holes, the new input channels starting at zero). Departure: five
new channels, in Stable Diffusion's order (x_t, mask, latents of the masked picture), where GLIDE adds four to its
pixels.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Generator, Tensor, nn
from torch.nn.functional import interpolate

from diffloop.inpainting import inpaint
from diffloop.schedules import alphas_cumprod_from_betas, scaled_linear_betas
from diffloop.stable_diffusion import StableDiffusion
from diffloop.transfer import carried
from tinyworld.batches import captioned, pictures_of
from tinyworld.budget import Budget
from tinyworld.captions import caption
from tinyworld.checkpoint import load_ema
from tinyworld.oracle import score
from tinyworld.pictures import save_grid
from tinyworld.sampling import Parts
from tinyworld.scene import COLOURS, Scene, decode, edit
from tinyworld.stage_oracle import trained_oracle
from tinyworld.stage_unet import CAPTION_DROPOUT, denoising_loss, trained_parts, training_latents
from tinyworld.stage_world import World, to_float, to_uint8
from tinyworld.trainer import Losses, autocast, train

STEPS = 600


def with_channels(unet: UNet2DConditionModel, inputs: int, outputs: int | None = None) -> UNet2DConditionModel:
    """A trainable copy of a U-Net with other channels: new input channels start at zero. Where the outputs differ, both
    ends start from scratch, as the old inputs then mean something else."""
    config = {name: value for name, value in unet.config.items() if not name.startswith("_")}
    outputs = outputs or unet.config.out_channels
    copy = UNet2DConditionModel.from_config(config | {"in_channels": inputs, "out_channels": outputs})
    state = {k: v for k, v in unet.state_dict().items() if outputs == unet.config.out_channels or "conv_out" not in k}
    if outputs == unet.config.out_channels:
        old = state["conv_in.weight"]
        state["conv_in.weight"] = torch.cat([old, old.new_zeros(len(old), inputs - old.shape[1], *old.shape[2:])], 1)
    else:
        del state["conv_in.weight"]
    copy.load_state_dict(state, strict=False)
    return copy.to(next(unet.parameters()).device).requires_grad_(True).train()


def random_masks(labels: Tensor, generator: Generator) -> Tensor:
    """Holes to fill, float (b, 1, 64, 64), 1 inside: a box, an ellipse, a thing with a margin, or all, at random.

    labels: (b, 64, 64), which thing each pixel shows, 0 for none.
    """
    device, labels = labels.device, labels.cpu()  # random numbers are drawn on the CPU
    b, side = len(labels), labels.shape[-1]
    grid = (torch.arange(side) + 0.5) / side
    y, x = grid[None, :, None], grid[None, None, :]
    centre, half = torch.rand(b, 2, 1, 1, generator=generator), 0.12 + 0.3 * torch.rand(b, 2, 1, 1, generator=generator)
    dy, dx = (y - centre[:, 0]).abs() / half[:, 0], (x - centre[:, 1]).abs() / half[:, 1]
    box, ellipse = torch.maximum(dy, dx) < 1, dy.square() + dx.square() < 1
    thing = (labels == 1 + torch.randint(2, (b, 1, 1), generator=generator)).float()
    margin = int(2 * torch.randint(1, 6, (), generator=generator) + 1)
    thing = nn.functional.max_pool2d(thing[:, None], margin, 1, margin // 2)[:, 0] > 0
    thing = torch.where(thing.flatten(1).any(1)[:, None, None], thing, box)
    kinds = torch.stack([box, ellipse, thing, torch.ones_like(box)])
    which = torch.tensor([0.35, 0.15, 0.4, 0.1]).multinomial(b, replacement=True, generator=generator)
    return kinds[which, torch.arange(b)].float()[:, None].to(device)


def train_inpaint(
    world: World,
    runs: Path,
    budget: Budget,
    *,
    device: str = "cpu",
    batch: int = 32,
    seed: int = 0,
    samples: int = 16,
    extend: bool = True,
    compiled: bool = False,
) -> dict:
    """Fine-tune; resume if the stage has a checkpoint. Raises: see `trainer.train`."""
    torch.manual_seed(seed)
    parts = trained_parts(runs, device=device)
    latents, scaling = training_latents(world, runs, device=device)
    latents = latents.to(device)
    unet = with_channels(parts.unet, 9)
    draw = captioned(world, parts, batch=batch, seed=seed, dropout=CAPTION_DROPOUT)
    bars = alphas_cumprod_from_betas(scaled_linear_betas()).float().to(device)

    def loss_at(step: int, generator: Generator) -> Losses:
        at, states = draw(step, generator)
        masks = carried(random_masks(world.take("train", "labels", at), generator), device)
        x_0 = latents[carried(at, device)].float() * scaling
        with autocast(device):
            with torch.no_grad():
                seen = parts.vae.encode(world.images("train", at, device) * (1 - masks)).latent_dist.mean * scaling
            extra = torch.cat([interpolate(masks, size=x_0.shape[2:]), seen.float()], 1)
            return denoising_loss(_beside(unet, extra), x_0, states, bars, generator)

    return train(
        "inpaint",
        {"unet": unet},
        loss_at,
        runs / "inpaint",
        budget,
        lr=3e-4,
        hyper={"batch": batch},
        seed=seed,
        warmup=50,
        ema_decay=0.995,
        show=lambda step: save_grid(
            filled(parts, unet, world, samples)[0], pictures_of(runs, "inpaint", step), max(1, samples // 2)
        ),
        extend=extend,
        compiled=compiled,
        data_hash=world.sha256,
    )


def _beside(unet: nn.Module, extra: Tensor):
    return lambda x_t, t, states: unet(torch.cat([x_t, extra.to(x_t)], 1), t, states)


def base_models(parts: Parts, unet: UNet2DConditionModel) -> StableDiffusion:
    """What the loops of diffloop take, from the parts of a runs folder with another U-Net."""
    parts.vae.register_to_config(scaling_factor=parts.scaling_factor)
    bars = alphas_cumprod_from_betas(scaled_linear_betas())
    return StableDiffusion(parts.tokenizer, parts.text_encoder, parts.vae, unet, bars, "eps", "leading", 1, False)


@torch.no_grad()
def filled(parts: Parts, unet: UNet2DConditionModel, world: World, n: int) -> tuple[Tensor, list[str]]:
    """n test pictures whose left thing was cut out with a margin and drawn in another colour: uint8, and captions."""
    at = slice(0, min(n, world.sizes["test"]))
    scenes = [decode(row) for row in world.take("test", "rows", at).tolist()]
    left = world.take("test", "labels", at)[:, None] == 1
    return recoloured(parts, unet, scenes, world.take("test", "images", at), left)


@torch.no_grad()
def recoloured(
    parts: Parts, unet: UNet2DConditionModel, scenes: list[Scene], images: Tensor, left: Tensor
) -> tuple[Tensor, list[str]]:
    """uint8 pictures whose left thing was cut out with a margin and drawn in another colour, and their captions.

    left: bool (n, 1, 64, 64), where the left thing is seen. Picture i is drawn from seed i.
    """
    texts = [caption(edit(s, "colour", COLOURS[(COLOURS.index(s.things[0].colour) + 3) % 8])) for s in scenes]
    masks = nn.functional.max_pool2d(left.float(), 9, 1, 4)
    generators = [Generator().manual_seed(i) for i in range(len(texts))]
    pictures, models = (to_float(images) + 1) / 2, base_models(parts, unet)
    how = {"steps": 15, "guidance_scale": 3.0, "paste_back": False}  # what the U-Net makes is judged, edges and all
    out = inpaint(models, pictures, masks, texts, generator=generators, **how)
    return to_uint8(2 * out - 1).cpu(), texts


def trained_inpaint(runs: Path, *, device: str = "cpu") -> UNet2DConditionModel:
    """The fine-tuned U-Net of a runs folder. Raises ValueError if its stage has not been run."""
    unet = with_channels(trained_parts(runs, device=device).unet, 9)
    load_ema(runs / "inpaint" / "checkpoint.pt", "inpaint", {"unet": unet})
    return unet


def measure_inpaint(runs: Path, world: World, *, device: str = "cpu", n: int = 48) -> dict[str, float]:
    """Share of filled test pictures with all attributes right, beside that of the base U-Net by replacement."""
    parts, oracle = trained_parts(runs, device=device), trained_oracle(runs, device=device)
    out = {}
    for name, unet in (("trained for it", trained_inpaint(runs, device=device)), ("by replacement", parts.unet)):
        images, texts = filled(parts, unet, world, n)
        out[name] = score(images, texts, oracle).by["all"][0]
    return out
