"""Rows of pictures: as a figure, and as one array for a slider's frame.

A picture is an array or tensor, on any device: uint8 or bool, or floats in [0, 1], of (3, h, w), (1, h, w) or (h, w).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import ArrayLike

Picture = ArrayLike | None  # None leaves its place blank


def show_rows(
    rows: Mapping[str, Iterable[Picture]] | Iterable[Iterable[Picture]],
    titles: Sequence[str] = (),
    *,
    columns: Sequence[str] = (),
    most: int | None = None,
    size: float = 0.95,
) -> None:
    """Show pictures in rows, as the figure of a cell.

    Args:
        rows: title -> its pictures, or just the pictures of each row. A shorter row ends earlier.
        titles: what stands left of each row, where `rows` has no titles; none, or one per row.
        columns: what stands above the columns, from the left; none, or at most one per column.
        most: how many pictures of each row are shown; None for all.
        size: inches per picture.

    Raises:
        ValueError: there is no picture; titles do not match the rows; too many columns; `most` or `size` is not above
            0; a picture has another shape, or floats that are not finite.
    """
    if isinstance(rows, Mapping):
        if titles:
            raise ValueError(f"titles is {list(titles)!r}, but rows has titles of its own; give one of the two")
        titles, rows = list(rows), rows.values()
    if (most is not None and most < 1) or not size > 0:
        raise ValueError(f"most is {most!r} and size {size!r}; both must be above 0")
    lines = [list(row)[:most] for row in rows]
    width = max(map(len, lines), default=0)
    if not width:
        raise ValueError("rows holds no picture; give at least one")
    if titles and len(titles) != len(lines):
        raise ValueError(f"{len(titles)} titles for {len(lines)} rows; give one per row, or none")
    if len(columns) > width:
        raise ValueError(f"{len(columns)} titles for {width} columns; give at most one per column")
    shown = [[None if picture is None else pixels(picture) for picture in line] for line in lines]
    figsize = (size * width + bool(titles), size * len(lines) + 0.25 * bool(columns))
    _, axes = plt.subplots(len(lines), width, figsize=figsize, squeeze=False)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        ax.spines[:].set_visible(False)
    for line, pictures in zip(axes, shown, strict=True):
        for ax, picture in zip(line, pictures, strict=False):
            if picture is not None:
                ax.imshow(picture)
    for ax, title in zip(axes[:, 0], titles, strict=False):
        ax.set_ylabel(title, rotation=0, ha="right", va="center")
    for ax, title in zip(axes[0], columns, strict=False):
        ax.set_title(title)
    plt.show()


def sheet(rows: Iterable[Iterable[Picture]], *, gap: int = 0) -> np.ndarray:
    """Pictures in rows as one picture, such as a frame of `slider`: uint8 (height, width, 3).

    Args:
        rows: the pictures of each row, all of one size. None, and the end of a shorter row, are white.
        gap: white pixels between two pictures, from 0.

    Raises:
        ValueError: there is no picture, pictures differ in size, `gap` is negative; or see `show_rows`.
    """
    if gap < 0:
        raise ValueError(f"gap is {gap!r}; it must be 0 or more pixels")
    lines = [[None if picture is None else pixels(picture) for picture in row] for row in rows]
    sizes = {picture.shape[:2] for line in lines for picture in line if picture is not None}
    if len(sizes) != 1:
        raise ValueError(f"the pictures' sizes are {sorted(sizes)}; give at least one picture, and all of one size")
    ((h, w),) = sizes
    width = max(map(len, lines))
    whole = np.full((len(lines) * (h + gap) - gap, width * (w + gap) - gap, 3), 255, dtype=np.uint8)
    for i, line in enumerate(lines):
        for j, picture in enumerate(line):
            if picture is not None:
                y, x = i * (h + gap), j * (w + gap)
                whole[y : y + h, x : x + w] = picture
    return whole


def pixels(picture: ArrayLike) -> np.ndarray:
    """A picture as uint8 (h, w, 3). Floats are clipped to [0, 1], as a decoder overshoots by a little.

    Raises:
        ValueError: another shape or type, or floats that are not finite.
    """
    if hasattr(picture, "detach"):  # a tensor, on any device
        picture = picture.detach().cpu()
    array = np.asarray(picture)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.shape[0] not in (1, 3) or 0 in array.shape:
        raise ValueError(
            f"a picture has the shape {tuple(np.shape(picture))}; legal are (3, h, w), (1, h, w) and (h, w)"
        )
    if array.dtype == bool:
        array = array * np.uint8(255)
    elif np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise ValueError(f"a picture has {np.count_nonzero(~np.isfinite(array))} values that are not finite")
        array = np.rint(255 * array.clip(0, 1)).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise ValueError(f"a picture has the type {array.dtype}; legal are uint8, bool and floats in [0, 1]")
    return np.repeat(array, 3 // array.shape[0], axis=0).transpose(1, 2, 0)
