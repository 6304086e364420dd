"""Bootstrap's icons, drawn inline: no font, no request. The sprite is Bootstrap Icons 1.13.1 as published (MIT)."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from markupsafe import Markup

SPRITE = Path(__file__).parent / "bootstrap" / "bootstrap-icons.svg"
SYMBOL = re.compile(r'<symbol class="[^"]*" viewBox="([^"]*)" id="([^"]*)">(.*?)</symbol>', re.DOTALL)
# What other collections of icons call the same thing.
OTHER_NAMES = {
    "x-twitter": "twitter-x", "home": "house", "linkedin-in": "linkedin", "facebook-f": "facebook", "user": "person",
    "mail": "envelope", "email": "envelope", "graduation-cap": "mortarboard", "google-scholar": "mortarboard",
    "file-pdf": "file-earmark-pdf", "location-dot": "geo-alt", "map-marker-alt": "geo-alt", "feed": "rss",
    "square-github": "github", "square-twitter": "twitter", "users": "people", "info": "info-circle",
    "link": "link-45deg",
}  # fmt: skip


@functools.cache
def _symbols() -> dict[str, tuple[str, str]]:
    """Name -> view box and shapes."""
    return {match[2]: (match[1], match[3]) for match in SYMBOL.finditer(SPRITE.read_text(encoding="utf-8"))}


def known(name: str) -> str:
    """The name that the sprite has for an icon; "" if it has none."""
    name = name.strip().lower().removeprefix("bi-").removeprefix("fa-")
    return next((found for found in (name, OTHER_NAMES.get(name, "")) if found in _symbols()), "")


def svg(name: str) -> Markup:
    """An icon as inline SVG in the colour of the text around it; nothing if there is no such icon."""
    found = known(name)
    if not found:
        return Markup("")
    box, shapes = _symbols()[found]
    size = 'width="18" height="18" fill="currentColor" aria-hidden="true"'
    return Markup(f'<svg class="icon" viewBox="{box}" {size}>{shapes}</svg>')
