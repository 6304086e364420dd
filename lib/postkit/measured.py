"""From an estimate to a claim's box, in one call for all claims of a post."""

from __future__ import annotations

from collections.abc import Sequence

from postkit.claims import ClaimBox, claim
from postkit.saying import spread


def measured(
    id: str, found: Sequence[float], *, paper: str, seeds: int | Sequence[int], unless: str = ""
) -> ClaimBox | None:
    """The box of a claim for an estimate; `box = partial(measured, paper=..., seeds=...)` fixes what claims share.

    Args:
        id, paper, seeds: as for `postkit.claims.claim`.
        found: an `evidence` Estimate, or (value, low, high).
        unless: why this run measures no claims, such as another checkpoint; it is printed in place of the box. "" where
            it does.

    Returns:
        What a cell ends with, to be shown; None where the claim is not measured.

    Raises:
        ValueError: see `postkit.claims.claim`.
    """
    if unless:
        print(f"{id}: not measured, as {unless}")
        return None
    value, low, high = spread(found)
    return claim(id, paper=paper, measured=value, interval=(low, high), seeds=seeds)
