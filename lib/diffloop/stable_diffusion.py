"""Stable Diffusion 1 and 2, as `pretrained.load` returns them: the networks, and what the loops ask of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diffloop.checkpoint_files import Configs
from diffloop.graphs import Graphs
from diffloop.ladders import trained_levels
from diffloop.latents import InLatents, latent_size
from diffloop.levels import Level, told
from diffloop.schedules import spaced_timesteps
from diffloop.types import Extra, Latents, Size, Timesteps
from diffloop.words import expand_words

CONDITIONS = {  # settings of the U-Net that add an input, and what it is
    "addition_embed_type": "added conditions such as sizes and pooled text (SDXL, if its text_encoder_2/ is not here)",
    "class_embed_type": "a class or an image embedding beside the text (unCLIP, upscalers)",
    "num_class_embeds": "a class or a noise level beside the text (upscalers)",
    "encoder_hid_dim_type": "a projection of other conditions (Kandinsky)",
    "encoder_hid_dim": "a projection of other text states (DeepFloyd IF)",
    "time_cond_proj_dim": "an embedding of the guidance scale (LCM, a guided student); "
    "guided_distillation.unet_student gives it one",
}


class OnTrainedTimesteps(InLatents):
    """What families with a network trained on discrete VP timesteps share: a base for their classes."""

    alphas_cumprod: Tensor
    spacing: str
    steps_offset: int
    set_alpha_to_one: bool

    def levels(self, steps: int, timesteps: Timesteps | None = None) -> list[Level]:
        """The ladder of `steps` timesteps, spaced as in the checkpoint, or of those given; it ends where the checkpoint
        ends DDIM. `steps_offset` applies to "leading" only, as in Diffusers. Raises: see `trained_levels`."""
        if timesteps is None:
            offset = self.steps_offset if self.spacing == "leading" else 0
            how = {"spacing": self.spacing, "steps_offset": offset}
            timesteps = spaced_timesteps(steps, len(self.alphas_cumprod), **how)
        return trained_levels(self.alphas_cumprod, timesteps, set_alpha_to_one=self.set_alpha_to_one)


class OnUNet(OnTrainedTimesteps):
    """What those of them with a U-Net share."""

    unet: nn.Module

    @property
    def network(self) -> nn.Module:
        """The U-Net."""
        return self.unet

    @property
    def inpaints(self) -> bool:
        """Whether the U-Net also takes a mask and a masked image (9 channels instead of 4)."""
        return self.unet.config.in_channels == 2 * self.latent_channels + 1

    def latent_size(self, size: Size | None) -> tuple[int, int]:
        """Height and width of latents for a picture of this size; None: as the U-Net was trained."""
        return latent_size(size, trained=self.unet.config.sample_size, scale=self.scale)

    @torch.no_grad()
    def call_unet(
        self,
        x_t: Latents,
        level: Level | Real,
        text: Float[Tensor, "b tokens width"],
        extra: Extra | None,
        *added: Tensor,
    ) -> Latents:
        """The U-Net's output in float32; inside, it computes in its own type. added: SDXL's pooled text and sizes.

        Raises:
            ValueError: if the U-Net takes the guidance scale as an input.
        """
        if self.unet.config.get("time_cond_proj_dim"):
            raise ValueError("this U-Net takes the guidance scale as an input; use guided_distillation.unet_student")
        x = x_t if extra is None else torch.cat([x_t, extra], dim=1)
        t = told(level.t if isinstance(level, Level) else level, x)
        return self.call(_run, x, t, text, *added)


def _run(unet: nn.Module, x: Tensor, t: Tensor, text: Tensor, *added: Tensor) -> Tensor:
    """The call of a U-Net, in its own type."""
    dtype, how = next(unet.parameters()).dtype, {}
    if added:
        pooled, sizes = added
        how = {"added_cond_kwargs": {"text_embeds": pooled.to(dtype), "time_ids": sizes}}
    return unet(x.to(dtype), t, encoder_hidden_states=text.to(dtype), return_dict=False, **how)[0].float()


@dataclass(frozen=True)
class StableDiffusion(OnUNet):
    """Stable Diffusion 1 and 2: one CLIP text encoder, a VAE, and a U-Net on trained VP timesteps; text to image,
    inpainting (9 channels) and editing by instruction (8). A `types.Models`, in evaluation mode, without gradients."""

    tokenizer: Any = field(repr=False)
    text_encoder: nn.Module = field(repr=False)
    vae: nn.Module = field(repr=False)
    unet: nn.Module = field(repr=False)
    alphas_cumprod: Tensor = field(repr=False)  # (T,), float64, on the CPU
    prediction: str  # what the U-Net predicts: "eps", "v" or "x_0"
    spacing: str  # of timesteps: "leading", "trailing" or "linspace"
    steps_offset: int  # added to "leading" timesteps
    set_alpha_to_one: bool  # where DDIM's last step leads: clean data, or alphas_cumprod[0]
    graphs: Graphs | None = field(default=None, repr=False, compare=False)
    note: str = field(default="", repr=False)  # what `load` warned of: the solver that the checkpoint came with

    @property
    def instructs(self) -> bool:
        """Whether the U-Net also takes a picture to edit (8 channels instead of 4)."""
        return self.unet.config.in_channels == 2 * self.latent_channels

    @staticmethod
    def misfits(configs: Configs) -> list[str]:
        """What the parts' config.json files ask for and this class does not do."""
        return unet_misfits(configs, text=("text_encoder",), instructs=True)

    @torch.no_grad()
    def encode_text(
        self, prompts: Sequence[str | None], *, size: Size | None = None
    ) -> Float[Tensor, "b tokens width"]:
        """The text encoder's last hidden states, each distinct prompt encoded once. None is the empty prompt; the size
        is not used.

        A prompt longer than the context is cut, with a warning that names what is lost.
        """
        prompts = [expand_words(self.tokenizer, prompt or "") for prompt in prompts]
        different = list(dict.fromkeys(prompts))
        tokens = tokenized(self.tokenizer, different).to(self.device)
        masked = getattr(self.text_encoder.config, "use_attention_mask", False)  # of no Stable Diffusion
        hidden = self.text_encoder(tokens.input_ids, attention_mask=tokens.attention_mask if masked else None)[0]
        return hidden[[different.index(prompt) for prompt in prompts]]

    def predict(
        self,
        x_t: Latents,
        level: Level | Real,
        condition: Float[Tensor, "b tokens width"],
        *,
        extra: Extra | None = None,
    ) -> Latents:
        """The U-Net's output in float32; inside, it computes in its own type.

        Args:
            level: of x_t, one for all or one per item; or just the number that the U-Net is told.
            condition: from `encode_text`.
            extra: channels after those of x_t.
        """
        return self.call_unet(x_t, level, condition, extra)


