"""The whole site: what is rebuilt when, listing, feed, sitemap, search, links, nothing from other servers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from email.utils import parsedate_to_datetime
from pathlib import Path

import lxml.etree
import pytest

import press
from press.core.config import read_config
from press.core.errors import PressError
from press.core.selection import site_inputs
from press.renderer import render_site

from .builder import INDEX, QUARTO_YML, code, md, picture, png
from .conftest import words


def three(project, **options):
    for number, slug in enumerate("abc", 1):
        front = f"title: Post {slug.upper()}\ndate: 2026-0{number}-01\ncategories: [all, only-{slug}]\n"
        front += f"description: About {slug} & co"
        project.post(md(f"Text of {slug}."), code("p()", picture(20 + number, 20)), front=front, slug=slug)
    return project.build(**options)


def test_inputs_and_addresses(project):
    report = three(project)
    assert [p.relative_to(project.root).as_posix() for p in site_inputs(read_config(project.root))] == [
        "about.qmd",
        "index.qmd",
        *(f"posts/{s}/index.ipynb" for s in "abc"),
    ]
    assert report.pages == ["about.html", "index.html", *(f"posts/{s}/index.html" for s in "abc")]
    assert all((project.out / page).is_file() for page in report.pages)


def test_only_what_changed_is_rendered(project):
    seen: list[str] = []
    assert three(project, on_page=seen.append).rendered == sorted(seen)
    assert len(seen) == 5
    again = project.build()
    assert (again.changed, again.rendered) == (False, [])
    project.post(md("Other text."), front="title: Post A\ndate: 2027-01-01", slug="a")
    report = project.build()
    assert report.rendered == ["posts/a/index.html"]
    assert report.changed
    titles = [words(h) for h in project.page("index.html").xpath("//h3[contains(@class,'listing-title')]")]
    assert titles == ["Post A", "Post C", "Post B"], (
        "the listing follows the new date, although index.qmd did not change"
    )
    project.write("_quarto.yml", (project.root / "_quarto.yml").read_text().replace("text: Posts", "text: Papers"))
    assert len(project.build().rendered) == 5


def test_a_page_depends_on_the_entries_that_it_cites(project):
    project.post(md("By @ho2020."), slug="a")
    project.post(md("By @song2021."), slug="b")
    project.build()
    bib = (project.root / "references.bib").read_text()
    project.write("references.bib", bib.replace("Denoising Diffusion Implicit", "Renamed Implicit"))
    assert project.build().rendered == ["posts/b/index.html"]
    assert "Renamed" in words(project.page("posts/b/index.html").get_element_by_id("ref-song2021"))


def test_a_post_may_have_a_bibliography_of_its_own(project):
    project.write("posts/x/own.bib", "@misc{me1, title={Mine}, author={Me, A.}, year={2001}}")
    project.post(md("By @me1."), front="title: A\nbibliography: own.bib")
    project.build()
    project.write("posts/x/own.bib", "@misc{me1, title={Yours}, author={Me, A.}, year={2001}}")
    assert project.build().rendered == ["posts/x/index.html"]
    assert "Yours" in project.page().get_element_by_id("refs").text_content()


def test_damage_in_the_cache_is_noticed_and_mended(project):
    three(project)
    entry = next(
        p for p in project.cache.iterdir() if (p / "page.html").is_file() and "Post B" in (p / "page.html").read_text()
    )
    (entry / "page.html").write_text("half a pa")
    shutil.rmtree(project.out)
    assert project.build().rendered == ["posts/b/index.html"]
    assert "Text of b" in project.page("posts/b/index.html").text_content()
    (project.cache / entry.name / "record.json").write_text("{}")
    shutil.rmtree(project.out)
    assert project.build().rendered == ["posts/b/index.html"]
    (project.cache / ".tmp-killed").mkdir()
    shutil.rmtree(project.out)
    assert project.build().rendered == []


def test_an_incomplete_or_stale_directory_is_made_whole(project):
    three(project)
    (project.out / "posts/a/index.html").unlink()
    report = project.build()
    assert report.changed
    assert report.rendered == []
    assert (project.out / "posts/a/index.html").is_file()
    shutil.rmtree(project.root / "posts/c")
    project.build()
    assert not (project.out / "posts/c/index.html").exists()
    live = project.root / "live"
    shutil.copytree(project.out, live)
    fresh = project.root / "_stage"
    report = render_site(read_config(project.root), out=fresh, cache=project.cache, current=live)
    assert not report.changed
    assert not fresh.exists()


def test_force_and_profile(project):
    three(project)
    assert len(project.build(force=True).rendered) == 5
    project.write("_quarto-gpu.yml", "press:\n  parameters:\n    device: cuda\n")
    assert project.build(profile="gpu").rendered == [], "press: is not ours"
    project.write("_quarto-dev.yml", "website:\n  title: Draft site\n")
    project.build(profile="dev")
    assert project.page("about.html").findtext(".//title") == "About – Draft site"


def test_titles_and_head(project):
    three(project)
    page = project.page("posts/a/index.html")
    assert page.findtext(".//title") == "Post A – Executable papers"
    assert project.page("index.html").findtext(".//title") == "Executable papers"
    metas = {m.get("property") or m.get("name"): m.get("content") for m in page.iter("meta")}
    assert metas["description"] == metas["og:description"] == "About a & co"
    assert metas["og:image"] == "https://example.org/posts/a/index_files/figure-html/cell-2-output-1.png"
    assert page.xpath("//link[@rel='canonical']/@href") == ["https://example.org/posts/a/"]
    assert page.get("lang") == "en"
    assert page.xpath("//a[@class='skip-link']")
    assert page.xpath("//main[@id]")
    assert page.xpath("//nav[@aria-label]")


def test_navigation(project):
    project.post(md("x"))
    project.build()
    links = {
        words(a) or a.get("aria-label"): a for a in project.page().xpath("//header//a[contains(@class,'nav-link')]")
    }
    assert [links[n].get("href") for n in ("Posts", "About", "RSS feed")] == [
        "../../index.html",
        "../../about.html",
        "../../index.xml",
    ]
    active = project.page("about.html").xpath("//a[@aria-current='page']")
    assert [words(a) for a in active] == ["About"]
    assert words(project.page().xpath("//footer")[0]) == "Built, not typed."


def test_listing(project):
    three(project)
    page = project.page("index.html")
    posts = page.find_class("quarto-post")
    assert [words(p.find_class("listing-title")[0]) for p in posts] == ["Post C", "Post B", "Post A"]
    assert posts[0].xpath(".//h3/a/@href") == ["posts/c/index.html"]
    assert posts[0].xpath(".//img/@src") == ["posts/c/index_files/figure-html/cell-2-output-1.png"]
    assert words(posts[0].find_class("listing-date")[0]) == "2026-03-01"
    assert words(posts[0].find_class("listing-description")[0]) == "About c & co"
    assert words(posts[0].find_class("listing-reading-time")[0]) == "1 min"
    categories = [words(a) for a in page.xpath("//nav[contains(@class,'quarto-listing-category')]//a")]
    assert categories == ["All (3)", "all (3)", "only-a (1)", "only-b (1)", "only-c (1)"]
    assert page.get_element_by_id("listing-posts") is not None
    for sort, order in (("date asc", "ABC"), ("title", "ABC"), ("title desc", "CBA")):
        project.write("index.qmd", INDEX.replace("date desc", sort))
        project.build()
        found = [words(h)[-1] for h in project.page("index.html").xpath("//h3")]
        assert "".join(found) == order


def test_listing_goes_where_its_div_is(project):
    project.write("index.qmd", INDEX + "\n::: {#posts}\n:::\n\nAfterwards.\n")
    three(project)
    main = project.page("index.html").get_element_by_id("quarto-document-content")
    assert words(main[-1]) == "Afterwards."


def test_feed(project):
    three(project)
    root = lxml.etree.fromstring((project.out / "index.xml").read_bytes())
    channel = root.find("channel")
    assert channel.findtext("title") == "Executable papers"
    assert channel.findtext("link") == "https://example.org/"
    items = channel.findall("item")
    assert [i.findtext("title") for i in items] == ["Post C", "Post B", "Post A"]
    assert items[0].findtext("link") == "https://example.org/posts/c/"
    assert parsedate_to_datetime(items[0].findtext("pubDate")).date().isoformat() == "2026-03-01"
    body = items[0].findtext("description")
    assert "Text of c." in body
    assert 'src="https://example.org/posts/c/index_files/' in body
    assert [c.text for c in items[0].findall("category")] == ["all", "only-c"]
    (link,) = project.page("index.html").xpath("//link[@type='application/rss+xml']")
    assert link.get("href") == "index.xml"
    project.write("index.qmd", INDEX.replace("feed: true", "feed:\n    type: partial\n    items: 1"))
    project.build()
    root = lxml.etree.fromstring((project.out / "index.xml").read_bytes())
    assert [i.findtext("description").strip() for i in root.iter("item")] == ["About c &amp; co"]
    project.write(
        "_quarto.yml", (project.root / "_quarto.yml").read_text().replace('  site-url: "https://example.org"\n', "")
    )
    with pytest.raises(PressError, match="site-url"):
        project.build()


def test_feed_survives_hostile_outputs(project):
    from .test_outputs import HOSTILE

    project.post(code("x", {"output_type": "stream", "name": "stdout", "text": HOSTILE + "]]>"}))
    project.build()
    root = lxml.etree.fromstring((project.out / "index.xml").read_bytes())
    assert "]]&gt;" in next(root.iter("item")).findtext("description")


def test_sitemap(project):
    three(project)
    root = lxml.etree.fromstring((project.out / "sitemap.xml").read_bytes())
    names = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}
    found = [e.text for e in root.findall("s:url/s:loc", names)]
    assert found == ["https://example.org/" + page for page in project.build().pages]


def test_links_and_linked_files(project):
    project.write("posts/x/data.csv", "a,b\n")
    (project.root / "shared.png").write_bytes(png())
    project.post(md("Y."), slug="y")
    main = project.render(
        md(
            "[a](../y/index.ipynb#s) [b](/about.qmd) [c](data.csv) [d](https://x.org/a.qmd) "
            "[e](../../index.qmd?q=1) ![f](/shared.png)"
        )
    )
    assert main.xpath(".//a/@href")[:5] == [
        "../y/index.html#s",
        "../../about.html",
        "data.csv",
        "https://x.org/a.qmd",
        "../../index.html?q=1",
    ]
    assert (project.out / "posts/x/data.csv").read_text() == "a,b\n"
    assert (project.out / "shared.png").is_file()
    project.write("posts/x/data.csv", "new\n")
    report = project.build()
    assert report.changed
    assert report.rendered == []
    assert (project.out / "posts/x/data.csv").read_text() == "new\n"


def test_resources_css_and_favicon(project):
    text = QUARTO_YML.replace("output-dir: _site", "output-dir: _site\n  resources: [files]").replace(
        "search: true", "search: false\n  favicon: icon.svg"
    )
    project.write("_quarto.yml", text.replace("    toc: true", "    css: own.css\n    toc: true"))
    for name in ("files/deep/a.txt", "icon.svg", "own.css"):
        project.write(name, "x")
    project.post(md("x"))
    project.build()
    assert all((project.out / name).is_file() for name in ("files/deep/a.txt", "icon.svg", "own.css"))
    assert project.page().xpath("//link[@rel='stylesheet']/@href")[-1] == "../../own.css"
    assert project.page().xpath("//link[@rel='icon']/@href") == ["../../icon.svg"]


def test_search_index(tour_site: Path):
    entry = json.loads((tour_site / "pagefind/pagefind-entry.json").read_text())
    assert sum(language["page_count"] for language in entry["languages"].values()) == 5
    assert (tour_site / "pagefind/pagefind.js").is_file()
    assert not list((tour_site / "pagefind").glob("pagefind-ui*"))


def test_nothing_comes_from_other_servers(tour_site: Path, tour_page):
    for path in tour_site.rglob("*.html"):
        page = tour_page(path.relative_to(tour_site).as_posix())
        loads = page.xpath(
            "//script/@src | //img/@src | //link[@rel!='canonical']/@href | //iframe/@src | //source/@src"
        )
        assert loads
        assert not [url for url in loads if url.startswith(("http:", "https:", "//"))]
    for path in (tour_site / "site_libs").rglob("site.*"):
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path
    style = (tour_site / "site_libs/press/site.css").read_text(encoding="utf-8")
    for name in re.findall(r"url\(\"?([^\")]+)", style):
        assert (tour_site / "site_libs/press" / name).is_file()


def test_kill_minus_nine_leaves_nothing_half_written(project):
    three(project)
    shutil.rmtree(project.cache)
    shutil.rmtree(project.out)
    script = (
        "import sys; from pathlib import Path; from press.renderer import render_site\n"
        "from press.core.config import read_config\n"
        "root = Path(sys.argv[1])\n"
        "render_site(read_config(root), out=root / '_site', cache=root / '.cache', jobs=1, "
        "on_page=lambda p: print(p, flush=True))"
    )
    library = Path(press.__file__).parents[1]
    for pages in (1, 3):
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(project.root)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(library)},
        )
        for _ in range(pages):
            child.stdout.readline()
        child.kill()
        child.communicate()
        assert not (project.out / ".press-site.json").exists()
    assert project.build().changed
    assert all((project.out / page).is_file() for page in project.build().pages)
    assert not project.build().changed


def test_every_local_link_of_the_tour_exists(tour_site: Path, tour_page):
    for path in tour_site.rglob("*.html"):
        page = tour_page(path.relative_to(tour_site).as_posix())
        ids = set(page.xpath("//@id"))
        for url in page.xpath("//@href | //@src"):
            bare, _, anchor = url.partition("?")[0].partition("#")
            if "://" in url or url.startswith(("data:", "mailto:")):
                continue
            assert not bare or (path.parent / bare).exists(), (path, url)
            assert bare or not anchor or anchor in ids or anchor.startswith("category="), (path, url)
        assert len(ids) == len(page.xpath("//@id")), "identifiers are unique"


def test_metadata_of_a_folder_reach_its_pages_and_their_keys(project):
    project.write("shared.bib", "@article{shared2020, title={Shared}, author={Doe, Jane}, year={2020}}\n")
    project.write("posts/_metadata.yml", "author: Someone\ncategories: [shared]\ntoc: false\nexecute:\n  echo: false\n")
    cells = md("## A heading\n\nText."), code("x = 1", picture(20, 20))
    project.post(*cells, front="title: A\ndate: 2026-01-01\ncategories: [own]")
    assert "posts/x/index.html" in project.build().rendered
    page = project.page()
    assert "Someone" in page.text_content()
    assert {link.text_content() for link in page.iter("a") if "#category=" in link.get("href", "")} == {"shared", "own"}
    assert not page.xpath("//nav[@id='TOC']")
    assert "x = 1" not in page.text_content()
    project.write(
        "posts/_metadata.yml", "author: Other\nbibliography: ../shared.bib\nformat:\n  html:\n    toc: true\n"
    )
    assert project.build().rendered == ["posts/x/index.html"]
    page = project.page()
    assert "Other" in page.text_content()
    assert page.xpath("//nav[@id='TOC']")
    assert "x = 1" in page.text_content()
    project.post(md("See [@shared2020]."), front="title: A\ndate: 2026-01-01")
    project.build()
    assert "Doe" in project.page().text_content()
    project.write("shared.bib", "@article{shared2020, title={Shared}, author={Roe, Jane}, year={2020}}\n")
    assert project.build().rendered == ["posts/x/index.html"]
    assert "Roe" in project.page().text_content()
    project.write("posts/_metadata.yml", "author: A\ntelepathy: true\n")
    with pytest.raises(PressError, match=r"posts/_metadata\.yml:2: metadata key 'telepathy'"):
        project.build()
