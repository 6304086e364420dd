"""One page: its key, its HTML, and the record that the listing, the feed and the link check need."""

from __future__ import annotations

import functools
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from press.core import bib
from press.core.config import Config
from press.core.errors import PressError, Problem, fail
from press.core.pandoc import version as pandoc_version
from press.core.source import read_expanded
from press.renderer import chrome, convert, page, store
from press.renderer.record import record_of

HERE = Path(__file__).parent
META = ("title", "pagetitle", "subtitle", "author", "description", "abstract")
META += ("lang", "keywords", "nocite", "link-citations")


@dataclass(frozen=True)
class Site:
    """What all pages share.

    Args:
        urls: input path (relative to the root) -> URL relative to the site's root.
        settings: digest of configuration, our own source and Pandoc's version.
    """

    config: Config
    inputs: list[Path]
    urls: dict[str, str]
    settings: str

    @property
    def root(self) -> Path:
        """The project's root."""
        return self.config.root


@functools.lru_cache(maxsize=1)
def own_source() -> str:
    """Digest of this renderer and of what it imports of the press: code, filters, templates, styles, font."""
    folders = (HERE, HERE.parent / "core", HERE.parent / "posts")
    found = (path for folder in folders for path in folder.rglob("*"))
    files = sorted(path for path in found if path.is_file() and path.suffix != ".pyc")
    names = (path.relative_to(HERE.parent).as_posix() for path in files)
    return store.digest(*(part for name, path in zip(names, files, strict=True) for part in (name, path.read_bytes())))


def open_site(config: Config, inputs: list[Path]) -> Site:
    """Bundle what pages share; refuses two inputs that would make the same page."""
    names = [path.relative_to(config.root).as_posix() for path in inputs]
    urls = {name: page.url_of(name) for name in names}
    problems = []
    for name in names:
        twins = [other for other in names if urls[other] == urls[name] and other < name]
        problems += [Problem(name, 0, f"makes the same page as {other}: {urls[name]}") for other in twins]
    if problems:
        raise PressError(problems)
    data = {key: value for key, value in config.data.items() if key not in ("press", "profile")}
    data["project"] = None  # which pages there are does not change how one of them looks
    data["home"] = "index.html" in urls.values()
    settings = store.digest(json.dumps(data, sort_keys=True, default=str), own_source(), pandoc_version())
    return Site(config, inputs, urls, settings)


def bibliography_paths(site: Site, meta: dict[str, Any], folder: Path, where: tuple[str, int]) -> list[Path]:
    """The page's bibliography files: its own where it names any, else the site's."""
    own = meta.get("bibliography")
    value = own if own is not None else site.config.get("bibliography")
    base = folder if own is not None else site.root
    paths = []
    for name in [value] if isinstance(value, str) else value or []:
        path = site.root / name.lstrip("/") if name.startswith("/") else base / name
        if not os.path.isfile(path):
            place = where if own is not None else site.config.where("bibliography")
            raise fail(*place, f"bibliography {name!r}: file not found")
        if path.suffix != ".bib":
            raise fail(*where, f"bibliography {name!r}: the embedded renderer reads .bib only")
        paths.append(path)
    return paths


def csl_path(site: Site, meta: dict[str, Any], folder: Path) -> Path | None:
    """The citation style: the page's own, else the site's, else Pandoc's default (Chicago author-date)."""
    own = meta.get("csl")
    value = own or site.config.get("csl")
    if not value:
        return None
    path = site.root / value.lstrip("/") if value.startswith("/") or not own else folder / value
    if not os.path.isfile(path):
        raise fail(*site.config.where("csl"), f"csl {value!r}: file not found")
    return path


def page_key(site: Site, path: Path) -> str:
    """Digest of all that the page's HTML is made of."""
    data = path.read_bytes()
    if path.suffix != ".ipynb":
        data = read_expanded(path, site.root).text.encode()
    cited = bib.cited_in(data)
    paths = [site.root / name.lstrip("/") for name in chrome.as_list(site.config.get("bibliography"))]
    stamps = [(str(p), os.stat(p).st_mtime_ns, os.stat(p).st_size) for p in paths if os.path.isfile(p)]
    text = _bib_text(*stamps)
    if b"@*" in data or "@*" in str(site.config.get("nocite")):
        cited |= set(bib.entries(text)[0])
    csl = site.config.get("csl")
    style = (site.root / csl.lstrip("/")).read_bytes() if csl and os.path.isfile(site.root / csl.lstrip("/")) else b""
    return store.digest(site.settings, path.relative_to(site.root).as_posix(), data, bib.subset(text, cited), style)


