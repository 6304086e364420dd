"""The one configuration: `_quarto.yml`, profiles, `_metadata.yml` of folders; read once, with each value's place."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from press.core import supported
from press.core.errors import PressError, Problem, fail
from press.core.given import check_given
from press.core.limits import MEANINGS, check_limits
from press.core.merging import NOT_OF_PAGES, as_list, level, merge
from press.core.profiles import LOCAL, active_profiles
from press.core.source import read_text, relative
from press.core.strictness import check_levels, check_policy
from press.core.yamlfile import Kind, Map, Parsed, Place, parse, place_of

FILE = "_quarto.yml"
OURS = ("checks", "idle-timeout", "notebook-branch", "offline", "parameters", "shell", "timeout")  # below `press:`
OF_PROJECT = (*OURS, "path", "posts")  # there in _quarto.yml and in profiles
FILES = ("metadata-files", "metadata-file")
HOST_FILES = ("CNAME", ".nojekyll", "robots.txt", "_redirects", "_headers")  # published from the root, as Quarto does


@dataclass(frozen=True)
class Config:
    """The project's configuration, and what the pages of a folder share.

    Args:
        data: `_quarto.yml`, overlaid by the active profiles' files and by `_quarto.yml.local`.
        asked: the profiles that were asked for, as they were written.
        profiles: those that are active, the one with the last word first.
        problems: what is wrong with these files for everybody.
        unknown: the keys in them that the embedded renderer does not know.
    """

    root: Path
    data: Map
    asked: str = ""
    profiles: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    unknown: tuple[Problem, ...] = ()
    folders: dict[str, Parsed] = field(default_factory=dict, repr=False, compare=False)

    def get(self, dotted: str, default: Any = None) -> Any:
        """The value at a dotted key, or the default where there is none, or null."""
        value: Any = self.data
        for key in dotted.split("."):
            value = value.get(key) if isinstance(value, dict) else None
            if value is None:
                return default
        return value

    def where(self, dotted: str) -> Place:
        """File and line of a key, or of the nearest one above it that is known; numbers count the items of lists."""
        return place_of(self.data, dotted) or (FILE, 0)

    def folder(self, name: str) -> Parsed:
        """What `_metadata.yml` of a folder and of those above it say, the root's left out; each is read once.

        As in Quarto, the one in the root applies to pages in the root itself, and to no others.

        Args:
            name: relative to the root; "" or "." for the root itself.
        """
        name = "" if name == "." else name.strip("/")
        if name not in self.folders:
            parent = name.rpartition("/")[0]
            above = self.folder(parent) if parent else Parsed(Map())
            own = _folder_metadata(self.root, name)
            problems, unknown = above.problems + own.problems, above.unknown + own.unknown
            self.folders[name] = Parsed(merge(above.data, own.data), problems, unknown)
        return self.folders[name]

    def meta(self, own: Map, folder: str) -> Map:
        """A page's metadata: the project's, then each folder's from the root down, then the page's own.

        Paths of the project and of folders begin with a slash; those of the page itself count from its folder. A key
        that is null is not there.
        """
        own = merge(own, self.own_files(own, folder).data)
        shared = Map({k: v for k, v in self.data.items() if k not in NOT_OF_PAGES}, self.data.places)
        done = merge(merge(level(shared, ""), self.folder(folder).data), level(own))
        return Map({key: value for key, value in done.items() if value is not None}, done.places)

    def own_files(self, own: Map, folder: str) -> Parsed:
        """What the files say that a page names under `metadata-files:`, the last of them over the others.

        Args:
            own: the page's front matter.
            folder: in which the page lies, relative to the root.
        """
        done = Parsed(Map())
        for path in named_files(self.root, own, folder):
            try:
                if not path.resolve().is_relative_to(self.root) or not path.is_file():
                    place = place_of(own, FILES[0]) or place_of(own, FILES[1]) or (folder, 0)
                    message = f"{FILES[0]}: {relative(path, self.root)} is not a file of the project. It is ignored"
                    raise PressError(Problem(*place, message, check="links"))
                read = read_yaml_file(path, self.root, supported.FOLDER)
            except PressError as error:
                done.problems += error.problems
                continue
            done.problems += read.problems + check_shapes(read.data, ("press",))
            done.unknown += read.unknown
            done.data = merge(done.data, read.data)
        return done

    def settings(self, meta: Map | None = None) -> dict[str, Any]:
        """The `press:` part of the configuration, with what a page's metadata says over it."""
        own = (meta or {}).get("press")
        return merge(self.data.get("press") or Map(), own if isinstance(own, dict) else Map())


