"""The project as it lies on disk: its root, `_quarto.yml` with a profile merged in, and its posts."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from press.core.errors import PressError, Problem, fail
from press.core.source import load_yaml, relative
from press.papers.schema import Paper
from press.posts.notebook import Post, read_post


@dataclass(frozen=True)
class Project:
    """Root folder, merged configuration, and the places that the press writes to."""

    root: Path
    profile: str
    config: dict[str, Any] = field(repr=False)

    @property
    def work(self) -> Path:
        """`.press/`: caches and everything half-done. Deleting it costs time, nothing else."""
        return self.root / ".press"

    @property
    def site(self) -> Path:
        """The published folder, `_site` unless `_quarto.yml` says otherwise."""
        return self.root / self.config.get("project", {}).get("output-dir", "_site")

    @property
    def settings(self) -> dict[str, Any]:
        """The `press:` part of the configuration."""
        return self.config.get("press") or {}


def open_project(root: Path, profile: str = "") -> Project:
    """Read `_quarto.yml`, and `_quarto-<profile>.yml` over it.

    Raises:
        PressError: there is no `_quarto.yml` here, YAML is broken, or the profile has no file.
    """
    root = root.resolve()
    if not (root / "_quarto.yml").is_file():
        raise fail("_quarto.yml", 0, f"not found in {root}. Run press in the project's folder, or name it with --root")
    config = load_yaml(root / "_quarto.yml", root)
    for name in filter(None, profile.split(",")):
        path = root / f"_quarto-{name}.yml"
        if not path.is_file():
            legal = sorted(p.stem.removeprefix("_quarto-") for p in root.glob("_quarto-*.yml"))
            raise fail("", 0, f"no profile {name!r}. Legal: {', '.join(legal) or 'none here'}")
        config = merge(config, load_yaml(path, root))
    return Project(root, profile, config)


def merge(base: Any, over: Any) -> Any:
    """Quarto's merge: mappings key by key, lists joined, everything else replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {key: merge(base[key], value) if key in base else value for key, value in over.items()}
    if isinstance(base, list) and isinstance(over, list):
        return base + [item for item in over if item not in base]
    return over


def post_files(project: Project) -> list[Path]:
    """`posts/*/post.qmd`, sorted; folders whose names begin with "_" or "." are drafts and left out."""
    found = (project.root / "posts").glob("*/post.qmd")
    return sorted(path for path in found if path.parent.name[0] not in "._")


def read_posts(project: Project, papers: Sequence[Paper] | None = None) -> list[Post]:
    """All posts, read and checked.

    Args:
        papers: what their prose may quote; read where it is needed, if not given.

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
            posts.append(read_post(path, project.root, papers))
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


def parameters_for(post: Post, project: Project, given: dict[str, Any]) -> dict[str, Any]:
    """What to inject into this post: the profile's parameters and those given, as far as the post declares them.

    A value equal to the post's own default is left out, so that it gives the same key.
    """
    wanted = (project.settings.get("parameters") or {}) | given
    return {name: value for name, value in wanted.items() if name in post.parameters and post.parameters[name] != value}


def check_parameters(posts: list[Post], given: dict[str, Any]) -> None:
    """Refuse a parameter that none of these posts declares, or whose value has another type than the default.

    Raises:
        PressError: names the parameter and the legal choices.
    """
    for name, value in given.items():
        having = [post for post in posts if name in post.parameters]
        if not having:
            where = posts[0].file if len(posts) == 1 else ""
            legal = sorted({parameter for post in posts for parameter in post.parameters})
            line = parameter_line(posts[0]) if len(posts) == 1 else 0
            raise fail(where, line, f"unknown parameter {name!r}. Legal: {', '.join(legal) or 'none'}")
        for post in having:
            default = post.parameters[name]
            numbers = isinstance(value, int) and not isinstance(value, bool) and isinstance(default, float)
            if default is not None and value is not None and type(value) is not type(default) and not numbers:
                kinds = f"{type(default).__name__} such as {default!r}, not {type(value).__name__} {value!r}"
                raise fail(post.file, parameter_line(post), f"parameter {name!r} takes a {kinds}")


def parameter_line(post: Post) -> int:
    """The line of the post's parameters cell; 0 if it has none."""
    return next((cell.line for cell in post.cells if "parameters" in cell.tags), 0)
