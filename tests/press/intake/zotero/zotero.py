"""A Zotero server on loopback: the Web API version 3 as documented, as far as reading goes, and faults on demand."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

FIXTURE = Path(__file__).with_name("library.json")
KEY = "P9NiFoyLeZu2bZNvvuQPDWsd"  # the example of the documentation: no key that opens anything
USER = "475425"


class Library:
    """One library: items by key, its version, tombstones."""

    def __init__(self, items: list[dict[str, Any]] | None = None, version: int = 0):
        self.items: dict[str, dict[str, Any]] = {}
        self.version = version
        self.tombstones: list[tuple[int, str, str]] = []
        self.collections: set[str] = set()  # those that exist; one that an item is in need not be named
        for item in items or []:
            self.items[item["key"]] = copy.deepcopy(item)
            self.version = max(self.version, item["version"])

    def put(self, key: str, **data: Any) -> dict[str, Any]:
        """Add an item or change fields of one, as a new version of the library."""
        self.version += 1
        item = self.items.setdefault(
            key, {"key": key, "version": 0, "meta": {}, "data": {"key": key, "itemType": "book"}}
        )
        item["data"] |= data
        if "date" in data:
            item["meta"].pop("parsedDate", None)
        item["version"] = item["data"]["version"] = self.version
        return item

    def trash(self, key: str) -> None:
        """Move to the trash: a new version of the item, and no tombstone."""
        self.put(key, deleted=1)

    def restore(self, key: str) -> None:
        """Take out of the trash."""
        del self.items[key]["data"]["deleted"]
        self.put(key)

    def erase(self, key: str, kind: str = "items") -> None:
        """Delete for good: a tombstone."""
        self.version += 1
        self.items.pop(key, None)
        self.tombstones.append((self.version, kind, key))

    def top(self) -> list[dict[str, Any]]:
        """Items that are no one's children."""
        return [item for item in self.items.values() if not item["data"].get("parentItem")]


def fixture() -> Library:
    """The committed library: what the reading list and the claims name, as the API returns it."""
    return Library(json.loads(FIXTURE.read_text(encoding="utf-8")))


def item(key: str, **data: Any) -> dict[str, Any]:
    """An item in the API's shape."""
    parsed = {"parsedDate": data.pop("parsed")} if "parsed" in data else {}
    data = {
        "key": key,
        "version": 1,
        "itemType": "journalArticle",
        "title": "",
        "creators": [],
        "tags": [],
        "extra": "",
    } | data
    return {"key": key, "version": 1, "library": {"type": "user", "id": int(USER)}, "meta": parsed, "data": data}


def author(last: str, first: str = "") -> dict[str, str]:
    """A creator: with a first name a person, without one an institution."""
    return (
        {"creatorType": "author", "lastName": last, "firstName": first}
        if first
        else {"creatorType": "author", "name": last}
    )


class Server:
    """Serves libraries until the `with` block ends.

    `fault(number, handler)` is called before each answer with the request's number from 0; if it returns True it has
    answered by itself. `limit` is the largest page.
    """

    def __init__(self, library: Library, limit: int = 100, path: str = f"/users/{USER}", open_to: str | None = KEY):
        self.libraries = {path: library}
        self.limit = limit
        self.key = open_to
        self.log: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.fault: Callable[[int, Handler], bool | None] | None = None
        self.headers: dict[str, str] = {}
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"owner": self}))
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self) -> Server:
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ZOTERO_API_URL": self.url,
            "ZOTERO_API_KEY": KEY,
            "ZOTERO_LIBRARY_ID": USER,
            "ZOTERO_LIBRARY_TYPE": "user",
        }


DESKTOP = "/api/users/0"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    owner: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        number = len(self.owner.log)
        self.owner.log.append((parts.path, query, dict(self.headers)))
        if self.owner.fault and self.owner.fault(number, self):
            return
        for path, library in self.owner.libraries.items():
            if parts.path.startswith(path + "/"):
                self.serve(library, parts.path.removeprefix(path), query, path)
                return
        self.answer(404, b"Not found", {"Content-Type": "text/plain"})

    def serve(self, library: Library, path: str, query: dict[str, str], prefix: str) -> None:
        sent = self.headers.get("Authorization", "").removeprefix("Bearer ") or self.headers.get("Zotero-API-Key")
        if self.owner.key and sent != self.owner.key and not prefix.startswith("/api/"):
            self.answer(403, b"Invalid key" if sent else b"Forbidden", {"Content-Type": "text/plain"})
            return
        condition = self.headers.get("If-Modified-Since-Version")
        if condition and int(condition) >= library.version:
            self.answer(304, b"", {"Last-Modified-Version": str(library.version)})
        elif path == "/deleted":
            rows = [(kind, key) for version, kind, key in library.tombstones if version > int(query["since"])]
            kinds = ("collections", "searches", "items", "tags", "settings")
            self.answer_json({kind: [key for k, key in rows if k == kind] for kind in kinds}, library)
        else:
            self.listing(library, path, query, prefix)

    def listing(self, library: Library, path: str, query: dict[str, str], prefix: str) -> None:
        words = path.strip("/").split("/")
        found = library.top() if words[-1] == "top" else list(library.items.values())
        if words[0] == "collections":
            found = [one for one in found if words[1] in one["data"].get("collections", [])]
            if not found and words[1] not in library.collections:
                self.answer(404, b"Collection not found", {"Content-Type": "text/plain"})
                return
        if "tag" in query:
            found = [one for one in found if query["tag"] in {tag["tag"] for tag in one["data"].get("tags", [])}]
        if query.get("includeTrashed") != "1":
            found = [one for one in found if not one["data"].get("deleted")]
        found = [one for one in found if one["version"] > int(query.get("since", 0))]
        local = prefix.startswith("/api/")  # the desktop gives everything unless a limit is named
        start, limit = int(query.get("start", 0)), int(query.get("limit", len(found) if local else 25))
        limit = limit if local else min(limit, self.owner.limit)
        links = {"alternate": f"https://www.zotero.org{prefix}/items"}
        if start + limit < len(found):
            links["next"] = f"{self.owner.url}{prefix}{path}?{urlencode(query | {'start': str(start + limit)})}"
        link = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links.items())
        self.answer_json(found[start : start + limit], library, {"Total-Results": str(len(found)), "Link": link})

    def answer_json(self, body: Any, library: Library, headers: dict[str, str] | None = None) -> None:
        extra = {"Content-Type": "application/json", "Last-Modified-Version": str(library.version)}
        self.answer(200, json.dumps(body).encode(), extra | (headers or {}))

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Zotero-API-Version": "3"} | headers | self.owner.headers).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cut(self, after: bytes = b"") -> bool:
        """Send a beginning, if any, and close the connection."""
        if after:
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n" + after
            )
        self.close_connection = True
        self.connection.close()
        return True

    def log_message(self, *_: object) -> None:
        pass
