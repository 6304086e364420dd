"""A small real project in a temporary folder, and ways to build it."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from press.cli import main
from press.core.errors import PressError
from press.posts.notebook import examine_post
from press.posts.post import Source

LIB = Path(__file__).resolve().parents[2] / "lib"

CONFIG = """\
project:
  type: website
  output-dir: _site
  render: [index.qmd, posts/*/index.ipynb]
website:
  title: Test site
  site-url: https://example.org
  navbar:
    left:
      - text: Posts
        href: index.qmd
format:
  html:
    toc: true
bibliography: references.bib
press:
  checks: strict
"""

INDEX = """\
---
title: Home
listing:
  contents: posts/*/index.ipynb
  sort: "date desc"
  feed: true
---

Welcome.
"""

BIB = """\
@article{known2020,
  title = {A known paper},
  author = {Doe, Jane},
  year = {2020},
}
"""

# Of a made-up paper.toml.
CLAIM = """\
[[claims]]
id = "few-steps"
statement = "Few steps are enough."
table = "Table 1"
row = "S = 10"
number = "13.36 against 41.07"
quantity = "ratio of distances"
direction = "above"
than = 1.0
delta = 0.01
delta_why = "little"
verdict = { small = "REPRODUCED" }
"""


def post(body: str, title: str = "A post", extra: str = "") -> str:
    """A post's text with valid front matter; the body begins on line 8 (9 and on with `extra` lines)."""
    head = f"---\ntitle: {title}\ndescription: About {title}.\ndate: 2026-01-01\ncategories: [x]\n{extra}---\n\n"
    return head + body


def cell(code: str) -> str:
    """A python cell."""
    return f"```{{python}}\n{code}\n```\n"


def read_post(path: Path, config, claims):
    """The post that this source makes.

    Raises:
        PressError: what is wrong with it.
    """
    page = path.relative_to(config.root).with_name("index.ipynb").as_posix()
    post, problems = examine_post(Source(path.parent.name, path, page), config, claims, config.root / ".press/facts")
    if problems:
        raise PressError(problems)
    return post


class Site:
    """A project on disk."""

    def __init__(self, root: Path):
        self.root = root
        self.write("_quarto.yml", CONFIG)
        self.write("index.qmd", INDEX)
        self.write("references.bib", BIB)
        self.write("lib/mathlib/__init__.py", '"""Numbers."""\n')
        self.write("lib/mathlib/core.py", "from mathlib.helper import one\n\n\ndef two():\n    return one() + 1\n")
        self.write("lib/mathlib/helper.py", "def one():\n    return 1\n")
        self.write("lib/mathlib/apart.py", "def nothing():\n    return 0\n")

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def post(self, slug: str, body: str, **options) -> Path:
        return self.write(f"posts/{slug}/post.qmd", post(body, title=options.pop("title", slug), **options))

    def read(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "press.cli", *arguments]

    def environment(self, **extra: str) -> dict[str, str]:
        path = os.pathsep.join(folder for folder in os.environ["PATH"].split(os.pathsep) if "quarto" not in folder)
        return os.environ | {"PYTHONPATH": str(LIB), "PATH": path, "PYTHONWARNINGS": "ignore"} | extra

    def press(self, *arguments: str, status: int = 0, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run the command line here, in this process, and expect this exit status.

        A process of its own, which takes as long again to start, is for tests that are about one: `command` gives it.
        """
        if arguments[0] == "build":
            arguments = (*arguments, "--renderer", "pandoc")
        out, err = io.StringIO(), io.StringIO()
        env = mock.patch.dict(os.environ, self.environment(**extra), clear=True)
        with env, contextlib.chdir(self.root), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(list(arguments))
            except SystemExit as error:  # argparse
                code = error.code
        assert code == status, f"exit {code}\n{out.getvalue()}\n{err.getvalue()}"
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def copy(self, folder: Path) -> Site:
        """The project as it is now, with all that was run and built, in another place, to change."""
        shutil.copytree(self.root, folder, symlinks=True)
        other = Site.__new__(Site)
        other.root = folder
        return other

    def snapshot(self) -> dict[str, bytes]:
        """Every file of the published site."""
        site = self.root / "_site"
        return {p.relative_to(site).as_posix(): p.read_bytes() for p in sorted(site.rglob("*")) if p.is_file()}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty project with a little library: mathlib.core imports mathlib.helper; mathlib.apart stands alone."""
    return Site(tmp_path)
