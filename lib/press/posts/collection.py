"""All posts of a project: where they lie, their sources read, and their executed notebooks."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from postkit.verdicts import Claim
from press.core.errors import PressError, Problem, fail
from press.core.project import Project
from press.core.source import read_text, relative
from press.posts.notebook import read_post
from press.posts.post import Post


def post_files(project: Project) -> list[Path]:
    """`posts/*/post.qmd`, sorted; folders whose names begin with "_" or "." are drafts and left out."""
    found = (project.root / "posts").glob("*/post.qmd")
    return sorted(path for path in found if path.parent.name[0] not in "._")


def read_posts(project: Project, claims: Mapping[str, Claim]) -> list[Post]:
    """All posts, read and checked.

    Args:
        claims: what their prose may quote, by id.

    Raises:
        PressError: every problem of every post, two posts with the same slug among them.
    """
    posts: list[Post] = []
    problems: list[Problem] = []
    first: dict[str, str] = {}
    for path in post_files(project):
        name = relative(path, project.root)
        same = unicodedata.normalize("NFC", path.parent.name).casefold()
        if same in first:
            problems.append(
                Problem(name, 0, f"duplicate slug {same!r}: {first[same]} has it already. Rename one folder")
            )
        first.setdefault(same, name)
        try:
            posts.append(read_post(path, project.root, claims))
        except PressError as error:
            problems += error.problems
    problems += _same_address(project)
    if problems:
        raise PressError(problems)
    return posts


def _same_address(project: Project) -> list[Problem]:
    """A page such as posts/x/index.qmd or posts/x.qmd that would be published at a post's address."""
    problems = []
    for path in post_files(project):
        for other in (path.with_name("index.qmd"), path.with_name("index.md")):
            if other.exists():
                name = relative(other, project.root)
                problems.append(
                    Problem(name, 0, f"duplicate slug {path.parent.name!r}: post.qmd is published as index.html")
                )
    return problems


def select(posts: list[Post], slugs: list[str]) -> list[Post]:
    """The posts with these slugs; all of them when none is named.

    Raises:
        PressError: a slug that no post has; the message lists those there are.
    """
    known = {post.slug: post for post in posts}
    unknown = [slug for slug in slugs if slug not in known]
    if unknown:
        raise fail("", 0, f"no post {unknown[0]!r}. Posts: {', '.join(known) or 'none'}")
    return [known[slug] for slug in slugs] if slugs else posts


def read_notebooks(project: Project, having: dict[str, dict[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
    """Slug -> notebook of each executed post, sorted by slug.

    Args:
        having: those that need not be read.

    Raises:
        PressError: each of them that is no notebook.
    """
    having = having or {}
    found, problems = {}, []
    for folder in (path.parent for path in post_files(project)):
        try:
            if folder.name in having:
                found[folder.name] = having[folder.name]
            elif (folder / "index.ipynb").is_file():
                found[folder.name] = _read(folder / "index.ipynb", project.root)
        except PressError as error:
            problems += error.problems
    if problems:
        raise PressError(problems)
    return found


def _read(path: Path, root: Path) -> dict[str, Any]:
    try:
        return json.loads(read_text(path, root))
    except ValueError as error:
        raise PressError(Problem(relative(path, root), 0, f"not a notebook: {error}. Run press run")) from None
