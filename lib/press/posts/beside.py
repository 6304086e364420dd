"""Modules of the project outside `lib/` that a post imports, such as a helper beside it; found by reading.

A kernel works in the folder of its post, so `import helper` finds posts/x/helper.py. What reading cannot find, the
watched kernel does.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable
from pathlib import Path

from press.core.source import relative
from press.posts.magics import BROKEN, read_cell
from press.posts.post import Post
from press.posts.used import dotted, imports_in


def modules_beside(post: Post, folder: Path, root: Path) -> tuple[dict[str, Path], set[str]]:
    """Files that a post's imports and `%run` lead to, by their path relative to the root, and what else these import.

    Args:
        folder: in which its kernel works.
        root: only files below it count.
    """
    files, names = files_beside(post.uses.modules, post.uses.runs, folder, root)
    own = {relative(folder / name, root) for name in post.uses.writes}  # what the post itself makes
    return {name: path for name, path in files.items() if name not in own}, names


def files_beside(
    imports: Iterable[str], runs: Iterable[str], folder: Path, root: Path
) -> tuple[dict[str, Path], set[str]]:
    """The same of dotted names that are imported and of files that `%run` executes."""
    files: dict[str, Path] = {}
    names, todo = set(imports), [folder / name for name in runs]
    done: set[str] = set()
    while names - done or todo:
        for name in sorted(names - done):
            done.add(name)
            todo += _found(name, folder)
        while todo:
            path = todo.pop()
            name = relative(path, root)
            if name in files or not os.path.isfile(path) or not path.resolve().is_relative_to(root.resolve()):
                continue
            files[name] = path
            names |= _names_in(path)
    return files, names


def _found(name: str, folder: Path) -> list[Path]:
    """The files of a dotted module name, its packages included, that lie in this folder."""
    parts, found = name.split("."), []
    for end in range(1, len(parts) + 1):
        stem = folder.joinpath(*parts[:end])
        found += [path for path in (stem.with_suffix(".py"), stem / "__init__.py") if os.path.isfile(path)]
    return found


def _names_in(path: Path) -> set[str]:
    """What a module imports; relative imports by what they mean within its own package."""
    try:
        tree = read_cell(path.read_text(encoding="utf-8"))[0] if path.suffix != ".ipynb" else ast.Module([], [])
    except (OSError, *BROKEN):
        return set()  # the run will say
    return dotted(imports_in(tree, path))
