"""The notebook that readers take away, and where it opens in Colab."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from press.posts.download import colab_url, file_name, published, with_links
from press.posts.made import raw_cell
from tests.press.renderer.builder import code, md, plain, stream

REPO = {"website": {"repo-url": "https://github.com/ada/papers.git/", "site-url": "https://ada.example/"}}


def notebook(*cells, front="title: A title\ndescription: About it.\nsecret: x"):
    raw = {"cell_type": "raw", "metadata": {"press": {"file": "f", "line": 1}}, "source": [f"---\n{front}\n---"]}
    done = [
        c | {"id": f"c{i}", "metadata": c["metadata"] | {"press": {"file": "f", "line": 1}}}
        for i, c in enumerate(cells)
    ]
    metadata = {"press": {"key": "k"}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return {"cells": [raw | {"id": "raw"}, *done], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def take(root: Path, *cells, config=None, **options):
    data = published("posts/x/index.ipynb", notebook(*cells, **options), root, config or {})
    assert data is not None
    book = nbformat.reads(data.decode(), as_version=4)
    nbformat.validate(book)
    return book


def test_names():
    assert file_name("posts/x/index.ipynb") == "x.ipynb"
    assert file_name("index.qmd") == file_name("posts/x/other.ipynb") == file_name("a/posts/x/index.ipynb") == ""


def test_it_begins_with_what_it_needs(tmp_path):
    book = take(tmp_path, md("Text."), code("x = 1"))
    first, text, cell = book.cells
    assert first.source.startswith("# A title\n\nAbout it.")
    assert "pip install --editable '.'" in first.source
    assert "secret" not in first.source
    assert (text.source, cell.source) == ("Text.", "x = 1")
    assert book.metadata.keys() == {"kernelspec"}
    assert all("press" not in c.metadata for c in book.cells)


def test_with_a_repository_a_cell_fetches_it(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\n[project.optional-dependencies]\ncpu = []\n")
    book = take(tmp_path, code("x = 1"), config=REPO)
    about, setup, _ = book.cells
    assert "<https://ada.example/posts/x/>" in about.source
    assert "git clone https://github.com/ada/papers.git\ncd papers\npip install --editable '.[cpu]'" in about.source
    assert '["git", "clone", "--depth", "1", "https://github.com/ada/papers", "papers"]' in setup.source
    branch = {"website": REPO["website"] | {"repo-branch": "dev"}}
    assert '"--branch", "dev"' in take(tmp_path, code("x"), config=branch).cells[1].source


def test_the_cell_works(tmp_path):
    """Against a repository on this disk and a pip that only notes what it was asked for."""
    source = take(tmp_path, code("x = 1"), config=REPO).cells[1].source
    repo = tmp_path / "repo"
    (repo / "posts/x").mkdir(parents=True)
    (repo / "posts/x/post.qmd").write_text("")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], cwd=repo, check=True)
    pip = tmp_path / "fake/pip"
    pip.mkdir(parents=True)
    (pip / "__init__.py").write_text("")
    (pip / "__main__.py").write_text("import sys; print(sys.argv[1:])")
    (tmp_path / "away").mkdir()
    script = source.replace("https://github.com/ada/papers", repo.as_uri()) + "\nprint(os.getcwd(), sys.path[0])"
    command = [sys.executable, "-c", script]
    env = {"PYTHONPATH": str(pip.parent), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path / "away", env=env, capture_output=True, text=True, check=True)
    assert "['install', '--quiet', '--editable', 'papers']" in done.stdout
    assert done.stdout.split()[-2:] == [str(tmp_path / "away/papers/posts/x"), str(tmp_path / "away/papers/lib")]
    again = subprocess.run(command, cwd=repo / "posts/x", env=env, capture_output=True, text=True, check=True)
    assert again.stdout.split()[0] == str(repo / "posts/x"), "within the project it does nothing"


def test_no_folder_of_this_machine(tmp_path):
    warning = f"{tmp_path}/lib/a.py:3: Warning\n{sys.prefix}/lib/python3.11/site-packages/torch/x.py:1: W\n"
    other = "/srv/worker-3/env/lib/python3.11/site-packages/numpy/y.py\nkept: https://x.org/a/b and a/b"
    book = take(
        tmp_path,
        code("x", stream(warning, "stderr"), plain(other), plain(f"'{tmp_path}' {Path.home()}/cache {tmp_path}2/no")),
    )
    text = json.dumps(book.cells[1].outputs)
    assert str(tmp_path) + "/" not in text
    assert "lib/a.py:3: Warning" in text
    assert '"site-packages/torch' in text or "\\nsite-packages/torch" in text
    assert "/srv/worker-3" not in text
    assert "kept: https://x.org/a/b and a/b" in text
    assert "~/cache" in text
    assert f"{tmp_path}2/no" in text, "another folder whose name begins alike is another folder"


def test_what_the_press_put_in_is_left_out(tmp_path):
    book = take(tmp_path, md("Text."))
    assert len(book.cells) == 2
    whole = with_links(notebook(md("Text.")), "x", REPO)
    assert [c["id"] for c in whole["cells"]] == ["raw", "made-links", "c0"]
    whole["cells"].append(raw_cell("made-more", "<p>x</p>", {}))
    data = published("posts/x/index.ipynb", whole, tmp_path, {})
    assert data is not None
    assert b"press-notebook" not in data
    assert [c["id"] for c in json.loads(data)["cells"]] == ["about", "c0"]


def test_a_notebook_of_another_kind_is_not_offered(tmp_path):
    book = notebook(md("x"))
    assert published("posts/x/page.ipynb", book, tmp_path, {}) is None
    assert published("posts/x/index.ipynb", book | {"metadata": {}}, tmp_path, {}) is None


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://github.com/ada/papers", "ada/papers/blob/notebooks/posts/x/x.ipynb"),
        ("https://github.com/ada/papers.git", "ada/papers/blob/notebooks/posts/x/x.ipynb"),
        ("https://github.com/ada/my.papers/", "ada/my.papers/blob/notebooks/posts/x/x.ipynb"),
        ("", ""),
        ("https://gitlab.com/ada/papers", ""),
        ("https://github.com/ada", ""),
        ("https://github.com/ada/papers/tree/main", ""),
        ('https://github.com/ada/"><script>', ""),
    ],
)
def test_colab(address, found):
    url = colab_url("x", {"website": {"repo-url": address}})
    assert url == (f"https://colab.research.google.com/github/{found}" if found else "")


def test_the_branch_can_be_named_and_the_workflow_pushes_to_the_default():
    config = REPO | {"press": {"notebook-branch": "executed"}}
    assert "/blob/executed/posts/" in colab_url("x", config)
    workflow = (Path(__file__).resolve().parents[3] / ".github/workflows/publish.yml").read_text()
    assert "notebooks" in colab_url("x", REPO)
    assert "push --quiet --force" in workflow
    assert 'GITHUB_REPOSITORY}.git" notebooks' in workflow


def test_the_page_offers_it(project):
    project.post(md("Text."), code("x = 1", plain("1")))
    path = project.root / "posts/x/index.ipynb"
    book = json.loads(path.read_text())
    book["metadata"]["press"] = {"key": "k", "parts": {}}
    for config, count in (({}, 1), (REPO, 2)):
        path.write_text(json.dumps(with_links(book, "x", config)))
        project.build()
        (links,) = project.page().find_class("press-notebook")
        assert len(list(links.iter("a"))) == count
        assert (project.out / "posts/x/x.ipynb").is_file()
    minutes = project.page("index.html").find_class("listing-reading-time")
    assert [m.text_content().strip() for m in minutes] == ["1 min"]
    path.write_text(json.dumps(book | {"metadata": {}}))
    project.build()
    assert not (project.out / "posts/x/x.ipynb").exists()
