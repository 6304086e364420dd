"""The page cache: one directory a key, written under a temporary name, renamed last, verified on every read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

from press.core.disk import write_atomic
from press.core.errors import Problem
from press.core.workfolder import HEX

RECORD = "record.json"
WARNINGS = "warnings.json"
KEEP_SECONDS = 14 * 24 * 3600


def digest(*parts: bytes | str) -> str:
    """SHA-256 over parts; each is preceded by its length, so that ("ab", "c") and ("a", "bc") differ."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big"))
        total.update(data)
    return total.hexdigest()


def digest_of(path: Path) -> str:
    """A file's digest; "" if there is none."""
    return digest(path.read_bytes()) if os.path.isfile(path) else ""


@contextmanager
def scratch(cache: Path) -> Iterator[Path]:
    """A directory of one's own beside the entries; gone afterwards."""
    cache.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=".tmp-", dir=cache))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def load(cache: Path, key: str) -> dict[str, Any] | None:
    """An entry's record, or None if there is none or it is damaged (then it is removed)."""
    folder = cache / key
    try:
        text = (folder / RECORD).read_text(encoding="utf-8")
        check, _, body = text.partition("\n")
        record = json.loads(body) if check == digest(body) else None
        intact = record is not None and all(
            digest((folder / name).read_bytes()) == sha for name, sha in record["files"].items()
        )
    except (OSError, ValueError, KeyError):
        record, intact = None, False
    if not intact:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    os.utime(folder)
    return record


def save(cache: Path, key: str, work: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Make a directory of finished files an entry. The record gets each file's digest and a digest of its own."""
    files = sorted(path for path in work.rglob("*") if path.is_file())
    record["files"] = {path.relative_to(work).as_posix(): digest(path.read_bytes()) for path in files}
    body = json.dumps(record)
    (work / RECORD).write_text(f"{digest(body)}\n{body}", encoding="utf-8")
    try:
        os.rename(work, cache / key)
    except OSError:  # another build was faster with the same key, or left a broken entry: ours replaces it
        shutil.rmtree(cache / key, ignore_errors=True)
        try:
            os.rename(work, cache / key)
        except OSError:
            if not (cache / key / RECORD).is_file():
                raise
    return record


def tell(cache: Path, key: str, warnings: list[Problem]) -> None:
    """Keep what is wrong with the pages of the site of this key, for builds that find it as it is."""
    write_atomic(cache / WARNINGS, json.dumps({"key": key, "warnings": list(map(astuple, warnings))}).encode())


def told(cache: Path, key: str) -> list[Problem]:
    """What `tell` has kept of this site."""
    try:
        noted = json.loads((cache / WARNINGS).read_bytes())
        return [Problem(*problem) for problem in noted["warnings"]] if noted["key"] == key else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def prune(cache: Path, used: set[str]) -> None:
    """Drop entries that no build has used for two weeks, and what killed builds left behind."""
    now = time.time()
    for path in (*cache.glob(HEX), *cache.glob(".tmp-*")):
        age = now - path.stat().st_mtime
        if path.name not in used and age > (24 * 3600 if path.name.startswith(".tmp-") else KEEP_SECONDS):
            shutil.rmtree(path, ignore_errors=True)
