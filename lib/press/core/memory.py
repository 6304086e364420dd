"""Readings that take long, kept as JSON by the hash of what they were read from."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from press.core.disk import write_atomic


def remembered(folder: Path, content: str | bytes, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `read` returns, from the folder where that is known; a damaged entry counts as none.

    Args:
        content: all that the reading depends on, the version of the code that reads included.
    """
    data = content.encode() if isinstance(content, str) else content
    path = folder / (hashlib.sha256(data).hexdigest() + ".json")
    with contextlib.suppress(OSError, ValueError):
        if isinstance(found := json.loads(path.read_bytes()), dict):
            return found
    made = read()
    write_atomic(path, json.dumps(made).encode())
    return made
