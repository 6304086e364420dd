"""A whole build with Quarto on PATH: its pages, as a stand-in writes them, through our post-render step and styles.

The project has all that our pages have: a slider before any figure, a figure wider than the column, displayed formulas,
a wide table, a claim box, the graph, symbols, a notebook to download, a paper's page, a feed. Both renderers' sites are
then looked at in a real browser. Where a real Quarto is installed, test_renderers.py compares its pages as well.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from lxml import etree, html

from press.checks.links import check_site
from press.core.config import read_config
from press.core.project import open_project
from press.renderer import render_site
from press.renderer.quarto import FOREIGN_IMPORT, finish
from tests.press.conftest import CLAIM, CONFIG, LIB, Site, cell
from tests.press.quarto_stub import LOADERS, render
from tests.site.browser import look, needs_chrome

STUB = Path(__file__).with_name("quarto_stub.py")
ROOT = Path(__file__).resolve().parents[2]
PAGES = "[index.qmd, 404.qmd, papers/index.qmd, papers/*/index.qmd, claims.qmd, equations.qmd, functions.qmd, graph.qmd, glossary.qmd, "
POST = (
    """\
Known since [@known2020].

"""
    + cell(
        """\
#| echo: false
import numpy as np
from postkit.slider import slider

slider([np.full((40, 60), v) for v in (0.1, 0.9)], labels=["dark", "light"], name="light", alt="A grey picture.")"""
    )
    + """
