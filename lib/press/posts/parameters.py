"""Parameters of posts: those that a post declares, and what is injected in their place."""

from __future__ import annotations

import ast
import difflib
from typing import Any

from press.core.config import Config
from press.core.errors import PressError, Problem
from press.core.given import given_to
from press.core.yamlfile import Map
from press.posts.post import CodeCell, Post
from press.posts.used import Uses, parse


def read_parameters(cells: tuple[CodeCell, ...], uses: Uses, problems: list[Problem]) -> dict[str, Any]:
    """Names and defaults from the cell tagged `parameters`; each must be read by some cell."""
    tagged = [cell for cell in cells if "parameters" in cell.tags]
    if len(tagged) > 1:
        problems.append(
            Problem(tagged[1].file, tagged[1].line, "a second cell tagged parameters; a post may have only one")
        )
    if not tagged:
        return {}
    try:
        body = parse(tagged[0])[0].body
    except PressError:
        return {}  # among the problems already
    parameters: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for node in body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            if isinstance(target, ast.Name) and node.value is not None:
                parameters[target.id] = _literal(node.value)
                lines[target.id] = tagged[0].line + node.lineno - 1 if tagged[0].line else 0
    for name in (name for name in parameters if name not in uses.read):
        message = f"parameter {name!r} is declared but never read. Use it or remove it"
        problems.append(Problem(tagged[0].file, lines[name], message, check="parameters"))
    return parameters


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def parameters_for(post: Post, config: Config, given: dict[str, Any]) -> dict[str, Any]:
    """What to inject into this post. Later ones override earlier ones: parameters of the project, its profile and its
    folder for all posts, those of `press: posts:` for this one, and those given.

    What the post does not declare is left out.
    A value equal to the post's own default is left out, so that it gives the same key.
    """
    shared = config.settings(post.meta).get("parameters") or {}
    wanted = shared | given_to(config.settings(), post.slug) | given
    return {name: value for name, value in wanted.items() if name in post.parameters and post.parameters[name] != value}


def check_parameters(posts: list[Post], given: dict[str, Any]) -> None:
    """Refuse a parameter that none of these posts declares, or whose value has another type than the default.

    Raises:
        PressError: each such parameter, with the legal choices.
    """
    problems = []
    for name, value in given.items():
        having = [post for post in posts if name in post.parameters]
        if not having:
            where = posts[0].file if len(posts) == 1 else ""
            line = parameter_line(posts[0]) if len(posts) == 1 else 0
            problems.append(Problem(where, line, _unknown(name, posts)))
        for post in having:
            if message := _misfit(name, value, post):
                problems.append(Problem(post.file, parameter_line(post), message))
    if problems:
        raise PressError(problems)


def check_named(config: Config, posts: list[Post], slugs: list[str]) -> list[Problem]:
    """What is wrong with `press: posts:`: a post that is not there, a parameter that it does not declare, a wrong type.

    Args:
        posts: those that can be read.
        slugs: of all posts.
    """
    problems, known = [], {post.slug: post for post in posts}
    named = config.settings().get("posts") or Map()
    for slug in named:
        given = given_to(config.settings(), slug)
        if slug not in slugs:
            close = difflib.get_close_matches(slug, slugs, n=1)
            meant = f"Did you mean {close[0]!r}? " if close else ""
            message = f"press: posts: no post {slug!r}. {meant}Posts: {', '.join(slugs) or 'none'}"
            problems.append(Problem(*named.places[slug], message))
        for name, value in given.items() if slug in known else ():
            post = known[slug]
            message = _misfit(name, value, post) if name in post.parameters else _unknown(name, [post])
            if message:
                problems.append(Problem(*given.places[name], f"press: posts: {slug}: {message}"))
    return problems


def _unknown(name: str, posts: list[Post]) -> str:
    legal = sorted({parameter for post in posts for parameter in post.parameters})
    return f"unknown parameter {name!r}. Legal: {', '.join(legal) or 'none'}"


def _misfit(name: str, value: Any, post: Post) -> str:
    """What is wrong with the type of a value; "" for nothing."""
    default = post.parameters[name]
    numbers = isinstance(value, int) and not isinstance(value, bool) and isinstance(default, float)
    if default is None or value is None or type(value) is type(default) or numbers:
        return ""
    kinds = f"must be of type {type(default).__name__}, such as {default!r}, not {type(value).__name__} {value!r}"
    return f"parameter {name!r} {kinds}"


def parameter_line(post: Post) -> int:
    """The line of the post's parameters cell; 0 if it has none."""
    return next((cell.line for cell in post.cells if "parameters" in cell.tags), 0)
