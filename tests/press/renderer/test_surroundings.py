"""What stands around a page's text: title block, about frames, pieces of HTML, licence, listings, bibliographies."""

from __future__ import annotations

import datetime as dt
import os
import subprocess

import pytest

from press.core.config import read_config
from press.renderer import onepage

from .builder import png
from .conftest import words


@pytest.fixture
def plain(project):
    """A project that says nothing of strictness."""
    project.write("_quarto.yml", "website:\n  title: T\n  search: false\n")
    project.write("index.qmd", "---\ntitle: Home\n---\n")
    return project


def page(project, front: str, body: str = "Text.", name: str = "about"):
    project.write(f"{name}.qmd", f"---\ntitle: Page\n{front}\n---\n\n{body}\n")
    report = project.build()
    return project.page(f"{name}.html"), [f"{p.line} {p.check}" for p in report.warnings]


def test_authors_with_all_that_is_said_of_them(plain):
    front = """author:
  - name: {given: Ann, family: Ex}
    orcid: https://orcid.org/0000-0001-2345-678X
    url: https://ann.example
    email: ann@x.org
    affiliations: [{ref: u}, {name: Lab, city: Bonn}]
    roles: [writing, review]
  - name: Bob
    url: javascript:alert(1)
affiliations:
  - id: u
    name: Uni"""
    root, warnings = page(plain, front)
    assert warnings == []
    block = root.get_element_by_id("title-block-header")
    assert [words(p) for p in block.find_class("author")] == ["Ann Ex  iD (writing, review)", "Bob"]
    links = ["https://ann.example", "mailto:ann@x.org", "https://orcid.org/0000-0001-2345-678X"]
    assert [a.get("href") for a in block.iter("a")] == links
    assert [words(p) for p in block.find_class("affiliation")] == ["Uni", "Lab, Bonn"]
    assert words(block.find_class("quarto-title-meta-heading")[0]) == "Authors"


@pytest.mark.parametrize(
    ("front", "style"),
    [
        ("title-block-banner: true", "--ground:#134680;--letters:#ffffff"),
        ("title-block-banner: '#EDF3F9'", "--ground:#EDF3F9;--letters:#1d2125"),
        ("title-block-banner: red\ntitle-block-banner-color: black", "--ground:red;--letters:black"),
        ("title-block-banner: /img/b.png", "--letters:#ffffff;background-image:url('./img/b.png')"),
    ],
)
def test_banners(plain, front, style):
    (plain.root / "img").mkdir()
    (plain.root / "img/b.png").write_bytes(png())
    root, warnings = page(plain, front)
    assert warnings == []
    (banner,) = root.find_class("banner")
    assert banner.get("style") == style
    assert words(banner) == "Page"
    assert len(root.xpath("//h1")) == 1
    assert (plain.out / "img/b.png").is_file() == ("img" in front)


def test_a_banner_that_is_nothing_is_told(plain):
    root, warnings = page(plain, "title-block-banner: 'url(x);y'")
    assert warnings == ["3 unsupported"]
    assert "url" not in root.find_class("banner")[0].get("style")


@pytest.mark.parametrize("template", ["jolla", "trestles", "solana", "marquee", "broadside"])
def test_about_pages(plain, template):
    (plain.root / "me.png").write_bytes(png())
    front = f"image: me.png\nabout:\n  template: {template}\n  image-shape: rounded\n  image-alt: Me\n  links:\n"
    front += "    - {icon: github, text: Code, href: 'https://x.org'}\n    - {icon: envelope, href: 'mailto:a@b.c'}"
    root, warnings = page(plain, front)
    assert warnings == []
    (frame,) = root.find_class(f"quarto-about-{template}")
    assert [child.tag for child in frame] == ["img", "header", "div", "div"]
    assert (frame[0].get("src"), frame[0].get("alt"), frame[0].get("class")) == ("me.png", "Me", "about-image rounded")
    assert [words(a) for a in frame.iter("a")] == ["Code", "Envelope"]
    assert (plain.out / "me.png").is_file()


