"""`press new post SLUG`: a first `post.qmd` that runs, passes every check and shows how a post is written."""

from __future__ import annotations

import datetime
import json
from importlib.resources import files

from press.core.disk import write_atomic
from press.core.errors import fail
from press.core.project import Project
from press.posts.notebook import SLUG


def new_post(project: Project, slug: str, title: str = "") -> str:
    """Write `posts/<slug>/post.qmd` from the template. Returns its path, relative to the root.

    Raises:
        PressError: the slug is not one, or the post exists.
    """
    name = f"posts/{slug}/post.qmd"
    if not SLUG.match(slug):
        raise fail("", 0, f"{slug!r} is no slug: use lower-case letters, digits and single hyphens")
    if (project.root / name).exists():
        raise fail(name, 0, "exists already. Choose another slug")
    text = files("press.posts").joinpath("template.qmd").read_text(encoding="utf-8")
    title = title or slug.replace("-", " ").capitalize()
    text = text.replace("@TITLE@", json.dumps(title, ensure_ascii=False))
    text = text.replace("@DATE@", datetime.date.today().isoformat())
    write_atomic(project.root / name, text.encode())
    return name
