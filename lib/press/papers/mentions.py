"""What posts, notes and other pages written by authors refer to, each with the section that it stands in.

Found in Pandoc's syntax tree, whose section names are those of the finished page: citations, links to pages of the
site, cells. A post's code says which functions it uses.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from press.core.celloptions import option_rows
from press.core.memory import remembered
from press.core.pandoc import run_pandoc
from press.core.source import page_start
from press.papers.addresses import url_of
from press.papers.uses import Names
from press.posts.made import is_made
from press.posts.post import page_of

VERSION = "mentions 3"
ELSEWHERE = re.compile(r"^(?:[a-zA-Z][\w+.-]*:|//|#|$)")


@dataclass(frozen=True)
class Page:
    """What is known of a post, of an author's notes on a paper, or of another page that an author wrote.

    Args:
        name: a post's slug, a paper's citekey, or the page's address.
        url: its address, relative to the site's root.
        title: as its front matter has it.
        sections: name of each section -> its title, in order.
        cited: [citekey, section] of each citation; section "" stands for what comes before the first.
        links: [address, section] of each link to somewhere on the site; the address is relative to the site's root.
        uses: [dotted name, section] of what a post's code uses of what it imports.
        cells: "file:line" of each code cell -> its section.
        input: the site's input that makes a post's page, relative to the root; "" for other pages.
    """

    name: str
    url: str
    title: str
    sections: dict[str, str]
    cited: list[list[str]]
    links: list[list[str]]
    uses: list[list[str]]
    cells: dict[str, str]
    input: str = ""

    def moved(self, addresses: Mapping[str, str]) -> Page:
        """The page where some pages stand at other addresses than their inputs' names say."""
        if not addresses:
            return self
        links = [[_at(address, addresses), section] for address, section in self.links]
        return replace(self, url=_at(self.url, addresses), links=links)

    def section_of(self, place: tuple[str, int]) -> str:
        """The section of the cell at this place; "" if it stands before the first, or is not known."""
        return self.cells.get(f"{place[0]}:{place[1]}", "")

    def sections_citing(self, citekey: str) -> list[str]:
        """Names of the sections that cite a paper, in order."""
        return list(dict.fromkeys(section for key, section in self.cited if key == citekey))


def _at(address: str, addresses: Mapping[str, str]) -> str:
    path, mark, name = address.partition("#")
    return addresses.get(path, path) + mark + name


def read_post_page(slug: str, notebook: dict[str, Any], folder: Path) -> Page:
    """What a post refers to, from its executed notebook.

    Args:
        folder: where readings are remembered; so for the next two.
    """
    parts, cells, title = [], [], slug
    for index, cell in enumerate(notebook["cells"]):
        source = "".join(cell["source"])
        if index == 0 and source.startswith("---"):
            title = _title(source) or slug
        elif cell["cell_type"] == "markdown" and not is_made(cell):
            parts.append(source)
        elif cell["cell_type"] == "code":
            place = cell["metadata"].get("press") or {}
            cells.append([f"{place.get('file', '')}:{place.get('line', 0)}", source, list(_shown_links(cell))])
            parts.append(_cell_text(len(cells) - 1, source))
    page = page_of(slug, notebook)
    return _remembered(slug, url_of(page), title, "\n\n".join(parts), cells, folder, page)


def read_notes(citekey: str, title: str, body: str, folder: Path) -> Page:
    """What an author's notes on a paper refer to.

    Args:
        body: the notes without front matter.
    """
    return _remembered(citekey, f"papers/{citekey}/index.html", title, body, [], folder)


def read_plain_page(url: str, title: str, body: str, folder: Path) -> Page:
    """What a page that is neither post nor paper refers to."""
    return _remembered(url, url, title, body, [], folder)


def _cell_text(number: int, source: str) -> str:
    """A cell as the reader of sections sees it. A caption may cite and link; everything else in a cell is code."""
    captions = [row.strip() for row in option_rows(source) if "@" in row or "](" in row]
    return "\n\n".join([f'::::::::: {{press-cell="{number}"}}', *captions, ":::::::::"])


def _shown_links(cell: dict[str, Any]) -> Iterator[str]:
    for output in cell.get("outputs", ()):
        shown = (output.get("data") or {}).get("text/html") or ""
        shown = shown if isinstance(shown, str) else "".join(shown)
        if "href" in shown:
            yield from raw_links(shown)


def _remembered(
    name: str, url: str, title: str, text: str, cells: list[list[Any]], folder: Path, input: str = ""
) -> Page:
    content = json.dumps([VERSION, name, url, title, text, cells, input])
    page = Page(name, url, title, {}, [], [], [], {}, input)
    return Page(**remembered(folder, content, lambda: asdict(_read(page, text, cells))))


def _title(source: str) -> str:
    return str(page_start(source.split("\n"), lambda line: ("", line))[0].data.get("title") or "")


def _read(page: Page, text: str, cells: list[list[Any]]) -> Page:
    blocks = json.loads(run_pandoc(["-f", "markdown-yaml_metadata_block", "-t", "json"], text))["blocks"]
    base, section, names = posixpath.dirname(page.url), "", Names()
    for kind, value in _walk(blocks):
        if kind == "section":
            section = value[0]
            page.sections[section] = value[1]
        elif kind == "cell":
            place, source, shown = cells[int(value)]
            page.cells[place] = section
            _add(page.uses, names.used_in(source), section)
            _add(page.links, (site_address(link, base) for link in shown), section)
        elif kind == "cite":
            _add(page.cited, [value], section)
        else:
            _add(page.links, [site_address(value, base, is_source=kind == "link")], section)
    return page


def _add(pairs: list[list[str]], names: Iterable[str], section: str) -> None:
    pairs += [[name, section] for name in dict.fromkeys(names) if name and [name, section] not in pairs]


def site_address(link: str, base: str, *, is_source: bool = False) -> str:
    """A link's target as an address relative to the site's root; "" for what leads off the site or stays on the page.

    Args:
        link: as written.
        base: folder of the page that has it, relative to the site's root.
        is_source: written in Markdown, where the name of a page's source stands for the page.
    """
    if ELSEWHERE.match(link):
        return ""
    path, mark, name = link.partition("#")
    path = path.partition("?")[0]
    if is_source:
        path = re.sub(r"\.(?:qmd|ipynb)$", ".html", path)
    path = unquote(path)
    whole = posixpath.normpath(path.lstrip("/") if path.startswith("/") else posixpath.join(base, path))
    if not posixpath.splitext(whole)[1]:
        whole = posixpath.normpath(posixpath.join(whole, "index.html"))
    return "" if whole.startswith("../") else whole + mark + unquote(name)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for key, value in attrs if key in ("href", "xlink:href") and value]


def raw_links(text: str) -> list[str]:
    """Targets of the links in a piece of HTML."""
    reader = _Links()
    reader.feed(text)
    reader.close()
    return reader.found


def _walk(tree: Any, inside: bool = False) -> Iterator[tuple[str, Any]]:
    """("section", (name, title)), ("cell", number), ("cite", citekey), ("link" or "raw", target), in order.

    Args:
        inside: within a callout or a tabset, whose headings are not sections of the page.
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
        if kind == "Link":
            yield "link", content[2][0]
        if kind in ("RawInline", "RawBlock") and content[0] == "html":
            yield from (("raw", target) for target in raw_links(content[1]))
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
