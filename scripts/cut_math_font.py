"""Cut the site's font for formulas: `python scripts/cut_math_font.py STIXTwoMath-Regular.ttf`.

Most Linux machines have no OpenType math font, and without one a browser cannot stretch roots and brackets. So the site
brings one: STIX Two Math 2.11 (https://github.com/stipub/stixfonts, SIL Open Font License), cut down to the characters
that formulas use. Its result is committed, so this is run only to take a newer version or other characters. It needs
fonttools and brotli, which the press itself does not.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset

TARGET = Path(__file__).resolve().parents[1] / "lib" / "press" / "renderer" / "assets" / "press-math.woff2"
# Basic Latin and Greek; accents; punctuation, arrows, operators, technical signs, shapes; mathematical alphabets.
RANGES = ("0020-007E", "00A0-00FF", "0300-036F", "0370-03FF", "2010-205F", "2070-209F", "20D0-20EF", "2100-214F")
RANGES += ("2190-21FF", "2200-23FF", "25A0-25FF", "27C0-27EF", "2900-2AFF", "1D400-1D7FF")
KEPT_NAMES = [0, 13, 14]  # copyright and licence; the family's name is not for a changed font


def cut(source: Path, target: Path) -> None:
    """Write the subset of `source` to `target`, as WOFF2; the same bytes for the same versions of font and tools."""
    options = subset.Options(
        flavor="woff2", layout_features=["*"], hinting=False, name_IDs=KEPT_NAMES, notdef_outline=True
    )
    font = subset.load_font(str(source), options)
    picker = subset.Subsetter(options)
    bounds = [[int(bound, 16) for bound in part.split("-")] for part in RANGES]
    picker.populate(unicodes=[code for first, last in bounds for code in range(first, last + 1)])
    picker.subset(font)
    subset.save_font(font, str(target), options)


if __name__ == "__main__":
    cut(Path(sys.argv[1]), TARGET)
