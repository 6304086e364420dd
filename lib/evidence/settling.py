"""How many units a question takes, before it is asked. Standard library only."""

from __future__ import annotations

import math
from statistics import NormalDist


def units_for(delta: float, spread: float, *, power: float = 0.8, confidence: float = 0.95) -> int:
    """How many units show a mean difference of delta, or more, with the given power.

    Where there is no difference, the interval then lies within delta of 0, and says so, with probability 2 power - 1:
    ask for 0.9 to show either with 0.8.

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
