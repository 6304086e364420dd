"""One page's input, a plain .qmd or an executed notebook, as one Markdown document whose lines know their source."""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

from press.core import supported, yamlfile
from press.core.config import Config
from press.core.errors import Problem, fail
from press.core.source import front_matter_length, read_expanded
from press.posts.download import file_name, published
from press.posts.made import is_made
from press.renderer import cells, dateformat, shortcodes

Origin = tuple[str, int]


@dataclass
class Document:
    """What Pandoc gets, and what is needed to talk about it.

    Args:
        input: path of the input, relative to the root.
        meta: the front matter.
        lines: the Markdown.
        origins: for each line its file and line; None for lines that no author wrote (outputs).
        files: page-relative path -> bytes of each image taken out of the outputs.
        words: the author's Markdown only, for the reading time.
        defaults: the project's `execute:` options.
        site_meta: what {{< meta >}} finds where the front matter has no such key.
    """

    input: str
    meta: dict[str, Any] = field(default_factory=dict)
    meta_lines: dict[str, Origin] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    origins: list[Origin | None] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    words: int = 0
    defaults: dict[str, Any] = field(default_factory=dict)
    site_meta: dict[str, Any] = field(default_factory=dict)

    def add(self, text: str, origin: Origin | None = None) -> None:
        """Append lines; with an origin they count up from it, without one they are nobody's."""
        for offset, line in enumerate(text.split("\n")):
            self.lines.append(line)
            self.origins.append((origin[0], origin[1] + offset if origin[1] else 0) if origin else None)

    def find(self, needle: str) -> list[Origin]:
        """Where the author wrote this text; [] when nowhere (then the page's file is to blame)."""
        return self.finder()(needle)

    def finder(self) -> Callable[[str], list[Origin]]:
        """`find` for many texts in the lines as they are now, which are put together once for all of them."""
        pairs = [(line, origin) for line, origin in zip(self.lines, self.origins, strict=True) if origin]
        text = "\n".join(line for line, _ in pairs)
        starts = [0, *accumulate(len(line) + 1 for line, _ in pairs)]

        def find(needle: str) -> list[Origin]:
            places, at = [], text.find(needle)
            while 0 <= at < starts[-1]:
                line = bisect_right(starts, at) - 1
                places.append(pairs[line][1])
                at = text.find(needle, starts[line + 1])
            return list(dict.fromkeys(places))

        return find

    def blame(self, needle: str, message: str) -> list[Problem]:
        """A problem at each place where the author wrote `needle`, or one on the whole page."""
        places = self.find(needle) if needle else []
        if needle.startswith("#"):  # a label: {#fig-x} in the text, label: fig-x in a cell
            places += self.find(f'press-label="{needle[1:]}"')
        if not places and needle:  # perhaps it runs over a line's end: look for its longest word
            places = self.find(max(needle.split() or [""], key=len))[:1] if needle.split() else []
        return [Problem(*place, message) for place in places] or [Problem(self.input, 0, message)]


def read(config: Config, path: Path) -> Document:
    """Read an input of the site. Problems are collected in the document; only an unreadable file raises."""
    document = Document(path.relative_to(config.root).as_posix())
    document.defaults = config.get("execute") or {}
    document.site_meta = config.data
    if path.suffix == ".ipynb":
        _notebook(path, document, config)
    else:
        _plain(config.root, path, document)
    return document


