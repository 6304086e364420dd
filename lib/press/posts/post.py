"""A post as it is read: its cells, its parameters, its unexecuted notebook."""

from __future__ import annotations

import ast
import functools
import json
import re
from dataclasses import dataclass, field
from typing import Any

from press.core.celloptions import option_rows
from press.core.errors import fail

MAGIC = re.compile(r"^%(matplotlib|config)\b.*$")
KERNEL = "python3"


@dataclass(frozen=True)
class CodeCell:
    """One python cell: its name, source, options (`#|` lines, parsed) and first line in the source file."""

    name: str
    source: str
    options: dict[str, Any]
    file: str
    line: int

    @property
    def code(self) -> str:
        """The source without its option lines: what the kernel's result depends on."""
        lines = self.source.split("\n")
        return "\n".join([""] * self.option_lines + lines[self.option_lines :])

    @property
    def option_lines(self) -> int:
        """How many lines at the top are `#|` options."""
        return len(option_rows(self.source))

    @property
    def tags(self) -> list[str]:
        """The cell's tags, such as ["parameters"]."""
        tags = self.options.get("tags") or []
        return [tags] if isinstance(tags, str) else list(tags)


@dataclass(frozen=True)
class Post:
    """A post's source, read and checked, before anything runs.

    Args:
        slug: the folder's name, and the last part of the URL.
        file: the source, relative to the project root.
        meta: front matter, over what `_quarto.yml` and the folders' `_metadata.yml` say.
        cells: the python cells in order.
        parameters: names assigned in the cell tagged `parameters`, with their default (None if it is no literal).
        includes: files put in by `{{< include >}}`, relative to the root.
        data: files and folders that `data:` declares, relative to the root.
        notebook: the unexecuted notebook, as nbformat 4.5 JSON.
    """

    slug: str
    file: str
    meta: dict[str, Any]
    cells: tuple[CodeCell, ...]
    parameters: dict[str, Any]
    includes: tuple[str, ...]
    data: tuple[str, ...]
    notebook: dict[str, Any] = field(repr=False)

    @property
    def timeout(self) -> float | None:
        """Seconds that the whole post may run, if its front matter says so."""
        return self.meta.get("timeout")


def parse_code(cell: CodeCell) -> ast.Module:
    """The cell's syntax tree; `%matplotlib` and `%config` lines count as blank.

    Raises:
        PressError: a syntax error, or a magic or shell command that the key could not follow; with file and line.
    """
    lines = ["" if MAGIC.match(line) else line for line in cell.code.split("\n")]
    try:
        return _tree("\n".join(lines))
    except SyntaxError as error:
        number = min(error.lineno or 1, len(lines))
        line = lines[number - 1].strip()
        if line[:1] in "%!" and line:
            what = f"{line.split()[0]!r}: magics and shell commands escape the staleness key; write it in Python"
        else:
            what = f"not valid Python: {error.msg}: {line}"
        raise fail(cell.file, cell.line + number - 1, what) from None


@functools.lru_cache(maxsize=4096)
def _tree(code: str) -> ast.Module:
    # A build asks for each cell's tree twice; nobody changes it.
    return ast.parse(code)


def new_cell(kind: str, name: str, source: str, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    """A cell that has not run."""
    # The source is a list of lines: Quarto drops the line ends of a plain string.
    lines = source.splitlines(keepends=True)
    code = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": name, "metadata": metadata or {}, "source": lines, **code}


def to_bytes(notebook: dict[str, Any]) -> bytes:
    """The notebook as a file's content; the same notebook always gives the same bytes."""
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
