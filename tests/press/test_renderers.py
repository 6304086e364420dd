"""Both renderers give the same pages: titles, headings, citations, figure numbers, listing order.

The structure of a built page is read from its HTML by what a reader sees, not by either renderer's class names. The
embedded renderer is compared with stored expectations; where Quarto is on PATH, Quarto is compared with the same ones.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from lxml import html

from tests.press.conftest import CONFIG, cell

EXPECTED = Path(__file__).parent / "expected_structure.json"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
IMAGE = f"import base64\n\nfrom IPython.display import Image\n\nImage(base64.b64decode('{PIXEL}'), width=40)"
FIRST = (
    """\
## Start {#sec-start}

Known since [@known2020, p. 3]; also @known2020. See @fig-one, @fig-two, @tbl-one, @eq-one and @eq-two.[^note]

[^note]: A footnote with a *word*.

$$
a = b
$$ {#eq-one}

"""
    + cell(f'#| label: fig-one\n#| fig-cap: "The first figure."\n#| fig-alt: "A dot."\n{IMAGE}')
    + """
### Deeper

::: {.callout-note title="Mind this"}
Inside, $x^2$.
:::

$$
c = d
$$ {#eq-two}

| left | right |
|------|------:|
| a    |     1 |

: A table. {#tbl-one}

"""
    + cell(f'#| label: fig-two\n#| fig-cap: "The second figure."\n#| fig-alt: "Another dot."\n{IMAGE}')
    + """
::: {.panel-tabset}
## One

First tab.

## Two

Second tab.
:::

"""
    + cell("#| echo: false\nprint('printed <b>text</b>')")
)
SECOND = "## Only section\n\nWords about {{< meta title >}}.\n\n" + cell("#| code-fold: true\nx = 1\nprint(x)")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Two posts and a home page that use what our pages use."""
    from tests.press.conftest import Site

    site = Site(tmp_path_factory.mktemp("both"))
    site.write(
        "_quarto.yml", CONFIG.replace("    toc: true\n", "    toc: true\n    html-math-method: mathml\nlang: en\n")
    )
    site.post("older", SECOND, title="The older post")
    site.post("newer", FIRST, title="The newer post")
    path = site.root / "posts/newer/post.qmd"
    path.write_text(path.read_text().replace("2026-01-01", "2026-02-02"))
    site.press("run")
    return site


def plain(element) -> str:
    """Visible text, white space folded; MathML's TeX annotation left out."""
    for note in element.xpath(".//*[local-name()='annotation']"):
        note.getparent().remove(note)
    return re.sub(r"\s+", " ", element.text_content().replace("\xa0", " ")).strip()


def structure(site: Path) -> dict:
    """What a reader sees of a site's structure."""
    found = {}
    for url in ("index.html", "posts/newer/index.html", "posts/older/index.html"):
        tree = html.parse(str(site / url)).getroot()
        main = tree.xpath("//main")[0]
        found[url] = {
            "title": tree.findtext(".//title"),
            "h1": [plain(e) for e in main.xpath(".//h1")],
            "headings": [plain(e) for e in main.xpath(".//section[contains(@class,'level')]/*[self::h2 or self::h3]")],
            "captions": [plain(e) for e in main.xpath(".//figcaption|.//caption")],
            "references": [plain(e) for e in main.xpath(".//a[contains(@class,'quarto-xref')]")],
            "citations": [plain(e) for e in main.xpath(".//span[contains(@class,'citation')]")],
            "bibliography": [plain(e) for e in tree.xpath("//div[contains(@class,'csl-entry')]")],
            "footnotes": len(main.xpath(".//a[contains(@class,'footnote-ref')]")),
            "equations": re.findall(
                r"\((\d)\)", " ".join(plain(e) for e in main.xpath(".//*[starts-with(@id,'eq-')]"))
            ),
            "images": [e.get("alt") for e in main.xpath(".//figure//img")],
            "output": [plain(e) for e in main.xpath(".//div[contains(@class,'cell-output-stdout')]//code")],
        }
    listing = html.parse(str(site / "index.html")).getroot()
    titles = [plain(e) for e in listing.xpath("//*[contains(@class,'listing-title')]")]
    found["listing"] = [title for title in titles if title]
    feed = (site / "index.xml").read_text(encoding="utf-8")
    found["feed"] = re.findall(r"<item>\s*<title>([^<]*)", feed)
    return found


def test_the_embedded_renderer_gives_the_expected_structure(project):
    project.press("build")
    found = structure(project.root / "_site")
    assert found == json.loads(EXPECTED.read_text(encoding="utf-8"))


@pytest.mark.skipif(shutil.which("quarto") is None, reason="Quarto is not on PATH")
def test_quarto_gives_the_same(project):
    import os
    import subprocess
    import sys

    command = [sys.executable, "-m", "press.cli", "build", "--renderer", "quarto", "--force"]
    env = project.environment() | {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=project.root, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert structure(project.root / "_site") == json.loads(EXPECTED.read_text(encoding="utf-8"))
