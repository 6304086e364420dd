"""Make small projects for the tests: notebooks from Python lists, PNGs without an image library."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

QUARTO_YML = """\
project:
  type: website
  output-dir: _site
  render:
    - index.qmd
    - about.qmd
    - posts/*/index.ipynb

website:
  title: "Executable papers"
  description: "Papers, re-run."
  site-url: "https://example.org"
  open-graph: true
  search: true
  back-to-top-navigation: true
  navbar:
    left:
      - text: Posts
        href: index.qmd
      - text: About
        href: about.qmd
    right:
      - icon: rss
        href: index.xml
        aria-label: RSS feed
  page-footer:
    left: "Built, not typed."

format:
  html:
    theme:
      light: cosmo
      dark: darkly
    toc: true
    toc-depth: 3
    html-math-method: mathml
    code-copy: true
    citations-hover: true

lang: en
date-format: iso
bibliography: references.bib
link-citations: true

press:
  checks: strict
"""

INDEX = """\
---
title: "Executable papers"
description: "Papers, re-run."
toc: false
listing:
  id: posts
  contents: posts/*/index.ipynb
  type: default
  sort: "date desc"
  categories: true
  feed: true
  fields: [image, date, title, description, categories, reading-time]
---

Each post here is a notebook that this build executed.
"""

ABOUT = """\
---
title: About
---

Read [the first post](posts/alpha/index.ipynb), or go [home](index.qmd).
"""


def png(width: int = 40, height: int = 30, colour: tuple[int, int, int] = (60, 110, 180)) -> bytes:
    """A valid PNG: a gradient towards white."""
    rows = []
    for y in range(height):
        row = b"".join(
            bytes(min(255, c + (255 - c) * (x + y) // (width + height)) for c in colour) for x in range(width)
        )
        rows.append(b"\x00" + row)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + chunk(b"IEND", b"")
    )


def md(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def code(source: str, *outputs: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": list(outputs), "execution_count": 1}


def display(data: dict[str, Any], kind: str = "display_data", **metadata: Any) -> dict[str, Any]:
    extra = {"execution_count": 1} if kind == "execute_result" else {}
    return {"output_type": kind, "data": data, "metadata": metadata, **extra}


def picture(
    width: int = 40, height: int = 30, colour: tuple[int, int, int] = (60, 110, 180), **metadata: Any
) -> dict[str, Any]:
    data = base64.b64encode(png(width, height, colour)).decode()
    return display({"image/png": data, "text/plain": "<Figure size 640x480 with 1 Axes>"}, **metadata)


def html(text: str) -> dict[str, Any]:
    return display({"text/html": text, "text/plain": "<object>"})


def plain(text: str) -> dict[str, Any]:
    return display({"text/plain": text}, "execute_result")


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def write_post(root: Path, slug: str, front: str, *cells: dict[str, Any]) -> Path:
    """Write posts/<slug>/index.ipynb. The cells' lines count as if post.qmd held them one after the other."""
    folder = root / "posts" / slug
    folder.mkdir(parents=True, exist_ok=True)
    file, line = f"posts/{slug}/post.qmd", 1
    source = f"---\n{front.strip()}\n---"
    done = []
    for cell in [{"cell_type": "raw", "metadata": {}, "source": source}, *cells]:
        start = line + 1 if cell["cell_type"] == "code" else line
        text = cell["source"]
        place = {"press": {"file": file, "line": start}}
        done.append(
            cell
            | {"metadata": cell["metadata"] | place, "source": text.splitlines(keepends=True), "id": f"c{len(done)}"}
        )
        line = start + text.count("\n") + (2 if cell["cell_type"] == "code" else 1) + 1
    info = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    notebook = {"cells": done, "metadata": info, "nbformat": 4, "nbformat_minor": 5}
    (folder / "post.qmd").write_text(source + "\n", encoding="utf-8")  # what the press notes counts beside its source
    path = folder / "index.ipynb"
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def write_site(root: Path, **files: str) -> Path:
    """A project with a home page, an about page, a bibliography and no posts."""
    root.mkdir(parents=True, exist_ok=True)
    bib = (Path(__file__).parent / "fixtures" / "refs.bib").read_text(encoding="utf-8")
    base = {"_quarto.yml": QUARTO_YML, "index.qmd": INDEX, "about.qmd": ABOUT, "references.bib": bib}
    for name, text in (base | files).items():
        (root / name).write_text(text, encoding="utf-8")
    return root
