"""One page's input, a plain .qmd or an executed notebook, as one Markdown document whose lines know their source."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

from press.core.config import Config, check_shapes
from press.core.errors import Problem, collected
from press.core.refused import refused_values
from press.core.source import page_start, read_expanded
from press.core.yamlfile import Map, Parsed, Place, place_of
from press.posts import frozen
from press.posts.download import file_name, published
from press.posts.made import is_made
from press.posts.notebookfile import read_notebook, text_of
from press.renderer import cells, dateformat, foreign, interactive, moments, outputs, shortcodes

Origin = Place
WIDGETS = "<!--press:widgets-->"
TITLE = re.compile(r"\s*# +([^\n]+?)(?:\s+#+)?\s*(?:\{[^{}\n]*\}\s*)?(?:\n|$)")
STORED = """```{=html}
<div class="press-stored" data-pagefind-ignore="all">The code of this page was not executed by this build.</div>
```
"""


@dataclass
class Document:
    """What Pandoc gets, and what is needed to talk about it.

    Args:
        input: path of the input, relative to the root.
        meta: the front matter, over what the configuration and the folders' `_metadata.yml` say.
        lines: the Markdown.
        origins: for each line its file and line; None for lines that no author wrote (outputs).
        files: page-relative path -> bytes of each image taken out of the outputs.
        needs: the libraries that draw something of it in the browser, and what to say where one is not to be had.
        widgets: the state of the notebook's widgets, by their models' ids.
        large: marker -> HTML of outputs that is put into the page when Pandoc has written it.
        words: the author's Markdown only, for the reading time.
        ran: whether the outputs are there.
        not_run: language -> where the cells stand that are only shown.
        site_meta: what {{< meta >}} finds where the front matter has no such key.
    """

    input: str
    meta: Map = field(default_factory=Map)
    lines: list[str] = field(default_factory=list)
    origins: list[Origin | None] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    needs: list[tuple[str, Problem | None]] = field(default_factory=list)
    widgets: dict[str, Any] = field(default_factory=dict)
    large: dict[str, str] = field(default_factory=dict)
    words: int = 0
    ran: bool = True
    not_run: dict[str, list[Origin]] = field(default_factory=dict)
    site_meta: dict[str, Any] = field(default_factory=dict)

    def add(self, text: str, origin: Origin | None = None) -> None:
        """Append lines; with an origin they count up from it, without one they are nobody's."""
        for offset, line in enumerate(text.split("\n")):
            self.lines.append(line)
            self.origins.append((origin[0], origin[1] + offset if origin[1] else 0) if origin else None)

    def need(self, library: str, problem: Problem | None = None) -> None:
        """Ask for a library of `libraries.LIBRARIES`; the problem is told where it is not to be had."""
        self.needs.append((library, problem))

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

    def blame(self, needle: str, message: str, check: str = "unsupported") -> list[Problem]:
        """A problem at each place where the author wrote `needle`, or one on the whole page."""
        places = self.find(needle) if needle else []
        if needle.startswith("#"):  # a label: {#fig-x} in the text, label: fig-x in a cell
            places += self.find(f'press-label="{needle[1:]}"')
        if not places and needle:  # perhaps it runs over a line's end: look for its longest word
            places = self.find(max(needle.split() or [""], key=len))[:1] if needle.split() else []
        places = places or [(self.input, 0)]
        return [Problem(*place, message, check=check) for place in places]


def read(config: Config, path: Path, notebook: dict[str, Any] | None = None, ran: bool = True) -> Document:
    """Read an input of the site. Problems are collected in the document; only an unreadable file raises.

    Args:
        notebook: what to read in the place of the file that lies there.
        ran: whether it has run.
    """
    document = Document(path.relative_to(config.root).as_posix(), ran=ran)
    document.site_meta = config.data | shortcodes.variables(config.root)
    folder = config.folder(posixpath.dirname(document.input))
    document.problems += folder.problems + folder.unknown
    if path.suffix == ".ipynb" or notebook is not None:
        _notebook(path, document, config, notebook)
    else:
        _plain(path, document, config)
    foreign.tell(document)
    return document


def read_frozen(config: Config, path: Path, results: Path) -> Document:
    """Read what Quarto froze of an input."""
    document = Document(path.relative_to(config.root).as_posix())
    document.site_meta = config.data | shortcodes.variables(config.root)
    lines = frozen.read_markdown(results).split("\n")
    taken = _start(lines, lambda line: (document.input, 0), document, config)
    document.add(STORED)
    document.add("\n".join(lines[taken:]), (document.input, 0))
    _finish(document, 0, len(document.lines))
    document.files |= frozen.pictures(document.input, config.root)
    document.words = len(" ".join(lines[taken:]).split(" "))
    foreign.tell(document)
    return document