def named_files(root: Path, own: Map, folder: str) -> list[Path]:
    """The files that a page names under `metadata-files:`, as seen from its folder, or with "/" from the root."""
    names = [name for key in FILES for name in as_list(own.get(key)) if isinstance(name, str) and name]
    return [root / name.lstrip("/") if name.startswith("/") else root / folder / name for name in names]


def _folder_metadata(root: Path, name: str) -> Parsed:
    for suffix in ("yml", "yaml"):
        path = root / name / f"_metadata.{suffix}"
        if path.is_file():
            try:
                parsed = read_yaml_file(path, root, supported.FOLDER)
            except PressError as error:
                return Parsed(Map(), list(error.problems))
            parsed.problems += check_shapes(parsed.data, ("press",))
            parsed.data = level(parsed.data, name)
            return parsed
    return Parsed(Map())


def read_yaml_file(path: Path, root: Path, kind: Kind) -> Parsed:
    """A YAML file that holds a mapping.

    Raises:
        PressError: missing, not UTF-8, broken YAML (with the line), or not a mapping.
    """
    name = relative(path, root)
    return parse(read_text(path, root), kind, lambda line: (name, line))


def read_config(root: Path, asked: str = "") -> Config:
    """Read `_quarto.yml`, the active profiles' files and `_quarto.yml.local`.

    Args:
        asked: names of profiles, separated by commas or spaces; "" for what the files say.

    Raises:
        PressError: there is no `_quarto.yml`, one of the files is not valid YAML, or a profile is unknown.
    """
    root = root.resolve()
    if not (root / FILE).is_file():
        raise fail(FILE, 0, f"not found in {root}. Run press in the project's folder, or name it with --root")
    broken: list[Problem] = []
    files: dict[str, Parsed] = {}

    def read(name: str) -> Map:
        if not (root / name).is_file():
            return Map()
        try:
            files[name] = read_yaml_file(root / name, root, supported.PROJECT)
        except PressError as error:
            broken.extend(error.problems)
            return Map()
        files[name].problems += check_shapes(files[name].data, NOT_OF_PAGES)
        return files[name].data

    base, local = read(FILE), read(LOCAL)
    profiles = [] if broken else active_profiles(root, asked, base, local)
    data = base
    for name in reversed(profiles):  # the one named first has the last word
        data = merge(data, read(f"_quarto-{name}.yml"))
    data, lost = _with_files(root, merge(data, local), read)
    if broken:
        raise PressError(broken)
    problems = tuple(problem for parsed in files.values() for problem in parsed.problems)
    unknown = tuple(problem for parsed in files.values() for problem in parsed.unknown)
    return Config(root, data, asked, tuple(profiles), (*problems, *lost), unknown)


def _with_files(root: Path, data: Map, read: Callable[[str], Map]) -> tuple[Map, list[Problem]]:
    """The configuration with the files of its `metadata-files:` laid over it, and those that are not there."""
    place = place_of(data, "metadata-files") or (FILE, 0)
    lost = []
    for name in map(str, as_list(data.get("metadata-files"))):
        path = root / name
        if path.is_file() and path.resolve().is_relative_to(root):
            data = merge(data, read(name))
        else:
            lost.append(Problem(*place, f"metadata-files: {name!r} is not a file of the project", check="links"))
    return data, lost


def check_shapes(data: Map, mappings: tuple[str, ...]) -> list[Problem]:
    """Keys that hold something else than what everything below relies on; they are taken out.

    Args:
        mappings: the keys of which each must be a mapping.
    """
    problems = []
    if isinstance(data.get("format"), str):
        data["format"] = Map({data["format"]: Map()}, {data["format"]: data.places["format"]})
    for key in (*mappings, "execute", "format"):
        value = data.get(key)
        if value is None or isinstance(value, dict) or (key == "execute" and isinstance(value, bool)):
            continue
        message = (
            f"{key}: {json.dumps(value)} must be a mapping. Write the keys that belong to it below {key}:, indented"
        )
        problems.append(Problem(*data.places[key], message, check="metadata"))
        del data[key]
    press, legal = data.get("press") or {}, OF_PROJECT if mappings == NOT_OF_PAGES else OURS
    for key in press if isinstance(press, Map) else ():
        if key not in legal:
            close = difflib.get_close_matches(key, legal, n=1)
            meant = f"did you mean {close[0]}?" if close else f"legal: {', '.join(legal)}"
            message = f"press: {key} is unknown and has no effect; {meant}"
            problems.append(Problem(*(place_of(press, key) or ("", 0)), message, check="unknown-keys"))
    if isinstance(press, Map):
        problems += check_given(press) + check_policy(press) + check_levels(press)
    for key in MEANINGS:
        if wrong := check_limits({key: press.get(key)}, lambda key: place_of(data, f"press.{key}"), "press: "):
            problems += wrong
            del press[key]
    return problems
