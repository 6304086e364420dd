"""What a page's source says that can be checked without rendering: labels, references, citations, images.

Found in Pandoc's syntax tree, once per content: the result is remembered by the hash of what it was read from. What
cells add is read each time, so that the text of a post is read once, before it runs and after.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from press.core.memory import remembered
from press.core.pandoc import run_pandoc
from press.core.source import CROSSREF

EQUATION = re.compile(r"^\{#(eq-[\w.:-]+)\}?")
# In cells that are not Python's: mermaid's, say.
CELL_LABEL = re.compile(r"^\s*(?:#|//|%%|--)\s*\|\s*(?:lst-)?label:\s*[\"']?([\w.:-]+)", re.MULTILINE)
# A `---` in the middle of a text is a rule, never metadata: as the embedded renderer reads it.
READER = "markdown-yaml_metadata_block-pandoc_title_block"
FIGURE_TYPES = ("image/png", "image/jpeg", "image/svg+xml")


@dataclass(frozen=True)
class Piece:
    """A run of source text and where it begins."""

    text: str
    file: str
    line: int

    def line_of(self, pattern: str) -> int:
        """Line of the pattern's first match; 0 if there is none."""
        match = re.search(pattern, self.text)
        return self.line + self.text.count("\n", 0, match.start()) if match else 0


@dataclass
class Facts:
    """What one page declares and uses; each a list of [name, file, line]."""

    labels: list[list[Any]]
    references: list[list[Any]]
    citations: list[list[Any]]
    without_alt: list[list[Any]]
    notes: list[list[Any]]
    links: list[list[Any]]


def page_facts(markdown: list[Piece], cells: list[dict[str, Any]], cache: Path, texts: bool = True) -> Facts:
    """Facts of a page.

    Args:
        markdown: the page's Markdown, piece by piece.
        cells: its code cells: {"options", "file", "line", "types"}; types are the MIME types of its outputs.
        cache: folder of remembered results.
        texts: whether to read the text and tell what refers to it; else there are notes on cells only.
    """
    facts = Facts([], [], [], [], [], [])
    if texts:
        content = json.dumps([[asdict(piece) for piece in markdown], 7], sort_keys=True)
        facts = Facts(**remembered(cache, content, lambda: asdict(_read(markdown))))
    for cell in cells:
        _read_cell(cell, facts)
    return facts if texts else Facts([], [], [], [], facts.notes, [])


def _read(markdown: list[Piece]) -> Facts:
    facts = Facts([], [], [], [], [], [])
    text = "\n\n".join(piece.text for piece in markdown)
    for piece in markdown:
        for match in CELL_LABEL.finditer(piece.text):
            if CROSSREF.match(match[1]):
                line = piece.line + piece.text.count("\n", 0, match.start())
                facts.labels.append([match[1], piece.file, line])
    _read_tree(json.loads(run_pandoc(["-f", READER, "-t", "json"], text))["blocks"], markdown, facts)
    return facts


def _read_tree(blocks: Any, markdown: list[Piece], facts: Facts) -> None:
    for node in _walk(blocks):
        kind, content = node["t"], node.get("c")
        if kind in ("Header", "Div", "Span", "Image", "CodeBlock", "Table", "Figure"):
            attributes = content[1] if kind == "Header" else content[0]
            if CROSSREF.match(attributes[0]):
                facts.labels.append(_placed(attributes[0], rf"#{re.escape(attributes[0])}\b", markdown))
        if kind == "Str" and (match := EQUATION.match(content)):
            facts.labels.append(_placed(match[1], rf"#{re.escape(match[1])}\b", markdown))
        if kind == "Image" and not content[1] and "fig-alt" not in dict(content[0][2]):
            facts.without_alt.append(_placed(content[2][0], re.escape(content[2][0]), markdown))
        if kind in ("Link", "Image") and content[2][0]:
            target = content[2][0]
            facts.links.append(_placed(target, re.escape(target), markdown))
        if kind == "Cite":
            for citation in content[0]:
                key = citation["citationId"]
                target = facts.references if CROSSREF.match(key) else facts.citations
                name = key[0].lower() + key[1:] if target is facts.references else key
                target.append(_placed(name, rf"@\{{?{re.escape(key)}(?![\w-])", markdown))


def _walk(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        if "t" in tree:
            yield tree
        yield from _walk(list(tree.values()))
    elif isinstance(tree, list):
        for item in tree:
            yield from _walk(item)


def _placed(name: str, pattern: str, markdown: list[Piece]) -> list[Any]:
    for piece in markdown:
        if line := piece.line_of(pattern):
            return [name, piece.file, line]
    return [name, markdown[0].file if markdown else "", 0]


def _read_cell(cell: dict[str, Any], facts: Facts) -> None:
    options, place = cell["options"], [cell["file"], cell["line"]]
    label = str(options.get("label", ""))
    if CROSSREF.match(listing := str(options.get("lst-label", "")).lstrip("#")):
        facts.labels.append([listing, *place])
    if CROSSREF.match(label):
        facts.labels.append([label, *place])
        kind = label.partition("-")[0]
        caption = {"fig": "fig-cap", "tbl": "tbl-cap", "lst": "lst-cap"}.get(kind)
        if caption and caption not in options:
            facts.notes.append([f"cell {label!r} has no {caption}. Add a line #| {caption}: ...", *place])
        subs = options.get("fig-subcap") or options.get("tbl-subcap") or []
        facts.labels += [[f"{label}-{i}", *place] for i in range(1, len(subs) + 1 if isinstance(subs, list) else 1)]
    drawn = [kind for kind in cell["types"] if kind in FIGURE_TYPES]
    shown = options.get("output", True) not in (False, "false") and options.get("include", True) is not False
    if drawn and shown and not options.get("fig-alt"):
        facts.without_alt.append([label or "a figure of this cell", *place])
