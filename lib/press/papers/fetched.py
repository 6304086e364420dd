"""What `press fetch` wrote of a paper, read again."""

from __future__ import annotations

import contextlib
import tomllib
from pathlib import Path


def doubts_of(root: Path, citekey: str) -> dict[str, str]:
    """Numbers of equations that are unsure -> why; none where the paper was not fetched.

    Args:
        root: the project's folder.
    """
    found: list = []
    with contextlib.suppress(OSError, ValueError):  # a file that is broken is for the next fetch to mend
        data = tomllib.loads((root / "papers" / citekey / "equations.toml").read_text(encoding="utf-8"))
        found = data.get("equations", [])
    return {str(entry.get("number")): str(entry["unsure"]) for entry in found if entry.get("unsure")}
