"""The source of a public function of `lib` and the place of a test, found by reading; nothing is imported."""

from __future__ import annotations

import ast
import functools
import textwrap
from dataclasses import dataclass
from pathlib import Path

from press.core.errors import Problem
from press.papers.schema import Equation, Paper

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Source:
    """A piece of a file.

    Args:
        name: the function's dotted name or the test's pytest id.
        file: path relative to the project's root.
        first: 1-based line on which it begins, its decorators included.
        last: line on which it ends.
        text: the lines in between, both included, moved to the left margin.
    """

    name: str
    file: str
    first: int
    last: int
    text: str


def find_function(root: Path, dotted: str) -> Source:
    """The source of `package.module.function`, or of a class or method, below `<root>/lib`.

    Raises:
        LookupError: there is none; the message names what there is.
    """
    parts = dotted.split(".")
    for length in range(len(parts) - 1, 0, -1):
        path = root.joinpath("lib", *parts[:length])
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if path.is_file():
            return _find(root, path, parts[length:], dotted, "function")
    raise LookupError(f"no module lib/{'/'.join(parts[:-1])}.py")


def find_test(root: Path, test: str) -> Source:
    """The source of the test with this pytest id, such as `tests/a/test_b.py::test_c[case]`.

    Raises:
        LookupError: no such file, or no such test in it.
    """
    file, _, rest = test.partition("::")
    path = root / file
    if not path.is_file():
        raise LookupError(f"no file {file}")
    return _find(root, path, rest.partition("[")[0].split("::"), test, "test")


def _find(root: Path, path: Path, names: list[str], whole: str, kind: str) -> Source:
    file = path.relative_to(root).as_posix()
    stat = path.stat()
    text, body = _parsed(path, stat.st_mtime_ns, stat.st_size)
    node: Definition | None = None
    for name in names:
        node = next((item for item in body if isinstance(item, Definition) and item.name == name), None)
        if node is None:
            having = [item.name for item in body if isinstance(item, Definition) and item.name[0] != "_"]
            raise LookupError(f"no {kind} {name!r} in {file}. There: {', '.join(having) or 'none'}")
        body = node.body
    assert node is not None
    first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
    last = node.end_lineno or node.lineno
    lines = text.split("\n")[first - 1 : last]
    return Source(whole, file, first, last, textwrap.dedent("\n".join(lines)))


@functools.lru_cache(maxsize=256)
def _parsed(path: Path, _modified: int, _size: int) -> tuple[str, list[ast.stmt]]:
    try:
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
        return text, ast.parse(text).body
    except (SyntaxError, ValueError) as error:
        raise LookupError(f"{path.name} is not valid Python: {error}") from None


def functions_of(root: Path, equation: Equation) -> list[Source]:
    """The functions that implement an equation, in the order of its paper.toml; `check_functions` must have passed."""
    return [find_function(root, name) for name in equation.implemented_by]


def check_functions(root: Path, papers: tuple[Paper, ...]) -> list[Problem]:
    """Functions and tests that papers name and that do not exist, each with its line in paper.toml.

    Tests are looked for only where the project has a `tests` folder.
    """
    problems = []
    kinds = [("implemented_by", find_function)] + [("checked_by", find_test)] * (root / "tests").is_dir()
    for paper in papers:
        for index, equation in enumerate(paper.equations):
            for key, find in kinds:
                for name in getattr(equation, key):
                    try:
                        find(root, name)
                    except LookupError as error:
                        line = _line(root, paper, index, key, name)
                        message = f"equation {equation.number}: {key} {name!r}: {error.args[0]}"
                        problems.append(Problem(paper.file, line, message))
    return problems


def _line(root: Path, paper: Paper, index: int, key: str, name: str) -> int:
    """The line of a name within a list that may run over several lines."""
    start = paper.lines.get(("equations", str(index), key), paper.lines.get(("equations", str(index)), 1))
    lines = (root / paper.file).read_text(encoding="utf-8").split("\n")
    return next((number for number, line in enumerate(lines[start - 1 :], start) if name in line), start)
