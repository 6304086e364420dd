"""`posts/<slug>/post.qmd` -> a notebook, through Jupytext's Rmd reader; and the outputs of a run put into it.

Cells are named by their place ("code-3", "text-5"), so that the same source gives the same bytes, and outputs can be
carried from an executed notebook to a fresh one whose prose has changed since. Each cell says where it comes from:
`metadata.press = {"file": "posts/x/post.qmd", "line": 37}`.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from postkit.verdicts import Claim
from press.core.celloptions import read_options
from press.core.config import Config, check_shapes
from press.core.errors import PressError, Problem, collected, fail
from press.core.limits import check_limits
from press.core.memory import remembered
from press.core.merging import as_list
from press.core.source import Expanded, check_fences, fenced_lines, front_matter, read_expanded, relative
from press.core.yamlfile import Map, place_of
from press.posts.parameters import read_parameters
from press.posts.post import KERNEL, CodeCell, Post, new_cell, parse_code
from press.posts.prose import SHORTCODE, resolve

SLUG = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")
CELL = re.compile(r"^\{([A-Za-z]+)([^}]*)\}$")
REQUIRED = ("title", "description", "date", "categories")


def read_post(path: Path, config: Config, claims: Mapping[str, Claim] | None) -> Post:
    """Read and check `posts/<slug>/post.qmd`; what its prose quotes of a claim is put in.

    Args:
        claims: what the prose may quote, by id; None where that is not known: then nothing is put in.

    Raises:
        PressError: with every problem found.
    """
    post, problems = examine_post(path, config, claims)
    if post is None or problems:
        raise PressError(problems)
    return post


def examine_post(path: Path, config: Config, claims: Mapping[str, Claim] | None) -> tuple[Post | None, list[Problem]]:
    """A post as far as it can be read, and every problem found: broken front matter or `_metadata.yml` of its folders,
    an unclosed or unparsable cell, a language other than python, a missing include or data file, a parameter that no
    cell reads, a missing front-matter field, a claim that no paper has.

    Returns:
        No post where its file or its cells cannot be read.
    """
    root = config.root
    file, folder = relative(path, root), relative(path.parent, root)
    slug = path.parent.name
    problems = list(config.folder(folder).problems)
    if not SLUG.match(slug):
        message = f"folder name {slug!r} is not a valid slug: use lower-case letters, digits and single hyphens"
        problems.append(Problem(file, 0, message))
    try:
        expanded = read_expanded(path, root, problems)
    except PressError as error:
        return None, [*problems, *error.problems]
    if claims is not None and SHORTCODE.search(expanded.text):
        with collected(problems):
            expanded = resolve(expanded, claims)
    meta, cells, notebook = Map(), (), {}
    with collected(problems):
        parsed, _ = front_matter(expanded)
        problems += parsed.problems + check_shapes(parsed.data, ("press",))
        meta = config.meta(parsed.data, folder)
        problems += _check_meta(meta, expanded)
    with collected(problems):
        check_fences(expanded)
        cells, notebook = _read_cells(expanded, root / ".press" / "facts", problems)
    trees = {}
    for cell in cells:
        with collected(problems):
            trees[cell.name] = parse_code(cell)
    parameters = read_parameters(cells, trees, problems)
    data = _declared_data(meta, path.parent, root, expanded, problems)
    post = Post(slug, file, meta, cells, parameters, expanded.includes, data, notebook)
    return (post if notebook else None), problems


def _jupytext(text: str, memory: Path) -> list[tuple[str, str]]:
    """Type and source of each cell that Jupytext reads, remembered: reading and importing it take a second."""

    def read() -> dict[str, Any]:
        import jupytext

        return {"cells": [[cell.cell_type, cell.source] for cell in jupytext.reads(text, fmt="Rmd").cells]}

    found = remembered(memory, f"jupytext {importlib.metadata.version('jupytext')}\0{text}", read)
    return [(kind, source) for kind, source in found["cells"]]


def _read_cells(
    expanded: Expanded, memory: Path, problems: list[Problem]
) -> tuple[tuple[CodeCell, ...], dict[str, Any]]:
    """Jupytext's cells, each found again in the text; they must agree with the fences that CommonMark sees."""
    fences = list(_python_fences(expanded, problems))
    book = _jupytext(expanded.text, memory)
    if problems and len(fences) != sum(kind == "code" for kind, _ in book):
        return (), {}  # of other languages, which are among the problems
    cells: list[CodeCell] = []
    out: list[dict[str, Any]] = []
    position, texts = 0, 0
    for kind, source in book:
        start = expanded.text.find(source, position)
        position = start + len(source) if start >= 0 else position
        file, line = expanded.origin(expanded.text.count("\n", 0, max(start, 0)) + 1)
        place = {"press": {"file": file, "line": line}}
        if kind == "code":
            if len(cells) >= len(fences) or fences[len(cells)][1] != source:
                at = expanded.origin(fences[min(len(cells), len(fences) - 1)][0]) if fences else (file, line)
                raise fail(*at, "a line of ``` inside this cell would end it. Build that text another way")
            file, line = expanded.origin(fences[len(cells)][0] + 1)
            code = CodeCell(f"code-{len(cells) + 1}", source, _options(source, file, line, problems), file, line)
            cells.append(code)
            metadata = {"press": {"file": file, "line": line}} | ({"tags": code.tags} if code.tags else {})
            out.append(new_cell("code", code.name, source, metadata))
        else:
            texts += 1
            out.append(new_cell(kind, f"text-{texts}", source, place))
    kernel = {"display_name": "Python 3", "language": "python", "name": KERNEL}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return tuple(cells), {"cells": out, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _python_fences(expanded: Expanded, problems: list[Problem]) -> Iterator[tuple[int, str]]:
    """(1-based line of the opening fence, source) of each python cell; other languages are problems."""
    lines = expanded.text.split("\n")
    opened, language = 0, None
    for index, kind, info in fenced_lines(lines):
        if kind == "open":
            match = CELL.match(info)
            opened, language = index + 1, match[1] if match else None
            place = expanded.origin(opened)
            if language and language != "python":
                problems.append(Problem(*place, f"cell language {language!r} is not supported. Legal: python"))
                language = None
            elif language and match[2].strip():
                message = f"chunk options {match[2].strip()!r}: write them as #| key: value lines"
                problems.append(Problem(*place, message))
        elif kind == "close" and language:
            yield opened, "\n".join(lines[opened:index])
            language = None


def _options(source: str, file: str, line: int, problems: list[Problem]) -> dict[str, Any]:
    with collected(problems):
        parsed = read_options(source, file, line)
        problems += parsed.problems
        return parsed.data
    return {}


def _check_meta(meta: Map, expanded: Expanded) -> list[Problem]:
    top = expanded.origin(1)
    missing = [name for name in REQUIRED if not meta.get(name)]
    messages = [f"front matter lacks {name!r}. Add a line {name}: ..." for name in missing]
    problems = [Problem(*top, message, check="metadata") for message in messages]
    kernel = meta.get("jupyter", KERNEL)
    if kernel != KERNEL:
        place = place_of(meta, "jupyter") or top
        problems.append(Problem(*place, f"jupyter: {kernel!r} is not supported. Legal: {KERNEL}"))
    return problems + check_limits(meta, lambda key: place_of(meta, key) or top)


def _declared_data(meta: Map, folder: Path, root: Path, expanded: Expanded, problems: list[Problem]) -> tuple[str, ...]:
    found = []
    place = place_of(meta, "data") or expanded.origin(1)
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

    Prose, captions and other options come from the post as it is now; outputs and the cell of injected parameters from
    the run.
    """
    outputs = {cell["id"]: cell for cell in executed["cells"] if cell["cell_type"] == "code"}
    injected = next((c for c in executed["cells"] if "injected-parameters" in c["metadata"].get("tags", [])), None)
    cells = []
    for cell in post.notebook["cells"]:
        if cell["cell_type"] == "code":
            done = outputs[cell["id"]]
            cell = cell | {"outputs": done["outputs"], "execution_count": done["execution_count"]}
        cells.append(cell)
        if injected and "parameters" in cell["metadata"].get("tags", []):
            cells.append(injected | {"metadata": injected["metadata"] | {"press": cell["metadata"]["press"]}})
    metadata = post.notebook["metadata"] | {"press": executed["metadata"]["press"]}
    return post.notebook | {"cells": cells, "metadata": metadata}
