"""Every post runs with its default parameters, as a reader's first `make site` would run it, and is fit to read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from press.core.config import read_config
from press.core.project import open_project
from press.papers.schema import claims_by_id, read_papers
from press.preflight import planned
from tests.press.conftest import read_post
from tests.project_copy import copy_project

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for path in ROOT.glob("posts/*/post.qmd") if not path.parent.name.startswith("_"))  # _ is a draft
COLUMNS = 82  # of a code cell; longer lines must be scrolled sideways on the page
VISIBLE_LINES = 16  # of a cell that is neither folded nor hidden, blank lines included
WORDS = range(1000, 2901)  # up to the exercises
MOST_OF_EXERCISES = 900  # words of these, answers included
FIGURES = 5


@pytest.fixture(scope="module", params=SOURCES, ids=lambda path: path.parent.name)
def post(request):
    return read_post(request.param, read_config(ROOT), claims_by_id(read_papers(ROOT)))


def numbered_code(cell):
    """(line in the source file, text) of a cell's code, without its option lines and the blank lines around it."""
    lines = list(enumerate(cell.source.split("\n"), cell.line))[cell.option_lines :]
    written = [index for index, (_, text) in enumerate(lines) if text.strip()]
    return lines[written[0] : written[-1] + 1] if written else []


def prose_words(post):
    """How many words a reader reads between the cells, up to the exercises, and in these; no equations, comments,
    attributes or addresses of links."""
    text = "\n".join("".join(cell["source"]) for cell in post.notebook["cells"] if cell["cell_type"] == "markdown")
    for left_out in (
        r"(?s)<!--.*?-->",
        r"(?s)\$\$.*?\$\$",
        r"(?s)^```.*?^```",
        r"\{[#.][^}]*\}",
        r"\]\([^)]*\)",
        r"^:::.*$",
    ):
        text = re.sub(left_out, " ", text, flags=re.MULTILINE)
    return [len(re.findall(r"\S*\w\S*", part)) for part in text.partition("\n## Exercises\n")[::2]]


def test_code_is_as_wide_as_the_page(post):
    lines = [line for cell in post.cells for line in numbered_code(cell)]
    wide = [f"{post.file}:{number}: {len(text)} columns" for number, text in lines if len(text) > COLUMNS]
    assert not wide, f"at most {COLUMNS} columns in a code cell\n" + "\n".join(wide)


def test_visible_cells_are_short(post):
    hidden = [cell.options.get("code-fold") is True or cell.options.get("echo") is False for cell in post.cells]
    visible = [numbered_code(cell) for cell, hide in zip(post.cells, hidden, strict=True) if not hide]
    long = [f"{post.file}:{lines[0][0]}: {len(lines)} lines" for lines in visible if len(lines) > VISIBLE_LINES]
    advice = "split it at a natural point, or fold plotting and bookkeeping with #| code-fold: true"
    assert not long, f"at most {VISIBLE_LINES} lines in a visible cell: {advice}\n" + "\n".join(long)


def test_each_exercise_has_a_folded_answer_and_the_build_runs_what_they_show(post):
    """No measurement depends on an exercise: its cells are tagged, and end the post."""
    section = (ROOT / post.file).read_text(encoding="utf-8").partition("\n## Exercises\n")[2]
    numbers = re.findall(r"^\*\*(\d+)\.\*\*", section, flags=re.MULTILINE)
    assert len(numbers) >= 3
    assert numbers == [str(number + 1) for number in range(len(numbers))]
    answer = r'^::: \{\.callout-tip collapse="true" title="Answer"\}$'
    assert len(re.findall(answer, section, flags=re.MULTILINE)) == len(numbers)
    assert len(post.exercises) == section.count("```{python}") > 0


def test_a_post_is_of_readable_length_and_has_figures(post):
    words, exercises = prose_words(post)
    assert exercises <= MOST_OF_EXERCISES, f"{post.file}: {exercises} words of exercises; {MOST_OF_EXERCISES} at most"
    assert words in WORDS, f"{post.file}:1: {words} words of prose; {WORDS[0]} to {WORDS[-1]} are asked for"
    labels = [str(cell.options.get("label", "")) for cell in post.cells]
    figures = [label for label in labels if label.startswith("fig-")]
    assert len(figures) >= FIGURES, f"{post.file}:1: {len(figures)} labelled figures; at least {FIGURES} are asked for"


def test_the_profile_for_a_gpu_gives_every_post_that_has_a_device_more_to_do():
    """And names nothing that is not there: the plan would say so."""
    project = open_project(ROOT, "gpu")
    plan, _ = planned(project, [], {})
    assert not plan.problems
    for step in plan.steps:
        larger = {name: value for name, value in step.parameters.items() if isinstance(value, int)}
        assert larger or "device" not in step.post.parameters, f"{step.post.slug}: as on a CPU"
        assert all(value > step.post.parameters[name] for name, value in larger.items()), step.post.slug


def test_every_post_runs_and_every_check_passes(tmp_path):
    """In a copy, so that the tests neither need nor disturb a build of the working folder; its cache is used if there."""
    copy = copy_project(tmp_path / "project")
    if (ROOT / ".press/cache").exists():
        shutil.copytree(ROOT / ".press/cache", copy / ".press/cache")
    env = os.environ | {"PYTHONPATH": str(copy / "lib")}
    for command in ("build --renderer pandoc", "check"):
        done = subprocess.run(
            [sys.executable, "-m", "press.cli", *command.split()], cwd=copy, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    posts = sorted(path.parent.name for path in copy.glob("posts/*/post.qmd"))
    assert posts
    for slug in posts:
        assert (copy / "_site/posts" / slug / "index.html").is_file()
