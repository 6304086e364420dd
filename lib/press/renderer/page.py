"""One page's input, a plain .qmd or an executed notebook, as one Markdown document whose lines know their source."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from press.core import outputfile
from press.core.config import Config, check_shapes
from press.core.errors import Problem, collected
from press.core.escapes import html
from press.core.refused import refused_values
from press.core.source import page_start, read_expanded
from press.core.yamlfile import Map, Parsed, place_of
from press.posts import frozen
from press.posts.download import file_name, published
from press.posts.made import is_made
from press.posts.notebookfile import read_notebook, text_of
from press.posts.post import INDENT
from press.renderer import cells, dateformat, foreign, interactive, mathmacros, moments, outputs, phrases, shortcodes
from press.renderer.traced import Document, Origin

WIDGETS = "<!--press:widgets-->"
TITLE = re.compile(r"\s*# +([^\n]+?)(?:\s+#+)?\s*(?:\{[^{}\n]*\}\s*)?(?:\n|$)")


def read(config: Config, path: Path, notebook: dict[str, Any] | None = None, ran: bool = True) -> Document:
    """Read an input of the site. Problems are collected in the document; only an unreadable file raises.

    Args:
        notebook: what to read instead of the file there.
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
    document.add(_stored(document))
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
    folder = posixpath.dirname(document.input)
    files = config.own_files(parsed.data, folder)
    document.problems += files.problems + files.unknown
    meta = document.meta = config.meta(parsed.data, folder)
    document.phrases = phrases.of(config.root, meta.get("lang"), meta.get("language"))
    moments.resolve(meta, config.root, where(1)[0])
    document.problems += shortcodes.resolve_texts(meta, document.site_meta, document.input)
    for key in ("date", "date-modified"):
        if meta.get(key) is not None and not dateformat.parse(meta[key]):
            message = f"{key} {meta[key]!r} is not a valid date. Write it as 2026-01-31"
            place = place_of(meta, key) or (document.input, 0)
            document.problems.append(Problem(*place, message, check="metadata"))
    if meta.get(outputfile.KEY) and not outputfile.name_in(parsed.data):
        written = meta[outputfile.KEY]
        message = f"output-file {written!r} is not a valid file name. Write a name without folders, in the page itself"
        place = place_of(meta, outputfile.KEY) or (document.input, 0)
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
    mathmacros.lift(document, start)
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
    as_stored = document.ran and code and not {"key", "failed"} & set(press)
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
                document.add(_stored(document))
        if cell.get("cell_type") == "code":
            count, titled = count + 1, True
            start = len(document.lines)
            cells.add(document, cell, source, origin, number=count, language=language)
            document.indent(start, str((cell.get("metadata") or {}).get(INDENT) or ""))
        elif cell.get("cell_type") == "markdown" or source.strip():
            if not titled and source.strip():
                source, titled = _own_title(document, source), True
            _text_cell(document, cell, source, origin)
    if any(library == "widgets" for library, _ in document.needs):
        document.large[WIDGETS] = interactive.state_script(document.widgets)
        document.add(f"\n```{{=html}}\n{WIDGETS}\n```\n")


def _stored(document: Document) -> str:
    said = html(document.phrases["stored"])
    return f'```{{=html}}\n<div class="press-stored" data-pagefind-ignore="all">{said}</div>\n```\n'


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
