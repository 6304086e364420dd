"""Colours that a configuration gives to a bar or a banner, with letters that can be read on them."""

from __future__ import annotations

import re
from typing import Any

# Bootstrap's names, in this site's shades.
NAMES = {
    "primary": "#134680", "secondary": "#525c66", "success": "#1a6b42", "info": "#0b5a8f", "warning": "#ffc107",
    "danger": "#b3261e", "light": "#f5f6f7", "dark": "#1d2125",
}  # fmt: skip
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]{3,25}|(?:rgb|hsl)a?\([\d\s.,%/]{1,40}\)")


def legal(value: Any) -> str:
    """A colour as CSS writes it; "" if it is not one."""
    text = str(value or "").strip()
    text = NAMES.get(text, text)
    return text if COLOUR.fullmatch(text) and _parts(text) else ""


def style(background: Any, foreground: Any = None) -> str:
    """The two variables for the style of something with this background; "" if it has none of its own."""
    ground = legal(background)
    return f"--ground:{ground};--letters:{legal(foreground) or letters(ground)}" if ground else ""


def letters(ground: str) -> str:
    """White or nearly black, whichever stands out more from a colour."""
    red, green, blue = (_linear(part / 255) for part in _parts(ground)[:3])
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if 1.05 / (light + 0.05) > (light + 0.05) / 0.06 else "#1d2125"


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _parts(text: str) -> tuple[int, ...]:
    """Red, green and blue; () for what is not a colour."""
    from PIL import ImageColor

    try:
        return tuple(ImageColor.getrgb(text))
    except ValueError:
        return ()
