"""Stable Diffusion XL, as `pretrained.load` returns it: two text encoders, and a U-Net that is told sizes as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diffloop.checkpoint_files import Configs
from diffloop.graphs import Graphs
from diffloop.levels import Level
from diffloop.stable_diffusion import OnUNet, tokenized, unet_misfits
from diffloop.types import Extra, Latents, Size
from diffloop.words import expand_words

ENCODERS = ("text_encoder", "text_encoder_2")
N_SIZES = 6  # numbers in `Told.sizes`


class Told(NamedTuple):
    """What SDXL's U-Net is told, one row per item."""

    text: Float[Tensor, "b tokens width"]  # of both encoders, side by side
    pooled: Float[Tensor, "b width_2"]  # of the second one, projected
    sizes: Float[Tensor, "b 6"]  # original height and width, top and left of the crop, target height and width


@dataclass(frozen=True)
class StableDiffusionXL(OnUNet):
    """Stable Diffusion XL, its base model: two CLIP text encoders, a VAE, and a U-Net on trained VP timesteps; text to
    image and inpainting (9 channels). A `types.Models`, in evaluation mode, without gradients.

    The sizes that the U-Net was told in training (micro-conditioning) are here those of the picture that is made,
    uncropped; for others `dataclasses.replace(models, original_size=(512, 512), crop=(0, 256))`.
    """

    tokenizer: Any = field(repr=False)
    text_encoder: nn.Module = field(repr=False)
    tokenizer_2: Any = field(repr=False)
    text_encoder_2: nn.Module = field(repr=False)
    vae: nn.Module = field(repr=False)
    unet: nn.Module = field(repr=False)
    alphas_cumprod: Tensor = field(repr=False)  # (T,), float64, on the CPU
    prediction: str  # what the U-Net predicts: "eps", "v" or "x_0"
    spacing: str  # of timesteps: "leading", "trailing" or "linspace"
    steps_offset: int  # added to "leading" timesteps
    set_alpha_to_one: bool  # where DDIM's last step leads: clean data, or alphas_cumprod[0]
    force_zeros_for_empty_prompt: bool = True  # no prompt is encoded as zeros; False: as the empty prompt
    original_size: Size | None = None  # (height, width) before resizing and cropping; None: of the picture
    crop: tuple[int, int] = (0, 0)  # (top, left)
    graphs: Graphs | None = field(default=None, repr=False, compare=False)
    note: str = field(default="", repr=False)  # what `load` warned of: the solver that the checkpoint came with

    @staticmethod
    def misfits(configs: Configs) -> list[str]:
        """What the parts' config.json files ask for and this class does not do."""
        reasons = unet_misfits(configs, text=ENCODERS, takes=("addition_embed_type",))
        unet, encoder = configs.get("unet", {}), configs.get("text_encoder_2", {})
        if unet and unet.get("addition_embed_type") != "text_time":
            given = unet.get("addition_embed_type")
            reasons.append(f"the U-Net's addition_embed_type is {given!r}; SDXL's is 'text_time'")
        width, of_size = encoder.get("projection_dim"), unet.get("addition_time_embed_dim")
        takes = unet.get("projection_class_embeddings_input_dim")
        if None not in (width, of_size, takes) and takes != (n := width + N_SIZES * of_size):
            reasons.append(
                f"the U-Net is told {takes} numbers beside the text; it must be {n}, the pooled text's {width} and "
                f"{of_size} for each of {N_SIZES} sizes"
            )
        return reasons

    @torch.no_grad()
    def encode_text(self, prompts: Sequence[str | None], *, size: Size | None = None) -> Told:
        """What the U-Net is told of the prompts, each distinct one encoded once, for pictures of this size.

        A prompt that is None is zeros, or the empty one: see `force_zeros_for_empty_prompt`. One longer than the
        context is cut, with a warning that names what is lost.

        Source: podell2023sdxl, Sec. 2.1 (both encoders' penultimate states, the second's pooled text) and Sec. 2.2
        (the sizes).
        """
        none = None if self.force_zeros_for_empty_prompt else ""
        wanted = [none if prompt is None else prompt for prompt in prompts]
        different = [prompt for prompt in dict.fromkeys(wanted) if prompt is not None] or [""]
        pairs = [(self.tokenizer, self.text_encoder), (self.tokenizer_2, self.text_encoder_2)]
        text, firsts = clip_states(pairs, different, self.device)
        rows = [[*different, None].index(prompt) for prompt in wanted]
        text, pooled = (torch.cat([part, torch.zeros_like(part[:1])])[rows] for part in (text, firsts[-1]))
        h, w = (side * self.scale for side in self.latent_size(size))
        sizes = torch.tensor([*(self.original_size or (h, w)), *self.crop, h, w], dtype=torch.float32)
        return Told(text, pooled, sizes.to(self.device).repeat(len(prompts), 1))

    def predict(self, x_t: Latents, level: Level, condition: Told, *, extra: Extra | None = None) -> Latents:
        """The U-Net's output in float32; inside, it computes in its own type.

        Args:
            condition: from `encode_text`.
            extra: channels after those of x_t.
        """
        return self.call_unet(x_t, level, condition.text, extra, condition.pooled, condition.sizes)


def clip_states(
    pairs: Sequence[tuple[Any, nn.Module]], prompts: Sequence[str], device: torch.device
) -> tuple[Float[Tensor, "b tokens width"], list[Tensor]]:
    """The penultimate hidden states of several CLIPs, side by side; and what each returns first, its pooled text if it
    has a projection.

    Args:
        pairs: tokenizers, each with its text encoder.
    """
    hidden, firsts = [], []
    for tokenizer, encoder in pairs:
        tokens = tokenized(tokenizer, [expand_words(tokenizer, prompt) for prompt in prompts])
        output = encoder(tokens.input_ids.to(device), output_hidden_states=True)
        hidden.append(output.hidden_states[-2])
        firsts.append(output[0])
    return torch.cat(hidden, dim=-1), firsts
