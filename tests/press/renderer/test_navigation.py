"""Bars, menus, sidebars and footers in all the forms that Quarto takes, as they stand on the pages."""

from __future__ import annotations

import pytest

from .conftest import words

HEAD = "project:\n  type: website\nwebsite:\n  title: T\n  search: false\n"


@pytest.fixture
def site(project):
    """A project that says nothing of strictness: pages home, about, and a folder of notes."""
    project.write("_quarto.yml", HEAD)
    project.write("index.qmd", "---\ntitle: Home\n---\n\nHi.\n")
    project.write("about.qmd", "---\ntitle: About *me* & you\n---\n\nWe.\n")
    project.write("notes/index.qmd", "---\ntitle: All notes\n---\n\nN.\n")
    project.write("notes/b.qmd", "---\ntitle: Bee\norder: 1\n---\n\nB.\n")
    project.write("notes/a.qmd", "---\ntitle: Ay\n---\n\nA.\n")
    project.write("notes/deep/c.qmd", "---\ntitle: Sea\n---\n\nC.\n")
    return project


def build(site, navigation: str):
    site.write("_quarto.yml", HEAD + navigation)
    return site.build()


def hrefs(elements) -> list[tuple[str, str | None]]:
    return [(words(a), a.get("href")) for a in elements]


def test_bare_items_take_the_title_of_their_page(site):
    report = build(
        site,
        "  navbar:\n    left: about.qmd\n    right:\n      - notes/b.qmd\n      - https://x.org\n      - file: notes/\n",
    )
    assert report.warnings == []
    links = site.page("notes/a.html").xpath("//header//li/a")
    assert hrefs(links) == [
        ("About me & you", "../about.html"),
        ("Bee", "../notes/b.html"),
        ("https://x.org", "https://x.org"),
        ("All notes", "../notes/index.html"),
    ]
    (here,) = site.page("about.html").xpath("//header//a[@aria-current='page']")
    assert (words(here), here.get("class")) == ("About me & you", "nav-link active")


def test_a_menu_opens_without_a_script(site):
    menu = "  navbar:\n    left:\n      - text: More\n        menu:\n          - text: Pages\n          - about.qmd\n          - '---'\n"
    build(
        site,
        menu
        + "          - icon: github\n            text: Code\n            href: https://x.org\n            target: _blank\n",
    )
    (details,) = site.page("index.html").xpath("//header//details")
    assert words(details.find("summary")) == "More"
    assert hrefs(details.findall(".//a")) == [("About me & you", "./about.html"), ("Code", "https://x.org")]
    assert details.findall(".//a")[1].get("rel") == "noopener"
    assert len(details.findall(".//hr")) == 1
    assert details.findall(".//a//svg")


def test_icons_are_drawn_and_those_that_are_not_there_told(site):
    bar = "  navbar:\n    right:\n      - {icon: bluesky, href: 'https://x.org'}\n      - {icon: nosuch, href: 'https://y.org'}\n"
    report = build(site, bar + "      - {text: '{{< fa brands mastodon >}} Toots', href: 'https://z.org'}\n")
    first, second, third = site.page("index.html").xpath("//header//li/a")
    assert (first.get("aria-label"), len(first.findall(".//path"))) == ("Bluesky", 1)
    assert words(second) == "nosuch"
    assert (words(third), len(third.findall(".//svg"))) == ("Toots", 1)
    assert [(p.file, p.line, p.check) for p in report.warnings] == [("_quarto.yml", 9, "unsupported")]


