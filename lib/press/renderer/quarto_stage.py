"""A copy of the project for Quarto, in which executed pages stand in place of their sources.

Quarto would execute Quarto Markdown again, and knows nothing of the results that the press keeps. In the copy each such
page has its results written out as Markdown (quarto_markdown.py) under its own name: so listings, links and `render:`
find what they expect. The copy lies outside the project, as Quarto passes over folders whose names begin with a dot,
and everything that Quarto writes beside its site stays there.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from press.core.errors import PressError, Problem
from press.core.project import Project
from press.core.source import relative
from press.posts.post import to_bytes
from press.renderer.quarto_markdown import to_markdown, unexecuted

ENVIRONMENT = "pyvenv.cfg"  # what a virtual environment is known by


@contextlib.contextmanager
def staged(project: Project, books: Mapping[str, Path]) -> Iterator[Path]:
    """The folder of the copy, which is removed afterwards.

    Args:
        books: page -> the executed notebook that stands for it.

    Raises:
        PressError: files that cannot be copied.
    """
    with tempfile.TemporaryDirectory(prefix="press-quarto-", ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "project"
        try:
            shutil.copytree(project.root, root, ignore=lambda here, names: _left_out(project, Path(here), names))
        except shutil.Error as error:
            found = sorted((relative(Path(source), project.root), why) for source, _, why in error.args[0])
            raise PressError([Problem(name, 0, f"cannot be copied for Quarto: {why}") for name, why in found]) from None
        for page, place in books.items():
            notebook = json.loads(place.read_bytes())
            target = root / page
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.suffix == ".ipynb":
                target.write_bytes(to_bytes(unexecuted(notebook)))
            else:
                target.write_text(to_markdown(notebook, page, root, project.config), encoding="utf-8")
        yield root


def _left_out(project: Project, here: Path, names: list[str]) -> set[str]:
    """What is of no use to Quarto, or has no end; a link to a folder is followed, unless it leads back up."""
    above = {folder.resolve() for folder in (here, *here.parents) if folder.is_relative_to(project.root)}

    def is_left_out(name: str) -> bool:
        path = here / name
        if path == project.site or name == "node_modules" or (path / ENVIRONMENT).is_file():
            return True
        if here == project.root and name.startswith(".") and (path.is_dir() or name.endswith(".local.tmp")):
            return True
        if path.is_dir():
            return path.is_symlink() and path.resolve() in above | set(project.root.parents)
        return not path.is_file()  # a link that leads nowhere, a pipe

    return {name for name in names if is_left_out(name)}
