"""`press preview`: serve the site on this machine, rebuild on save, reload the browser."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import sys
import threading
import webbrowser
from pathlib import Path

from press.core.bars import Progress
from press.core.errors import PressError, fail
from press.core.manifest import Manifest
from press.core.project import Project, open_project
from press.core.sitefolder import check_place, site_problems
from press.core.source import is_generated, relative
from press.pipeline import build
from press.telling import folded

SCRIPT = b"new EventSource('/-/changes').onmessage = () => location.reload();"
RELOAD = b'<script src="/-/reload.js"></script></body>'  # a file: a page's policy may forbid other inline scripts
IGNORED = ("index_files", "__pycache__", "node_modules", "venv")
UNFINISHED = ("~", ".tmp", ".swp", ".part")  # what editors and downloads leave for a moment


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of the site; pages get a line that reloads them after a rebuild."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args, site: Path, changes: threading.Condition, **kwargs):
        self.changes = changes
        super().__init__(*args, directory=str(site), **kwargs)

    def do_GET(self) -> None:
        """A page, a file, or the stream of changes."""
        if self.path == "/-/changes":
            return self._stream()
        if self.path == "/-/reload.js":
            return self._send(SCRIPT, 200, "text/javascript")
        path = Path(self.translate_path(self.path))
        if os.path.isdir(path) and self.path.partition("?")[0].endswith("/"):
            path = path / "index.html"
        if path.suffix != ".html" or not os.path.isfile(path):
            return super().do_GET()
        return self._page(path, 200)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """An error; where there is no such file, the site's own page says so, as its host would."""
        own = Path(self.directory) / "404.html"
        if code == 404 and os.path.isfile(own):
            return self._page(own, 404)
        return super().send_error(code, message, explain)

    def _page(self, path: Path, status: int) -> None:
        self._send(path.read_bytes().replace(b"</body>", RELOAD), status, "text/html")

    def _send(self, data: bytes, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while True:
                with self.changes:
                    changed = self.changes.wait(timeout=15)
                self.wfile.write(b"data: changed\n\n" if changed else b": still here\n\n")
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *args) -> None:
        """Requests are not worth a line each."""


def preview(project: Project, *, port: int, jobs: int, renderer: str, browser: bool) -> int:
    """Build, serve at 127.0.0.1, rebuild after each save until interrupted. Returns the exit status.

    Args:
        browser: whether to open the first page in one.
    """
    from watchfiles import watch

    check_place(project)
    if problems := site_problems(project):
        raise PressError(problems)
    changes = threading.Condition()
    _build(project, jobs, renderer)
    handler = functools.partial(Handler, site=project.site, changes=changes)
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise fail("", 0, f"--port {port}: {error.strerror}. Choose another, or 0 for any free port") from None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    print(f"{address}  (stop with Ctrl-C)", flush=True)
    if browser:
        webbrowser.open(address)  # where there is none, the address is printed above
    try:
        for batch in watch(project.root, watch_filter=functools.partial(_wanted, project), step=200):
            names = sorted({relative(Path(path), project.root) for _, path in batch})
            print(f"changed: {', '.join(names[:4])}", file=sys.stderr, flush=True)
            if _build(open_project(project.root, project.config.asked), jobs, renderer):
                with changes:
                    changes.notify_all()
    except KeyboardInterrupt:
        pass
    finally:
        server.shutdown()
    return 0


def _wanted(project: Project, _change: object, path: str) -> bool:
    """Whether the change of a file calls for a build: of any that an author may have written, as posts read what they
    like."""
    file = Path(path)
    if not file.is_relative_to(project.root) or file.is_relative_to(project.site):
        return False
    parts = file.relative_to(project.root).parts
    if any(part.startswith(".") or part in IGNORED for part in parts) or file.name.endswith(UNFINISHED):
        return False
    return not is_generated(file) and "/".join(parts) not in Manifest(project).names()


def _build(project: Project, jobs: int, renderer: str) -> bool:
    """Build, or say what is wrong and keep serving what there was."""
    try:
        with contextlib.closing(Progress()) as progress:
            report = build(project, {}, jobs=jobs, renderer=renderer, progress=progress)
    except PressError as error:
        print(*(f"error: {problem}" for problem in error.problems), sep="\n", file=sys.stderr, flush=True)
        return False
    told = [f"warning: {problem}" for problem in folded(report.warnings)] + [f"note: {note}" for note in report.notes]
    print(*told, sep="\n", end="\n" if told else "", file=sys.stderr)
    print(
        f"built: {len(report.executed)} posts ran, {len(report.rendered)} pages rendered", file=sys.stderr, flush=True
    )
    return report.changed
