"""Pixels for a U-Net of latents: squares of pixels become channels on the way in, and pixels again on the way out.

So the U-Net of 16 x 16 latents serves 32 x 32 and 64 x 64 pictures at the same cost.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from diffloop.levels import Level, told
from diffloop.types import Model

CORRECTION = 0.1  # what is lost in shrinking is about 0.05 in root mean square, for pixels in [-1, 1]


def pixel_model(unet: nn.Module, text: Tensor, *, patch: int) -> Model:
    """(x_t, level) -> the U-Net's output in float32, as pixels.

    Args:
        unet: of patch^2 times the input's channels, and patch^2 * 3 output channels.
        text: (b or 1, tokens, width).
        patch: pixels along one side of a square; divides the pictures' sides.
    """
    dtype = next(unet.parameters()).dtype

    def model(x_t: Tensor, level: Level) -> Tensor:
        states = text.expand(len(x_t), -1, -1).to(dtype)
        t = told(level.t, x_t)
        out = unet(pixel_unshuffle(x_t, patch).to(dtype), t, encoder_hidden_states=states, return_dict=False)[0]
        return pixel_shuffle(out.float(), patch)

    return model


def guided_pixel_model(
    unet: nn.Module, cond: Tensor, uncond: Tensor, *, patch: int
) -> Callable[[Tensor, Level], tuple[Tensor, ...]]:
    """(x_t, level) -> (output without, output with the text), in one call: for `classifier_free_guidance`'s `both`."""
    model = pixel_model(unet, torch.cat([uncond.expand_as(cond), cond]), patch=patch)
    return lambda x_t, level: model(torch.cat([x_t, x_t]), level).chunk(2)


def correcting(model: Model) -> Model:
    """(x_t beside the enlarged small picture, level) -> x_0: the enlarged picture plus a tenth of the model's output.

    With v in its place, a U-Net of 64 channels left noise in squares of 4 x 4 pixels, 48 values each (LOG.md).
    """
    return lambda beside, level: beside[:, beside.shape[1] // 2 :] + CORRECTION * model(beside, level)
