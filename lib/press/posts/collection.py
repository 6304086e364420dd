"""All posts of a project: where they lie, what they are called, their sources read, and their executed notebooks.

A post is a page of the site with Python cells: Quarto Markdown or a notebook, anywhere. What `press run` calls it, its
slug, is its path without `posts/`, `/index` and the suffix. A `posts/**/post.qmd` that is no page itself is the source
of the `index.ipynb` beside it: the press writes the executed notebook there, for Quarto to find. All other executed
notebooks are kept in `.press/posts/`, and the renderers take them in place of the source.
"""

from __future__ import annotations

import json
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from postkit.verdicts import Claim
from press.core.errors import PressError, Problem, collected
from press.core.project import Project
from press.core.selection import OWN, is_own, site_inputs
from press.core.source import is_generated, page_start, read_text, relative
from press.posts.blocks import has_python_cells, notebook_blocks
from press.posts.enabled import is_draft, is_enabled
from press.posts.frozen import results_of
from press.posts.notebook import examine_post
from press.posts.notebookfile import language_of, read_notebook, without_pictures
from press.posts.post import Post, Source


@dataclass
class Posts:
    """What was found.

    Args:
        sound: the posts that can be read, those with problems among them.
        broken: slug -> what is wrong with a post.
        stored: notebooks that are published with their stored outputs, as Quarto does unless it is told to run them;
            each with what `read_notebooks` gives of it.
        frozen: pages whose results Quarto froze -> the file of these.
        places: where the executed notebooks of all others lie, relative to the root.
    """

    sound: list[Post] = field(default_factory=list)
    broken: dict[str, list[Problem]] = field(default_factory=dict)
    stored: dict[Source, dict[str, Any]] = field(default_factory=dict)
    frozen: dict[Source, Path] = field(default_factory=dict)
    places: set[str] = field(default_factory=set)


def sources(project: Project) -> list[Source]:
    """The source of every post, sorted; drafts and folders whose names begin with "_" or "." are left out.

    Raises:
        PressError: `render:` selects something that is not a page.
    """
    root = project.root
    own = sorted(path for path in root.glob(f"posts/**/{OWN}") if is_own(project.config, relative_to(path, root)))
    taken = {path.with_name("index.ipynb") for path in own}
    found = [Source(_slug(path, root), path, relative_to(path.with_name("index.ipynb"), root)) for path in own]
    for path in site_inputs(project.config):
        if path not in taken and _has_cells(path, root) and not is_generated(path):
            found.append(Source(_slug(path, root), path, relative_to(path, root)))
    many = Counter(source.slug for source in found)
    named = [s if many[s.slug] == 1 else Source(s.page, s.path, s.page) for s in found]
    return sorted(named, key=lambda source: source.slug)


def relative_to(path: Path, root: Path) -> str:
    """A path below the root as it is written, links not followed."""
    return path.relative_to(root).as_posix()


def _slug(path: Path, root: Path) -> str:
    name = path.relative_to(root).with_suffix("").as_posix()
    short = re.sub(r"/(?:index|post)$", "", name)
    return short.removeprefix("posts/") or name


def _has_cells(path: Path, root: Path) -> bool:
    if path.suffix == ".ipynb":
        return True  # whether it has cells of Python is seen when it is read
    try:
        return has_python_cells(read_text(path, root))
    except PressError:
        return False  # the reader of pages says what is wrong


def read_posts(project: Project, claims: Mapping[str, Claim] | None) -> Posts:
    """All posts as far as they can be read, and what is wrong with them, two with the same address among it.

    Args:
        claims: what their prose may quote, by id; None if that is not known.
    """
    done = Posts()
    taken: dict[str, str] = {}
    for source in sources(project):
        place = relative_to(source.place(project.root), project.root)
        problems = _same_address(source, project) + _taken(source, taken, project)
        book = None
        if source.path.suffix == ".ipynb":
            with collected(problems):
                book = read_notebook(source.path, project.root)
            if book is None:
                done.broken[source.slug] = problems
                done.places.add(place)
                continue
            if language_of(book) != "python" or not any(cell["cell_type"] == "code" for cell in book["cells"]):
                continue
            if not _runs(book, source, project):
                done.stored[source] = _as_stored(book, source)
                continue
        post, found = examine_post(source, project.config, claims, project.work / "facts", book)
        if post is not None and is_draft(post.meta, project.config):
            continue
        if post is not None and post.runs and (results := results_of(source, post.meta, project.root)):
            done.frozen[source] = results
            continue
        done.places.add(place)
        if problems := problems + found:
            done.broken[source.slug] = problems
        if post is not None:
            done.sound.append(post)
    return done


