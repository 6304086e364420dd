"""What an author adds to pages: pieces of HTML in the head and around the text, and styles."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from press.core.errors import Problem
from press.core.merging import INCLUDES, as_list
from press.core.yamlfile import place_of
from press.renderer.traced import Document

if TYPE_CHECKING:
    from press.core.config import Config


def path_of(config: Config, document: Document, name: str) -> Path:
    """A file that a page's metadata name: with a leading slash from the root, else from the page's folder."""
    return config.root / name.lstrip("/") if name.startswith("/") else (config.root / document.input).parent / name


def pieces(config: Config, document: Document) -> tuple[dict[str, Any], list[Path]]:
    """The pieces as variables of our template, and the files that they came from; what is missing is reported."""
    found: dict[str, Any] = {}
    files: list[Path] = []
    for key in INCLUDES:
        parts = []
        for item in as_list(document.meta.get(key)):
            said = item if isinstance(item, dict) else {"file": item}
            if said.get("text") is not None:
                parts.append(str(said["text"]))
            elif isinstance(said.get("file"), str):
                path = path_of(config, document, said["file"])
                if text := _text(path, key, said["file"], document):
                    files.append(path)
                    parts.append(text)
        found[key] = Markup("\n".join(part.strip("\n") for part in parts))
    return found, files


def _text(path: Path, key: str, name: str, document: Document) -> str:
    place = place_of(document.meta, key) or (document.input, 0)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = "not UTF-8" if isinstance(error, ValueError) else "file not found"
        document.lost.append(path)
        document.problems.append(Problem(*place, f"{key} {name.lstrip('/')!r}: {why}", check="links"))
        return ""


def own_styles(config: Config, document: Document) -> list[str]:
    """Style sheets that pages of this folder have beside the project's, relative to the root or addresses."""
    shared = {str(name).lstrip("/") for name in as_list(config.get("format.html.css"))}
    folder = posixpath.dirname(document.input)
    names = [str(name) for name in as_list(document.meta.get("css"))]
    rooted = [name if name.startswith("/") or "://" in name else f"{folder}/{name}" for name in names]
    found = [name if "://" in name else posixpath.normpath(name.lstrip("/")) for name in rooted]
    return [name for name in dict.fromkeys(found) if name not in shared and not name.startswith("..")]


def check_styles(config: Config, document: Document) -> list[Problem]:
    """Style sheets that are not there."""
    place = place_of(document.meta, "css") or (document.input, 0)
    lost = [n for n in own_styles(config, document) if "://" not in n and not os.path.isfile(config.root / n)]
    document.lost += [config.root / name for name in lost]
    return [Problem(*place, f"css {name!r}: file not found", check="links") for name in lost]
