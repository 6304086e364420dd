"""The state of the sync, and how it and `references.bib` change together.

Two files cannot be renamed in one step. So the state carries the SHA-256 of the bibliography that it belongs to, and
renaming `references.bib` is the one moment that counts: the new state is laid aside first, then the bibliography is
renamed, then the state. Whoever comes after a `kill -9` between the two finds a state laid aside that fits the
bibliography and finishes the job (`recover`), or one that does not fit and drops it. What is read is both
old or both new.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from press.core.disk import write_atomic
from press.core.errors import fail
from press.core.project import Project
from press.core.source import relative
from press.intake.zotero.tags import STATUSES


@dataclass(frozen=True)
class State:
    """What the last sync left.

    Args:
        library: `users/123` or `groups/456`.
        version: the library's version that was read; 0 when it was read from the desktop, whose versions are its own.
        collection: key of the only collection that is taken; "" for all.
        tag: the only tag that is taken; "" for all.
        bib: SHA-256 of the `references.bib` that belongs to this state.
        items: item key -> citation key, for every entry.
        retired: the same for items that have left; their keys are given back to them, and to nobody else unless it
            is the same work (`former`).
        status: item key -> "reading" or "to read", for entries whose tag says so; None in a state written before there
            was such a thing.
        former: names of the works that have left (see `identities`) -> citation key, for a work that is imported again.
    """

    library: str = ""
    version: int = 0
    collection: str = ""
    tag: str = ""
    bib: str = ""
    items: dict[str, str] = field(default_factory=dict)
    retired: dict[str, str] = field(default_factory=dict)
    status: dict[str, str] | None = None
    former: dict[str, str] = field(default_factory=dict)


def bib_path(project: Project) -> Path:
    """The bibliography: the one that `_quarto.yml` names (the first, if several)."""
    names = project.config.get("bibliography") or "references.bib"
    return project.root / (names if isinstance(names, str) else names[0])


def check_path(project: Project) -> None:
    """Refuse a bibliography that a sync must not write.

    Raises:
        PressError: it is not BibTeX, a symbolic link, or lies outside the project.
    """
    path = bib_path(project)
    why = "" if path.suffix == ".bib" else "is not a .bib file"
    if path.parent.resolve() / path.name != path.resolve() or not path.resolve().is_relative_to(project.root):
        why = "is a symbolic link or lies outside the project"
    if why:
        name = relative(path, project.root)
        raise fail("_quarto.yml", 0, f"bibliography {name!r} {why}. Name a .bib file in the project for `press sync`")


def state_path(project: Project) -> Path:
    """Beside the bibliography: `references.json`."""
    return bib_path(project).with_suffix(".json")


def aside_path(project: Project) -> Path:
    """Where a new state waits for its bibliography."""
    return project.work / "sync-next.json"


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_bytes(path: Path) -> bytes:
    """A file's content; empty when it does not exist."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def encode(state: State) -> bytes:
    """Sorted, one item a line, so that two machines write the same and a new item is a one-line diff."""
    fields = {name: value for name, value in asdict(state).items() if value or name != "former"}
    return (json.dumps(fields, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def decode(data: bytes, name: str) -> State:
    """The reverse of `encode`.

    Raises:
        PressError: it is not a state file, as after a merge that was not finished.
    """
    try:
        found: dict[str, Any] = json.loads(data)
        state = State(**found)
        status = {} if state.status is None else state.status
        if not all(isinstance(value, dict) for value in (state.items, state.retired, state.former, status)):
            raise TypeError
        texts = [state.library, state.collection, state.tag, state.bib]
        texts += [*state.items.values(), *state.retired.values(), *state.former.values()]
        known = set(status.values()) <= set(STATUSES.values())
        if not known or type(state.version) is not int or not all(isinstance(text, str) for text in texts):
            raise TypeError
    except (ValueError, TypeError) as error:
        line = getattr(error, "lineno", 0)
        raise fail(
            name, line, "not a valid state of `press sync`. Take one side of the merge entirely, or move the file away"
        ) from None
    return state


def load(project: Project) -> tuple[State | None, bytes]:
    """The state, if there is one, and the bibliography's bytes; a state laid aside counts when it fits them.

    Raises:
        PressError: the state file is damaged.
    """
    bib = read_bytes(bib_path(project))
    waiting = _waiting(project, bib)
    if waiting:
        return waiting, bib
    data = read_bytes(state_path(project))
    return (decode(data, state_path(project).name) if data else None), bib


def _waiting(project: Project, bib: bytes) -> State | None:
    data = read_bytes(aside_path(project))
    if not data:
        return None
    state = decode(data, aside_path(project).name)
    return state if state.bib == digest(bib) else None


def recover(project: Project) -> None:
    """Finish, or forget, what a killed sync left; remove its temporary files. Call it with the lock held."""
    state = _waiting(project, read_bytes(bib_path(project)))
    if state:
        write_atomic(state_path(project), encode(state))
    aside_path(project).unlink(missing_ok=True)
    for path in (bib_path(project), state_path(project), aside_path(project)):
        for stray in path.parent.glob(f".{path.name}.????????.tmp"):
            stray.unlink(missing_ok=True)


def commit(project: Project, bib: bytes, state: State) -> None:
    """Put both files in place; after a kill at any point, readers find both old or both new."""
    data = encode(state)
    if read_bytes(bib_path(project)) != bib or not bib_path(project).exists():
        write_atomic(aside_path(project), data)
        _sync_folder(project.work)
        write_atomic(bib_path(project), bib)
        _sync_folder(project.root)
    if read_bytes(state_path(project)) != data:
        write_atomic(state_path(project), data)
        _sync_folder(project.root)
    aside_path(project).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make renames in this folder outlive a power failure, in their order."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