@functools.lru_cache(maxsize=64)
def _bib_text(*stamps: tuple[str, int, int]) -> str:
    return bib.read([Path(name) for name, _, _ in stamps])


def load_page(site: Site, cache: Path, key: str) -> dict[str, Any] | None:
    """A page's record from the cache, unless it is damaged or a file that only this page names has changed."""
    record = store.load(cache, key)
    for name, sha in (record or {}).get("depends", {}).items():
        path = site.root / name
        if not path.is_file() or store.digest(path.read_bytes()) != sha:
            return None
    return record


def render_page(site: Site, cache: Path, path: Path, key: str) -> dict[str, Any]:
    """Render a page into the cache and return its record.

    Raises:
        PressError: all that the page uses and we do not support, and all that Pandoc warned of.
    """
    document = page.read(site.config, path)
    name = path.relative_to(site.root).as_posix()
    where = document.meta_lines.get("bibliography", (name, 0))
    paths = bibliography_paths(site, document.meta, path.parent, where)
    csl = csl_path(site, document.meta, path.parent)
    options = _options(site, document) | {"appendix": chrome.marker(key, "appendix")}
    with store.scratch(cache) as work:
        (work / "run").mkdir()
        cited = bib.cited_in("\n".join(document.lines).encode())
        nocite = str(document.meta.get("nocite") or site.config.get("nocite") or "")
        cited |= bib.cited_in(nocite.encode())
        text = bib.read(paths)
        text = text if "@*" in nocite else bib.subset(text, cited)
        markup = convert.render(
            document,
            work / "run",
            meta=_meta(site, document),
            variables=chrome.variables(site, document, key),
            options=options,
            bibliography=text,
            csl=csl,
            toc_depth=_toc_depth(site, document),
        )
        if document.problems:
            raise PressError(sorted(set(document.problems)))
        folder = work / "entry"
        folder.mkdir()
        record = record_of(document, markup, key, folder)
        own = [
            p
            for p, mine in ((csl, document.meta.get("csl")), *((p, document.meta.get("bibliography")) for p in paths))
            if p and mine
        ]
        record["depends"] = {os.path.relpath(p, site.root): store.digest(p.read_bytes()) for p in own}
        return store.save(cache, key, folder, record)


def setting(site: Site, document: page.Document, key: str, default: Any = None) -> Any:
    """A format option: the page's own, else the project's."""
    return document.meta.get(key, site.config.get(f"format.html.{key}", site.config.get(key, default)))


def _toc_depth(site: Site, document: page.Document) -> int:
    return int(setting(site, document, "toc-depth", 3)) if setting(site, document, "toc", False) else 0


def _options(site: Site, document: page.Document) -> dict[str, Any]:
    fold = setting(site, document, "code-fold", False)
    listing = chrome.listing_of(document)
    return {
        "prefix": chrome.prefix(page.url_of(document.input)),
        "code_fold": str(fold).lower() if fold else "false",
        "code_summary": setting(site, document, "code-summary", "Code"),
        "code_overflow": setting(site, document, "code-overflow", "scroll"),
        "number_sections": bool(setting(site, document, "number-sections", False)),
        "number_depth": int(setting(site, document, "number-depth", 6)),
        "references_title": setting(site, document, "reference-section-title", "References"),
        "explicit_refs": any(re.search(r"^:{3,}\s*\{[^}]*#refs\b", line) for line in document.lines),
        "listing_id": listing["id"] if listing else "",
        "listing_marker": chrome.LISTING_MARKER if listing else None,
    }


def _meta(site: Site, document: page.Document) -> dict[str, Any]:
    meta = {key: document.meta[key] for key in META if key in document.meta}
    meta.setdefault("lang", site.config.get("lang", "en"))
    meta.setdefault("link-citations", bool(setting(site, document, "link-citations", True)))
    if document.meta.get("suppress-bibliography"):
        meta["suppress-bibliography"] = True
    for key in ("nocite", "author"):
        if site.config.get(key) is not None:
            meta.setdefault(key, site.config.get(key))
    if not meta.get("title"):
        # Quarto takes the name of the file; a page without any title would be unfindable.
        meta["pagetitle"] = Path(document.input).stem
    meta["author"] = [chrome.author_text(author) for author in chrome.as_list(meta.get("author"))]
    return meta
