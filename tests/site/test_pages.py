"""Every page of the site that `make site` built, in a real browser, from a phone's width to a desk's.

Nothing is wider than the page or cut at its edge, every picture loads, no script fails, and no request leaves the site.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .browser import look, needs_chrome

SITE = Path(__file__).resolve().parents[2] / "_site"

pytestmark = [
    needs_chrome,
    pytest.mark.skipif(not (SITE / "index.html").is_file(), reason="no _site: run make site first"),
    pytest.mark.slow,
]


def test_every_page_fits_loads_and_asks_nobody_else():
    pages = [path.relative_to(SITE).as_posix() for path in sorted(SITE.rglob("*.html"))]
    pages = [url for url in pages if not url.startswith(("site_libs/", "pagefind/"))]
    assert len(pages) > 30
    problems, _ = look(SITE, pages)
    assert problems == []


# The lowest row of pixels of a letter with a descender, drawn as the label is, against the box that cuts.
DESCENDERS = """async (doc, view) => {
  const cut = [];
  for (const span of doc.querySelectorAll(".press-graph .label > span")) {
    const style = view.getComputedStyle(span), canvas = doc.createElement("canvas").getContext("2d");
    canvas.font = `${style.fontSize} ${style.fontFamily}`;
    const size = canvas.measureText("gjpqy");
    const line = parseFloat(style.lineHeight), needed = size.fontBoundingBoxAscent + size.actualBoundingBoxDescent;
    const top = (line - size.fontBoundingBoxAscent - size.fontBoundingBoxDescent) / 2;
    if (top + needed > line) cut.push(span.textContent);
  }
  return { labels: doc.querySelectorAll(".press-graph .label").length, cut };
}"""


@pytest.mark.parametrize("width", [390, 1280])
def test_labels_of_the_graph_keep_their_descenders(width):
    problems, answers = look(SITE, ["graph.html"], widths=(width,), extra=DESCENDERS)
    assert problems == []
    assert answers["graph.html"]["labels"] > 20
    assert answers["graph.html"]["cut"] == []
