"""Call Pandoc, from its PyPI wheel."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path


@functools.cache
def pandoc_path() -> str:
    """The program's path."""
    import pypandoc

    return pypandoc.get_pandoc_path()


@functools.cache
def pandoc_version() -> str:
    """The program's version, such as "3.9"."""
    return run_pandoc(["--version"], "").split()[1]


def run_pandoc(arguments: list[str], text: str, cwd: Path | None = None) -> str:
    """Feed `text` to Pandoc and return what it prints.

    Raises:
        RuntimeError: Pandoc failed; carries what it said on standard error.
    """
    done = subprocess.run([pandoc_path(), *arguments], input=text.encode(), capture_output=True, cwd=cwd, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode()
