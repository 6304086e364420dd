"""`press init`: a first blog, in a folder that has no `_quarto.yml` yet.

Each file is created whole or not at all, and none is ever written over. `_quarto.yml` comes last: a folder is a project
only when all of it is there, and an init that was killed is completed by the next.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from press.core.config import FILE, Config
from press.core.disk import move_new, write_atomic
from press.core.errors import PressError, Problem, fail
from press.core.manifest import no_folder
from press.core.selection import SUFFIXES, site_inputs
from press.core.workfolder import check_work
from press.core.yamlfile import Map

POST = "posts/normal-numbers/index.qmd"
# Where each file goes, in the order in which they are written -> its template.
NEEDED = {
    "references.bib": "references.bib",
    "papers/box1958normal/paper.toml": "paper.toml",
    POST: "post.qmd",
    "index.qmd": "index.qmd",
}
OPTIONAL = {  # an author's own will do
    "about.qmd": "about.qmd",
    "requirements.txt": "requirements.txt",
    ".gitignore": "gitignore.txt",
    ".github/workflows/publish.yml": "publish.yml",
}
LAST = {FILE: "quarto.yml"}
DATE = re.compile(r"^date: \d{4}-\d\d-\d\d$", re.MULTILINE)


@dataclass(frozen=True)
class Begun:
    """What an init did: the files written; those kept, which it would have written; other pages that were there."""

    written: list[str]
    kept: list[str]
    pages: list[str]


def begin(root: Path) -> Begun:
    """Write the files of a first blog.

    What lies in the folder already stays as it is, and is no hindrance unless it has the place of a file that the
    blog needs; then nothing is written.

    Raises:
        PressError: every such file; a link or a file in the place of a folder; the folder lies in another project.
    """
    _check_place(root)
    texts = {name: _text(template, root) for name, template in {**NEEDED, **OPTIONAL, **LAST}.items()}
    kept = [name for name in texts if os.path.lexists(root / name)]
    problems = [blocked for name in texts if (blocked := no_folder(root, name))]
    problems += [problem for name in NEEDED if (problem := _in_the_way(root, name, texts[name]))]
    if problems:
        raise PressError(problems)
    pages = _pages(root, set(texts))
    root.mkdir(parents=True, exist_ok=True)
    written = [name for name in texts if name not in kept and _write(root, name, texts[name])]
    return Begun(written, [name for name in kept if not _is_same(root / name, texts[name])], pages)


def _check_place(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise fail(str(root), 0, "is a file. Name a folder, there already or not")
    above = next((folder for folder in root.resolve().parents if (folder / FILE).is_file()), None)
    if above:
        raise fail(str(root), 0, f"lies within the project {above}. For a post of it: press new post SLUG")
    check_work(root / ".press")


def _text(template: str, root: Path) -> str:
    text = files("press.start").joinpath("blog", template).read_text(encoding="utf-8")
    name = re.sub(r"[\W_]+", " ", root.resolve().name).strip()
    title = name[:1].upper() + name[1:] or "Blog"
    text = text.replace("@TITLE@", json.dumps(title, ensure_ascii=False))
    return text.replace("@DATE@", datetime.date.today().isoformat())


def _in_the_way(root: Path, name: str, text: str) -> Problem | None:
    """Why this file cannot be written: another is there, or a page with the same address."""
    if os.path.lexists(root / name):
        if _is_same(root / name, text):
            return None
        return Problem(name, 0, "is there, and the first blog needs a file of its own here. Move it away for now")
    stem, suffix = os.path.splitext(name)
    others = [stem + other for other in SUFFIXES if suffix in SUFFIXES and os.path.lexists(root / (stem + other))]
    if others:
        return Problem(others[0], 0, f"would be published at the address of {name}. Move it away for now")
    return None


def _is_same(path: Path, text: str) -> bool:
    """Whether a file is what an init writes, be it on another day."""
    try:
        return path.is_file() and DATE.sub("", path.read_text(encoding="utf-8")) == DATE.sub("", text)
    except (OSError, UnicodeDecodeError):
        return False


def _pages(root: Path, ours: set[str]) -> list[str]:
    """What lies in the folder already and becomes a page with `_quarto.yml`."""
    names = (path.relative_to(root).as_posix() for path in site_inputs(Config(root, Map())))
    return [name for name in names if name not in ours]


def _write(root: Path, name: str, text: str) -> bool:
    """Create one file; False where another appeared at this very moment."""
    temporary = root / ".press" / f".init.{os.getpid()}.tmp"  # a name that `press clean` removes
    write_atomic(temporary, text.encode())
    try:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        move_new(temporary, root / name)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True
