"""A site of 200 generated posts with the embedded renderer: cold, nothing changed, one post changed.

    .venv/bin/python benchmarks/bench_site.py [--posts 200]

Every post has prose, maths, citations, cross references, a figure and code, and is executed for real. Prints seconds and
the largest resident set of any one process. Targets with 200 posts: one changed post <= 5 s, memory below 1 GB.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def build(root: Path, what: str) -> None:
    """Run `press build` and print how long it took."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "press.cli", "build", "--renderer", "pandoc"], cwd=root, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{what:16} {time.perf_counter() - start:7.2f} s   peak {peak:5.0f} MB   {done.stdout.strip()}", flush=True)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--posts", type=int, default=200)
    count = options.parse_args().posts
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "_quarto.yml").write_text(CONFIG.format())
        (root / "index.qmd").write_text(INDEX)
        entry = "@article{{key{n},\n  title = {{Title {n}}},\n  author = {{Author, A{n}}},\n  year = {{2020}},\n}}\n"
        (root / "references.bib").write_text("".join(entry.format(n=n) for n in range(1, 60)))
        for i in range(1, count + 1):
            write_post(root, i)
        build(root, "cold")
        build(root, "nothing changed")
        write_post(root, count // 2, word="Changed.")
        build(root, "one changed")
        write_post(root, count // 2, word="Changed again.")
        build(root, "one changed")


if __name__ == "__main__":
    main()
