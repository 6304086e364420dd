"""A project whose posts need no kernel, full of files that the press did not make, and commands that end anywhere."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from press import cli
from press.posts import executors
from press.posts import run as execution
from press.posts.execute import Result
from tests.press.conftest import CONFIG, Site, cell

PAPER = (
    'citekey = "known2020"\narxiv = "2001.00001v2"\n\n[[equations]]\nnumber = "4"\nlatex = \'x = y\'\nsays = "One."\n'
)
PAGES = "papers/index.qmd, papers/*/index.qmd, claims.qmd, equations.qmd, functions.qmd, graph.qmd"
# What a build of `project` writes outside of .press/ and _site/.
MADE = ["posts/a/index.ipynb", "papers/known2020/index.qmd", *PAGES.replace("papers/*/index.qmd, ", "").split(", ")]


def notebook(title: str, **metadata) -> str:
    """An author's own notebook, which the site publishes as it is."""
    front = f"---\ntitle: {title}\ndescription: Mine.\ndate: 2024-01-02\ncategories: [x]\n---"
    cells = [
        {"cell_type": "raw", "id": "front", "metadata": {}, "source": front},
        {"cell_type": "markdown", "id": "words", "metadata": {}, "source": "My only copy."},
    ]
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


STRANGERS = {
    "posts/mine/index.ipynb": notebook("Mine"),
    "posts/mine/index_files/figure-html/one.png": "a picture",
    "posts/papermill/index.ipynb": notebook(
        "Another tool's",
        papermill={"duration": 1.0},
        press={"key": "0" * 64, "parts": {"slug": "papermill"}, "commit": "", "device": "cpu"},
    ),
    "posts/_draft/post.qmd": "not yet\n",
    "posts/_draft/index.ipynb": notebook("Draft"),
    "posts/.kept/index.ipynb": "{}",
    "posts/a/index_files/mine.png": "a picture",
    "posts/a/a.ipynb": "my experiments",
    "posts/a/data.csv": "1,2\n",
    "papers/unread/index.qmd": "---\ntitle: Unread\ndescription: Mine.\n---\n\nMy page on it.\n",
    "papers/unread/notes.md": "mine\n",
    "papers/known2020/figure.svg": "<svg/>",
    "glossary.qmd": "---\ntitle: My own glossary\n---\n",
    "search.json": "{}",
    "index.xml": "<rss/>",
    "sitemap.xml": "<urlset/>",
    "site_libs/mine.js": "1",
    "index_files/mine.png": "a picture",
    "docs/CNAME": "docs.example.org\n",
    "docs/index.html": "an older site",
    "_site-next/index.html": "mine",
    "_freeze/posts/a/index.json": "{}",
    ".quarto/cache.txt": "Quarto's",
    "CNAME": "example.org\n",
    ".nojekyll": "",
    "robots.txt": "User-agent: *\n",
    "_redirects": "/a /b\n",
    "_headers": "/*\n",
    ".press/notes.txt": "mine",
    ".press/cache/notes/mine.txt": "mine",
    ".press/pages/mine.html": "mine",
    ".press/facts/mine.json": "{}",
    ".press/kept-1/mine.txt": "mine",
    ".press/arxiv/mine/notes.txt": "mine",
    ".references.bib.mine.tmp": "mine",
    "models/mine.bin": "weights",
}


def project(root: Path, output: str = "_site") -> Site:
    """One post, one paper, and nobody's files but an author's sources."""
    root.mkdir(exist_ok=True)
    site = Site(root)
    config = CONFIG.replace("[index.qmd, ", f"[index.qmd, {PAGES}, ").replace(
        "output-dir: _site", f"output-dir: {output}"
    )
    site.write("_quarto.yml", config)
    site.post("a", "Words.\n\n" + cell("print(1)"))
    site.write("papers/known2020/paper.toml", PAPER)
    return site


