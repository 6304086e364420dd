"""Where every random number of a sampler comes from: generators that the caller hands in."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from diffloop.transfer import carried
from diffloop.types import Generators


def draw_noise(
    shape: Sequence[int],
    generator: Generators | None,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Standard normal noise of the given shape.

    Args:
        shape: the batch comes first.
        generator: one CPU generator for the whole batch, or one per image. With one per image, an image's noise
            depends on its own generator only, and the result does not depend on what else is in the batch.
        dtype: the noise is drawn in this type. The same seed gives different numbers in float64 and float32.
        device: where the noise goes after being drawn on the CPU, so that a seed means the same on every machine.

    Returns:
        noise ~ N(0, I).

    Raises:
        ValueError: if generator is None, is not on the CPU, or is a sequence whose length is not the batch's.
    """
    if generator is None:
        raise ValueError(
            "generator is None; this sampler draws noise: pass a torch.Generator on the CPU, or one per image"
        )
    generators = [generator] if isinstance(generator, torch.Generator) else list(generator)
    for g in generators:
        if g.device.type != "cpu":
            raise ValueError(f"a generator is on {g.device}; it must be on the cpu")
    if isinstance(generator, torch.Generator):
        return carried(torch.randn(*shape, generator=generator, dtype=dtype), device)
    if len(generators) != shape[0]:
        raise ValueError(
            f"{len(generators)} generators for a batch of {shape[0]}; pass one, or one per image ({shape[0]})"
        )
    return carried(torch.stack([torch.randn(*shape[1:], generator=g, dtype=dtype) for g in generators]), device)


def with_noise(x: Tensor, step_std: float, noise: Tensor | None) -> Tensor:
    """x + step_std * noise; where step_std is 0, x itself, and the noise may be None.

    Raises:
        ValueError: if noise is None although it is needed.
    """
    if step_std == 0:
        return x
    if noise is None:
        raise ValueError(
            f"noise is None; this step adds noise with step_std {step_std:.3g}: pass a standard normal tensor"
        )
    return x + step_std * noise
