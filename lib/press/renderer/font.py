"""The font for maths. Most Linux machines have no OpenType math font, and without one a browser cannot stretch roots
and brackets. So the site brings one: STIX Two Math, as the `ziamath` distribution ships it (SIL Open Font License),
cut down to the characters that formulas use. Made once, kept in the page cache.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import tempfile
from pathlib import Path

from press.renderer import store

NAME = "press-math.woff2"
# Basic Latin and Greek; accents; punctuation, arrows, operators, technical signs, shapes; mathematical alphabets.
RANGES = ("0020-007E", "00A0-00FF", "0300-036F", "0370-03FF", "2010-205F", "2070-209F", "20D0-20EF", "2100-214F")
RANGES += ("2190-21FF", "2200-23FF", "25A0-25FF", "27C0-27EF", "2900-2AFF", "1D400-1D7FF")
KEPT_NAMES = [0, 13, 14]  # copyright and licence; the family's reserved name is not for a changed font


def math_font(cache: Path) -> Path:
    """Path of the font file, made now if the cache does not hold it yet."""
    version = importlib.metadata.version("ziamath")
    path = cache / f"font-{store.digest(version, *RANGES)[:16]}" / NAME
    if not path.is_file():
        _make(_source(), path)
    os.utime(path.parent)
    return path


def _source() -> Path:
    spec = importlib.util.find_spec("ziamath")
    return Path(spec.submodule_search_locations[0]) / "fonts" / "STIXTwoMath-Regular.ttf"


def _make(source: Path, path: Path) -> None:
    from fontTools import subset

    options = subset.Options(
        flavor="woff2", layout_features=["*"], hinting=False, name_IDs=KEPT_NAMES, notdef_outline=True
    )
    font = subset.load_font(str(source), options)
    picker = subset.Subsetter(options)
    picker.populate(unicodes=[code for first, last in map(_bounds, RANGES) for code in range(first, last + 1)])
    picker.subset(font)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
        subset.save_font(font, stream, options)
    os.chmod(stream.name, 0o644)
    os.replace(stream.name, path)


def _bounds(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first, 16), int(last, 16)
