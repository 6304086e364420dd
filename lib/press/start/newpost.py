"""`press new post SLUG`: a first post that runs, passes every check and shows how a post is written."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
from importlib.resources import files

from press.core.disk import create
from press.core.errors import PressError, fail
from press.core.manifest import Manifest, no_folder
from press.core.project import Project
from press.core.selection import OWN, is_own, is_rendered
from press.core.source import Expanded
from press.posts.blocks import markdown_blocks
from press.posts.post import KERNEL, new_cell, to_bytes

SLUG = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")
PAGES = ("index.qmd", "index.ipynb", "index.md", OWN)


def new_post(project: Project, slug: str, title: str = "", *, notebook: bool = False) -> tuple[str, list[str]]:
    """Write a post from the template: `posts/<slug>/index.qmd`, or `post.qmd` where the project keeps its posts so.

    Args:
        title: "" for one that is made from the slug.
        notebook: write `posts/<slug>/index.ipynb` instead, which the press runs too.

    Returns:
        Its path, relative to the root, and what keeps it from being published or committed.

    Raises:
        PressError: the slug is not one, there is a post with this slug, or `posts/` leads elsewhere.
    """
    if not SLUG.match(slug):
        raise fail("", 0, f"{slug!r} is not a valid slug: use lower-case letters, digits and single hyphens")
    folder = f"posts/{slug}"
    name = f"{folder}/{'index.ipynb' if notebook else _file(project, folder)}"
    if blocked := no_folder(project.root, name):
        raise PressError(blocked)
    own = name.endswith(f"/{OWN}")
    others = [page for page in PAGES if not (own and page == "index.ipynb")]
    if there := [page for page in others if os.path.lexists(project.root / folder / page)]:
        raise fail(f"{folder}/{there[0]}", 0, "exists already. Choose another slug")
    if own and (problems := Manifest(project).problems([f"{folder}/index.ipynb"])):  # where it would be published from
        raise PressError(problems)
    text = _template(title or slug.replace("-", " ").capitalize())
    try:
        create(project.root / name, as_notebook(text) if notebook else text.encode())
    except FileExistsError:
        raise fail(name, 0, "exists already. Choose another slug") from None
    return name, _in_the_way(project, name)


def _file(project: Project, folder: str) -> str:
    """How this project keeps its posts: as pages themselves, or as sources of the notebooks beside them."""
    config, root = project.config, project.root
    if any(is_own(config, path.relative_to(root).as_posix()) for path in root.glob(f"posts/**/{OWN}")):
        return OWN
    page, book = (is_rendered(config, f"{folder}/{name}") for name in ("index.qmd", "index.ipynb"))
    return OWN if book and not page else "index.qmd"


def _template(title: str) -> str:
    text = files("press.start").joinpath("template.qmd").read_text(encoding="utf-8")
    text = text.replace("@TITLE@", json.dumps(title, ensure_ascii=False))
    return text.replace("@DATE@", datetime.date.today().isoformat())


def as_notebook(text: str) -> bytes:
    """Quarto Markdown as an unexecuted notebook whose front matter, its first cell, asks for it to be executed."""
    text = text.replace(f"jupyter: {KERNEL}\n", "execute:\n  enabled: true  # run in each build that finds it stale\n")
    blocks = markdown_blocks(Expanded(text, (("", 0),) * (text.count("\n") + 1), ()), [])
    cells = [new_cell(block.kind, f"cell-{number}", block.source) for number, block in enumerate(blocks, 1)]
    for cell in cells:
        if "".join(cell["source"][:1]).startswith("#| tags: [parameters]"):
            cell["metadata"] = {"tags": ["parameters"]}
    kernel = {"display_name": "Python 3", "language": "python", "name": KERNEL}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return to_bytes({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def _in_the_way(project: Project, name: str) -> list[str]:
    """What the author has to change for the new post to be published and committed."""
    page = name.replace(f"/{OWN}", "/index.ipynb")
    notes = []
    if not is_rendered(project.config, page):
        notes.append(f"`render:` in _quarto.yml does not select {page}. Add it, or it will not be published")
    ignored = ["git", "-C", str(project.root), "check-ignore", "--quiet", name]
    try:
        if subprocess.run(ignored, capture_output=True, check=False).returncode == 0:
            notes.append(f"git ignores {name}. Add a line !/{name} to .gitignore, or it will not be committed")
    except OSError:
        pass  # no git here
    return notes
