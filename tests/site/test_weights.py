"""What a page of the built site makes a browser load before its reader does anything; pictures keep their places."""

from __future__ import annotations

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
pytestmark = pytest.mark.skipif(not PAGES, reason="no _site: run make site first")
NAME = {path: path.relative_to(SITE).as_posix() for path in PAGES}


def size(page: Path, address: str) -> int:
    """Bytes of a file that a page names; 0 where it is not the site's own, which other tests refuse."""
    parts = urlsplit(address)
    path = SITE / parts.path.lstrip("/") if parts.path.startswith("/") else page.parent / parts.path
    return path.stat().st_size if not parts.scheme and path.is_file() else 0


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


@needs_chrome
@pytest.mark.slow
def test_the_site_works_below_any_path(tmp_path):
    (tmp_path / "some").mkdir()
    (tmp_path / "some/blog").symlink_to(SITE)
    pages = [f"some/blog/{name}" for name in ("index.html", "claims.html", "posts/guidance/index.html")]
    problems, answers = look(tmp_path, pages, widths=(1280,), extra="(doc) => doc.querySelectorAll('main a').length")
    assert problems == []
    assert all(count > 3 for count in answers.values())
