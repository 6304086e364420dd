"""axe-core, which we did not write, finds nothing to object to on any kind of page, light or dark."""

from __future__ import annotations

import pytest

from press.renderer import libraries

from .browser import look, needs_chrome
from .test_pages import SITE

pytestmark = [
    needs_chrome,
    pytest.mark.skipif(not (SITE / "index.html").is_file(), reason="no _site: run make site first"),
    pytest.mark.slow,
]
AXE = libraries.Package(
    "axe-core",
    "4.14.1",
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    (),
)
# One of each kind; of posts and papers, one with many kinds of figure and one with live ones.
KINDS = (
    "index.html",
    "404.html",
    "about.html",
    "reading.html",
    "claims.html",
    "equations.html",
    "functions.html",
    "glossary.html",
    "graph.html",
    "papers/index.html",
    "papers/ho2022cfg/index.html",
    "playground.html",
    "posts/guidance/index.html",
    "posts/negative-prompts/index.html",
    "posts/flow-matching/index.html",
)
CHECK = """async (doc, view) => {
  const script = doc.createElement("script");
  await new Promise((done, failed) => { script.onload = done; script.onerror = failed; script.src = "/-/axe.js"; doc.head.append(script); });
  const found = {};
  for (const theme of ["light", "dark"]) {
    const toggle = doc.querySelector(".quarto-color-scheme-toggle");
    if (doc.documentElement.dataset.theme !== theme) toggle.click();
    await new Promise((done) => setTimeout(done, 400)); // colours change in steps
    const { passes, violations } = await view.axe.run(doc, { resultTypes: ["violations"] });
    found[theme] = violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary.replace(/\\s+/g, " ")}`));
    found.passes = passes.length;
  }
  return found;
}"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    package = libraries.unpacked(AXE, tmp_path_factory.mktemp("npm"))
    if package is None:
        pytest.skip("npm did not hand over axe-core")
    return look(SITE, KINDS, widths=(1280,), extra=CHECK, scripts={"/-/axe.js": package / "axe.min.js"})[1]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", KINDS)
def test_axe_finds_nothing(answers, page, theme):
    assert answers[page]["passes"] > 15
    assert answers[page][theme] == []
