"""Distil a latent consistency model from models/tiny: low-rank additions to models/tiny-students/guided.

    python scripts/train_lcm.py                  about half an hour on one core; writes models/tiny-lcm/lora.safetensors
    python scripts/train_lcm.py --steps 20       a try

Teacher and starting point are the U-Net that takes the guidance scale: what the progressive students began from, too.
Source: luo2023lcm, Algorithm 1, with DDIM's steps over 50 of 1000 timesteps, scales from 1 to 5, and LoRA.
"""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path

import torch

from diffloop.consistency import lcm_timesteps
from diffloop.consistency_distillation import consistency_loss, follow, neighbours
from diffloop.denoising import stratified
from diffloop.distillation import under
from diffloop.finetuning import lora_copy, lora_parameters, save_lora
from diffloop.guided_distillation import unet_student
from diffloop.ladders import trained_levels
from diffloop.pretrained import load
from diffloop.text_to_image import encode_prompts
from tinyworld.batches import captions_at
from tinyworld.models import load_unet
from tinyworld.render import render
from tinyworld.resized import to_model
from tinyworld.scene import encode, sample_scene

ROOT = Path(__file__).parents[1]
RUNGS, RANK, LR, MU, DELTA = 20, 16, 1e-3, 0.9, 1e-3
LAYERS = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "net.0.proj", "net.2", "conv1", "conv2", "conv")
LAYERS += ("conv_in", "conv_out", "conv_shortcut", "time_emb_proj", "linear_1", "linear_2", "cond_proj")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=330)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--scenes", type=int, default=2000, help="training pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "models/tiny-lcm")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    models, generator = load(ROOT / "models/tiny"), torch.Generator().manual_seed(args.seed)
    latents, rows = world(models, args.scenes)
    levels = trained_levels(models.alphas_cumprod, lcm_timesteps(RUNGS, distilled_steps=RUNGS))
    guided = load_unet(ROOT / "models/tiny-students/guided")
    student = lora_copy(guided, rank=RANK, targets=LAYERS, generator=generator)
    follower = copy.deepcopy(student).requires_grad_(False)
    optimizer = torch.optim.Adam(lora_parameters(student), lr=LR, betas=(0.9, 0.98))
    for step in range(args.steps):
        for group in optimizer.param_groups:  # warms up, and falls to zero in the last two fifths
            group["lr"] = LR * min(1.0, (step + 1) / 20, 2.5 * (1 - step / args.steps))
        at = torch.randint(len(latents), (args.batch,), generator=generator)
        text = encode_prompts(models, captions_at(rows[at], generator))
        cond = text, 1 + 4 * torch.rand(args.batch, generator=generator)
        eps = torch.randn(latents[at].shape, generator=generator)
        i = stratified(args.batch, RUNGS, generator)
        teacher = under(unet_student(guided), cond)
        pair = neighbours(latents[at], eps, levels, i, teacher=teacher, prediction="v")
        asked = (under(unet_student(unet), cond) for unet in (student, follower))
        loss = consistency_loss(*asked, *pair, prediction="v", delta=DELTA).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward(inputs=lora_parameters(student))
        optimizer.step()
        follow(follower, student, MU)
        if step % 20 == 0 or step + 1 == args.steps:
            print(f"step {step}: {loss.item():.4f}", flush=True)
        if step % 200 == 199 or step + 1 == args.steps:
            write(args, follower, step + 1)


def world(models, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents of n rendered training scenes, and the rows that say what is on them."""
    scenes = [sample_scene(500_000 + i, split="train") for i in range(n)]
    parts = []
    for k in range(0, n, 100):
        pictures = to_model(render(scenes[k : k + 100]).images)
        with torch.no_grad():
            parts.append(models.encode(pictures))
    return torch.cat(parts), torch.stack([torch.as_tensor(encode(scene)) for scene in scenes]).long()


def write(args, unet, steps: int) -> None:
    args.out.mkdir(parents=True, exist_ok=True)
    save_lora(args.out / "lora.safetensors", copy.deepcopy(unet).half())
    about = {"steps": steps, "rungs": RUNGS, "rank": RANK}
    about |= {name: getattr(args, name) for name in ("batch", "seed", "scenes")}
    (args.out / "tiny.json").write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
