"""Random checkpoints of the further families, of a few thousand weights, from Diffusers' own classes, in a folder."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tests.diffloop.tiny import WORDS, tokenizer
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

LENGTH = 16
VP = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}
VP |= {"set_alpha_to_one": False, "steps_offset": 1}


def words(pad=None):
    """A CLIP tokenizer; pad: another padding than the end of the text, as SDXL's second one has."""
    made = tokenizer(LENGTH)
    if pad is not None:
        made.pad_token = pad
    return made


def clip(cls, width, *, projection=24):
    made = tokenizer(LENGTH)
    return cls(
        CLIPTextConfig(
            vocab_size=len(made), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=3,
            num_attention_heads=4, max_position_embeddings=LENGTH, eos_token_id=made.eos_token_id,
            bos_token_id=made.bos_token_id, pad_token_id=made.pad_token_id, projection_dim=projection,
        )
    ).eval()  # fmt: skip


def t5(width):
    """A T5 of the words of the other tokenizers, and its tokenizer."""
    special, space = ["<pad>", "</s>", "<unk>"], "\u2581"
    pieces = [*special, space, *(space + word for word in WORDS), *(chr(c) for c in range(ord("a"), ord("z") + 1))]
    made = T5TokenizerFast(vocab=[(piece, -float(i)) for i, piece in enumerate(pieces)], extra_ids=0)
    config = T5Config(vocab_size=len(made) + 4, d_model=width, d_kv=8, d_ff=2 * width, num_layers=2, num_heads=4)
    return T5EncoderModel(config).eval(), made


def vae(channels=4, **config):
    return AutoencoderKL(
        block_out_channels=(16, 32, 32), down_block_types=("DownEncoderBlock2D",) * 3, norm_num_groups=8,
        up_block_types=("UpDecoderBlock2D",) * 3, latent_channels=channels, sample_size=64, **config,
    ).eval()  # fmt: skip


def unet(width, *, channels=4, **config):
    made = UNet2DConditionModel(
        sample_size=16, in_channels=channels, block_out_channels=(32, 64), layers_per_block=1,
        cross_attention_dim=width, attention_head_dim=4, norm_num_groups=8, **config,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).eval()  # fmt: skip
    with torch.no_grad():
        for block in made.modules():  # stronger than at random, so that a change of prompt is seen in the picture
            if hasattr(block, "attn2"):
                block.attn2.to_out[0].weight.mul_(20)
    return made


def build_xl(folder: Path, *, channels=4, seed=0, force_zeros=True):
    torch.manual_seed(seed)
    told = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8}
    told |= {"projection_class_embeddings_input_dim": 6 * 8 + 24}
    StableDiffusionXLPipeline(
        vae=vae(scaling_factor=0.13025, force_upcast=True), tokenizer=words(), tokenizer_2=words("z"),
        text_encoder=clip(CLIPTextModel, 32), text_encoder_2=clip(CLIPTextModelWithProjection, 40),
        unet=unet(72, channels=channels, **told), scheduler=DDIMScheduler(**VP), add_watermarker=False,
        force_zeros_for_empty_prompt=force_zeros,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def build_3(folder: Path, *, with_t5=True, seed=0, shift=3.0):
    torch.manual_seed(seed)
    transformer = SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=16, num_layers=2, attention_head_dim=8, num_attention_heads=4,
        joint_attention_dim=80, caption_projection_dim=32, pooled_projection_dim=48, out_channels=16,
        pos_embed_max_size=12,
    ).eval()  # fmt: skip
    encoder, its_tokenizer = t5(80) if with_t5 else (None, None)
    StableDiffusion3Pipeline(
        vae=vae(16, scaling_factor=1.5305, shift_factor=0.0609, use_quant_conv=False, use_post_quant_conv=False),
        tokenizer=words(), tokenizer_2=words("z"), tokenizer_3=its_tokenizer, text_encoder_3=encoder,
        text_encoder=clip(CLIPTextModelWithProjection, 32), text_encoder_2=clip(CLIPTextModelWithProjection, 40),
        transformer=transformer, scheduler=FlowMatchEulerDiscreteScheduler(shift=shift),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def build_pix2pix(folder: Path, *, seed=0):
    torch.manual_seed(seed)
    StableDiffusionInstructPix2PixPipeline(
        vae=vae(), text_encoder=clip(CLIPTextModel, 32), tokenizer=words(), unet=unet(32, channels=8),
        scheduler=DDIMScheduler(**VP), safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder
