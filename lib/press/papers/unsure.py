"""Which numbers of equations are not certain, from the equations.toml that `press fetch` wrote."""

from __future__ import annotations

import tomllib
from pathlib import Path


def doubts_of(root: Path, citekey: str) -> dict[str, str]:
    """Numbers of equations that are unsure -> why; none where the paper was not fetched.

    Args:
        root: the project's folder.
    """
    try:
        data = tomllib.loads((root / "papers" / citekey / "equations.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a file that is broken is for the next fetch to mend
        return {}
    found = data.get("equations")
    entries = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
    return {str(entry.get("number")): str(entry["unsure"]) for entry in entries if entry.get("unsure")}
