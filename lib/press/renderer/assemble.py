"""From page records to a complete directory: pages, pictures, listing, feed, sitemap, search, resources, link check."""

from __future__ import annotations

import os
import posixpath
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from press.core import sitefolder, templates
from press.core.errors import Problem
from press.core.levels import stop_at
from press.core.project import site_path
from press.core.selection import resources
from press.renderer import chrome, feed, libraries, listing, markup_tools, previews, search, store, symbols
from press.renderer.onepage import Site

NOT_FOUND = "404.html"  # which a host shows at any address
ASSETS = Path(__file__).parent / "assets"
LIBRARIES = "libraries"  # in the cache: packages that were fetched
Plan = dict[str, "bytes | Path"]


def is_current(out: Path, key: str, root: Path, cache: Path) -> bool:
    """Whether a directory holds the site of this key: each file in its size, and the linked files as they were.

    A library that was not to be had then and is now is a reason to put the site together again.
    """
    mark = sitefolder.read_mark(out)
    if mark.get("key") != key or not sitefolder.is_whole(out, mark):
        return False
    if any(libraries.files_of(name, cache / LIBRARIES) for name in mark.get("lacking", ())):
        return False
    try:
        return all(store.digest((root / name).read_bytes()) == sha for name, sha in mark["linked"].items())
    except OSError:
        return False


def assemble(site: Site, cache: Path, out: Path, records: list[dict[str, Any]], key: str) -> list[Problem]:
    """Fill `out`. Its mark comes last: without it nothing in `out` is trusted.

    Returns:
        What does not stop the build.

    Raises:
        PressError: broken links, listings that we do not support, a feed without site-url, all at once where possible.
    """
    problems: list[Problem] = [p for record in records if record["listing"] for p in listing.check(record)]
    problems = stop_at(problems, site.config.settings())
    found = [record for record in records if record["url"] != NOT_FOUND]  # what lists, maps and search may find
    plan: Plan = {}
    linked: dict[str, str] = {}
    drawn, lacking = _libraries(site, cache, records, plan)
    problems += lacking
    _plan_pages(site, cache, records, plan, drawn)
    for path in sorted(path for path in ASSETS.iterdir() if path.stem != "quarto"):
        plan[f"site_libs/press/{path.name}"] = path
    plan["site_libs/press/symbols.js"] = symbols.data_file(site.root, cache)
    for path in resources(site.config):
        plan.setdefault(path.relative_to(site.root).as_posix(), path)
        linked[path.relative_to(site.root).as_posix()] = store.digest(path.read_bytes())
    if site.config.get("website.site-url"):
        plan["sitemap.xml"] = feed.sitemap(found, site.config).encode()
    problems += _plan_linked(site, records, plan, linked) + _navigation(site, plan)
    problems = stop_at(problems, site.config.settings())
    before = set(sitefolder.read_mark(out).get("files", {}))
    (out / sitefolder.MARK).unlink(missing_ok=True)
    _write(plan, out)
    if site.config.get("website.search", True) is not False:
        index: Plan = dict(search.index(cache, out, found))
        _write(index, out)
        plan |= index
    for name in before - set(plan):
        (out / name).unlink(missing_ok=True)
    missing = sorted({name for record in records for name, *_ in record["needs"]} - set(drawn))
    sitefolder.seal(out, plan, {"key": key, "linked": linked, "lacking": missing})
    return problems


def _write(plan: Plan, out: Path) -> None:
    for folder in {posixpath.dirname(name) for name in plan}:
        (out / folder).mkdir(parents=True, exist_ok=True)
    for name, content in plan.items():
        if isinstance(content, bytes):
            (out / name).write_bytes(content)
        else:
            shutil.copyfile(content, out / name)


def _libraries(
    site: Site, cache: Path, records: list[dict[str, Any]], plan: Plan
) -> tuple[dict[str, list[str]], list[Problem]]:
    """Plan the libraries that pages need; library -> what pages load of it, and what is said of those not to be had."""
    needs = [need for record in records for need in record["needs"]]
    drawn: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for name, *_ in needs):
        if files := libraries.files_of(name, cache / LIBRARIES):
            plan.update({f"site_libs/{path}": source for path, source in files.items()})
            drawn[name] = libraries.loaded(files)
    problems = [Problem(*problem) for name, problem in needs if problem and name not in drawn]
    return drawn, stop_at(problems, site.config.settings())


