"""A site of generated posts with the embedded renderer: cold, nothing changed, one post changed.

    .venv/bin/python benchmarks/bench_site.py [--posts 200]
    .venv/bin/python benchmarks/bench_site.py --notebooks 1000

Every post has prose, maths, citations, cross references, a figure and code, and is executed for real; notebooks are
published with the outputs that they store. Prints seconds on the wall, seconds of processor time (of all processes
together), and the largest resident set of any one process. Targets: with 200 posts, one changed post <= 5 s; with 1,000
notebooks on two quiet cores, cold <= 60 s (120 s of processor time), one changed <= 5 s (of which Pagefind, which
reads all pages again, takes one), nothing changed <= 1.5 s; memory below 1 GB. The first change after a cold build
writes the whole site, the second begins with the site before last.
"""

from __future__ import annotations

import argparse
import base64
import json
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import calibration

CONFIG = """\
project: {{type: website, render: [index.qmd, posts/*/index.ipynb]}}
website: {{title: Many posts, site-url: "https://example.org", search: true, navbar: {{left: [{{text: Home, href: index.qmd}}]}}}}
format: {{html: {{toc: true, html-math-method: mathml, code-copy: true}}}}
bibliography: references.bib
execute: {{enabled: false}}
"""
INDEX = '---\ntitle: Home\nlisting:\n  contents: posts/*/index.ipynb\n  sort: "date desc"\n  categories: true\n  feed: true\n---\n'
HEAD = """\
---
title: "Post {i}"
description: "What post {i} is about."
date: 2026-{month:02}-{day:02}
categories: [c{kind}, d{other}]
---
"""
PROSE = """
## Section {n} {{#sec-{n}}}

In paragraph {n} of post {i}, the estimate $\\hat\\mu_{n} = {n} / {i}$ follows [@key{n}], as @sec-{n} says. It is a sentence of
ordinary length, with *emphasis*, `code`, and a [link](https://example.org/{i}/{n}), followed by another one that is longer.

$$
\\mathbb{{E}}[x_{n}] = \\int x\\, p_{n}(x)\\, dx
$$ {{#eq-{n}}}
"""
CODE = """
```{{python}}
#| label: fig-a
#| fig-cap: "A generated figure, see @eq-1."
#| fig-alt: "A grey square."
import base64, struct, zlib
from IPython.display import Image
rows = b"".join(b"\\0" + bytes((x * {i} + y) % 256 for x in range(200)) for y in range(120))
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
head = struct.pack(">IIBBBBB", 200, 120, 8, 0, 0, 0, 0)
Image(b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
```

@fig-a shows it.
"""


def write_post(root: Path, i: int, word: str = "") -> None:
    """Post number `i`, with one more word if given."""
    head = HEAD.format(i=i, month=i % 12 + 1, day=i % 28 + 1, kind=i % 7, other=i % 5)
    body = "".join(PROSE.format(i=i, n=n) for n in range(1, 9))
    path = root / "posts" / f"post-{i:03}" / "post.qmd"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + f"\n{word} First words.\n" + body + CODE.format(i=i))


NOTEBOOKS = """\
project: {type: website}
website: {title: Many notebooks, site-url: "https://example.org"}
format: {html: {toc: true}}
"""
LIST = '---\ntitle: Home\nlisting:\n  contents: posts\n  sort: "date desc"\n  categories: true\n---\n'
TEXT = """\
## Section {n}

In paragraph {n} of note {i}, the estimate $\\hat\\mu_{n} = {n}/{i}$ is of *ordinary* length, with `code` and a
[link](https://example.org/{i}/{n}). {word}
"""
MATTER = "---\ntitle: Note {i}\ndescription: About {i}.\ndate: 2026-{month:02}-{day:02}\ncategories: [c{kind}]\n---"


def grey(i: int) -> str:
    """A PNG of 64 by 48 pixels, in base64; another one for each `i`."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((x * i + y) % 256 for x in range(64)) for y in range(48))
    head = struct.pack(">IIBBBBB", 64, 48, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return base64.b64encode(data).decode()


def write_notebook(root: Path, i: int, word: str = "") -> None:
    """Notebook number `i` with stored outputs, with one more word if given."""

    def code(name: str, source: str, output: dict[str, Any]) -> dict[str, Any]:
        outputs = [{"output_type": "display_data", "metadata": {}, "data": output}]
        return {
            "cell_type": "code",
            "id": name,
            "metadata": {},
            "execution_count": 1,
            "source": source,
            "outputs": outputs,
        }

    matter = MATTER.format(i=i, month=i % 12 + 1, day=i % 28 + 1, kind=i % 7)
    cells: list[dict[str, Any]] = [{"cell_type": "raw", "id": "matter", "metadata": {}, "source": matter}]
    for n in range(6):
        text = TEXT.format(i=i, n=n, word=word)
        cells.append({"cell_type": "markdown", "id": f"text-{n}", "metadata": {}, "source": text})
        cells.append(code(f"code-{n}", f"import numpy as np\nnp.arange({n}).sum() + {i}", {"text/plain": str(n * i)}))
    cells.append(code("plot", "#| fig-alt: grey\nplot()", {"image/png": grey(i), "text/plain": "<Figure>"}))
    path = root / "posts" / f"note-{i:04}" / "index.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}))


def build(root: Path, what: str) -> None:
    """Run `press build` and print how long it took."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "press.cli", "build", "--renderer", "pandoc"], cwd=root, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said = f"{time.perf_counter() - start:7.2f} s   processor {used:6.2f} s   peak {after.ru_maxrss / 1024:5.0f} MB"
    print(f"{what:16} {said}   {done.stdout.strip()}", flush=True)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--posts", type=int, default=200, help="how many posts to execute (default 200)")
    options.add_argument("--notebooks", type=int, help="how many notebooks with stored outputs to publish instead")
    given = options.parse_args()
    count, write = (given.notebooks, write_notebook) if given.notebooks else (given.posts, write_post)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "_quarto.yml").write_text(NOTEBOOKS if given.notebooks else CONFIG.format())
        (root / "index.qmd").write_text(LIST if given.notebooks else INDEX)
        entry = "@article{{key{n},\n  title = {{Title {n}}},\n  author = {{Author, A{n}}},\n  year = {{2020}},\n}}\n"
        if not given.notebooks:
            (root / "references.bib").write_text("".join(entry.format(n=n) for n in range(1, 60)))
        for i in range(1, count + 1):
            write(root, i)
        build(root, "cold")
        build(root, "nothing changed")
        write(root, (count + 1) // 2, word="Changed.")
        build(root, "one changed")
        for word in ("again", "for the third time"):
            write(root, (count + 1) // 2, word=f"Changed {word}.")
            build(root, "one changed")
    calibration.tell()


if __name__ == "__main__":
    main()
