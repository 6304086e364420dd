"""A post as it is read: where it lies, its cells, its parameters, its unexecuted notebook."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from press.core.celloptions import option_rows

if TYPE_CHECKING:
    from press.posts.used import Uses

MAGIC = re.compile(r"^%(matplotlib|config)\b.*$")  # frequent, and of no matter to the key
KERNEL = "python3"
INDENT = "md-indent"  # Quarto's name for the spaces before a cell, in its metadata
EXERCISE = "exercise"  # tag of a cell that answers an exercise
INJECTED = "injected-parameters"  # papermill's tag of the cell that it adds; here its name too
KEPT = ".press/posts"  # executed notebooks that have no place among the sources


@dataclass(frozen=True)
class Source:
    """Where a post comes from.

    Args:
        slug: its name in commands.
        path: the file that its author wrote.
        page: the site's input that it makes, relative to the root: the file itself, or the notebook beside a post.qmd.
    """

    slug: str
    path: Path
    page: str

    @property
    def beside(self) -> bool:
        """Whether the page is a notebook that the press writes beside a post.qmd."""
        return self.path.suffix == ".qmd" and self.page.endswith(".ipynb")

    def place(self, root: Path) -> Path:
        """Where the executed notebook lies. No source is ever written to."""
        return root / (self.page if self.beside else f"{KEPT}/{self.page}.ipynb")


@dataclass(frozen=True)
class CodeCell:
    """One python cell: its name, source, options (`#|` lines, parsed) and first line in the source file.

    Args:
        line: 0 in a notebook, whose lines nobody knows.
        evaluated: whether it is to run at all.
        may_fail: whether an exception in it is part of the page, and the next cells run.
    """

    name: str
    source: str
    options: dict[str, Any]
    file: str
    line: int
    tags: tuple[str, ...] = ()
    evaluated: bool = True
    may_fail: bool = False

    @property
    def code(self) -> str:
        """The source without its option lines: what the kernel's result depends on."""
        lines = self.source.split("\n")
        return "\n".join([""] * self.option_lines + lines[self.option_lines :])

    @property
    def option_lines(self) -> int:
        """How many lines at the top are `#|` options."""
        return len(option_rows(self.source))


@dataclass(frozen=True)
class Inline:
    """A value within the text, `{python} EXPRESSION`.

    Args:
        name: of the cell that evaluates it.
        text: name of the text cell in which it stands; the expression is evaluated when the run gets there.
        after: name of the code cell above; "" for none.
    """

    name: str
    text: str
    after: str
    expression: str
    file: str
    line: int


@dataclass(frozen=True)
class Post:
    """A post's source, read and checked, before anything runs.

    Args:
        slug: its name in commands.
        file: the source, relative to the project root.
        page: the site's input that it makes, relative to the root.
        meta: front matter, over what `_quarto.yml` and the folders' `_metadata.yml` say.
        cells: the python cells in order.
        parameters: names assigned in the cell tagged `parameters`, with their default (None if it is no literal).
        includes: files put in by `{{< include >}}`, relative to the root.
        data: files and folders that `data:` declares, relative to the root.
        notebook: the unexecuted notebook, as nbformat 4.5 JSON.
        uses: what its code uses.
        inline: the values within its text.
        runs: whether the press executes it; if not, its code is shown.
        folder: in which its kernel works, relative to the root: that of the source, unless `execute-dir: project`.
    """

    slug: str
    file: str
    page: str
    meta: dict[str, Any]
    cells: tuple[CodeCell, ...]
    parameters: dict[str, Any]
    includes: tuple[str, ...]
    data: tuple[str, ...]
    notebook: dict[str, Any] = field(repr=False)
    uses: Uses = field(repr=False)
    inline: tuple[Inline, ...] = ()
    runs: bool = True
    folder: str = ""

    @property
    def exercises(self) -> frozenset[str]:
        """Names of the cells tagged `exercise` with which the post ends: no measurement above depends on them."""
        end = takewhile(lambda cell: EXERCISE in cell.tags or not cell.evaluated, reversed(self.cells))
        return frozenset(cell.name for cell in end)

    @property
    def place(self) -> str:
        """Where the executed notebook is written, relative to the root."""
        return f"{KEPT}/{self.page}.ipynb" if self.page == self.file else self.page


def page_of(slug: str, notebook: dict[str, Any]) -> str:
    """The site's input that a post's notebook makes, relative to the root."""
    press = notebook.get("metadata", {}).get("press") or {}
    return str(press.get("page") or f"posts/{slug}/index.ipynb")


def place_of(slug: str, notebook: dict[str, Any]) -> str:
    """Where a post's executed notebook is written, relative to the root: its page, or below `.press/`."""
    press, page = notebook.get("metadata", {}).get("press") or {}, page_of(slug, notebook)
    return f"{KEPT}/{page}.ipynb" if press.get("source", "") == page else page


def named_in(post: Post, names: Iterable[str]) -> list[str]:
    """Those of these names, such as ids of claims, that the post's code has as texts."""
    code = "\n".join(cell.code for cell in post.cells if cell.evaluated)
    return [name for name in names if f'"{name}"' in code or f"'{name}'" in code]


def new_cell(kind: str, name: str, source: str, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    """A cell that has not run."""
    # The source is a list of lines: Quarto drops the line ends of a plain string.
    lines = source.splitlines(keepends=True)
    code = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": name, "metadata": metadata or {}, "source": lines, **code}


def to_bytes(notebook: dict[str, Any]) -> bytes:
    """The notebook as a file's content; the same notebook always gives the same bytes."""
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
