"""Archives and sources that mean harm: a clear error, nothing written, little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from press.core.errors import PressError
from press.core.project import open_project
from press.intake.arxiv import Arxiv
from press.intake.fetch import fetch
from press.tex.paper import read_paper
from tests.press.conftest import LIB
from tests.press.intake.eprints import Clock, Server
from tests.press.intake.hostile import SOURCES, archives

ARCHIVES = archives()
LIMIT = 100 << 10  # KiB

READ = """
import json, re, sys
from pathlib import Path
from press.core.errors import PressError
from press.intake.archive import read_archive

said = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        said[path.name] = "read: " + ", ".join(read_archive(path, "arXiv:1"))
    except PressError as error:
        said[path.name] = str(error)
    said["peak " + path.name] = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
print(json.dumps(said))
"""


def test_there_are_enough():
    assert len({name for name, *_ in ARCHIVES}) == len(ARCHIVES) >= 30


def test_each_archive_is_refused_within_100_mb_and_nothing_is_written(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "here").mkdir()
    for number, (_, data, _) in enumerate(ARCHIVES):
        (tmp_path / "in" / f"{number:02}").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "in")],
        cwd=tmp_path / "here",
        env={"PYTHONPATH": str(LIB), "TMPDIR": str(tmp_path / "here")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    wrong = {name: said[f"{n:02}"] for n, (name, _, part) in enumerate(ARCHIVES) if part not in said[f"{n:02}"]}
    assert not wrong
    assert max(value for key, value in said.items() if key.startswith("peak")) <= LIMIT
    assert list((tmp_path / "here").iterdir()) == []
    assert not Path("/tmp/evil.tex").exists()


def listing(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def test_a_refused_archive_leaves_neither_paper_nor_cache(site):
    project, clock, server = open_project(site.root), Clock(), Server()
    before = listing(site.root)
    try:
        client = Arxiv(
            project.work / "arxiv",
            lambda line: None,
            api=server.base + "/api/query",
            eprint=server.base + "/e-print",
            clock=clock,
            sleep=clock.sleep,
        )
        for name, data, part in ARCHIVES:
            server.answers["/e-print/2010.00001v1"] = [(200, {}, data)]
            with pytest.raises(PressError) as caught:
                fetch(project, "2010.00001v1", lambda line: None, citekey="doe2020evil", client=client)
            assert part in str(caught.value), name
            assert "arXiv:2010.00001v1: " in str(caught.value)
            assert "\x1b" not in str(caught.value)
    finally:
        client.close()
        server.close()
    assert [path for path in listing(site.root) if not path.startswith(".press")] == before
    assert not Path("/tmp/evil.tex").exists()
    kept = sorted(path.name for path in (project.work / "arxiv").rglob("*") if path.is_file())
    assert kept == [".last-request", "lock", "metadata.xml"]


@pytest.mark.parametrize(("body", "part"), [pytest.param(body, part, id=name) for name, body, part in SOURCES])
@pytest.mark.timeout(20)
def test_a_hostile_source_ends_soon(body, part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.tex").write_text("\\begin{equation}stolen\\end{equation}")
    try:
        found = read_paper({"main.tex": ("\\documentclass{article}" + body).encode()})
        said = "\n".join(found.warnings)
        assert not any("stolen" in equation.latex for equation in found.equations)
    except PressError as error:
        said = str(error)
        assert part
    assert part in said
    assert [path.name for path in tmp_path.iterdir()] == ["secret.tex"]
