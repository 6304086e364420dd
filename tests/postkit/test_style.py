import io
import itertools
import subprocess
import sys
from base64 import b64decode

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from postkit import style

# Machado, Oliveira and Fernandes (2009), severity 1.0, for linear RGB.
COLOUR_VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def linear(colour):
    srgb = np.array(to_rgb(colour))
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def contrast(a, b):
    """WCAG 2 contrast ratio."""
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def lab(rgb):
    """CIELAB (D65) of linear RGB."""
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    ratio = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.95047, 1.0, 1.08883]
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("page", [style.PAGE_LIGHT, style.PAGE_DARK])
def test_text_and_lines_stand_out_on_both_pages(page):
    assert contrast(style.GREY, page) >= 3.8
    assert min(contrast(colour, page) for colour in style.CYCLE) >= 3.0  # WCAG 1.4.11, graphical objects


@pytest.mark.parametrize("vision", COLOUR_VISION)
def test_the_cycle_stays_distinct_for_the_colour_blind(vision):
    seen = [lab(COLOUR_VISION[vision] @ linear(colour)) for colour in style.CYCLE]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) >= 25


def test_same_data_same_bytes_without_metadata():
    def draw():
        figure, axes = plt.subplots()
        axes.plot([0, 1, 0], label="a")
        axes.legend()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata=style.PNG_METADATA)
        plt.close(figure)
        return buffer.getvalue()

    with mpl.rc_context():
        style.use_style()
        first, second = draw(), draw()
    assert first == second
    assert b"Software" not in first
    assert b"matplotlib" not in first


def test_use_style_changes_only_known_settings():
    with mpl.rc_context():
        before = dict(mpl.rcParams)
        style.use_style()
        assert {key for key in mpl.rcParams if mpl.rcParams[key] != before[key]} <= set(style.RC)


def test_in_a_notebook_figures_are_retina_and_clean():
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    source = """
from postkit.style import use_style
use_style()
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
ax.plot([0, 1]);
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(part) for part in (source, source)])
    nbclient.NotebookClient(notebook, timeout=120).execute()
    pictures = [o for cell in notebook.cells for o in cell.outputs if o.output_type == "display_data"]
    assert len(pictures) == 2
    assert pictures[0].data["image/png"] == pictures[1].data["image/png"]
    png = b64decode(pictures[0].data["image/png"])
    assert b"tEXt" not in png
    width = int.from_bytes(png[16:20], "big")
    assert abs(width - 1280) < 60
    assert abs(pictures[0].metadata["image/png"]["width"] * 2 - width) <= 1


def test_style_module_needs_no_ipython():
    code = "import sys, postkit.style as s; s.use_style(); print('IPython' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
