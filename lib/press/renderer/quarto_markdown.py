"""An executed notebook as Quarto is given it: as Markdown in the form that Quarto's own engine writes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from press.core.celloptions import option_rows, read_options
from press.core.config import Config
from press.core.source import page_start
from press.core.yamlfile import Map
from press.posts.notebookfile import text_of
from press.posts.post import INDENT
from press.renderer.cells import TAGS
from press.renderer.outputs import SUFFIX, as_math, decoded, fence, mime_of, plain, quote, without_noise

COLONS = ":::::"
ENGINES = ("engine", "jupyter", "knitr", "julia")  # each of these keys has Quarto choose an engine
INHERITED = ("echo", "output", "warning", "include")
CODE = ("code-fold", "code-summary", "code-overflow", "code-line-numbers", "lst-cap")
LAYOUT = ("layout", "layout-ncol", "layout-nrow", "fig-cap-location", "tbl-cap-location", "column")


def unexecuted(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook with front matter that keeps Quarto from running it again."""
    own, cells = _split(notebook)
    execute = own.get("execute") if isinstance(own.get("execute"), dict) else {}
    first = {"cell_type": "raw", "id": "front-matter", "metadata": {}}
    first["source"] = _front(own | {"execute": execute | {"enabled": False}}).splitlines(keepends=True)
    return notebook | {"cells": [first, *cells]}


def to_markdown(notebook: Mapping[str, Any], page: str, root: Path, config: Config) -> str:
    """The page as Markdown that Quarto only renders; pictures are written beside it.

    Args:
        page: the file that it becomes, relative to the root.
        root: of the project that Quarto is given.
    """
    own, cells = _split(notebook)
    execute = config.meta(own, page.rpartition("/")[0]).get("execute")
    shared = {key: execute[key] for key in INHERITED if key in execute} if isinstance(execute, dict) else {}
    parts = [_front({key: value for key, value in own.items() if key not in ENGINES} | {"engine": "markdown"})]
    number = 0
    for cell in cells:
        source = text_of(cell["source"])
        if cell["cell_type"] == "code":
            number += 1
            indent = str(cell["metadata"].get(INDENT, ""))
            parts.append(
                re.sub(r"^(?=.)", indent, _cell(cell, source, shared, root / page, number), flags=re.MULTILINE)
            )
        else:
            parts.append(source)
    return "\n\n".join(filter(None, parts)) + "\n"


def _front(data: Mapping[str, Any]) -> str:
    """Front matter, each value as JSON, which is YAML too."""
    rows = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in data.items())
    return "\n".join(["---", *rows, "---"])


def _split(notebook: Mapping[str, Any]) -> tuple[Map, list[dict[str, Any]]]:
    """The front matter, and the cells below it."""
    cells = list(notebook["cells"])
    lines = text_of(cells[0]["source"]).split("\n") if cells and cells[0]["cell_type"] == "raw" else []
    parsed, taken = page_start(lines, lambda line: ("", 0))
    return parsed.data, cells[1:] if taken else cells


def _cell(cell: Mapping[str, Any], source: str, shared: Mapping[str, Any], page: Path, number: int) -> str:
    options: dict[str, Any] = dict(shared)
    for tag in cell["metadata"].get("tags", ()):
        options |= TAGS.get(tag, {})
    options |= read_options(source, "", 0).data
    if options.get("include") is False:
        return ""
    code = "\n".join(source.split("\n")[len(option_rows(source)) :]).strip("\n")
    label = str(options.get("label") or "")
    outputs = cell["outputs"] if options.get("output") is not False else []
    outputs = without_noise(outputs, options.get("warning") is not False)
    shown = [_output(output, index, options, page, number) for index, output in enumerate(outputs, 1)]
    parts = []
    if code and options.get("echo") is not False:
        parts.append(fence(code, "{.python .cell-code" + _attributes(options, CODE) + "}").rstrip("\n"))
    parts += filter(None, shown)
    kind, several = label.partition("-")[0], sum(text.startswith("![") for text in map(_inner, shown)) > 1
    own = f" #{label}" if kind in ("fig", "tbl") and (several or kind == "tbl") else f" #cell-{label}" if label else ""
    keys = LAYOUT + ((f"{kind}-cap", f"{kind}-subcap") if own.startswith((" #fig-", " #tbl-")) else ())
    head = f"{COLONS} {{{own.strip()} .cell{_attributes(options, keys)}}}".replace("{ ", "{")
    return "\n\n".join([head, *parts, COLONS]) if parts else ""


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
    kind = output["output_type"]
    if kind in ("stream", "error"):
        text = text_of(output["text"]) if kind == "stream" else f"{output.get('ename')}: {output.get('evalue')}"
        if kind == "stream" and options.get("output") == "asis":
            return text
        name = output.get("name", "stdout") if kind == "stream" else "error"
        return f"{COLONS}: {{.cell-output .cell-output-{name}}}\n\n{fence(plain(text)).rstrip()}\n\n{COLONS}:"
    mime = mime_of(dict(output)) if output.get("data") else ""
    if not mime:
        return ""
    text = text_of(output["data"][mime])
    if mime in SUFFIX:
        body = _picture(text, mime, f"cell-{number + 1}-output-{index}", options, page)
    elif mime == "text/html":
        body = fence(text, "{=html}").rstrip()
    elif mime == "text/latex":
        body = as_math(text)
    else:
        body = text if mime == "text/markdown" else fence(plain(text)).rstrip()
    return f"{COLONS}: {{.cell-output .cell-output-display}}\n\n{body}\n\n{COLONS}:"


def _picture(text: str, mime: str, name: str, options: Mapping[str, Any], page: Path) -> str:
    label, caption = str(options.get("label") or ""), options.get("fig-cap")
    stem = re.sub(r"[^\w.-]+", "-", label) + name[name.index("-output") :] if label else name
    file = f"{page.stem}_files/figure-html/{stem}.{SUFFIX[mime]}"
    target = page.parent / file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(decoded(text, mime))
    single = isinstance(caption, str) and not options.get("fig-subcap")
    own = [f"#{label}"] if label.startswith("fig-") and single else []
    if alt := options.get("fig-alt"):
        own.append(f'fig-alt="{quote(str(alt[0] if isinstance(alt, list) else alt))}"')
    attributes = "{" + " ".join(own) + "}" if own else ""
    return f"![{' '.join(caption.split()) if single else ''}](<{file}>){attributes}"
