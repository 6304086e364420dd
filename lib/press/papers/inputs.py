"""What the pages refer to that authors wrote beside posts and notes."""

from __future__ import annotations

from collections.abc import Container

from press.core.errors import PressError
from press.core.project import Project
from press.core.selection import site_inputs
from press.core.source import front_matter, is_generated, read_expanded, relative
from press.papers.mentions import Page, read_plain_page


def read_pages(project: Project, posts: Container[str]) -> tuple[Page, ...]:
    """What the pages refer to that authors wrote and that are neither posts nor notes on papers.

    Args:
        posts: the sources of posts, relative to the root; a home page that runs is one.
    """
    pages = []
    for path in site_inputs(project.config):
        if path.suffix != ".qmd" or is_generated(path):
            continue
        name = relative(path, project.root)
        if name in posts:
            continue
        try:
            expanded = read_expanded(path, project.root)
            parsed, taken = front_matter(expanded)
        except PressError:
            continue  # the check of the sources says what is wrong
        body = "\n".join(expanded.text.split("\n")[taken:])
        url = name.removesuffix(".qmd") + ".html"
        pages.append(read_plain_page(url, str(parsed.data.get("title") or url), body, project.work / "facts"))
    return tuple(pages)
