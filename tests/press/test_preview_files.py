"""Which changes call for a build while `press preview` is watching: those of files that an author may have written."""

import pytest

from press.core.manifest import Manifest
from press.core.project import open_project
from press.preview import _wanted
from tests.press.posts.test_anywhere import blog  # noqa: F401, a fixture


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("notes/n.ipynb", True),
        ("notes/helper.py", True),
        ("notes/data.parquet", True),
        ("notes/gone.csv", True),
        ("theme.scss", True),
        ("posts/x/index.ipynb", False),  # the press's own
        (".press/unchanged.json", False),
        (".git/index", False),
        ("_site/index.html", False),
        ("notes/__pycache__/helper.pyc", False),
        ("notes/.helper.py.swp", False),
        ("notes/helper.py~", False),
        ("notes/4913.tmp", False),
        ("../other.py", False),
    ],
)
def test_a_change(blog, name, wanted):  # noqa: F811
    project = open_project(blog.root)
    Manifest(project).write({"posts/x/index.ipynb": b"{}"})
    if "gone" not in name:
        blog.write(name, "x")
    assert _wanted(project, None, str(project.root / name)) is wanted


def test_a_project_may_lie_below_a_hidden_folder(tmp_path):
    root = tmp_path / ".config/node_modules/blog"
    root.mkdir(parents=True)
    (root / "_quarto.yml").write_text("project:\n  type: website\n")
    assert _wanted(open_project(root), None, str(root / "a.qmd"))
