"""Who cites what, and how to make them cite it under another key."""

from __future__ import annotations

import re
from pathlib import Path

from press.core.disk import write_if_changed
from press.core.errors import Problem
from press.core.source import is_generated

AFTER = r"(?![A-Za-z0-9_]|[:.#$%&+?<>~/-][A-Za-z0-9_])"
CITED = re.compile(r"(?<![\w@.])@\{?([A-Za-z0-9_](?:[A-Za-z0-9_]|[:.#$%&+?<>~/-](?=[A-Za-z0-9_]))*)")
SOURCE = re.compile(r"\bSource:(.*)")
WORD = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_]|[:.+/-](?=[A-Za-z0-9_]))*")
QUOTED = re.compile(r"([\"'])([^\"'\n]+)\1")


def citing_files(root: Path) -> list[Path]:
    """Posts, papers and pages, and the modules of `lib`, whose docstrings name their sources."""
    found = [
        path
        for folder in ("posts", "papers")
        for path in (root / folder).rglob("*")
        if path.suffix in (".qmd", ".md", ".toml")
    ]
    found += [*root.glob("*.qmd"), *(root / "lib").rglob("*.py")]
    return sorted(
        path for path in found if path.is_file() and not {".ipynb_checkpoints", "index_files"} & set(path.parts)
    )


def citations(root: Path) -> dict[str, tuple[str, int]]:
    """Every key that may be cited -> the first place (file, line) that does. A superset: `@dataclass` is in it too."""
    places: dict[str, tuple[str, int]] = {}
    for path in citing_files(root):
        name = path.relative_to(root).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            for key in _keys(line, path.suffix):
                places.setdefault(key, (name, number))
    for folder in sorted((root / "papers").glob("*")):
        if folder.is_dir() and any(folder.iterdir()):
            places.setdefault(folder.name, (f"papers/{folder.name}", 0))
    return places


def _keys(line: str, suffix: str) -> list[str]:
    if suffix == ".py":
        return [key for match in SOURCE.finditer(line) for key in WORD.findall(match[1])]
    quoted = [match[2] for match in QUOTED.finditer(line)] if suffix == ".toml" else []
    return [*CITED.findall(line), *quoted, *["*"] * ("@*" in line)]


def rewrite(root: Path, renamed: dict[str, str]) -> list[str]:
    """Cite the new keys instead of the old ones; a paper's folder is renamed too.

    Doing it twice does no more than doing it once, so a killed sync is finished by the next.

    Returns:
        Files that changed, relative to the root.
    """
    changed = []
    for path in citing_files(root):
        if path.is_symlink() or is_generated(path):  # not ours to replace; made again by the next build
            continue
        text = path.read_bytes().decode("utf-8", errors="surrogateescape")
        new = _rewritten(text, path.suffix, renamed)
        if new != text and write_if_changed(path, new.encode("utf-8", errors="surrogateescape")):
            changed.append(path.relative_to(root).as_posix())
    for old, new in renamed.items():
        folder = root / "papers" / old
        if folder.is_dir() and not (root / "papers" / new).exists():
            folder.rename(root / "papers" / new)
            changed.append(f"papers/{new}")
    return changed


def _rewritten(text: str, suffix: str, renamed: dict[str, str]) -> str:
    names = "|".join(re.escape(key) for key in sorted(renamed, key=len, reverse=True))

    def swap(match: re.Match) -> str:
        return match[1] + renamed[match[2]]

    if suffix == ".py":
        inner = re.compile(rf"((?<![\w@./:-]))({names}){AFTER}")
        return SOURCE.sub(lambda line: inner.sub(swap, line[0]), text)
    text = re.sub(rf"((?<![\w@.])@\{{?)({names}){AFTER}", swap, text)
    text = re.sub(rf"(\bpapers/)({names})(?![\w:.+-])", swap, text)
    return re.sub(rf"([\"'])({names})(?=[\"'])", swap, text) if suffix == ".toml" else text


def unsafe_renames(renamed: dict[str, str]) -> list[Problem]:
    """Renames that cannot be done in one go: a key that one item gives up and another takes."""
    message = "citation key {!r} moves from one item to another. "
    message += "Remove it from the first item in Zotero, sync, then give it to the second"
    return [Problem("", 0, message.format(new)) for new in sorted(set(renamed) & set(renamed.values()))]
