"""How many units would settle what is open. Standard library only."""

from __future__ import annotations

import math
from statistics import NormalDist

from evidence.estimates import Estimate


def units_needed(found: Estimate, *, border: float, delta: float) -> int:
    """About how many units would settle on which side of the border the truth lies, or that it is within delta.

    An interval shrinks with the root of n. It settles a question when it leaves out the border: half a width is then
    below |value - border|; or when it lies wholly within delta of it: half a width is then below delta - |value - border|.
    Whichever takes fewer counts, if the value found is the true one.

    Args:
        delta: smallest distance from the border that is of interest, > 0.

    Raises:
        ValueError: if delta is not above 0.
    """
    if not delta > 0:
        raise ValueError(f"delta is {delta}; it must be above 0")
    off = abs(found.value - border)
    half, enough = (found.high - found.low) / 2, max(off, delta - off)
    return math.ceil(found.n * max(1.0, (half / enough) ** 2))


def units_for(delta: float, spread: float, *, power: float = 0.8, confidence: float = 0.95) -> int:
    """How many units show a mean difference of delta, or more, with the given power.

    Args:
        delta: smallest difference of interest, > 0.
        spread: standard deviation of one unit's difference, > 0, from a pilot.

    Raises:
        ValueError: if delta or spread is not above 0, or power or confidence is not in (0, 1).
    """
    if not (delta > 0 and spread > 0 and 0 < power < 1 and 0 < confidence < 1):
        raise ValueError(
            f"delta {delta}, spread {spread}, power {power}, confidence {confidence}: the first two must be above 0, "
            "the others in (0, 1)"
        )
    quantile = NormalDist().inv_cdf
    z = quantile((1 + confidence) / 2) + quantile(power)
    return math.ceil((z * spread / delta) ** 2) + 2  # two for Student's t instead of the normal distribution