def _scripts(record: dict[str, Any], drawn: dict[str, list[str]]) -> dict[str, list[str]]:
    """Addresses of the styles and scripts that a page needs beside the site's own."""
    base = chrome.prefix(record["url"]) + "site_libs/"
    names = [path for name in dict.fromkeys(name for name, _ in record["needs"]) for path in drawn.get(name, ())]
    names += ["press/content.js"] if record["needs"] or record["lightbox"] else []
    stamp = f"?v={chrome.key_version()}"
    found = [base + name + stamp for name in names]
    styles = [name for name in found if ".css?" in name]
    return {"styles": styles, "scripts": [name for name in found if name not in styles]}


def _plan_pages(
    site: Site, cache: Path, records: list[dict[str, Any]], plan: Plan, drawn: dict[str, list[str]]
) -> None:
    for record in records:
        folder = cache / record["key"]
        markup = (folder / "page.html").read_text(encoding="utf-8")
        extra = {"image": _open_graph_image(site, record), "feed": "", "feed_title": ""}
        extra |= _scripts(record, drawn)
        if record["listing"]:
            shown = listing.items(record, [other for other in records if other["url"] != NOT_FOUND])
            markup = markup.replace(chrome.LISTING_MARKER, listing.render(record, shown, site.config), 1)
            if record["listing"].get("feed"):
                name = record["url"].removesuffix(".html") + ".xml"

                def body_of(item: dict[str, Any]) -> str:
                    return (cache / item["key"] / "body.html").read_text(encoding="utf-8")

                plan[name] = feed.rss(record, shown, site.config, body_of).encode()
                extra["feed"] = posixpath.basename(name)
                extra["feed_title"] = site.config.get("website.title") or record["title"]
        plan[previews.name_of(record["url"])] = folder / previews.FILE
        markup = markup.replace(chrome.HEAD_MARKER, templates.render("renderer/head.html", **extra), 1)
        if record["url"] == NOT_FOUND:
            markup = markup_tools.from_anywhere(markup, site_path(site.config))
        plan[record["url"]] = markup.encode()
        base = posixpath.dirname(record["url"])
        for name in record["files"]:
            if name.startswith("files/"):
                plan[posixpath.join(base, name.removeprefix("files/"))] = folder / name


def _open_graph_image(site: Site, record: dict[str, Any]) -> str:
    image = record["image"] or str(site.config.get("website.image") or "")
    base = site.config.get("website.site-url")
    if not (image and base and site.config.get("website.open-graph")):
        return ""
    path = listing.local(image if record["image"] else "/" + image.lstrip("/"), record, "index.html")
    return path if "://" in path else f"{str(base).rstrip('/')}/{path}"


def _target(record: dict[str, Any], link: str) -> str:
    """A link's path relative to the site's root; it begins with ../ where it leaves the site."""
    path = unquote(link.partition("#")[0].partition("?")[0])
    path = posixpath.join("" if path.startswith("/") else posixpath.dirname(record["url"]), path.lstrip("/"))
    return posixpath.normpath(path + ("index.html" if path.endswith("/") else ""))


def _plan_linked(site: Site, records: list[dict[str, Any]], plan: Plan, linked: dict[str, str]) -> list[Problem]:
    """Copy the project's files that pages link to; report links to what is neither a page nor a file."""
    problems = []
    for record in records:
        links = [*record["links"], *_image_link(record)]
        linked |= record["depends"]
        for link, places in links:
            name = _target(record, link)
            if link.startswith(("?", "#")) or "://" in link or name in plan or link.startswith("data:"):
                continue
            folder_page = posixpath.join(name, "index.html").removeprefix("./")
            source = site.root / name
            if folder_page in plan:
                continue
            if name.startswith("../") or not os.path.isfile(source) or source.suffix in (".qmd", ".ipynb"):
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


def _navigation(site: Site, plan: Plan) -> list[Problem]:
    problems = []
    for side in ("left", "right"):
        for index, item in enumerate(chrome.as_list(site.config.get(f"website.navbar.{side}"))):
            target = item if isinstance(item, str) else str(item.get("href", "#"))
            path = chrome.href(site, target, "index.html").partition("#")[0].removeprefix("./")
            if path and "://" not in path and not path.startswith("mailto:") and path not in plan:
                place = site.config.where(f"website.navbar.{side}.{index}.href")
                problems.append(Problem(*place, f"navbar: {target!r} is not a page of the site", check="links"))
    return problems