def test_an_about_frame_may_be_a_part_of_a_page(plain):
    front = "about:\n  id: me\n  template: nosuch\n  links: [{icon: nosuch, text: X, href: index.qmd}]"
    root, warnings = page(plain, front, "Before.\n\n::: {#me}\nWithin.\n:::\n\nAfter.")
    frame = root.get_element_by_id("me")
    assert words(frame).split() == ["Within.", "X"]
    assert frame.xpath(".//a/@href") == ["index.html"]
    assert [words(p) for p in root.xpath("//main/p")] == ["Before.", "After."]
    assert warnings == ["5 unsupported", "6 unsupported"]


def test_pieces_of_html_stand_where_they_belong(plain):
    plain.write("posts/head.html", "<meta name='mine' content='1'>\n")
    plain.write("after.html", "<p id='after'>$title$ &amp; more</p>\n")
    plain.write("posts/_metadata.yml", "include-in-header: head.html\ncss: own.css\n")
    plain.write("posts/own.css", "p { color: red }\n")
    plain.write("_quarto.yml", "website:\n  search: false\nformat:\n  html:\n    include-after-body: after.html\n")
    front = "include-in-header:\n  - text: |\n      <script>var a = '$x$';</script>\ninclude-before-body: gone.html"
    plain.write("posts/p.qmd", f"---\ntitle: P\n{front}\n---\n\nText.\n")
    report = plain.build()
    root = plain.page("posts/p.html")
    assert root.xpath("//head/meta[@name='mine']/@content") == ["1"]
    assert root.xpath("//head/script[contains(., 'var a')]/text()") == ["var a = '$x$';"]
    assert root.xpath("//body/p[@id='after']/text()") == ["$title$ & more"]
    assert root.xpath("//link[@href='../posts/own.css']")
    assert (plain.out / "posts/own.css").is_file()
    assert [(p.file, p.line, p.check) for p in report.warnings] == [("posts/p.qmd", 6, "links")]
    plain.write("after.html", "<p id='after'>changed</p>\n")
    plain.build()
    assert plain.page("posts/p.html").xpath("//p[@id='after']/text()") == ["changed"]


def test_dates_that_are_asked_for(plain):
    git = ["git", "-C", str(plain.root), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    plain.write("about.qmd", "---\ntitle: A\ndate: today\ndate-modified: last-modified\ndate-format: iso\n---\n")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "about.qmd"], check=True)
    when = os.environ | {"GIT_COMMITTER_DATE": "2020-02-03T12:00:00", "GIT_AUTHOR_DATE": "2020-02-03T12:00:00"}
    subprocess.run([*git, "commit", "-qm", "x"], check=True, env=when)
    plain.build()
    shown = [words(p) for p in plain.page("about.html").xpath("//p[@class='date' or @class='date-modified']")]
    assert shown == [dt.date.today().isoformat(), "2020-02-03"]


def test_a_page_of_today_is_made_again_tomorrow_and_no_other_is(plain, monkeypatch):
    plain.write("about.qmd", "---\ntitle: A\ndate: today\n---\n\nToday.\n")
    plain.write("b.qmd", "---\ntitle: B\ndate: 2026-01-02\n---\n\nIt is now or never.\n")

    def keys():
        site = onepage.open_site(read_config(plain.root), [plain.root / "about.qmd", plain.root / "b.qmd"])
        return [onepage.page_key(site, path) for path in site.inputs]

    before = keys()
    monkeypatch.setattr(onepage.moments, "today", lambda: "2099-01-01")
    after = keys()
    assert (before[0] == after[0], before[1] == after[1]) == (False, True)


