"""`press cache export DIR`: the results of the last build, as a cache from which others may take."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from press.core.disk import write_atomic, write_if_changed
from press.core.errors import PressError, Problem, fail
from press.core.project import Project
from press.core.secrets import find_secrets, secrets_in
from press.core.source import relative
from press.posts.cache import Cache, key_of, reads_of
from press.posts.collection import sources
from press.posts.made import versions_of
from press.posts.post import Source, to_bytes
from press.shared import catalogue
from press.shared.catalogue import FORMS, LARGEST_LIST, LARGEST_NOTEBOOK, LARGEST_RECORD, MOST, NAME, Blob, Entry
from press.shared.places import Folder, NotHad


@dataclass
class Exported:
    """Slugs of the posts whose results are in the cache now, and why those of others are not."""

    slugs: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    size: int = 0


def export(project: Project, folder: Path) -> Exported:
    """Write the results of the last build to a folder; entries of earlier ones stay.

    Files that are there already are not written again. The list comes last, in one step.

    Args:
        folder: new, empty, or a cache.

    Raises:
        PressError: it is anything else or would hold more than is read, or a result holds a secret: then nothing is
            written.
    """
    before = _begun(folder, project)
    entries = dict(before)
    done, files, problems = Exported(), {}, []
    cache = Cache(project.work / "cache")
    for source in sources(project):
        book, record, why = _result(source, cache, project.root)
        if why:
            done.left.append(f"{source.slug}: {why}")
            continue
        notebook, noted = to_bytes(book), _record_bytes(record)
        problems += find_secrets(book, relative(source.path, project.root))
        problems += [Problem(source.page, 0, f"its parameters show {what}") for what in secrets_in(noted.decode())]
        blobs = [Blob(hashlib.sha256(data).hexdigest(), len(data)) for data in (notebook, noted)]
        kinds = zip(("notebook", "record"), blobs, (LARGEST_NOTEBOOK, LARGEST_RECORD), strict=True)
        large = [
            f"its {kind} has {blob.size} bytes; at most {most} are read"
            for kind, blob, most in kinds
            if blob.size > most
        ]
        if large:
            done.left.append(f"{source.slug}: {', and '.join(large)}")
            continue
        files |= {blobs[0].file: notebook, blobs[1].file: noted}
        parts = record["parts"]
        base = key_of({name: value for name, value in parts.items() if not name.startswith("read ")})
        key = key_of(parts).digest
        entries[key] = Entry(key, source.slug, base.digest, tuple(reads_of(parts)), *blobs, _executed(book, record))
        done.slugs.append(source.slug)
    if problems:
        raise PressError(problems)
    listed = catalogue.to_bytes(entries)
    if len(entries) > MOST or len(listed) > LARGEST_LIST:
        held = f"{len(entries)} results, listed in {len(listed)} bytes; at most {MOST} and {LARGEST_LIST} are read"
        raise fail("", 0, f"{str(folder)!r} would contain {held}. Nothing is written: export to a new folder")
    write_if_changed(folder / NAME, catalogue.to_bytes(before))  # from here on the folder is ours
    for name, data in files.items():
        if not _is_there(folder / name, data):
            write_atomic(folder / name, data)
    write_if_changed(folder / NAME, listed)
    done.size = sum(map(len, files.values()))
    return done


def _begun(folder: Path, project: Project) -> dict[str, Entry]:
    """The entries of the cache in this folder; none if it is new or empty.

    Raises:
        PressError: it is anything else, or no place for a cache.
    """
    place = Path(os.path.abspath(folder))
    way = "Name a new folder, an empty one, or one that `press cache export` wrote"
    if place.is_symlink():
        raise fail("", 0, f"{str(folder)!r} is a symbolic link, which the press does not follow when it writes. {way}")
    for ours in (project.site, project.work):
        real = place.resolve()
        if real == ours or real.is_relative_to(ours):
            message = f"{str(folder)!r} lies in {ours.name}/, where a build allows only what it wrote itself"
            raise fail("", 0, f"{message}. Export elsewhere, and copy the folder when you publish")
    if not os.path.lexists(place) or (place.is_dir() and all(map(_is_rest, place.iterdir()))):
        return {}
    wrong: list[str] = []
    try:
        if not place.is_dir():
            raise NotHad("it is a file")
        found = catalogue.read_list(Folder(place).read(NAME, LARGEST_LIST), wrong.append)
    except NotHad as error:
        raise fail("", 0, f"{str(folder)!r} is not a cache of the press ({error}): nothing is written. {way}") from None
    if wrong:
        raise fail("", 0, f"{str(folder)!r} holds {NAME} with what the press did not write: {wrong[0]}. {way}")
    return {entry.key: entry for entry in found}


def _is_rest(path: Path) -> bool:
    """Whether a file is what a killed export leaves that had not begun to write its list."""
    return path.name.startswith(f".{NAME}.") and path.name.endswith(".tmp")


def _result(source: Source, cache: Cache, root: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    """A post's notebook and record as the last build used them, and why there is none to export."""
    try:
        press = json.loads(source.place(root).read_bytes())["metadata"]["press"]
        key, failed = press.get("key"), "failed" in press
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, {}, "not executed here"
    if failed:
        return {}, {}, "it failed in the last build"
    book, record = (cache.get(key), cache.record(key)) if isinstance(key, str) else (None, None)
    if book is None or record is None:
        return {}, {}, "its results are no longer in .press/cache; press run executes it again"
    if taken := book["metadata"]["press"].get("taken"):
        return {}, {}, f"taken from {taken['origin']}, not executed here; press run {source.slug} --force executes it"
    return book, record, ""


def _record_bytes(record: dict[str, Any]) -> bytes:
    kept = {name: record[name] for name in ("sha256", "slug", "seconds", "parts")}
    return (json.dumps(kept, indent=1, sort_keys=True) + "\n").encode()


def _executed(book: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """Where and when, in the forms that a reader takes; "" for what is not known, or of no such form."""
    said = book["metadata"]["press"] | {name: record.get(name) for name in ("day", "machine")}
    texts = {name: str(said.get(name) or "") for name in FORMS}
    plain = {name: text if FORMS[name].fullmatch(text) else "" for name, text in texts.items()}
    return plain | {"versions": versions_of(record["parts"])}


def _is_there(path: Path, data: bytes) -> bool:
    """Whether the file is as it should be, and no link: one of another content is written again."""
    try:
        return not path.is_symlink() and path.read_bytes() == data
    except OSError:
        return False
