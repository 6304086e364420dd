"""The networks of a Stable Diffusion as an exporter can follow them: tensors in, tensors out, nothing looked up.

Scales that lie around the networks are inside: the decoder takes latents as the U-Net has them, and gives pixels.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import interpolate

from diffloop.guided_distillation import guidance_embedding
from diffloop.latents import to_unet_scale, to_vae_scale
from diffloop.types import Images, Latents


class TextEncoder(nn.Module):
    """Tokens -> the last hidden states. Without a mask over the padding, as Stable Diffusion was trained."""

    def __init__(self, encoder: nn.Module):
        super().__init__()
        encoder.set_attn_implementation("eager")
        self.encoder = encoder

    def forward(self, ids: Int[Tensor, "b tokens"]) -> Float[Tensor, "b tokens width"]:
        """The states."""
        return self.encoder(ids).last_hidden_state


class Decoder(nn.Module):
    """Latents in the U-Net's scale -> pixels in [0, 1]. See `diffloop.latents.vae_decode`."""

    def __init__(self, vae: nn.Module):
        super().__init__()
        self.vae = vae

    def forward(self, latents: Latents) -> Images:
        """The pixels."""
        decoded = self.vae.decode(to_vae_scale(self.vae, latents), return_dict=False)[0]
        return (decoded / 2 + 0.5).clamp(0, 1)


class Encoder(nn.Module):
    """Pixels in [0, 1] -> mean and standard deviation of the latents' posterior, in the U-Net's scale."""

    def __init__(self, vae: nn.Module):
        super().__init__()
        self.vae = vae

    def forward(self, pixels: Images) -> tuple[Latents, Latents]:
        """The two."""
        posterior = self.vae.encode(2 * pixels - 1, return_dict=False)[0]
        zero = to_unet_scale(self.vae, torch.zeros_like(posterior.std))
        return to_unet_scale(self.vae, posterior.mean), to_unet_scale(self.vae, posterior.std) - zero


class UNet(nn.Module):
    """A U-Net that also says which pixel looks at which token; it is changed, and unusable for anything else.

    Args:
        unet: a Diffusers UNet2DConditionModel; if it takes an embedding of the guidance scale, as students do, the
            scale itself becomes an input.
    """

    def __init__(self, unet: nn.Module):
        super().__init__()
        self.unet, self.attention = unet, _Attention()
        unet.set_attn_processor(self.attention)

    def forward(
        self,
        x: Latents,
        t: Float[Tensor, " 1"],
        text: Float[Tensor, "b tokens width"],
        scale: Float[Tensor, " b"] | None = None,
    ) -> tuple[Latents, Float[Tensor, "b tokens h w"]]:
        """The output, and the mean over layers and heads of the weights of cross-attention, brought to the latents'
        size as by `diffloop.attention.word_map`."""
        self.attention.seen = []
        dim = self.unet.config.time_cond_proj_dim
        cond = None if dim is None else guidance_embedding(scale, dim)
        output = self.unet(x, t[0], encoder_hidden_states=text, timestep_cond=cond, return_dict=False)[0]
        size = tuple(x.shape[2:])
        maps = [weights.mT.unflatten(2, _sides(weights.shape[1], size)) for weights in self.attention.seen]
        resized = [m if tuple(m.shape[2:]) == size else interpolate(m, size, mode="bilinear") for m in maps]
        return output, torch.stack(resized).mean(0)


class _Attention:
    """Diffusers' plain attention, which keeps the weights of cross-attention, averaged over the heads."""

    seen: list[Tensor]  # of the current call; the exporter must not find it among the module's own fields

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **_: Any
    ) -> Tensor:
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = attn.to_q(hidden_states), attn.to_k(source), attn.to_v(source)
        q, k, v = (x.unflatten(2, (attn.heads, -1)).transpose(1, 2) for x in (q, k, v))  # b heads n d
        weights = (q @ k.mT * attn.scale).softmax(-1)
        if encoder_hidden_states is not None:
            self.seen.append(weights.mean(1))  # b pixels tokens
        return attn.to_out[0]((weights @ v).transpose(1, 2).flatten(2))


def _sides(pixels: int, size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of a level of the U-Net with this many pixels: those of the latents, halved until they fit."""
    height, width = size
    while height * width > pixels:
        height, width = -(-height // 2), -(-width // 2)
    return height, width
