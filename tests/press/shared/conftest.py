"""A small project that was executed once, its exported cache, a stranger's checkout of it, and a server on loopback."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from press.core.project import open_project
from press.posts.post import to_bytes
from press.preflight import planned
from press.shared.taking import take
from tests.press.conftest import CLAIM, CONFIG, Site, cell

FIGURE = """\
#| label: fig-two
#| fig-cap: Two frames.
#| fig-alt: Grey, then white.
import numpy as np
from postkit.slider import slider

slider([np.full((8, 8), 0.5), np.ones((8, 8))], labels=["n = 1", "n = 2"], name="n", alt="A square.")
"""
MEASURE = 'from postkit.claims import claim\n\nclaim("few-steps", paper="known2020", measured=2.0, interval=(1.5, 2.5), seeds=3)'
TABLE = 'from postkit.table import table\n\ntable([["a", 0.25], ["<b>", 1.5]], ["name", "value"])'
PARAMETERS = "#| tags: [parameters]\nseed = 3"


def make_project(root: Path) -> Site:
    """`figures` shows all that postkit draws; `reads` opens a file that its source does not name."""
    site = Site(root)
    site.write("_quarto.yml", CONFIG.replace("checks: strict", "checks:\n    reads: warn"))
    site.write("papers/known2020/paper.toml", 'citekey = "known2020"\n\n' + CLAIM)
    site.write("numbers.txt", "41\n")
    site.post("figures", "Words.\n\n" + "\n".join(map(cell, (PARAMETERS, FIGURE, MEASURE, TABLE, "print(seed)"))))
    name = cell('name = "numbers"\nprint(int(open(f"../../{name}.txt").read()) + 1)')
    site.post("reads", "The answer is `{python} 6 * 7`.\n\n" + name)
    return site


@pytest.fixture(scope="session")
def executed_once(tmp_path_factory) -> Site:
    site = make_project(tmp_path_factory.mktemp("executed") / "project")
    site.press("build")
    site.press("cache", "export", "../cache")
    return site


@pytest.fixture
def stranger(executed_once, tmp_path) -> Site:
    """The sources alone."""
    return make_project(tmp_path / "stranger")


@pytest.fixture
def cache(executed_once, tmp_path) -> Path:
    """The exported cache, to spoil."""
    return Path(shutil.copytree(executed_once.root.parent / "cache", tmp_path / "cache"))


def listed(cache: Path) -> dict[str, Any]:
    """`cache.json`."""
    return json.loads((cache / "cache.json").read_text())


def entry_of(found: dict[str, Any], slug: str) -> dict[str, Any]:
    """The entry of a post in what `listed` gives."""
    return next(entry for entry in found["entries"].values() if entry["slug"] == slug)


def relist(cache: Path, change: Callable[[dict[str, Any]], None], slug: str = "figures") -> None:
    """Change the entry of a post."""
    found = listed(cache)
    change(entry_of(found, slug))
    (cache / "cache.json").write_text(json.dumps(found))


def put(cache: Path, data: bytes, kind: str = "notebook", slug: str = "figures") -> None:
    """Replace a file of an entry, hashes and all: what somebody can do who publishes the cache."""
    digest = hashlib.sha256(data).hexdigest()
    (cache / f"{digest}.json").write_bytes(data)
    relist(cache, lambda entry: entry.update({kind: {"sha256": digest, "bytes": len(data)}}), slug)
    if kind == "notebook":
        record = json.loads(content(cache, "record", slug))
        put(cache, json.dumps(record | {"sha256": digest}).encode(), "record", slug)


def file_of(cache: Path, kind: str = "notebook", slug: str = "figures") -> Path:
    """A file of an entry."""
    return cache / f"{entry_of(listed(cache), slug)[kind]['sha256']}.json"


def content(cache: Path, kind: str = "notebook", slug: str = "figures") -> bytes:
    """What is in a file of an entry."""
    return file_of(cache, kind, slug).read_bytes()


def rewrite(cache: Path, change: Callable[[dict[str, Any]], Any], slug: str = "figures") -> None:
    """Change a notebook, hashes and all."""
    book = json.loads(content(cache, "notebook", slug))
    change(book)
    put(cache, to_bytes(book), "notebook", slug)


def taking(site: Site, text: str) -> tuple[list[str], list[str], list[str]]:
    """What is taken; what is said; what the build would repeat at its end. Nothing is executed."""
    project = open_project(site.root)
    plan, papers = planned(project, [], {})
    assert not plan.problems
    said: list[str] = []
    take(plan, project, papers, text, said.append)
    assert set(plan.taken) <= set(plan.executed) == {step.post.slug for step in plan.steps if not step.reasons}
    return sorted(plan.taken), said, plan.notes


class Server:
    """A folder on loopback. `answers` maps a path to (status, headers, body) that come first, in turn."""

    def __init__(self, folder: Path):
        self.log: list[str] = []
        self.answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = {}
        self.headers: list[dict[str, str]] = []
        self.waits: dict[str, threading.Event] = {}  # path -> set when it is asked for, and then never answered
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.log.append(self.path)
                server.headers.append(dict(self.headers))
                if self.path in server.waits:
                    server.waits[self.path].set()
                    self.rfile.read(1)  # until the other side is gone
                    return
                path = folder / self.path.removeprefix("/blog/")
                usual = (200, {}, path.read_bytes()) if path.is_file() else (404, {}, b"<h1>no</h1>")
                status, headers, body = (server.answers.get(self.path) or [usual]).pop(0)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/blog"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server(cache):
    made = Server(cache)
    threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield made
    made.close()
