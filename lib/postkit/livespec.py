"""What the description of a live figure may hold: `live` writes it, the press checks it.

    {"kind": "inpaint", "name": "ball", "alt": "A ball.", "model": "models/tiny", "unet": None,
     "size": {"height": 64, "width": 64}, "request": {"prompt": "a red ball", "scale": 4.0, ...},
     "image": "data:image/png;base64,...", "mask": "data:image/png;base64,..."}

The site's engine reads it as data; nothing of it is ever HTML.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

MIME = "application/vnd.postkit.live+json"
# Kind -> the settings that it has beside those of all kinds.
KINDS: dict[str, tuple[str, ...]] = {
    "text-to-image": (),
    "guidance": ("scales",),
    "negative-prompt": (),
    "image-to-image": ("strength",),
    "inpaint": ("strength",),
    "diffedit": ("source", "strength", "n"),
    "steps": (),
}
PICTURES = {"image-to-image": ("image",), "inpaint": ("image", "mask"), "diffedit": ("image",)}
SAMPLERS = ("ddim", "ddpm", "dpm-solver", "heun")
TEXTS = ("prompt", "negative", "source", "unet")
# Setting -> least, most, whether it is a whole number.
NUMBERS: dict[str, tuple[float, float, bool]] = {
    "scale": (0, 50, False),
    "steps": (1, 1000, True),
    "seed": (0, 2**32 - 1, True),
    "eta": (0, 1, False),
    "strength": (0, 1, False),
    "n": (1, 50, True),
}
MOST_SCALES = 8
COMMON = ("prompt", "negative", "scale", "steps", "seed", "sampler", "eta", "unet")
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FOLDER = re.compile(r"\w[\w. /-]*", re.ASCII)
PICTURE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/]+={0,2}")


def fault(spec: Any) -> str:
    """What is wrong with a description, with what is legal; "" for nothing."""
    if not isinstance(spec, dict) or not isinstance(spec.get("request"), dict):
        return "no description of a live figure"
    kind, request = spec.get("kind"), spec["request"]
    if not isinstance(kind, str) or kind not in KINDS:
        return f"kind is {kind!r}; choose one of {', '.join(map(repr, KINDS))}"
    pictures = PICTURES.get(kind, ())
    for what, names, legal in (
        ("description", spec, {"kind", "name", "alt", "model", "unet", "size", "request", *pictures}),
        ("request", request, {*COMMON, *KINDS[kind]}),
    ):
        if set(names) != legal:
            return f"the {what} has {sorted(names)}; it must have {sorted(legal)}"
    return _outside(spec) or next(filter(None, (_setting(key, value) for key, value in request.items())), "")


def _outside(spec: dict[str, Any]) -> str:
    """What is wrong beside the request."""
    name, alt, size = spec["name"], spec["alt"], spec["size"]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return f"name is {name!r}; it must be lower-case letters, digits and hyphens, such as 'red-ball'"
    if not isinstance(alt, str) or not alt.strip():
        return f"alt is {alt!r}; describe what the figure shows"
    for what in ("model", "unet"):
        if not _is_folder(spec[what]) and (what == "model" or spec[what] is not None):
            return f"{what} is {spec[what]!r}; it must be a folder of the project, such as 'models/tiny'"
    if not isinstance(size, dict) or set(size) != {"height", "width"}:
        return f"size is {size!r}; it must have height and width"
    if not all(type(side) is int and 1 <= side <= 4096 for side in size.values()):
        return f"size is {size!r}; each side must be a whole number from 1 to 4096"
    for what in PICTURES.get(spec["kind"], ()):
        if not isinstance(spec[what], str) or not PICTURE.fullmatch(spec[what]):
            return f"{what} is not a PNG within the description"
    return ""


def _is_folder(value: Any) -> bool:
    return isinstance(value, str) and bool(FOLDER.fullmatch(value)) and ".." not in PurePosixPath(value).parts


def _setting(key: str, value: Any) -> str:
    """What is wrong with one setting."""
    if key in TEXTS:
        return "" if isinstance(value, str) else f"{key} is {value!r}; it must be a string"
    if key == "sampler":
        return "" if value in SAMPLERS else f"sampler is {value!r}; choose one of {', '.join(map(repr, SAMPLERS))}"
    if key == "scales":
        if not isinstance(value, list) or not 1 <= len(value) <= MOST_SCALES:
            return f"scales is {value!r}; give one to {MOST_SCALES} guidance scales"
        return next(filter(None, (_setting("scale", one) for one in value)), "")
    least, most, whole = NUMBERS[key]
    number = type(value) is int or (type(value) is float and not whole)
    if number and least <= value <= most:
        return ""
    return f"{key} is {value!r}; it must be a {'whole ' * whole}number from {least} to {most}"
