"""The wheel in an environment that holds it, what it depends on, and nothing else."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
BUILT_FROM = ("lib", "tests", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")
PACKAGES = ("press", "postkit")
UNBUILT = shutil.ignore_patterns("__pycache__", "*.egg-info")


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """The folder with the source distribution and the wheel, which is built from it."""
    folder = tmp_path_factory.mktemp("package")
    for name in BUILT_FROM:  # a copy, since setuptools leaves files beside what it builds from
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / "source" / name, ignore=UNBUILT)
        else:
            shutil.copy(ROOT / name, folder / "source" / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", folder / "source"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist"


def sources() -> set[str]:
    """Every file of the two packages, relative to lib/."""
    files = (path for name in PACKAGES for path in (ROOT / "lib" / name).rglob("*") if path.is_file())
    return {path.relative_to(ROOT / "lib").as_posix() for path in files if "__pycache__" not in path.parts}


@pytest.mark.slow
def test_both_distributions_hold_two_packages_whole_and_nothing_else(dist):
    (wheel,), (archive,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if ".dist-info/" not in name}
    assert names == sources()
    with tarfile.open(archive) as opened:
        inside = {member.name.partition("/")[2] for member in opened.getmembers() if member.isfile()}
    assert {
        name.removeprefix("lib/") for name in inside if name.startswith("lib/") and ".egg-info/" not in name
    } == names
    about = {name for name in inside if not name.startswith("lib/")}
    assert about == {"LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg"}


def needed(wheel: Path) -> set[str]:
    """The distributions that a plain install of the wheel brings, by what their metadata say."""
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        message = importlib.metadata.PathDistribution(zipfile.Path(opened, name.partition("/")[0] + "/"))
        todo = list(message.requires or ())
    found: set[str] = set()
    while todo:
        requirement = Requirement(todo.pop())
        if (requirement.marker and not requirement.marker.evaluate({"extra": ""})) or requirement.name in found:
            continue
        found.add(requirement.name)
        todo += importlib.metadata.distribution(requirement.name).requires or ()
    return found


@pytest.fixture(scope="module")
def bare(dist, tmp_path_factory) -> Path:
    """The programs of an environment with the wheel; what it depends on is linked, from the one that runs this test."""
    folder = tmp_path_factory.mktemp("bare") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (wheel,) = dist.glob("*.whl")
    for name in needed(wheel):
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files if file.parts[0] not in ("..", "__pycache__")}:
            if not (packages / top).exists():
                (packages / top).symlink_to(distribution.locate_file(top))
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin/python", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-index", "--no-deps", wheel], check=True)
    return folder / "bin"


def call(bare: Path, *arguments: str, cwd: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{bare}{os.pathsep}/usr/bin:/bin", "HOME": str(cwd), "LANG": "C.UTF-8"}
    done = subprocess.run([bare / "press", *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.mark.slow
def test_from_the_wheel_to_a_page(bare, tmp_path):
    assert "press init" in call(bare, "init", "--help", cwd=tmp_path).stdout
    call(bare, "init", "blog", cwd=tmp_path)
    built = call(bare, "build", "--renderer", "pandoc", cwd=tmp_path / "blog")
    assert "1 posts ran" in built.stdout
    assert "warning" not in built.stdout + built.stderr
    assert call(bare, "check", cwd=tmp_path / "blog").stdout == "no problems\n"
    assert "REPRODUCED" in (tmp_path / "blog/_site/posts/normal-numbers/index.html").read_text(encoding="utf-8")
    for command, extra in ((["sync"], "zotero"), (["fetch", "2010.02502"], "arxiv")):
        told = call(bare, *command, cwd=tmp_path / "blog", status=1).stderr
        assert f"pip install 'executable-papers[{extra}]'" in told
    told = call(bare, "build", "--dask", "tcp://127.0.0.1:1", "--force", cwd=tmp_path / "blog", status=1).stderr
    assert "pip install 'executable-papers[dask]'" in told
