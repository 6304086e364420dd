"""`press init`: a first blog, in a folder that has no `_quarto.yml` yet.

Each file is created whole or not at all, and none is ever written over. `_quarto.yml` comes last: a folder is a project
only when all of it is there, and an init that was killed is completed by the next.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import shlex
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
LISTS = (".gitignore", "requirements.txt")
IN_THE_WAY = "is where the first blog needs {}. Move it out of the folder, run press init again, then merge the two"
SHOWN = 10
DATE = re.compile(r"^date: \d{4}-\d\d-\d\d$", re.MULTILINE)


@dataclass(frozen=True)
class Begun:
    """What an init did.

    Args:
        written: the files that it created.
        kept: the author's own in the places of files that it would have created -> lines that they lack.
        pages: other files that were there and are pages of the site now.
    """

    written: list[str]
    kept: dict[str, list[str]]
    pages: list[str]


def begin(root: Path) -> Begun:
    """Write the files of a first blog.

    What lies in the folder already stays as it is, and is no hindrance unless it has the place of a file that the
    blog needs; then nothing is written.

    Raises:
        PressError: every such file; a link or a file in place of a folder; the folder lies in another project.
    """
    _check_place(root)
    texts = {name: _text(template, root) for name, template in {**NEEDED, **OPTIONAL, **LAST}.items()}
    there = {name: found for name in texts if (found := _taken(root, name))}
    kept = {name: found for name, found in there.items() if found != name or not _is_same(root / name, texts[name])}
    problems = [blocked for name in texts if (blocked := no_folder(root, name))]
    problems += [Problem(found, 0, IN_THE_WAY.format(name)) for name, found in kept.items() if name not in OPTIONAL]
    if problems:
        raise PressError(problems)
    pages = [page for page in _pages(root) if page not in texts]
    root.mkdir(parents=True, exist_ok=True)
    written = [name for name in texts if name not in there]
    for name in written:
        _write(root, name, texts[name])
    return Begun(written, {found: _lacks(root / found, texts[name]) for name, found in kept.items()}, pages)


def _check_place(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise fail(str(root), 0, "is a file. Name a folder, existing or new")
    above = next((folder for folder in root.resolve().parents if (folder / FILE).is_file()), None)
    if above:
        raise fail(str(root), 0, f"lies within the project {above}. For a post in that project: press new post SLUG")
    check_work(root / ".press")


def _text(template: str, root: Path) -> str:
    text = files("press.start").joinpath("blog", template).read_text(encoding="utf-8")
    name = re.sub(r"[\W_]+", " ", root.resolve().name).strip()
    title = name[:1].upper() + name[1:] or "Blog"
    text = text.replace("@TITLE@", json.dumps(title, ensure_ascii=False))
    return text.replace("@DATE@", datetime.date.today().isoformat())


def _taken(root: Path, name: str) -> str:
    """What lies in a file's place: itself, or a page that would be published at its address; "" for nothing."""
    stem, suffix = os.path.splitext(name)
    others = SUFFIXES if suffix in SUFFIXES else (".yaml",) if name == FILE else ()
    names = [name, *(stem + other for other in others)]
    return next((each for each in names if os.path.lexists(root / each)), "")


def _is_same(path: Path, text: str) -> bool:
    """Whether a file is what an init writes, be it on another day."""
    try:
        return path.is_file() and DATE.sub("", path.read_text(encoding="utf-8")) == DATE.sub("", text)
    except (OSError, UnicodeDecodeError):
        return False


def _lacks(path: Path, text: str) -> list[str]:
    """Lines of a list such as .gitignore, comments left out, that the author's own file does not have."""
    if path.name not in LISTS or not path.is_file():
        return []
    having = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return [line for line in text.split("\n") if line and line[0] != "#" and line not in having]


def _pages(root: Path) -> list[str]:
    """What lies in the folder and is a page with `_quarto.yml`."""
    return [path.relative_to(root).as_posix() for path in site_inputs(Config(root, Map()))]


def _write(root: Path, name: str, text: str) -> None:
    temporary = root / ".press" / f".init.{os.getpid()}.tmp"  # a name that `press clean` removes
    write_atomic(temporary, text.encode())
    try:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        move_new(temporary, root / name)
    except FileExistsError:
        raise fail(name, 0, "appeared while the blog was written. Run press init again") from None
    finally:
        temporary.unlink(missing_ok=True)


def tell_begun(root: Path, begun: Begun) -> list[str]:
    """What `press init` prints."""
    lines = [f"wrote {(root / name).as_posix()}" for name in begun.written]
    for name, lacking in begun.kept.items():
        lines.append(f"kept {(root / name).as_posix()}" + (f"; it lacks {', '.join(lacking)}" if lacking else ""))
    if begun.pages:
        more = f" and {len(begun.pages) - SHOWN} more" if len(begun.pages) > SHOWN else ""
        lines.append(f"existing files that are now pages of the site: {', '.join(begun.pages[:SHOWN])}{more}")
    go = "" if root == Path() else f"cd {shlex.quote(root.as_posix())} && "
    return [*lines, f"next: {go}press build, or press preview"]
