"""Look at a finished site's HTML: broken links and images, missing alt text, what the renderer left unresolved."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from press.core.errors import PressError, Problem
from press.core.memory import remembered
from press.core.project import Project, site_path
from press.core.selection import moved
from press.core.sitemark import states
from press.core.source import read_expanded, relative

UNRESOLVED = re.compile(r"\?@[\w:-]+|\?meta:[\w.-]+")
STYLE_URL = re.compile(r"""(?:@import\s*|url\()\s*['"]?((?:https?:)?//[^'")\s;]+)""")
FETCHED = (("script", "src"), ("img", "src"), ("iframe", "src"), ("video", "src"), ("audio", "src"), ("source", "src"),
           ("embed", "src"), ("object", "data"), ("video", "poster"))  # fmt: skip
OTHER_HOST = re.compile(r"(?:https?:)?//", re.IGNORECASE)
OFFLINE = "Serve it from the site, or leave out `press: offline: true`"
NO_TARGET = ("broken link", "link that leaves the site")
RUNS_SCRIPT = "link that runs a script"
LONGEST = 160  # characters of a link in a message
SCRIPT_URL = re.compile(r"^\s*(javascript|vbscript|data:text/html)", re.IGNORECASE)


def check_site(site: Path, project: Project, targets: bool = True) -> list[Problem]:
    """Problems in the HTML pages below `site`, told with the source file and line that they come from.

    With `press: offline: true`, whatever makes a browser ask another host is a problem, in pages and in style sheets.

    Args:
        site: the folder with the finished site.
        targets: whether to tell what the embedded renderer has told, with its line: links to files that are not there,
            and what it could not resolve.
        project: whose root holds the sources, and whose cache remembers what a page was found to hold.
    """
    files = states(site)
    pages = [name for name in sorted(files) if name.endswith(".html")]
    pages = [name for name in pages if not name.startswith(("pagefind/", "site_libs/"))]
    facts = {url: _read(site / url, files[url][1], project.work / "facts") for url in pages}
    base, offline, root = site_path(project.config), bool(project.settings.get("offline")), project.root
    problems = _foreign_styles(site) if offline else []
    named = {url: plain for plain, url in moved(project.config).items()}
    for url, found in facts.items():
        source = _source(named.get(url, url), root)
        for link in found["links"]:
            if (wrong := _broken(link, url, files, facts, base)) and (targets or wrong not in NO_TARGET):
                check = "" if wrong == RUNS_SCRIPT else "links"
                problems.append(_problem(source, root, link, f"{wrong}: {_short(link)}", check))
        if found["no_alt"]:
            problems.append(_problem(source, root, found["no_alt"][0], _no_alt(found["no_alt"]), "alt-text"))
        for text in found["unresolved"] if targets else ():
            message = f"not resolved on the page: {text}"
            problems.append(_problem(source, root, text.lstrip("?"), message, "references"))
        for address in found["fetched"] if offline else ():
            problems.append(
                _problem(
                    source,
                    root,
                    address,
                    f"the page requests something from another host: {_short(address)}. {OFFLINE}",
                )
            )
    return sorted(set(problems))


def without_twins(found: list[Problem], told: list[Problem]) -> list[Problem]:
    """What a site's HTML shows and its sources have not told: a picture without alt text is seen in both."""
    known = {problem.file for problem in told if problem.check == "alt-text"}
    return [problem for problem in found if problem.check != "alt-text" or problem.file not in known]


def _foreign_styles(site: Path) -> list[Problem]:
    problems = []
    for path in sorted(site.rglob("*.css")):
        for address in sorted(set(STYLE_URL.findall(path.read_text(encoding="utf-8", errors="replace")))):
            name = path.relative_to(site).as_posix()
            problems.append(
                Problem(name, 0, f"the style requests something from another host: {_short(address)}. {OFFLINE}")
            )
    return problems


def _no_alt(images: list[str]) -> str:
    """One line for all of a page's pictures without alternative text."""
    first, others = posixpath.basename(unquote(images[0])), len(images) - 1
    more = (" has", " and another picture have", f" and {others} more pictures have")[min(others, 2)]
    drawn = any("_files/figure-html/" in image for image in images)
    how = "Write ![alt text](...)" + (", or #| fig-alt: ... in the cell that draws" if drawn else "")
    return f"{_short(first)}{more} no alt text. {how}"


def _short(link: str) -> str:
    return link if len(link) <= LONGEST else link[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _read(page: Path, digest: str, cache: Path) -> dict[str, Any]:
    return remembered(cache, f"page 5 {digest}", lambda: _examine(page.read_bytes()))


def _examine(page: bytes) -> dict[str, Any]:
    from lxml import html

    tree = html.document_fromstring(page, parser=html.HTMLParser(encoding="utf-8"))
    links = [element.get(name) for name in ("href", "src") for element in tree.iter() if element.get(name) is not None]
    body = tree.find("body")
    text = " ".join(_visible(body)) if body is not None else ""
    # A listing's thumbnails repeat a picture of the page that they lead to; Quarto gives them no alt text.
    images = [e.get("src") or "" for e in tree.iter("img") if e.get("alt") is None and not _is_thumbnail(e)]
    return {
        "fetched": sorted({address for address in _fetched(tree) if OTHER_HOST.match(address.strip())}),
        "ids": sorted({element.get("id") for element in tree.iter() if element.get("id")}),
        "links": sorted(set(links)),
        "no_alt": images,
        "unresolved": sorted(set(UNRESOLVED.findall(text))),
    }


def _fetched(tree: Any):
    """Addresses that a browser asks for by itself."""
    for tag, attribute in FETCHED:
        for element in tree.iter(tag):
            yield element.get(attribute) or ""
            yield from (part.split()[0] for part in (element.get("srcset") or "").split(",") if part.strip())
    for element in tree.iter("link"):
        if {"stylesheet", "icon", "preload", "modulepreload"} & set((element.get("rel") or "").lower().split()):
            yield element.get("href") or ""
    for element in tree.iter("style"):
        yield from STYLE_URL.findall(element.text or "")


def _is_thumbnail(image: Any) -> bool:
    return any("thumbnail" in (e.get("class") or "") for e in (image, *image.iterancestors()))


def _visible(body: Any):
    for element in body.iter():
        if element.tag not in ("script", "style", "code", "pre"):
            yield element.text or ""
        yield element.tail or ""


def _broken(link: str, url: str, there: Container[str], facts: dict[str, dict[str, Any]], base: str) -> str:
    """What is wrong with a link, or "" if nothing is.

    Args:
        there: the names of the site's files.
        base: where the site lies on its host.
    """
    if SCRIPT_URL.match(link):
        return RUNS_SCRIPT
    try:
        parts = urlsplit(link)
    except ValueError:
        return "link that is not a valid URL"
    if parts.scheme or parts.netloc:
        return ""
    path = unquote(parts.path)
    target = posixpath.normpath(posixpath.join(posixpath.dirname(url), path)) if path else url
    if path.startswith("/"):
        inside = (path + "/").startswith(base)
        target = posixpath.normpath((path + "/").removeprefix(base).strip("/") or ".") if inside else ".."
    if target.startswith(".."):
        return NO_TARGET[1]
    if target not in there:
        target = posixpath.normpath(posixpath.join(target, "index.html"))
    if target not in there:
        return NO_TARGET[0]
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
    candidates = [folder / "post.qmd", *(folder / f"{stem}{suffix}" for suffix in (".qmd", ".ipynb", ".md"))]
    return next((path for path in candidates if path.is_file()), None)


def _problem(source: Path | None, root: Path, text: str, message: str, check: str = "") -> Problem:
    if source is None:
        return Problem("_quarto.yml", 0, message, check=check)
    try:
        expanded = read_expanded(source, root)
    except PressError:
        return Problem(relative(source, root), 0, message, check=check)
    content = expanded.text
    for wanted in (text, unquote(text), text.rsplit("/", 1)[-1], text.rpartition("#")[2]):
        position = content.find(wanted) if len(wanted) > 3 else -1
        if position >= 0:
            return Problem(*expanded.origin(content.count("\n", 0, position) + 1), message, check=check)
    return Problem(relative(source, root), 0, message, check=check)
