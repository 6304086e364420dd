"""Between the VAE's scale of latents and the U-Net's, and the VAE's networks around it.

z_unet = (z_vae - shift_factor) * scaling_factor              (Stable Diffusion 3, Flux; 1 and 2 have no shift)
z_unet = (z_vae - latents_mean) * scaling_factor / latents_std                      (SDXL's playground and others)
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from diffloop.graphs import Graphs, Run
from diffloop.noise import draw_noise
from diffloop.types import Encoded, Generators, Images, Latents, Size

HALF = (torch.float16, torch.bfloat16)


def check_vae(config: Any, where: str | Path = "the VAE's config") -> None:
    """Raises ValueError unless the fields of a VAE's config that scale latents can be used.

    Args:
        config: a mapping; a field that it lacks has Diffusers' default.
        where: the file, for messages.
    """
    scaling = config.get("scaling_factor", 0.18215)
    if not _finite(scaling) or scaling <= 0:
        raise ValueError(
            f"{where}: scaling_factor is {scaling!r}; it must be a number above 0: 0.18215 for Stable Diffusion 1 and "
            "2, else 1 / the standard deviation of the VAE's latents. Write it into the file"
        )
    shift, mean, std = (config.get(key) for key in ("shift_factor", "latents_mean", "latents_std"))
    if shift is not None and not _finite(shift):
        raise ValueError(f"{where}: shift_factor is {shift!r}; it must be a number or null")
    if (mean is None) != (std is None) or (shift and mean is not None):
        raise ValueError(
            f"{where}: shift_factor is {shift!r}, latents_mean {mean!r} and latents_std {std!r}; there must be "
            "a shift, or both a mean and a standard deviation, or none of them"
        )
    channels = config.get("latent_channels", 4)
    for key, values in (("latents_mean", mean), ("latents_std", std)):
        if values is not None and (len(values) != channels or not all(_finite(v) for v in values)):
            raise ValueError(
                f"{where}: {key} is {values!r}; it must be {channels} numbers, one for each latent channel"
            )
    if std is not None and min(std) <= 0:
        raise ValueError(f"{where}: latents_std is {std!r}; every number must be above 0")


def to_unet_scale(vae: nn.Module, z: Tensor) -> Tensor:
    """Latents as the U-Net sees them, from those that the VAE's encoder gives. Raises ValueError: see `check_vae`."""
    check_vae(vae.config)
    if vae.config.get("latents_mean") is not None:
        mean, std = _channels(vae, z)
        return (z - mean) * vae.config.scaling_factor / std
    if vae.config.get("shift_factor"):
        z = z - vae.config.shift_factor
    return vae.config.scaling_factor * z


def to_vae_scale(vae: nn.Module, latents: Tensor) -> Tensor:
    """The inverse of `to_unet_scale`."""
    check_vae(vae.config)
    if vae.config.get("latents_mean") is not None:
        mean, std = _channels(vae, latents)
        return latents * std / vae.config.scaling_factor + mean
    z = latents / vae.config.scaling_factor
    return z + vae.config.shift_factor if vae.config.get("shift_factor") else z


def in_own_type(vae: nn.Module, run: Callable[[nn.Module, Tensor], Tensor], x: Tensor, what: str) -> Tensor:
    """run(vae, x) in the VAE's type, the result in float32 and finite.

    A result in half precision that is not finite is computed again in float32 if the VAE's config has `force_upcast`.

    Args:
        run: such as `lambda vae, z: vae.decode(z).sample`.
        x: on any device, of any floating type.
        what: "decoder" or "encoder", for messages.

    Raises:
        ValueError: if x, or the result in the end, holds NaN or an infinity.
    """
    first = next(vae.parameters())
    result = run(vae, x.to(first.device, first.dtype)).float()
    if result.isfinite().all():
        return result
    if not x.isfinite().all():
        raise ValueError(
            f"the input of the VAE's {what} holds NaN or infinities; look for the first step that produced them"
        )
    again = first.dtype in HALF and vae.config.get("force_upcast", True)
    if again:
        result = run(copy.deepcopy(vae).float(), x.to(first.device, torch.float32)).float()
        if result.isfinite().all():
            return result
    bad = (~result.isfinite()).double().mean().item()
    hint = (
        "load the checkpoint in torch.float32, or torch.bfloat16, which overflows later" if first.dtype in HALF else ""
    )
    raise ValueError(
        f"the VAE's {what} gave NaN or infinities in {bad:.1%} of its values, computed in {first.dtype}"
        f"{' and again in torch.float32' if again else ''}; {hint or 'check its weights, or download them again'}"
    )


