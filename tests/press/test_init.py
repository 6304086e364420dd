"""`press init` and `press new`: a first blog, a first post, and what is said of a project that is there already."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from press import cli
from press.core.project import open_project
from press.posts.collection import read_posts
from press.start import blog
from tests.press.conftest import Site, cell, post
from tests.press.strangers import everything

FILES = [*blog.NEEDED, *blog.OPTIONAL, *blog.LAST]


def run(*arguments: str, status: int = 0) -> tuple[list[str], str]:
    """Run the command line; the lines that it printed, and what it said on standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(list(arguments))
    assert code == status, f"exit {code}\n{out.getvalue()}\n{err.getvalue()}"
    return out.getvalue().splitlines(), err.getvalue()


def files_in(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def site_in(root: Path) -> Site:
    site = object.__new__(Site)
    site.root = root
    return site


def _uncommitted(root: Path) -> set[str]:
    """What git would commit."""
    subprocess.run(["git", "init", "--quiet", root], check=True)
    ask = ["git", "-C", root, "status", "--porcelain", "--untracked-files=all"]
    return {line[3:] for line in subprocess.run(ask, capture_output=True, text=True, check=True).stdout.splitlines()}


@pytest.mark.slow
def test_from_an_empty_folder_to_a_page_without_a_warning(tmp_path):
    root = tmp_path / "my-blog"
    run("init", str(root))
    built = site_in(root).press("build")
    assert "1 posts ran" in built.stdout
    assert "warning" not in built.stdout + built.stderr
    checked = site_in(root).press("check")
    assert (checked.stdout, checked.stderr) == ("no problems\n", "")
    page = (root / "_site/posts/normal-numbers/index.html").read_text(encoding="utf-8")
    assert "REPRODUCED" in page
    assert "figure-html" in page or "<img" in page
    home = (root / "_site/index.html").read_text(encoding="utf-8")
    assert "My blog" in home
    assert "Normal numbers from uniform ones" in home
    assert _uncommitted(root) == set(FILES)  # nothing that was built
    shutil.rmtree(root / ".git")
    before = everything(root)
    assert "nothing changed, 0 posts ran" in site_in(root).press("build").stdout
    assert run("init", str(root))[0][0].startswith("found _quarto.yml")
    assert everything(root) == before


def test_a_new_folder_an_empty_one_and_this_one_get_the_same(tmp_path, monkeypatch):
    (tmp_path / "b/blog").mkdir(parents=True)
    (tmp_path / "c/blog").mkdir(parents=True)
    said, _ = run("init", str(tmp_path / "a/blog"))
    assert said[:-1] == [f"wrote {tmp_path}/a/blog/{name}" for name in FILES]
    run("init", str(tmp_path / "b/blog"))
    monkeypatch.chdir(tmp_path / "c/blog")
    said, _ = run("init")
    assert said == [*(f"wrote {name}" for name in FILES), "next: press build, or press preview"]
    texts = [{name: (tmp_path / f"{one}/blog" / name).read_text() for name in FILES} for one in "abc"]
    assert texts[0] == texts[1] == texts[2]
    assert files_in(tmp_path / "a/blog") == set(FILES)
    assert "@" not in "".join(texts[0][name] for name in ("_quarto.yml", "index.qmd"))


@pytest.mark.parametrize("name", ['"; evil: yes', "{{< env HOME >}}", "Ärger & Co", "---", "a: b # c"])
def test_a_folder_may_have_any_name(tmp_path, name):
    run("init", str(tmp_path / name))
    config = open_project(tmp_path / name).config
    assert set(config.data) == {"project", "website", "format", "lang", "date-format", "bibliography"}
    assert isinstance(config.get("website.title"), str)


def test_what_lies_there_stays_and_is_told(tmp_path):
    mine = {
        "README.md": "mine",
        "LICENSE": "mine",
        ".gitignore": "*.log\n/_site/\n",
        "data/x.csv": "1",
        "about.md": "Me",
    }
    mine |= {"requirements.txt": "executable-papers\nscipy\n", "notes/one.qmd": "mine", "_draft.qmd": "mine"}
    for name, text in mine.items():
        site_in(tmp_path).write(name, text)
    said, _ = run("init", str(tmp_path))
    assert {name: (tmp_path / name).read_text() for name in mine} == mine
    assert not (tmp_path / "about.qmd").exists()  # it would be published where about.md is
    assert files_in(tmp_path) == {*mine, *FILES} - {"about.qmd"}
    kept = [line.replace(f"{tmp_path}/", "") for line in said if line.startswith("kept")]
    assert kept[:2] == ["kept about.md", "kept requirements.txt"]
    assert kept[2].startswith("kept .gitignore; it lacks /.press/, /.quarto/, ")
    assert "/_site/" not in kept[2]
    assert "existing files that are now pages of the site: about.md, notes/one.qmd" in said


def test_what_the_blog_needs_itself_stops_it_before_anything_is_written(tmp_path):
    for name in ("index.md", "references.bib", "posts/normal-numbers/index.ipynb", "_quarto.yaml"):
        site_in(tmp_path).write(name, "mine")
    (tmp_path / "papers").symlink_to(tmp_path / "posts")
    (tmp_path / ".github").write_text("mine")
    before = everything(tmp_path)
    _, told = run("init", str(tmp_path), status=1)
    assert everything(tmp_path) == before
    for name in ("index.md", "references.bib", "posts/normal-numbers/index.ipynb", "_quarto.yaml", "papers", ".github"):
        assert f"error: {name}: " in told


def test_not_within_another_project_nor_in_the_place_of_a_file(tmp_path):
    (tmp_path / "_quarto.yml").write_text("project:\n  type: website\n")
    assert "press new post SLUG" in run("init", str(tmp_path / "posts/x"), status=1)[1]
    (tmp_path / "file").write_text("mine")
    assert "is a file" in run("init", str(tmp_path / "file"), status=1)[1]
    assert files_in(tmp_path) == {"_quarto.yml", "file"}


def test_killed_anywhere_and_run_again_on_another_day_it_is_complete(tmp_path, monkeypatch):
    run("init", str(tmp_path / "whole/blog"))
    whole = {name: (tmp_path / "whole/blog" / name).read_text() for name in FILES}
    killed, moment = True, 0
    while killed:
        moment += 1
        root = tmp_path / f"{moment}/blog"
        killed = _killed(root, moment)
        there = files_in(root) & set(FILES)
        assert "_quarto.yml" not in there or there == set(FILES)
        if "_quarto.yml" not in there:  # or the project is there, and init says what is in it
            with monkeypatch.context() as patch:
                patch.setattr(blog, "_text", lambda *args, text=blog._text: text(*args).replace("date: 20", "date: 19"))
                run("init", str(root))
        assert {blog.DATE.sub("", (root / name).read_text()) for name in FILES} == {
            blog.DATE.sub("", text) for text in whole.values()
        }
        assert files_in(root) - set(FILES) <= {name for name in files_in(root) if name.startswith(".press/.")}
    assert moment > 3 * len(FILES)


def _killed(root: Path, moment: int) -> bool:
    """Run an init in a process that ends, without a word, before its n-th change on disk; whether it came to that."""
    changes = {"os.rename", "os.link", "os.remove", "os.mkdir"}

    def hook(event: str, values: tuple) -> None:
        nonlocal moment
        opened = event == "open" and isinstance(values[2], int) and values[2] & (os.O_WRONLY | os.O_RDWR)
        if event in changes or opened:
            moment -= 1
            if not moment:
                os.kill(os.getpid(), signal.SIGKILL)

    if not (child := os.fork()):
        sys.addaudithook(hook)
        blog.begin(root)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


ADOPTED = """\
project:
  type: website
website:
  title: Theirs
  comments:
    giscus:
      repo: a/b
execute:
  freeze: auto
"""


def _notebook(front: str, language: str = "python") -> str:
    cells = [
        {"cell_type": "raw", "id": "a", "metadata": {}, "source": f"---\ntitle: N\ndescription: N.\n{front}---"},
        {"cell_type": "code", "id": "b", "metadata": {}, "source": "1", "outputs": [], "execution_count": None},
    ]
    metadata = {"kernelspec": {"name": language, "display_name": language, "language": language}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def test_a_project_is_told_what_becomes_of_it_and_nothing_changes(tmp_path):
    site = site_in(tmp_path)
    site.write("_quarto.yml", ADOPTED)
    site.write("index.qmd", "---\ntitle: Home\n---\n\nHello.\n")
    site.write("blog/a/index.qmd", post(cell("import numpy\nimport mine\nprint(1)")))
    site.write("blog/b/index.qmd", post("```{r}\nx\n```\n\n" + cell("print(1)")))
    site.write("blog/c/index.qmd", post("```{julia}\nx\n```\n"))
    site.write("blog/d/index.qmd", post(cell("print(1)"), extra="execute:\n  enabled: false\n"))
    site.write("blog/stored.ipynb", _notebook(""))
    site.write("blog/run.ipynb", _notebook("execute:\n  enabled: true\n"))
    site.write("blog/r.ipynb", _notebook("", "R"))
    frozen = post(cell("print(1)"))
    site.write("blog/frozen/index.qmd", frozen)
    result = {"hash": hashlib.md5(frozen.encode()).hexdigest(), "result": {"markdown": frozen, "supporting": []}}
    site.write("_freeze/blog/frozen/index/execute-results/html.json", json.dumps(result))
    site.write("lib/mine/__init__.py", "import json\n")
    site.write(".gitignore", "_site\n")
    before = everything(tmp_path)
    said, _ = run("init", str(tmp_path))
    assert everything(tmp_path) == before
    text = "\n".join(said)
    assert said[0].startswith("found _quarto.yml: nothing was changed")
    assert (
        "3 pages with Python cells, which it runs:\n  blog/a/index.qmd\n  blog/b/index.qmd\n  blog/run.ipynb\n" in text
    )
    assert "1 page published with their stored outputs:\n  blog/stored.ipynb\n" in text
    assert "1 page published with the results in _freeze/" in text
    assert ":\n  blog/frozen/index.qmd\n" in text
    assert "1 page not run, because of `execute: enabled: false`:\n  blog/d/index.qmd\n" in text
    assert "blog/b/index.qmd (r)\n  blog/c/index.qmd (julia)\n  blog/r.ipynb (r)\n" in text
    assert "1 page without cells" in text
    assert "_quarto.yml:5: " in text  # comments: which the embedded renderer does not know
    assert "checks: strict" in text
    assert "/.press/ in .gitignore" in text
    assert "papers/<citekey>/paper.toml" in text


def test_what_stops_a_build_is_told_first(tmp_path):
    site_in(tmp_path).write("_quarto.yml", "project:\n  type: website\n")
    site_in(tmp_path).write("a.qmd", post("```{python}\nx = = 1\n```\n"))
    said, _ = run("init", str(tmp_path))
    assert "1 problem would stop the build:" in said
    assert [line for line in said if line.startswith("  a.qmd:9: not valid Python")]
    site_in(tmp_path).write("_quarto.yml", "project: [\n")
    assert "_quarto.yml" in run("init", str(tmp_path), status=1)[1]


@pytest.mark.slow
def test_a_new_notebook_is_run_and_passes_every_check(tmp_path):
    site = site_in(tmp_path)
    site.write("_quarto.yml", "project:\n  type: website\nwebsite:\n  title: x\n")
    site.write("index.qmd", "---\ntitle: Home\n---\n\nHello.\n")
    assert site.press("new", "post", "one", "--notebook").stdout == "posts/one/index.ipynb\n"
    nbformat.validate(nbformat.read(tmp_path / "posts/one/index.ipynb", as_version=4))
    before = (tmp_path / "posts/one/index.ipynb").read_bytes()
    assert "1 posts ran" in site.press("build").stdout
    assert site.press("check").stdout == "no problems\n"
    assert "draws: " in site.read("_site/posts/one/index.html")
    assert "1 posts ran" in site.press("run", "one", "-p", "seed", "3").stdout
    assert (tmp_path / "posts/one/index.ipynb").read_bytes() == before


def _project(root: Path, render: str = "") -> Site:
    site = site_in(root)
    site.write("_quarto.yml", f"project:\n  type: website\n{render}")
    return site


def test_a_new_post_lies_as_the_others_do(tmp_path):
    plain = _project(tmp_path / "plain")
    assert plain.press("new", "post", "one").stdout == "posts/one/index.qmd\n"
    book = _project(tmp_path / "book", "  render: [index.qmd, posts/*/index.ipynb]\n")
    assert book.press("new", "post", "one").stdout == "posts/one/post.qmd\n"
    mixed = _project(tmp_path / "mixed", "  render: ['/*.qmd', posts/*/index.*]\n")
    assert mixed.press("new", "post", "one").stdout == "posts/one/index.qmd\n"
    mixed.write("posts/old/post.qmd", post("Words."))
    assert mixed.press("new", "post", "two").stdout == "posts/two/post.qmd\n"
    for site in (plain, book, mixed):
        found = read_posts(open_project(site.root), {})
        assert not found.broken
        assert "one" in {each.slug for each in found.sound}


@pytest.mark.parametrize("there", ["index.qmd", "index.ipynb", "index.md", "post.qmd"])
def test_a_new_post_takes_no_address_that_another_has(tmp_path, there):
    site = _project(tmp_path)
    site.write(f"posts/one/{there}", "mine")
    for more in ([], ["--notebook"]):
        assert f"posts/one/{there}: exists already" in site.press("new", "post", "one", *more, status=1).stderr
    assert files_in(tmp_path) == {"_quarto.yml", f"posts/one/{there}"}


def test_a_new_post_that_nobody_would_see_is_told(tmp_path):
    site = _project(tmp_path, "  render: [index.qmd, posts/*/index.ipynb]\n")
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    site.write(".gitignore", "/posts/*/index.ipynb\n")
    done = site.press("new", "post", "one", "--notebook")
    assert "note: git ignores posts/one/index.ipynb. Add a line !/posts/one/index.ipynb to .gitignore" in done.stderr
    site.write("_quarto.yml", "project:\n  type: website\n  render: [index.qmd]\n")
    assert "`render:` in _quarto.yml does not select posts/two/index.qmd" in site.press("new", "post", "two").stderr
