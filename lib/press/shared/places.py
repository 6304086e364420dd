"""Where a cache lies: a folder, or an address of a server. Files are read by name, each within a limit."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from press.core import http
from press.core.errors import PressError
from press.core.extras import need

if TYPE_CHECKING:
    import httpx2

TIMEOUT = 30.0  # seconds without a byte
REDIRECTS = 3
AGENT = "executable-papers-press/0.1 (takes executed results from a published cache; python-httpx2)"
STRANGE = re.compile(r"[^\w.:+@-]+")


class NotHad(Exception):
    """What was asked for is not available; says why, without the address."""


class Refused(NotHad):
    """It is there, and is damaged or was tampered with."""


class Place(Protocol):
    """Where files of a cache are read.

    Args:
        name: of the folder or the server, as pages and messages may show it.
    """

    name: str

    def read(self, file: str, limit: int) -> bytes:
        """A file's content.

        Raises:
            NotHad: it is not there, cannot be read, or is larger than the limit.
        """
        ...


def named(text: str) -> Path | str:
    """The folder or the address that an argument names: a folder, file://, https:// or http://.

    Raises:
        ValueError: it names none; the message holds no credentials.
    """
    scheme, mark, _ = text.partition("://")
    if not mark:
        path = Path(text)
    else:
        parts = urlsplit(text)
        if scheme not in ("http", "https", "file"):
            raise ValueError(
                f"no cache can be read through {scheme[:20]}://; legal: https://, http://, file://, a folder"
            )
        if parts.query or parts.fragment:
            raise ValueError("the address of a cache must be that of its folder, without ? and #")
        if scheme != "file":
            with contextlib.suppress(ValueError):
                if parts.hostname and parts.port != 0:
                    return text
            raise ValueError("the address has no server, or no valid port")
        if parts.netloc not in ("", "localhost"):
            raise ValueError("file:// must name a folder on this machine, such as file:///srv/cache")
        path = Path(unquote(parts.path))
    if not path.is_dir():
        raise ValueError(f"no folder {str(path)!r}. Name one that `press cache export` wrote, or a URL")
    return path


def as_place(text: str, say: Callable[[str], None]) -> Place:
    """What `named` finds, opened.

    Args:
        say: told about each failure of a server.

    Raises:
        ValueError: as `named`.
        PressError: what asks servers is not installed.
    """
    found = named(text)
    if isinstance(found, Path):
        return Folder(found)
    need("--cache-from with an address", "cache", "httpx2")
    return Server(found, say)


class Folder:
    """A cache in a folder. The folder itself may be a link; nothing in it is followed."""

    def __init__(self, path: Path):
        self.path = path
        self.name = STRANGE.sub("-", path.resolve().name) or "cache"

    def read(self, file: str, limit: int) -> bytes:
        """As `Place` has it."""
        try:
            # A pipe would be waited for.
            handle = os.open(self.path / file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotHad(f"it has no {file[:16]}") from None
        except OSError:
            raise Refused(f"{file[:16]} is a symbolic link, or cannot be read") from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise Refused(f"{file[:16]} is not a file")
        with os.fdopen(handle, "rb") as stream:
            return _within([stream.read(limit + 1)], limit, file)


class Server:
    """A cache on a server, asked for one file after another.

    Args:
        url: of its folder; a name and a password in it are sent to this server and shown nowhere.
    """

    def __init__(self, url: str, say: Callable[[str], None]):
        import httpx2

        try:
            self.base = httpx2.URL(url.rstrip("/") + "/")
        except httpx2.InvalidURL:
            raise ValueError("the address is not valid") from None
        self.say, self.dead = say, ""
        port = f":{self.base.port}" if self.base.port else ""
        self.name = STRANGE.sub("-", self.base.host + port)
        # Not compressed: what is hashed is what was sent, and nothing grows when it is unpacked.
        headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
        self.client = httpx2.Client(trust_env=self.base.host not in http.LOOPBACK, timeout=TIMEOUT, headers=headers)

    def read(self, file: str, limit: int) -> bytes:
        """As `Place` has it; a server that gave no answer in all tries is not asked again."""
        if self.dead:
            raise NotHad(self.dead)
        try:
            return http.patiently(
                lambda: self._once(file, limit), self.name, self.say, then="No more requests are sent to the server"
            )
        except PressError as error:
            self.dead = error.problems[0].message
            raise NotHad(self.dead) from None

    def _once(self, file: str, limit: int) -> bytes:
        import httpx2

        url = self.base.join(file)
        for _ in range(REDIRECTS + 1):
            with self.client.stream("GET", url) as response:
                if response.status_code in (301, 302, 303, 307, 308):
                    try:
                        url = _onward(response, self.name)
                    except httpx2.InvalidURL:
                        raise NotHad("the server redirects to something that is not a valid address") from None
                    continue
                if response.status_code in http.RETRY:
                    asked = http.asked_wait(response.headers.get("Retry-After", ""))
                    raise http.Busy(f"status {response.status_code}", asked)
                if response.status_code != 200:
                    raise NotHad(f"the server has no {file[:16]} (status {response.status_code})")
                return _within(http.in_time(response.iter_raw(1 << 16)), limit, file)
        raise NotHad(f"the server redirects over {REDIRECTS} times")


def _onward(response: httpx2.Response, name: str) -> httpx2.URL:
    """Where a redirect leads. Only an encrypted connection may be the next after one."""
    target = response.url.join(response.headers.get("Location", ""))
    if target.scheme != "https" and not (target.scheme == response.url.scheme == "http"):
        raise NotHad(f"{name} redirects to {target.scheme[:20]!r}; legal is https")
    return target


def _within(chunks, limit: int, file: str) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > limit:
            raise Refused(f"{file[:16]} is larger than the {limit} bytes allowed")
    return bytes(data)
