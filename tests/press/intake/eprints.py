"""Made-up e-prints, and a server on loopback that hands them out as arXiv does."""

from __future__ import annotations

import gzip
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>ArXiv Query</title>{entry}</feed>"""
ENTRY = """<entry><id>http://arxiv.org/abs/{id}</id><published>2020-10-06T17:00:00Z</published>
<title>Made-up  Diffusion
  Models</title><author><name>Jane van der Doe</name></author><author><name>Kurt G\u00f6del</name></author>
<arxiv:doi xmlns:arxiv="http://arxiv.org/schemas/atom">10.1000/made-up</arxiv:doi></entry>"""


def tar(files: dict[str, bytes | str]) -> bytes:
    """A plain tar archive of regular files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def eprint(files: dict[str, bytes | str]) -> bytes:
    """A gzipped tar archive, as arXiv sends most papers."""
    return gzip.compress(tar(files), 1)


class Server:
    """arXiv on loopback. `answers` maps a path to a list of (status, headers, body), the last of which stays."""

    def __init__(self):
        self.log: list[tuple[str, str]] = []  # path with query, User-Agent
        self.answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = {}
        self.newest: dict[str, str] = {}  # id without version -> its newest
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.log.append((self.path, self.headers.get("User-Agent", "")))
                status, headers, body = server.answer(self.path)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """What to send for this path."""
        planned = self.answers.get(urlsplit(path).path)
        if planned:
            return planned.pop(0) if len(planned) > 1 else planned[0]
        if path.startswith("/api/query"):
            wanted = parse_qs(urlsplit(path).query)["id_list"][0]
            identifier = self.newest.get(wanted, wanted)
            entry = ENTRY.format(id=identifier) if "v" in identifier.rpartition("/")[2] else ""
            return 200, {"Content-Type": "application/atom+xml"}, FEED.format(entry=entry).encode()
        return 404, {}, b"not found"

    def give(self, identifier: str, body: bytes, status: int = 200, **headers: str) -> None:
        """Have this e-print. Underscores in the names of headers become hyphens."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.setdefault(f"/e-print/{identifier}", []).append((status, headers, body))

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.log]

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


class Clock:
    """Time that passes only in `sleep`, and a little with each look."""

    def __init__(self):
        self.now = 1_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        self.now += 0.001
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 1))
        self.now += seconds
