"""`posts/<slug>/post.qmd` -> a notebook, through Jupytext's Rmd reader; and executed outputs back into it.

Cells are named by their place ("code-3", "text-5"), so that the same source gives the same bytes, and outputs can be
carried from an executed notebook to a fresh one whose prose has changed since. Each cell says where it comes from:
`metadata.press = {"file": "posts/x/post.qmd", "line": 37}`.
"""

from __future__ import annotations

import ast
import functools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from press.errors import PressError, Problem, fail
from press.limits import check_limits
from press.papers.boxes import remake
from press.papers.prose import SHORTCODE, resolve
from press.papers.schema import Paper, read_papers
from press.source import (
    Expanded,
    check_fences,
    fenced_lines,
    front_matter,
    read_expanded,
    read_yaml,
    relative,
    yaml_line,
    yaml_problem,
)

SLUG = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")
CELL = re.compile(r"^\{([A-Za-z]+)([^}]*)\}$")
OPTION = re.compile(r"^#\|(.*)$")
MAGIC = re.compile(r"^%(matplotlib|config)\b.*$")
KERNEL = "python3"
REQUIRED = ("title", "description", "date", "categories")


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
        count = 0
        for line in self.source.split("\n"):
            if not OPTION.match(line):
                break
            count += 1
        return count

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
        meta: front matter.
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


def read_post(path: Path, root: Path, papers: Sequence[Paper] | None = None) -> Post:
    """Read and check `posts/<slug>/post.qmd`; what its prose quotes of a claim is put in.

    Args:
        papers: the project's papers; read here, where the prose needs them, if not given.

    Raises:
        PressError: with every problem found: broken front matter, an unclosed or unparsable cell, a language other than
            python, a missing include or data file, a parameter that no cell reads, a missing front-matter field, a
            claim that no paper has.
    """
    file = relative(path, root)
    slug = path.parent.name
    if not SLUG.match(slug):
        raise fail(file, 0, f"folder name {slug!r} is no slug: use lower-case letters, digits and single hyphens")
    expanded = read_expanded(path, root)
    check_fences(expanded)
    if SHORTCODE.search(expanded.text):
        papers = read_papers(root) if papers is None else papers
        expanded = resolve(expanded, {claim.id: claim for paper in papers for claim in paper.claims})
    meta, _ = front_matter(expanded)
    problems = _check_meta(meta, expanded)
    cells, notebook = _read_cells(expanded)
    trees = {}
    for cell in cells:
        try:
            trees[cell.name] = parse_code(cell)
        except PressError as error:
            problems += error.problems
    parameters = _read_parameters(cells, trees, problems)
    data = _declared_data(meta, path.parent, root, expanded, problems)
    if problems:
        raise PressError(problems)
    return Post(slug, file, meta, cells, parameters, expanded.includes, data, notebook)


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


