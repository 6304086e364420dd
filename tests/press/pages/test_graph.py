"""The graph and the backlinks of a built site, against the links that its HTML has; and what a change rebuilds."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from lxml import etree, html

from press.core.project import open_project
from press.core.selection import is_rendered
from press.core.templates import render
from press.pages import picture
from press.pages.localgraph import local_picture
from press.papers.graph import KINDS, Edge, Graph, Node
from press.papers.mentions import raw_links, site_address
from press.papers.uses import Names
from tests.press.conftest import Site, cell
from tests.press.pages.test_pages import fill, tree

HOSTILE = """<script>alert(1)</script> & "q" 'r' {{< meta title >}} ]]> </svg> *x* [y](z)"""
TITLE = """Is a < b & "c" 'd'?"""
POST_B = (
    """Opening: see [the other post](../a/index.ipynb) and a footnote.[^1]

[^1]: It points at [the known paper](../../papers/known2020/index.qmd).

## Uses

The [fourth equation](../../papers/known2020/index.qmd#equation-4) and <a href="../a/index.html#figures">figures</a>.

"""
    + cell("from mathlib import loops\nfrom mathlib.loops import Loop as L\nL().run()")
    + """
## Away

Not [here](https://elsewhere.test/posts/a/index.html), [this page](#uses) or [a list](/claims.qmd).

::: {.callout-note}
### No section

But [a claim](/papers/known2020/index.qmd#claim-never-measured).
:::

"""
    + cell(
        "#| label: tbl-x\n"
        '#| tbl-cap: "After [this post](../a/index.ipynb#what-we-found)."\n'
        "from IPython.display import HTML\n"
        "loops.step(1)\n"
        """HTML('<table><tr><td><a href="../../papers/other2021/index.html">o</a></td></tr></table>')"""
    )
)
POST_C = f"Nothing of note.\n\n{cell('1 + 1')}"
NOTES = "---\ntitle: 'The other'\n---\n\n## On what it stands\n\nOn [@known2020].\n"
ALONE = 'citekey = "alone2023"\n\n[[equations]]\nnumber = "1"\nlatex = "c = d"\nsays = "Alone."\n'
READING = (
    "---\ntitle: Reading\n---\n\n## Next\n\nFirst [the known one](papers/known2020/index.qmd), then [b](posts/b/).\n"
)
BOOK = "@article{alone2023,\n  title = {On its own},\n  author = {Solo, Sam},\n  year = {2023},\n}\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Site:
    site = fill(Site(tmp_path_factory.mktemp("graph")))
    site.write("papers/other2021/paper.qmd", NOTES)
    site.write("papers/alone2023/paper.toml", ALONE)
    site.write("references.bib", site.read("references.bib") + BOOK)
    site.write("reading.qmd", READING)
    site.post("b", POST_B, title=f"'{TITLE.replace(chr(39), chr(39) * 2)}'")
    site.post("c", POST_C, title="The third post")
    site.press("build")
    return site


# What the HTML says: read here without any of the code that is tested


def content_pages(site: Site) -> list[str]:
    """Posts, papers, and what else an author wrote."""
    found = sorted((site.root / "_site").glob("posts/*/index.html")) + sorted((site.root / "_site").glob("papers/*/*"))
    urls = [path.relative_to(site.root / "_site").as_posix() for path in found if path.name == "index.html"]
    return [*urls, "reading.html", "index.html"]


def is_main(url: str) -> bool:
    return bool(re.fullmatch(r"(posts|papers)/[^/]+/index\.html", url))


def resolved(href: str, url: str) -> str:
    """An address relative to the site's root; "" for what is elsewhere or on the same page."""
    if re.match(r"[a-z]+:|//|#", href):
        return ""
    path, mark, name = href.partition("#")
    whole = posixpath.normpath(posixpath.join(posixpath.dirname(url), unquote(path)))
    return (whole + "/index.html" if "." not in posixpath.basename(whole) else whole) + mark + name


def section_of(element: html.HtmlElement) -> str:
    note = element.xpath("ancestor::li[starts-with(@id, 'fn')]")
    if note:
        element = element.getroottree().getroot().get_element_by_id("fnref" + note[0].get("id")[2:])
    ids = element.xpath("ancestor::section[1]/@id")
    return ids[0] if ids else ""


def body(site: Site, url: str) -> html.HtmlElement:
    """The page without what only repeats links: backlinks, references, lists of related papers, of posts."""
    main = tree(site, url).xpath("//main")[0]
    for made in main.xpath(
        "//section[@id='linked-from' or @id='related'] | //*[@id='quarto-appendix' or contains(@class, 'quarto-listing')]"
    ):
        made.drop_tree()
    return main


def references(site: Site, url: str) -> Iterator[tuple[str, str, html.HtmlElement]]:
    """(address, section, element) of each link, citation and claim box of a page."""
    main = body(site, url)
    papers = {p.parent.name for p in (site.root / "papers").glob("*/paper.toml")}
    for a in main.iter("a"):
        if (target := resolved(a.get("href") or "#", url)) and target.partition("#")[0] != url:
            yield target, section_of(a), a
    for cite in main.xpath("//*[@data-cites]"):
        for key in papers.intersection(cite.get("data-cites").split()):
            yield f"papers/{key}/index.html", section_of(cite), cite
    for box in main.find_class("postkit-claim"):
        name = box.get("aria-label").removeprefix("Claim ")
        [paper] = [key for key in papers if f'"{name}"' in site.read(f"papers/{key}/paper.toml")]
        yield f"papers/{paper}/index.html#claim-{name}", section_of(box), box


def test_backlinks_are_the_links_both_ways(built):
    linked = set()
    for url in content_pages(built):
        for target, section, _ in references(built, url):
            page = target.partition("#")[0]
            if is_main(page) and page != url:
                linked.add((page, url, section))
    told = set()
    for url in content_pages(built):
        for item in tree(built, url).xpath("//section[@id='linked-from']//li"):
            title, *places = [resolved(a.get("href"), url) for a in item.iter("a")]
            assert "#" not in title
            told |= {(url, *place.partition("#")[::2]) for place in places or [title]}
    assert told == linked
    a, b, known = "posts/a/index.html", "posts/b/index.html", "papers/known2020/index.html"
    assert {(page, url, section) for page, url, section in linked if url in (b, "reading.html")} == {
        (a, b, ""),
        (a, b, "uses"),
        (a, b, "away"),
        (known, b, ""),
        (known, b, "uses"),
        (known, b, "away"),
        ("papers/other2021/index.html", b, "away"),
        (known, "reading.html", "next"),
        (b, "reading.html", "next"),
    }
    assert (a, known, "claims") in linked
    assert (known, "papers/other2021/index.html", "on-what-it-stands") in linked


def test_backlinks_are_told_by_title_and_section(built):
    items = tree(built, "papers/known2020/index.html").xpath("//section[@id='linked-from']//li")
    assert [" ".join(item.text_content().split()) for item in items] == [
        "The post: introduction, A second part, What we found, Figures",
        f"{TITLE}: introduction, Uses, Away",
        "The other: On what it stands",
        "Reading: Next",
    ]
    alone = tree(built, "papers/alone2023/index.html")
    assert alone.xpath("string(//section[@id='linked-from']//p)") == "No page links here yet."
    assert not tree(built, "posts/c/index.html").xpath("//*[@id='linked-from']")
    toc = tree(built, "posts/b/index.html").xpath("//*[@id='TOC']//a/@href")
    assert "#uses" in toc
    assert "#linked-from" not in toc


def nodes_of(site: Site) -> dict[str, str]:
    """Address -> id of each node of the picture."""
    return {a.get("href"): a.get("data-node") for a in tree(site, "graph.html").xpath("//a[@data-node]")}


def edges_of(site: Site) -> set[tuple[str, str]]:
    paths = tree(site, "graph.html").xpath("//path[@data-from]")
    edges = [(path.get("data-from"), path.get("data-to")) for path in paths]
    assert len({(*edge, path.get("data-kind")) for edge, path in zip(edges, paths, strict=True)}) == len(edges)
    return set(edges)


def shown_edges(site: Site) -> Iterator[tuple[str, str]]:
    """Pairs of nodes that the other pages show as joined."""
    at = nodes_of(site)
    for url in content_pages(site):
        if not is_main(url):
            continue
        for target, _, element in references(site, url):
            node = at.get(target) or at.get(target.partition("#")[0])
            equation = element.xpath("ancestor::section[starts-with(@id, 'equation-')]/@id")
            row = element.xpath("ancestor::tr[starts-with(@id, 'claim-')]/@id")
            if row:
                yield node, at[f"{url}#{row[0]}"]  # the post that measured
            elif node:
                yield at[f"{url}#{equation[0]}"] if equation else at[url], node
        page = tree(site, url)
        for name in page.xpath("//section/@id | //tr/@id"):
            if name.startswith(("equation-", "claim-")):
                yield at[url], at[f"{url}#{name}"]
        for href in page.xpath("//section[@id='related']//li/a/@href"):
            if other := at.get(resolved(href, url)):
                back = tree(site, resolved(href, url)).xpath("//section[@id='related']//li/a/@href")
                assert url in [resolved(link, resolved(href, url)) for link in back]
                yield min(at[url], other), max(at[url], other)
    for section in tree(site, "functions.html").xpath("//section[contains(@class, 'level3')]"):
        function = at[f"functions.html#{section.get('id')}"]
        for href in section.xpath(".//a/@href"):
            if href.startswith("posts/"):
                yield at[href.partition("#")[0]], function
            elif href.startswith("papers/"):
                yield at[href], function  # drawn once more by the paper's page


def test_the_edges_of_the_graph_are_the_links_of_the_pages(built):
    shown = set(shown_edges(built))
    assert edges_of(built) == shown
    assert {
        ("post:b", "equation:known2020#equation-4"),
        ("post:b", "claim:never-measured"),
        ("post:b", "function:mathlib.loops.Loop"),
        ("post:b", "function:mathlib.loops.step"),
        ("post:a", "claim:few-steps"),
        ("paper:known2020", "post:a"),
        ("paper:other2021", "paper:known2020"),
        ("paper:known2020", "paper:other2021"),
        ("equation:known2020#equation-4", "function:mathlib.loops.step"),
        ("paper:alone2023", "equation:alone2023#equation-1"),
    } <= shown
    assert not [edge for edge in shown if "post:c" in edge]
    kinds = {node.partition(":")[0] for node in nodes_of(built).values()}
    assert kinds == set(KINDS)


def test_every_mark_leads_to_its_place_and_says_what_it_is(built):
    page = tree(built, "graph.html")
    ids = {"": set()}
    for a in page.xpath("//a[@data-node]"):
        url, _, name = a.get("href").partition("#")
        ids.setdefault(url, set(tree(built, url).xpath("//@id")))
        assert not name or name in ids[url], a.get("href")
        assert a.get("aria-label") is None  # its name is its title, which the words beside the mark need not repeat
        assert a.findtext("title")
    assert len(page.xpath("//a[@data-node='post:b']/title")) == 1
    assert page.xpath("string(//a[@data-node='post:b']/title)") == f"Post: {TITLE}"
    assert [box.get("value") for box in page.xpath("//input[@type='checkbox']")] == list(KINDS)
    assert not page.xpath("//*[@class='press-graph']//*[@hidden]")


def test_a_functions_entry_names_the_sections_whose_code_uses_it(built):
    section = tree(built, "functions.html").get_element_by_id("mathlib.loops.step")
    assert section.xpath(".//a[starts-with(@href, 'posts/')]/@href") == [
        "posts/b/index.html",
        "posts/b/index.html#away",
    ]
    section = tree(built, "functions.html").get_element_by_id("mathlib.loops.Loop")
    assert section.xpath(".//a[starts-with(@href, 'posts/')]/@href")[1:] == ["posts/b/index.html#uses"]
    code = "".join(pre.text_content() for pre in tree(built, "posts/b/index.html").xpath("//section[@id='away']//pre"))
    assert "loops.step(1)" in code


def test_a_pages_own_picture_shows_its_neighbours(built):
    at = nodes_of(built)
    edges = edges_of(built)
    for url in content_pages(built):
        if not is_main(url):
            continue
        drawn = tree(built, url).xpath("//section[@id='linked-from']//a[@data-node]")
        shown = {a.get("data-node") for a in drawn}
        own = at[url]
        assert shown == {b if a == own else a for a, b in edges if own in (a, b)}
        assert [at[resolved(a.get("href"), url)] for a in drawn] == [a.get("data-node") for a in drawn]
        assert {path.get("data-to") for path in tree(built, url).xpath("//path[@data-to]")} == shown


@pytest.mark.parametrize("url", ["graph.html", "posts/a/index.html", "papers/known2020/index.html"])
def test_pictures_are_well_formed(built, url):
    """As XML, which no parser mends; the outer element of each picture."""
    text = built.read(f"_site/{url}")
    start = text.index('<svg class="press-')
    depth, end = 0, start
    for match in re.finditer(r"<svg\b|</svg>", text[start:]):
        depth += 1 if match[0] == "<svg" else -1
        if depth == 0:
            end = start + match.end()
            break
    root = etree.fromstring(text[start:end].encode())
    assert len(root.findall(".//a")) == len(tree(built, url).xpath("//a[@data-node]"))
    assert not [e for e in root.iter() if "script" in str(e.tag) or any(k.startswith("on") for k in e.attrib)]


def test_the_notebook_ends_with_it_for_quarto_and_the_feed_leaves_it_out(built):
    last = json.loads(built.read("posts/b/index.ipynb"))["cells"][-1]
    assert last["id"] == "linked-from"
    assert last["metadata"]["press"]["made"]
    assert "".join(last["source"]).count("`" * 8) == 4  # a style and the block, both as raw HTML
    assert "linked-from" not in built.read("_site/index.xml")
    assert "linked-from" not in built.read("_site/posts/b/b.ipynb")


# What a change rebuilds


def changed_pages(site: Site) -> set[str]:
    before = {name: data for name, data in site.snapshot().items() if name.endswith(".html")}
    site.press("build")
    after = {name: data for name, data in site.snapshot().items() if name.endswith(".html")}
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_changed_words_change_no_other_page(copy):
    path = copy.root / "posts/b/post.qmd"
    path.write_text(path.read_text().replace("Opening: see", "To begin with, see"))
    assert changed_pages(copy) == {"posts/b/index.html"}


def test_a_changed_link_changes_just_the_pages_at_its_ends(copy):
    path = copy.root / "posts/b/post.qmd"
    path.write_text(path.read_text().replace("papers/other2021/index.html", "papers/alone2023/index.html"))
    # The index of papers counts citations, which a link is not.
    pages = {"posts/b/index.html", "papers/other2021/index.html", "papers/alone2023/index.html", "graph.html"}
    assert changed_pages(copy) == pages
    assert "nothing changed" in copy.press("build").stdout


def test_a_paper_with_another_title_changes_its_pages_and_those_that_cite_it(copy):
    path = copy.root / "papers/known2020/paper.qmd"
    path.write_text(path.read_text().replace("The known one", "A new name"))
    changed = changed_pages(copy)
    own = {"papers/known2020/index.html", "papers/other2021/index.html", "posts/a/index.html", "posts/b/index.html"}
    indexes = {"papers/index.html", "claims.html", "equations.html", "functions.html", "glossary.html", "graph.html"}
    assert changed == own | indexes  # not alone2023, not the third post


def test_check_knows_a_post_whose_end_is_not_up_to_date(copy):
    copy.write("reading.qmd", READING.replace("posts/b/", "posts/a/"))
    told = copy.press("check", status=1).stderr
    assert "posts/a/index.ipynb: not up to date. Run press build" in told
    assert "posts/b/index.ipynb: not up to date. Run press build" in told


def test_check_reads_the_words_as_they_are_now(copy):
    """Neither a label nor a quoted number is in a post's outputs: no run is needed to see that they changed."""
    path = copy.root / "posts/b/post.qmd"
    text = path.read_text()
    path.write_text(text.replace("Opening: see", "Opening, with @tbl-y: see"))
    at = 1 + text[: text.index("Opening: see")].count("\n")
    assert f"posts/b/post.qmd:{at}: unknown label @tbl-y. Legal: tbl-x" in copy.press("check", status=1).stderr
    path.write_text(text.replace("Opening: see", "Opening {{< claim few-steps.number >}}: see"))
    assert f"posts/b/post.qmd:{at}: not up to date" in copy.press("check", status=1).stderr
    copy.press("build")
    assert "post.qmd" not in copy.press("check", status=1).stderr  # only that a cited entry has no author
    paper = copy.read("papers/known2020/paper.toml")
    copy.write("papers/known2020/paper.toml", paper.replace("13.36 against", "13.37 against"))
    assert f"posts/b/post.qmd:{at}: not up to date" in copy.press("check", status=1).stderr


def test_pages_that_are_not_rendered_are_not_linked(copy):
    path = copy.root / "_quarto.yml"
    path.write_text(path.read_text().replace(" papers/*/index.qmd, claims.qmd,", " claims.qmd,"))
    copy.write("claims.qmd", copy.read("claims.qmd"))
    for name in ("posts/b/post.qmd", "reading.qmd", "papers/other2021/paper.qmd"):
        text = re.sub(r"\[([^]]*)\]\((/|\.\./\.\./)?papers/[^)]*\)", r"\1", copy.read(name))
        copy.write(name, text.replace("../../papers/other2021/index.html", "../a/index.html"))
    copy.press("run")
    assert "papers/" not in re.sub(r"data-node=\S+", "", copy.read("posts/b/index.ipynb").split('"linked-from"')[-1])


# Pieces


def made_up(posts: int, papers: int) -> Graph:
    nodes = [Node(f"post:p{i}", "post", HOSTILE, HOSTILE, f"posts/p{i}/index.html") for i in range(posts)]
    edges = []
    for i in range(papers):
        url = f"papers/k{i}/index.html"
        nodes.append(Node(f"paper:k{i}", "paper", f"Paper {i}", f"Paper {i}", url))
        edges += [Edge(f"post:p{j}", f"paper:k{i}", "cites", ("",)) for j in range(posts) if (i * j) % 7 == 3]
        for n in range(i % 9):
            nodes.append(Node(f"equation:k{i}#{n}", "equation", f"Eq. {n}", "e", f"{url}#equation-{n}"))
            edges.append(Edge(f"paper:k{i}", f"equation:k{i}#{n}", "has", ("equations",)))
    near: dict[str, list[Edge]] = {}
    for edge in edges:
        near.setdefault(edge.source, []).append(edge)
        near.setdefault(edge.target, []).append(edge)
    return Graph({node.id: node for node in nodes}, tuple(edges), near)


def test_a_layout_has_a_place_for_each_node_and_no_two_in_one():
    graph = made_up(30, 30)
    layout = picture.lay_out(graph)
    assert set(layout.places) == set(graph.nodes)
    assert len(set(layout.places.values())) == len(graph.nodes)
    assert all(0 < x < 100 and 0 < y < layout.height for x, y in layout.places.values())
    for kind, apart in (("post", 44), ("paper", 50)):
        heights = sorted(layout.places[node.id][1] for node in graph.nodes.values() if node.kind == kind)
        assert min(b - a for a, b in pairwise(heights)) >= apart


def test_the_same_graph_gives_the_same_picture():
    graph = made_up(12, 9)
    other = Graph(dict(graph.nodes), graph.edges, graph.near)
    assert picture.drawing(graph) == picture.drawing(other)


def test_hostile_titles_stay_text_in_both_pictures():
    graph = made_up(5, 20)
    whole = render("pages/graph.svg", **picture.drawing(graph))
    for drawn in (whole, local_picture(graph, "paper:k3", "papers/k3/index.html")):
        root = etree.fromstring(drawn.encode())
        titles = {element.text for element in root.iter("{*}title")}
        assert f"Post: {' '.join(HOSTILE.split())}" in titles
        assert not list(root.iter("{*}script"))


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("../a/index.ipynb#x", "posts/a/index.html#x"),
        ("../a/", "posts/a/index.html"),
        ("../a", "posts/a/index.html"),
        ("/papers/k/index.qmd", "papers/k/index.html"),
        ("../../about.qmd?x=1#%C3%A9", "about.html#\u00e9"),
        ("https://x.test/posts/a/index.html", ""),
        ("//x.test/a", ""),
        ("mailto:a@b.test", ""),
        ("#here", ""),
        ("../../../up.html", ""),
    ],
)
def test_where_a_link_leads(link, found):
    assert site_address(link, "posts/b", is_source=True) == found


def test_links_of_raw_html():
    assert raw_links("<p><A HREF='x&amp;y'>a</A><img src=b><a name=c><svg><a href=\"d\"/></svg>") == ["x&y", "d"]


def test_what_cells_use():
    names = Names()
    assert names.used_in("%matplotlib inline\nimport a.b\nfrom c.d import e as f, g\nimport h as k") == []
    assert names.used_in("f(1)\nx = a.b.z.w\ng = k.m(f).n") == ["a.b.z.w", "c.d.e", "h.m"]
    assert names.used_in("g()\ng.x") == []  # defined anew by the cell before
    assert names.used_in("def f(): pass\nf()") == ["c.d.e"]
    assert names.used_in("f()") == []
    assert names.used_in("f( = 1") == []
    assert names.used_in("from . import q\nq()") == []


def test_which_pages_are_rendered(tmp_path):
    site = Site(tmp_path)
    text = site.read("_quarto.yml")
    for patterns, wanted in (
        ("[index.qmd, papers/*/index.qmd]", {"papers/k/index.qmd"}),
        ("['**/*.qmd', '!papers/']", {"graph.qmd", "functions.qmd"}),
        ("['*.qmd', '!graph.qmd', 'papers/**/index.qmd']", {"functions.qmd", "papers/k/index.qmd", "papers/index.qmd"}),
    ):
        Path(site.root, "_quarto.yml").write_text(re.sub(r"render: .*", f"render: {patterns}", text))
        names = ("papers/k/index.qmd", "papers/index.qmd", "graph.qmd", "functions.qmd")
        project = open_project(site.root)
        assert {name for name in names if is_rendered(project.config, name)} == wanted
