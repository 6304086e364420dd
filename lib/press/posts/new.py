"""`press new post SLUG`: a first `post.qmd` that runs, passes every check and shows how a post is written."""

from __future__ import annotations

import datetime
import json
import re
from importlib.resources import files

from press.core.disk import create
from press.core.errors import PressError, fail
from press.core.manifest import Manifest
from press.core.project import Project

SLUG = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")


def new_post(project: Project, slug: str, title: str = "") -> str:
    """Write `posts/<slug>/post.qmd` from the template. Returns its path, relative to the root.

    Raises:
        PressError: the slug is not one, the post exists, or a notebook lies where it would be published from.
    """
    name = f"posts/{slug}/post.qmd"
    if not SLUG.match(slug):
        raise fail("", 0, f"{slug!r} is not a valid slug: use lower-case letters, digits and single hyphens")
    if problems := Manifest(project).problems([f"posts/{slug}/index.ipynb"]):  # where it would be published from
        raise PressError(problems)
    text = files("press.posts").joinpath("template.qmd").read_text(encoding="utf-8")
    title = title or slug.replace("-", " ").capitalize()
    text = text.replace("@TITLE@", json.dumps(title, ensure_ascii=False))
    text = text.replace("@DATE@", datetime.date.today().isoformat())
    try:
        create(project.root / name, text.encode())
    except FileExistsError:
        raise fail(name, 0, "exists already. Choose another slug") from None
    return name
