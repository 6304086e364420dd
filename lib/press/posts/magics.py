"""IPython's own syntax in a cell: what it does in Python, and what of it the staleness key can follow.

`%time`, `%%capture` and the like run Python, which is read as such. `%run FILE` depends on that file. What a shell
command reads is in no key.
"""

from __future__ import annotations

import ast
import functools
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

PYTHON_BODIES = {"capture", "prun", "time", "timeit"}  # cell magics whose body is Python
SHELL_LINES = {"sx", "system", "conda", "mamba", "micromamba", "pip", "uv"}
SHELL_CALLS = {"system", "getoutput"}  # what `!command` and `x = !command` become
HARMLESS = {"html", "HTML", "javascript", "js", "latex", "markdown", "svg", "SVG"}  # bodies that are shown
WRITERS = {"writefile", "file"}
BROKEN = (SyntaxError, ValueError, RecursionError, MemoryError)  # no code; a null byte; nested without end


@dataclass(frozen=True)
class Magics:
    """What a cell does beside plain Python.

    Args:
        shell: (line of the cell from 1, the command) of each command that leaves Python.
        runs: files that `%run` executes, as written.
        extensions: modules that `%load_ext` and `%run -m` import.
        writes: files that `%%writefile` makes.
    """

    shell: tuple[tuple[int, str], ...] = ()
    runs: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


@functools.lru_cache(maxsize=4096)
def read_cell(code: str) -> tuple[ast.Module, Magics]:
    """A cell's syntax tree, the Python in its magics included, and what else it does.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is neither Python nor IPython.
    """
    tree = _parsed(code)
    shell: list[tuple[int, str]] = []
    runs, extensions, writes, bodies = [], [], [], []
    for name, line, body, number in _calls(tree):
        if name in SHELL_CALLS:
            shell.append((number, f"!{line}"))
        elif body is not None:
            if name in PYTHON_BODIES:
                inner, more = read_cell(body)
                bodies += inner.body
                shell += [(number + row, text) for row, text in more.shell]
                runs += more.runs
                extensions += more.extensions
                writes += more.writes
            elif name in WRITERS:
                writes += [word for word in line.split() if not word.startswith("-")]
            elif name not in HARMLESS:
                shell.append((number, f"%%{name}"))
        elif name in PYTHON_BODIES:
            bodies += _statement(line)
        elif name in SHELL_LINES:
            shell.append((number, f"%{name} {line}"))
        elif name == "run":
            script, module = _script(line)
            runs += script
            extensions += module
        elif name == "load_ext":
            extensions.append(line.strip())
    tree.body += bodies
    return tree, Magics(tuple(shell), tuple(runs), tuple(extensions), tuple(writes))


def _parsed(code: str) -> ast.Module:
    try:
        return ast.parse(code)  # the usual case, and without IPython, which takes long to import
    except SyntaxError as error:
        plain = error
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return ast.parse(TransformerManager().transform_cell(code))
    except SyntaxError:
        raise plain from None


def _calls(tree: ast.Module) -> Iterator[tuple[str, str, str | None, int]]:
    """(name, line, body of a cell magic or None, line number) of each call that IPython's syntax became."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        value = node.func.value
        if not (isinstance(value, ast.Call) and getattr(value.func, "id", "") == "get_ipython"):
            continue
        texts = [str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)]
        if node.func.attr in SHELL_CALLS and texts:
            yield node.func.attr, texts[0], None, node.lineno
        elif node.func.attr == "run_line_magic" and len(texts) == 2:
            yield texts[0], texts[1], None, node.lineno
        elif node.func.attr == "run_cell_magic" and len(texts) == 3:
            yield texts[0], texts[1], texts[2], node.lineno


def _statement(line: str) -> list[ast.stmt]:
    """The Python that a line magic such as `%timeit -n1 f(x)` runs, without its options."""
    words = line.split()
    for start in range(len(words)):
        try:
            return ast.parse(" ".join(words[start:])).body if not words[start].startswith("-") else []
        except SyntaxError:
            continue
    return []


def _script(line: str) -> tuple[list[str], list[str]]:
    """The file that `%run` executes, whose suffix may be left out, or the module that `%run -m` does."""
    try:
        words = shlex.split(line)
    except ValueError:
        return [], []
    if "-m" in words[:-1]:
        return [], [words[words.index("-m") + 1]]
    script = [word for word in words if not word.startswith("-")][:1]
    return script + [f"{word}.py" for word in script if not word.endswith((".py", ".ipynb"))], []
