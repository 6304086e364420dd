"""One page: its key, its HTML, and the record that the listing, the feed and the link check need."""

from __future__ import annotations

import functools
import json
import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

from press.core import bib
from press.core.config import FILES, Config, named_files
from press.core.errors import Problem
from press.core.frontmatter import mentioning
from press.core.pandoc import version as pandoc_version
from press.core.selection import all_urls, url_of
from press.core.source import CROSSREF, read_expanded
from press.core.strictness import stop_at
from press.core.yamlfile import place_of
from press.renderer import (
    chrome,
    convert,
    includes,
    listing,
    moments,
    page,
    pagelinks,
    pageoptions,
    phrases,
    shortcodes,
    store,
    titleblock,
)
from press.renderer.record import record_of

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Site:
    """What all pages share.

    Args:
        urls: input path (relative to the root) -> URL relative to the site's root.
        settings: digest of configuration, our own source and Pandoc's version.
        notebooks: input -> the executed notebook that is read in its place.
        links: as `urls`; empty where links to inputs become links to pages by their suffix alone.
    """

    config: Config
    inputs: list[Path]
    urls: dict[str, str]
    settings: str
    notebooks: dict[str, Path] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

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


def open_site(config: Config, inputs: list[Path], notebooks: Mapping[str, Path] | None = None) -> Site:
    """Bundle what pages share.

    Args:
        notebooks: input -> the executed notebook to read in its place.
    """
    names = [path.relative_to(config.root).as_posix() for path in inputs]
    urls = all_urls(config) | {name: url_of(config, name) for name in names}
    data = {key: value for key, value in config.data.items() if key not in ("press", "profile")}
    data["checks"] = config.settings().get("checks")  # a page with errors has no entry in the cache
    data["project"] = None  # which pages there are does not change how one of them looks
    data["home"] = "index.html" in urls.values()
    data["words"] = phrases.stamp(config.root, config.get("language"))
    settings = store.digest(json.dumps(data, sort_keys=True, default=str), own_source(), pandoc_version())
    return Site(config, inputs, urls, settings, dict(notebooks or {}), pagelinks.looked_up(urls))


def bibliography_paths(config: Config, document: page.Document) -> list[Path]:
    """The page's bibliography files that are there: the site's, its folders', its own; the others are reported."""
    paths = []
    place = place_of(document.meta, "bibliography") or (document.input, 0)
    for name in document.meta.get("bibliography") or []:
        path = includes.path_of(config, document, str(name))
        if os.path.isfile(path):
            paths.append(path)
        else:
            document.lost.append(path)
            message = f"bibliography {str(name).lstrip('/')!r}: file not found; its entries cannot be cited"
            document.problems.append(Problem(*place, message, check="references"))
    return list(dict.fromkeys(paths))


def csl_path(config: Config, document: page.Document) -> Path | None:
    """The page's citation style; None for Pandoc's default (Chicago author-date), also where it is not there."""
    name = document.meta.get("csl")
    path = includes.path_of(config, document, str(name)) if name else None
    if path and not os.path.isfile(path):
        place = place_of(document.meta, "csl") or (document.input, 0)
        document.lost.append(path)
        message = f"csl {str(name).lstrip('/')!r}: file not found; Chicago's author-date style is used"
        document.problems.append(Problem(*place, message, check="references"))
        return None
    return path


def page_key(site: Site, path: Path) -> str:
    """Digest of all that the page's HTML is made of."""
    name = path.relative_to(site.root).as_posix()
    data = site.notebooks.get(name, path).read_bytes()
    if path.suffix != ".ipynb" and name not in site.notebooks:
        data = read_expanded(path, site.root).text.encode()
    cited = bib.cited_in(data)
    paths = [site.root / str(name).lstrip("/") for name in chrome.as_list(site.config.get("bibliography"))]
    stamps = [(str(p), os.stat(p).st_mtime_ns, os.stat(p).st_size) for p in paths if os.path.isfile(p)]
    others = [path.read_bytes() for path in paths if path.suffix != ".bib" and os.path.isfile(path)]
    text = _bib_text(*stamps)
    if b"@*" in data or "@*" in str(site.config.get("nocite")):
        cited |= set(bib.entries(text)[0])
    csl = site.root / str(site.config.get("csl") or ".").lstrip("/")
    style = csl.read_bytes() if os.path.isfile(csl) else b""
    shared = json.dumps(site.config.folder(posixpath.dirname(name)).data, sort_keys=True)
    project = json.dumps({key: site.config.get(key) for key in moments.KEYS})
    day = moments.stamp(site.root, name, data, shared.encode(), project.encode())
    said = repr(shortcodes.environment_in(data.decode(errors="replace")))
    said += repr(shortcodes.variables(site.root)) if re.search(rb"\{\{<\s*var\s", data) else ""
    named = named_files(site.root, mentioning(FILES[1], path), posixpath.dirname(name))
    others += [path.read_bytes() if path.is_file() else b"" for path in named]
    said += repr(pagelinks.named(data, site.links, name))
    return store.digest(site.settings, name, data, bib.subset(text, cited), style, shared, day, said, *others)


