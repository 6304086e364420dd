"""Metadata and e-print source of a paper from arXiv's public interface; asked seldom, kept by versioned id."""

from __future__ import annotations

import contextlib
import os
import re
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from press.core import http
from press.core.disk import write_atomic
from press.core.errors import PressError, fail
from press.intake.archive import read_archive
from press.intake.metadata import Metadata, read_metadata

if TYPE_CHECKING:
    import httpx2

API = "https://export.arxiv.org/api/query"
EPRINT = "https://export.arxiv.org/e-print"
HTML = "https://arxiv.org/html"
AGENT = "executable-papers-press/0.1 (a blog's fetcher of single papers; 1 request in 3 s; python-httpx2)"
PAUSE = 3.0  # seconds between requests, which arXiv's terms of use ask for
TIMEOUT = 30.0  # seconds without a byte
MAX_METADATA = 1 << 20
MAX_SOURCE = 60 << 20
REDIRECTS = 3


class NotThere(PressError):
    """ArXiv answers that it does not have this."""


class Arxiv:
    """Asks arXiv one thing after another.

    Args:
        cache: folder of what was fetched, `<id>/metadata.xml` and `<id>/source`; never committed.
        say: told about requests, waits and failures.
        transport: what talks to the network, in a test's stead.
        api, eprint, html: base addresses.
        clock, sleep: time in seconds since the epoch; waiting.
    """

    def __init__(
        self,
        cache: Path,
        say: Callable[[str], None],
        *,
        transport: httpx2.BaseTransport | None = None,
        api: str = "",
        eprint: str = "",
        html: str = "",
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.cache, self.say, self.transport = cache, say, transport
        self.api, self.eprint, self.pages = api or API, eprint or EPRINT, html or HTML
        self.clock, self.sleep = clock, sleep
        self.http: httpx2.Client | None = None

    def metadata(self, identifier: str) -> Metadata:
        """The paper's metadata; without a version in the id, those of the newest.

        Raises:
            PressError: arXiv does not know the id, or does not answer.
        """
        kept = self._folder(identifier) / "metadata.xml"
        if re.search(r"v\d+$", identifier) and kept.is_file():
            with contextlib.suppress(PressError):  # a damaged file is fetched again
                return read_metadata(kept.read_bytes(), identifier)
        with self._answer(
            f"{self.api}?id_list={identifier}&max_results=1", MAX_METADATA, f"metadata of {identifier}"
        ) as path:
            data = _unzipped(path.read_bytes())
            found = read_metadata(data, identifier)
        write_atomic(self._folder(found.id) / "metadata.xml", data)
        return found

    def source(self, identifier: str) -> dict[str, bytes]:
        """The LaTeX files of a paper: path in the archive -> content. Only a sound archive is kept.

        Args:
            identifier: id with version.

        Raises:
            NoSource: there is a PDF only.
            PressError: no archive, or one that is refused; arXiv does not answer.
        """
        kept = self._folder(identifier) / "source"
        name = f"arXiv:{identifier}"
        if kept.is_file():
            try:
                return read_archive(kept, name)
            except PressError:
                kept.unlink()
        with self._answer(f"{self.eprint}/{identifier}", MAX_SOURCE, f"source of {identifier}") as path:
            files = read_archive(path, name)
            kept.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, kept)
        return files

    def html(self, identifier: str) -> bytes | None:
        """The HTML that arXiv makes of a paper's source; None if it has none, as of most older papers.

        Args:
            identifier: id with version.

        Raises:
            PressError: arXiv does not answer, or with another page, such as one that asks who we are.
        """
        kept = self._folder(identifier) / "page.html"
        if kept.is_file():
            return kept.read_bytes()
        try:
            with self._answer(f"{self.pages}/{identifier}", MAX_SOURCE, f"HTML of {identifier}") as path:
                if b"ltx_" not in path.read_bytes():
                    raise fail("", 0, f"the HTML of {identifier} was not made by LaTeXML. Try again later")
                kept.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, kept)
        except NotThere:
            return None
        return kept.read_bytes()

    def close(self) -> None:
        """Close the connections."""
        if self.http is not None:
            self.http.close()
            self.http = None

    def _folder(self, identifier: str) -> Path:
        return self.cache / identifier.replace("/", "_")

    @contextlib.contextmanager
    def _answer(self, url: str, limit: int, what: str):
        """The answer to a request in a file, which is gone afterwards unless it was moved."""
        import httpx2

        self.cache.mkdir(parents=True, exist_ok=True)
        path = self.cache / f".answer-{os.getpid()}"
        if self.http is None:
            self.http = httpx2.Client(
                transport=self.transport,
                trust_env=httpx2.URL(url).host not in http.LOOPBACK,
                timeout=TIMEOUT,
                headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
            )
        try:
            self.say(f"arXiv: {what}")
            self._ask(self.http, url, path, limit, what)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _ask(self, client: httpx2.Client, url: str, path: Path, limit: int, what: str) -> None:
        def once() -> None:
            self._throttle()
            status, asked = self._download(client, url, path, limit, what)
            if status in http.RETRY:
                raise http.Busy(f"status {status}", asked)
            if status != 200:
                raise _refused(status, what)

        http.patiently(once, "arXiv", self.say, wait=self.sleep, failed=f"does not deliver the {what}")

    def _download(self, client: httpx2.Client, url: str, path: Path, limit: int, what: str) -> tuple[int, float | None]:
        """One request and the redirects that it leads to; returns the status, and the seconds asked to wait."""
        for _ in range(REDIRECTS + 1):
            with client.stream("GET", url) as response, path.open("wb") as out:
                if response.status_code in (301, 302, 303, 307, 308):
                    target = response.url.join(response.headers.get("Location", ""))
                    if target.scheme != "https" and (target.scheme, target.host) != (
                        response.url.scheme,
                        response.url.host,
                    ):
                        raise fail(
                            "", 0, f"arXiv sends us to {str(target)[:200]!r}, which is not https. Try again later"
                        )
                    url = str(target)
                    continue
                asked = http.asked_wait(response.headers.get("Retry-After", ""))
                if response.status_code != 200:
                    return response.status_code, asked
                size = 0
                # Raw, because what a content coding wraps is the e-print's own gzip.
                for chunk in http.in_time(response.iter_raw(1 << 16), self.clock):
                    size += len(chunk)
                    if size > limit:
                        raise fail(
                            "", 0, f"the {what} has over {limit >> 20} MiB, more than any paper needs. It is refused"
                        )
                    out.write(chunk)
                return 200, asked
        raise fail("", 0, f"arXiv redirects the request for the {what} over {REDIRECTS} times. Try again later")

    def _throttle(self) -> None:
        """Wait until the last request, of this process or an earlier one, lies far enough back."""
        stamp = self.cache / ".last-request"
        with contextlib.suppress(OSError, ValueError):
            since = self.clock() - float(stamp.read_text())
            if 0 <= since < PAUSE:
                self.sleep(PAUSE - since)
        stamp.write_text(repr(self.clock()))


def _refused(status: int, what: str) -> PressError:
    if status in (400, 404, 410):
        message = f"arXiv has no {what} (status {status}). Check the ID, and whether the paper was withdrawn"
        return NotThere(fail("", 0, message).problems)
    return fail("", 0, f"arXiv refuses the {what} (status {status}). Nothing was changed; try again later")


def _unzipped(data: bytes) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return zlib.decompressobj(31).decompress(data, MAX_METADATA)
    except zlib.error:
        return data
