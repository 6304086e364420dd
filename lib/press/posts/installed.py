"""What a post imports from outside the project: the versions of distributions, and code that no version stands for."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import site
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from press.core.memory import remembered

PASSED_OVER = ("__pycache__", "node_modules")


def versions(names: frozenset[str], memory: Path) -> dict[str, str]:
    """Versions of the distributions that provide these import names, and of all that those require.

    Args:
        memory: folder of remembered readings.
    """
    todo = {dist for name in names for dist in _distributions(memory).get(name, ())}
    found: dict[str, str] = {}
    while todo:
        name = todo.pop()
        if name in found:
            continue
        installed = _requires(name)
        if installed:
            found[name] = installed[0]
            todo |= set(installed[1]) - set(found)
    return dict(sorted(found.items()))


@functools.cache
def _distributions(memory: Path) -> dict[str, list[str]]:
    """Import name -> distributions that provide it; read again when a package comes or goes."""
    places = [[name, os.stat(name).st_mtime_ns] for name in sys.path if os.path.isdir(name)]

    def read() -> dict[str, list[str]]:
        table = importlib.metadata.packages_distributions()
        return {name: sorted({_canonical(dist) for dist in dists}) for name, dists in table.items()}

    return remembered(memory, json.dumps(["distributions 1", sys.version, places]), read)


@functools.cache
def _requires(name: str) -> tuple[str, tuple[str, ...]] | None:
    """Version and unconditional requirements of an installed distribution; None if it is not installed."""
    from packaging.requirements import Requirement

    try:
        dist = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    requirements = map(Requirement, dist.requires or ())
    needed = [_canonical(r.name) for r in requirements if not r.marker or r.marker.evaluate({"extra": ""})]
    return dist.version, tuple(needed)


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def outside(names: Iterable[str], root: Path) -> dict[str, Path]:
    """Those of these top-level names whose code lies neither in the project nor where packages are installed, such as a
    package that is installed in editable form, or one on PYTHONPATH: name -> its file or folder.

    Args:
        root: of the project, whose own files the watched kernel sees.
    """
    found = {name: place for name in names if (place := _place(name))}
    return {name: place for name, place in found.items() if not place.is_relative_to(root)}


@functools.cache
def _place(name: str) -> Path | None:
    """Where the code of a top-level module lies that is no part of an installation."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.origin or not os.path.isfile(spec.origin):
        return None  # built in, or a folder without code of its own
    path = Path(os.path.realpath(spec.origin))
    if any(path.is_relative_to(folder) for folder in installations()):
        return None
    return path.parent if spec.submodule_search_locations else path


@functools.cache
def installations() -> tuple[str, ...]:
    """The folders in which Python's own modules and packages are installed."""
    own = [sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    more = [folder for folder in sys.path if folder.endswith("-packages")]
    return tuple({os.path.realpath(folder) for folder in (*own, *more, *site.getsitepackages())})


def code_hash(place: Path) -> str:
    """SHA-256 of a module's file, or of the names and texts of all modules below a package's folder."""
    digest = hashlib.sha256()
    for path in code_files(place):
        digest.update(f"{path.relative_to(place).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def code_files(place: Path) -> list[Path]:
    """The files with Python code at or below a place, sorted."""
    if place.is_file():
        return [place]
    found = []
    for folder, folders, names in os.walk(place):
        folders[:] = [name for name in folders if name[0] != "." and name not in PASSED_OVER]
        found += [Path(folder, name) for name in names if name.endswith((".py", ".so", ".pyd"))]
    return sorted(found)
