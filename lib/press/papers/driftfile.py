"""`drift.toml`: how tests and posts fare with the newest releases, by `press drift`. Read, checked, and written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from press.core.errors import PressError, Problem, fail
from press.core.source import read_text
from press.papers.schemacheck import LINE, TABLE, TABLES, check_table
from press.papers.tomlfile import key_lines, parse, written
from press.posts.cache import key_of

NAME = "drift.toml"
HEAD = "# How tests and posts fare with the newest releases, written by `press drift`.\n"
TOP = {"last": TABLE, "green": TABLE, "tests": TABLE, "posts": TABLES}
RUN = {"day": LINE, "versions": TABLE}
TESTS = {"error": LINE, "green": TABLE}
POST = {"slug": LINE, "source": LINE, **TESTS}
DAY = re.compile(r"\d{4}-\d\d-\d\d")
# Parts of a key that lie in the project, and are no parameters.
OWN = ("cell ", "exercise ", "value ", "module ", "file ")


@dataclass(frozen=True)
class Tried:
    """When something was tried, and with what.

    Args:
        day: by UTC, such as "2026-11-28".
        versions: name -> version.
    """

    day: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Outcome:
    """How the tests or a post fared.

    Args:
        error: why they failed, in one line; "" if they did not.
        green: when they last did not; None for never.
        slug: of the post; "" for the tests.
        source: what `source_of` said about the post.
    """

    error: str
    green: Tried | None
    slug: str = ""
    source: str = ""


@dataclass(frozen=True)
class Drift:
    """The whole file.

    Args:
        last: the last time that anything was tried.
        green: the last time that nothing failed; None for never.
        tests: None where none are run.
    """

    last: Tried
    green: Tried | None
    tests: Outcome | None
    posts: tuple[Outcome, ...]

    def of_post(self, slug: str) -> Outcome | None:
        """How a post fared; None if it was not tried."""
        return next((post for post in self.posts if post.slug == slug), None)

    @property
    def failed(self) -> list[Outcome]:
        """All that failed, the tests first."""
        return [one for one in (self.tests, *self.posts) if one and one.error]


def source_of(parts: Mapping[str, str]) -> str:
    """The digest of what the project itself gives to a post: after a change there, what is said about it may be untrue.

    Args:
        parts: of the post's key, as far as its source tells it.
    """
    return key_of({name: value for name, value in parts.items() if name.startswith(OWN)}).digest


def read_drift(root: Path) -> Drift | None:
    """What the project's file says; None if there is none.

    Raises:
        PressError: every problem of the file, with its line.
    """
    path = root / NAME
    if not os.path.lexists(path):
        return None
    if path.is_symlink():
        raise fail(NAME, 0, "a symbolic link; press drift writes its own file here. Move the link away")
    text = read_text(path, root)
    data, lines = parse(text, NAME), key_lines(text)
    problems: list[Problem] = []

    def wrong(message: str, *keys: str) -> None:
        while keys and keys not in lines:
            keys = keys[:-1]
        way = f"Fix it, or delete {NAME} and run press drift"
        problems.append(Problem(NAME, lines.get(keys, 1), f"{message}. {way}"))

    _checked(data, TOP, (), ("last",), wrong)
    tables = [(data.get("tests", {}), TESTS, ("tests",), ())]
    tables += [(post, POST, ("posts", str(i)), ("slug", "source")) for i, post in enumerate(_tables(data, "posts"))]
    for table, types, at, needed in tables if not problems else ():
        _checked(table, types, at, needed, wrong)
    if problems:
        raise PressError(problems)
    tests = _outcome(data["tests"]) if "tests" in data else None
    return Drift(_tried(data["last"]), _green(data), tests, tuple(map(_outcome, data.get("posts", ()))))


def _tables(data: Mapping[str, Any], key: str) -> list[Any]:
    found = data.get(key)
    return found if isinstance(found, list) else []


def _checked(
    table: dict[str, Any], types: dict[str, str], at: tuple[str, ...], needed: Iterable[str], wrong: Callable
) -> None:
    """Check a table, and the days and versions in it."""
    check_table(table, types, at, needed, wrong)
    for key in ("last", "green"):
        if key in types and isinstance(table.get(key), dict):
            _check_tried(table[key], (*at, key), wrong)


def _check_tried(table: dict[str, Any], at: tuple[str, ...], wrong: Callable) -> None:
    check_table(table, RUN, at, RUN, wrong)
    if isinstance(table.get("day"), str) and not DAY.fullmatch(table["day"]):
        wrong(f"day {table['day']!r} must look like 2026-11-28", *at, "day")
    versions = table.get("versions")
    for name, version in versions.items() if isinstance(versions, dict) else ():
        if not isinstance(version, str):
            wrong(f"versions: {name!r} must be a string, not {version!r}", *at, "versions", name)


def _tried(table: Mapping[str, Any]) -> Tried:
    return Tried(table["day"], dict(table["versions"]))


def _green(table: Mapping[str, Any]) -> Tried | None:
    return _tried(table["green"]) if "green" in table else None


def _outcome(table: Mapping[str, Any]) -> Outcome:
    return Outcome(table.get("error", ""), _green(table), table.get("slug", ""), table.get("source", ""))


def as_text(drift: Drift) -> str:
    """The file's text: the same results give the same bytes."""
    parts = [HEAD, f"last = {_written(drift.last)}\n"]
    parts += [f"green = {_written(drift.green)}\n"] if drift.green else []
    for head, one in (("[tests]", drift.tests), *(("[[posts]]", post) for post in drift.posts)):
        if one is None:
            continue
        rows = {"slug": one.slug, "source": one.source, "error": one.error}
        parts += [f"\n{head}\n", *(f"{key} = {written(value)}\n" for key, value in rows.items() if value)]
        parts += [f"green = {_written(one.green)}\n"] if one.green else []
    return "".join(parts)


def _written(tried: Tried) -> str:
    return written({"day": tried.day, "versions": tried.versions})