def full_of_strangers(root: Path) -> Site:
    """The same with an author's files in every place that the press might use, and links that lead out of it."""
    site = project(root)
    for name, text in STRANGERS.items():
        site.write(name, text)
    outside = root.parent / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "folder/index.ipynb").write_text(notebook("Outside"))
    (outside / "page.qmd").write_text("mine\n")
    (root / "papers/linked").symlink_to(outside / "folder")
    (root / "posts/_linked").symlink_to(outside / "folder")
    (root / "linked.qmd").symlink_to(outside / "page.qmd")
    (root / "models/empty").mkdir()
    return site


def everything(folder: Path) -> dict[str, bytes | str]:
    """Each file with its content, each link with its target, each folder, by path."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        found[name] = os.readlink(path) if path.is_symlink() else "folder" if path.is_dir() else path.read_bytes()
    return found


def press(site: Site, *arguments: str) -> int:
    """Run a command in this process; posts "run" without a kernel."""
    if arguments[0] == "build":
        arguments = (*arguments, "--renderer", "pandoc", "--jobs", "1")
    with no_kernels():
        return cli.main([*arguments, "--root", str(site.root)])


@contextlib.contextmanager
def no_kernels() -> Iterator[None]:
    kept = executors.execute_all, executors.open_executor, execution.warm

    def run(tasks, *_):
        for task in tasks:
            book = json.loads(task.notebook)
            for each in book["cells"]:
                if each["cell_type"] == "code":
                    text = [f"ran: {''.join(each['source'])}\n"]
                    each |= {
                        "execution_count": 1,
                        "outputs": [{"output_type": "stream", "name": "stdout", "text": text}],
                    }
            yield Result(task.slug, book, (), 0.1, None)

    executors.execute_all, executors.open_executor = run, lambda *_: contextlib.nullcontext()
    execution.warm = lambda *_: contextlib.nullcontext({})
    try:
        yield
    finally:
        executors.execute_all, executors.open_executor, execution.warm = kept


CHANGES = {"os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "ctypes.dlsym", "fcntl.flock"}


class Killer:
    """Runs commands in processes that are killed just before a given step.

    A step is whatever changes the disk: a rename, a link, a removal, a new folder, a file opened for writing. They are
    forked from a process that has nothing but the imports behind it, since threads and forks do not go together.
    """

    def __init__(self, site: Site):
        command = [sys.executable, "-m", "tests.press.strangers", str(site.root)]
        root = Path(__file__).resolve().parents[2]
        self.process = subprocess.Popen(
            command, cwd=root, env=site.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, moment: int, *arguments: str) -> tuple[bool, int]:
        """Run a command up to this step; 0 lets it finish. Returns whether it was killed, and its steps if not."""
        self.process.stdin.write(json.dumps([moment, *arguments]) + "\n")
        self.process.stdin.flush()
        killed, steps = json.loads(self.process.stdout.readline())
        return killed, steps

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def serve(root: Path) -> None:
    """The process behind `Killer`."""
    site = object.__new__(Site)
    site.root = root
    for line in sys.stdin:
        moment, *arguments = json.loads(line)
        reader, writer = os.pipe()
        if not (child := os.fork()):
            _run_until(site, moment, arguments, writer)
        os.close(writer)
        _, status = os.waitpid(child, 0)
        with os.fdopen(reader, "rb") as stream:
            print(json.dumps([os.WIFSIGNALED(status), int(stream.read() or 0)]), flush=True)


def _run_until(site: Site, moment: int, arguments: list[str], result: int) -> None:
    steps = 0

    def hook(event: str, values: tuple) -> None:
        nonlocal steps
        opened = event == "open" and isinstance(values[2], int) and values[2] & (os.O_WRONLY | os.O_RDWR)
        if event in CHANGES or opened:
            steps += 1
            if steps == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(quiet, stream)
    sys.addaudithook(hook)
    try:
        press(site, *arguments)
        os.write(result, str(steps).encode())
    finally:
        os._exit(0)


if __name__ == "__main__":
    from press import clean, passes, pipeline, renderer  # noqa: F401  (once, not in each fork)
    from press.renderer import assemble, onepage, search  # noqa: F401

    serve(Path(sys.argv[1]))
