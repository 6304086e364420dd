"""A page's Content-Security-Policy: with `press: offline: true` a browser refuses whatever is not from the site.

The page's own inline scripts and handlers are named by their hashes: one that came there in another way does not run.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from html import escape
from html.parser import HTMLParser

START = '<meta charset="utf-8">'
SCRIPT = re.compile(r"<script\b((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
TYPE = re.compile(r"""\btype\s*=\s*["']?([^"'\s>]*)""", re.IGNORECASE)
RUNS = ("", "module", "importmap", "text/javascript", "application/javascript")  # types of scripts that are not data
HANDLER = re.compile(r"\son[a-z]+\s*=", re.IGNORECASE)
EVALUATING = ("plotly", "vega", "widgets")  # libraries that make functions of strings
REST = (
    "style-src 'self' 'unsafe-inline'",  # figures and tables have styles of their own
    "img-src 'self' data: blob:",
    "media-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self' data: blob:",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
)


def with_policy(markup: str, libraries: Iterable[str]) -> str:
    """A page with its policy in its head, before anything that it restrains.

    Args:
        markup: the whole page.
        libraries: what draws on it; a few need more rights.
    """
    before, start, after = markup.partition(START)
    content = escape("; ".join([*_scripts(markup, libraries), *REST]), quote=False)
    return f'{before}{start}\n<meta http-equiv="Content-Security-Policy" content="{content}">{after}'


def _scripts(markup: str, libraries: Iterable[str]) -> list[str]:
    inline = [
        text
        for attributes, text in SCRIPT.findall(markup)
        if text.strip() and ((TYPE.search(attributes) or [""] * 2)[1].lower() in RUNS)
    ]
    handlers = _handlers(markup) if HANDLER.search(markup) else []
    parts = ["'self'", "'wasm-unsafe-eval'"]  # the search and live figures are WebAssembly
    parts += ["'unsafe-eval'"] if any(name in EVALUATING for name in libraries) else []
    parts += ["'unsafe-hashes'"] if handlers else []
    parts += dict.fromkeys(map(_hash, [*inline, *handlers]))
    return ["default-src 'self'", f"script-src {' '.join(parts)}"]


def _hash(text: str) -> str:
    """As a browser takes it, which knows one kind of line end only."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").encode()
    return f"'sha256-{base64.b64encode(hashlib.sha256(plain).digest()).decode()}'"


def _handlers(markup: str) -> list[str]:
    """The code of attributes such as onclick."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value for name, value in attrs if name.startswith("on") and value)

    Reader().feed(markup)
    return found
