"""Live figures: a still with its description, and what the package `live` makes of the checkpoints that pages name."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from live.bundle import _kept
from postkit.livespec import MIME
from press.core import workfolder
from press.renderer import libraries, livemodels

from .builder import code, display, picture

SPEC = {"kind": "text-to-image", "name": "ball", "alt": "A </script> ball.", "model": "models/tiny", "unet": None}
# In the place of lib/live: says what it was asked for, and makes one file for it.
MAKER = """
import json, os, sys
from pathlib import Path
kept = Path(next(a for a in sys.argv if a.startswith("--kept=")).partition("=")[2])
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps(sys.argv[1:]), file=calls)
if not Path(sys.argv[1]).is_dir():
    sys.exit(f"live: {sys.argv[1]} is not there")
kept.mkdir(parents=True, exist_ok=True)
(kept / "start.js").write_text("// begins")
(kept / "net.onnx").write_bytes(Path(sys.argv[1], "weights").read_bytes())
print(json.dumps({"k1/start.js": str(kept / "start.js"), "net-1.onnx": str(kept / "net.onnx")}))
"""


@pytest.fixture
def made(project, tmp_path: Path, monkeypatch) -> Path:
    """A package `live` and one `onnxscript`, and npm's two packages, all of them pretended; what is asked of `live`."""
    for name in livemodels.PACKAGES:
        (tmp_path / "python" / name).mkdir(parents=True)
        (tmp_path / "python" / name / "__init__.py").write_text("")
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "python/live/__main__.py").write_text(MAKER)
    monkeypatch.syspath_prepend(str(tmp_path / "python"))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'python'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    for name in livemodels.NPM.values():
        package = libraries.BY_NAME[name]
        (project.cache / f"libraries/{name.rpartition('/')[2]}-{package.version}").mkdir(parents=True)
    project.write("models/tiny/weights", "one")
    return tmp_path / "calls"


def figure(**changes) -> dict:
    return display({MIME: SPEC | changes, **picture()["data"]})


def calls(path: Path) -> list[list[str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_page_shows_the_still_and_loads_a_button_and_nothing_else(project, made):
    main = project.render(code('#| fig-alt: "A ball."\nx', figure()))
    (place,) = main.xpath("//div[@data-kind='live']")
    (image,) = place.xpath(".//div[@class='still']//img")
    assert image.get("alt") == "A ball."
    (data,) = place.xpath("script[@type='application/json']/text()")
    assert json.loads(data) == SPEC
    assert (
        project.page()
        .xpath("//script[contains(@src,'site_libs/live/')]/@src")[0]
        .endswith("/k1/start.js?v=" + _version(project))
    )
    assert not [src for src in project.page().xpath("//@src | //@href") if src.endswith((".onnx", ".wasm"))]
    assert (project.out / "site_libs/live/k1/start.js").read_text() == "// begins"
    assert (project.out / "site_libs/live/net-1.onnx").read_text() == "one"
    assert not project.build().changed


def _version(project) -> str:
    return project.page().xpath("//script[contains(@src,'site_libs/live/')]/@src")[0].rpartition("=")[2]


def test_one_checkpoint_serves_all_figures_with_every_u_net_that_they_name(project, made):
    project.post(code("x", figure(), figure(unet="models/other")))
    project.post(code("y", figure(unet="models/third")), slug="y")
    project.build()
    (asked,) = calls(made)
    assert asked[0] == str(project.root / "models/tiny")
    assert {a for a in asked if a.startswith("--unet")} == {
        f"--unet={name}={project.root / 'models' / name}" for name in ("other", "third")
    }


def test_other_weights_are_published_though_no_page_is_rendered_again(project, made):
    project.render(code("x", figure()))
    project.write("models/tiny/weights", "two")
    report = project.build()
    assert (report.changed, report.rendered) == (True, [])
    assert (project.out / "site_libs/live/net-1.onnx").read_text() == "two"


def test_without_the_packages_the_still_stays_and_it_is_told_once(project, made, monkeypatch):
    text = (project.root / "_quarto.yml").read_text().replace("  checks: strict\n", "  offline: true\n")
    project.write("_quarto.yml", text)
    monkeypatch.setattr(livemodels, "PACKAGES", ("not_there",))
    project.post(code("x", figure(), figure(name="two")))
    report = project.build()
    assert [problem.message for problem in report.warnings] == [
        "live figures of models/tiny are shown as stills: not installed: not_there, needed to export checkpoints"
    ]
    assert len(project.page().xpath("//div[@data-kind='live']//img")) == 2
    assert not project.page().xpath("//script[contains(@src,'site_libs/live/')]")
    assert not project.build().changed
    monkeypatch.setattr(livemodels, "PACKAGES", ("live",))
    report = project.build()
    assert (report.changed, report.rendered, report.warnings) == (True, [], [])


def test_what_the_package_says_is_what_the_reader_of_the_build_is_told(project, made):
    problems = project.refused(code("x", figure(model="models/none")))
    assert [p.message for p in problems] == [
        f"live figures of models/none are shown as stills: live: {project.root / 'models/none'} is not there"
    ]


@pytest.mark.parametrize(
    "spec",
    [
        {"model": "/etc"}, {"model": "../../etc"}, {"model": ""}, {"model": 3}, {"unet": "../x"}, {"unet": 3},
        {"model": "a:b"}, {"model": "-x"}, {"unet": "models/a=b"},
    ],
)  # fmt: skip
def test_a_folder_outside_of_the_project_is_no_checkpoint(project, made, spec):
    main = project.render(code("x", figure(**spec)))
    assert not main.xpath("//div[@data-kind='live']")
    assert main.xpath("//img")
    assert not made.exists()


def test_clean_removes_what_was_made_of_checkpoints_and_nothing_else(tmp_path: Path):
    folder, made = tmp_path / "pages/live", []
    for name, key in (("unet-tiny.onnx", ""), ("manifest.json", "0123456789ab"), ("about.json", "")):
        made.append(_kept(folder, name, [], lambda: b"{}", key))
    (folder / ".tmp-killed").write_text("")
    (folder / "notes-mine.txt").write_text("")
    assert set(workfolder.own(tmp_path, everything=False)) == {*made, folder / ".tmp-killed"}
