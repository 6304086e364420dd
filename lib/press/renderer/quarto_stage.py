"""A copy of the project for Quarto, in which executed pages stand in the place of their sources.

Quarto would execute Quarto Markdown again, and knows nothing of the results that the press keeps. In the copy each such
page has its results written out as Markdown, in the form that Quarto's own engine writes, under its own name: so
listings, links and `render:` find what they expect. The copy lies outside the project, as Quarto passes over folders
whose names begin with a dot, and everything that Quarto writes beside its site stays there.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from press.core.celloptions import option_rows, read_options
from press.core.project import Project
from press.core.source import page_start
from press.posts.notebookfile import text_of
from press.posts.post import to_bytes
from press.renderer.outputs import PRIORITY, SUFFIX, fence, plain, quote

ENVIRONMENT = "pyvenv.cfg"  # what a virtual environment is known by
COLONS = ":::::"


@contextlib.contextmanager
def staged(project: Project, books: Mapping[str, Path]) -> Iterator[Path]:
    """The folder of the copy, which is removed afterwards.

    Args:
        books: page -> the executed notebook that stands for it.
    """
    with tempfile.TemporaryDirectory(prefix="press-quarto-", ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "project"
        shutil.copytree(project.root, root, ignore=lambda here, names: _left_out(project, Path(here), names))
        for page, place in books.items():
            notebook = json.loads(place.read_bytes())
            target = root / page
            if target.suffix == ".ipynb":
                target.write_bytes(to_bytes(_unexecuted(notebook)))
            else:
                target.write_text(to_markdown(notebook, target), encoding="utf-8")
        yield root


def _left_out(project: Project, here: Path, names: list[str]) -> set[str]:
    def is_left_out(name: str) -> bool:
        path = here / name
        if path == project.site or name == "node_modules" or (path / ENVIRONMENT).is_file():
            return True
        if here == project.root and name.startswith("."):
            return path.is_dir() or name.endswith(".local.tmp")
        return path.is_symlink() and not path.exists()

    return {name for name in names if is_left_out(name)}


def _front(cell: Mapping[str, Any], more: Mapping[str, Any]) -> str:
    """A page's front matter with more in it, each value as JSON, which is YAML too."""
    own = page_start(text_of(cell["source"]).split("\n"), lambda line: ("", 0))[0].data
    rows = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in {**own, **more}.items())
    return "\n".join(["---", *rows, "---"])


def _split(notebook: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """The cell of the front matter, an empty one where there is none, and the others."""
    cells = list(notebook["cells"])
    if cells and cells[0]["cell_type"] == "raw" and text_of(cells[0]["source"]).startswith("---"):
        return cells[0], cells[1:]
    return {"source": ""}, cells


def _unexecuted(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook with front matter that keeps Quarto from running it again."""
    head, cells = _split(notebook)
    first = {"cell_type": "raw", "id": "front-matter", "metadata": {}}
    first["source"] = _front(head, {"execute": {"enabled": False}}).splitlines(keepends=True)
    return notebook | {"cells": [first, *cells]}


def to_markdown(notebook: Mapping[str, Any], page: Path) -> str:
    """The page as Markdown that Quarto only renders; pictures are written beside it.

    Args:
        page: the file that it becomes.
    """
    head, cells = _split(notebook)
    parts = [_front(head, {"engine": "markdown"})]
    number = 0
    for cell in cells:
        source = text_of(cell["source"])
        if cell["cell_type"] == "code":
            number += 1
            parts.append(_cell(cell, source, page, number))
        else:
            parts.append(source)
    return "\n\n".join(filter(None, parts)) + "\n"


def _cell(cell: Mapping[str, Any], source: str, page: Path, number: int) -> str:
    options = read_options(source, "", 0).data
    if options.get("include") is False:
        return ""
    code = "\n".join(source.split("\n")[len(option_rows(source)) :]).strip("\n")
    label = str(options.get("label") or "")
    outputs = cell["outputs"] if options.get("output") is not False else []
    if options.get("warning") is False:
        outputs = [output for output in outputs if output.get("name") != "stderr"]
    shown = [_output(output, index, options, page, number) for index, output in enumerate(outputs, 1)]
    parts = []
    if code and options.get("echo") is not False:
        parts.append(fence(code, "{.python .cell-code" + _attributes(options, CODE) + "}").rstrip("\n"))
    parts += filter(None, shown)
    kind, several = label.partition("-")[0], sum(text.startswith("![") for text in map(_inner, shown)) > 1
    own = f" #{label}" if kind in ("fig", "tbl") and (several or kind == "tbl") else f" #cell-{label}" if label else ""
    keys = LAYOUT + ((f"{kind}-cap", f"{kind}-subcap") if own.startswith((" #fig-", " #tbl-")) else ())
    return "\n\n".join(
        [f"{COLONS} {{{own.strip()} .cell{_attributes(options, keys)}}}".replace("{ ", "{"), *parts, COLONS]
    )


CODE = ("code-fold", "code-summary", "code-overflow", "code-line-numbers", "lst-cap")
LAYOUT = ("layout", "layout-ncol", "layout-nrow", "fig-cap-location", "tbl-cap-location", "column")


def _attributes(options: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    found = ""
    for key in keys:
        if key == "column" and key in options:
            found += f" .column-{options[key]}"
        elif key in options:
            value = options[key] if isinstance(options[key], str) else json.dumps(options[key], ensure_ascii=False)
            found += f' {key}="{quote(value)}"'
    return found


def _inner(text: str) -> str:
    return text.partition("\n\n")[2]


def _output(output: Mapping[str, Any], index: int, options: Mapping[str, Any], page: Path, number: int) -> str:
    kind, data = output["output_type"], output.get("data") or {}
    if kind in ("stream", "error"):
        text = text_of(output["text"]) if kind == "stream" else f"{output.get('ename')}: {output.get('evalue')}"
        if kind == "stream" and options.get("output") == "asis":
            return text
        name = output.get("name", "stdout") if kind == "stream" else "error"
        return f"{COLONS}: {{.cell-output .cell-output-{name}}}\n\n{fence(plain(text)).rstrip()}\n\n{COLONS}:"
    mime = next((mime for mime in PRIORITY if mime in data), "")
    if not mime:
        return ""
    text = text_of(data[mime])
    if mime in SUFFIX:
        body = _picture(text, mime, f"cell-{number + 1}-output-{index}", options, page)
    elif mime == "text/html":
        body = fence(text, "{=html}").rstrip()
    else:
        body = text if mime == "text/markdown" else fence(plain(text)).rstrip()
    return f"{COLONS}: {{.cell-output .cell-output-display}}\n\n{body}\n\n{COLONS}:"


def _picture(text: str, mime: str, name: str, options: Mapping[str, Any], page: Path) -> str:
    data = text.encode() if mime == "image/svg+xml" else base64.b64decode(text)
    label, caption = str(options.get("label") or ""), options.get("fig-cap")
    stem = re.sub(r"[^\w.-]+", "-", label) + name[name.index("-output") :] if label else name
    file = f"{page.stem}_files/figure-html/{stem}.{SUFFIX[mime]}"
    target = page.parent / file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    single = isinstance(caption, str) and not options.get("fig-subcap")
    own = [f"#{label}"] if label.startswith("fig-") and single else []
    if alt := options.get("fig-alt"):
        own.append(f'fig-alt="{quote(str(alt[0] if isinstance(alt, list) else alt))}"')
    attributes = "{" + " ".join(own) + "}" if own else ""
    return f"![{caption if single else ''}]({file}){attributes}"
