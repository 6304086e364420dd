"""A figure that readers draw again, in their own browser, with another caption or seed.

    live("text-to-image", still, name="grass", alt="A red ball on grass.", prompt="a red ball on grass", seed=7)

The still is what the post itself drew with the same settings; it is all there is without JavaScript, in print, in feeds
and in a notebook. A site whose project has the package `live` gives the figure a button that loads the engine.
"""

from __future__ import annotations

import base64
import math
import re
from pathlib import PurePosixPath
from typing import Any

from postkit.slider import _to_image, _to_png

MIME = "application/vnd.postkit.live+json"
KINDS = ("text-to-image",)
SAMPLERS = ("ddim", "ddpm", "dpm-solver", "heun")
FOLDER = re.compile(r"\w[\w. /-]*", re.ASCII)
LARGEST_SEED = 2**32 - 1


class LiveFigure:
    """What `live` returns: a description for the site's engine, and the still as a PNG."""

    def __init__(self, spec: dict[str, Any], still: bytes):
        self.spec, self.still = spec, still

    def __repr__(self) -> str:
        return f"LiveFigure({self.spec['name']!r}, {self.spec['request']['prompt']!r})"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        png = base64.b64encode(self.still).decode("ascii")
        return {MIME: self.spec, "image/png": png, "text/plain": repr(self)}


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
    model: str = "models/tiny",
    unet: str | None = None,
) -> LiveFigure:
    """A figure that the reader's browser can draw again.

    Args:
        kind: "text-to-image".
        still: the picture that the post drew with these settings, at the model's own size: an array or tensor HxWx3
            (uint8, or floats in [0, 1]), or a PIL image.
        name: of the figure in the page's address: lower-case letters, digits, hyphens; each on a page has its own.
        alt: text for those who do not see it.
        prompt, negative, scale, steps: of `diffloop.text_to_image`.
        seed: of the torch generator with which the post drew it.
        sampler: "ddim", "ddpm", "dpm-solver" or "heun".
        model: a checkpoint's folder, relative to the project.
        unet: the folder of another U-Net for it.

    Returns:
        An object that a notebook shows as the still, and the site as the still with a button.

    Raises:
        ValueError: if one of these is not as above.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; choose one of {', '.join(map(repr, KINDS))}")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ValueError(f"name is {name!r}; it must be lower-case letters, digits and hyphens, such as 'red-ball'")
    if not alt.strip():
        raise ValueError(f"alt is {alt!r}; describe what the figure shows")
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler is {sampler!r}; choose one of {', '.join(map(repr, SAMPLERS))}")
    if not (0 <= scale < math.inf and 1 <= steps <= 1000 and 0 <= seed <= LARGEST_SEED):
        raise ValueError(f"scale, steps, seed are {scale}, {steps}, {seed}; need >= 0, 1 to 1000, 0 to {LARGEST_SEED}")
    for what, folder in (("model", model), ("unet", unet)):
        if folder is not None and (not FOLDER.fullmatch(folder) or ".." in PurePosixPath(folder).parts):
            raise ValueError(f"{what} is {folder!r}; it must be a folder of the project, such as 'models/tiny'")
    image = _to_image(still, 0)
    request: dict[str, Any] = {"prompt": prompt, "negative": negative, "scale": scale, "steps": steps, "seed": seed}
    request |= {"sampler": sampler} | ({"unet": PurePosixPath(unet).name} if unet else {})
    spec: dict[str, Any] = {"kind": kind, "name": name, "alt": alt, "model": model, "unet": unet}
    spec |= {"size": {"height": image.height, "width": image.width}, "request": request}
    return LiveFigure(spec, _to_png(image))
