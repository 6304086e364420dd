"""How a claim and its measurement look: the box on a page, and plain text."""

from __future__ import annotations

from html import escape

from postkit.verdicts import (
    CONTRADICTED,
    DIRECTION_ONLY,
    NOT_AT_THIS_SCALE,
    REPRODUCED,
    Claim,
    Measurement,
    verdict,
)

# Colour never stands alone: each verdict has its word and a symbol. The colours are those of `postkit.style`, mid-tones
# that show on light and dark pages; text keeps the page's own colour, and nothing is painted behind it, so it prints.
SYMBOLS = {REPRODUCED: "\u2713", DIRECTION_ONLY: "\u2192", NOT_AT_THIS_SCALE: "?", CONTRADICTED: "\u2717"}
COLOURS = {REPRODUCED: "#3f746c", DIRECTION_ONLY: "#1271f5", NOT_AT_THIS_SCALE: "#7c7c7c", CONTRADICTED: "#cd3c04"}
BOX = (
    "border:1px solid #7c7c7c;border-left:5px solid {colour};border-radius:3px;padding:.5em .8em;margin:1.2em 0;"
    "max-width:44em;box-sizing:border-box;font-size:.9em;line-height:1.4;text-align:left;overflow-wrap:anywhere;"
    "break-inside:avoid"
)
ROW = "margin:.25em 0 0"


def number(value: float) -> str:
    """Four significant digits, with a real minus sign."""
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def interval_text(found: Measurement) -> str:
    """The value and its interval: `2.1 [1.7, 2.6]`."""
    low, high = map(number, found.interval)
    return f"{number(found.measured)} [{low}, {high}]"


def value_text(found: Measurement) -> str:
    """The measurement in short: `2.1 [1.7, 2.6], 3 seeds`."""
    seeds = "1 seed" if found.seed_count == 1 else f"{found.seed_count} seeds"
    scale = "" if found.scale == "small" else f", {found.scale} scale"
    return f"{interval_text(found)}, {seeds}{scale}"


def rows(claim: Claim, found: Measurement) -> list[tuple[str, str]]:
    """(name, text) of each line below the statement; a reason only when it was written about this very verdict."""
    place = ", ".join(_line(part) for part in (claim.table, claim.row) if part)
    lines = [
        ("paper", f"{_line(claim.number)} ({place})"),
        ("here", f"{_line(claim.quantity)} = {value_text(found)}"),
        ("holds if", _condition(claim)),
    ]
    result = verdict(claim, found.measured, found.interval)
    if claim.reason and result != REPRODUCED and claim.verdict.get(found.scale) == result:
        lines.append(("reason", _line(claim.reason)))
    return lines


def _condition(claim: Claim) -> str:
    near = ""
    if claim.expected is not None:
        share = f"{number(100 * claim.tolerance)} %" if claim.expected else number(claim.tolerance)
        near = f"within {share} of {number(claim.expected)}"
    if claim.direction == "near":
        return near
    border = f"{claim.direction} {number(claim.than)}"
    return f"{border}; reproduced if also {near}" if near else border


def _shown(text: str, found: Measurement) -> str:
    """A row's text, escaped; our value, which ends its row, stands out from the words before it."""
    value = f" = {value_text(found)}"
    if not text.endswith(value):
        return escape(text)
    return f"{escape(text.removesuffix(value))} = <strong>{escape(value_text(found))}</strong>"


def _line(text: str) -> str:
    return " ".join(text.split())


def box_text(claim: Claim, found: Measurement) -> str:
    """The plain form, for terminals and diffs."""
    result = verdict(claim, found.measured, found.interval)
    head = f"{SYMBOLS[result]} {result}: {_line(claim.statement)}"
    return "\n".join([head, *(f"  {name}: {text}" for name, text in rows(claim, found))])


def box_html(claim: Claim, found: Measurement) -> str:
    """The box, with everything in it escaped and no blank line."""
    result = verdict(claim, found.measured, found.interval)
    symbol = f'<span aria-hidden="true" style="color:{COLOURS[result]}">{SYMBOLS[result]}</span>'
    parts = [
        f'<div class="postkit-claim" role="group" aria-label="Claim {escape(claim.id)}"'
        f' style="{BOX.format(colour=COLOURS[result])}">',
        f'<p style="margin:0"><strong>{symbol} {escape(result)}</strong></p>',
        f'<p style="{ROW}">{escape(_line(claim.statement))}</p>',
        *(f'<p style="{ROW}"><strong>{name}:</strong> {_shown(text, found)}</p>' for name, text in rows(claim, found)),
        "</div>",
    ]
    return "\n".join(parts)
