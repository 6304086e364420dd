"""What a link shows before it is followed: the data that each page leaves for the others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import lxml.html

from press.renderer import previews

from .builder import code, md, picture

HOSTILE = "</script><img src=local.png onerror=alert(1)>'\"&\u2028`"
ALLOWED = {"p", "strong", "em", "b", "i", "code", "sub", "sup", "img"}
ATTRIBUTES = {"src", "alt"}


def read(script: bytes) -> tuple[str, dict[str, Any]]:
    """Name and value of a data script, which must be one call with two JSON values."""
    match = re.fullmatch(r'pressHints\(("(?:[^"\\]|\\.)*"),(.*)\)\n', script.decode(), re.DOTALL)
    assert match
    return json.loads(match[1]), json.loads(match[2])


def data(out: Path, url: str) -> dict[str, Any]:
    name, value = read((out / "site_libs/press/pages" / (url + ".js")).read_bytes())
    assert name == url
    return value


def tags(markup: str) -> set[str]:
    return {element.tag for element in lxml.html.fromstring(f"<div>{markup}</div>").iterdescendants()}


def test_every_page_has_its_data_and_the_script(tour_site: Path, tour_page):
    pages = [p.relative_to(tour_site).as_posix() for p in tour_site.rglob("*.html") if "site_libs" not in p.parts]
    for url in pages:
        assert data(tour_site, url)["title"]
        (source,) = [s for s in tour_page(url).xpath("//script/@src") if "hints.js" in s]
        assert (tour_site / url).parent.joinpath(source.partition("?")[0]).resolve().is_file()
    total = sum(path.stat().st_size for path in (tour_site / "site_libs/press/pages").rglob("*.js"))
    assert total < 20_000


def test_a_place_on_another_page(tour_site: Path):
    tour = data(tour_site, "posts/tour/index.html")
    assert tour["title"] == "Fast sampling with implicit models"
    assert tour["about"].startswith("DDIM draws the same image in fewer steps")
    at = tour["at"]
    idea = lxml.html.fromstring(f"<div>{at['sec-idea']}</div>")
    assert idea[0].find("strong").text == "The idea"
    assert idea[1].text_content().startswith("A diffusion model learns to undo noise")
    assert "Simple, without a title" not in at["sec-idea"], "a section within it speaks for itself"
    assert "<math" in at["eq-step"]
    assert "annotation" not in at["eq-step"], "the LaTeX that Pandoc keeps is not carried along"
    figure = lxml.html.fromstring(f"<div>{at['fig-one']}</div>")
    assert figure.find("img").get("src") == "index_files/figure-html/fig-one-output-1.png"
    assert figure.find("img").get("alt") == "A blue gradient"
    assert figure.text_content().startswith("Figure\xa01: Samples of one seed")
    assert at["tbl-short"].startswith("<p>Table\xa0")
    assert at["lst-code"].startswith("<p>Listing\xa0")


def test_only_a_fixed_list_of_tags_and_attributes(tour_site: Path):
    for markup in data(tour_site, "posts/tour/index.html")["at"].values():
        for element in lxml.html.fromstring(f"<div>{markup}</div>").iterdescendants():
            if element.tag not in ALLOWED:
                assert element.tag == "math" or any(a.tag == "math" for a in element.iterancestors())
            else:
                assert set(element.attrib) <= ATTRIBUTES


def test_nothing_that_an_author_or_a_cell_writes_acts(project):
    raw = '```{=html}\n<p onclick="x()"><a href="javascript:x()">raw <b style="color:red">words</b></a><script>x()</script></p>\n```'
    project.post(
        md(f"## Sec {HOSTILE.replace('`', '')}\n\n{raw}\n\n![](local.png){{#fig-a fig-alt='a \" b'}}\n"),
        code("#| label: fig-b\n#| fig-cap: 'a < b'\n#| fig-alt: '<script>'\nx", picture()),
        front="title: '</script><b>t'\ndescription: '</script>'",
    )
    project.write("posts/x/local.png", "")
    project.build()
    script = (project.out / "site_libs/press/pages/posts/x/index.html.js").read_bytes()
    assert b"<" not in script, "no tag can end the script, wherever it is put"
    assert b"\xe2\x80\xa8" not in script
    _, value = read(script)
    for markup in value["at"].values():
        assert tags(markup) <= ALLOWED
        for element in lxml.html.fromstring(f"<div>{markup}</div>").iterdescendants():
            assert set(element.attrib) <= ATTRIBUTES
    assert "raw <b>words</b>" in next(iter(value["at"].values()))
    assert 'alt="&lt;script&gt;"' in value["at"]["fig-b"]


def test_what_is_long_is_cut(tmp_path):
    sentence = "word " * 400
    body = lxml.html.fromstring(
        f"<div><section id='a'><h2>A</h2><p>{sentence}</p><p>more</p></section>"
        f"<section id='b'><h2>B</h2><p>{'<em>x</em>' * 2000}</p></section></div>"
    )
    at = previews.places(body)
    assert "more" not in at["a"], "one long paragraph is enough"
    assert len(at["b"]) < 400
    assert at["b"].endswith("\N{HORIZONTAL ELLIPSIS}</p>")
    _, value = read(previews.page_script("u.html", "T", sentence, body))
    assert len(value["about"]) <= previews.ENOUGH


def test_claims_and_images_of_elsewhere():
    body = lxml.html.fromstring(
        "<div><table><tr id='claim-x'><td><p>It holds.</p></td><td>1</td><td>REPRODUCED</td></tr></table>"
        "<div id='fig-out'><img src='https://x.org/a.png'><figcaption>Cap</figcaption></div>"
        "<div id='fig-data'><img src='data:image/png;base64,AA'><figcaption>Cap</figcaption></div><p id='other'>x</p></div>"
    )
    at = previews.places(body)
    assert at["claim-x"] == "<p>It holds.</p><p>REPRODUCED</p>"
    assert at["fig-out"] == at["fig-data"] == "<p>Cap</p>"
    assert "other" not in at


def test_an_edit_changes_the_data_of_its_page_only(project):
    project.post(md("## One\n\nFirst."), slug="a")
    project.post(md("## One\n\nFirst."), slug="b")
    project.build()
    before = (project.out / "site_libs/press/pages/posts/b/index.html.js").stat().st_mtime_ns
    project.post(md("## One\n\nSecond."), slug="a")
    assert project.build().rendered == ["posts/a/index.html"]
    assert "Second." in data(project.out, "posts/a/index.html")["at"]["one"]
    assert "First." in data(project.out, "posts/b/index.html")["at"]["one"]
    assert before
    assert not project.build().changed
