"""HTTP with Zotero's manners, below pyzotero: conditional reads, `Backoff`, `Retry-After`, retries after a failure."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable

import httpx2

from press.core.errors import fail

PAUSES = (1.0, 2.0, 4.0)  # seconds before each further try
LONGEST_WAIT = 300.0  # seconds that a server may ask for before we give up
DEADLINE = 300.0  # seconds for one answer, however slowly it drips
RETRY = (429, 500, 502, 503, 504)


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
        for pause in (*PAUSES, None):
            time.sleep(max(0.0, self.not_before - time.monotonic()))
            self.requests += 1
            try:
                response = self._once(request)
            except httpx2.TransportError as error:
                trouble, asked = type(error).__name__, None
            else:
                asked = self._asked(response)
                if response.status_code == 304:
                    raise Unchanged
                if response.status_code not in RETRY:
                    return response
                trouble = f"status {response.status_code}"
            if pause is None:
                raise fail("", 0, f"{self.where} does not answer ({trouble}). Nothing was changed; try again later")
            wait = pause if asked is None else asked
            self.say(f"{self.where}: {trouble}; trying again in {wait:g} s")
            self.not_before = max(self.not_before, time.monotonic() + wait)
        raise AssertionError

    def _once(self, request: httpx2.Request) -> httpx2.Response:
        start = time.monotonic()
        response = self.inner.handle_request(request)
        chunks = []
        try:
            for chunk in response.stream:
                chunks.append(chunk)
                if time.monotonic() - start > DEADLINE:
                    raise httpx2.ReadTimeout("too slow")
        finally:
            response.close()
        # pyzotero would wait for these once more
        headers = [(k, v) for k, v in response.headers.multi_items() if k.lower() not in ("backoff", "retry-after")]
        body = httpx2.ByteStream(b"".join(chunks))
        self._wishes = [response.headers.get(name, "") for name in ("Backoff", "Retry-After")]
        return httpx2.Response(response.status_code, headers=headers, stream=body, extensions=response.extensions)

    def _asked(self, response: httpx2.Response) -> float | None:
        """Seconds that the server asks to wait, noted for the next request; None if it asks nothing."""
        seconds = [float(wish) for wish in self._wishes if wish.strip().isdigit()]
        if not seconds:
            return None
        if max(seconds) > LONGEST_WAIT:
            raise fail("", 0, f"{self.where} asks to wait {max(seconds):.0f} s. Nothing was changed; try again then")
        if response.status_code not in RETRY and max(seconds) > 1:
            self.say(f"{self.where} asks for a pause of {max(seconds):.0f} s")
        self.not_before = max(self.not_before, time.monotonic() + max(seconds))
        return max(seconds)

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()


def http_client(url: str, say: Callable[[str], None], local: bool) -> tuple[httpx2.Client, PoliteTransport]:
    """An HTTP client for this server; the environment's proxies count, except for the desktop on this machine."""
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise fail("", 0, f"ZOTERO_API_URL {url!r} is no address") from None
    loopback = parts.host in ("127.0.0.1", "localhost", "::1")
    proxy = None
    if not (loopback or local or urllib.request.proxy_bypass(parts.host)):
        proxy = urllib.request.getproxies().get(parts.scheme)
    where = "Zotero on this machine" if local else parts.host
    transport = PoliteTransport(httpx2.HTTPTransport(proxy=proxy, trust_env=not loopback), say, where)
    return httpx2.Client(transport=transport, trust_env=False, follow_redirects=False), transport
