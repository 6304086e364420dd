"""A small table: HTML for the page, aligned text for terminals. No data frames."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from numbers import Integral, Real

from postkit._html import Shown


def table(rows: Sequence[Sequence[object]], header: Sequence[object], *, digits: int = 4) -> Shown:
    """Show rows under a header; numbers are right-aligned, everything is escaped.

    Args:
        rows: cells row by row. Real numbers are formatted, everything else is shown by `str`, None as an empty cell.
        header: one title per column.
        digits: significant digits of numbers that are not integers, at least 1. A cell that needs another format
            is given as a string.

    Returns:
        An object that a notebook shows as a table.

    Raises:
        ValueError: if `header` is empty, `digits` < 1, or a row's length differs from the header's.
    """
    if not header:
        raise ValueError("header is empty; give one title per column")
    if digits < 1:
        raise ValueError(f"digits is {digits!r}; it must be at least 1")
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} cells; the header has {len(header)}")
    titles = [str(title) for title in header]
    cells = [[_show(cell, digits) for cell in row] for row in rows]
    right = [_all_numbers([row[i] for row in rows]) for i in range(len(header))]
    return Shown(_as_html(titles, cells, right), _as_text(titles, cells, right))


def _is_number(cell: object) -> bool:
    return isinstance(cell, Real) and not isinstance(cell, bool)


def _all_numbers(column: list[object]) -> bool:
    present = [cell for cell in column if cell is not None]
    return bool(present) and all(map(_is_number, present))


def _show(cell: object, digits: int) -> str:
    if cell is None:
        return ""
    if not _is_number(cell):
        return str(cell)
    text = str(int(cell)) if isinstance(cell, Integral) else f"{float(cell):.{digits}g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _as_html(titles: list[str], cells: list[list[str]], right: list[bool]) -> str:
    def line(tag: str, row: list[str]) -> str:
        align = ["right" if r else "left" for r in right]
        scope = ' scope="col"' if tag == "th" else ""
        marked = (
            f'<{tag}{scope} style="text-align:{a}">{_one_line(c)}</{tag}>' for a, c in zip(align, row, strict=True)
        )
        return "<tr>" + "".join(marked) + "</tr>"

    body = "\n".join(line("td", row) for row in cells)
    return (
        f'<table class="postkit-table">\n<thead>\n{line("th", titles)}\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>'
    )


def _one_line(cell: str) -> str:
    return escape(" ".join(cell.split()))


def _as_text(titles: list[str], cells: list[list[str]], right: list[bool]) -> str:
    grid = [[" ".join(cell.split()) for cell in row] for row in (titles, *cells)]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = [
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in grid
    ]
    lines.insert(1, "  ".join("-" * w for w in widths))
    return "\n".join(lines)