$$
\\tilde\\epsilon_\\theta(\\mathbf{x}_t) = \\epsilon_1 + \\epsilon_2 + \\epsilon_3 + \\epsilon_4 + \\epsilon_5 + \\epsilon_6 + \\epsilon_7 + \\epsilon_8 + \\epsilon_9
+ \\epsilon_{10} + \\epsilon_{11} + \\epsilon_{12} + \\epsilon_{13} + \\epsilon_{14} + \\epsilon_{15} + \\epsilon_{16} + \\epsilon_{17} + \\epsilon_{18} + \\epsilon_{19}
$$ {#eq-long}

"""
    + cell(
        """\
#| label: fig-wide
#| fig-cap: "A wide figure."
#| fig-alt: "A line."
import matplotlib.pyplot as plt
from postkit.style import use_style

use_style()
figure = plt.figure(figsize=(16, 3))
_ = plt.plot([0, 1])"""
    )
    + "\n| "
    + " | ".join(f"column {n}" for n in range(14))
    + " |\n|"
    + "---|" * 14
    + "\n| "
    + " | ".join(f"`value_{n}`" for n in range(14))
    + " |\n\n"
    + cell(
        'from postkit.claims import claim\n\nclaim("few-steps", paper="known2020", measured=2.0, interval=(1.5, 2.5), seeds=3)'
    )
)


def quarto_on_path(folder: Path) -> str:
    """PATH with the stand-in before everything else."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "quarto"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STUB}" "$@"\n')
    script.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def build(site: Site, tools: Path, *options: str) -> subprocess.CompletedProcess[str]:
    env = site.environment() | {"PATH": quarto_on_path(tools), "PYTHONPATH": f"{LIB}{os.pathsep}{ROOT}"}
    return subprocess.run(site.command("build", *options), cwd=site.root, env=env, capture_output=True, text=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Site:
    site = Site(tmp_path_factory.mktemp("under-quarto"))
    config = CONFIG.replace("[index.qmd, ", PAGES) + "  offline: true\n"
    site.write("_quarto.yml", config)
    shutil.copytree(LIB / "postkit", site.root / "lib/postkit", ignore=shutil.ignore_patterns("__pycache__"))
    site.write("NOTATION.md", (ROOT / "NOTATION.md").read_text(encoding="utf-8"))
    site.write("404.qmd", (ROOT / "404.qmd").read_text(encoding="utf-8"))
    site.write(
        "papers/known2020/paper.toml",
        """\
citekey = "known2020"
arxiv = "2001.00001v2"

[[equations]]
number = "4"
latex = 'x_{t-1} = x_t + \\sigma z'
says = "One step."
implemented_by = ["mathlib.core.two"]

"""
        + CLAIM,
    )
    site.post("a", POST, title="Wide things that talk gladly")
    site.post(
        "b", "## Only words {#sec-words}\n\nNo picture, and no [figure](../a/index.ipynb#fig-wide).\n", title="Words"
    )
    return site


@pytest.fixture(scope="module")
def quarto_site(project, tmp_path_factory) -> Path:
    done = build(project, tmp_path_factory.mktemp("bin"))
    assert done.returncode == 0, done.stderr
    assert project.read(".quarto/warnings.txt") == ""
    return project.root / "_site"


def pages(site: Path) -> list[str]:
    found = (path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html")))
    return [url for url in found if not url.startswith(("site_libs/", "pagefind/"))]


def tree(site: Path, url: str):
    return html.fromstring((site / url).read_bytes())


def without_marks(project: Site, folder: Path) -> Path:
    """A copy of the project in which nothing marks a figure, rendered into `out` and not touched since."""
    book = json.loads(project.read("posts/a/index.ipynb"))
    for c in book["cells"]:
        c["source"] = [line for line in c["source"] if "preview-image" not in line]
    copy = folder / "copy"
    shutil.copytree(project.root, copy, ignore=shutil.ignore_patterns("_site", ".press"))
    (copy / "posts/a/index.ipynb").write_text(json.dumps(book))
    render(copy, copy / "out")
    return copy


@needs_chrome
def test_every_page_of_quartos_fits_loads_and_stays_at_home(quarto_site):
    problems, _ = look(quarto_site, pages(quarto_site))
    assert problems == []


@needs_chrome
def test_what_quarto_writes_would_not(project, quarto_site, tmp_path):
    # The same pages without our step, so that the look above is known to see what it is there for.
    copy = without_marks(project, tmp_path)
    problems, _ = look(copy / "out", ["index.html", "posts/a/index.html", "graph.html"], widths=(390,))
    told = "\n".join(problems)
    for part in ("picture not loaded: posts/a/data:image", "fonts.googleapis.com", "cdnjs.cloudflare.com",
                 "replace is not a function", "define is not defined", "posts/a/index.html at 390: cut",
                 "posts/a/index.html at 390: the page is"):  # fmt: skip
        assert part in told, told


def test_a_listing_shows_the_first_figure_and_never_data(quarto_site):
    home = tree(quarto_site, "index.html")
    assert home.xpath("//img/@src") == ["posts/a/index_files/figure-html/fig-wide-output-1.png"]
    for url in pages(quarto_site):
        for image in tree(quarto_site, url).xpath("//meta[@property='og:image']/@content"):
            assert (quarto_site / image.removeprefix("https://example.org/")).is_file(), image


def test_a_page_whose_pictures_stand_in_it_is_mended_too(project, quarto_site, tmp_path):
    # As of somebody else's post, where nothing marks a figure.
    copy = without_marks(project, tmp_path)
    assert 'src="posts/a/data:image' in (copy / "out/index.html").read_text()
    finish(open_project(copy), copy / "out")
    figure = "posts/a/index_files/figure-html/fig-wide-output-1.png"
    assert tree(copy / "out", "index.html").xpath("//img/@src") == [figure]
    preview = tree(copy / "out", "posts/a/index.html").xpath("//meta[@property='og:image']/@content")
    assert preview == [f"https://example.org/{figure}"]
    assert check_site(copy / "out", open_project(copy)) == []


def test_equations_have_their_number_apart(quarto_site):
    page = tree(quarto_site, "posts/a/index.html")
    [equation] = page.xpath("//span[@id='eq-long']")
    assert equation.get("class") == "numbered-equation"
    assert equation.find_class("eq-number")[0].text == "(1)"
    [math] = equation.iter("math")
    assert "(1)" not in "".join(math.itertext())
    assert "qquad" not in "".join(math.itertext())


def test_formulas_stand_as_latex_sets_them(quarto_site):
    page = (quarto_site / "posts/a/index.html").read_text()
    assert '<mi mathvariant="bold">\U0001d431</mi>' in page
    assert '<mo accent="true">~</mo>' in page


def test_the_feed_has_words_and_links_and_nothing_else(quarto_site):
    feed = etree.parse(str(quarto_site / "index.xml"))
    assert feed.xpath("count(//item)") == 2
    whole = etree.tostring(feed, encoding="unicode")
    assert "data:image" not in whole
    assert len(whole) < 20_000
    for text in feed.xpath("//item/description/text()"):
        body = html.fragment_fromstring(text, create_parent="div")
        assert not body.xpath(".//script | .//style | .//button")
        for address in body.xpath(".//@href | .//@src"):
            assert address.startswith("https://example.org/"), address
    pictures = feed.xpath("//*[local-name()='content']/@url")
    assert pictures == ["https://example.org/posts/a/index_files/figure-html/fig-wide-output-1.png"]
    assert "Picture: A grey picture" in whole


def test_pages_of_papers_have_a_description_and_previews_say_something(quarto_site):
    [about] = tree(quarto_site, "papers/known2020/index.html").xpath("//meta[@name='description']/@content")
    assert about == "1 equation beside the code, 1 claim beside what was measured here."
    data = (quarto_site / "site_libs/press/pages/papers/known2020/index.html.js").read_text()
    assert "1 equation beside the code" in data
    page = quarto_site / "posts/a/index.html"
    assert (
        '"about":"About Wide' in (quarto_site / f"site_libs/press/pages/{page.relative_to(quarto_site)}.js").read_text()
    )


def test_the_notebook_can_be_downloaded_and_was_never_missed(quarto_site):
    [link] = tree(quarto_site, "posts/a/index.html").xpath("//a[@download]")
    assert link.get("href") == "a.ipynb"
    assert json.loads((quarto_site / "posts/a/a.ipynb").read_text())["cells"]
    assert "data-press-href" not in (quarto_site / "posts/a/index.html").read_text()


def test_nothing_is_asked_of_another_host(project, quarto_site):
    assert not re.search(
        r"https?://(?!example\.org)[^\"]*\.(?:js|css)", (quarto_site / "posts/a/index.html").read_text()
    )
    style = (quarto_site / "site_libs/bootstrap/bootstrap.min.css").read_text()
    assert style.startswith(":root{--bs-blue:#375a7f}"), "the rule after the theme's fonts is whole"
    assert check_site(quarto_site, open_project(project.root)) == []


def test_a_second_build_renders_nothing_and_force_render_everything(project, quarto_site, tmp_path):
    before = project.snapshot()
    assert "nothing changed, 0 posts ran" in build(project, tmp_path).stdout
    done = build(project, tmp_path, "--force-render")
    assert re.search(r"0 posts ran, 1\d pages rendered", done.stdout), done.stdout + done.stderr
    assert project.snapshot() == before


@pytest.mark.parametrize(
    ("style", "left"),
    [
        ('@import"https://fonts.test/css2?family=A:wght@300;400;700&display=swap";p{x:y}', "p{x:y}"),
        ("@import url('https://fonts.test/a;b.css') screen and (min-width: 1px);\np{x:y}", "\np{x:y}"),
        ('@IMPORT url( "//fonts.test/a.css" );p{x:y}', "p{x:y}"),
        ("@import url(https://fonts.test/a.css);p{x:y}", "p{x:y}"),
        ('@import "own.css";@import url(own.css);p{background:url(https://x.test/a.png)}', None),
    ],
)
def test_a_themes_fonts_go_and_the_rules_after_them_stay(style, left):
    assert FOREIGN_IMPORT.sub("", style) == (style if left is None else left)


def test_loaders_stay_where_a_page_needs_them(tmp_path):
    from press.renderer.quarto_page import mended

    page = f"<html><head>{LOADERS}</head><body><main>%s</main></body></html>"
    for need in ("<script>require(['plotly'], f)</script>", "<script>jQuery('#x')</script>", "<script>$('x')</script>"):
        assert LOADERS in mended(page % need, "a.html", lambda url: "", "", offline=True)
    assert "cdnjs" not in mended(page % "<script>var x = 1</script>", "a.html", lambda url: "", "", offline=True)
    shown = "<p>The function define(x), and <code>$(date)</code></p>"
    assert "cdnjs" not in mended(page % shown, "a.html", lambda url: "", "", offline=True), "words are no script"
    assert LOADERS in mended(page % "", "a.html", lambda url: "", "", offline=False)


@needs_chrome
def test_every_page_of_the_embedded_renderer_too(project, tmp_path_factory):
    out = tmp_path_factory.mktemp("embedded")
    render_site(read_config(project.root), out=out / "site", cache=out / "cache")
    problems, _ = look(out / "site", pages(out / "site"))
    assert problems == []
    assert check_site(out / "site", open_project(project.root)) == []


@pytest.mark.parametrize(("address", "base"), [("https://example.org", "/"), ("https://example.org/blog/", "/blog/")])
def test_the_page_for_addresses_without_one_leads_home_from_anywhere(tmp_path, address, base):
    site = Site(tmp_path)
    site.write(
        "_quarto.yml", CONFIG.replace("[index.qmd, ", "[index.qmd, 404.qmd, ").replace("https://example.org", address)
    )
    site.write("404.qmd", "---\ntitle: Gone\n---\n\nTo [the posts](index.qmd), or [out](https://example.com/).\n")
    render_site(read_config(tmp_path), out=tmp_path / "out", cache=tmp_path / "cache")
    page = tree(tmp_path / "out", "404.html")
    links = [e.get(name) for name in ("href", "src", "data-prefix") for e in page.iter() if e.get(name)]
    assert all(link.startswith((base, "#", "http", "data:")) for link in links), links
    assert f"{base}index.html" in links
    assert "404" not in (tmp_path / "out/sitemap.xml").read_text()
    assert check_site(tmp_path / "out", open_project(tmp_path)) == []


def test_preview_under_quarto_follows_an_edit_of_a_post(tmp_path):
    site = Site(tmp_path / "site")
    site.write("404.qmd", "---\ntitle: Gone\n---\n\nNothing here.\n")
    site.write("_quarto.yml", CONFIG.replace("[index.qmd, ", "[index.qmd, 404.qmd, "))
    site.post("a", "Old words.\n")
    env = site.environment() | {"PATH": quarto_on_path(tmp_path / "bin"), "PYTHONPATH": f"{LIB}{os.pathsep}{ROOT}"}
    command = site.command("preview", "--port", "0", "--renderer", "quarto")
    server = subprocess.Popen(
        command, cwd=site.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        base = server.stdout.readline().split()[0]
        stream = urllib.request.urlopen(base + "-/changes", timeout=300)
        with pytest.raises(urllib.error.HTTPError, match="404") as missing:
            urllib.request.urlopen(base + "nowhere/" + "x" * 5000)
        assert b"Nothing here" in missing.value.read()
        site.post("a", "New words.\n")
        while stream.readline() != b"data: changed\n":
            site.post("a", "New words.\n\n")  # the first edit may have come before the watch began
        assert b"New words" in urllib.request.urlopen(base + "posts/a/").read()
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
