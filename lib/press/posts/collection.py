"""All posts of a project: where they lie, their sources read, and their executed notebooks."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from postkit.verdicts import Claim
from press.core.errors import PressError, Problem
from press.core.project import Project
from press.core.source import read_text, relative
from press.posts.notebook import examine_post
from press.posts.post import Post


def post_files(project: Project) -> list[Path]:
    """`posts/*/post.qmd`, sorted; folders whose names begin with "_" or "." are drafts and left out."""
    found = (project.root / "posts").glob("*/post.qmd")
    return sorted(path for path in found if path.parent.name[0] not in "._")


def read_posts(project: Project, claims: Mapping[str, Claim] | None) -> tuple[list[Post], dict[str, list[Problem]]]:
    """All posts as far as they can be read, and by slug what is wrong with them, two with the same slug among it.

    Args:
        claims: what their prose may quote, by id; None where that is not known.
    """
    posts: list[Post] = []
    broken: dict[str, list[Problem]] = {}
    first: dict[str, str] = {}
    for path in post_files(project):
        name = relative(path, project.root)
        slug, problems = path.parent.name, _same_address(path, project)
        same = unicodedata.normalize("NFC", slug).casefold()
        if same in first:
            problems.append(
                Problem(name, 0, f"duplicate slug {same!r}: {first[same]} has it already. Rename one folder")
            )
        first.setdefault(same, name)
        post, found = examine_post(path, project.config, claims)
        if problems := problems + found:
            broken[slug] = problems
        if post is not None:
            posts.append(post)
    return posts, broken


def _same_address(path: Path, project: Project) -> list[Problem]:
    """A page such as posts/x/index.qmd that would be published at a post's address."""
    others = [other for other in (path.with_name("index.qmd"), path.with_name("index.md")) if other.exists()]
    message = f"duplicate slug {path.parent.name!r}: post.qmd is published as index.html"
    return [Problem(relative(other, project.root), 0, message) for other in others]


def select(posts: list[Post], broken: dict[str, list[Problem]], slugs: list[str]) -> tuple[list[Post], list[Problem]]:
    """The posts with these slugs, all of them when none is named, and the problems of these.

    Raises:
        PressError: a slug that no post has; the message lists those there are.
    """
    known = {post.slug: post for post in posts}
    there = sorted({*known, *broken})
    if unknown := [slug for slug in slugs if slug not in there]:
        raise PressError([Problem("", 0, f"no post {slug!r}. Posts: {', '.join(there) or 'none'}") for slug in unknown])
    chosen = list(dict.fromkeys(slugs or there))
    problems = [problem for slug in chosen for problem in broken.get(slug, [])]
    return [known[slug] for slug in chosen if slug in known], problems


def read_notebooks(project: Project, having: dict[str, dict[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
    """Slug -> notebook of each executed post, sorted by slug.

    Args:
        having: those that need not be read.

    Raises:
        PressError: each of them that is not a notebook.
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
