"""Find Pandoc and call it: the one in its PyPI wheel, else the one on PATH."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

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


def run_pandoc(arguments: list[str], text: str, timeout: float | None = None) -> str:
    """Feed `text` to Pandoc and return what it prints.

    Raises:
        RuntimeError: Pandoc failed; carries what it said on standard error. Or it took over `timeout` seconds.
    """
    try:
        done = subprocess.run(
            [binary(), *arguments], input=text.encode(), capture_output=True, check=False, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"Pandoc took longer than {timeout:.0f} seconds") from None
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode()
