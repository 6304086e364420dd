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

from diffloop.ladders import trained_levels
from diffloop.latents import latent_size, vae_decode, vae_encode
from diffloop.levels import Level
from diffloop.schedules import spaced_timesteps
from diffloop.types import Encoded, Extra, Generators, Images, Latents, Size, Timesteps
from diffloop.words import expand_words


@dataclass(frozen=True)
class StableDiffusion:
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
    note: str = field(default="", repr=False)  # what `load` warned of: the solver that the checkpoint came with

    @property
    def device(self) -> torch.device:
        """Where the U-Net is."""
        return next(self.unet.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The type that the networks compute in. States are float32 whatever it is."""
        return next(self.unet.parameters()).dtype

    @property
    def scale(self) -> int:
        """Pixels along one side of a latent: 8 for Stable Diffusion."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def latent_channels(self) -> int:
        """Channels of a latent: 4 for Stable Diffusion. An inpainting U-Net takes twice as many and one more."""
        return self.vae.config.latent_channels

    @property
    def inpaints(self) -> bool:
        """Whether the U-Net also takes a mask and a masked image (9 channels instead of 4)."""
        return self.unet.config.in_channels == 2 * self.latent_channels + 1

    @property
    def instructs(self) -> bool:
        """Whether the U-Net also takes a picture to edit (8 channels instead of 4)."""
        return self.unet.config.in_channels == 2 * self.latent_channels

    def levels(self, steps: int, timesteps: Timesteps | None = None) -> list[Level]:
        """The ladder of `steps` timesteps, spaced as the checkpoint has it, or of these; it ends where the checkpoint
        ends DDIM. `steps_offset` counts for "leading" only, as in Diffusers. Raises: see `trained_levels`."""
        if timesteps is None:
            offset = self.steps_offset if self.spacing == "leading" else 0
            how = {"spacing": self.spacing, "steps_offset": offset}
            timesteps = spaced_timesteps(steps, len(self.alphas_cumprod), **how)
        return trained_levels(self.alphas_cumprod, timesteps, set_alpha_to_one=self.set_alpha_to_one)

    def latent_size(self, size: Size | None) -> tuple[int, int]:
        """Height and width of latents for a picture of this size; None: as the U-Net was trained."""
        return latent_size(size, trained=self.unet.config.sample_size, scale=self.scale)

    @torch.no_grad()
    def encode_text(
        self, prompts: Sequence[str | None], *, size: Size | None = None
    ) -> Float[Tensor, "b tokens width"]:
        """The text encoder's last hidden states, each different prompt encoded once. None is the empty prompt; the size
        is not asked for.

        A prompt longer than the context is cut, with a warning that names what is lost.
        """
        prompts = [expand_words(self.tokenizer, prompt or "") for prompt in prompts]
        different = list(dict.fromkeys(prompts))
        tokens = tokenized(self.tokenizer, different).to(self.device)
        masked = getattr(self.text_encoder.config, "use_attention_mask", False)  # of no Stable Diffusion
        hidden = self.text_encoder(tokens.input_ids, attention_mask=tokens.attention_mask if masked else None)[0]
        return hidden[[different.index(prompt) for prompt in prompts]]

    def encode(self, images: Images, *, generator: Generators | None = None, copies: int = 1) -> Encoded:
        """Latents of pictures, see `image_to_image.encode_images`."""
        return vae_encode(self.vae, images, generator=generator, copies=copies)

    def decode(self, latents: Latents) -> Images:
        """Pictures in [0, 1], float32. Raises ValueError if the decoder gives NaN or infinities, see `latents.py`."""
        return vae_decode(self.vae, latents)

    @torch.no_grad()
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
            level: of x_t, one for all or one an item; or just the number that the U-Net is told.
            condition: from `encode_text`.
            extra: channels after those of x_t.
        """
        if self.unet.config.get("time_cond_proj_dim"):
            raise ValueError("this U-Net takes the guidance scale as an input; use guided_distillation.unet_student")
        x = x_t if extra is None else torch.cat([x_t, extra], dim=1)
        t = torch.as_tensor(level.t if isinstance(level, Level) else level, device=x.device)
        text = condition.to(self.dtype)
        return self.unet(x.to(self.dtype), t, encoder_hidden_states=text, return_dict=False)[0].float()


def tokenized(tokenizer: Any, prompts: Sequence[str]) -> Any:
    """The tokens of prompts, padded to the context's length; a longer one is cut, with a warning that names its end."""
    length = tokenizer.model_max_length
    for prompt in prompts:
        ids = tokenizer(prompt, truncation=False, verbose=False).input_ids
        if len(ids) > length:
            lost = tokenizer.decode(ids[length - 1 : -1]).strip()
            warnings.warn(
                f"the prompt is {len(ids)} tokens long and the text encoder takes {length}; lost: {lost!r}",
                stacklevel=2,
            )
    return tokenizer(list(prompts), padding="max_length", max_length=length, truncation=True, return_tensors="pt")