def front_matter(text: str, document: Document, origin: Origin) -> None:
    """Parse the YAML between the fences into the document's metadata."""
    parsed = yamlfile.parse(
        text, file=origin[0], first_line=origin[1], schema=supported.FRONT_MATTER, what="front matter key"
    )
    document.meta = parsed.data
    document.meta_lines = {key: (origin[0], line) for key, line in parsed.lines.items()}
    document.problems += parsed.problems
    nested = (parsed.data.get("format") or {}).get("html") if isinstance(parsed.data.get("format"), dict) else None
    for key, value in (nested or {}).items() if isinstance(nested, dict) else ():
        document.meta.setdefault(key, value)
    for key in ("date", "date-modified"):
        if parsed.data.get(key) is not None and not dateformat.parse(parsed.data[key]):
            message = f"{key} {parsed.data[key]!r} is no date. Write it as 2026-01-31"
            document.problems.append(Problem(*document.meta_lines[key], message))
    if document.meta.get("html-math-method", "mathml") != "mathml":
        where = document.meta_lines.get("html-math-method", origin)
        document.problems.append(Problem(*where, "the embedded renderer writes html-math-method: mathml only"))
    if not str(parsed.data.get("lang", "en")).startswith("en"):
        document.problems.append(
            Problem(*document.meta_lines["lang"], "the embedded renderer speaks English only: lang: en")
        )


def _split(text: str) -> tuple[str, str, int]:
    """Front matter, the rest, and the number of lines that the front matter took with its fences."""
    lines = text.split("\n")
    taken = front_matter_length(lines)
    return "\n".join(lines[1 : max(1, taken - 1)]), "\n".join(lines[taken:]), taken


def _plain(root: Path, path: Path, document: Document) -> None:
    expanded = read_expanded(path, root)
    name = document.input
    head, body, taken = _split(expanded.text)
    if head:
        front_matter(head, document, (name, 2))
    for number, line in enumerate(body.split("\n"), taken + 1):
        document.lines.append(line)
        document.origins.append(expanded.origin(number))
    _finish(document, 0, len(document.lines))
    document.words = len(body.split(" "))


def _finish(document: Document, start: int, end: int) -> None:
    """Resolve shortcodes in the author's lines [start, end) and refuse inline code."""
    resolved, problems = shortcodes.resolve(
        document.lines[start:end], document.origins[start:end], document.site_meta | document.meta
    )
    document.lines[start:end] = resolved
    document.problems += problems


def _notebook(path: Path, document: Document, config: Config) -> None:
    name = document.input
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        raw_cells = notebook["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise fail(name, 0, f"not a notebook: {error}. Remove the file and build again") from None
    download = published(name, notebook, config.root, config.data)
    if download is not None:
        document.files[file_name(name)] = download
    info = notebook.get("metadata", {})
    language = (
        (info.get("language_info") or {}).get("name") or (info.get("kernelspec") or {}).get("language") or "python"
    )
    language = "python" if language == "ipython" else language
    count = 0
    for index, cell in enumerate(raw_cells):
        source = "".join(cell["source"]) if isinstance(cell["source"], list) else cell["source"]
        place = cell.get("metadata", {}).get("press") or {}
        origin = (place.get("file") or name, int(place.get("line") or 0))
        if index == 0 and cell["cell_type"] in ("raw", "markdown") and source.startswith("---"):
            head, source, taken = _split(source)
            front_matter(head, document, (origin[0], origin[1] + 1 if origin[1] else 2))
            origin = (origin[0], origin[1] + taken if origin[1] else 0)
        if cell["cell_type"] == "code":
            count += 1
            cells.add(document, cell, source, origin, number=count, language=language)
        elif cell["cell_type"] == "markdown" or source.strip():
            _text_cell(document, cell, source, origin)


def _text_cell(document: Document, cell: dict[str, Any], source: str, origin: Origin) -> None:
    for name, bundle in (cell.get("attachments") or {}).items():
        for mime, data in bundle.items():
            target = f"index_files/figure-html/{cell.get('id', 'cell')}-{name}"
            document.files[target] = base64.b64decode(data) if mime != "image/svg+xml" else data.encode()
            source = source.replace(f"attachment:{name}", target)
    start = len(document.lines)
    document.add(source.rstrip("\n"), origin)
    _finish(document, start, len(document.lines))
    document.add("")
    document.words += 0 if is_made(cell) else len(source.split(" "))


def url_of(name: str) -> str:
    """The page's URL, relative to the site's root: the input's path with .html for its suffix."""
    return name.rpartition(".")[0] + ".html"
