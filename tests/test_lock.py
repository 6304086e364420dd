"""The lock against what is declared, and what is declared against what the packages of the wheel import."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Import name -> distribution, where they differ. By hand: what happens to be installed must not decide.
PROVIDED_BY = {"PIL": "pillow", "distributed": "dask", "yaml": "pyyaml", "zmq": "pyzmq"}
# What is found by other means than an import: the binaries.
PROGRAMS = {"pagefind-bin", "pypandoc-binary"}


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def imported(package: str) -> dict[str, set[str]]:
    """Distributions that a package of lib imports, each with the modules that import it."""
    graph = grimp.build_graph(package, include_external_packages=True, cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in [name for name in graph.modules if name.partition(".")[0] == package]:
        for other in graph.find_modules_directly_imported_by(module):
            top = other.partition(".")[0]
            if top not in ("press", "postkit") and top not in sys.stdlib_module_names:
                found.setdefault(canonicalize_name(PROVIDED_BY.get(top, top)), set()).add(module)
    return found


def test_every_direct_dependency_is_pinned_within_its_range():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    pins = {canonicalize_name(pin.name): pin for pin in map(Requirement, lines)}
    declared = [Requirement(text) for group in (PROJECT["dependencies"], *EXTRAS.values()) for text in group]
    declared = [one for one in declared if one.name not in ("executable-papers", "torch")]  # extras pin torch
    assert len(declared) > 30
    for one in declared:
        ((pin),) = pins[canonicalize_name(one.name)].specifier
        assert pin.operator == "=="
        assert one.specifier.contains(pin.version), f"{one} against {pin.version}"


def test_what_the_wheel_imports_is_what_it_depends_on():
    found = imported("press") | imported("postkit")
    assert names(PROJECT["dependencies"]) <= set(found) | PROGRAMS
    optional = {extra: names(EXTRAS[extra]) for extra in ("arxiv", "dask", "scss", "zotero")}
    assert set(found) <= names(PROJECT["dependencies"]).union(*optional.values())
    assert set().union(*optional.values()) <= set(found)


@pytest.mark.parametrize("extra", ["arxiv", "zotero"])
def test_what_an_extra_brings_is_asked_for_by_its_command(extra, monkeypatch, capsys):
    import importlib.util

    from press.cli import main

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main({"arxiv": ["fetch", "2010.02502"], "zotero": ["sync"]}[extra]) == 1
    said = capsys.readouterr().err
    assert f"pip install 'executable-papers[{extra}]'" in said
    assert {name for name in names(EXTRAS[extra]) if name in said} == names(EXTRAS[extra])
