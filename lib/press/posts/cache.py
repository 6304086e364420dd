"""Which posts are stale, and the results of those that are not.

A post's key is the SHA-256 over everything that its outputs depend on. Results lie in `.press/cache/<key>/`:
`notebook.ipynb`, and `record.json`, which is written last and holds the notebook's own hash. An entry without a valid
record does not exist; what fails is never entered.

What counts is the text of a module, comments included: a post may print a function's source, so hashing less could
leave it stale. What does not count is prose, captions and other cell options: they are joined with the stored outputs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from press.core.disk import write_atomic
from press.core.workfolder import HEX
from press.posts.beside import modules_beside
from press.posts.closure import Library, closure, file_hash
from press.posts.installed import code_hash, outside, versions
from press.posts.post import KERNEL, Post, to_bytes
from press.posts.printed_numbers import numbers_parts

MISSING = "missing"  # gone since the sources were read
FORMAT = 1  # raise it when execution itself changes in a way that alters outputs


@dataclass(frozen=True)
class Key:
    """A post's key and the parts it was made of: {"module diffloop.ddim": hash, "parameter seed": "0", ...}."""

    digest: str
    parts: dict[str, str]


def make_key(post: Post, parameters: dict[str, Any], library: Library, root: Path, hashes: dict[Path, str]) -> Key:
    """The key of running this post with these parameters, now, as far as its source tells what it depends on.

    Args:
        parameters: only what differs from the post's own defaults.
        hashes: memo of file hashes for this build, filled as it goes.
    """

    def hashed(path: Path, content: Callable[[Path], str] = file_hash) -> str:
        if path not in hashes:
            hashes[path] = content(path) if path.exists() else MISSING
        return hashes[path]

    modules, external = closure(post, library)
    near, imported = modules_beside(post, root / post.folder, root)
    more = {name.partition(".")[0] for name in imported} - set(library.packages) - set(sys.stdlib_module_names)
    external |= more - {name.removesuffix(".py").rpartition("/")[2] for name in near}
    python = f"{KERNEL} {sys.version_info.major}.{sys.version_info.minor}"
    parts = {"format": str(FORMAT), "kernel": python, "slug": post.slug}
    if post.folder != post.file.rpartition("/")[0]:
        parts["folder"] = post.folder
    exercises = post.exercises
    for cell in (cell for cell in post.cells if cell.evaluated):
        tagged = (" parameters" if "parameters" in cell.tags else "") + (" may fail" if cell.may_fail else "")
        kind = "exercise" if cell.name in exercises else "cell"
        parts[f"{kind} {cell.name}"] = hashlib.sha256((cell.code.strip() + tagged).encode()).hexdigest()
    parts |= {f"parameter {name}": json.dumps(value) for name, value in parameters.items()}
    parts |= {f"module {name}": hashed(path) for name, path in modules.items()}
    parts |= {f"module {name}": hashed(path) for name, path in near.items() if path not in modules.values()}
    for value in post.inline:
        kind = "exercise" if value.after in exercises else "value"
        parts[f"{kind} {value.name}"] = hashlib.sha256(f"{value.after} {value.expression}".encode()).hexdigest()
    parts |= {f"file {name}": hashed(root / name) for name in post.data}
    parts |= numbers_parts({*modules, *imported}, root)
    parts |= {f"package {name}": hashed(place, code_hash) for name, place in outside(external, root).items()}
    parts |= {f"version {name}": version for name, version in versions(external, library.memory).items()}
    return key_of(parts)


def with_reads(key: Key, names: list[str], root: Path, hashes: dict[Path, str]) -> Key:
    """The key with files that only a run shows it to depend on.

    Args:
        names: paths relative to the root.
    """
    if not names:
        return key
    for path in (root / name for name in names):
        if path not in hashes:
            hashes[path] = file_hash(path) if path.is_file() else MISSING
    return key_of(key.parts | {f"read {name}": hashes[root / name] for name in names})


def reads_of(parts: Iterable[str]) -> list[str]:
    """The files that only a run shows a post to depend on, of the parts of its key; relative to the root, sorted."""
    return sorted(name.removeprefix("read ") for name in parts if name.startswith("read "))


def key_of(parts: dict[str, str]) -> Key:
    """The key that these parts make."""
    return Key(hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest(), parts)


def differences(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """What `press why` says: one line per part that was changed, added or removed."""
    lines = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        kind = name.partition(" ")[0]
        readable = kind in ("parameter", "version", "kernel", "format")
        if before is None:
            lines.append(f"{name} added" + (f": {after}" if readable else ""))
        elif after is None:
            lines.append(f"{name} removed" + (f": was {before}" if readable else ""))
        else:
            lines.append(f"{name} changed" + (f": {before} -> {after}" if readable else ""))
    return lines


class Cache:
    """Executed notebooks by key, below one folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def get(self, digest: str) -> dict[str, Any] | None:
        """The executed notebook, or None when there is no complete and undamaged entry."""
        record = self.record(digest)
        if record is None:
            return None
        try:
            data = (self.folder / digest / "notebook.ipynb").read_bytes()
            return json.loads(data) if hashlib.sha256(data).hexdigest() == record["sha256"] else None
        except (OSError, ValueError):
            return None

    def record(self, digest: str) -> dict[str, Any] | None:
        """What was noted of the run: sha256, seconds, slug, parts and more; None when the entry is not complete."""
        try:
            record = json.loads((self.folder / digest / "record.json").read_text())
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and "sha256" in record else None

    def reads(self, digest: str) -> list[str]:
        """What a run under this key was seen to read beyond it, relative to the root."""
        try:
            found = json.loads((self.folder / digest / "reads.json").read_text())
        except (OSError, ValueError):
            return []
        return [str(name) for name in found] if isinstance(found, list) else []

    def note_reads(self, key: Key, names: list[str]) -> None:
        """Keep what a run under this key read beyond it, for the next build to know."""
        if names != self.reads(key.digest):
            write_atomic(self.folder / key.digest / "reads.json", json.dumps(names).encode())

    def put(
        self, key: Key, slug: str, notebook: dict[str, Any], seconds: float, about: dict[str, Any] | None = None
    ) -> None:
        """Enter a result: a new folder, the notebook in it, the record last, and one rename into place.

        Args:
            about: what else is noted of the run, such as its day.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        data = to_bytes(notebook)
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
        write_atomic(temporary / "notebook.ipynb", data)
        record = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "slug": slug,
            "seconds": round(seconds, 3),
            "parts": key.parts,
            **(about or {}),
        }
        write_atomic(temporary / "record.json", json.dumps(record, indent=1, sort_keys=True).encode())
        entry = self.folder / key.digest
        if (entry / "reads.json").exists():  # what depends on nothing more now
            os.replace(entry / "reads.json", temporary / "reads.json")
        if entry.exists():  # a damaged entry, or the same result from a forced run
            shutil.rmtree(entry)
        os.replace(temporary, entry)

    def sweep(self, keep: set[str], newest: int = 200) -> None:
        """Remove remains of killed runs, and the oldest entries beyond `newest` that are not in `keep`."""
        if not self.folder.is_dir():
            return
        for left in self.folder.glob(".new-*"):
            shutil.rmtree(left, ignore_errors=True)
        entries = sorted(self.folder.glob(HEX), key=lambda p: p.stat().st_mtime, reverse=True)
        for entry in entries[newest:]:
            if entry.name not in keep:
                shutil.rmtree(entry, ignore_errors=True)
