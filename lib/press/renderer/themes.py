"""`theme:` files of a project, compiled: its rules over this site's design, its variables as this site's tokens."""

from __future__ import annotations

import functools
import json
import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from press.core.errors import Problem
from press.core.memory import remembered
from press.core.merging import as_list
from press.renderer import onepage, sass
from press.renderer.sass import Piece

if TYPE_CHECKING:
    from press.core.config import Config

SHIPPED = Path(__file__).parent / "bootstrap"
LAYER = re.compile(r"^\s*/\*-- *scss:(uses|functions|defaults|mixins|rules) *--\*/[^\n]*$", re.MULTILINE)
SET = re.compile(r"\$([\w-]+)\s*:")
# A theme's variable -> this site's token.
TOKENS = {
    "body-bg": "bg", "body-color": "text", "link-color": "accent", "primary": "accent", "border-color": "border",
    "link-hover-color": "accent-strong", "text-muted": "muted", "code-bg": "surface", "font-family-base": "text-font",
    "font-family-sans-serif": "text-font", "headings-font-family": "ui-font", "font-family-monospace": "code-font",
}  # fmt: skip
FILE = re.compile(r"""url\(\s*["']?(?![a-z]+:|/|#)([^"')?#]+)["']?(?=[)?#])""")
APART = re.compile(r"\s*(?://[^\n]*\n\s*|/\*.*?\*/\s*)*(?:@(?!media|include|supports)|\$)", re.DOTALL)


def files_of(config: Config) -> dict[str, list[str]]:
    """The files that `theme:` names, relative to the root: for both themes, or for the light and the dark one."""
    said = config.get("format.html.theme", config.get("theme"))
    if not isinstance(said, dict):
        return {"both": _named(said)}
    light, dark = _named(said.get("light")), _named(said.get("dark"))
    return {"both": light} if light == dark or "dark" not in said else {"light": light, "dark": dark}


def stamp(config: Config) -> str:
    """What the site depends on beside the theme's files: whether there is a compiler, where one is needed."""
    return str(bool(sass.command())) if any(files_of(config).values()) else ""


def _named(said: Any) -> list[str]:
    return [name.lstrip("/") for name in as_list(said) if isinstance(name, str) and name.endswith((".scss", ".css"))]


def theme(config: Config, cache: Path) -> tuple[str, list[str], list[str], list[Problem]]:
    """The CSS of the project's theme, the files that it came from, those that it shows, and what has no effect."""
    place = config.where("format.html.theme") if config.get("format.html.theme") is not None else config.where("theme")
    problems, parts, used = [], [], []
    assets: list[str] = []
    for scope, names in files_of(config).items():
        there = [name for name in names if os.path.isfile(config.root / name)]
        for name in names:
            if name not in there:
                problems.append(Problem(*place, f"theme {name!r}: file not found", check="links"))
        if not there:
            continue
        call = sass.command()
        if not call:
            message = f"theme {there[0]!r} has no effect: there is no Sass compiler. Install it with: {sass.NEEDED}"
            problems.append(Problem(*place, message, check="unsupported"))
            continue
        texts = {name: (config.root / name).read_text(encoding="utf-8", errors="replace") for name in there}
        beside = sorted({path for name in there for path in (config.root / name).parent.glob("*.scss")})
        others = [path.read_text(encoding="utf-8", errors="replace") for path in (*beside, *_shipped())]
        key = json.dumps([onepage.own_source(), scope, texts, others])
        found = remembered(cache, key, functools.partial(_made, config, call, texts, scope))
        parts.append(_moved(config, found["css"], posixpath.dirname(there[0]), assets))
        used += [*there, *(path.relative_to(config.root).as_posix() for path in beside)]
        problems += [Problem(file, line, message, check="unsupported") for file, line, message in found["wrong"]]
    return "".join(parts), list(dict.fromkeys(used)), list(dict.fromkeys(assets)), problems


def _moved(config: Config, css: str, folder: str, assets: list[str]) -> str:
    """A style sheet that names the files beside its source from the place where the site has it."""

    def seen(match: re.Match[str]) -> str:
        name = posixpath.normpath(posixpath.join(folder, match[1]))
        if name.startswith("../") or not os.path.isfile(config.root / name):
            return match[0]
        assets.append(name)
        return f'url("../../{name}"'

    return FILE.sub(seen, css)


def _shipped() -> tuple[Path, Path]:
    return SHIPPED / "variables.scss", SHIPPED / "mixins.scss"


def _made(config: Config, call: list[str], texts: dict[str, str], scope: str) -> dict[str, Any]:
    layers: dict[str, list[Piece]] = {name: [] for name in ("uses", "functions", "defaults", "mixins", "rules")}
    for file, text in texts.items():
        for name, pieces in _layers(text, file).items():
            # Of several themes, the last has the first word in its defaults.
            layers[name] = [*pieces, *layers[name]] if name == "defaults" else [*layers[name], *pieces]
    shipped = {path.stem: sass.pieces_of(path.read_text(encoding="utf-8")) for path in _shipped()}
    uses = [piece for piece in shipped["mixins"] if "@use" in piece.text]
    mixins = [piece for piece in shipped["mixins"] if piece not in uses]
    own = {piece.text.rpartition("@use")[2].strip() for piece in uses}
    uses += [piece for piece in layers["uses"] if piece.text.rpartition("@use")[2].strip() not in own]
    given = {name for piece in layers["defaults"] for name in SET.findall(piece.text.split(":")[0] + ":")}
    pieces = [*uses, *layers["functions"], *layers["defaults"], *shipped["variables"], *mixins, *layers["mixins"]]
    pieces += _tokens(given, scope) + [_scoped(piece, scope) for piece in layers["rules"]]
    folders = list(dict.fromkeys((config.root / file).parent for file in texts))
    css, wrong = sass.compiled(call, pieces, folders)
    told = [(piece.file, piece.line, f"this part of the theme is left out: {reason}") for piece, reason in wrong]
    return {"css": css, "wrong": told}


def _layers(text: str, file: str) -> dict[str, list[Piece]]:
    """A theme's statements by layer; all are rules where it names no layer."""
    marks = list(LAYER.finditer(text))
    found: dict[str, list[Piece]] = {}
    edges = [("rules", 0, marks[0].start() if marks else len(text))]
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        edges.append((mark[1], mark.end(), after.start() if after else len(text)))
    for name, start, end in edges:
        pieces = sass.pieces_of(text[start:end], file, text[:start].count("\n") + 1)
        found[name] = [*found.get(name, []), *pieces]
    return found


def _tokens(given: set[str], scope: str) -> list[Piece]:
    """What a theme's variables change of the tokens that all of this site's styles are written in."""
    wanted = {token: name for name, token in reversed(TOKENS.items()) if name in given}
    rows = "\n".join(f"  --{token}: #{{${name}}};" for token, name in wanted.items())
    over = {"dark": ':root[data-theme="dark"]'}.get(scope, ':root, :root[data-theme="light"]')
    return [Piece(f"{over} {{\n{rows}\n}}")] if rows else []


def _scoped(piece: Piece, scope: str) -> Piece:
    """A rule for one of two themes only."""
    if scope == "both" or APART.match(piece.text):
        return piece
    root = ':root[data-theme="dark"]' if scope == "dark" else ':root:not([data-theme="dark"])'
    within = re.sub(r"^(\s*):root\b", r"\1&", piece.text)
    return Piece(f"{root} {{ {within}\n}}", piece.file, piece.line)
