"""What the code of a post uses, read from its syntax once for each content: imports, files, commands, names."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from press.core.errors import PressError, Problem, fail
from press.core.memory import remembered
from press.posts.magics import BROKEN, Magics, read_cell
from press.posts.post import MAGIC, CodeCell

VERSION = "uses 2"
DYNAMIC = {"import_module", "__import__"}


@dataclass
class Uses:
    """What cells use; lists, as this is kept as JSON.

    Args:
        imports: [module, name] of each import; name "" if the module itself is imported.
        dynamic: whether something is imported by a name that only the run knows.
        runs: files that `%run` executes, as written.
        extensions: modules that `%load_ext` and `%run -m` import.
        writes: files that `%%writefile` makes.
        shell: [cell, its line from 1, command] of each command that leaves Python.
        read: names that are read.
    """

    imports: list[list[str]] = field(default_factory=list)
    dynamic: bool = False
    runs: list[str] = field(default_factory=list)
    extensions: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    shell: list[list[Any]] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    @property
    def modules(self) -> set[str]:
        """The dotted names that are imported, those of modules and those in them."""
        return dotted(self.imports) | set(self.extensions)


def uses_of(cells: Sequence[CodeCell], memory: Path, problems: list[Problem]) -> Uses:
    """What the cells use that are evaluated.

    Args:
        memory: folder of remembered readings.
        problems: where to add those of cells that are neither Python nor IPython, which are then left out.
    """
    chosen = [cell for cell in cells if cell.evaluated]
    content = json.dumps([VERSION, [[cell.name, cell.code] for cell in chosen]])
    wrong: list[Problem] = []
    found = Uses()

    def read() -> dict[str, Any]:
        for cell in chosen:
            try:
                _add(cell, found)
            except PressError as error:
                wrong.extend(error.problems)
        if wrong:
            raise PressError(wrong)  # so that nothing is remembered
        return asdict(_tidy(found))

    try:
        return Uses(**remembered(memory, content, read))
    except PressError:
        problems += wrong
        return _tidy(found)


def _add(cell: CodeCell, found: Uses) -> None:
    tree, magics = parse(cell)
    found.imports += map(list, imports_in(tree))
    found.dynamic |= any(map(is_dynamic, ast.walk(tree)))
    found.runs += magics.runs
    found.extensions += magics.extensions
    found.writes += magics.writes
    found.shell += [[cell.name, row, command] for row, command in magics.shell]
    found.read += [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]


def _tidy(found: Uses) -> Uses:
    found.imports = [list(pair) for pair in sorted({(module, name) for module, name in found.imports})]
    found.read = sorted(set(found.read))
    return found


def parse(cell: CodeCell) -> tuple[ast.Module, Magics]:
    """The cell's syntax tree, and what it does beside plain Python; `%matplotlib` and `%config` lines count as blank.

    Raises:
        PressError: it is neither Python nor IPython; with file and line.
    """
    lines = ["" if MAGIC.match(line) else line for line in cell.code.split("\n")]
    try:
        return read_cell("\n".join(lines))
    except BROKEN as error:
        number = min(getattr(error, "lineno", None) or 1, len(lines))
        why = getattr(error, "msg", "") or str(error) or type(error).__name__
        what = f"not valid Python: {why}: {lines[number - 1].strip()[:200]}"
        if not cell.line:
            raise fail(cell.file, 0, f"{cell.name}, line {number}: {what}") from None
        raise fail(cell.file, cell.line + number - 1, what) from None


def imports_in(tree: ast.Module, path: Path | None = None) -> Iterator[tuple[str, str]]:
    """(module, name) of each import; relative imports by what they mean within their own package.

    Args:
        path: the module's file; None for a notebook, which has no relative imports.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and path is not None and (package := _package(path, node.level)):
            module = ".".join([*package, node.module] if node.module else package)
            yield from ((module, alias.name) for alias in node.names)


def _package(path: Path, level: int) -> list[str]:
    """The dotted name of the package that a relative import in this file counts from."""
    folder = path.parent
    for _ in range(level - 1):
        folder = folder.parent
    names: list[str] = []
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    return names


def is_dynamic(node: ast.AST) -> bool:
    """Whether this names a function that imports by string."""
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
    return name in DYNAMIC


def dotted(pairs: Iterable[Sequence[str]]) -> set[str]:
    """The dotted names of imports, those of modules and those in them."""
    found = list(pairs)
    return {module for module, _ in found} | {f"{module}.{name}" for module, name in found if name}
