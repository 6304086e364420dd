"""HTTP with Zotero's manners, below pyzotero: conditional reads, `Backoff`, `Retry-After`, retries after a failure."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable

import httpx2

from press.core import http
from press.core.errors import fail


class Unchanged(Exception):
    """The library has not changed since the version that was named (304)."""


class PoliteTransport(httpx2.BaseTransport):
    """Sends requests one after another, and waits when it is asked to.

    Args:
        inner: what talks to the network.
        say: told about waits and failures.
        where: the server's name in messages.
    """

    def __init__(self, inner: httpx2.BaseTransport, say: Callable[[str], None], where: str):
        self.inner = inner
        self.say = say
        self.where = where
        self.since = 0  # if set, the next request is conditional on this library version
        self.not_before = 0.0
        self.requests = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """One answer, read whole.

        Raises:
            Unchanged: 304.
            PressError: no answer worth having after all tries, or asked to wait too long.
        """
        if self.since:
            request.headers["If-Modified-Since-Version"] = str(self.since)
            self.since = 0
        return http.patiently(lambda: self._try(request), self.where, self.say, wait=self._hold)

    def _try(self, request: httpx2.Request) -> httpx2.Response:
        time.sleep(max(0.0, self.not_before - time.monotonic()))
        self.requests += 1
        response, asked = self._once(request)
        http.check_wait(asked, self.where)
        if response.status_code in http.RETRY:
            raise http.Busy(f"status {response.status_code}", asked)
        if asked is not None:
            if asked > 1:
                self.say(f"{self.where} asks for a pause of {asked:.0f} s")
            self._hold(asked)
        if response.status_code == 304:
            raise Unchanged
        return response

    def _hold(self, seconds: float) -> None:
        """Send nothing for so long."""
        self.not_before = max(self.not_before, time.monotonic() + seconds)

    def _once(self, request: httpx2.Request) -> tuple[httpx2.Response, float | None]:
        """The answer to one request, and the seconds that the server asks us to wait before the next."""
        response = self.inner.handle_request(request)
        try:
            body = b"".join(http.in_time(response.stream))
        finally:
            response.close()
        asked = http.asked_wait(*(response.headers.get(name, "") for name in ("Backoff", "Retry-After")))
        # pyzotero would wait for these once more
        headers = [(k, v) for k, v in response.headers.multi_items() if k.lower() not in ("backoff", "retry-after")]
        stream, extensions = httpx2.ByteStream(body), response.extensions
        return httpx2.Response(response.status_code, headers=headers, stream=stream, extensions=extensions), asked

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()


def http_client(url: str, say: Callable[[str], None], local: bool) -> tuple[httpx2.Client, PoliteTransport]:
    """An HTTP client for this server; the environment's proxies count, except for the desktop on this machine."""
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise fail("", 0, f"ZOTERO_API_URL {url!r} is not a valid address") from None
    loopback = parts.host in http.LOOPBACK
    proxy = None
    if not (loopback or local or urllib.request.proxy_bypass(parts.host)):
        proxy = urllib.request.getproxies().get(parts.scheme)
    where = "Zotero on this machine" if local else parts.host
    transport = PoliteTransport(httpx2.HTTPTransport(proxy=proxy, trust_env=not loopback), say, where)
    return httpx2.Client(transport=transport, trust_env=False, follow_redirects=False), transport
