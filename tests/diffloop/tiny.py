"""Random Stable Diffusion checkpoints of a few thousand weights, from Diffusers' own classes, written to a folder."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WORDS = [
    "a",
    "red",
    "blue",
    "green",
    "circle",
    "square",
    "triangle",
    "on",
    "black",
    "white",
    "grey",
    "left",
    "of",
    "right",
    "large",
    "small",
    "two",
    "three",
]


def tokenizer(length):
    """A real CLIP tokenizer: letters, plus the words above, each merged letter by letter."""
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    vocab, merges = [*letters, *(c + "</w>" for c in letters)], []
    for word in WORDS:
        parts = [*word[:-1], word[-1] + "</w>"]
        while len(parts) > 1:
            merge, parts = f"{parts[0]} {parts[1]}", [parts[0] + parts[1], *parts[2:]]
            if merge not in merges:
                merges.append(merge)
                vocab.append(parts[0])
    vocab = {token: i for i, token in enumerate(dict.fromkeys([*vocab, "<|startoftext|>", "<|endoftext|>"]))}
    return CLIPTokenizer(vocab=vocab, merges=[tuple(m.split()) for m in merges], model_max_length=length)


def build(folder: Path, *, latents=16, text_width=32, channels=(32, 64), inpaint=False, length=16, seed=0, **scheduler):
    """Write a checkpoint to `folder`. Its VAE halves each side twice, so that images are 4 times the latents' size."""
    torch.manual_seed(seed)
    words = tokenizer(length)
    text = CLIPTextConfig(
        vocab_size=len(words), hidden_size=text_width, intermediate_size=2 * text_width, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=length, eos_token_id=words.eos_token_id,
        bos_token_id=words.bos_token_id, pad_token_id=words.pad_token_id,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 32), down_block_types=("DownEncoderBlock2D",) * 3, norm_num_groups=8,
        up_block_types=("UpDecoderBlock2D",) * 3, latent_channels=4, sample_size=4 * latents,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=latents, in_channels=9 if inpaint else 4, block_out_channels=channels, layers_per_block=1,
        cross_attention_dim=text_width, attention_head_dim=4, norm_num_groups=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    with torch.no_grad():
        for block in unet.modules():  # stronger than at random, so that a change of prompt is seen in the picture
            if hasattr(block, "attn2"):
                block.attn2.to_out[0].weight.mul_(20)
    config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}
    config |= {"set_alpha_to_one": False, "steps_offset": 1} | scheduler
    StableDiffusionPipeline(
        vae=vae.eval(), text_encoder=CLIPTextModel(text).eval(), tokenizer=words, unet=unet.eval(),
        scheduler=DDIMScheduler(**config), safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder
