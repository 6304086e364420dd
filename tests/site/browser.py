"""Look at built pages in a real Chromium: what is wider than the page, not loaded, asked of another host, or failed.

One browser for any number of pages: a page of ours opens each of them in a frame of each width, with a script of ours
before its own, and sends back what that found. The pages come from a server on this machine that forbids, by a
Content-Security-Policy, whatever is not from the site, and notes what was not found.
"""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

CHROME = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
needs_chrome = pytest.mark.skipif(CHROME is None, reason="no Chromium on PATH: pages were not looked at")
WIDTHS = (320, 390, 768, 1280)
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"
PATIENCE = 1500  # seconds until a browser that sends nothing back is given up

WATCH = r"""<script>
window.pressFound = [];
(() => {
  const say = (what) => window.pressFound.push(String(what).slice(0, 300));
  addEventListener("error", (event) => { if (event.message) say("script: " + event.message); }, true);
  addEventListener("unhandledrejection", (event) => say("script: " + event.reason));
  addEventListener("securitypolicyviolation", (event) => say("asks another host: " + event.blockedURI));
  const before = console.error;
  console.error = (...words) => { say("console: " + words.join(" ")); before(...words); };
})();
</script>"""

# Runs in the page that holds the frame.
MEASURE = r"""
// Two frames: after the first the view knows its width, after the second the page is laid out for it.
const settled = (view) => new Promise((done) => view.requestAnimationFrame(() => view.requestAnimationFrame(done)));
const name = (e) => {
  const text = (e.id && "#" + e.id) || (e.getAttribute("class") || "").split(" ").filter(Boolean).map((c) => "." + c).join("");
  return e.tagName.toLowerCase() + text.slice(0, 80);
};
async function open(frame, url) {
  const loaded = new Promise((done) => (frame.onload = done));
  frame.src = "/" + url;
  await loaded;
}
// What can be scrolled, or cuts on purpose, holds what is wider than it.
function held(element, view) {
  for (let e = element.parentElement; e && e !== element.ownerDocument.body; e = e.parentElement) {
    if (view.getComputedStyle(e).overflowX !== "visible") return true;
  }
  return false;
}
function wide(doc, view) {
  const root = doc.documentElement, width = root.clientWidth, found = [];
  if (root.scrollWidth <= width + 1) return found;
  for (const e of doc.body.querySelectorAll("*")) {
    const box = e.getBoundingClientRect();
    if (box.right + view.scrollX > width + 1 && box.width > 0 && !held(e, view)) found.push(name(e) + " ends at " + Math.round(box.right));
  }
  return ["the page is " + root.scrollWidth + " wide: " + found.slice(-3).join(", ")];
}
// A picture in a box that hides what is beyond its edge.
function cut(doc, view) {
  const found = [];
  for (const image of doc.querySelectorAll("main img")) {
    const box = image.getBoundingClientRect();
    for (let e = image.parentElement; e && e.tagName !== "BODY"; e = e.parentElement) {
      const style = view.getComputedStyle(e);
      if (!/hidden|clip/.test(style.overflowX)) continue;
      const around = e.getBoundingClientRect();
      if (box.width && style.display !== "none" && box.right > around.right + 1) found.push("cut: " + name(image) + " in " + name(e));
    }
    if (box.right > doc.documentElement.clientWidth + 1 && !held(image, view)) found.push("cut at the page's edge: " + (image.getAttribute("src") || "").slice(0, 80));
  }
  return found;
}
async function pictures(doc) {
  const images = [...doc.images];
  for (const image of images) image.loading = "eager";
  await Promise.all(images.map((image) => image.decode().catch(() => 0)));
  return images.filter((image) => !image.naturalWidth).map((image) => "picture not loaded: " + (image.getAttribute("src") || "").slice(0, 120));
}
async function run(pages, widths) {
  const frame = document.querySelector("iframe");
  for (const page of pages) {
    const found = [];
    frame.style.width = widths[0] + "px";
    await open(frame, page);
    const doc = frame.contentDocument, view = frame.contentWindow;
    for (const folded of doc.querySelectorAll("details")) folded.open = true;
    if (doc.fonts) await doc.fonts.ready;
    for (const what of await pictures(doc)) found.push([0, what]);
    for (const width of widths) {
      frame.style.width = width + "px";
      await settled(view);
      for (const what of [...wide(doc, view), ...cut(doc, view)]) found.push([width, what]);
    }
    for (const what of view.pressFound || ["script: the page has no head"]) found.push([0, what]);
    const answer = EXTRA ? await EXTRA(doc, view, frame) : null;
    await fetch("/-/found", { method: "POST", body: JSON.stringify({ page, found, answer }) });
  }
  await fetch("/-/done", { method: "POST", body: "{}" });
}
"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Pages with the watching script in their head; what is sent back, and what was not there, goes into lists."""

    def __init__(self, *args, site: Path, store: dict[str, Any], **kwargs):
        self.store = store
        super().__init__(*args, directory=str(site), **kwargs)

    def do_GET(self) -> None:
        """The page that measures, a watched page, or a file."""
        path = unquote(urlsplit(self.path).path)
        if path == "/-/measure":
            return self._send(self.store["page"].encode())
        if path in self.store["scripts"]:
            return self._send(self.store["scripts"][path].read_bytes(), kind="text/javascript")
        file = Path(self.translate_path(self.path))
        file = file / "index.html" if file.is_dir() else file
        if not file.is_file():
            if path != "/favicon.ico":
                self.store["missing"].append(path)
            return self.send_error(404)
        if file.suffix != ".html":
            return super().do_GET()
        text = file.read_text(encoding="utf-8")
        self._send(text.replace("<head>", f"<head>{WATCH}", 1).encode(), policy=POLICY)

    def do_POST(self) -> None:
        """What a page was found to be, or the end."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/-/done":
            self.store["done"].set()
        else:
            self.store["found"].append(json.loads(body))
        self._send(b"{}")

    def _send(self, data: bytes, policy: str = "", kind: str = "text/html") -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        if policy:
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args) -> None:
        """Nothing to say."""


def look(
    site: Path,
    pages: Sequence[str],
    widths: Sequence[int] = WIDTHS,
    extra: str = "null",
    scripts: Mapping[str, Path] | None = None,
) -> tuple[list[str], dict[str, Any]]:
    """What is wrong with pages below `site`, each as "page at width: what", and what `extra` found on each.

    Args:
        extra: JavaScript, `async (doc, view, frame) => answer`; asked last, at the last width.
        scripts: address -> file of ours that `extra` may load into a page, beside those of the site.
    """
    store: dict[str, Any] = {"found": [], "missing": [], "done": threading.Event(), "scripts": scripts or {}}
    script = f"const EXTRA = {extra};\n{MEASURE}\nrun({json.dumps(list(pages))}, {json.dumps(list(widths))});"
    store["page"] = f'<!DOCTYPE html><body><iframe style="height: 900px; border: 0"></iframe><script>{script}</script>'
    handler = functools.partial(Handler, site=site, store=store)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, tempfile.TemporaryDirectory() as profile:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/-/measure"
        browser = subprocess.Popen(_command(profile, address), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _wait(browser, store["done"])
        finally:
            browser.kill()
            browser.communicate()
            server.shutdown()
    problems = [f"{f['page']} at {width or 'any'}: {what}" for f in store["found"] for width, what in f["found"]]
    problems += [f"not found: {path}" for path in dict.fromkeys(store["missing"])]
    seen = [f["page"] for f in store["found"]]
    assert seen == list(pages), f"the browser looked at {len(seen)} of {len(pages)} pages"
    return problems, {f["page"]: f["answer"] for f in store["found"]}


def _command(profile: str, address: str) -> list[str]:
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return [str(CHROME), "--headless", "--no-sandbox", "--disable-gpu", *quiet, "--window-size=1400,1000",
            f"--user-data-dir={profile}", "--remote-debugging-port=0", address]  # fmt: skip


def _wait(browser: subprocess.Popen, done: threading.Event) -> None:
    for _ in range(PATIENCE):
        if done.wait(1):
            return
        if browser.poll() is not None:
            raise RuntimeError(f"Chromium ended early: {browser.communicate()[1].decode(errors='replace')[-2000:]}")
    raise RuntimeError("Chromium sent nothing back")
