"""Where each figure and each claim comes from, put beside it when the executed notebook is placed.

The cell, the commit, parameters, seed, device, versions, hash of the model: a `<details>` that opens on a click or by
the keyboard and needs no script. It is made of what the run recorded, so no post runs again for it. In the notebook it
is a Markdown cell of raw HTML behind a figure's cell, and a part of a claim's box: both renderers show it.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from postkit.claims import MIME
from press.core.command import git
from press.core.templates import render
from press.posts.post import INDENT, Post

MADE = "made"  # in a cell's metadata.press: the press made this cell, no author
FENCE = "`" * 8
SHOWN = ("python", "torch", "numpy", "scipy", "matplotlib", "diffusers", "transformers", "tokenizers")
IMAGES = ("image/png", "image/jpeg", "image/svg+xml")
Facts = list[tuple[str, str]]


def commit_of(root: Path) -> str:
    """The commit that is checked out at `root`, and whether files differ from it; "" if there is no git."""
    head = git(root, "rev-parse", "--short=10", "HEAD")
    return head + " + uncommitted changes" if head and git(root, "status", "--porcelain") else head


def today_here(dask: str | None = None) -> dict[str, str]:
    """The day, by UTC, and what kind of machine this is; nothing that tells it from others of its kind.

    Args:
        dask: the address of the cluster that executes, if one does.
    """
    here = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"day": today, "machine": "a Dask cluster" if dask else here}


def versions_of(parts: Mapping[str, str]) -> dict[str, str]:
    """The versions that a page names, of Python and of those packages that a key has.

    Args:
        parts: of the key.
    """
    found = {"python": str(parts.get("kernel", "")).rpartition(" ")[2]}
    found |= {name.partition(" ")[2]: value for name, value in parts.items() if name.startswith("version ")}
    return {name: found[name] for name in SHOWN if found.get(name)}


def run_facts(post: Post, executed: dict[str, Any]) -> Facts:
    """What all figures of a post share: (name, value), plain text.

    Args:
        executed: the notebook as it was executed, with the parts of its key.
    """
    press = executed["metadata"]["press"]
    parts = press.get("parts") or {}
    line = _line(executed)
    changed = {name.partition(" ")[2]: value for name, value in parts.items() if name.startswith("parameter ")}
    parameters = {name: json.dumps(value) for name, value in post.parameters.items()} | changed
    files = [(name.partition(" ")[2], value) for name, value in parts.items() if name.startswith(("file ", "read "))]
    models = [f"{name} {value[:12]}" for name, value in files if name.startswith("models/")]
    data = [f"{name} {value[:12]}" for name, value in files if not name.startswith("models/")]
    device = line.get("device") or press.get("device") or parameters.get("device", "").strip('"')
    facts = [
        ("commit", line.get("commit") or press.get("commit") or "not recorded"),
        ("parameters", ", ".join(f"{name} = {value}" for name, value in parameters.items()) or "none"),
        ("seed", line.get("seed") or parameters.get("seed") or "not recorded"),
        ("device", device or "not recorded"),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions_of(parts).items())),
        ("model", ", ".join(models) or "none"),
    ]
    facts += [("data", ", ".join(data))] if data else []
    return [*facts, ("key", str(press.get("key", ""))[:12])]


def _line(executed: dict[str, Any]) -> dict[str, str]:
    """Commit, seed and device as the post's own provenance line has them: it was written by the run itself."""
    for cell in executed["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data") or {}
            if "postkit-provenance" in "".join(data.get("text/html", "")):
                pairs = (part.partition(" ") for part in "".join(data.get("text/plain", "")).split(" \u00b7 "))
                return {name: value for name, _, value in pairs if name in ("commit", "seed", "device")}
    return {}


def details(what: str, cell: str, facts: Facts) -> str:
    """The `<details>`, on one line, everything in it escaped.

    Args:
        what: what it is about, plain text, such as "fig-one".
        cell: the cell, plain text.
    """
    return str(render("posts/made.html", what=what, facts=[("cell", cell), *facts]))


def raw_cell(name: str, html: str, place: dict[str, Any], indent: str = "") -> dict[str, Any]:
    """A Markdown cell that both renderers show as this HTML; of one line, so that nothing in it can end its fence."""
    source = [f"{indent}{FENCE}{{=html}}\n", f"{indent}{' '.join(html.split(chr(10)))}\n", indent + FENCE]
    metadata = {"press": {"file": place.get("file", ""), "line": place.get("line", 0), MADE: True}}
    return {"cell_type": "markdown", "id": name, "metadata": metadata, "source": source}


def is_made(cell: dict[str, Any]) -> bool:
    """Whether the press made this cell for the page."""
    return bool((cell.get("metadata", {}).get("press") or {}).get(MADE))


def with_provenance(notebook: dict[str, Any], post: Post, executed: dict[str, Any]) -> dict[str, Any]:
    """The notebook with the provenance of each figure and claim.

    Args:
        notebook: the assembled notebook; it is not changed.
        executed: the notebook of the run.
    """
    facts = run_facts(post, executed)
    options = {cell.name: cell.options for cell in post.cells}
    cells: list[dict[str, Any]] = []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            cells.append(cell)
            continue
        own = options.get(cell["id"], {})
        label = str(own.get("label") or "")
        place = cell["metadata"].get("press") or {}
        number = f", [{cell['execution_count']}]" if cell.get("execution_count") else ""
        where = f", {place['file']}, line {place['line']}" if place.get("line") else ""
        said = f"{label + ', ' if label else ''}{cell['id']}{number}{where}"
        cells.append(cell | {"outputs": [_in_box(output, said, facts) for output in cell["outputs"]]})
        if _draws(label, own, cell["outputs"]):
            html = details(label or "this figure", said, facts)
            cells.append(raw_cell(f"made-{cell['id']}", html, place, cell["metadata"].get(INDENT, "")))
    return notebook | {"cells": cells}


def with_origin(notebook: dict[str, Any], post: Post, executed: dict[str, Any]) -> dict[str, Any]:
    """The notebook with a line at its end that says where it was executed, if that was elsewhere.

    Args:
        executed: the notebook of the run, or as it was taken from a cache.
    """
    press = executed["metadata"]["press"]
    taken = press.get("taken")
    if not taken:
        return notebook
    html = render("posts/taken.html", device=press.get("device"), slug=post.slug, **taken)
    last = notebook["cells"][-1]["metadata"].get("press") or {}
    return notebook | {"cells": [*notebook["cells"], raw_cell("made-origin", str(html), last)]}


def _draws(label: str, options: dict[str, Any], outputs: Iterable[dict[str, Any]]) -> bool:
    """Whether the page shows a figure of this cell."""
    if options.get("include") is False or options.get("output") is False:
        return False
    shown = [output.get("data") or {} for output in outputs if MIME not in (output.get("data") or {})]
    return any((label.startswith("fig-") and data) or any(kind in data for kind in IMAGES) for data in shown)


def _in_box(output: dict[str, Any], cell: str, facts: Facts) -> dict[str, Any]:
    """A claim's box with its provenance inside, before its end."""
    data = output.get("data") or {}
    box = "".join(data.get("text/html", ""))
    if MIME not in data or not box.rstrip().endswith("</div>"):
        return output
    name = str(data[MIME].get("id", "this claim"))
    html = box.rstrip().removesuffix("</div>") + details(f"the claim {name}", cell, facts) + "\n</div>"
    return output | {"data": data | {"text/html": html.splitlines(keepends=True)}}
