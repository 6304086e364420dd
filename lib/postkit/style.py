"""How figures look: one style that reads on a light and on a dark page.

Figures have a transparent background, so the page's own colour shows through. Text, axes and the colour cycle are
therefore mid-tones: a test measures their contrast on both backgrounds.
"""

from __future__ import annotations

import sys

import matplotlib as mpl

PAGE_LIGHT = "#ffffff"
PAGE_DARK = "#1b1b1f"

GREY = "#7c7c7c"  # text, axes: at least 4:1 on both pages
# Found by search: far apart for normal, protan and deutan sight, provided that each is legible on both pages.
BLUE = "#1271f5"
ORANGE = "#cd3c04"
GREEN = "#3f746c"
PURPLE = "#a841a8"
OCHRE = "#9c9364"
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, OCHRE)

# PNG text chunks that would change with the version of matplotlib: without them, same data gives same bytes.
PNG_METADATA = {"Software": None, "Creation Time": None}

RC = {
    "figure.figsize": (6.4, 3.6),  # inches
    "figure.dpi": 100,
    "figure.facecolor": "none",
    "figure.edgecolor": "none",
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "none",
    "savefig.edgecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": mpl.cycler(color=CYCLE),
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "text.color": GREY,
    "font.size": 10,
    "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same glyphs on every machine
    "mathtext.fontset": "dejavusans",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "image.interpolation": "nearest",
    "svg.hashsalt": "postkit",
}


def use_style() -> None:
    """Set matplotlib up for a post: transparent, mid-toned, 2x ("retina") PNGs with the same bytes for the same data.

    Outside IPython only matplotlib's `rcParams` change.
    """
    mpl.rcParams.update(RC)
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):  # a terminal IPython shows no PNGs
        return
    from matplotlib_inline.backend_inline import set_matplotlib_formats
    from matplotlib_inline.config import InlineBackend

    # Starting the inline backend re-applies its own configuration, so it is told there too.
    config = InlineBackend.instance(parent=shell)
    config.print_figure_kwargs = {"bbox_inches": "tight", "metadata": PNG_METADATA}
    config.figure_formats = {"retina"}
    set_matplotlib_formats("retina", **config.print_figure_kwargs)
