"""What `press check` finds, with file and line, before and after rendering."""

import json

import pytest

from press.checks.links import check_site
from press.checks.sources import check_sources
from press.core.project import open_project
from press.core.secrets import find_secrets, secrets_in
from press.pipeline import site_pages
from tests.press.conftest import CONFIG, cell


def source_problems(site, body: str) -> list[str]:
    site.post("a", body)
    site.press("run")
    project = open_project(site.root)
    return [str(problem) for problem in check_sources(project, (), site_pages(project))]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("As @knwon2020 says.\n", "posts/a/post.qmd:8: unknown citation @knwon2020 (did you mean @known2020?)"),
        ("One.\n\nSee @fig-none.\n", "posts/a/post.qmd:10: unknown label @fig-none. Legal: none on this page"),
        ("$$\nx\n$$ {#eq-a}\n\nSee @eq-b.\n", "posts/a/post.qmd:12: unknown label @eq-b. Legal: eq-a"),
        ("# One {#sec-a}\n\n# Two {#sec-a}\n\n@sec-a\n", "posts/a/post.qmd:8: duplicate label 'sec-a'"),
        ("Text.\n\n![](x.png)\n", "posts/a/post.qmd:10: x.png has no alt text"),
        (
            cell("#| label: fig-a\n#| fig-alt: x\nprint(1)") + "\n@fig-a\n",
            "posts/a/post.qmd:9: cell 'fig-a' has no fig-cap",
        ),
        (
            cell("from IPython.display import Image\nimport base64\n")
            + cell(
                "pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='\n"
                "Image(base64.b64decode(pixel))"
            ),
            "posts/a/post.qmd:14: a figure of this cell has no alt text",
        ),
    ],
)
def test_problems_in_sources(site, body, expected):
    found = source_problems(site, body)
    assert any(line.startswith(expected) for line in found), found


def test_a_sound_post_has_none(site):
    body = "# One {#sec-a}\n\n$$\nx\n$$ {#eq-a}\n\nSee @eq-a, @sec-a and [@known2020, p. 3]; mail me at a@b.org or `@fig-x`.\n"
    assert source_problems(site, body) == []


def test_a_broken_bibliography_is_named(site):
    site.write("references.bib", "@article{a,\n  title = {x\n\n")
    site.post("a", "Text.\n")
    assert "error: references.bib:" in site.press("run", status=1).stderr  # it writes the pages of papers
    assert (site.root / "posts/a/index.ipynb").exists()  # what ran can be read all the same
    assert site.press("check", status=1).stderr.startswith("error: references.bib:")


LONG = f"posts/data:image/png;base64,{'A' * 132}"[:159] + "\N{HORIZONTAL ELLIPSIS}"


def html(body: str) -> str:
    return f"<!DOCTYPE html><html lang='en'><head><title>t</title></head><body>{body}</body></html>"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<a href='gone.html'>x</a>", "index.qmd:0 broken link: gone.html"),
        (
            "<a href='other.html#nowhere'>x</a>",
            "index.qmd:0 broken link: no such place on the page: other.html#nowhere",
        ),
        ("<img src='gone.png' alt='x'>", "index.qmd:0 broken link: gone.png"),
        ("<img src='here.png'>", "index.qmd:0 here.png has no alt text. Write ![alt text](...)"),
        ("<p>see ?@fig-x</p>", "index.qmd:0 not resolved on the page: ?@fig-x"),
        ("<a href='javascript:alert(1)'>x</a>", "index.qmd:0 link that runs a script: javascript:alert(1)"),
        ("<a href='../../x'>x</a>", "index.qmd:0 link that leaves the site: ../../x"),
        (f"<img src='posts/data:image/png;base64,{'A' * 9000}' alt='x'>", f"index.qmd:0 broken link: {LONG}"),
        ("<a href='a%00b.html'>x</a>", "index.qmd:0 broken link: a%00b.html"),
    ],
)
def test_problems_in_html(site, body, expected):
    site.write("out/index.html", html(body))
    site.write("out/other.html", html("<p id='here'>x</p>"))
    site.write("out/here.png", b"x")
    found = check_site(site.root / "out", open_project(site.root))
    assert [f"{p.file}:{p.line} {p.message}" for p in found] == [expected]


