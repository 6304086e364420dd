"""Where posts and notes speak of a paper: each citation with the section that it stands in, each cell with its own.

Found in Pandoc's syntax tree, whose section names are those of the finished page.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from press.files import write_atomic
from press.pandoc import run_pandoc
from press.project import Project, post_files
from press.source import FRONT_MATTER_ENDS

VERSION = "mentions 1"


@dataclass(frozen=True)
class Page:
    """What is known of a post or of an author's notes.

    Args:
        name: a post's slug, or a paper's citekey.
        title: as its front matter has it.
        sections: name of each section -> its title, in order.
        cited: [citekey, section] of each citation; section "" stands for what comes before the first.
        cells: "file:line" of each code cell -> its section.
    """

    name: str
    title: str
    sections: dict[str, str]
    cited: list[list[str]]
    cells: dict[str, str]

    def section_of(self, place: tuple[str, int]) -> str:
        """The section of the cell at this place; "" where it stands before the first, or is not known."""
        return self.cells.get(f"{place[0]}:{place[1]}", "")

    def sections_citing(self, citekey: str) -> list[str]:
        """Names of the sections that cite a paper, in order."""
        return list(dict.fromkeys(section for key, section in self.cited if key == citekey))


def read_posts_pages(project: Project) -> tuple[Page, ...]:
    """Every post that has been executed; the readings are remembered by the notebooks' content."""
    paths = [path.with_name("index.ipynb") for path in post_files(project)]
    folder = project.work / "facts"
    return tuple(_remembered(path.parent.name, path.read_bytes(), folder, True) for path in paths if path.is_file())


def read_notes(citekey: str, text: str, folder: Path) -> Page:
    """What an author's notes on a paper cite.

    Args:
        folder: where readings are remembered.
    """
    return _remembered(citekey, text.encode(), folder, False)


def _remembered(name: str, data: bytes, folder: Path, is_notebook: bool) -> Page:
    path = folder / (hashlib.sha256(f"{VERSION} {name} ".encode() + data).hexdigest() + ".json")
    try:
        return Page(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        pass
    page = _read_notebook(name, json.loads(data)) if is_notebook else _read(name, "", data.decode())
    write_atomic(path, json.dumps(asdict(page)).encode())
    return page


def _read_notebook(name: str, notebook: dict[str, Any]) -> Page:
    parts, title = [], name
    for index, cell in enumerate(notebook["cells"]):
        source = "".join(cell["source"])
        if index == 0 and source.startswith("---"):
            title = _title(source) or name
        elif cell["cell_type"] == "markdown":
            parts.append(source)
        elif cell["cell_type"] == "code":
            place = cell["metadata"].get("press") or {}
            # A caption may cite. Everything else in a cell is code.
            options = [line[2:].strip() for line in source.split("\n") if line.startswith("#|") and "@" in line]
            where = f"{place.get('file', '')}:{place.get('line', 0)}"
            parts.append("\n\n".join([f'::::::::: {{press-cell="{where}"}}', *options, ":::::::::"]))
    return _read(name, title, "\n\n".join(parts))


def _title(source: str) -> str:
    lines = source.split("\n")
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() in FRONT_MATTER_ENDS), len(lines))
    meta = yaml.safe_load("\n".join(lines[1:end]))
    return str(meta.get("title") or "") if isinstance(meta, dict) else ""


def _read(name: str, title: str, text: str) -> Page:
    blocks = json.loads(run_pandoc(["-f", "markdown-yaml_metadata_block", "-t", "json"], text))["blocks"]
    page = Page(name, title, {}, [], {})
    section = ""
    for kind, value in _walk(blocks):
        if kind == "section":
            section = value[0]
            page.sections[section] = value[1]
        elif kind == "cell":
            page.cells[value] = section
        elif [value, section] not in page.cited:
            page.cited.append([value, section])
    return page


def _walk(tree: Any, inside: bool = False) -> Iterator[tuple[str, Any]]:
    """("section", (name, title)), ("cell", place) and ("cite", citekey), in order.

    Args:
        inside: within a callout or a tabset, whose headings are no sections of the page.
    """
    if isinstance(tree, list):
        for item in tree:
            yield from _walk(item, inside)
    elif isinstance(tree, dict):
        kind, content = tree.get("t"), tree.get("c")
        if kind == "Header" and not inside:
            yield "section", (content[1][0], "".join(_words(content[2])).strip())
        if kind == "Cite":
            yield from (("cite", citation["citationId"]) for citation in content[0])
        if kind == "Div":
            attributes = dict(content[0][2])
            if "press-cell" in attributes:
                yield "cell", attributes["press-cell"]
            inside = inside or any(c.startswith("callout") or c == "panel-tabset" for c in content[0][1])
        yield from _walk(content, inside)


def _words(inlines: Sequence[Any]) -> Iterator[str]:
    """The text of a heading."""
    for node in inlines:
        kind, content = node["t"], node.get("c")
        if kind == "Str":
            yield content
        elif kind in ("Space", "SoftBreak", "LineBreak"):
            yield " "
        elif kind in ("Code", "Math"):
            yield content[1]
        elif kind == "Quoted":
            yield from ("\N{LEFT DOUBLE QUOTATION MARK}", *_words(content[1]), "\N{RIGHT DOUBLE QUOTATION MARK}")
        elif kind in ("Emph", "Strong", "Strikeout", "Superscript", "Subscript", "SmallCaps", "Underline"):
            yield from _words(content)
        elif kind in ("Span", "Link", "Cite"):
            yield from _words(content[1])