def test_licence_copyright_and_citation(plain):
    plain.write("_quarto.yml", "website:\n  title: T\n  search: false\n  site-url: https://x.org\n")
    root, _ = page(
        plain, "author: Ann Ex\ndate: 2024-05-06\nlicense: CC BY-SA\ncopyright: {holder: Ann}\ncitation: true"
    )
    (closing,) = root.find_class("page-closing")
    assert closing.xpath(".//a[@rel='license']/@href") == ["https://creativecommons.org/licenses/by-sa/4.0/"]
    assert "Copyright 2024 Ann" in closing.text_content()
    assert closing.xpath("string(.//code)") == (
        "@online{ex2024,\n  author = {Ex, Ann},\n  title = {Page},\n  date = {2024-05-06},\n"
        "  url = {https://x.org/about.html},\n  langid = {en}\n}"
    )
    assert "Ann Ex. 2024. “Page.” T. https://x.org/about.html" in closing.text_content()


def test_social_cards(plain):
    plain.write(
        "_quarto.yml",
        "website:\n  title: T\n  search: false\n  open-graph: {locale: en_GB, site-name: S}\n  twitter-card: {creator: '@a'}\n",
    )
    root, _ = page(plain, "open-graph:\n  title: Other")
    found = {m.get("property") or m.get("name"): m.get("content") for m in root.xpath("//head/meta")}
    assert (found["og:title"], found["og:locale"], found["og:site_name"]) == ("Other", "en_GB", "S")
    assert (found["twitter:card"], found["twitter:creator"]) == ("summary_large_image", "@a")


def posts(project):
    for name, extra in (
        ("a", "categories: [x, y]\nstatus: lead"),
        ("b", "categories: [x]\nauthor: Bo"),
        ("c", "categories: [z]"),
    ):
        project.write(
            f"posts/{name}.qmd",
            f"---\ntitle: {name.upper()}\ndate: 2026-01-0{ord(name) - 96}\ndescription: D{name}\n{extra}\n---\n\nT.\n",
        )


def titles(root, name: str = "listing"):
    return [words(e) for e in root.get_element_by_id(f"listing-{name}").find_class("listing-title")]


def test_several_listings_each_in_its_place(plain):
    posts(plain)
    front = "listing:\n  - id: one\n    contents: posts\n    sort: date desc\n    max-items: 2\n  - id: two\n    contents: posts/*.qmd\n    type: grid\n    grid-columns: 2\n    exclude: {categories: z}"
    root, warnings = page(plain, front, "::: {#two}\n:::\n\nBetween.\n\n::: {#one}\n:::", "index")
    assert warnings == []
    assert (titles(root, "one"), titles(root, "two")) == (["C", "B"], ["A", "B"])
    order = [e.get("id") for e in root.iter() if e.get("id") in ("listing-one", "listing-two")]
    assert order == ["listing-two", "listing-one"]


def test_a_table_with_fields_of_the_authors_own(plain):
    posts(plain)
    front = "listing:\n  contents: posts\n  type: table\n  sort: status\n  fields: [title, status, date]\n  field-display-names: {status: Part}\n  date-format: iso\n  include: {categories: [x, 'q*']}\n  categories: cloud"
    root, _ = page(plain, front, name="index")
    table = root.get_element_by_id("listing-listing").find(".//table")
    assert [words(th) for th in table.iter("th")] == ["Title", "Part", "Date"]
    assert [[words(td) for td in tr] for tr in table.find("tbody")] == [
        ["B", "", "2026-01-02"],
        ["A", "lead", "2026-01-01"],
    ]
    assert [a.get("href") for a in table.iter("a")] == ["posts/b.html", "posts/a.html"]
    assert root.find_class("category-cloud")


