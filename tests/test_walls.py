"""Which package may import which: the design's one direction, kept by a test."""

from __future__ import annotations

from pathlib import Path

import grimp
import pytest

LIB = Path(__file__).resolve().parents[1] / "lib"
PACKAGES = sorted(path.parent.name for path in LIB.glob("*/__init__.py"))
ALLOWED = {
    "diffloop": set(),
    "tinyworld": {"diffloop"},
    "postkit": set(),
    "press": {"postkit"},  # what claims are made of; its modules that draw are kept out below
}
HEAVY = {"torch", "diffusers", "transformers"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_the_design_allows(graph, package):
    assert package in ALLOWED, f"lib/{package} is new: say in ALLOWED what it may import"
    own = {module for module in graph.modules if module == package or module.startswith(package + ".")}
    found = {(module, other) for module in own for other in graph.find_modules_directly_imported_by(module)}
    tops = {(module, other.partition(".")[0]) for module, other in found} - {(module, package) for module in own}
    wrong = {(m, top) for m, top in tops if top in PACKAGES and top not in ALLOWED[package]}
    assert not wrong
    if package in ("press", "postkit"):
        assert not {(m, top) for m, top in tops if top in HEAVY}


def test_the_press_draws_nothing(graph):
    # It reads claims by the same modules as a post, and nothing else of postkit: the command line starts at once.
    press = {module for module in graph.modules if module == "press" or module.startswith("press.")}
    used = {other for module in press for other in graph.find_modules_directly_imported_by(module)}
    assert {name for name in used if name.startswith("postkit")} == {"postkit.claims", "postkit.verdicts"}
    behind = graph.find_upstream_modules("postkit.claims")
    assert not {name.partition(".")[0] for name in behind} & {"matplotlib", "numpy", "PIL", "IPython"}


def test_lib_is_not_ignored_by_git():
    ignored = (LIB.parent / ".gitignore").read_text().split()
    assert not {"lib/", "lib", "/lib", "/lib/"} & set(ignored)
