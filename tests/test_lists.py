"""The docstring of a package lists its modules: all of them, each with names that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

LIB = Path(__file__).resolve().parents[1] / "lib"
PACKAGES = sorted({path.parent.name for path in LIB.glob("*/__init__.py")} - {"press"})  # whose modules lie in folders
ENTRY = re.compile(r"(\w+(?:, \w+)*) {2,}(\S.*)")  # a line of the list: modules, at least two spaces, names


def entries(package: str) -> list[tuple[list[str], list[str]]]:
    """(modules, names) of each entry: "module  name, name: what they do", the rest of it on lines that are indented."""
    doc = ast.get_docstring(ast.parse((LIB / package / "__init__.py").read_text(encoding="utf-8")), clean=True) or ""
    lines = re.sub(r"\n {3,}", " ", doc).splitlines()
    found = [match.groups() for line in lines if (match := ENTRY.fullmatch(line))]
    return [(modules.split(", "), text.partition(":")[0].split(", ")) for modules, text in found]


def defined(module: Path) -> set[str]:
    """Names that a module defines at its top."""
    names = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_each_of_its_modules_once(package):
    listed = [module for modules, _ in entries(package) for module in modules]
    there = [path.stem for path in (LIB / package).glob("*.py") if not path.stem.startswith("__")]
    assert sorted(listed) == sorted(there)


@pytest.mark.parametrize("package", PACKAGES)
def test_names_in_a_package_s_list_are_in_their_modules(package):
    for modules, names in entries(package):
        assert not set(names) - set().union(*(defined(LIB / package / f"{module}.py") for module in modules)), modules
