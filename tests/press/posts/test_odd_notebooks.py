"""Notebooks in whatever shape: each is a page or is told to be none, and nothing of a notebook brought here counts as ours."""

from __future__ import annotations

import json

import pytest

from press.core.errors import PressError
from press.posts.notebookfile import language_of, read_notebook
from tests.press.posts.test_anywhere import blog, text  # noqa: F401, a fixture

CELL = {"cell_type": "code", "id": "a", "metadata": {}, "source": "1", "outputs": [], "execution_count": 1}
OUTPUTS = [
    "x",
    None,
    {"data": {"text/plain": "x"}},
    {"output_type": "display_data", "data": []},
    {"output_type": "display_data", "data": {"text/plain": 5, "image/png": None}, "metadata": None},
    {"output_type": "stream"},
    {"output_type": "error", "traceback": [1, None]},
]
CELLS = {
    "no-source": {key: value for key, value in CELL.items() if key != "source"},
    "no-id": {key: value for key, value in CELL.items() if key != "id"},
    "metadata-null": CELL | {"metadata": None},
    "tags-number": CELL | {"metadata": {"tags": 5}},
    "tags-mixed": CELL | {"metadata": {"tags": ["a", 5, None]}},
    "outputs-mapping": CELL | {"outputs": {"a": 1}},
    "outputs-odd": CELL | {"outputs": OUTPUTS},
    "source-mixed": CELL | {"source": ["a\n", 5, None]},
    "press-of-others": CELL | {"metadata": {"press": 5}},
    "line-of-others": CELL | {"metadata": {"press": {"file": "x", "line": "y"}}},
    "attachments": {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "w", "attachments": [1]},
    "attachment": {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "w", "attachments": {"a.png": 1}},
    "no-type": {"source": "1"},
    "no-cell": "x",
}
BOOKS = {
    "metadata-null": {"metadata": None},
    "kernel-text": {"metadata": {"kernelspec": "python3", "language_info": []}},
    "widgets-number": {"metadata": {"widgets": 5}},
    "press-of-others": {
        "metadata": {"press": {"key": "1", "page": "posts/x/index.ipynb", "source": "../x", "failed": {}}}
    },
}
OLD = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": ""},
    "worksheets": [
        {"cells": [{"cell_type": "heading", "level": 2, "metadata": {}, "source": ["Old"]}, CELL | {"input": ["1"]}]}
    ],
}


def whole(*cells: object, **more: object) -> str:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)} | more)


def test_a_notebook_in_any_shape_is_a_page(blog):  # noqa: F811
    for name, odd in CELLS.items():
        blog.write(f"cells/{name}.ipynb", whole(odd, CELL | {"source": "print('below')"}))
    for name, odd in BOOKS.items():
        blog.write(f"books/{name}.ipynb", whole(CELL, **odd))
    blog.write("old.ipynb", json.dumps(OLD))
    blog.press("build")
    for name in CELLS:
        assert "print('below')" in text(blog, f"cells/{name}.html")
    for name in BOOKS:
        assert "not executed by this build" in text(blog, f"books/{name}.html")
    assert "Old" in text(blog, "old.html")
    assert blog.press("check").stdout.startswith("no problems")
    assert "notes" not in blog.press("claims").stdout


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "not a notebook"),
        ("[]", "it is not a mapping"),
        ('{"nbformat": 4, "cells": {}}', "no list of cells"),
        ("[" * 100_000, "nested too deeply"),
        ('{"nbformat": 99, "cells": []}', "not a notebook"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_what_is_no_notebook_is_named(tmp_path, content, why):
    path = tmp_path / "n.ipynb"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(PressError) as caught:
        read_notebook(path, tmp_path)
    assert [problem.file for problem in caught.value.problems] == ["n.ipynb"]
    assert why in str(caught.value.problems[0])


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({}, "python"),
        ({"kernelspec": {"name": "python3"}}, "python"),
        ({"kernelspec": {"name": "conda-env-x-py", "language": "python"}}, "python"),
        ({"kernelspec": {"name": "my-env"}, "language_info": {"name": "Python"}}, "python"),
        ({"kernelspec": {"name": "xpython"}}, "python"),
        ({"kernelspec": {"name": "ir", "language": "R"}}, "r"),
        ({"language_info": {"name": "julia"}}, "julia"),
    ],
)
def test_the_language_of_a_notebook(tmp_path, metadata, language):
    path = tmp_path / "n.ipynb"
    path.write_text(whole(CELL, metadata=metadata))
    assert language_of(read_notebook(path, tmp_path)) == language


def test_a_notebook_is_read_the_same_each_time(tmp_path):
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(OLD))
    assert read_notebook(path, tmp_path) == read_notebook(path, tmp_path)