def _channels(vae: nn.Module, like: Tensor) -> tuple[Tensor, Tensor]:
    pair = (vae.config.latents_mean, vae.config.latents_std)
    mean, std = (torch.tensor(values, dtype=like.dtype, device=like.device).reshape(1, -1, 1, 1) for values in pair)
    return mean, std


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def latent_size(size: Size | None, *, trained: Any, scale: int) -> tuple[int, int]:
    """Height and width of latents, for a picture of this size in pixels; None: as the network was trained.

    Args:
        trained: the network's sample_size: an integer, a pair, or None.
        scale: pixels along one side of a latent.

    Raises:
        ValueError: if a side is not a positive multiple of scale, or size is None and the checkpoint has none.
    """
    if size is None:
        if trained is None:
            raise ValueError("the network's sample_size is null: the checkpoint has no size; pass size=(height, width)")
        return (trained, trained) if isinstance(trained, int) else tuple(trained)
    sides = (
        [n for n in size if isinstance(n, Integral) and not isinstance(n, bool)] if hasattr(size, "__iter__") else []
    )
    if not len(sides) == 2 == len(size) or any(n < scale or n % scale for n in sides):
        raise ValueError(f"size is {size}; height and width must be positive multiples of {scale}")
    return int(sides[0]) // scale, int(sides[1]) // scale


class InLatents:
    """What families in a VAE's latents share: a base for their classes, which have a `vae` and a `network`."""

    vae: nn.Module
    network: nn.Module  # what denoises: the U-Net, or the transformer
    graphs: Graphs | None  # of the network's calls; None: each one goes through Python

    def call(self, run: Run, *inputs: Tensor) -> Tensor:
        """run(network, *inputs), by a graph if there is one; see `graphs.Graphs`."""
        return run(self.network, *inputs) if self.graphs is None else self.graphs(self.network, run, *inputs)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The type that the networks compute in. States are float32 whatever it is."""
        return next(self.network.parameters()).dtype

    @property
    def scale(self) -> int:
        """Pixels along one side of a latent: 8 for Stable Diffusion."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def latent_channels(self) -> int:
        """Channels of a latent: 4 for Stable Diffusion 1, 2 and XL, 16 for 3."""
        return self.vae.config.latent_channels

    def encode(self, images: Images, *, generator: Generators | None = None, copies: int = 1) -> Encoded:
        """Latents of pictures, see `image_to_image.encode_images`."""
        return vae_encode(self.vae, images, generator=generator, copies=copies)

    def decode(self, latents: Latents) -> Images:
        """Pictures in [0, 1], float32. Raises ValueError if the decoder gives NaN or infinities, see `in_own_type`."""
        return vae_decode(self.vae, latents)


@torch.no_grad()
def vae_encode(vae: nn.Module, images: Tensor, *, generator: Generators | None, copies: int) -> Tensor:
    """Latents (b * copies, c, h, w) in the U-Net's scale, of pictures in [0, 1]; see `image_to_image.encode_images`."""
    device = next(vae.parameters()).device
    mean, std = in_own_type(vae, _moments, (2 * images - 1).to(device), "encoder")
    shape = (len(mean), copies, *mean.shape[1:])
    z = mean[:, None].expand(shape)
    if generator is not None:
        z = z + std[:, None] * draw_noise(shape, generator, device=device)
    return to_unet_scale(vae, z.flatten(0, 1))


@torch.no_grad()
def vae_decode(vae: nn.Module, latents: Tensor) -> Tensor:
    """Pictures in [0, 1], float32, from latents in the U-Net's scale; see `text_to_image.decode_latents`."""
    z = to_vae_scale(vae, latents)
    decoded = in_own_type(vae, lambda vae, z: vae.decode(z, return_dict=False)[0], z, "decoder")
    return (decoded / 2 + 0.5).clamp(0, 1)


def _moments(vae: nn.Module, x: Tensor) -> Tensor:
    """Mean and standard deviation of the posterior, stacked."""
    posterior = vae.encode(x, return_dict=False)[0]
    return torch.stack([posterior.mean, posterior.std])
