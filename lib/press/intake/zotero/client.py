"""Read a Zotero library, whole or what changed, from the Web API or from the desktop, as one consistent version."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from press.core.errors import PressError, fail

PAGE = 100  # the Web API gives no more
RESTARTS = 5
KEYS_PAGE = "https://www.zotero.org/settings/keys"


class Moved(Exception):
    """The library changed while it was being read, or an answer was cut: what was read so far is of no use."""


@dataclass(frozen=True)
class Source:
    """Which library, and where.

    Args:
        kind: "user" or "group".
        id: the number of the user or the group; "0" is the desktop's own user.
        key: API key; it appears in no message and in no representation.
        local: ask the desktop on this machine.
        url: another base address than Zotero's; "" for Zotero's.
        collection, tag: take only items in this collection, with this tag; "" for all.
    """

    kind: str
    id: str
    key: str = field(repr=False)
    local: bool = False
    url: str = ""
    collection: str = ""
    tag: str = ""

    @property
    def library(self) -> str:
        """`users/123`."""
        return f"{self.kind}s/{self.id}"


@dataclass(frozen=True)
class Reading:
    """What a library says: items by key, keys of erased items, its version, whether this is all of it."""

    items: dict[str, dict[str, Any]]
    erased: set[str]
    version: int
    whole: bool


def read_library(source: Source, since: int, say: Callable[[str], None]) -> Reading | None:
    """Everything in the library, or with `since` what changed after that version; None when nothing did.

    What changed comes from the whole library, in and out of the trash, whatever the filter: an item that has left the
    collection or lost the tag would not be in a filtered answer, nor is a trashed one in `/deleted`.

    Raises:
        PressError: one line that says what to do: wrong key, unknown library, no network, too many changes.
    """
    from pyzotero.errors import PyZoteroError

    from press.intake.zotero.transport import Unchanged

    zotero, transport = _open(source, say)
    try:
        for _ in range(RESTARTS):
            transport.since = since
            try:
                return _changes(zotero, source, since) if since else _everything(zotero, source)
            except Unchanged:
                return None
            except Moved:
                reason = "the library changed while it was read"
            except (ValueError, KeyError):  # no JSON, or no content type
                reason = "an answer was not in the form that Zotero's API sends"
            except PyZoteroError:
                if zotero.request.status_code != 412:  # precondition failed: it has changed
                    raise refused(zotero.request.status_code, source) from None
                reason = "the library changed while it was read"
            say(f"{reason}; reading again")
        raise fail("", 0, f"{reason}, {RESTARTS} times in a row. Nothing was changed; try again later")
    finally:
        transport.close()


def _open(source: Source, say: Callable[[str], None]):
    from pyzotero.zotero import Zotero

    from press.intake.zotero.transport import http_client

    base = source.url or ("http://127.0.0.1:23119/api" if source.local else "https://api.zotero.org")
    host = base.partition("://")[2].partition("/")[0].rpartition(":")[0] or base.partition("://")[2]
    if not base.startswith("https://") and host not in ("127.0.0.1", "localhost", "[::1]"):
        raise fail(
            "", 0, f"ZOTERO_API_URL {base!r}: the key is sent over https only. Use an address that begins with https://"
        )
    client, transport = http_client(base, say, source.local)
    zotero = Zotero(source.id, source.kind, source.key or None, local=source.local, client=client)
    zotero.endpoint = base.rstrip("/")
    return zotero, transport


def refused(status: int, source: Source) -> PressError:
    """What this status means, and what to do."""
    place = f"{source.library}, collection {source.collection}" if source.collection else source.library
    if source.local and status in (400, 403, 404):
        message = (
            f"Zotero on this machine gives no access to {place} (status {status}). Allow it in its settings, Advanced: "
        )
        message += '"Allow other applications on this computer to communicate with Zotero", and check --library-id'
    elif status in (401, 403):
        message = (
            f"Zotero refuses the key for {place} (status {status}). Check ZOTERO_API_KEY at {KEYS_PAGE}: it must exist "
        )
        message += "and be allowed to read this library"
    elif status == 404:
        message = f"Zotero has no {place} (status 404). Check ZOTERO_LIBRARY_ID and ZOTERO_LIBRARY_TYPE: "
        message += f"find your user ID at {KEYS_PAGE}"
    else:
        message = f"Zotero refused to read {place} (status {status}). Nothing was changed; try again later"
    return fail("", 0, message)


def _everything(zotero: Any, source: Source) -> Reading:
    limit = None if source.local else PAGE  # the desktop hands out everything at once
    options: dict[str, Any] = {"limit": limit}
    if source.tag and "tags" not in source.tag:  # pyzotero takes an address with "tags" in it for a list of tags
        options["tag"] = "\\" + source.tag if source.tag.startswith("-") else source.tag
    read = partial(zotero.collection_items_top, source.collection) if source.collection else zotero.top
    items, version = _pages(zotero, read(**options))
    return Reading(items, set(), version, whole=True)


def _changes(zotero: Any, source: Source, since: int) -> Reading:
    first = zotero.items(since=since, includeTrashed=1, limit=PAGE)
    items, version = _pages(zotero, first)
    if version < since:  # another library behind the same number, or one restored from a backup
        return _everything(zotero, source)
    gone = zotero.deleted(since=since)
    if _version(zotero) != version:
        raise Moved
    if not isinstance(gone, dict):
        raise _strange("/deleted")
    if source.collection and source.collection in gone.get("collections", []):
        raise fail("", 0, f"collection {source.collection} was deleted in Zotero. Name another with --collection KEY")
    return Reading(items, set(gone.get("items", [])), version, whole=False)


def _pages(zotero: Any, first: Any) -> tuple[dict[str, dict[str, Any]], int]:
    """All pages of one listing, and the library version that every one of them named.

    Raises:
        Moved: a page has another version than the first, or their number of items is not what was announced.
    """
    from tqdm import tqdm

    version, total = _version(zotero), int(zotero.request.headers.get("Total-Results") or -1)
    items: dict[str, dict[str, Any]] = {}
    count, page = 0, first
    with tqdm(
        total=max(total, 0), desc="items", file=sys.stderr, leave=False, delay=2, disable=not sys.stderr.isatty()
    ) as bar:
        while page is not None:
            if _version(zotero) != version:
                raise Moved
            for item in page if isinstance(page, list) else [None]:
                if not isinstance(item, dict) or not isinstance(item.get("data"), dict) or not item.get("key"):
                    raise _strange("items")
                items[str(item["key"])] = item
            count += len(page)
            bar.update(len(page))
            if not page and zotero.links.get("next"):
                raise Moved
            page = zotero.follow()
    if total not in (-1, count) or len(items) != count:
        raise Moved
    return items, version


def _version(zotero: Any) -> int:
    text = zotero.request.headers.get("Last-Modified-Version", "")
    if not text.isdigit():
        raise _strange("Last-Modified-Version")
    return int(text)


def _strange(what: str) -> PressError:
    return fail(
        "", 0, f"the answer ({what}) is not what Zotero's API version 3 sends. Check ZOTERO_API_URL, if it is set"
    )