def _as_stored(book: dict[str, Any], source: Source) -> dict[str, Any]:
    noted = {"press": {"page": source.page, "stored": True}}
    return without_pictures(book) | {"metadata": book["metadata"] | noted}


def _runs(book: dict[str, Any], source: Source, project: Project) -> bool:
    """Whether the press executes this notebook; one with broken front matter is read as a post, which says so."""
    blocks = notebook_blocks(book, source.page)
    lines = blocks[0].source.split("\n") if blocks and blocks[0].kind == "raw" else []
    try:
        own = page_start(lines, lambda line: (source.page, 0))[0].data
    except PressError:
        return True
    meta = project.config.meta(own, posixpath.dirname(source.page))
    return is_enabled(meta, own, source, project.config) and not is_draft(meta, project.config)


def _same_address(source: Source, project: Project) -> list[Problem]:
    """A page such as posts/x/index.qmd that would be published at the address of posts/x/post.qmd."""
    if not source.beside:
        return []
    others = [source.path.with_name("index.qmd"), source.path.with_name("index.md")]
    message = f"duplicate slug {source.slug!r}: post.qmd is published as index.html"
    return [Problem(relative(other, project.root), 0, message) for other in others if other.exists()]


def _taken(source: Source, taken: dict[str, str], project: Project) -> list[Problem]:
    """Whether another post has this one's address, or one that differs from it in capitals alone.

    Args:
        taken: address, and the same without capitals -> the source that has it; this one is added.
    """
    name = relative(source.path, project.root)
    address = unicodedata.normalize("NFC", posixpath.splitext(source.page)[0])
    problems = []
    if other := taken.get(address):
        message = f"duplicate slug {source.slug!r}: {other} already has it. Rename one of them"
        problems.append(Problem(name, 0, message))
    elif other := taken.get(f"any case: {address.casefold()}"):
        message = f"on some machines this has the same address as {other}. Rename one of them"
        problems.append(Problem(name, 0, message, check="links"))
    taken.setdefault(address, name)
    taken.setdefault(f"any case: {address.casefold()}", name)
    return problems


def choose(there: list[str], asked: list[str], files: Mapping[str, str]) -> list[str]:
    """The slugs that are meant: each as it is, by its file or folder, or by the end of one of them if that is enough.

    Args:
        there: all slugs.
        files: slug -> the post's file, relative to the root.

    Raises:
        PressError: one that no post has, or several; the message lists those there are.
    """
    chosen, problems = [], []
    for name in asked:
        tidy = name.removeprefix("./").rstrip("/")
        fits = [slug for slug in there if tidy == slug or files.get(slug) == tidy] if tidy else []
        fits = fits or [slug for slug in there if f"/{tidy}" in _ends(slug, files.get(slug, ""))]
        if len(fits) == 1:
            chosen.append(fits[0])
            continue
        legal = f"Several match: {', '.join(fits)}" if fits else f"Posts: {', '.join(there) or 'none'}"
        problems.append(Problem("", 0, f"no post {name!r}. {legal}" if not fits else f"post {name!r}: {legal}"))
    if problems:
        raise PressError(problems)
    return list(dict.fromkeys(chosen))


def _ends(slug: str, file: str) -> set[str]:
    """What a post may be called by: the ends of its slug, of its file and of that file's folder."""
    names = {slug, file, posixpath.dirname(file)} if re.search(r"(^|/)(index|post)\.\w+$", file) else {slug, file}
    parts = [name.split("/") for name in names]
    return {"/" + "/".join(part[start:]) for part in parts for start in range(len(part))}


def read_notebooks(project: Project, having: dict[str, dict[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
    """Slug -> notebook of each executed post, sorted by slug; stored notebooks are among them, without their pictures.

    Args:
        having: those that need not be read.

    Raises:
        PressError: each of them that is not a notebook.
    """
    having = having or {}
    found, problems = {}, []
    for source in sources(project):
        try:
            place = source.place(project.root)
            if source.slug in having:
                found[source.slug] = having[source.slug]
            elif place.is_file():
                found[source.slug] = _read(place, project.root)
            elif source.path.suffix == ".ipynb":
                book = read_notebook(source.path, project.root)
                if language_of(book) == "python" and not _runs(book, source, project):
                    found[source.slug] = _as_stored(book, source)
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
