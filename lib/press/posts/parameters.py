"""Parameters of posts: those that a post declares, and what is injected in their place."""

from __future__ import annotations

import ast
from typing import Any

from press.core.config import Config
from press.core.errors import PressError, Problem
from press.posts.post import CodeCell, Post
from press.posts.used import Uses, parse


def read_parameters(cells: tuple[CodeCell, ...], uses: Uses, problems: list[Problem]) -> dict[str, Any]:
    """Names and defaults from the cell tagged `parameters`; each must be read by some cell."""
    tagged = [cell for cell in cells if "parameters" in cell.tags]
    if len(tagged) > 1:
        problems.append(Problem(tagged[1].file, tagged[1].line, "a second cell tagged parameters; a post has one"))
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
        message = f"parameter {name!r} is declared and never read. Use it or remove it"
        problems.append(Problem(tagged[0].file, lines[name], message, check="parameters"))
    return parameters


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def parameters_for(post: Post, config: Config, given: dict[str, Any]) -> dict[str, Any]:
    """What to inject into this post: parameters of the project, its profile and its folder, and those given.

    What the post does not declare is left out.
    A value equal to the post's own default is left out, so that it gives the same key.
    """
    wanted = (config.settings(post.meta).get("parameters") or {}) | given
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
            legal = sorted({parameter for post in posts for parameter in post.parameters})
            line = parameter_line(posts[0]) if len(posts) == 1 else 0
            problems.append(Problem(where, line, f"unknown parameter {name!r}. Legal: {', '.join(legal) or 'none'}"))
        for post in having:
            default = post.parameters[name]
            numbers = isinstance(value, int) and not isinstance(value, bool) and isinstance(default, float)
            if default is not None and value is not None and type(value) is not type(default) and not numbers:
                kinds = f"{type(default).__name__} such as {default!r}, not {type(value).__name__} {value!r}"
                message = f"parameter {name!r} takes a {kinds}"
                problems.append(Problem(post.file, parameter_line(post), message))
    if problems:
        raise PressError(problems)


def parameter_line(post: Post) -> int:
    """The line of the post's parameters cell; 0 if it has none."""
    return next((cell.line for cell in post.cells if "parameters" in cell.tags), 0)
