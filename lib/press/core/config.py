"""Read `_quarto.yml` and a profile's overlay: which pages there are and how the site looks."""

from __future__ import annotations

import fnmatch
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from press.core import supported, yamlfile
from press.core.errors import PressError, Problem, fail
from press.core.project import Project, merge

HOST_FILES = ("CNAME", ".nojekyll", "robots.txt", "_redirects", "_headers")  # published from the root, as Quarto does
DEFAULT_RENDER = ("**/*.qmd", "**/*.ipynb", "**/*.md")


@dataclass(frozen=True)
class Config:
    """The merged configuration.

    Args:
        data: `_quarto.yml`, overlaid by the profiles' files.
        lines: dotted key -> (file, line) of its last definition.
    """

    root: Path
    data: dict[str, Any]
    lines: dict[str, tuple[str, int]]

    def get(self, dotted: str, default: Any = None) -> Any:
        """The value at a dotted key, or the default."""
        value: Any = self.data
        for key in dotted.split("."):
            if not isinstance(value, dict) or key not in value:
                return default
            value = value[key]
        return value

    def where(self, dotted: str) -> tuple[str, int]:
        """File and line of a key, or of the nearest one above it that is known."""
        while dotted:
            if dotted in self.lines:
                return self.lines[dotted]
            dotted = dotted.rpartition(".")[0]
        return ("_quarto.yml", 0)


def load(root: Path, profile: str = "") -> Config:
    """Read and check the configuration.

    Raises:
        PressError: a file is missing or broken, or holds keys that this renderer does not know (all of them at once).
    """
    names = ["_quarto.yml"]
    # Quarto gives the first of several profiles the last word.
    names += [f"_quarto-{name}.yml" for name in reversed(re.split(r"[,\s]+", profile.strip())) if name]
    data: dict[str, Any] = {}
    lines: dict[str, tuple[str, int]] = {}
    problems: list[Problem] = []
    for name in names:
        try:
            text = (root / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            hint = "no such profile" if name != "_quarto.yml" else "not the root of a Quarto project"
            raise fail(name, 0, f"file not found: {hint}") from None
        parsed = yamlfile.parse(text, file=name, first_line=1, schema=supported.QUARTO_YML, what="project key")
        data = merge(data, parsed.data)
        lines.update({key: (name, line) for key, line in parsed.lines.items()})
        problems += parsed.problems
    config = Config(root, data, lines)
    problems += _check(config)
    if problems:
        raise PressError(problems)
    return config


def _check(config: Config) -> list[Problem]:
    problems = []

    def refuse(key: str, message: str) -> None:
        problems.append(Problem(*config.where(key), message))

    if config.get("project.type", "website") != "website":
        refuse(
            "project.type", f"project type {config.get('project.type')!r}: the embedded renderer makes `website` only"
        )
    for key in config.get("format", {}) or {}:
        if key != "html":
            refuse("format", f"format {key!r}: the embedded renderer writes html only")
    if not str(config.get("lang", "en")).startswith("en"):
        refuse("lang", "the embedded renderer speaks English only: lang: en")
    method = config.get("format.html.html-math-method", "mathml")
    if method != "mathml":
        refuse(
            "format.html.html-math-method", f"html-math-method {method!r}: the embedded renderer writes `mathml` only"
        )
    for side in ("left", "right"):
        for item in config.get(f"website.navbar.{side}", []) or []:
            icon = item.get("icon") if isinstance(item, dict) else None
            if not isinstance(item, dict) or not (item.get("text") or icon) or not item.get("href"):
                refuse(f"website.navbar.{side}", f"navbar item {item!r}: give it an href, and a text or an icon")
            if icon and icon not in supported.ICONS:
                refuse(
                    f"website.navbar.{side}",
                    f"icon {icon!r} is not embedded. Choose from: {', '.join(supported.ICONS)}",
                )
    return problems


def site_inputs(root: Path, config: Config) -> list[Path]:
    """Files that `project.render` selects, sorted; Quarto's default patterns where it is absent."""
    patterns = config.get("project.render") or list(DEFAULT_RENDER)
    chosen: set[Path] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if pattern.startswith("!"):
            chosen = {path for path in chosen if not _matches(path.relative_to(root).as_posix(), pattern[1:])}
        else:
            found = root.glob(pattern.lstrip("/")) if "*" in pattern or "?" in pattern else [root / pattern]
            chosen |= {path for path in found if os.path.isfile(path) and not _hidden(path.relative_to(root))}
    chosen = {path for path in chosen if not path.is_relative_to(_output(root, config))}
    unknown = [path for path in chosen if path.suffix not in (".qmd", ".md", ".ipynb")]
    if unknown:
        name = sorted(unknown)[0].relative_to(root).as_posix()
        raise fail(*config.where("project.render"), f"cannot render {name}: only .qmd, .md and .ipynb are pages")
    return sorted(chosen)


def _output(root: Path, config: Config) -> Path:
    """The published folder: what lies in it is no source."""
    return Path(os.path.normpath(root / str(config.get("project.output-dir") or "_site")))


def is_rendered(project: Project, name: str) -> bool:
    """Whether `render:` of the configuration selects this input, be it there yet or not."""
    patterns = (project.config.get("project") or {}).get("render")
    if not patterns:
        return True
    chosen = False
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if pattern.startswith("!"):
            chosen = chosen and not _matches(name, pattern[1:].lstrip("/"))
        else:
            chosen = chosen or _selected(name, pattern.lstrip("/"))
    return chosen


def _selected(name: str, pattern: str) -> bool:
    if "**" in pattern:
        return fnmatch.fnmatch(name, pattern.replace("**/", "*"))
    return name.count("/") == pattern.count("/") and fnmatch.fnmatch(name, pattern)


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatch(name, pattern) or name.startswith(pattern.rstrip("/") + "/")


def _hidden(path: Path) -> bool:
    # Quarto never renders what begins with _ or . , nor a README.
    return any(part[0] in "_." for part in path.parts) or path.name in ("README.md", "README.qmd")


def resources(root: Path, config: Config) -> list[Path]:
    """Files that `project.resources` asks to be copied as they are."""
    patterns = config.get("project.resources") or []
    files: set[Path] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        for path in root.glob(pattern.lstrip("/")):
            files |= {path} if path.is_file() else {below for below in path.rglob("*") if below.is_file()}
    files = {path for path in files if not path.is_relative_to(_output(root, config))}
    files |= {root / name for name in HOST_FILES if (root / name).is_file()}
    for key in ("website.favicon", "website.image", "format.html.css"):
        value = config.get(key)
        for name in value if isinstance(value, list) else [value] if value else []:
            if "://" in name:
                raise fail(*config.where(key), f"{key.rpartition('.')[2]} {name!r}: a file of the project is needed")
            if not os.path.isfile(root / name.lstrip("/")):
                raise fail(*config.where(key), f"{key.rpartition('.')[2]} {name!r}: file not found")
            files.add(root / name.lstrip("/"))
    return sorted(files)
