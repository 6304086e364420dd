"""The latent consistency model that is committed, and the script that made it."""

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch

from diffloop.consistency import consistency_function, consistency_sample, lcm_timesteps
from diffloop.distillation import under
from diffloop.finetuning import load_lora
from diffloop.guided_distillation import unet_student
from diffloop.ladders import trained_levels
from diffloop.noise import draw_noise
from diffloop.pretrained import load
from diffloop.seeds import seeded_each
from diffloop.text_to_image import decode_latents, encode_prompts
from tinyworld.captions import caption
from tinyworld.models import load_unet
from tinyworld.oracle import load_oracle, score
from tinyworld.resized import to_oracle
from tinyworld.scene import sample_scene

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "models/tiny-lcm/lora.safetensors"


@torch.no_grad()
def test_one_call_draws_what_the_caption_says():
    """Without the additions one call draws a blur, and few of the captions."""
    models, oracle = load(ROOT / "models/tiny"), load_oracle(ROOT / "models/tiny-oracle")
    guided = load_unet(ROOT / "models/tiny-students/guided")
    captions = [caption(sample_scene(i, split="test")) for i in range(12)]
    cond = encode_prompts(models, captions), torch.full((12,), 4.0)
    x_T = draw_noise((12, 4, 16, 16), seeded_each(0, 12))
    levels = trained_levels(models.alphas_cumprod, lcm_timesteps(1, distilled_steps=20))
    right = []
    for unet in (load_lora(FILE, guided), guided):
        f = consistency_function(under(unet_student(unet), cond), prediction="v")
        (x_0,) = consistency_sample(f, x_T, levels)
        right.append(int(score(to_oracle(decode_latents(models, x_0)), captions, oracle, resamples=100).right.sum()))
    assert right[0] >= 10
    assert right[1] <= right[0] - 3


def test_it_is_small():
    assert FILE.stat().st_size < 3e6


@pytest.mark.slow
def test_the_script_trains_a_few_steps(tmp_path, monkeypatch, capsys):
    options = ["--steps", "2", "--batch", "4", "--scenes", "8", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["train_lcm.py", *options])
    runpy.run_path(str(ROOT / "scripts/train_lcm.py"), run_name="__main__")
    assert "step 1:" in capsys.readouterr().out
    assert json.loads((tmp_path / "tiny.json").read_text())["steps"] == 2
    load_lora(tmp_path / "lora.safetensors", load_unet(ROOT / "models/tiny-students/guided"))
