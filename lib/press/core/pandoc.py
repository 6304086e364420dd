"""Find Pandoc and call it: the one in its PyPI wheel, else the one on PATH."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import math
import os
import shutil
import subprocess
from pathlib import Path

from press.core.command import OverLimit, run_within
from press.core.errors import fail


@functools.lru_cache(maxsize=1)
def binary() -> str:
    """Pandoc's path.

    Raises:
        PressError: there is none.
    """
    spec = importlib.util.find_spec("pypandoc")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for name in ("pandoc", "pandoc.exe"):
            if (Path(folder) / "files" / name).is_file():
                return str(Path(folder) / "files" / name)
    found = shutil.which("pandoc")
    if not found:
        raise fail("", 0, "Pandoc not found. Install it with: pip install pypandoc_binary")
    return found


@functools.lru_cache(maxsize=1)
def version() -> str:
    """A string that changes when Pandoc does; without starting it where that can be helped."""
    try:
        return f"wheel {importlib.metadata.version('pypandoc_binary')} {os.stat(binary()).st_size}"
    except importlib.metadata.PackageNotFoundError:
        done = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[0]


def run_pandoc(arguments: list[str], text: str, seconds: float = math.inf) -> str:
    """Feed `text` to Pandoc and return what it prints.

    Args:
        seconds: of processor time that it may use.

    Raises:
        RuntimeError: Pandoc failed; carries what it said on standard error. Or it used more.
    """
    try:
        done = run_within([binary(), *arguments], seconds, text=text)
    except OverLimit as error:
        raise RuntimeError(f"Pandoc was stopped: {error}") from None
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return done.stdout
