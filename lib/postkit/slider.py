"""An interactive figure without a server: a range input over frames that were computed when the post ran.

The page's static HTML is a single `<img>` of the start frame with its alt text, so without JavaScript, in print and in
feeds the figure is an ordinary still. The script beside it adds the range input and the Play button. Frames are PNG
data URIs and labels are JSON: nothing in them is ever parsed as HTML.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import warnings
from collections.abc import Sequence
from html import escape

import numpy as np
from matplotlib.colorizer import ColorizingArtist
from matplotlib.figure import Figure
from PIL import Image

from postkit._html import Shown
from postkit._slider_js import SCRIPT, STYLE
from postkit.style import PNG_METADATA

WARN_BYTES = 3_000_000
FIGURE_SCALE = 2  # pixels of a figure's PNG per CSS pixel at 100 dpi


class Slider(Shown):
    """What `slider` returns: HTML for pages, the start frame as PNG where HTML is not shown, and a plain form."""

    def __init__(self, html: str, text: str, still: bytes):
        super().__init__(html, text)
        self.still = still

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        png = base64.b64encode(self.still).decode("ascii")
        return super()._repr_mimebundle_() | {"image/png": png}


def slider(
    frames: Sequence[object],
    *,
    labels: Sequence[str],
    name: str,
    alt: str,
    start: int = 0,
    pixelated: bool = False,
    width: int | None = None,
    interval_ms: int = 600,
) -> Slider:
    """Show frames under a slider.

    Frames should share their axis limits: a slider shows what changes, and moving axes hide it.

    Args:
        frames: matplotlib Figures (drawn at 2x and closed), arrays or tensors HxW or HxWx3 (uint8, or floats in
            [0, 1]), or PIL images; all of one size in pixels.
        labels: one text per frame, shown beside the slider and read out by screen readers, such as "n = 100".
        name: what the slider changes, such as "sample size"; its accessible name, and the source of its id. Two
            sliders on one page need two names.
        alt: text for readers who cannot see the frames.
        start: index of the frame shown at first, and everywhere as the still; -1 is the last.
        pixelated: enlarge with hard pixel edges (small images).
        width: shown width in CSS pixels; default: the figure's size, or an image's own width.
        interval_ms: time between two frames while playing, at least 50.

    Returns:
        An object that a notebook shows as the interactive figure.

    Raises:
        ValueError: if `frames` is empty, labels do not match, `name` or `alt` is empty, `start` or `interval_ms` is
            out of range, an array's shape, type or values are not as above, or the frames' sizes differ.
    """
    _check(frames, labels, name, alt, start, width, interval_ms)
    images = [_to_image(frame, index) for index, frame in enumerate(frames)]
    _check_sizes(images)
    pngs = [_to_png(image) for image in images]
    if width is None:
        scale = FIGURE_SCALE if isinstance(frames[0], Figure) else 1
        width = round(images[0].width / scale)
    _warn_if_big(name, sum(map(len, pngs)), len(pngs))
    start %= len(pngs)
    height = round(width * images[0].height / images[0].width)
    html = _as_html(pngs, list(map(str, labels)), name, alt, start, (width, height), pixelated, interval_ms)
    return Slider(html, f"Slider({name!r}, {len(pngs)} frames, {labels[0]} to {labels[-1]})", pngs[start])


def _check(frames, labels, name, alt, start, width, interval_ms) -> None:
    if len(frames) == 0:
        raise ValueError("frames is empty; give at least one")
    if len(labels) != len(frames):
        raise ValueError(f"{len(labels)} labels for {len(frames)} frames; give one label per frame")
    if not name.strip():
        raise ValueError(f"name is {name!r}; say what the slider changes, such as 'sample size'")
    if not alt.strip():
        raise ValueError(f"alt is {alt!r}; describe what the frames show")
    if not -len(frames) <= start < len(frames):
        raise ValueError(f"start is {start!r}; legal: {-len(frames)} to {len(frames) - 1}")
    if width is not None and width < 1:
        raise ValueError(f"width is {width!r}; it must be at least 1 CSS pixel")
    if interval_ms < 50:
        raise ValueError(f"interval_ms is {interval_ms!r}; it must be at least 50")


def _to_image(frame: object, index: int) -> Image.Image:
    if isinstance(frame, Figure):
        return _draw(frame)
    if isinstance(frame, Image.Image):
        return frame if frame.mode in ("L", "P", "RGB", "RGBA") else frame.convert("RGBA")
    array = np.asarray(frame.cpu() if hasattr(frame, "cpu") else frame)  # a tensor may be on a GPU
    return Image.fromarray(_to_uint8(array, index))


def _draw(figure: Figure) -> Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=FIGURE_SCALE * 100, metadata=PNG_METADATA)
    import matplotlib.pyplot as plt

    plt.close(figure)
    image = Image.open(buffer)
    if _is_colour_mapped(figure):
        return image
    # Lines and text need few colours: a palette of 256 looks the same and weighs a third.
    return image.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def _is_colour_mapped(figure: Figure) -> bool:
    """Whether something in the figure shows data by colour (an image, a mesh), which a palette would band."""
    return any(part.get_array() is not None for part in figure.findobj(lambda part: isinstance(part, ColorizingArtist)))


def _to_uint8(array: np.ndarray, index: int) -> np.ndarray:
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)) or 0 in array.shape:
        raise ValueError(f"frame {index} has shape {array.shape}; legal are (H, W) and (H, W, 3), not empty")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"frame {index} has dtype {array.dtype}; legal are uint8 and floats in [0, 1]")
    outside = array[~((array >= 0) & (array <= 1))]  # NaN counts as outside
    if outside.size:
        raise ValueError(f"frame {index} has the value {outside[0]!s}; floats must lie in [0, 1]")
    return np.rint(array * 255).astype(np.uint8)


def _check_sizes(images: list[Image.Image]) -> None:
    for index, image in enumerate(images):
        if image.size != images[0].size:
            raise ValueError(
                f"frame {index} is {image.width}x{image.height} pixels, but frame 0 is "
                f"{images[0].width}x{images[0].height}; all frames must have the same size"
            )


def _to_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True, exif=b"", icc_profile=None)
    return buffer.getvalue()


def _warn_if_big(name: str, total: int, count: int) -> None:
    if total > WARN_BYTES:
        warnings.warn(
            f"slider {name!r}: {count} frames weigh {total / 1e6:.1f} MB (over {WARN_BYTES / 1e6:.0f} MB), and every "
            "reader of the page downloads them; use fewer frames, smaller figures or smaller images",
            stacklevel=3,
        )


def _element_id(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if slug == name:
        return f"slider-{slug}"
    return f"slider-{slug}-{hashlib.sha256(name.encode()).hexdigest()[:6]}".replace("--", "-")


def _as_html(pngs, labels, name, alt, start, size, pixelated, interval_ms) -> str:
    uris = ["data:image/png;base64," + base64.b64encode(png).decode("ascii") for png in pngs]
    data = {"name": name, "alt": alt, "labels": labels, "start": start, "interval": interval_ms, "frames": list(uris)}
    data["frames"][start] = None  # the script reads it from the image, so it is not sent twice
    rendering = "image-rendering:pixelated;" if pixelated else ""
    still = escape(f"{alt.rstrip('. ')} ({labels[start]})" if labels[start] else alt)
    return "\n".join(
        (
            f'<div class="postkit-slider" id="{_element_id(name)}">',
            STYLE,
            f'<img src="{uris[start]}" alt="{still}" width="{size[0]}" height="{size[1]}" '
            f'loading="lazy" style="{rendering}max-width:100%;height:auto">',
            f'<script type="application/json">{_json(data)}</script>',
            f"<script>{SCRIPT}</script>",
            "</div>",
        )
    )


def _json(data: object) -> str:
    """JSON that may stand inside a script element: no `<`, `>` or `&`, and ASCII only."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
