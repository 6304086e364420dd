"""The types that the modules share, each with one meaning.

Shapes: `b` is the batch, `...` the shape of one item. Pictures are in [0, 1]; latents are in the scale of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from diffloop.levels import Level

State = Float[Tensor, "b ..."]  # a batch of noisy items
Images = Float[Tensor, "b 3 height width"]
Latents = Float[Tensor, "b c h w"]
Encoded = Float[Tensor, "b_copies c h w"]  # latents of pictures, perhaps several draws from each
Extra = Float[Tensor, "b c_extra h w"]  # channels that a network sees after those of the state
Size = Any  # (height, width) in pixels: two integers, Python's or NumPy's
Timesteps = Any  # trained timesteps, noisiest first (tensor, array or list of integers), or a whole ladder of levels
Condition = Any  # what `Models.encode_text` returns: a tensor, or a tuple of tensors, one row per item
Generators = torch.Generator | Sequence[torch.Generator]  # one for the whole batch, or one per item; on the CPU
Callback = Callable[[int, Level, Tensor], object]  # (number of the step, the level just reached, the state there)
View = Callable[[Level], Level]  # a level -> the same one in another scale: levels.vp, .karras, .straight


@runtime_checkable  # the tests check arguments against it
class Model(Protocol):
    """(x_t, level) -> what is predicted there: eps, x_0, v or velocity.

    A pair of two predictions is legal too: the first one gives x_0_hat, the second one eps_hat, where guidance makes
    them differ (CFG++). In training the level holds tensors, one number per item.
    """

    def __call__(self, x_t: Tensor, level: Level, /) -> Any: ...


@runtime_checkable
class Sampler(Protocol):
    """A walk down a ladder of n + 1 levels: yields the state at each but the first, so that the last is the sample.

    The state handed in is one at levels[0]: standard normal noise times `levels.initial_std(levels[0])`. A sampler is
    lazy, checks its arguments when it is called and not at its first step, calls the model at levels[0] ..
    levels[n-1] (or between them, told by a clock, as with `euler.Churn`), draws all its noise from `generator`, keeps
    the type and the device of the state, and continues from the tensor that it yielded, so writing into that steers it.
    The same arguments give the same states.
    """

    def __call__(
        self,
        model: Model,
        x_T: Tensor,
        levels: Sequence[Level],
        *,
        prediction: str = "eps",
        generator: Generators | None = None,
    ) -> Iterator[Tensor]: ...


@runtime_checkable
class Models(Protocol):
    """A family of checkpoints, as `pretrained.load` returns it: all that text_to_image and its relatives call.

    A family is one class with these, and one row in `pretrained.FAMILIES`.
    """

    prediction: str  # what `predict` returns: "eps", "x_0", "v" or "velocity"
    scale: int  # pixels along one side of a latent
    latent_channels: int
    inpaints: bool  # whether the network also takes a mask and a masked picture

    @property
    def device(self) -> torch.device:
        """Where the networks are, and every result."""
        ...

    def levels(self, steps: int, timesteps: Timesteps | None = None) -> list[Level]:
        """The checkpoint's own ladder of this many steps, or over these timesteps."""
        ...

    def latent_size(self, size: Size | None) -> tuple[int, int]:
        """Height and width of latents; None: as the network was trained. Raises ValueError for an illegal size."""
        ...

    def encode_text(self, prompts: Sequence[str | None], *, size: Size | None = None) -> Condition:
        """What the network is told of the prompts, one row each, for pictures of this size; None: the trained one.

        A prompt that is None stands for no prompt: the empty one, or what the family was trained with in its place.
        """
        ...

    def encode(self, images: Images, *, generator: Generators | None = None, copies: int = 1) -> Encoded:
        """Latents of pictures, drawn from the encoder's posterior, or its mean without a generator."""
        ...

    def decode(self, latents: Latents) -> Images:
        """Pictures in [0, 1], float32."""
        ...

    def predict(self, x_t: Latents, level: Level, condition: Condition, *, extra: Extra | None = None) -> Latents:
        """The network's output in float32. No gradients."""
        ...
