"""What a page of the built site makes a browser load before its reader does anything; pictures keep their places."""

from __future__ import annotations

import gzip
from pathlib import Path
from urllib.parse import urlsplit

import lxml.html
import pytest

from .browser import look, needs_chrome
from .test_pages import SITE

PAGES = [
    path for path in sorted(SITE.rglob("*.html")) if path.relative_to(SITE).parts[0] not in ("site_libs", "pagefind")
]
MOST = 1_000_000  # bytes of a page with its styles, scripts and pictures that do not wait
MOST_SCRIPT = 100_000
MOST_BEFORE_TEXT = 50_000  # compressed; at 1.6 Mbit/s a quarter of a second, beside four round trips of 150 ms
pytestmark = pytest.mark.skipif(not PAGES, reason="no _site: run make site first")
NAME = {path: path.relative_to(SITE).as_posix() for path in PAGES}


def content(page: Path, address: str) -> bytes:
    """Of a file that a page names; nothing where it is not the site's own, which other tests refuse."""
    parts = urlsplit(address)
    path = SITE / parts.path.lstrip("/") if parts.path.startswith("/") else page.parent / parts.path
    return path.read_bytes() if not parts.scheme and path.is_file() else b""


def size(page: Path, address: str) -> int:
    """Bytes of such a file."""
    return len(content(page, address))


@pytest.mark.parametrize("page", PAGES, ids=NAME.get)
def test_a_page_is_light(page):
    tree = lxml.html.fromstring(page.read_bytes())
    runs = [one for one in tree.iter("script") if one.get("type") in (None, "module", "text/javascript")]
    script = sum(size(page, one.get("src")) if one.get("src") else len(one.text or "") for one in runs)
    styles = sum(size(page, one.get("href")) for one in tree.xpath("//link[@rel='stylesheet']"))
    pictures = [one for one in tree.iter("img") if not (one.get("src") or "data:").startswith("data:")]
    eager = sum(size(page, one.get("src")) for one in pictures if one.get("loading") != "lazy")
    assert 0 < script <= MOST_SCRIPT
    assert page.stat().st_size + script + styles + eager <= MOST
    assert [one.get("src") for one in pictures if not (one.get("width") and one.get("height"))] == []


@pytest.mark.parametrize("page", PAGES, ids=NAME.get)
def test_little_stands_between_a_reader_and_the_first_text(page):
    """A browser shows no text before the styles, and the scripts that wait for nothing, are there."""
    whole = page.read_bytes()
    tree = lxml.html.fromstring(whole)
    waiting = ("defer", "async")
    awaited = [one.get("href") for one in tree.xpath("//link[@rel='stylesheet']")]
    scripts = [one for one in tree.xpath("//script[@src]") if one.get("type") != "module"]
    awaited += [one.get("src") for one in scripts if all(one.get(word) is None for word in waiting)]
    before = [whole[: whole.index(b"<main")], *(content(page, address) for address in awaited)]
    assert sum(len(gzip.compress(part)) for part in before) <= MOST_BEFORE_TEXT


@needs_chrome
@pytest.mark.slow
def test_the_site_works_below_any_path(tmp_path):
    (tmp_path / "some").mkdir()
    (tmp_path / "some/blog").symlink_to(SITE)
    pages = [f"some/blog/{name}" for name in ("index.html", "claims.html", "posts/guidance/index.html")]
    problems, answers = look(tmp_path, pages, widths=(1280,), extra="(doc) => doc.querySelectorAll('main a').length")
    assert problems == []
    assert all(count > 3 for count in answers.values())
