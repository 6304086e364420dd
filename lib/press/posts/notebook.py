"""A post's source -> a checked post with its unexecuted notebook; and the outputs of a run put into it.

Cells are named by their place ("code-3", "text-5"), so that the same source gives the same bytes, and outputs can be
carried from an executed notebook to a fresh one whose prose has changed since. Each cell says where it comes from:
`metadata.press = {"file": "posts/x/post.qmd", "line": 37}`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from postkit.verdicts import Claim
from press.core.celloptions import read_options
from press.core.config import Config, check_shapes
from press.core.errors import PressError, Problem, collected
from press.core.limits import check_limits
from press.core.merging import as_list
from press.core.source import Expanded, check_fences, page_start, read_expanded, relative
from press.core.yamlfile import Map, place_of
from press.posts import shell
from press.posts.blocks import Block, markdown_blocks, notebook_blocks
from press.posts.enabled import is_enabled, is_off, is_on
from press.posts.inline import filled, find_inline, read_inline
from press.posts.parameters import read_parameters
from press.posts.post import INDENT, INJECTED, KERNEL, CodeCell, Inline, Post, Source, new_cell
from press.posts.prose import SHORTCODE, resolve
from press.posts.used import uses_of

REQUIRED = ("title", "description", "date", "categories")  # of a post.qmd; of any other page the first two
PYTHON = ("python3", "python", "ipython", "xpython")


@dataclass(frozen=True)
class _Read:
    """A source on its way to a post."""

    blocks: list[Block]
    matter: Map
    includes: tuple[str, ...]
    top: tuple[str, int]


def examine_post(
    source: Source,
    config: Config,
    claims: Mapping[str, Claim] | None,
    memory: Path,
    book: dict[str, Any] | None = None,
) -> tuple[Post | None, list[Problem]]:
    """A post as far as it can be read, and every problem found: broken front matter or `_metadata.yml` of its folders,
    an unclosed or unparsable cell, a missing include or data file, a parameter that no cell reads, a missing front
    matter field, a claim that no paper has.

    Args:
        claims: what its prose may quote, by id; None if that is not known: then nothing is put in.
        memory: folder of remembered readings.
        book: what `read_notebook` read, of a notebook.

    Returns:
        No post where its file or its cells cannot be read.
    """
    root = config.root
    file, folder = relative(source.path, root), relative(source.path.parent, root)
    problems = list(config.folder(folder).problems)
    try:
        read = (
            _markdown(source.path, root, claims, problems) if book is None else _notebook(book, file, claims, problems)
        )
    except PressError as error:
        return None, [*problems, *error.problems]
    meta = config.meta(read.matter, folder)
    problems += _check_meta(meta, read.top, source)
    cells, inline, notebook = _cells(read.blocks, meta, problems)
    uses = uses_of(cells, memory, problems)
    uses.read = sorted({*uses.read, *read_inline(inline, problems)})
    problems += shell.told(cells, uses, config.settings().get("shell"))
    parameters = read_parameters(cells, uses, problems)
    data = _declared_data(meta, source.path.parent, root, read.top, problems)
    runs = is_enabled(meta, read.matter, source, config)
    work = "" if config.get("project.execute-dir") == "project" else folder
    found = (meta, cells, parameters, read.includes, data, notebook, uses, inline, runs, work)
    return Post(source.slug, file, source.page, *found), problems


def _markdown(path: Path, root: Path, claims: Mapping[str, Claim] | None, problems: list[Problem]) -> _Read:
    expanded = read_expanded(path, root, problems)
    if claims is not None and SHORTCODE.search(expanded.text):
        with collected(problems):
            expanded = resolve(expanded, claims)
    check_fences(expanded)
    matter = Map()
    with collected(problems):
        parsed, taken = page_start(expanded.text.split("\n"), expanded.origin)
        if not taken and expanded.text.startswith("---\n"):
            problems.append(Problem(*expanded.origin(1), "the front matter is never closed. End it with a line ---"))
        problems += parsed.problems + check_shapes(parsed.data, ("press",))
        matter = parsed.data
    return _Read(markdown_blocks(expanded, problems), matter, expanded.includes, expanded.origin(1))


def _notebook(book: dict[str, Any], file: str, claims: Mapping[str, Claim] | None, problems: list[Problem]) -> _Read:
    blocks = []
    for block in notebook_blocks(book, file):
        if claims is not None and block.kind != "code" and SHORTCODE.search(block.source):
            origins = ((file, 0),) * (block.source.count("\n") + 1)
            with collected(problems):
                block = replace(block, source=resolve(Expanded(block.source, origins, ()), claims).text)
        blocks.append(block)
    matter = Map()
    with collected(problems):
        lines = blocks[0].source.split("\n") if blocks and blocks[0].kind == "raw" else []
        parsed, _ = page_start(lines, lambda line: (file, 0))
        problems += parsed.problems + check_shapes(parsed.data, ("press",))
        matter = parsed.data
    return _Read(blocks, matter, (), (file, 0))


def _cells(
    blocks: list[Block], meta: Map, problems: list[Problem]
) -> tuple[tuple[CodeCell, ...], tuple[Inline, ...], dict[str, Any]]:
    """The Python cells, the values within the text, and the notebook of both, unexecuted."""
    execute = meta.get("execute") if isinstance(meta.get("execute"), dict) else {}
    cells: list[CodeCell] = []
    inline: list[Inline] = []
    out: list[dict[str, Any]] = []
    texts = 0
    for block in blocks:
        place: dict[str, Any] = {"press": {"file": block.file, "line": block.line}}
        if block.kind == "code":
            name = f"code-{len(cells) + 1}"
            options = _options(block, problems)
            tags = tuple(dict.fromkeys([*block.tags, *map(str, as_list(options.get("tags")))]))
            evaluated = not is_off(asked := options.get("eval", execute.get("eval")))
            if isinstance(asked, list):
                message = "eval: lists of lines are for R. The whole cell runs"
                problems.append(Problem(*_place(options, "eval", block), message, check="unsupported"))
            may_fail = is_on(options.get("error", execute.get("error"))) or "raises-exception" in tags
            cells.append(CodeCell(name, block.source, options, block.file, block.line, tags, evaluated, may_fail))
            place |= ({"tags": list(tags)} if tags else {}) | ({INDENT: block.indent} if block.indent else {})
            out.append(new_cell("code", name, block.source, place))
            continue
        texts += 1
        name = f"text-{texts}"
        if block.kind == "markdown":
            above = cells[-1].name if cells else ""
            inline += find_inline(block, name, above, len(inline))
        attached = {"attachments": block.stored["attachments"]} if block.stored.get("attachments") else {}
        out.append(new_cell(block.kind, name, block.source, place) | attached)
    if not any(cell.evaluated for cell in cells):
        inline = []  # is shown as it is written
    kernel = {"display_name": "Python 3", "language": "python", "name": KERNEL}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return tuple(cells), tuple(inline), {"cells": out, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _place(options: dict[str, Any], key: str, block: Block) -> tuple[str, int]:
    found = place_of(options, key) if isinstance(options, Map) else None
    return found or (block.file, block.line)


def _options(block: Block, problems: list[Problem]) -> dict[str, Any]:
    with collected(problems):
        parsed = read_options(block.source, block.file, block.line)
        problems += parsed.problems
        return parsed.data
    return {}


def _check_meta(meta: Map, top: tuple[str, int], source: Source) -> list[Problem]:
    required = REQUIRED if source.beside else REQUIRED[:2]
    messages = [f"front matter lacks {name!r}. Add a line {name}: ..." for name in required if not meta.get(name)]
    problems = [Problem(*top, message, check="metadata") for message in messages]
    asked = meta.get("jupyter", KERNEL)
    kernel = (asked.get("kernelspec") or {}) if isinstance(asked, dict) else {"name": asked}
    name = str(kernel.get("language") or kernel.get("name") or KERNEL) if isinstance(kernel, dict) else KERNEL
    if not name.lower().startswith(PYTHON):
        message = f"jupyter: kernel {name!r}: the press runs Python cells in its own environment"
        problems.append(Problem(*(place_of(meta, "jupyter") or top), message, check="unsupported"))
    return problems + check_limits(meta, lambda key: place_of(meta, key) or top)


def _declared_data(
    meta: Map, folder: Path, root: Path, top: tuple[str, int], problems: list[Problem]
) -> tuple[str, ...]:
    found = []
    place = place_of(meta, "data") or top
    for entry in map(str, as_list(meta.get("data"))):
        path = root / entry.lstrip("/") if entry.startswith("/") else folder / entry
        if not path.resolve().is_relative_to(root.resolve()):
            problems.append(Problem(*place, f"data: {entry!r} lies outside the project"))
        elif not os.path.exists(path):
            problems.append(Problem(*place, f"data: {entry!r} not found (looked for {relative(path, root)})"))
        else:
            found.append(relative(path, root))
    return tuple(found)


def with_outputs(post: Post, executed: dict[str, Any]) -> dict[str, Any]:
    """The post's present notebook with the outputs of `executed`, a notebook made from the same code.

    Prose, captions and other options come from the post as it is now; outputs, the values within the text and the cell
    of injected parameters from the run.
    """
    ran = {cell["id"]: cell for cell in executed["cells"] if cell["cell_type"] == "code"}
    injected = next((c for c in executed["cells"] if INJECTED in c["metadata"].get("tags", [])), None)
    cells = []
    for cell in post.notebook["cells"]:
        if cell["cell_type"] != "code":
            values = [ran[value.name] for value in post.inline if value.text == cell["id"] and value.name in ran]
            cell = filled(cell, values)
        elif done := ran.get(cell["id"]):  # none where it is not to be evaluated
            cell = cell | {"outputs": done["outputs"], "execution_count": done["execution_count"]}
        cells.append(cell)
        if injected and "parameters" in cell["metadata"].get("tags", []):
            place = {key: value for key, value in cell["metadata"].items() if key in ("press", INDENT)}
            cells.append(injected | {"metadata": injected["metadata"] | place})
    noted = executed["metadata"]["press"] | {"page": post.page, "source": post.file}
    widgets = {key: executed["metadata"][key] for key in ("widgets",) if key in executed["metadata"]}
    return post.notebook | {"cells": cells, "metadata": post.notebook["metadata"] | widgets | {"press": noted}}