def test_a_bar_may_be_a_flag_have_a_logo_or_a_colour(site):
    for value in ("true", "false", "3", "[a]", "'x'"):
        build(site, f"  navbar: {value}\n")
        assert words(site.page("index.html").xpath("//header//a")[0]) == "T"
    site.write("logo.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
    build(site, "  navbar:\n    title: false\n    logo: logo.svg\n    logo-alt: Our mark\n    background: '#003366'\n")
    page = site.page("notes/a.html")
    assert [(i.get("src"), i.get("alt")) for i in page.xpath("//header//img")] == [("../logo.svg", "Our mark")]
    assert page.xpath("//header[@id='quarto-header']")[0].get("style") == "--ground:#003366;--letters:#ffffff"
    assert (site.out / "logo.svg").is_file()


@pytest.mark.parametrize(
    ("footer", "shown"),
    [
        ("Built by **hand**", ["", "Built by hand", ""]),
        ("{left: '[Me](about.qmd)', right: [{icon: rss, href: index.xml}, {text: Home, href: index.qmd}]}",
         ["Me", "", "Home"]),
        ("{center: {text: One, href: about.qmd}}", ["", "One", ""]),
        ("{left: [one, about.qmd]}", ["one About me & you", "", ""]),
    ],
)  # fmt: skip
def test_footers(site, footer, shown):
    build(site, f"  page-footer: {footer}\n")
    (found,) = site.page("notes/a.html").xpath("//footer")
    assert [words(part) for part in found] == shown
    assert all(a.get("href").startswith(("../", "one")) for a in found.iter("a"))


def side(site, page: str):
    found = site.page(page).xpath("//nav[@id='quarto-sidebar']")
    return found[0] if found else None


def test_a_sidebar_lists_what_it_is_told(site):
    build(site, "  page-navigation: true\n  sidebar:\n    contents:\n      - index.qmd\n      - section: Notes\n        contents:\n          - notes/b.qmd\n          - text: A\n            href: notes/a.qmd\n")  # fmt: skip
    found = side(site, "notes/b.html")
    assert hrefs(found.iter("a")) == [("Home", "../index.html"), ("Bee", "../notes/b.html"), ("A", "../notes/a.html")]
    assert words(found.findall(".//details/ul//summary")[0]) == "Notes"
    assert found.findall(".//details/ul//details")[0].get("open") is not None
    ends = site.page("notes/b.html").xpath("//nav[@aria-label='Pages']/a")
    assert [(a.get("rel"), a.get("href")) for a in ends] == [("prev", "../index.html"), ("next", "../notes/a.html")]
    assert side(site, "about.html") is not None  # the only sidebar, without an id, is everywhere


@pytest.mark.parametrize("contents", ["auto", "[auto]", "/", "'*'", "[{auto: true}]"])
def test_auto_follows_folders_order_and_titles(site, contents):
    build(site, f"  sidebar:\n    contents: {contents}\n")
    found = side(site, "about.html")
    assert [words(a) for a in found.iter("a")] == ["About me & you", "All notes", "Bee", "Ay", "Sea"]


def test_several_sidebars_stand_where_they_belong(site):
    build(site, "  sidebar:\n    - id: notes\n      title: Notes\n      contents: notes/\n    - id: other\n      style: floating\n      contents: [about.qmd]\n")  # fmt: skip
    assert [words(a) for a in side(site, "notes/deep/c.html").iter("a")][:1] == ["Bee"]
    assert side(site, "notes/a.html").get("aria-label") == "Notes"
    assert "sidebar-floating" in side(site, "about.html").get("class")
    assert side(site, "index.html") is None
    site.write("index.qmd", "---\ntitle: Home\nsidebar: notes\n---\n")
    site.write("about.qmd", "---\ntitle: About\nsidebar: false\n---\n")
    site.build()
    assert side(site, "index.html") is not None
    assert side(site, "about.html") is None


def test_repo_actions_lead_to_the_source(site):
    build(site, "  repo-url: https://github.com/a/b\n  repo-actions: [edit, issue]\n")
    links = site.page("notes/a.html").xpath("//p[@class='page-actions']/a/@href")
    assert links == ["https://github.com/a/b/edit/main/notes/a.qmd", "https://github.com/a/b/issues/new"]


@pytest.mark.parametrize("mode", ["gone", "unlinked", "visible"])
def test_drafts(site, mode):
    site.write("notes/b.qmd", "---\ntitle: Bee\ndraft: true\n---\n\nB.\n")
    site.write("notes/a.qmd", "---\ntitle: Ay\ndraft: false\n---\n\n[to b](b.qmd)\n")
    site.write("index.qmd", "---\ntitle: Home\nlisting:\n  contents: notes\n---\n")
    report = build(site, f"  site-url: https://x.org\n  draft-mode: {mode}\n  sidebar:\n    contents: auto\n")
    assert report.warnings == []
    seen = mode == "visible"
    assert (site.out / "notes/b.html").exists() == (mode != "gone")
    assert ("notes/b.html" in (site.out / "sitemap.xml").read_text()) == seen
    assert ("Bee" in (site.out / "index.html").read_text()) == seen
    assert site.page("notes/a.html").xpath("//main//a[text()='to b']/@href") == (["b.html"] if seen else [])
    build(site, f"  draft-mode: {mode}\n  drafts: [notes/a.qmd]\n")
    assert (site.out / "notes/a.html").exists() == (mode != "gone")


def test_aliases_lead_to_the_page(site):
    site.write("notes/b.qmd", "---\ntitle: Bee\naliases: [/old/bee/, older.html, '/x#y', ../../out, a.html]\n---\n")
    report = build(site, "")
    for name, target in (
        ("old/bee/index.html", "../../notes/b.html"),
        ("notes/older.html", "../notes/b.html"),
        ("x/index.html", "../notes/b.html"),
    ):
        assert site.page(name).xpath("//a/@href") == [target]
        assert target in site.page(name).xpath("//meta[@http-equiv='refresh']/@content")[0]
    assert [(p.file, p.check) for p in report.warnings] == [("notes/b.qmd", "links")] * 2
    assert words(site.page("notes/a.html").xpath("//h1")[0]) == "Ay"


def test_the_way_to_a_page_stands_above_it(site):
    inner = "contents:\n      - section: All\n        href: about.qmd\n        contents:\n          - section: Deep\n            contents: [notes/b.qmd]\n"
    build(site, f"  sidebar:\n    {inner}      - index.qmd\n")
    (way,) = site.page("notes/b.html").xpath("//main/nav[@aria-label='Breadcrumb']")
    assert [words(item) for item in way.iter("li")] == ["All", "Deep", "Bee"]
    assert hrefs(way.iter("a")) == [("All", "../about.html")]
    assert words(way.xpath(".//*[@aria-current='page']")[0]) == "Bee"
    assert not site.page("index.html").xpath("//nav[@aria-label='Breadcrumb']")  # in no section
    site.write("notes/b.qmd", "---\ntitle: Bee\nbread-crumbs: false\n---\n")
    site.build()
    assert not site.page("notes/b.html").xpath("//nav[@aria-label='Breadcrumb']")
