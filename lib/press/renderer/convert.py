"""Run Pandoc on one document; every warning of Pandoc or of our filters becomes a problem with file and line."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from press.core.command import OverLimit, run_within
from press.core.errors import Problem
from press.core.pandoc import binary
from press.renderer.page import Document

HERE = Path(__file__).parent
UNREADABLE = re.compile(r"bibliography|\bCSL\b|citeproc", re.IGNORECASE)  # what Pandoc says of a file that is none
FILTERS = ("unsupported", "cells", "callout", "tabset", "crossref", "layout")
EARLY = ("unsupported", "tabset")  # of those, what needs no outputs
# A `---` in the middle of a text is a rule here, never metadata: what looks like a mapping would vanish from the page.
READER = "markdown-yaml_metadata_block-pandoc_title_block"

# TeX puts a thin space between an operator's name and what it is applied to without brackets; browsers put none.
OPERATOR = re.compile(r"(</mi><mo>&#8289;</mo></mrow>)(?=<m(?:i|n|sub|sup|subsup|frac|sqrt|over|under)\b)")


def render(
    document: Document,
    work: Path,
    *,
    meta: dict[str, Any],
    variables: dict[str, Any],
    options: dict[str, Any],
    bibliography: str,
    others: list[Path],
    csl: Path | None,
    toc_depth: int,
) -> str:
    """The page's HTML from our template. Problems are added to the document.

    Args:
        work: an empty directory for the input, log and settings of this run.
        meta: what is parsed as Markdown (title, author, abstract ...).
        variables: what goes into the template as it is; already escaped.
        options: what the Lua filters read.
        bibliography: BibTeX of the entries that the page cites.
        others: bibliographies in other formats.
    """
    cites = any("@" in line for line in document.lines) or bool(meta.get("nocite"))
    (work / "meta.json").write_text(json.dumps(meta, ensure_ascii=False), encoding="utf-8")
    (work / "refs.bib").write_text(bibliography, encoding="utf-8")
    defaults = _defaults(work, cites, toc_depth) | {"variables": variables} | ({"csl": str(csl)} if csl else {})
    defaults["bibliography"] += [str(path) for path in others] if cites else []
    before = list(document.problems)
    if not _pandoc(document, work, defaults, options):
        said = document.problems[-1].message
        if not cites or not UNREADABLE.search(said):
            return ""
        # What is cited cannot be read: the page stands without it.
        document.problems = [
            *before,
            Problem(document.input, 0, f"no citation is resolved. {said}", check="references"),
        ]
        defaults = {**_defaults(work, False, toc_depth), "variables": variables}
        if not _pandoc(document, work, defaults, options):
            return ""
    return OPERATOR.sub(r'\1<mspace width="0.167em"></mspace>', (work / "page.html").read_text(encoding="utf-8"))


def look(document: Document, work: Path) -> None:
    """Add to the document's problems what can be told of its text alone: what we refuse, math, what Pandoc repairs.

    Cross references, captions and citations are left out: they depend on what its cells will show.

    Args:
        work: an empty directory.
    """
    # Without colours: Pandoc would read all its languages to find that an output is in none of them.
    defaults = _basis(work, EARLY) | {"syntax-highlighting": "none"}
    _pandoc(document, work, defaults, {})


def _pandoc(document: Document, work: Path, defaults: dict[str, Any], options: dict[str, Any]) -> bool:
    """Run Pandoc in this directory; False, and a problem, where it fails."""
    (work / "page.md").write_text("\n".join(document.lines) + "\n", encoding="utf-8")
    (work / "defaults.json").write_text(json.dumps(defaults), encoding="utf-8")
    environment = os.environ | {"PRESS_OPTIONS": json.dumps({k: v for k, v in options.items() if v is not None})}
    # A page that needs more than this is broken; without the limits it could take the machine with it.
    command = [binary(), "+RTS", "-M900m", "-RTS", "--defaults", str(work / "defaults.json")]
    try:
        run = run_within(command, 300, env=environment)
    except OverLimit as error:
        document.problems.append(Problem(document.input, 0, f"Pandoc was ended: {error}. Make the page smaller"))
        return False
    if run.returncode != 0:
        document.problems.append(Problem(document.input, 0, f"Pandoc failed: {run.stderr.strip()[-2000:]}"))
        return False
    document.problems += _problems(document, work / "log.json")
    return True


def _defaults(work: Path, cites: bool, toc_depth: int) -> dict[str, Any]:
    """Pandoc's defaults file: all options of the run."""
    found = _basis(work, FILTERS)
    return found | {
        "metadata-files": [str(work / "meta.json")],
        "template": str(HERE / "template.html"),
        "filters": [*found["filters"], *(["citeproc"] if cites else []), str(HERE / "filters" / "finish.lua")],
        "bibliography": [str(work / "refs.bib")] if cites else [],
        "section-divs": True,
        "table-of-contents": toc_depth > 0,
        "toc-depth": toc_depth or 1,
        "wrap": "preserve",
        "standalone": True,
    }


def _basis(work: Path, filters: tuple[str, ...]) -> dict[str, Any]:
    return {
        "reader": READER,
        "writer": "html5",
        "input-files": [str(work / "page.md")],
        "filters": [str(HERE / "filters" / f"{name}.lua") for name in filters],
        "log-file": str(work / "log.json"),
        "output-file": str(work / "page.html"),
        "html-math-method": {"method": "mathml"},
    }


def _problems(document: Document, log: Path) -> list[Problem]:
    found: list[Problem] = []
    for entry in json.loads(log.read_text(encoding="utf-8") or "[]"):
        if entry.get("verbosity") in ("WARNING", "ERROR"):
            found += _problem(document, entry)
    return list(dict.fromkeys(found))


def _problem(document: Document, entry: dict[str, Any]) -> list[Problem]:
    pretty, kind = str(entry.get("pretty") or ""), entry["type"]
    message = str(entry.get("message") or pretty)
    if message.startswith("press\t"):
        _, check, needle, text = message.split("\t", 3)
        return document.blame(needle, text, check)
    if kind == "CouldNotConvertTeXMath":
        tex = [line.strip() for line in str(entry.get("contents", "")).strip().splitlines()] or [""]
        reason = "; ".join(line.strip() for line in message.splitlines()[2:])
        return document.blame(max(tex, key=len), f"math `{tex[0][:80]}` cannot become MathML: {reason}", "math")
    missing = re.search(r"citation (\S+) not found", pretty)
    if missing:
        key = f"@{missing[1]}"
        return document.blame(key, f"citation {key}: the bibliography has no such entry", "references")
    place = entry.get("openpos") or entry
    if "source" in place and not place["source"]:
        # Within what a cell printed as Markdown: parsed by itself, so Pandoc's repair cannot reach the page around it.
        return []
    text = "Pandoc: " + re.sub(r"(?: at)? \S*page\.md line \d+ column \d+", "", pretty)
    if str(place.get("source", "")).endswith("page.md"):
        line = min(int(place.get("line", 1)), len(document.lines))
        origin = next((o for o in reversed(document.origins[:line]) if o), (document.input, 0))
        return [Problem(*origin, text, check="markdown")]
    return [Problem(document.input, 0, text, check="markdown")]
