"""Which pages the site has beside what the press generates, and whether a page that is to be generated will be one."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from press.core.errors import PressError
from press.core.project import Project
from press.core.source import front_matter, is_generated, read_expanded, relative
from press.papers.mentions import Page, read_plain_page


def is_rendered(project: Project, name: str) -> bool:
    """Whether `render:` of the configuration selects this input, be it there yet or not."""
    patterns = (project.config.get("project") or {}).get("render")
    if not patterns:
        return True
    chosen = False
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if pattern.startswith("!"):
            chosen = chosen and not _excluded(name, pattern[1:].lstrip("/"))
        else:
            chosen = chosen or _selected(name, pattern.lstrip("/"))
    return chosen


def _excluded(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or name.startswith(pattern.rstrip("/") + "/")


def _selected(name: str, pattern: str) -> bool:
    if "**" in pattern:
        return fnmatchcase(name, pattern.replace("**/", "*"))
    return name.count("/") == pattern.count("/") and fnmatchcase(name, pattern)


def read_pages(project: Project) -> tuple[Page, ...]:
    """What the pages refer to that authors wrote and that are neither posts nor notes on papers."""
    pages = []
    for path in _authored(project):
        name = relative(path, project.root)
        try:
            expanded = read_expanded(path, project.root)
            meta, taken = front_matter(expanded)
        except PressError:
            continue  # the check of the sources says what is wrong
        body = "\n".join(expanded.text.split("\n")[taken:])
        url = name.removesuffix(".qmd") + ".html"
        pages.append(read_plain_page(url, str(meta.get("title") or url), body, project.work / "facts"))
    return tuple(pages)


def _authored(project: Project) -> Iterator[Path]:
    from press.core.config import Config, site_inputs

    for path in site_inputs(project.root, Config(project.root, project.config, {})):
        if path.suffix == ".qmd" and not is_generated(path):
            yield path