def test_good_links_pass(site):
    links = [
        "other.html#here",
        "#top",
        "./",
        "/other.html",
        "sub/",
        "https://example.org/x",
        "mailto:a@b.org",
        "caf%C3%A9.html",
    ]
    site.write(
        "out/index.html", html("<i id='top'></i><code>?@x</code>" + "".join(f"<a href='{x}'>x</a>" for x in links))
    )
    site.write("out/other.html", html("<p id='here'>x</p>"))
    site.write("out/café.html", html(""))
    site.write("out/sub/index.html", html("<a href='../'>up</a>"))
    assert check_site(site.root / "out", open_project(site.root)) == []


def test_a_broken_link_is_found_in_its_source(site):
    site.write("index.qmd", "---\ntitle: x\n---\n\nOne.\n\n[x](gone.html)\n")
    site.write("out/index.html", html("<a href='gone.html'>x</a>"))
    assert str(check_site(site.root / "out", open_project(site.root))[0]).startswith("index.qmd:7: ")


OUTSIDE = {
    "script": "<script src='https://cdn.test/x.js'></script>",
    "frame": "<iframe src='//cdn.test/x'></iframe>",
    "style": "<style>@import url(https://fonts.test/css);</style>",
    "picture": "<img src='https://cdn.test/x.png' alt='x'>",
}


@pytest.mark.parametrize("kind", OUTSIDE)
def test_an_offline_site_asks_no_other_host(site, kind):
    site.write("out/index.html", html(OUTSIDE[kind] + "<a href='https://example.org/'>a link is no request</a>"))
    assert check_site(site.root / "out", open_project(site.root)) == []
    site.write("_quarto.yml", CONFIG + "  offline: true\n")
    [problem] = check_site(site.root / "out", open_project(site.root))
    assert problem.message.startswith("the page requests something from another host: ")
    site.write("out/index.html", html(""))
    site.write(
        "out/site_libs/theme.css", "@import 'https://fonts.test/css';\na{background:url(data:image/png;base64,x)}"
    )
    [problem] = check_site(site.root / "out", open_project(site.root))
    assert (problem.file, "https://fonts.test/css" in problem.message) == ("site_libs/theme.css", True)


def test_a_site_below_its_host(site):
    site.write("_quarto.yml", CONFIG.replace("https://example.org", "https://example.org/blog/"))
    links = "<a href='/blog/other.html'>x</a><a href='/blog/'>x</a><a href='/blog'>x</a>"
    site.write("out/index.html", html(links))
    site.write("out/other.html", html(""))
    assert check_site(site.root / "out", open_project(site.root)) == []
    site.write("out/other.html", html("<a href='/other.html'>x</a>"))
    [problem] = check_site(site.root / "out", open_project(site.root))
    assert problem.message == "link that leaves the site: /other.html"


TOKEN = "hf_" + "a1B2" * 9


def test_a_secret_in_an_output_stops_the_post_and_is_not_printed(site):
    site.post("a", cell(f"print('hf_' + '{TOKEN[3:]}')"))
    done = site.press("run", status=1)
    assert "posts/a/post.qmd:9: code-1 shows a Hugging Face token" in done.stderr
    assert TOKEN not in done.stderr + done.stdout
    assert not list((site.root / ".press/cache").glob("*/notebook.ipynb"))
    assert not (site.root / "posts/a/index.ipynb").exists()


def test_the_value_of_a_secret_variable_is_found_wherever_it_shows(monkeypatch):
    monkeypatch.setenv("MY_SERVICE_TOKEN", "quite-secret-value")
    data = {"text/html": ["<b>quite-", "secret-value</b>"]}
    book = {"cells": [{"id": "code-1", "metadata": {}, "source": [], "outputs": [{"data": data}]}]}
    assert [p.message.split(".")[0] for p in find_secrets(book, "f")] == ["code-1 shows the value of $MY_SERVICE_TOKEN"]
    assert secrets_in(json.dumps(data)) == []
    assert secrets_in("Zotero key: aB3dE5gH7jK9mN1pQ3sT5vW7") == ["a Zotero API key"]
    assert secrets_in("an ordinary sentence about Zotero and hf_models") == []
