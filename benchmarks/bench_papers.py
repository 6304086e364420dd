"""Pages of 500 generated papers: reading them, writing the index pages, and a build with the embedded renderer.

    .venv/bin/python benchmarks/bench_papers.py [--papers 500] [--no-site]

Each paper has two equations, two claims and three related papers, and cites two others in its notes. Prints seconds: each
generated index page as text (target: all of them <= 2 s), Pandoc's rendering of each index page, and whole builds: cold,
nothing changed, one paper's equation changed, one paper's title changed; with how many pages each rendered.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import calibration

from press.core.project import open_project
from press.pages.backlinks import backlinks
from press.pages.publish import INDEXES, make
from press.papers.graph import collect
from press.papers.schema import read_papers
from press.papers.shelf import read_shelf

CONFIG = """\
project: {type: website, render: [index.qmd, "*.qmd", "papers/index.qmd", "papers/*/index.qmd"]}
website: {title: Many papers, site-url: "https://example.org", search: true}
format: {html: {html-math-method: mathml}}
bibliography: references.bib
execute: {enabled: false}
"""
PAPER = r"""citekey = "{key}"
related = [{related}]

[symbols]
'\alpha_{{{i}}}' = '\bar\alpha_t'

[[equations]]
number = "1"
latex = '\boldsymbol{{x}}_{{t-1}} = \sqrt{{\alpha_{{{i}}}}}\, \boldsymbol{{x}}_t + \sigma_t z'
says = "One step of sampler {i}."
implemented_by = ["mathlib.loops.step{part}"]

[[equations]]
number = "2"
latex = 'L = \mathbb{{E}} \left[ \lVert \epsilon - \epsilon_\theta \rVert^2 \right] / {i}'
says = "The loss."

[[claims]]
id = "few-{i}"
statement = "Few steps are enough, as paper {i} says."
table = "Table 1"
number = "{i}.5"
quantity = "ratio of distances"
direction = "above"
than = 1.0

[[claims]]
id = "many-{i}"
statement = "Many steps are better."
table = "Fig. 2"
number = "a plot"
quantity = "difference"
direction = "above"
than = 0.0
"""
NOTES = '---\ntitle: "Paper {i}"\n---\n\nIt goes on from [@{first}].\n\n## Doubts\n\nIt differs from [@{second}].\n'
ENTRY = "@article{{{key},\n  title = {{On sampler {i}}},\n  author = {{Author, A{i}}},\n  year = {{{year}}},\n}}\n"
PARTS = 40  # how many functions the papers share


def key_of(i: int, count: int) -> str:
    """The citekey of a paper; numbers go round."""
    return f"made{i % count:04}"


def write_project(root: Path, count: int) -> None:
    """A project of papers alone."""
    (root / "_quarto.yml").write_text(CONFIG)
    (root / "index.qmd").write_text("---\ntitle: Home\n---\n\nWords.\n")
    (root / "NOTATION.md").write_text("# Notation\n\n| meaning | name |\n|---|---|\n| clean data | `x_0` |\n")
    (root / "lib/mathlib").mkdir(parents=True)
    (root / "lib/mathlib/__init__.py").write_text("")
    functions = (f"def step{part}(x_t):\n    return x_t + {part}\n" for part in range(PARTS))
    (root / "lib/mathlib/loops.py").write_text("\n\n".join(functions))
    entries = (ENTRY.format(key=key_of(i, count), i=i, year=1990 + i % 35) for i in range(count))
    (root / "references.bib").write_text("".join(entries))
    for i in range(count):
        folder = root / "papers" / key_of(i, count)
        folder.mkdir(parents=True)
        related = ", ".join(f'"{key_of(i + step, count)}"' for step in (1, 10, 100))
        (folder / "paper.toml").write_text(PAPER.format(key=folder.name, related=related, i=i, part=i % PARTS))
        notes = NOTES.format(i=i, first=key_of(i + 3, count), second=key_of(i + 17, count))
        (folder / "paper.qmd").write_text(notes)


def timed(what: str, action):
    """Run, print how long it took, and return what came out."""
    start = time.perf_counter()
    found = action()
    print(f"{what:34} {time.perf_counter() - start:7.2f} s", flush=True)
    return found


def build(root: Path, what: str) -> None:
    """Run `press build` and print how long it took and what it did."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "press.cli", "build", "--renderer", "pandoc"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    print(f"build: {what:27} {time.perf_counter() - start:7.2f} s   {done.stdout.strip()}", flush=True)


def render_indexes(root: Path) -> None:
    """Pandoc's part of each index page, by the embedded renderer, into an empty cache."""
    from press.core.config import read_config
    from press.core.selection import site_inputs
    from press.renderer import onepage

    settings = read_config(root)
    site = onepage.open_site(settings, site_inputs(settings))
    for name in INDEXES:
        path = root / name
        cache = root / ".press" / "bench"
        timed(
            f"rendered: {name}", lambda path=path, cache=cache: onepage.render_page(site, cache, path, f"{path.stem}x")
        )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--papers", type=int, default=500)
    options.add_argument("--no-site", action="store_true", help="only the pages' text, no rendering")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_project(root, given.papers)
        project = open_project(root)
        timed("read, first time", lambda: read_shelf(project, read_papers(root), {}))
        shelf = timed("read again", lambda: read_shelf(project, read_papers(root), {}))
        graph = timed("graph", lambda: collect(shelf))
        timed("backlinks", lambda: backlinks(shelf, graph))
        start = time.perf_counter()
        for name, write in INDEXES.items():
            timed(f"text: {name}", lambda write=write: write(shelf, graph))
        print(f"{'all index pages':34} {time.perf_counter() - start:7.2f} s")
        timed("everything, with papers' pages", lambda: make(project, read_papers(root), {}))
        calibration.tell()
        if given.no_site:
            return
        build(root, "cold")
        render_indexes(root)
        build(root, "nothing changed")
        path = root / "papers" / key_of(7, given.papers) / "paper.toml"
        path.write_text(path.read_text().replace("One step of", "A single step of"))
        build(root, "one equation changed")
        path = path.with_name("paper.qmd")
        path.write_text(re.sub(r'title: ".*"', 'title: "Another title"', path.read_text()))
        build(root, "one title changed")


if __name__ == "__main__":
    main()
