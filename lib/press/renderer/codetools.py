"""`code-tools:` what opens beside a page's title: its source, and buttons that show or hide all of its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from press.core import escapes
from press.core.errors import PressError
from press.core.source import read_text
from press.posts.made import is_made
from press.posts.notebookfile import language_of, read_notebook
from press.renderer.outputs import fence
from press.renderer.traced import Document

if TYPE_CHECKING:
    from press.renderer.onepage import Site


def variables(site: Site, document: Document, href: Any) -> dict[str, Any]:
    """What the title block shows of it; nothing where the page does not ask for it.

    Args:
        href: a target of the page's own -> the same as its template writes it.
    """
    said = document.meta.get("code-tools")
    options = said if isinstance(said, dict) else {"source": said} if isinstance(said, str) else {}
    source, text, link = options.get("source", True), "", ""
    if said in (None, False, "", []):
        return {"code-tools": {}}
    if source == "repo":
        link = _in_repository(site, document.input)
    elif isinstance(source, str):
        link = str(href(source))
    elif source is True:
        text = _source(site, document.input)
    folded = bool(document.meta.get("code-fold")) or any("code-fold" in line for line in document.lines)
    tools = {"text": escapes.xml(text), "link": link, "toggle": folded and options.get("toggle", True) is not False}
    caption = str(options.get("caption") or document.phrases["code-tools-menu-caption"])
    return {"code-tools": tools | {"caption": caption} if any(tools.values()) else {}}


def _in_repository(site: Site, name: str) -> str:
    config = site.config
    repository = str(config.get("website.repo-url") or "").rstrip("/")
    folder = str(config.get("website.repo-subdir") or "").strip("/")
    path = f"{folder}/{name}".lstrip("/")
    return repository and f"{repository}/blob/{config.get('website.repo-branch') or 'main'}/{path}"


def _source(site: Site, name: str) -> str:
    """The page as its author wrote it; a notebook as Markdown with cells."""
    path = site.root / name
    try:
        if path.suffix != ".ipynb":
            return read_text(path, site.root)
        book = read_notebook(path, site.root)
    except PressError:
        return ""
    cells = [cell for cell in book["cells"] if not is_made(cell)]
    head = f"{{{language_of(book)}}}"
    parts = (fence(cell["source"], head) if cell["cell_type"] == "code" else cell["source"] for cell in cells)
    return "\n\n".join(part.strip("\n") for part in parts)
