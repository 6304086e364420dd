"""Look at a finished site's HTML: broken links and images, missing alt text, what the renderer left unresolved."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from press.core.errors import PressError, Problem
from press.core.memory import remembered
from press.core.source import read_expanded, relative

UNRESOLVED = re.compile(r"\?@[\w:-]+|\?meta:[\w.-]+")
SCRIPT_URL = re.compile(r"^\s*(javascript|vbscript|data:text/html)", re.IGNORECASE)


def check_site(site: Path, root: Path, cache: Path) -> list[Problem]:
    """Problems in the HTML pages below `site`, told with the source file and line that they come from.

    Args:
        site: the folder with the finished site.
        root: the project's root, to find the sources.
        cache: folder of remembered readings, by the page's hash.
    """
    pages = {page.relative_to(site).as_posix(): page for page in sorted(site.rglob("*.html"))}
    pages = {url: page for url, page in pages.items() if not url.startswith(("pagefind/", "site_libs/"))}
    facts = {url: _read(page.read_bytes(), cache) for url, page in pages.items()}
    problems = []
    for url, found in facts.items():
        source = _source(url, root)
        for link in found["links"]:
            if wrong := _broken(link, url, site, facts):
                problems.append(_problem(source, root, link, f"{wrong}: {link}"))
        for image in found["no_alt"]:
            problems.append(_problem(source, root, image, f"image without alt text: {image[:80]}"))
        for text in found["unresolved"]:
            problems.append(_problem(source, root, text.lstrip("?"), f"not resolved on the page: {text}"))
    return sorted(set(problems))


def _read(page: bytes, cache: Path) -> dict[str, Any]:
    return remembered(cache, page + b"3", lambda: _examine(page))


def _examine(page: bytes) -> dict[str, Any]:
    from lxml import html

    tree = html.document_fromstring(page, parser=html.HTMLParser(encoding="utf-8"))
    links = [element.get(name) for name in ("href", "src") for element in tree.iter() if element.get(name) is not None]
    body = tree.find("body")
    text = " ".join(_visible(body)) if body is not None else ""
    # A listing's thumbnails repeat a picture of the page that they lead to; Quarto gives them no alt text.
    images = [e.get("src") or "" for e in tree.iter("img") if e.get("alt") is None and not _is_thumbnail(e)]
    return {
        "ids": sorted({element.get("id") for element in tree.iter() if element.get("id")}),
        "links": sorted(set(links)),
        "no_alt": images,
        "unresolved": sorted(set(UNRESOLVED.findall(text))),
    }


def _is_thumbnail(image: Any) -> bool:
    return any("thumbnail" in (e.get("class") or "") for e in (image, *image.iterancestors()))


def _visible(body: Any):
    for element in body.iter():
        if element.tag not in ("script", "style", "code", "pre"):
            yield element.text or ""
        yield element.tail or ""


def _broken(link: str, url: str, site: Path, facts: dict[str, dict[str, Any]]) -> str:
    """What is wrong with a link, or "" if nothing is."""
    if SCRIPT_URL.match(link):
        return "link that runs a script"
    try:
        parts = urlsplit(link)
    except ValueError:
        return "link that is no URL"
    if parts.scheme or parts.netloc:
        return ""
    path = unquote(parts.path)
    target = posixpath.normpath(posixpath.join(posixpath.dirname(url), path)) if path else url
    if path.startswith("/"):
        target = posixpath.normpath(path).lstrip("/")
    if target.startswith(".."):
        return "link that leaves the site"
    if (site / target).is_dir():
        target = posixpath.normpath(posixpath.join(target, "index.html"))
    if not (site / target).is_file():
        return "broken link"
    fragment = unquote(parts.fragment)
    if (
        fragment
        and target in facts
        and fragment not in facts[target]["ids"]
        and not fragment.startswith(("/", "category="))
    ):
        return "broken link: no such place on the page"
    return ""


def _source(url: str, root: Path) -> Path | None:
    folder = root / posixpath.dirname(url)
    stem = posixpath.splitext(posixpath.basename(url))[0]
    candidates = [folder / "post.qmd", folder / f"{stem}.qmd", folder / f"{stem}.ipynb"]
    return next((path for path in candidates if path.is_file()), None)


def _problem(source: Path | None, root: Path, text: str, message: str) -> Problem:
    if source is None:
        return Problem("_quarto.yml", 0, message)
    try:
        expanded = read_expanded(source, root)
    except PressError:
        return Problem(relative(source, root), 0, message)
    content = expanded.text
    for wanted in (text, unquote(text), text.rsplit("/", 1)[-1], text.rpartition("#")[2]):
        position = content.find(wanted) if len(wanted) > 3 else -1
        if position >= 0:
            return Problem(*expanded.origin(content.count("\n", 0, position) + 1), message)
    return Problem(relative(source, root), 0, message)
