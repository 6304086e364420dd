"""The search index: Pagefind over the finished pages, kept in the cache while their text stays the same."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
from pathlib import Path
from typing import Any

from press.core.command import OverLimit, run_within
from press.core.errors import fail
from press.renderer import store

FOLDER = "pagefind"
# Pagefind's ready-made user interfaces; ours (site.js) talks to pagefind.js only.
UNUSED = ("pagefind-ui", "pagefind-modular-ui", "pagefind-component-ui", "pagefind-highlight")


def binary() -> str:
    """Pagefind's path: the one in the PyPI wheel, else the one on PATH.

    Raises:
        PressError: there is none.
    """
    spec = importlib.util.find_spec("pagefind_bin")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).rglob("pagefind*")):
            if path.is_file() and path.suffix in ("", ".exe"):
                return str(path)
    found = shutil.which("pagefind")
    if not found:
        raise fail("", 0, "Pagefind not found. Install it with: pip install 'pagefind[bin]'")
    return found


def version() -> str:
    """Pagefind's version as the package metadata has it."""
    try:
        return importlib.metadata.version("pagefind_bin")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def index(cache: Path, out: Path, records: list[dict[str, Any]]) -> dict[str, tuple[Path, str]]:
    """Files of the search index, as path in the site -> file in the cache with its SHA-256. The pages must lie in `out`
    by now.

    Raises:
        PressError: Pagefind is missing or failed.
    """
    parts = [f"{r['url']}\n{r['title']}\n{r['text']}" for r in records]
    key = store.digest("search", version(), *sorted(parts))
    record = store.load(cache, key)
    if record is None:
        with store.scratch(cache) as work:
            _run(out, work / "entry")
            record = store.save(cache, key, work / "entry", {})
    return {f"{FOLDER}/{name}": (cache / key / name, digest) for name, digest in record["files"].items()}


def _run(out: Path, target: Path) -> None:
    command = [binary(), "--site", str(out), "--output-path", str(target), "--quiet"]
    try:
        run = run_within(command, 600)
    except OverLimit as error:
        raise fail("", 0, f"Pagefind was stopped: {error}") from None
    if run.returncode != 0 or not (target / "pagefind.js").is_file():
        raise fail("", 0, f"Pagefind failed: {(run.stdout + run.stderr).strip()[-2000:]}")
    for path in target.iterdir():
        if path.name.startswith(UNUSED):
            path.unlink()
