"""What papers print, as far as a post's cells read it through `postkit.printed`: a part of that post's key."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable
from pathlib import Path

READER = "postkit.printed"


def numbers_parts(modules: Iterable[str], root: Path) -> dict[str, str]:
    """For a post that has the reader in its import closure: "numbers <citekey>" -> hash of that paper's numbers.

    Those of every paper, as a cell may compute which one it reads. A paper.toml counts as a whole while it is broken.
    """
    if READER not in modules:
        return {}
    return {f"numbers {path.parent.name}": _hash(path) for path in sorted((root / "papers").glob("*/paper.toml"))}


def _hash(path: Path) -> str:
    data = b""
    try:
        data = path.read_bytes()
        claims = tomllib.loads(data.decode()).get("claims", [])
        numbers = [(claim["id"], claim["numbers"]) for claim in claims if claim.get("numbers")]
        data = json.dumps(numbers).encode()
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        pass
    return hashlib.sha256(data).hexdigest()
