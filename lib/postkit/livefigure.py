"""A figure that readers redraw, in their own browser, with another caption or seed.

    live("text-to-image", still, name="grass", alt="A red ball on grass.", prompt="a red ball on grass", seed=7)

The still is what the post itself drew with the same settings; it is all there is without JavaScript, in print, in feeds
and in a notebook. A site whose project has the package `live` gives the figure a button that loads the engine.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from postkit.livespec import MIME, fault
from postkit.slider import _check_sizes, _to_image, _to_png

SHOWN = 256  # pixels: a smaller picture is enlarged so that it is not wider than this


class LiveFigure:
    """What `live` returns: a description for the site's engine, and the still as a PNG."""

    def __init__(self, spec: dict[str, Any], still: bytes):
        self.spec, self.still = spec, still

    def __repr__(self) -> str:
        return f"LiveFigure({self.spec['name']!r}, {self.spec['request']['prompt']!r})"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        shown = {"image/png": _base64(self.still), "text/plain": repr(self)}
        return shown if self.spec["model"] is None else {MIME: self.spec, **shown}


def live(
    kind: str,
    still: object,
    *,
    name: str,
    alt: str,
    prompt: str,
    negative: str = "",
    scale: float = 4.0,
    steps: int = 20,
    seed: int = 0,
    sampler: str = "ddim",
    eta: float = 0.0,
    scales: Sequence[float] | None = None,
    strength: float | None = None,
    image: object | None = None,
    mask: object | None = None,
    source: str | None = None,
    n: int | None = None,
    model: str | None = "models/tiny",
    unet: str | None = None,
) -> LiveFigure:
    """A figure that the reader's browser can redraw.

    Args:
        kind: what readers may change, besides caption, steps and seed: "text-to-image" the scale; "guidance" a row of
            scales; "negative-prompt" a negative prompt; "steps" sampler and eta; "image-to-image" the picture, which
            they draw; "inpaint" the mask; "diffedit" the picture, and what it shows.
        still: the picture that the post drew with these settings, at the model's own size: an array or tensor HxWx3
            (uint8, or floats in [0, 1]), or a PIL image. For "guidance" a sequence of them, one per scale.
        name: of the figure in the page's address: lower-case letters, digits, hyphens; unique on its page.
        alt: text for readers who cannot see it.
        prompt, negative, scale, steps, eta: of `diffloop.text_to_image` and its sampler; strength, image, mask, source,
            n: of `image_to_image`, `inpaint`, `diffedit`, where the kind has them. A mask is HxW, 1 where to redraw.
        scales: for "guidance", in place of scale: one to eight.
        seed: of the torch generator with which the post drew it; each picture starts from it.
        sampler: "ddim", "ddpm", "dpm-solver" or "heun".
        model: a checkpoint's folder, relative to the project. None: it cannot be given to readers, and the figure is
            only its still.
        unet: the folder of another U-Net for it.

    Returns:
        An object that a notebook shows as the still, and the site as the still with a button.

    Raises:
        ValueError: if one of these is not as above, or the kind has no such setting.
    """
    stills = list(still) if kind == "guidance" else [still]  # type: ignore[call-overload]
    images = [_to_image(one, index) for index, one in enumerate(stills)]
    _check_sizes(images)
    own = {"scales": None if scales is None else list(scales), "strength": strength, "source": source, "n": n}
    request: dict[str, Any] = {"prompt": prompt, "negative": negative, "scale": scale, "steps": steps, "seed": seed}
    request |= {"sampler": sampler, "eta": eta, "unet": PurePosixPath(unet or model or "").name}
    request |= {key: value for key, value in own.items() if value is not None}
    size = {"height": images[0].height, "width": images[0].width}
    spec: dict[str, Any] = {"kind": kind, "name": name, "alt": alt, "model": model, "unet": unet}
    spec |= {"size": size, "request": request}
    spec |= {key: _as_data(value, size, key) for key, value in (("image", image), ("mask", mask)) if value is not None}
    if wrong := fault(spec | {"model": model or "models/none"}) or _lacking(spec, len(images)):
        raise ValueError(wrong)
    return LiveFigure(spec, _to_png(_sheet(images)))


def _lacking(spec: dict[str, Any], count: int) -> str:
    scales = spec["request"].get("scales", [0])
    return "" if len(scales) == count else f"{count} stills for {len(scales)} scales; give one per scale"


def _as_data(picture: object, size: dict[str, int], what: str) -> str:
    """A picture, or a mask that marks everything but 0, as a data URI.

    Raises:
        ValueError: if its size is not the still's.
    """
    if what == "mask":
        array = np.asarray(picture.cpu() if hasattr(picture, "cpu") else picture)
        picture = np.where(array > 0, 255, 0).astype(np.uint8)
    image = _to_image(picture, 0)
    if (image.height, image.width) != (size["height"], size["width"]):
        raise ValueError(f"{what} is {image.width}x{image.height} pixels; it must be {size['width']}x{size['height']}")
    return f"data:image/png;base64,{_base64(_to_png(image))}"


def _sheet(images: Sequence[Image.Image]) -> Image.Image:
    """Pictures side by side, small ones enlarged with hard edges."""
    factor = max(1, SHOWN // images[0].width)
    row = np.concatenate([np.asarray(image.convert("RGB")) for image in images], axis=1)
    return Image.fromarray(row.repeat(factor, 0).repeat(factor, 1))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
