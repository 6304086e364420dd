"""Every post runs with its default parameters, as a reader's first `make site` would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_every_post_runs_and_every_check_passes(tmp_path):
    """In a copy, so that the tests neither need nor disturb a build of the working folder; its cache is used if there."""
    import shutil

    copy = tmp_path / "project"
    left_out = shutil.ignore_patterns(
        ".git", ".venv", "_site", ".press", "__pycache__", "*.egg-info", "index.ipynb", "tests"
    )
    shutil.copytree(ROOT, copy, ignore=left_out)
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
