"""What a link to a page, or to a place on it, shows before it is followed: read from the finished page's HTML.

One small script a page, beside no page and loaded by none until a link is pointed at: `site_libs/press/pages/<url>.js`.
"""

from __future__ import annotations

from html import escape
from typing import Any

from press.renderer.symbols import markup, script

FOLDER = "site_libs/press/pages"
FILE = "preview.js"  # in a page's entry of the cache
ENOUGH = 260  # characters of text, after which no further paragraph is added
LONGEST = 6000  # characters of HTML; what is longer is shown as text
INLINE = {"em", "strong", "b", "i", "code", "sub", "sup"}
BLOCKS = {"p", "li", "dd", "blockquote"}
APART = {"section", "figure", "details", "table", "pre", "script", "style", "nav", "form"}


def name_of(url: str) -> str:
    """Where the data of a page lies, relative to the site's root."""
    return f"{FOLDER}/{url}.js"


def page_script(url: str, title: str, description: str, body: Any) -> bytes:
    """The data of a page, as a script that hints.js reads.

    Args:
        url: relative to the site's root.
        title: plain text.
        description: plain text.
        body: an lxml element that holds the page's content.
    """
    about = " ".join(description.split())
    return script(url, {"title": " ".join(title.split()), "about": _cut(about), "at": places(body)})


def places(body: Any) -> dict[str, str]:
    """Identifier -> HTML of what a preview of that place shows; only tags and attributes of a fixed list."""
    found: dict[str, str] = {}
    for element in body.iter():
        name = element.get("id") if isinstance(element.tag, str) else None
        if name:
            shown = _place(element, name)
            if shown:
                found[name] = shown if len(shown) <= LONGEST else f"<p>{escape(_cut(_text(element)))}</p>"
    return found


def _place(element: Any, name: str) -> str:
    if element.tag == "section":
        heading = next((child for child in element if child.tag in ("h1", "h2", "h3", "h4", "h5", "h6")), None)
        title = f"<p><strong>{_inner(heading).strip()}</strong></p>" if heading is not None else ""
        return title + _first_lines(element)
    kind = name.partition("-")[0]
    if kind in ("fig", "tbl", "lst") and element.tag in ("div", "figure"):
        return _float(element)
    if kind == "eq":
        return "".join(markup(math) for math in element.iter("math"))
    if kind == "claim" and element.tag == "tr":
        cells = [" ".join(_text(cell).split()) for cell in element.iter("td")]
        return "".join(f"<p>{escape(_cut(cell))}</p>" for cell in (*cells[:1], *cells[-1:]) if cell)
    return ""


def _first_lines(section: Any) -> str:
    lines, length = [], 0
    for block in _blocks(section):
        shown = _inner(block).strip()
        if shown:
            lines.append(f"<p>{shown}</p>")
            length += len(_text(block))
        if length >= ENOUGH:
            break
    return "".join(lines)


def _blocks(element: Any) -> Any:
    """Paragraphs that belong to the section itself: not to one within it, a figure, or what a cell has shown."""
    for child in element:
        if not isinstance(child.tag, str) or child.tag in APART or "cell" in (child.get("class") or "").split():
            continue
        if child.tag in BLOCKS:
            yield child
        else:
            yield from _blocks(child)


def _float(element: Any) -> str:
    image = next(element.iter("img"), None)
    source = image.get("src") or "" if image is not None else ""
    shown = ""
    if source and ":" not in source and not source.startswith(("/", "data")):
        shown = f'<img src="{escape(source)}" alt="{escape(image.get("alt") or "")}">'
    captions = list(element.iter("figcaption"))
    return shown + (f"<p>{_inner(captions[-1]).strip()}</p>" if captions else "")


def _inner(element: Any) -> str:
    """An element's content with inline marks and formulas; everything else becomes its text."""
    parts = [escape(element.text or "", quote=False)]
    for child in element:
        if isinstance(child.tag, str) and not _unseen(child):
            inner = markup(child) if child.tag == "math" else _inner(child)
            parts.append(f"<{child.tag}>{inner}</{child.tag}>" if child.tag in INLINE else inner)
        parts.append(escape(child.tail or "", quote=False))
    return "".join(parts)


def _unseen(element: Any) -> bool:
    classes = {"anchor-link", "footnote-ref"} & set((element.get("class") or "").split())
    return element.tag in ("script", "style", "button", "annotation") or bool(classes)


def _text(element: Any) -> str:
    parts = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str) and not _unseen(child):
            parts.append(_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _cut(text: str) -> str:
    return text if len(text) <= ENOUGH else text[: ENOUGH - 1].rsplit(" ", 1)[0] + "\N{HORIZONTAL ELLIPSIS}"
