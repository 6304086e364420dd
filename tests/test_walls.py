"""Which package may import which, and which folder of the press: the design's one direction, kept by a test."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

LIB = Path(__file__).resolve().parents[1] / "lib"
PACKAGES = sorted(path.parent.name for path in LIB.glob("*/__init__.py"))
ALLOWED = {
    "diffloop": set(),
    "evidence": set(),
    "live": {"diffloop", "tinyworld"},
    "tinyworld": {"diffloop"},
    "postkit": set(),
    "press": {"postkit"},  # what claims are made of; its modules that draw are kept out below
}
# Of lib/press: folder -> the folders whose modules it may import. Each stands below all that it names, so there is no
# ring. Modules that lie in no folder (pipeline, passes, cli, preview) come last: they may import all, and no folder them.
FOLDERS = {
    "core": set(),
    "intake/zotero": {"core"},
    "tex": {"core"},
    "intake": {"core", "intake/zotero", "tex"},
    "posts": {"core"},
    "papers": {"core", "posts", "intake/zotero"},
    "shared": {"core", "posts", "papers"},
    "pages": {"core", "posts", "papers"},
    "checks": {"core", "posts", "papers"},
    "renderer": {"core", "posts", "tex"},
    "start": {"core", "posts"},
}
LAST = ""  # the folder of the modules that come last
# What claims are made of; and what one from elsewhere is compared with: the script that travels in a slider, and what the
# description of a live figure may hold.
OF_POSTKIT = {"postkit.claims", "postkit.pooling", "postkit.verdicts", "postkit._slider_js", "postkit.livespec"}
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


def folder_of(file: Path) -> str:
    return file.parent.relative_to(LIB / "press").as_posix().removeprefix(".")


def press_imports(graph) -> set[tuple[str, str]]:
    """(importing file, imported file), both relative to lib, of every import within the press."""
    files = {}
    for path in (LIB / "press").rglob("*.py"):
        parts = path.relative_to(LIB).with_suffix("").parts
        files[".".join(parts[:-1] if path.stem == "__init__" else parts)] = path
    assert set(files) == {name for name in graph.modules if name.partition(".")[0] == "press"}
    pairs = {(name, other) for name in files for other in graph.find_modules_directly_imported_by(name)}
    return {(files[name], files[other]) for name, other in pairs if other in files}


def test_a_folder_of_the_press_imports_only_folders_below_it(graph):
    placed: set[str] = set()
    for folder, below in FOLDERS.items():
        assert below <= placed, f"{folder}: {below - placed} must stand above it in FOLDERS"
        placed.add(folder)
    found = {folder_of(path) for path in (LIB / "press").rglob("*.py")}
    assert found == {*FOLDERS, LAST}, "say in FOLDERS what a new folder may import"
    pairs = press_imports(graph)
    assert len(pairs) > 200
    legal = {folder: {folder, *below} for folder, below in FOLDERS.items()} | {LAST: found}
    assert not {(str(a), str(b)) for a, b in pairs if folder_of(b) not in legal[folder_of(a)]}


def test_of_what_zotero_brought_papers_read_only_the_file(graph):
    outside = {(a, b) for a, b in press_imports(graph) if folder_of(a) == "papers" and "intake" in folder_of(b)}
    assert {path.stem for _, path in outside} <= {"state", "__init__"}


def test_no_two_modules_have_one_name():
    names = [path.stem for path in LIB.rglob("*.py") if path.stem != "__init__"]
    names += [path.parent.name for path in LIB.rglob("__init__.py")]
    assert not {name for name in names if names.count(name) > 1}


def test_the_press_draws_nothing(graph):
    # It reads claims by the same modules as a post, and nothing else of postkit: the command line starts at once.
    press = {module for module in graph.modules if module == "press" or module.startswith("press.")}
    used = {other for module in press for other in graph.find_modules_directly_imported_by(module)}
    assert {name for name in used if name.startswith("postkit")} == OF_POSTKIT
    behind = graph.find_upstream_modules("postkit.claims")
    assert not {name.partition(".")[0] for name in behind} & {"matplotlib", "numpy", "PIL", "IPython"}


def test_the_command_line_starts_without_templates():
    code = "import sys, press.cli; print([name for name in ('jinja2', 'httpx2', 'nbformat') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=LIB)
    assert done.stdout.strip() == "[]"


def test_every_file_of_the_press_is_packaged():
    settings = tomllib.loads((LIB.parent / "pyproject.toml").read_text(encoding="utf-8"))
    suffixes = {glob.removeprefix("**/*") for glob in settings["tool"]["setuptools"]["package-data"]["press"]}
    assert {path.suffix for path in (LIB / "press").rglob("*.*") if path.is_file()} <= {*suffixes, ".py", ".pyc"}


def test_lib_is_not_ignored_by_git():
    ignored = (LIB.parent / ".gitignore").read_text().split()
    assert not {"lib/", "lib", "/lib", "/lib/"} & set(ignored)