def _start(lines: list[str], where: Callable[[int], Origin], document: Document, config: Config) -> int:
    """Read the front matter, if there is any, into the document; returns how many lines it takes."""
    parsed, taken = Parsed(Map()), 0
    with collected(document.problems):
        parsed, taken = page_start(lines, where)
    document.problems += parsed.problems + parsed.unknown + check_shapes(parsed.data, ("press",))
    meta = document.meta = config.meta(parsed.data, posixpath.dirname(document.input))
    moments.resolve(meta, config.root, where(1)[0])
    document.problems += shortcodes.resolve_texts(meta, document.site_meta, document.input)
    for key in ("date", "date-modified"):
        if meta.get(key) is not None and not dateformat.parse(meta[key]):
            message = f"{key} {meta[key]!r} is not a valid date. Write it as 2026-01-31"
            place = place_of(meta, key) or (document.input, 0)
            document.problems.append(Problem(*place, message, check="metadata"))
    document.problems += refused_values(meta, meta)
    return taken


def _plain(path: Path, document: Document, config: Config) -> None:
    expanded = read_expanded(path, config.root)
    lines = expanded.text.split("\n")
    taken = _start(lines, expanded.origin, document, config)
    for number, line in enumerate(lines[taken:], taken + 1):
        document.lines.append(line)
        document.origins.append(expanded.origin(number))
    _finish(document, 0, len(document.lines))
    document.words = len("\n".join(lines[taken:]).split(" "))


def _finish(document: Document, start: int, end: int) -> None:
    """Resolve shortcodes in the author's lines [start, end) and refuse inline code."""
    resolved, problems = shortcodes.resolve(
        document.lines[start:end], document.origins[start:end], document.site_meta | document.meta
    )
    document.lines[start:end] = resolved
    document.problems += problems
    foreign.show(document, start)


def _notebook(path: Path, document: Document, config: Config, notebook: dict[str, Any] | None) -> None:
    name = document.input
    notebook = notebook or read_notebook(path, config.root)
    raw_cells = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    document.widgets = interactive.states(notebook)
    download = published(name, notebook, config.root, config)
    if download is not None:
        document.files[file_name(name)] = download
    info = notebook.get("metadata", {})
    press = info.get("press") or {}
    code = any(cell.get("cell_type") == "code" for cell in raw_cells)
    as_stored = STORED if document.ran and code and not {"key", "failed"} & set(press) else ""
    language = (
        (info.get("language_info") or {}).get("name") or (info.get("kernelspec") or {}).get("language") or "python"
    )
    language = "python" if language == "ipython" else language
    count, titled = 0, False
    for index, cell in enumerate(raw_cells):
        source = text_of(cell.get("source") or "")
        place = (cell.get("metadata") or {}).get("press") or {}
        origin = (place.get("file") or name, int(place.get("line") or 0))
        if index == 0:
            lines = source.split("\n") if cell.get("cell_type") in ("raw", "markdown") else []
            taken = _start(lines, _counted(origin), document, config)
            source = "\n".join(lines[taken:]) if taken else source
            origin = (origin[0], origin[1] + taken if origin[1] else 0)
            if as_stored:
                document.add(as_stored)
        if cell.get("cell_type") == "code":
            count, titled = count + 1, True
            cells.add(document, cell, source, origin, number=count, language=language)
        elif cell.get("cell_type") == "markdown" or source.strip():
            if not titled and source.strip():
                source, titled = _own_title(document, source), True
            _text_cell(document, cell, source, origin)
    if any(library == "widgets" for library, _ in document.needs):
        document.large[WIDGETS] = interactive.state_script(document.widgets)
        document.add(f"\n```{{=html}}\n{WIDGETS}\n```\n")


def _own_title(document: Document, source: str) -> str:
    """What follows the heading with which a notebook begins: that is its title, as in Quarto, where it has no other."""
    match = TITLE.match(source)
    if document.meta.get("title") or not match:
        return source
    document.meta["title"] = match[1]
    return source[match.end() :]


def _counted(origin: Origin) -> Callable[[int], Origin]:
    """1-based line of a cell -> its place; where its source is not known, lines count from the cell's own first."""
    return lambda line: (origin[0], (origin[1] or 1) + line - 1)


def _text_cell(document: Document, cell: dict[str, Any], source: str, origin: Origin) -> None:
    for name, bundle in (cell.get("attachments") or {}).items():
        for mime, data in bundle.items():
            target = f"index_files/figure-html/{cell.get('id', 'cell')}-{name}"
            document.files[target] = outputs.decoded(data, mime)
            source = source.replace(f"attachment:{name}", target)
    start = len(document.lines)
    document.add(source.rstrip("\n"), origin)
    _finish(document, start, len(document.lines))
    document.add("")
    document.words += 0 if is_made(cell) else len(source.split(" "))


def url_of(name: str) -> str:
    """The page's URL, relative to the site's root: the input's path with .html for its suffix."""
    return name.rpartition(".")[0] + ".html"
