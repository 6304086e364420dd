"""Which imported names a post's cells use, found by reading; nothing runs.

A name counts where it is used, under the dotted name that its import gives it: after `from diffloop.ddim import
ddim_step as step`, a use of `step` is one of `diffloop.ddim.ddim_step`. What a cell redefines under the same name
counts no more from the next cell on. Methods of objects are not followed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

MAGIC = re.compile(r"^[%!].*$", re.MULTILINE)


class Names:
    """The imported names of a notebook, cell by cell."""

    def __init__(self) -> None:
        self.dotted: dict[str, str] = {}

    def used_in(self, source: str) -> list[str]:
        """Dotted names that the next cell uses, sorted; none if it is not valid Python."""
        try:
            tree = ast.parse(MAGIC.sub("", source))
        except (SyntaxError, ValueError):
            return []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for item in node.names:
                    first = item.name.partition(".")[0]
                    self.dotted[item.asname or first] = item.name if item.asname else first
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                self.dotted |= {item.asname or item.name: f"{node.module}.{item.name}" for item in node.names}
        used = sorted(set(self._uses(tree)))
        for name in _defined(tree):
            self.dotted.pop(name, None)
        return used

    def _uses(self, tree: ast.AST) -> Iterator[str]:
        """Each chain `a.b.c` that begins with an imported name, as long as it goes."""
        for node in ast.iter_child_nodes(tree):
            parts, head = [], node
            while isinstance(head, ast.Attribute):
                parts.append(head.attr)
                head = head.value
            if isinstance(head, ast.Name) and isinstance(head.ctx, ast.Load):
                if head.id in self.dotted:
                    yield ".".join([self.dotted[head.id], *reversed(parts)])
            else:
                yield from self._uses(head if parts else node)


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
