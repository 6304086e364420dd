"""Which libraries the site's pages need and which are available: planned, named in heads, reported if missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from press.core import templates
from press.core.errors import Problem
from press.renderer import chrome, libraries, livemodels, store

FOLDER = "libraries"  # in the cache: packages that were fetched


def plan(
    records: list[dict[str, Any]], root: Path, cache: Path, plan: dict[str, Any], linked: dict[str, str]
) -> tuple[dict[str, list[str]], list[Problem]]:
    """Plan the libraries that pages need.

    Args:
        root: the project's.
        linked: is given the digests of the project's files behind them.

    Returns:
        Library -> what pages load of it, below site_libs/; and what is said about those that are not available.
    """
    needs = [need for record in records for need in record["needs"]]
    drawn: dict[str, list[str]] = {}
    names = list(dict.fromkeys(name for name, _ in needs))
    live = [name for name in names if name.startswith(livemodels.PREFIX)]
    for name in (name for name in names if name not in live):
        if files := libraries.files_of(name, cache / FOLDER):
            plan.update({f"site_libs/{path}": source for path, source in files.items()})
            drawn[name] = libraries.loaded(files)
    problems: list[Problem] = []
    if live:
        files, loads, told = livemodels.files_of(live, root, cache / livemodels.KEPT, cache / FOLDER)
        plan.update({f"site_libs/{path}": source for path, source in files.items()})
        drawn |= loads
        problems += [Problem("", 0, message, check="outputs") for message in told]
        behind = livemodels.inputs(live, root)
        linked.update({path.relative_to(root).as_posix(): store.digest_of(path) for path in behind})
    return drawn, problems + [Problem(*problem) for name, problem in needs if problem and name not in drawn]


def lacking(records: list[dict[str, Any]], drawn: dict[str, list[str]]) -> list[str]:
    """The libraries that pages need and that are not available."""
    return sorted({name for record in records for name, _ in record["needs"]} - set(drawn))


def any_found(names: list[str], cache: Path) -> bool:
    """Whether one of the libraries that were missing is available now."""
    live = any(name.startswith(livemodels.PREFIX) for name in names)
    if live and not livemodels.lacks(cache / FOLDER):
        return True
    found = (libraries.files_of(name, cache / FOLDER) for name in names if name in libraries.LIBRARIES)
    return any(found)


def fill(record: dict[str, Any], markup: str, drawn: dict[str, list[str]]) -> str:
    """A page whose head names the styles and scripts that it needs beside the site's own."""
    names = [path for name in dict.fromkeys(name for name, _ in record["needs"]) for path in drawn.get(name, ())]
    names += ["press/content.js"] if record["needs"] or record["lightbox"] else []
    if not names:
        return markup
    addresses = [f"{chrome.prefix(record['url'])}site_libs/{name}?v={chrome.key_version()}" for name in names]
    styles = [address for address in addresses if ".css?" in address]
    scripts = [address for address in addresses if address not in styles]
    head = templates.render("renderer/scripts.html", styles=styles, scripts=scripts)
    return markup.replace(chrome.HEAD_MARKER, f"{head}\n{chrome.HEAD_MARKER}", 1)
