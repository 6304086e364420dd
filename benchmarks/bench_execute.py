"""How much faster `press run` is than papermill called one by one.

Eight fixture notebooks that each `import torch` and sleep 1 s, executed by `papermill` on the command line one after the
other, then by `press run --jobs 2`, both from nothing. Run by hand on an idle machine:

    .venv/bin/python benchmarks/bench_execute.py

Prints both times and their ratio. The target on two cores is 1.7.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import calibration

COUNT = 8
HEAD = "---\ntitle: Post {i}\ndescription: d\ndate: 2026-01-01\ncategories: [x]\n---\n\n"
CELL = "```{python}\nimport time\n\nimport torch\n\ntime.sleep(1)\nprint(torch.zeros(1).item())\n```\n"


def make_project(root: Path) -> list[Path]:
    """A project with COUNT posts, and the same posts as plain notebooks for papermill."""
    from press.core.project import open_project
    from press.posts.collection import read_posts
    from press.posts.post import to_bytes

    (root / "_quarto.yml").write_text("project:\n  type: website\n  render: [posts/*/index.ipynb]\n")
    for i in range(COUNT):
        post = root / "posts" / f"p{i}" / "post.qmd"
        post.parent.mkdir(parents=True)
        post.write_text(HEAD.format(i=i) + CELL)
    books = []
    for post in read_posts(open_project(root), None).sound:
        books.append(root / f"{post.slug}.ipynb")
        books[-1].write_bytes(to_bytes(post.notebook))
    return books


def timed(command: list[str], cwd: Path) -> float:
    """Seconds that a command takes; it must succeed."""
    start = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        books = make_project(root)
        timed([sys.executable, "-c", "import torch, papermill"], root)  # warm the disk cache for both
        one_by_one = sum(timed([sys.executable, "-m", "papermill", str(b), "out.ipynb"], root) for b in books)
        press = timed([sys.executable, "-m", "press.cli", "run", "--jobs", "2"], root)
    print(f"papermill one by one {one_by_one:6.2f} s")
    print(f"press run --jobs 2   {press:6.2f} s")
    print(f"ratio                {one_by_one / press:6.2f}")
    calibration.tell()


if __name__ == "__main__":
    main()
