"""Prose that the run chooses: a sentence that another seed could make false is picked by the measurement itself.

    in a cell     faster = told(gain, than=0, delta=0.05, above="Guidance helps: ...", below="Guidance harms: ...",
                                within="Guidance changes nothing that matters: ...", unsettled="Too few to tell: ...")
    in the text   `{python} faster`

It follows the measurement, not the verdict in `paper.toml`, since an edit of that file runs no post.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

ABOVE, BELOW, WITHIN, UNSETTLED = "above", "below", "within", "unsettled"


class Prose(str):
    """Text whose Markdown is kept where it stands as an inline value: emphasis, formulas and links work.

    Citations and shortcodes do not: they are resolved before a post runs. Keep them outside, in the text.
    """

    def _repr_markdown_(self) -> str:
        return str(self)


def side(found: Sequence[float], *, than: float = 0.0, delta: float | None = None) -> str:
    """On which side of a border a measurement lies, by the rule of the verdicts (`postkit.verdicts.verdict`).

    Args:
        found: an `evidence` Estimate, or (value, low, high).
        than: the border.
        delta: what lies within this distance of the border is too small to matter; None: any difference matters.

    Returns:
        "within" where the whole interval lies within `delta` of `than`, borders included; else "above" or "below" where
        it lies wholly on that side of `than`; else "unsettled".

    Raises:
        ValueError: see `spread`; or `than` is not finite, or `delta` not above 0.
    """
    _, low, high = spread(found)
    if not math.isfinite(than) or (delta is not None and not (math.isfinite(delta) and delta > 0)):
        raise ValueError(f"than is {than!r} and delta {delta!r}; they must be finite, and delta above 0 or None")
    if delta is not None and than - delta <= low and high <= than + delta:
        return WITHIN
    if low <= than <= high:
        return UNSETTLED
    return ABOVE if low > than else BELOW


def told(
    found: Sequence[float],
    *,
    above: str,
    below: str,
    unsettled: str,
    within: str | None = None,
    than: float = 0.0,
    delta: float | None = None,
) -> Prose:
    """The sentence that fits a measurement, for an inline value. Every outcome needs one, as any may occur.

    Args:
        found, than, delta: as for `side`.
        above, below: where the whole interval lies above, or below, `than`.
        unsettled: where it holds `than`.
        within: where it lies within `delta` of `than`; given exactly where `delta` is.

    Raises:
        ValueError: see `side`; `within` without `delta` or the other way round; a sentence that is empty.
    """
    if (within is None) != (delta is None):
        raise ValueError(f"within is {within!r} and delta {delta!r}; give both or neither")
    sentences = {ABOVE: above, BELOW: below, UNSETTLED: unsettled}
    if within is not None:
        sentences[WITHIN] = within
    for name, sentence in sentences.items():
        if not sentence.strip():
            raise ValueError(f"the sentence for {name!r} is empty; say what is so then")
    # An inline value stands within a line.
    return Prose(" ".join(sentences[side(found, than=than, delta=delta)].split()))


def with_interval(found: Sequence[float], form: str = ".3g", *, scale: float = 1.0, unit: str = "") -> str:
    """A value and its interval as prose and tables print them: `62% (55% to 70%)`.

    Args:
        found: an `evidence` Estimate, or (value, low, high).
        form: how each of the three is formatted, such as ".0%" or ".2f".
        scale: what they are multiplied by first.
        unit: what follows each of them, such as " dB".

    Raises:
        ValueError: see `side`; or `form` is not a number format.
    """
    value, low, high = (f"{scale * x:{form}}{unit}".replace("-", "\N{MINUS SIGN}") for x in spread(found))
    return f"{value} ({low} to {high})"


def spread(found: Sequence[float]) -> tuple[float, float, float]:
    """(value, low, high) of an `evidence` Estimate, or of three numbers; scalars of NumPy and torch are fine.

    Raises:
        ValueError: it is neither, a number is not finite, or low <= value <= high does not hold.
    """
    try:
        value, low, high = (float(x) for x in tuple(found)[:3])
    except (TypeError, ValueError):
        raise ValueError(f"the measurement is {found!r}; it must be an Estimate or (value, low, high)") from None
    if not (math.isfinite(low) and math.isfinite(high) and low <= value <= high):
        raise ValueError(f"the measurement is {value!r} ({low!r} to {high!r}); need finite low <= value <= high")
    return value, low, high
