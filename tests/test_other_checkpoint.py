"""Every post that declares `checkpoint` runs with another one: other latent size, v prediction, other text width.

What a reader with a real Stable Diffusion does: `press run three-models -p checkpoint FOLDER -p steps 2`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project_copy import copy_project

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for path in ROOT.glob("posts/*/post.qmd") if not path.parent.name.startswith("_"))
HAVING = [path.parent.name for path in SOURCES if re.search(r"(?m)^checkpoint\s*=", path.read_text(encoding="utf-8"))]
LATENTS, TEXT_WIDTH, TOKENS = 12, 48, 77  # models/tiny has 16, 128 and 32

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A small random checkpoint, from Diffusers' own classes; outside the project, as a reader's would be."""
    from tests.diffloop.tiny import build

    folder = tmp_path_factory.mktemp("checkpoint")
    return build(folder, latents=LATENTS, text_width=TEXT_WIDTH, length=TOKENS, seed=1, prediction_type="v_prediction")


def copy_with_one_post(folder, slug):
    """The project with this post alone, so that a test neither disturbs the working folder nor reads other posts."""
    copy = copy_project(folder / "project")
    for path in (copy / "posts").iterdir():
        if path.name != slug:
            shutil.rmtree(path)
    config = copy / "_quarto.yml"  # whose path through the posts names all of them
    config.write_text(config.read_text(encoding="utf-8").partition("\n  path:")[0] + "\n", encoding="utf-8")
    return copy


def run_post(project, slug, parameters):
    """The notebook that `press run` leaves, or a failed assertion with what it said."""
    given = [word for name, value in parameters.items() for word in ("-p", name, str(value))]
    done = subprocess.run(
        [sys.executable, "-m", "press.cli", "run", slug, *given],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project / "lib")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((project / "posts" / slug / "index.ipynb").read_text(encoding="utf-8"))


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]


def printed(notebook):
    """All that the run printed or showed as plain text."""
    parts = []
    for output in (output for cell in code_cells(notebook) for output in cell["outputs"]):
        text = output.get("text") or output.get("data", {}).get("text/plain") or ""
        parts.append("".join(text))
    return "\n".join(parts)


@pytest.mark.parametrize("slug", HAVING)
def test_a_post_runs_with_another_checkpoint(slug, other, tmp_path):
    source = (ROOT / "posts" / slug / "post.qmd").read_text(encoding="utf-8")
    parameters = {"checkpoint": other}
    if re.search(r"(?m)^steps\s*=", source):
        parameters["steps"] = 2
    notebook = run_post(copy_with_one_post(tmp_path, slug), slug, parameters)
    cells = code_cells(notebook)
    assert all(cell["execution_count"] for cell in cells)
    injected = [cell for cell in cells if "injected-parameters" in cell["metadata"].get("tags", [])]
    assert str(other) in "".join("".join(cell["source"]) for cell in injected)
    noise = [output for cell in cells for output in cell["outputs"] if output.get("name") == "stderr"]
    assert not noise, noise[0]["text"]
    if slug == "three-models":
        assert_it_was_the_other_checkpoint(notebook)


def assert_it_was_the_other_checkpoint(notebook):
    """Its shapes are on the page, no claim about the default model is judged, and the loop equals Diffusers' on it."""
    text = printed(notebook)
    assert f"{TOKENS}×{TEXT_WIDTH}" in text
    assert f"4×{LATENTS}×{LATENTS}" in text
    data = [output.get("data", {}) for cell in code_cells(notebook) for output in cell["outputs"]]
    assert not [d for d in data if "application/vnd.claim+json" in d]
    rows = dict(re.findall(r"(?m)^(the loop above, .*?|DPM-Solver.*? and Diffusers)\s{2,}([\d.e−+-]+)$", text))
    assert set(rows) == {
        "the loop above, our library",
        "the loop above, Diffusers",
        "DPM-Solver++, our library and Diffusers",
    }
    assert all(float(value.replace("−", "-")) < 0.1 for value in rows.values()), rows  # grey levels of 255
