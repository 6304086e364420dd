"""From page records to a complete directory: pages, pictures, listings, feeds, sitemap, search, resources, links."""

from __future__ import annotations

import contextlib
import os
import posixpath
from pathlib import Path
from typing import Any

from press.core import sitefolder, sitemark
from press.core.errors import Problem
from press.core.project import site_path
from press.core.selection import resources
from press.core.strictness import stop_at
from press.renderer import (
    aliases,
    around,
    drafts,
    feed,
    listed,
    markup_tools,
    needed,
    policy,
    previews,
    search,
    store,
    symbols,
    targets,
    themes,
)
from press.renderer.navitems import Around
from press.renderer.onepage import Site

NOT_FOUND = "404.html"  # which a host shows at any address
ASSETS = Path(__file__).parent / "assets"
Plan = dict[str, "bytes | Path | tuple[Path, str]"]  # content, a file, or one of the cache with its SHA-256


def is_current(out: Path, key: str, root: Path, cache: Path) -> bool:
    """Whether a directory holds the site of this key: each file in its size, and the linked files as they were, which
    may be that they were not there.

    A library that was not available then and is now is a reason to put the site together again.
    """
    mark = sitemark.read_mark(out)
    if mark.get("key") != key or not sitemark.is_whole(out, mark):
        return False
    if needed.any_found(mark.get("lacking", []), cache):
        return False
    try:
        return all(store.digest_of(root / name) == sha for name, sha in mark["linked"].items())
    except OSError:
        return False


def assemble(site: Site, cache: Path, out: Path, records: list[dict[str, Any]], key: str) -> list[Problem]:
    """Fill `out`. Its mark comes last: without it nothing in `out` is trusted.

    Returns:
        What does not stop the build.

    Raises:
        PressError: broken links and whatever else stops it, all at once where possible.
    """
    records = drafts.published(site.config, records)
    found = [record for record in records if record["url"] != NOT_FOUND and record["listed"]]  # what is found elsewhere
    plan: Plan = {}
    linked: dict[str, str] = {}
    drawn, problems = needed.plan(records, site.root, cache, plan, linked)
    surroundings, lacking = _surroundings(site, cache, records, plan, linked)
    problems += lacking + _plan_pages(surroundings, cache, records, found, plan, linked, drawn)
    for path in sorted(path for path in ASSETS.iterdir() if path.stem != "quarto"):
        plan[f"site_libs/press/{path.name}"] = path
    plan["site_libs/press/symbols.js"] = symbols.data_file(site.root, cache)
    for path in resources(site.config):
        plan.setdefault(path.relative_to(site.root).as_posix(), path)
        linked[path.relative_to(site.root).as_posix()] = store.digest(path.read_bytes())
    if site.config.get("website.site-url"):
        plan["sitemap.xml"] = feed.sitemap(found, site.config).encode()
    problems += aliases.plan(site.config, records, plan)
    problems += targets.plan(site, records, plan, linked) + targets.navigation(site, plan, linked)
    problems = stop_at(problems, site.config.settings())
    # What of an old index stays is not known before the new pages are there for Pagefind to read.
    there = sitefolder.begin(out, lambda name: name in plan or name.startswith(f"{search.FOLDER}/"))
    files = _write(plan, out, there)
    searched = [record for record in found if record["search"]]
    if searched and site.config.get("website.search", True) is not False:
        files |= _write(search.index(cache, out, searched), out, there)
    for name in there.keys() - files.keys():
        (out / name).unlink()
        with contextlib.suppress(OSError):  # something else lies in it
            os.removedirs((out / name).parent)
    sitemark.seal(out, files, {"key": key, "linked": linked, "lacking": needed.lacking(records, drawn)})
    return problems


def _write(plan: Plan, out: Path, there: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Write what is not there already; the state of all of it."""
    states = {}
    for name, content in plan.items():
        if isinstance(content, tuple):
            content, digest = content
            if name in there and there[name][1] == digest:
                states[name] = there[name]
                continue
        data = content if isinstance(content, bytes) else content.read_bytes()
        states[name] = sitemark.state_of(data)
        if there.get(name) != states[name]:
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return states


def _surroundings(
    site: Site, cache: Path, records: list[dict[str, Any]], plan: Plan, linked: dict[str, str]
) -> tuple[Around, list[Problem]]:
    """What stands around all pages; the theme's style sheet goes into the plan."""
    css, files, assets, problems = themes.theme(site.config, cache)
    linked |= {name: store.digest((site.root / name).read_bytes()) for name in (*files, *assets)}
    plan |= {name: site.root / name for name in assets}
    name = f"site_libs/press/theme.css?v={store.digest(css)[:10]}" if css else ""
    if css:
        plan[name.partition("?")[0]] = css.encode()
    return Around(site, {record["input"]: record for record in records if record["listed"]}, name), problems


def _plan_pages(
    surroundings: Around,
    cache: Path,
    records: list[dict[str, Any]],
    found: list[dict[str, Any]],
    plan: Plan,
    linked: dict[str, str],
    drawn: dict[str, list[str]],
) -> list[Problem]:
    problems: list[Problem] = []
    site = surroundings.site
    for record in records:
        folder = cache / record["key"]
        markup = (folder / "page.html").read_text(encoding="utf-8")
        markup = around.fill(surroundings, record, needed.fill(record, markup, drawn))
        markup, more = listed.fill(site, cache, record, found, markup, plan, linked)
        problems += more
        plan[previews.name_of(record["url"])] = folder / previews.FILE, record["files"][previews.FILE]
        markup = drafts.unlinked(record, markup)
        if record["url"] == NOT_FOUND:
            markup = markup_tools.from_anywhere(markup, site_path(site.config))
        if site.config.settings().get("offline"):
            markup = policy.with_policy(markup, [name for name, _ in record["needs"]])
        plan[record["url"]] = markup.encode()
        base = posixpath.dirname(record["url"])
        for name, digest in record["files"].items():
            if name.startswith("files/"):
                plan[posixpath.join(base, name.removeprefix("files/"))] = folder / name, digest
    return problems