@functools.lru_cache(maxsize=64)
def _bib_text(*stamps: tuple[str, int, int]) -> str:
    return bib.read([Path(name) for name, _, _ in stamps])


def load_page(site: Site, cache: Path, key: str) -> dict[str, Any] | None:
    """A page's record from the cache, unless it is damaged or a file that only this page names has changed."""
    record = store.load(cache, key)
    for name, sha in (record or {}).get("depends", {}).items():
        if store.digest_of(site.root / name) != sha:
            return None
    return record


def render_page(site: Site, cache: Path, path: Path, key: str) -> dict[str, Any]:
    """Render a page into the cache and return its record.

    Raises:
        PressError: all that the page uses and we do not support, and all that Pandoc warned of.
    """
    ran = site.notebooks.get(path.relative_to(site.root).as_posix())
    if ran and ran.suffix == ".json":
        document = page.read_frozen(site.config, path, ran)
    else:
        document = page.read(site.config, path, json.loads(ran.read_bytes()) if ran else None)
    document.problems += listing.check(chrome.listings_of(document), document.meta, document.input)
    document.problems += titleblock.check(document) + includes.check_styles(site.config, document)
    variables, included = chrome.variables(site, document, key)
    paths = bibliography_paths(site.config, document)
    csl = csl_path(site.config, document)
    options = pageoptions.options(site, document, key) | {"appendix": chrome.marker(key, "appendix")}
    options["profiles"] = list(site.config.profiles)
    with store.scratch(cache) as work:
        (work / "run").mkdir()
        cited = bib.cited_in("\n".join(document.lines).encode())
        nocite = " ".join(map(str, chrome.as_list(document.meta.get("nocite"))))
        cited |= bib.cited_in(nocite.encode())
        text = bib.read([path for path in paths if path.suffix == ".bib"])
        keys = {*bib.entries(text)[0], *bib.other_keys([path for path in paths if path.suffix != ".bib"])}
        options["keys"] = dict.fromkeys(cited & keys, True)
        unknown = sorted(key for key in cited - keys - {"*"} if not CROSSREF.match(key))
        options["unknown"] = {key: bib.unknown(key, keys) for key in unknown}
        text = text if "@*" in nocite else bib.subset(text, cited)
        markup = convert.render(
            document,
            work / "run",
            meta=pageoptions.meta(document),
            variables=variables,
            options=options,
            bibliography=text,
            others=[path for path in paths if path.suffix != ".bib"],
            csl=csl,
            toc_depth=pageoptions.toc_depth(document),
        )
        markup = pagelinks.relinked(markup, site.urls, document.input)
        warnings = stop_at(document.problems, site.config.settings())
        folder = work / "entry"
        folder.mkdir()
        styles = [name for name in includes.own_styles(site.config, document) if "://" not in name]
        record = record_of(document, markup, site.urls[document.input], key, folder, styles)
        record["warnings"] = [astuple(problem) for problem in warnings]
        record["needs"] = [[name, astuple(problem) if problem else None] for name, problem in document.needs]
        # The site's own bibliography and style are in the key already.
        used = {os.path.relpath(p, site.root): p for p in (csl, *paths, *included) if p}
        shared = {name.lstrip("/") for key in ("csl", "bibliography") for name in chrome.as_list(site.config.get(key))}
        used |= {os.path.relpath(path, site.root): path for path in document.lost}
        record["depends"] = {name: store.digest_of(path) for name, path in used.items() if name not in shared}
        return store.save(cache, key, folder, record)
