"""`cache.json`, the list of what a cache holds. Each file beside it is named by the SHA-256 of its content.

    {"format": 1, "entries": {KEY: {"slug", "base", "reads", "notebook", "record", "executed"}}}

KEY is a post's key; `base` the same without files that only a run showed it to read, and `reads` these. `notebook` and
`record` are {"sha256", "bytes"} of <sha256>.json. `executed` says on which day, machine and device, from which commit
and with which versions. A file that no list names does no harm, so a kill at any moment leaves a cache that is right.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from press.shared.places import Refused

FORMAT = 1
NAME = "cache.json"
LARGEST_LIST = 8 << 20
LARGEST_NOTEBOOK = 32 << 20
LARGEST_RECORD = 1 << 20
MOST = 5000  # entries; and files that one of them reads
DEEPEST = 60  # levels of a JSON file
DIGEST = re.compile(r"[0-9a-f]{64}")
TEXT = re.compile(r"[\w .,:;()+@/-]{0,120}")
FORMS: dict[str, re.Pattern[str]] = {
    "day": re.compile(r"(?:\d{4}-\d\d-\d\d)?"),
    "machine": TEXT,
    "device": TEXT,
    "commit": re.compile(r"(?:[0-9a-f]{7,64}(?: \+ uncommitted changes)?)?"),
}


@dataclass(frozen=True)
class Blob:
    """A file of a cache, by the SHA-256 of its content, and its size."""

    sha256: str
    size: int

    @property
    def file(self) -> str:
        """Its name."""
        return f"{self.sha256}.json"

    def as_json(self) -> dict[str, Any]:
        """As the list has it."""
        return {"sha256": self.sha256, "bytes": self.size}


@dataclass(frozen=True)
class Entry:
    """The result of one run.

    Args:
        key: of the post, as it was executed.
        base: the key without `reads`, files of the project that only the run showed it to depend on.
        executed: day, machine, device, commit; versions by package.
    """

    key: str
    slug: str
    base: str
    reads: tuple[str, ...]
    notebook: Blob
    record: Blob
    executed: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As the list has it, below its key."""
        files = {"notebook": self.notebook.as_json(), "record": self.record.as_json()}
        about = {"slug": self.slug, "base": self.base, "reads": list(self.reads), "executed": self.executed}
        return about | files


def to_bytes(entries: dict[str, Entry]) -> bytes:
    """The list as a file's content; the same entries always give the same bytes."""
    table = {key: entry.as_json() for key, entry in entries.items()}
    return (json.dumps({"format": FORMAT, "entries": table}, indent=1, sort_keys=True) + "\n").encode()


def parse(data: bytes, what: str) -> Any:
    """JSON that a stranger wrote.

    Raises:
        Refused: it is not JSON, or nested deeper than anything of ours.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise Refused(f"{what} is not JSON, or nested too deeply") from None
    level = [value]
    for _ in range(DEEPEST):
        level = [item for part in level if isinstance(part, (dict, list)) for item in _inside(part)]
        if not level:
            return value
    raise Refused(f"{what} is nested over {DEEPEST} levels deep")


def _inside(part: dict | list) -> list[Any]:
    return list(part.values()) if isinstance(part, dict) else part


def read_list(data: bytes, refused: Callable[[str], None]) -> list[Entry]:
    """The sound entries of a list.

    Args:
        refused: told about each of the others.

    Raises:
        Refused: the whole is not such a list.
    """
    found = parse(data, NAME)
    entries = found.get("entries") if isinstance(found, dict) and set(found) == {"format", "entries"} else None
    if not isinstance(entries, dict) or found["format"] != FORMAT:
        raise Refused(f"{NAME} is not a list in format {FORMAT}, the one that this press reads")
    if len(entries) > MOST:
        raise Refused(f"{NAME} has over {MOST} entries")
    sound = []
    for key, value in entries.items():
        try:
            sound.append(_entry(key, value))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            why = str(error) if type(error) is ValueError else "it does not have the form of an entry"
            refused(f"entry {shown(key)}: {why}")
    return sound


def _entry(key: str, value: Any) -> Entry:
    names = {"slug", "base", "reads", "notebook", "record", "executed"}
    if not isinstance(value, dict) or set(value) != names:
        raise ValueError(f"it must have {', '.join(sorted(names))}, and nothing else")
    if not DIGEST.fullmatch(key) or not DIGEST.fullmatch(value["base"]):
        raise ValueError("its key is not a SHA-256")
    slug, reads = value["slug"], value["reads"]
    if not isinstance(slug, str) or not 0 < len(slug) <= 500 or not slug.isprintable():
        raise ValueError("its slug is not a valid name")
    if not isinstance(reads, list) or len(reads) > MOST or not all(map(_lies_within, reads)):
        raise ValueError("it reads something that is not a file of the project")
    files = _blob(value["notebook"], LARGEST_NOTEBOOK), _blob(value["record"], LARGEST_RECORD)
    return Entry(key, slug, value["base"], tuple(reads), *files, _executed(value["executed"]))


def _lies_within(name: Any) -> bool:
    """Whether a name is that of a file below the project's root; links are looked at when it is read."""
    if not isinstance(name, str) or not 0 < len(name) <= 1000 or not name.isprintable():
        return False
    return name == posixpath.normpath(name) and not name.startswith(("/", "..")) and name != "."


def _blob(value: Any, limit: int) -> Blob:
    if not isinstance(value, dict) or set(value) != {"sha256", "bytes"}:
        raise ValueError("each of its files must have sha256 and bytes")
    digest, size = value["sha256"], value["bytes"]
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise ValueError(f"the file name {shown(digest)} is not a SHA-256")
    if type(size) is not int or not 0 < size <= limit:
        raise ValueError(f"one of its files has {shown(size)} bytes; at most {limit} are read")
    return Blob(digest, size)


def _executed(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != {*FORMS, "versions"}:
        raise ValueError(f"executed must have {', '.join(FORMS)} and versions")
    for name, form in FORMS.items():
        if not isinstance(value[name], str) or not form.fullmatch(value[name]):
            raise ValueError(f"executed: {name} is {shown(value[name])}")
    versions = value["versions"]
    texts = [*versions, *versions.values()] if isinstance(versions, dict) and len(versions) <= 50 else [None]
    if not all(isinstance(text, str) and TEXT.fullmatch(text) for text in texts):
        raise ValueError("executed: versions must be a short table of names and versions")
    return value


def shown(value: Any) -> str:
    """A stranger's value as a message may show it."""
    text = value if isinstance(value, str) else repr(value)[:200]
    text = "".join(c if c.isprintable() else "?" for c in text[:80])
    return repr(text[:40] + ("..." if len(text) > 40 else ""))
