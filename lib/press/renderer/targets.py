"""Where pages and navigation lead: the project's files that they link to are published, what is nowhere is reported."""

from __future__ import annotations

import os
import posixpath
import re
from typing import Any
from urllib.parse import unquote

from press.core.errors import Problem
from press.renderer import chrome, navitems, store
from press.renderer.onepage import Site


def target(record: dict[str, Any], link: str) -> str:
    """A link's path relative to the site's root; it begins with ../ where it leaves the site."""
    path = unquote(link.partition("#")[0].partition("?")[0])
    path = posixpath.join("" if path.startswith("/") else posixpath.dirname(record["url"]), path.lstrip("/"))
    return posixpath.normpath(path + ("index.html" if path.endswith("/") else ""))


def plan(site: Site, records: list[dict[str, Any]], plan: dict[str, Any], linked: dict[str, str]) -> list[Problem]:
    """Copy the project's files that pages link to; report links to what is neither a page nor a file."""
    problems = []
    for record in records:
        found = [*record["links"], *_image_link(record)]
        linked |= record["depends"]
        for link, places in found:
            name = target(record, link)
            if link.startswith(("?", "#")) or "://" in link or name in plan or link.startswith("data:"):
                continue
            folder_page = posixpath.join(name, "index.html").removeprefix("./")
            source = site.root / name
            if folder_page in plan or name in record["hidden"]:
                continue
            if name.startswith("../") or not os.path.isfile(source) or source.suffix in (".qmd", ".ipynb"):
                _note(site, name, linked)
                message = _broken(site, link, name)
                problems += [Problem(place[0], place[1], message, check="links") for place in places]
                continue
            plan[name] = source
            linked[name] = store.digest(source.read_bytes())
    return problems


def _image_link(record: dict[str, Any]) -> list[list[Any]]:
    known = {link for link, _ in record["links"]}
    return [[record["image"], [[record["input"], 0]]]] if record["image"] and record["image"] not in known else []


def _broken(site: Site, link: str, name: str) -> str:
    stem = name.rpartition(".")[0]
    if os.path.isfile(site.root / f"{stem}.qmd") or os.path.isfile(site.root / f"{stem}.ipynb"):
        beside = posixpath.join(posixpath.dirname(name), "index.ipynb")
        if beside in site.urls:
            return f"broken link {link!r}: {stem}.qmd is a source, not a page. Link to {beside} instead"
        return f"broken link {link!r}: that input is not among the pages that `render:` selects"
    return f"broken link {link!r}: neither a page of the site nor a file of the project ({name})"


def navigation(site: Site, plan: dict[str, Any], linked: dict[str, str]) -> list[Problem]:
    """Items of bars, sidebars and footer that lead nowhere; the files that they and logos name are published."""
    problems = []
    for dotted, item in navitems.walk(site.config):
        said = navitems.target_of(item)
        if not said or navitems.RULE.fullmatch(said) or re.search(r"[*?]|^auto$|^sidebar:", said):
            continue
        path = chrome.href(site, said, "index.html").partition("#")[0].partition("?")[0].removeprefix("./")
        if not path or re.match(r"^(?:[a-zA-Z][\w+.-]*:|//)", path) or _publish(site, path, plan):
            continue
        _note(site, path, linked)
        place = site.config.where(f"{dotted}.href")
        where = dotted.split(".")[1]
        problems.append(Problem(*place, f"{where}: {said!r} is not a page of the site", check="links"))
    for key in ("website.navbar.logo", "website.navbar.logo-light"):
        logo = site.config.get(key)
        path = chrome.href(site, logo, "index.html").removeprefix("./") if isinstance(logo, str) else ""
        if path and "://" not in path and not _publish(site, path, plan):
            _note(site, path, linked)
            problems.append(Problem(*site.config.where(key), f"logo {logo!r}: file not found", check="links"))
    return problems


def _note(site: Site, name: str, linked: dict[str, str]) -> None:
    """Have the site assembled again when a file that was looked for has changed or now exists."""
    if not name.startswith("../"):
        linked[name] = store.digest_of(site.root / name)


def _publish(site: Site, path: str, plan: dict[str, Any]) -> bool:
    """Whether something of the site is there, after a file of the project has been put there."""
    path = posixpath.normpath(path)
    folder_page = posixpath.normpath(posixpath.join(path, "index.html"))
    if path in plan or folder_page in plan or (site.root / path).is_dir():
        return True
    source = site.root / path
    if path.startswith("../") or not os.path.isfile(source) or source.suffix in (".qmd", ".ipynb", ".md"):
        return False
    plan[path] = source
    return True
