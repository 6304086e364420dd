"""How a claim and its measurement look: the box on a page, and plain text."""

from __future__ import annotations

from html import escape

from postkit.pooling import LEAST, Recorded
from postkit.verdicts import (
    CONTRADICTED,
    DIRECTION_ONLY,
    INCONCLUSIVE,
    NO_EFFECT,
    REPRODUCED,
    Claim,
    Measurement,
    times_needed,
    verdict,
)

# Colour never stands alone: each verdict has its word and a symbol. The colours are those of `postkit.style`, mid-tones
# that show on light and dark pages; text keeps the page's own colour, and nothing is painted behind it, so it prints.
SYMBOLS = {
    REPRODUCED: "\u2713",
    DIRECTION_ONLY: "\u2192",
    CONTRADICTED: "\u2717",
    NO_EFFECT: "=",
    INCONCLUSIVE: "?",
}
COLOURS = {
    REPRODUCED: "#3f746c",
    DIRECTION_ONLY: "#1271f5",
    CONTRADICTED: "#cd3c04",
    NO_EFFECT: "#a841a8",
    INCONCLUSIVE: "#7c7c7c",
}
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
    """The value and its interval: `2.1 [1.7, 2.6]`; an exact value alone."""
    if not found.seed_count:
        return number(found.measured)
    low, high = map(number, found.interval)
    return f"{number(found.measured)} [{low}, {high}]"


def value_text(found: Measurement) -> str:
    """The measurement in short: `2.1 [1.7, 2.6], 3 seeds`; `49, exact`."""
    seeds = {0: "exact", 1: "1 seed"}.get(found.seed_count, f"{found.seed_count} seeds")
    scale = "" if found.scale == "small" else f", {found.scale} scale"
    return f"{interval_text(found)}, {seeds}{scale}"


def recorded_text(claim: Claim, recorded: Recorded) -> str:
    """What is on record: `on 2026-11-28, 10 seeds: 2.1 [1.7, 2.6], REPRODUCED`."""
    seeds = f"{recorded.seeds} seed{'s' * (recorded.seeds > 1)}"
    more = f", with {_line(recorded.parameters)}" if recorded.parameters else ""
    more += " (of an earlier version of the post)" if recorded.current is False else ""
    if recorded.found is None:
        return f"begun on {recorded.day}, {seeds} of at least {LEAST}{more}"
    return f"on {recorded.day}, {seeds}: {interval_text(recorded.found)}, {recorded_verdict(claim, recorded)}{more}"


def recorded_verdict(claim: Claim, recorded: Recorded) -> str:
    """The verdict on record; "" where there are too few runs for one."""
    found = recorded.found
    return verdict(claim, found.measured, found.interval) if found else ""


def settled(claim: Claim, found: Measurement, recorded: Recorded | None) -> str:
    """What the record says of a claim that this build leaves open: ` here; REPRODUCED on record`; "" for nothing."""
    known = recorded_verdict(claim, recorded) if recorded and recorded.current else ""
    if known in ("", INCONCLUSIVE) or verdict(claim, found.measured, found.interval) != INCONCLUSIVE:
        return ""
    return f" here; {SYMBOLS[known]} {known} on record"


def rows(claim: Claim, found: Measurement, recorded: Recorded | None = None) -> list[tuple[str, str]]:
    """(name, text) of each line below the statement."""
    place = ", ".join(_line(part) for part in (claim.table, claim.row) if part)
    lines = [
        ("paper", f"{_line(claim.number)} ({place})"),
        ("here", f"{_line(claim.quantity)} = {value_text(found)}"),
        ("holds if", _condition(claim)),
    ]
    if more := remark(claim, found, recorded):
        lines.append(more)
    if recorded:
        lines.append(("recorded", recorded_text(claim, recorded)))
    return lines


def remark(claim: Claim, found: Measurement, recorded: Recorded | None = None) -> tuple[str, str] | None:
    """What is said below a verdict: ("open", what would settle it) or ("why", the reason); None below the others.

    Where this build leaves the question open, it is about the record's verdict. A reason stands only below the verdict
    that it was written about; where there is none, nobody has looked.
    """
    known = recorded_verdict(claim, recorded) if recorded and recorded.current else ""
    result, about = verdict(claim, found.measured, found.interval), claim.verdict.get(found.scale)
    if known:
        result, about = (known if said == INCONCLUSIVE else said for said in (result, about))
    if result == INCONCLUSIVE:
        return "open", _settled_by(claim, found)
    if claim.reason and result != REPRODUCED and result == about:
        return "why", _line(claim.reason)
    return ("why", "not examined") if result in (CONTRADICTED, NO_EFFECT) else None


def _settled_by(claim: Claim, found: Measurement) -> str:
    """What an open question costs."""
    times = times_needed(claim, found.measured, found.interval)
    if times > 1000:
        return "over 1000 times as much data would be needed: more of this kind will hardly settle it"
    much = f"{max(1.1, times):.2g}" if times < 10 else str(round(times))
    return f"about {much} times as much data would settle it"


def _condition(claim: Claim) -> str:
    near = ""
    if claim.expected is not None:
        share = f"{number(100 * claim.tolerance)} %" if claim.expected else number(claim.tolerance)
        near = f"within {share} of {number(claim.expected)}"
    if claim.direction == "near":
        return near
    border = f"{claim.direction} {number(claim.than)}"
    if claim.delta is not None:
        border += f"; within {number(claim.delta)} of it is no effect"
    return f"{border}; reproduced if also {near}" if near else border


def _shown(text: str, found: Measurement) -> str:
    """A row's text, escaped; our value, which ends its row, stands out from the words before it."""
    value = f" = {value_text(found)}"
    if not text.endswith(value):
        return escape(text)
    return f"{escape(text.removesuffix(value))} = <strong>{escape(value_text(found))}</strong>"


def _line(text: str) -> str:
    return " ".join(text.split())


def box_text(claim: Claim, found: Measurement, recorded: Recorded | None = None) -> str:
    """The plain form, for terminals and diffs."""
    result = verdict(claim, found.measured, found.interval)
    head = f"{SYMBOLS[result]} {result}{settled(claim, found, recorded)}: {_line(claim.statement)}"
    return "\n".join([head, *(f"  {name}: {text}" for name, text in rows(claim, found, recorded))])


def box_html(claim: Claim, found: Measurement, recorded: Recorded | None = None) -> str:
    """The box, with everything in it escaped and no blank line."""
    result = verdict(claim, found.measured, found.interval)
    symbol = f'<span aria-hidden="true" style="color:{COLOURS[result]}">{SYMBOLS[result]}</span>'
    lines = rows(claim, found, recorded)
    parts = [
        f'<div class="postkit-claim" role="group" aria-label="Claim {escape(claim.id)}"'
        f' style="{BOX.format(colour=COLOURS[result])}">',
        f'<p style="margin:0"><strong>{symbol} {escape(result)}</strong>{escape(settled(claim, found, recorded))}</p>',
        f'<p style="{ROW}">{escape(_line(claim.statement))}</p>',
        *(f'<p style="{ROW}"><strong>{name}:</strong> {_shown(text, found)}</p>' for name, text in lines),
        "</div>",
    ]
    return "\n".join(parts)