def tokenized(tokenizer: Any, prompts: Sequence[str], *, length: int | None = None) -> Any:
    """The tokens of prompts, padded to the context's length; a longer one is cut, with a warning that quotes its end.

    Args:
        length: of the context; None: what the tokenizer says.
    """
    length = length or tokenizer.model_max_length
    for prompt in prompts:
        ids = tokenizer(prompt, truncation=False, verbose=False).input_ids
        if len(ids) > length:
            lost = tokenizer.decode(ids[length - 1 : -1]).strip()
            warnings.warn(
                f"the prompt is {len(ids)} tokens long and the text encoder takes {length}; lost: {lost!r}",
                stacklevel=2,
            )
    return tokenizer(list(prompts), padding="max_length", max_length=length, truncation=True, return_tensors="pt")


def unet_misfits(
    configs: Configs, *, text: Sequence[str], instructs: bool = False, takes: Sequence[str] = ()
) -> list[str]:
    """What a U-Net has that is not supported, or that does not fit the other parts.

    Args:
        text: the text encoders, whose widths together are the U-Net's.
        instructs: whether a U-Net for editing by instruction is legal.
        takes: of CONDITIONS, those that are legal.
    """
    unet, vae = configs.get("unet", {}), configs.get("vae", {})
    wrong = [key for key in CONDITIONS if unet.get(key) and key not in takes]
    reasons = [f"the U-Net's {key} is {unet[key]!r}: {CONDITIONS[key]}" for key in wrong]
    if reasons or not {"unet", "vae", *text} <= set(configs):
        return reasons
    latents = vae.get("latent_channels", 4)
    legal = {latents: "text to image"} | ({2 * latents: "editing by instruction"} if instructs else {})
    legal |= {2 * latents + 1: "inpainting"}
    if (n := unet.get("in_channels", 4)) not in legal:
        words = [f"{channels} ({what})" for channels, what in legal.items()]
        words = f"{', '.join(words[:-1])} or {words[-1]}"
        reasons.append(f"the U-Net takes {n} channels; it must be {words}, for the VAE's {latents} latent channels")
    if (out := unet.get("out_channels", 4)) != latents:
        learned = ", the prediction and a learned variance" if out == 2 * latents else ""
        reasons.append(f"the U-Net gives {out} channels{learned}; it must give the VAE's {latents}, the prediction")
    widths = [configs[part].get("hidden_size") for part in text]
    width = unet.get("cross_attention_dim", 1280)
    if None not in widths and any(n != sum(widths) for n in (width if isinstance(width, list) else [width])):
        plural = "s give" if len(text) > 1 else " gives"
        reasons.append(f"the U-Net takes text of width {width}, and the text encoder{plural} {sum(widths)}")
    return reasons
