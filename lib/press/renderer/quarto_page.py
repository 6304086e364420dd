"""One page of Quarto's, repaired: what its HTML lacks or has too much of, by changes of its text and no others.

A page that was repaired is not changed by a second call.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Callable
from typing import Any

from press.posts.download import with_addresses
from press.renderer import formulas, markup_tools

HEAD_END = re.compile(r"</head>", re.IGNORECASE)
STYLES, SCRIPTS = ("quarto.css", "hints.css"), ("quarto.js", "hints.js")
MARK = "site_libs/press/hints.js"
# Quarto's number of an equation is part of the formula: a space of 2 em, and the number in round brackets.
EQUATION = re.compile(
    r'<span\s+id="(?P<id>eq-[^"]+)"(?P<more>[^<>]*)>\s*(?P<start><math\b(?:(?!</math>).)*?)<mspace width="2(?:\.0)?em">'
    r"</mspace><mo[^<>]*>\(</mo>(?P<number>(?:<m[ino][^<>]*>[^<>]+</m[ino]>)+)<mo[^<>]*>\)</mo>"
    r"(?P<end>(?:</mrow>)?(?:<annotation(?:(?!</math>).)*?)?(?:</semantics>)?</math>)\s*</span>",
    re.DOTALL,
)
DISPLAY = re.compile(r'(?<!<span class="math-display">)<math display="block".*?</math>', re.DOTALL)
# A `data:` address behind a folder: Quarto takes the first picture of a page for its preview, whatever it is.
PICTURE = re.compile(r'<img\b[^<>]*?\s(?:data-)?src="(?P<folder>[^":<>]*/)data:[^<>]*>')
META = re.compile(r'[ \t]*<meta (?:property|name)="(?:og|twitter):image" content="[^"]*?(?<=/)data:[^"]*">\n?')
# What Quarto adds to each page whose outputs hold HTML, as some of those need it.
LOADERS = re.compile(
    r'[ \t]*<script src="https?://[^"]*/(?:require|jquery)(?:\.min)?\.js"[^<>]*></script>\n?'
    r"|[ \t]*<script[^<>]*>define\('jquery', ?\[\], ?function\(\) ?\{ ?return window\.jQuery; ?\}\)</script>\n?"
)
SCRIPT = re.compile(r"<script\b[^<>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
NEEDS_LOADERS = re.compile(r"\brequire(?:js)?\s*[(.]|\bdefine\s*\(|\bjQuery\b|\$\(")


def mended(text: str, url: str, pictures: Callable[[str], str], address: str, *, offline: bool) -> str:
    """The page as it is published.

    Args:
        text: the page as Quarto wrote it.
        url: relative to the site's root.
        pictures: a page's URL -> the URL of the first picture file on it, or ""; both relative to the root.
        address: the site's, with a slash at its end; "" if it is not known.
        offline: leave out loaders of scripts from other hosts that nothing on the page needs.
    """
    text = EQUATION.sub(_equation, text)
    text = DISPLAY.sub(lambda match: f'<span class="math-display">{match[0]}</span>', text)
    text = formulas.mathml(with_addresses(text))
    text = PICTURE.sub(lambda match: _thumbnail(match, url, pictures), text)
    text = META.sub(lambda match: _preview(match[0], pictures(url), address), text)
    text = markup_tools.without_empty_heads(markup_tools.scrolling_tables(text))
    if offline:
        without = LOADERS.sub("", text)
        text = text if any(map(NEEDS_LOADERS.search, SCRIPT.findall(without))) else without
    return text if MARK in text else HEAD_END.sub(lambda match: _tags(url) + match[0], text, count=1)


def _equation(match: re.Match[str]) -> str:
    number = re.sub("<[^<>]*>", "", match["number"])
    end = match["end"].replace(rf"\qquad({number})", "").replace(rf"\qquad{{({number})}}", "")
    formula = f'<span class="math-display">{match["start"]}{end}</span>'
    return (
        f'<span id="{match["id"]}"{match["more"]} class="numbered-equation">{formula}'
        f'<span class="eq-number">({number})</span></span>'
    )


def _thumbnail(match: re.Match[str], url: str, pictures: Callable[[str], str]) -> str:
    """The image of a listing with the picture file of the page that it leads to; without one, nothing."""
    folder = posixpath.normpath(posixpath.join(posixpath.dirname(url), html.unescape(match["folder"]).lstrip("/")))
    found = pictures(posixpath.join(folder, "index.html"))
    if not found:
        return ""
    source = html.escape(posixpath.relpath(found, posixpath.dirname(url) or "."))
    return re.sub(r'\s(data-)?src="[^"]*"', lambda m: f' {m[1] or ""}src="{source}"', match[0])


def _preview(tag: str, picture: str, address: str) -> str:
    if not (picture and address):
        return ""
    return re.sub(r'content="[^"]*"', lambda _: f'content="{html.escape(address + picture)}"', tag)


def _tags(url: str) -> str:
    up = html.escape(posixpath.relpath("site_libs/press", posixpath.dirname(url) or "."))
    styles = "".join(f'<link rel="stylesheet" href="{up}/{name}">\n' for name in STYLES)
    return styles + "".join(f'<script src="{up}/{name}" defer></script>\n' for name in SCRIPTS)


def picture_of(root: Any, url: str) -> str:
    """The URL of the first picture file on a page, relative to the site's root; "" if there is none.

    Args:
        root: the page as an lxml element.
    """
    main = root.find(".//main")
    images = list(main.iter("img")) if main is not None else []
    marked = [e for e in images if any("preview-image" in (a.get("class") or "") for a in (e, *e.iterancestors()))]
    for image in (*marked, *images):
        source = image.get("src") or image.get("data-src") or ""
        if source and not markup_tools.SCHEME.match(source) and "data:" not in source:
            path = source.partition("?")[0]
            at = path.lstrip("/") if path.startswith("/") else posixpath.join(posixpath.dirname(url), path)
            return posixpath.normpath(at)
    return ""
