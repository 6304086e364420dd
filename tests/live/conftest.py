"""A live model of models/tiny and one student, exported once for all tests that draw with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from diffloop.pretrained import load
from press.renderer import libraries

ROOT = Path(__file__).resolve().parents[2]
STUDENT = ROOT / "models/tiny-students/steps-4"


@pytest.fixture(scope="session")
def packages(tmp_path_factory) -> dict[str, Path]:
    """The two packages of npm, unpacked."""
    store = tmp_path_factory.mktemp("npm")
    names = {"runtime": "onnxruntime-web", "tokenizers": "@huggingface/tokenizers"}
    found = {key: libraries.unpacked(libraries.BY_NAME[name], store) for key, name in names.items()}
    if None in found.values():
        pytest.skip("npm did not hand over onnxruntime-web and @huggingface/tokenizers")
    return found


@pytest.fixture(scope="session")
def models():
    """The checkpoint, for diffloop."""
    return load(ROOT / "models/tiny")


@pytest.fixture(scope="session")
def served(packages, tmp_path_factory) -> Iterator[Path]:
    """A folder that holds the files of the live model; `manifest.json` lies in its only folder."""
    pytest.importorskip("onnxscript")
    from live.__main__ import main

    out = tmp_path_factory.mktemp("served")
    options = [f"--{name}={path}" for name, path in packages.items()]
    made = main(
        [str(ROOT / "models/tiny"), f"--unet=steps-4={STUDENT}", *options, f"--kept={out / 'kept'}", f"--out={out}"]
    )
    assert made == 0, sys.stderr
    return next(out.glob("*/manifest.json")).parent
