"""What a post's code uses: the modules of `lib` in its import closure, and the versions of what they import.

Found by reading, not by running: grimp builds the import graph of the packages below `lib/`. Where reading cannot tell
(a name taken from a package's `__init__`, a module that imports by string), the whole package counts. What really
happened is compared with it after each run: see `kernel.py`.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from press.core.memory import remembered
from press.posts.post import Post
from press.posts.used import DYNAMIC, is_dynamic


@dataclass(frozen=True)
class Library:
    """The packages below `<root>/lib`.

    Args:
        folder: the source root.
        packages: names of the packages in it, `press` left out: posts may not import it.
        files: module name -> its source file.
        imports: module name -> names of what it imports, modules of the library and top-level external names alike.
        memory: folder of remembered readings.
    """

    folder: Path
    packages: tuple[str, ...]
    files: dict[str, Path]
    imports: dict[str, frozenset[str]]
    memory: Path


def read_library(root: Path, work: Path) -> Library:
    """Build the import graph of `<root>/lib`.

    Args:
        work: the project's folder for what is remembered.
    """
    folder = root / "lib"
    packages = tuple(sorted(p.parent.name for p in folder.glob("*/__init__.py") if p.parent.name != "press"))
    files: dict[str, Path] = {}
    for package in packages:
        for path in sorted((folder / package).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    imports = _imports(folder, packages, files, work / "grimp")
    return Library(folder, packages, files, imports, work / "facts")


def _imports(folder: Path, packages: tuple[str, ...], files: dict[str, Path], cache: Path) -> dict[str, frozenset[str]]:
    if not packages:
        return {}
    import grimp

    sys.path.insert(0, str(folder))
    try:
        graph = grimp.build_graph(*packages, include_external_packages=True, cache_dir=str(cache))
    finally:
        sys.path.remove(str(folder))
    imports = {}
    for module, path in files.items():
        found = set(graph.find_modules_directly_imported_by(module)) if module in graph.modules else set()
        if _imports_by_string(path):
            found |= set(files)
        imports[module] = frozenset(found | set(_parents(module)))
    return imports


def _imports_by_string(path: Path) -> bool:
    source = path.read_text(encoding="utf-8")
    if not any(name in source for name in DYNAMIC):
        return False
    return any(map(is_dynamic, ast.walk(ast.parse(source))))


def _parents(module: str) -> Iterable[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def direct_imports(post: Post, library: Library) -> set[str]:
    """Names that the post's cells import: modules of the library, and top-level names of everything else."""
    found = {name.partition(".")[0] for name in post.uses.extensions}
    for module, name in post.uses.imports:
        found |= _resolve(module, name or None, library)
    return found | set(library.files) if post.uses.dynamic else found


def _resolve(module: str, name: str | None, library: Library) -> set[str]:
    top = module.partition(".")[0]
    if top not in library.packages:
        return {top}
    found = {module, *_parents(module)}
    if name and f"{module}.{name}" in library.files:
        return found | {f"{module}.{name}"}
    is_package = any(file.startswith(module + ".") for file in library.files)
    if is_package:  # an attribute of the package: it may come from any of its modules
        found |= {m for m in library.files if m.startswith(module + ".")}
    return found


def closure(post: Post, library: Library) -> tuple[dict[str, Path], frozenset[str]]:
    """Every module of the library that the post's imports reach, and the top-level external names that they import."""
    todo, seen, external = direct_imports(post, library), set(), set()
    while todo:
        name = todo.pop()
        if name in library.files:
            seen.add(name)
            todo |= library.imports.get(name, frozenset()) - seen
        else:
            external.add(name.partition(".")[0])
    return {name: library.files[name] for name in sorted(seen)}, frozenset(external - set(sys.stdlib_module_names))


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


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, or of the names and bytes of all files below a folder."""
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{file_hash(file)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
