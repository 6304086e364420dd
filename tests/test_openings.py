"""Every post opens with the whole thing: its algorithm in a short visible cell, and its picture; then its parts.

Nothing is run: the sources are read.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from press.core.config import read_config
from press.papers.schema import claims_by_id, read_papers
from tests.press.conftest import read_post

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for path in ROOT.glob("posts/*/post.qmd") if not path.parent.name.startswith("_"))  # _ is a draft
LINES = 15  # of the opening: no blank lines, comments or options
COLUMNS = 82  # as in test_posts.py: what fits on the page
OPTIONS = ("fig-cap", "fig-alt")
APPENDICES = ("How this was decided", "Exercises", "Answers")  # what begins with these ends the main path
LOADERS = ("load", "use_style", "set_", "manual_seed", "seeded", "simplefilter", "filterwarnings")


@pytest.fixture(scope="module", params=SOURCES, ids=lambda path: path.parent.name)
def post(request):
    return read_post(request.param, read_config(ROOT), claims_by_id(read_papers(ROOT)))


def code_lines(cell) -> int:
    """Lines of code: no blank lines, comments and options."""
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in cell.code.split("\n"))


def is_folded(cell) -> bool:
    """Whether readers see the code only when they ask for it, or not at all."""
    fold = str(cell.options.get("code-fold", False)).lower()
    return fold in ("true", "show") or cell.options.get("echo") is False or cell.options.get("include") is False


def draws(cell) -> bool:
    return str(cell.options.get("label", "")).startswith("fig-")


def is_setting_up(cell) -> bool:
    """Whether a cell holds the parameters, or is folded and imports, or loads models, and draws nothing."""
    if "parameters" in cell.tags:
        return True
    if not is_folded(cell) or draws(cell):
        return False
    body = ast.parse(cell.code).body
    if any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in body):
        return True
    calls = {node.func for statement in body for node in ast.walk(statement) if isinstance(node, ast.Call)}
    names = {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}
    return any(mark in name for name in names for mark in LOADERS)


def setting_up(post) -> list:
    """The cells that stand above the opening."""
    first = next((index for index, cell in enumerate(post.cells) if not is_setting_up(cell)), len(post.cells))
    return list(post.cells[:first])


def headings(post) -> list[tuple[int, str]]:
    """(line in the source file, title) of each second-level heading outside code."""
    found = []
    for cell in post.notebook["cells"]:
        if cell["cell_type"] == "markdown":
            first = cell["metadata"]["press"]["line"]
            for number, line in enumerate("".join(cell["source"]).split("\n"), first):
                if line.startswith("## "):
                    found.append((number, line.removeprefix("## ").strip()))
    return found


def test_the_opening_shows_the_whole_algorithm_and_a_picture(post):
    above = setting_up(post)
    assert len(above) < len(post.cells), (
        f"{post.file}:1: no cell but settings. Open with the algorithm in a visible cell"
    )
    cell = post.cells[len(above)]
    wrong = []
    if is_folded(cell):
        wrong.append("it is folded or hidden. The opening is visible: move machinery below it, or into lib")
    if (lines := code_lines(cell)) > LINES:
        wrong.append(f"{lines} lines of code, at most {LINES}. Write out what is new here, and call lib for the rest")
    wide = [len(line) for line in cell.code.split("\n") if len(line) > COLUMNS]
    if wide:
        wrong.append(f"a line of {max(wide)} columns, at most {COLUMNS}. Break it")
    figure = next((one for one in post.cells[len(above) : len(above) + 2] if draws(one)), None)
    if figure is None:
        wrong.append("neither it nor the next cell draws a figure. Show the result there, with #| label: fig-...")
    wrong += [f"no {name}. Add #| {name}: ..." for name in OPTIONS if figure and not figure.options.get(name)]
    second = headings(post)[1:2]
    if second and second[0][0] < (figure or cell).line:
        wrong.append(f"it stands below the second heading (line {second[0][0]}). Move it above, to the first screen")
    said = "\n".join(f"{post.file}:{cell.line}: the opening, the first cell below the settings: {one}" for one in wrong)
    assert not wrong, said


def test_the_main_path_shows_at_least_as_much_code_as_it_folds(post):
    """What the setting-up cells hold counts for neither."""
    ends = [line for line, title in headings(post) if title.startswith(APPENDICES)]
    end = min(ends, default=1 << 30)
    main = [cell for cell in post.cells[len(setting_up(post)) :] if cell.line < end]
    folded = [cell for cell in main if is_folded(cell) and not is_setting_up(cell)]
    hidden = sum(map(code_lines, folded))
    visible = sum(code_lines(cell) for cell in main if not is_folded(cell))
    longest = max(folded, key=code_lines, default=None)
    assert hidden <= visible, (
        f"{post.file}:{longest.line}: {hidden} folded lines of code before the appendix, {visible} visible ones. Begin "
        f"with this cell ({code_lines(longest)} lines): move machinery below ## {APPENDICES[0]}, shorten it, or show it"
    )