def _read_cells(expanded: Expanded) -> tuple[tuple[CodeCell, ...], dict[str, Any]]:
    """Jupytext's cells, each found again in the text; they must agree with the fences that CommonMark sees."""
    import jupytext

    book = jupytext.reads(expanded.text, fmt="Rmd")
    fences = list(_python_fences(expanded))
    cells: list[CodeCell] = []
    out: list[dict[str, Any]] = []
    position, texts = 0, 0
    for cell in book.cells:
        start = expanded.text.find(cell.source, position)
        position = start + len(cell.source) if start >= 0 else position
        file, line = expanded.origin(expanded.text.count("\n", 0, max(start, 0)) + 1)
        place = {"press": {"file": file, "line": line}}
        if cell.cell_type == "code":
            if len(cells) >= len(fences) or fences[len(cells)][1] != cell.source:
                at = expanded.origin(fences[min(len(cells), len(fences) - 1)][0]) if fences else (file, line)
                raise fail(*at, "a line of ``` inside this cell would end it. Build that text another way")
            file, line = expanded.origin(fences[len(cells)][0] + 1)
            code = CodeCell(f"code-{len(cells) + 1}", cell.source, _options(cell.source, file, line), file, line)
            cells.append(code)
            metadata = {"press": {"file": file, "line": line}} | ({"tags": code.tags} if code.tags else {})
            out.append(_cell("code", code.name, metadata, cell.source) | {"execution_count": None, "outputs": []})
        else:
            texts += 1
            out.append(_cell(cell.cell_type, f"text-{texts}", place, cell.source))
    kernel = {"display_name": "Python 3", "language": "python", "name": KERNEL}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return tuple(cells), {"cells": out, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(kind: str, name: str, metadata: dict[str, Any], source: str) -> dict[str, Any]:
    # The source is a list of lines: Quarto drops the line ends of a plain string.
    return {"cell_type": kind, "id": name, "metadata": metadata, "source": source.splitlines(keepends=True)}


def _python_fences(expanded: Expanded):
    """(1-based line of the opening fence, source) of each python cell; refuses other languages."""
    lines = expanded.text.split("\n")
    opened, language = 0, None
    for index, kind, info in fenced_lines(lines):
        if kind == "open":
            match = CELL.match(info)
            opened, language = index + 1, match[1] if match else None
            if language and language != "python":
                raise fail(*expanded.origin(opened), f"cell language {language!r} is not supported. Legal: python")
            if language and match[2].strip():
                raise fail(
                    *expanded.origin(opened), f"chunk options {match[2].strip()!r}: write them as #| key: value lines"
                )
        elif kind == "close" and language:
            yield opened, "\n".join(lines[opened:index])
            language = None


def _options(source: str, file: str, line: int) -> dict[str, Any]:
    rows = []
    for row in source.split("\n"):
        match = OPTION.match(row)
        if not match:
            break
        rows.append(match[1])
    try:
        options = read_yaml("\n".join(rows)) or {}
    except yaml.YAMLError as error:
        raise fail(file, line + yaml_line(error) - 1, f"cell option is not valid YAML: {yaml_problem(error)}") from None
    if not isinstance(options, dict):
        raise fail(file, line, "cell options must look like #| key: value")
    return options


def _check_meta(meta: dict[str, Any], expanded: Expanded) -> list[Problem]:
    place = expanded.origin(1)
    missing = [name for name in REQUIRED if not meta.get(name)]
    problems = [Problem(*place, f"front matter lacks {name!r}. Add a line {name}: ...") for name in missing]
    kernel = meta.get("jupyter", KERNEL)
    if kernel != KERNEL:
        problems.append(Problem(*place, f"jupyter: {kernel!r} is not supported. Legal: {KERNEL}"))
    return problems + check_limits(meta, *place)


def _declared_data(
    meta: dict[str, Any], folder: Path, root: Path, expanded: Expanded, problems: list[Problem]
) -> tuple[str, ...]:
    declared = meta.get("data") or []
    found = []
    for entry in [declared] if isinstance(declared, str) else declared:
        path = root / str(entry).lstrip("/") if str(entry).startswith("/") else folder / str(entry)
        if not path.resolve().is_relative_to(root.resolve()):
            problems.append(Problem(*expanded.origin(1), f"data: {entry!r} lies outside the project"))
        elif not path.exists():
            problems.append(
                Problem(*expanded.origin(1), f"data: {entry!r} not found (looked for {relative(path, root)})")
            )
        else:
            found.append(relative(path, root))
    return tuple(found)


def _read_parameters(
    cells: tuple[CodeCell, ...], trees: dict[str, ast.Module], problems: list[Problem]
) -> dict[str, Any]:
    """Names and defaults from the cell tagged `parameters`; each must be read by a later cell."""
    tagged = [cell for cell in cells if "parameters" in cell.tags]
    if len(tagged) > 1:
        problems.append(Problem(tagged[1].file, tagged[1].line, "a second cell tagged parameters; a post has one"))
    if not tagged or tagged[0].name not in trees:
        return {}
    parameters: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for node in trees[tagged[0].name].body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            if isinstance(target, ast.Name) and node.value is not None:
                parameters[target.id] = _literal(node.value)
                lines[target.id] = tagged[0].line + node.lineno - 1
    read = {
        node.id
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    for name in parameters:
        if name not in read:
            problems.append(
                Problem(
                    tagged[0].file, lines[name], f"parameter {name!r} is declared and never read. Use it or remove it"
                )
            )
    return parameters


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def assemble(post: Post, executed: dict[str, Any], papers: Sequence[Paper] = ()) -> dict[str, Any]:
    """The post's present notebook with the outputs of `executed`, a notebook made from the same code.

    Prose, captions and other options come from the post as it is now; outputs and the cell of injected parameters from
    the run. What a claim box says of its paper comes from `papers`, as they are now.

    Raises:
        PressError: every claim that was measured and that no paper has.
    """
    problems: list[Problem] = []
    outputs = {cell["id"]: cell for cell in executed["cells"] if cell["cell_type"] == "code"}
    injected = next((c for c in executed["cells"] if "injected-parameters" in c["metadata"].get("tags", [])), None)
    cells = []
    for cell in post.notebook["cells"]:
        if cell["cell_type"] == "code":
            done = outputs[cell["id"]]
            shown, place = done["outputs"], cell["metadata"]["press"]
            try:
                shown = remake(shown, papers, place["file"], place["line"])
            except PressError as error:
                problems += error.problems
            cell = cell | {"outputs": shown, "execution_count": done["execution_count"]}
        cells.append(cell)
        if injected and "parameters" in cell["metadata"].get("tags", []):
            cells.append(injected | {"metadata": injected["metadata"] | {"press": cell["metadata"]["press"]}})
    if problems:
        raise PressError(problems)
    metadata = post.notebook["metadata"] | {"press": executed["metadata"]["press"]}
    return post.notebook | {"cells": cells, "metadata": metadata}


def to_bytes(notebook: dict[str, Any]) -> bytes:
    """The notebook as a file's content; the same notebook always gives the same bytes."""
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
