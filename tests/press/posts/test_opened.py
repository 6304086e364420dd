"""What a run opens: files become part of the key as they were read, and what a post makes itself is none of its inputs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from press.core.project import open_project
from press.posts.cache import Cache
from press.posts.magics import read_cell
from press.preflight import planned
from tests.press.conftest import LIB, Site, cell
from tests.press.posts.test_anywhere import RUN, blog, notebook, text  # noqa: F401, one a fixture

ENVIRONMENT = Site.environment
PAGE = "---\ntitle: x\ndescription: d\n---\n\n"
READS = """
import sqlite3, threading
from pathlib import Path
import numpy as np
%run sub/helper words
%run -m pkg.mod
print(hv, np.loadtxt("n.txt"), Path("p.txt").read_text())
thread = threading.Thread(target=lambda: open("t.txt").read())
thread.start()
thread.join()
sqlite3.connect("db.sqlite").close()
"""
MAKES = """
import os
import helper1
open("made_here.py", "w").write("y = 8")
import made_here
open("part", "w").write("9")
os.replace("part", "whole")
print(helper1.x, made_here.y, open("whole").read())
"""


def test_what_is_read_in_any_way_is_in_the_key_and_what_a_post_makes_is_not(blog):  # noqa: F811
    files = {
        "sub/helper.py": "import sys\nhv = sys.argv[1]\n",
        "pkg/mod.py": "from . import other\n",
        "pkg/other.py": "",
        "n.txt": "5",
        "p.txt": "p",
        "t.txt": "t",
        "db.sqlite": "",
        "random.py": "raise SystemExit\n",
        "press.py": "raise SystemExit\n",
    }
    for name, content in files.items():
        blog.write(f"notes/{name}", content)
    blog.write("notes/reads.ipynb", notebook(("code", READS), front=RUN))
    blog.write("notes/makes.qmd", PAGE + cell("%%writefile helper1.py\nx = 7") + cell(MAKES))
    blog.write(
        "notes/changes.qmd", PAGE + cell("x = open('own.txt').read()\nopen('own.txt', 'w').write('new')\nprint(x)")
    )
    blog.write("notes/own.txt", "first")
    told = blog.press("build").stderr
    assert text(blog, "notes/reads.html").endswith("words 5.0 p")
    assert text(blog, "notes/makes.html").endswith("7 8 9")
    assert "makes.qmd: it read" not in told
    assert {line.partition(": ")[2] for line in blog.press("why").stdout.splitlines()} == {"up to date"}
    for name in [name for name in files if name not in ("random.py", "press.py")]:
        (blog.root / "notes" / name).write_text(files[name] + "\n")
        assert f" notes/{name} changed" in blog.press("why", "reads").stdout
        (blog.root / "notes" / name).write_text(files[name])
        assert "up to date" in blog.press("why", "reads").stdout
    (blog.root / "notes/p.txt").unlink()
    assert "read notes/p.txt changed" in blog.press("why", "reads").stdout


def test_a_file_that_changes_after_it_was_read_has_the_result_dropped(blog):  # noqa: F811
    # Another process stands for an author who saves at that moment.
    code = "x = open('in.txt').read()\nimport subprocess\nsubprocess.run(['sh', '-c', 'echo new > in.txt'])\nprint(x)"
    blog.write("notes/a.qmd", PAGE + cell(code))
    blog.write("notes/in.txt", "old")
    assert "notes/a.qmd: changed while it ran (notes/in.txt changed)" in blog.press("build", status=1).stderr
    assert "stale" in blog.press("why").stdout


def test_a_page_that_is_not_run_any_longer_shows_nothing_of_the_run(blog):  # noqa: F811
    stored = {"output_type": "stream", "name": "stdout", "text": "as stored"}
    blog.write("n.ipynb", notebook(("code", "print('as run')"), front=RUN, outputs=[stored]))
    blog.write("d.qmd", PAGE + cell("print('a draft')"))
    blog.press("build")
    assert "as run" in text(blog, "n.html")
    blog.write("n.ipynb", notebook(("code", "print('as run')"), outputs=[stored]))
    blog.write("d.qmd", PAGE.replace("title", "draft: true\ntitle") + cell("print('a draft')"))
    blog.press("build")
    assert text(blog, "n.html").endswith("print('as run') as stored")
    assert not (blog.root / "_site/d.html").exists()
    assert not list((blog.root / ".press/posts").rglob("*.ipynb"))
    blog.write("_quarto.yml", blog.read("_quarto.yml") + "  draft-mode: visible\n")
    blog.press("build")
    assert text(blog, "d.html").endswith("print('a draft') a draft")


def test_results_of_posts_that_were_not_chosen_are_kept(blog, monkeypatch):  # noqa: F811
    monkeypatch.setattr(Cache.sweep, "__defaults__", (0,))
    blog.write("in.txt", "1")
    for name in ("a", "b"):
        blog.write(f"{name}.qmd", PAGE + cell(f"print('{name}', open('in.txt').read())"))
    blog.press("build")
    blog.press("run", "a", "--force")
    assert (blog.root / ".press/posts/b.qmd.ipynb").exists()
    assert blog.press("why").stdout == "a: up to date\nb: up to date\n"


@pytest.mark.parametrize(
    ("front", "body", "shown"),
    [
        (
            "execute:\n  eval: 'no'\n",
            "`{python} 1`\n\n" + cell("raise 1") + cell("#| eval: true\nprint('yes')"),
            "1 raise 1 print('yes') yes",
        ),
        ("engine: markdown\n", cell("raise 1"), "raise 1"),
        ("jupyter:\n  kernelspec:\n    name: conda-env-x\n    language: python\n", cell("print(3)"), "print(3) 3"),
        ("execute:\n  error: true\n  echo: false\n", cell("raise KeyError('k')") + cell("print('after')"), "after"),
        ("", "- item\n\n  ```{python}\n  #| echo: false\n  for i in (1, 2):\n      print(i)\n  ```\n", "item 1 2"),
        (
            "",
            cell("#| include: false\nstr = 'mine'\nn = -3")
            + "\n# T `{python} n` `{python} 'a|b'`\n\n|a|\n|-|\n|`{python} 'x|y'`|\n\n1. `{python} '1. z'  # as text`\n",
            "T -3 a|b a x|y 1. z",
        ),
    ],
)
def test_switches_and_values(blog, front, body, shown):  # noqa: F811
    blog.write("a.qmd", f"---\ntitle: x\ndescription: d\n{front}---\n\n{body}")
    blog.press("build")
    assert text(blog, "a.html").endswith(shown)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("`{python} 1 +`\n\n" + cell("1"), "a.qmd:6: `{python} 1 +` is not a Python expression"),
        (cell("x = 'a\0b'"), "a.qmd:7: not valid Python"),
        (cell("x = " + "(" * 3000 + ")" * 3000), "a.qmd:7: not valid Python"),
        (cell("x = " + "-" * 200_000 + "1"), "a.qmd:7: not valid Python"),
        (cell("%%time\n" * 3000 + "1"), "a.qmd:7: not valid Python"),
    ],
)
def test_what_is_no_code_is_told_before_anything_runs(blog, body, why):  # noqa: F811
    blog.write("a.qmd", PAGE + body)
    assert why in blog.press("build", status=1).stderr


def test_a_parameter_may_be_read_by_a_value_alone(blog):  # noqa: F811
    blog.write("a.qmd", PAGE + cell("#| tags: [parameters]\nn = 1") + "\n`{python} n`\n")
    assert "never read" not in blog.press("why").stderr
    plan, _ = planned(open_project(blog.root), [], {"n": 2})
    assert not plan.problems + plan.warnings


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("%run a/b", {"runs": ("a/b", "a/b.py")}),
        ("if True:\n    %run -i x.py 1 2", {"runs": ("x.py",)}),
        ("%run -m p.q --flag", {"extensions": ("p.q",)}),
        ("%load_ext autoreload\n%autoreload 2", {"extensions": ("autoreload",)}),
        ("%%writefile -a h.py\nx = 1", {"writes": ("h.py",)}),
        ("%%time\n!ls", {"shell": ((2, "!ls"),)}),
        ("get_ipython().system('ls')", {"shell": ((1, "!ls"),)}),
        ("x = !ls\n%pip install y\n", {"shell": ((1, "!ls"), (2, "%pip install y"))}),
        ("%%bash -s\nls", {"shell": ((1, "%%bash"),)}),
        ("# !pip install x\nlen?\n%config A.b = 'c'\ny = %timeit -o sum([])", {}),
        ('%run "unclosed', {}),
    ],
)
def test_magics(code, found):
    magics = read_cell(code)[1]
    expected = {"shell": (), "runs": (), "extensions": (), "writes": ()} | found
    assert {name: getattr(magics, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("asked", "slugs"),
    [
        ("notes/n", ["notes/n"]),
        ("n", ["notes/n"]),
        ("n.ipynb", ["notes/n"]),
        ("./notes/n.ipynb", ["notes/n"]),
        ("posts/x/", ["x"]),
        ("x", ["x"]),
        ("x/index.qmd", ["x"]),
        ("deep", None),
        ("one/deep", ["one/deep"]),
        ("", None),
        ("ote/n", None),
    ],
)
def test_posts_are_called_by_any_unambiguous_end_of_their_names(blog, asked, slugs):  # noqa: F811
    for name in ("posts/x/index.qmd", "one/deep.qmd", "two/deep.qmd"):
        blog.write(name, PAGE + cell("1"))
    blog.write("notes/n.ipynb", notebook(("code", "1"), front=RUN))
    told = blog.press("why", asked, status=0 if slugs else 1)
    if slugs:
        assert [line.partition(":")[0] for line in told.stdout.splitlines() if line[0] != " "] == slugs
    else:
        assert "one/deep, " in told.stderr


def test_two_addresses_that_differ_in_capitals_alone_are_told_and_published(blog):  # noqa: F811
    blog.write("a.qmd", PAGE + "One.\n\n" + cell("#| eval: false\n1"))
    blog.write("A.qmd", PAGE + "Two.\n\n" + cell("#| eval: false\n1"))
    assert "a.qmd: on some machines this has the same address as A.qmd" in blog.press("build").stderr
    assert "One." in text(blog, "a.html")
    assert "Two." in text(blog, "A.html")


def test_the_notebook_of_a_post_with_a_long_name_that_failed_is_kept(blog):  # noqa: F811
    name = "x" * 150 + "/" + "\u65e5" * 70 + ".qmd"
    blog.write(name, PAGE + cell("1 / 0"))
    told = blog.press("build", status=1).stderr
    assert "division by zero" in told
    assert len(list((blog.root / ".press/failed").glob("*.ipynb"))) == 1


def test_code_outside_the_project_that_is_no_installed_package_is_in_the_key(blog, tmp_path_factory, monkeypatch):  # noqa: F811
    away = tmp_path_factory.mktemp("away")
    (away / "mine_outside").mkdir()
    for name in ("mine_outside/__init__.py", "mine_outside/deep.py", "mine_alone.py"):
        (away / name).write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(away))
    monkeypatch.setattr(
        Site, "environment", lambda self, **more: ENVIRONMENT(self) | {"PYTHONPATH": f"{LIB}:{away}"} | more
    )
    blog.write("a.qmd", PAGE + cell("import mine_alone\nfrom mine_outside import deep\nimport numpy\nprint(deep.x)"))
    blog.press("build")
    blog.press("build")
    with monkeypatch.context() as patch:
        patch.setattr("press.pipeline.build", None)  # which a build that ends at once does not call
        blog.press("build")
    (away / "mine_outside/deep.py").write_text("x = 2\n")
    assert blog.press("why").stdout == "a: stale\n  package mine_outside changed\n"
    assert "1 posts ran" in blog.press("build").stdout
    assert text(blog, "a.html").endswith("print(deep.x) 2")
    (away / "mine_alone.py").write_text("x = 2\n")
    assert blog.press("why").stdout == "a: stale\n  package mine_alone changed\n"


def test_a_policy_that_is_none_is_told(blog):  # noqa: F811
    blog.write("_quarto.yml", blog.read("_quarto.yml") + "press:\n  shell: forbidd\n")
    assert (
        '_quarto.yml:6: press: shell: "forbidd" is not a policy. Legal: allow, warn, forbid'
        in blog.press("build", status=1).stderr
    )


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("open('f')", "r"),
        ("open('f', 'r+')", "rw"),
        ("open('f', 'w+')", "w"),
        ("open('f', 'a')", "w"),
        ("os.close(os.open('f', os.O_RDONLY))", "r"),
        ("os.close(os.open('f', os.O_RDWR))", "rw"),
        ("os.close(os.open('f', os.O_RDWR | os.O_CREAT))", "w"),
        ("open('f', 'w'); open('f')", "w"),
        ("open('f'); open('f', 'w')", "rw"),
        ("open('g', 'w'); os.replace('g', 'f'); open('f')", "w"),
        ("open(os.open('f', os.O_RDONLY))", "r"),
        ("sqlite3.connect('f')", "r"),
        ("sqlite3.connect(':memory:')", ""),
        ("open(b'f')", "r"),
        ("open('../f')", ""),
    ],
)
def test_what_is_noted_of_a_file_that_is_opened(tmp_path, code, kinds):
    root = tmp_path / "project"
    root.mkdir()
    (root / "f").write_text("x")
    (tmp_path / "f").write_text("x")
    lines = "import os, sqlite3\nfrom press.posts.kernel import watch_opens\nwatch_opens('.', '../log')\n" + code
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", lines], cwd=root, env=os.environ | {"PYTHONPATH": str(LIB)}, check=True
    )
    noted = [line for line in (tmp_path / "log").read_text().split("\0") if line.endswith("/project/f")]
    assert "".join(line[0] for line in noted) == kinds
