"""Terminal text as it looks at the end: each carriage-return line in its last state, colours as spans with classes.

The eight colours are classes, which a light and a dark page draw differently; any other colour becomes the nearest of
the eight, so that all can be read on either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
COLOUR = re.compile(r"\x1b\[([0-9;:]*)m")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
STYLES = {1: "bold", 2: "faint", 3: "italic", 4: "underline", 7: "inverse", 9: "strike"}
ENDS = {21: ("bold",), 22: ("bold", "faint"), 23: ("italic",), 24: ("underline",), 27: ("inverse",), 29: ("strike",)}


def plain(text: str) -> str:
    """The text without its colours."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", _settled(ANSI.sub("", text)))


def coloured(text: str) -> str | None:
    """The text as HTML, escaped; None if it has no colours."""
    if not COLOUR.search(text):
        return None
    settled = _settled(ANSI.sub(lambda match: match[0] if COLOUR.fullmatch(match[0]) else "", text))
    done, at, state = [], 0, {}
    for match in [*COLOUR.finditer(settled), None]:
        piece = CONTROL.sub("\N{REPLACEMENT CHARACTER}", settled[at : match.start() if match else len(settled)])
        if piece:
            classes = " ".join(f"ansi-{value}" for value in state.values())
            done.append(f'<span class="{classes}">{escape(piece)}</span>' if classes else escape(piece))
        if match:
            at = match.end()
            _apply(match[1], state)
    return "".join(done)


def _settled(text: str) -> str:
    return "\n".join(_last_state(line) for line in text.replace("\r\n", "\n").split("\n"))


def _last_state(line: str) -> str:
    states = [part for part in line.split("\r") if COLOUR.sub("", part).strip()]
    last = states[-1] if states else ""
    last = _rubbed_out(last) if "\b" in last else last
    return last.rstrip() if len(states) > 1 else last


def _rubbed_out(line: str) -> str:
    """What a spinner's or a progress bar's backspaces leave: each takes one character, and no colour."""
    done: list[str] = []
    for piece in re.findall(COLOUR.pattern.replace("(", "(?:") + "|.", line):
        if piece != "\b":
            done.append(piece)
            continue
        colours = []
        while done and len(done[-1]) > 1:
            colours.append(done.pop())
        del done[-1:]
        done += reversed(colours)
    return "".join(done)


def _apply(codes: str, state: dict[str, str]) -> None:
    """Change the state (what is switched on: its class) as a sequence says."""
    numbers = iter(int(code) if code.isdigit() else 0 for code in re.split("[;:]", codes)[:32])
    for number in numbers:
        if number == 0:
            state.clear()
        elif number in STYLES:
            state[STYLES[number]] = STYLES[number]
        elif number in ENDS:
            for name in ENDS[number]:
                state.pop(name, None)
        elif number in (38, 48):
            colour = _extended(numbers)
            if colour is not None:
                state["fg" if number == 38 else "bg"] = f"{'fg' if number == 38 else 'bg'}-{colour}"
        elif number in (39, 49):
            state.pop("fg" if number == 39 else "bg", None)
        else:
            for first, name in ((30, "fg"), (40, "bg"), (90, "fg"), (100, "bg")):
                if first <= number < first + 8:
                    state[name] = f"{name}-{number - first}"


def _extended(numbers: Iterator[int]) -> int | None:
    """The nearest of the eight colours to one of 256, or of millions."""
    mode = next(numbers, 0)
    if mode == 2:
        return _nearest(*(next(numbers, 0) for _ in range(3)))
    number = next(numbers, 0)
    if mode != 5 or number > 255:
        return None
    if number < 16:
        return number % 8
    if number >= 232:
        return 7
    cube = number - 16
    return _nearest(*((cube // place % 6) * 51 for place in (36, 6, 1)))


def _nearest(red: int, green: int, blue: int) -> int:
    low, high = min(red, green, blue), max(red, green, blue)
    if high - low < 40:
        return 7
    middle = (low + high) / 2
    return (red > middle) + 2 * (green > middle) + 4 * (blue > middle)