def test_feeds_need_an_address_and_may_be_by_category(plain):
    posts(plain)
    front = "listing:\n  contents: posts\n  feed:\n    type: partial\n    categories: [x]"
    _, warnings = page(plain, front, name="index")
    assert warnings == ["0 unsupported"]
    plain.write("_quarto.yml", "website:\n  title: T\n  search: false\n  site-url: https://x.org/\n")
    assert plain.build().warnings == []
    assert (plain.out / "index.xml").read_text().count("<item>") == 3
    assert (plain.out / "index-x.xml").read_text().count("<item>") == 2


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("r.json", '[{"id": "k", "type": "book", "title": "Json book", "author": [{"family": "Ex"}]}]', "Json book"),
        ("r.yaml", "references:\n- id: k\n  type: book\n  title: Yaml book\n  author: [{family: Ex}]\n", "Yaml book"),
        ("r.bib", "@book{k, title={Bib book}, author={Ex, A}}", "Bib book"),
        ("r.json", "[{not json", None),
        ("gone.bib", None, None),
    ],
)
def test_bibliographies(plain, name, text, shown):
    if text is not None:
        plain.write(name, text)
    root, warnings = page(plain, f"bibliography: [{name}]\ncsl: gone.csl", "Cited [@k].")
    assert "Cited" in root.text_content()
    assert (shown or "Cited").lower() in root.text_content().lower()
    assert "4 references" in warnings
    assert ("3 references" in warnings or "0 references" in warnings) == (shown is None)


def test_announcements_and_odd_languages(plain):
    plain.write(
        "_quarto.yml",
        "website:\n  title: T\n  search: false\n  announcement: {content: '**New** [book](index.qmd)', icon: book, type: warning}\nlang: fi\n",
    )
    root, warnings = page(plain, "subtitle: S")
    (line,) = root.find_class("announcement")
    assert words(line) == "New book"
    assert line.get("style") == "--ground:#ffc107;--letters:#1d2125"
    assert root.get("lang") == "fi"
    assert set(warnings) == {"5 unsupported"}


def test_a_page_is_rendered_again_when_its_metadata_files_change(plain):
    plain.write("a.yml", "subtitle: One\n")
    root, _ = page(plain, "metadata-files: [a.yml, b.yml]")
    assert words(root.find_class("subtitle")[0]) == "One"
    for name, said in (("a", "Two"), ("b", "Three")):
        plain.write(f"{name}.yml", f"subtitle: {said}\n")
        assert plain.build().rendered == ["about.html"]
        assert words(plain.page("about.html").find_class("subtitle")[0]) == said


def test_a_file_that_was_missing_is_published_when_it_is_there(plain):
    front = "csl: own.csl\nbibliography: refs.bib\ncss: own.css\ninclude-after-body: after.html\nimage: d.png"
    plain.write("home/index.qmd", "---\ntitle: Home\nlisting:\n  contents: ../\n---\n")
    _, warnings = page(plain, front, "![a](a.png) [b](b.txt)")
    assert len(warnings) == 7
    assert not plain.page("home/index.html").find_class("thumbnail-image")
    assert plain.build().changed is False
    files = ["a.png", "b.txt", "own.css", "d.png", "refs.bib", "after.html"]
    for name in files:
        plain.write(name, "text")
        report = plain.build()
        assert report.changed, name
        assert len(report.warnings) == 6 - files.index(name), (name, report.warnings)
    assert all((plain.out / name).is_file() for name in files[:4])
    assert plain.page("home/index.html").find_class("thumbnail-image")[0].get("src") == "../d.png"
    assert "text" in plain.page("about.html").text_content()


def test_a_listing_finds_files_by_their_suffix_in_folders_below(plain):
    plain.write("notes/index.qmd", "---\ntitle: Notes\nlisting:\n  contents: '*.qmd'\n---\n")
    plain.write("notes/deep/a.qmd", "---\ntitle: A\nnocite: '@*'\n---\n")
    assert plain.build().warnings == []
    links = plain.page("notes/index.html").xpath("//h3[contains(@class, 'listing-title')]/a/@href")
    assert links == ["../notes/deep/a.html"]
