"""Libraries that draw in the browser: taken where they are installed, else fetched with npm, checked, kept, and served."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from press.renderer import libraries

from .builder import md


def archive() -> bytes:
    """A package as npm packs it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, text in (("package/dist/mermaid.min.js", b"// drawn"), ("package/README.md", b"read")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return stream.getvalue()


@pytest.fixture
def npm(tmp_path: Path, monkeypatch) -> Path:
    """A program called npm that packs what lies in its folder, and writes down each call."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "package.tgz").write_bytes(archive())
    program = folder / "npm"
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {folder}/calls\n'
        'while [ "$1" != --pack-destination ]; do shift; done\n'
        f'cp {folder}/package.tgz "$2"/mermaid.tgz\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/bin{os.pathsep}/usr/bin")
    digest = base64.b64encode(hashlib.sha512(archive()).digest()).decode()
    monkeypatch.setitem(libraries.BY_NAME, "mermaid", replace(libraries.BY_NAME["mermaid"], sha512=digest))
    return folder


def test_a_package_is_fetched_once_and_kept(npm, tmp_path):
    for _ in range(2):
        files = libraries.files_of("mermaid", tmp_path / "kept")
        assert files is not None
        assert {name: path.read_bytes() for name, path in files.items()} == {"mermaid/mermaid.min.js": b"// drawn"}
    assert (npm / "calls").read_text().count("mermaid@") == 1
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["mermaid-11.17.2"], "nothing else is left behind"


@pytest.mark.parametrize("damage", ["other", "none", "fails"])
def test_what_is_not_what_it_should_be_is_not_taken(npm, tmp_path, damage):
    if damage == "other":
        (npm / "package.tgz").write_bytes(archive() + b"\0")
    elif damage == "none":
        (npm / "package.tgz").unlink()
    else:
        (npm / "npm").write_text("#!/bin/sh\nexit 1\n")
    assert libraries.files_of("mermaid", tmp_path / "kept") is None
    assert not list((tmp_path / "kept").iterdir())


def test_a_python_package_that_ships_it_comes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "plotly/package_data").mkdir(parents=True)
    (tmp_path / "plotly/__init__.py").write_text("")
    (tmp_path / "plotly/package_data/plotly.min.js").write_text("// plots")
    monkeypatch.syspath_prepend(str(tmp_path))
    files = libraries.files_of("plotly", tmp_path / "kept")
    assert files == {"plotly.js-dist-min/plotly.min.js": tmp_path / "plotly/package_data/plotly.min.js"}
    assert libraries.files_of("vega", tmp_path / "kept") is None


def test_each_name_leads_to_packages_and_no_package_is_idle():
    named = {name for names in libraries.LIBRARIES.values() for name in names}
    assert named == set(libraries.BY_NAME)


def test_a_page_gets_the_library_when_it_is_to_be_had(project, npm):
    text = (project.root / "_quarto.yml").read_text().replace("  checks: strict\n", "  offline: true\n")
    project.write("_quarto.yml", text)
    project.post(md("```{mermaid}\nflowchart LR\n  A --> B\n```"))
    program = (npm / "npm").read_bytes()
    (npm / "npm").unlink()
    report = project.build()
    assert [p.line for p in report.warnings] == [6]
    assert not project.build().changed, "nothing is new"
    (npm / "npm").write_bytes(program)
    (npm / "npm").chmod(0o755)
    report = project.build()
    assert (report.changed, report.warnings, report.rendered) == (True, [], []), "put together again, not rendered"
    (script,) = project.page().xpath("//script[contains(@src,'mermaid')]/@src")
    assert (project.out / "posts/x" / script.partition("?")[0]).resolve().read_text() == "// drawn"
    assert not project.build().changed
