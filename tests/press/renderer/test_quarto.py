"""What Quarto's finished site gets. Its pages are stood in for by HTML of the shape that Quarto writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import lxml.html
import pytest

from press.core.project import open_project
from press.renderer.quarto import finish, main

from .builder import md
from .test_previews import data

PAGE = """<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head>
<meta charset="utf-8"><meta name="generator" content="quarto-1.9.38">
<meta name="description" content="About {title}"><title>{title}</title></head>
<body><main class="content" id="quarto-document-content"><h1 class="title">{title}</h1>
<section id="one" class="level2"><h2 class="anchored">One</h2><p>First <em>lines</em> \u2014 of it.</p></section>
<span id="eq-a"><math display="block"><semantics><mi>x</mi><annotation>x</annotation></semantics></math></span>
</main></body></html>
"""
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def made(project):
    project.post(md("Text."))
    path = project.root / "posts/x/index.ipynb"
    book = json.loads(path.read_text())
    book["metadata"]["press"] = {"key": "k"}
    path.write_text(json.dumps(book))
    project.write("NOTATION.md", "| meaning | symbol | our name |\n|---|---|---|\n| data | $x$ | `data` |\n")
    for url, title in (("index.html", "Home"), ("posts/x/index.html", "A post")):
        path = project.out / url
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGE.format(title=title), encoding="utf-8")
    (project.out / "old.html").write_text("<html><head></head><body>moved</body></html>")
    return project


def test_pages_get_the_script_and_its_data(made):
    assert finish(open_project(made.root), made.out) == ["index.html", "old.html", "posts/x/index.html"]
    for url in ("index.html", "posts/x/index.html"):
        page = lxml.html.parse(str(made.out / url)).getroot()
        for address in [*page.xpath("//script/@src"), *page.xpath("//link[@rel='stylesheet']/@href")]:
            assert (made.out / url).parent.joinpath(address).resolve().is_file()
        assert len(page.xpath("//head/script[@defer]")) == 2
    post = data(made.out, "posts/x/index.html")
    assert (post["title"], post["about"]) == ("A post", "About A post")
    assert post["at"]["one"] == "<p><strong>One</strong></p><p>First <em>lines</em> \u2014 of it.</p>"
    assert post["at"]["eq-a"] == "<math><mi>x</mi></math>"
    assert "moved" in (made.out / "old.html").read_text()
    assert "data" in (made.out / "site_libs/press/symbols.js").read_text()
    assert json.loads((made.out / "posts/x/x.ipynb").read_text())["cells"][0]["id"] == "about"


def test_files_for_the_host_are_published(made):
    names = ("CNAME", ".nojekyll", "robots.txt", "_redirects", "_headers")
    for name in names:
        made.write(name, f"for the host: {name}")
    finish(open_project(made.root), made.out)
    assert [(made.out / name).read_text() for name in names] == [f"for the host: {name}" for name in names]


@pytest.mark.parametrize("out", [".", "..", "posts"])
def test_pages_that_may_be_an_authors_are_not_mended(made, monkeypatch, capsys, out):
    made.write("mine.html", "<html><head></head><body>mine</body></html>")
    monkeypatch.chdir(made.root)
    assert main(out) == 1
    assert f"error: _quarto.yml:3: output-dir {out!r} " in capsys.readouterr().err
    assert (made.root / "mine.html").read_text() == "<html><head></head><body>mine</body></html>"


def test_a_second_time_changes_nothing(made):
    project = open_project(made.root)
    finish(project, made.out)
    before = {path: path.read_bytes() for path in made.out.rglob("*") if path.is_file()}
    finish(project, made.out)
    assert {path: path.read_bytes() for path in made.out.rglob("*") if path.is_file()} == before


def test_the_hook_of_a_plain_render(made):
    (made.root / "scripts").mkdir()
    hook = made.root / "scripts/postrender.py"
    hook.write_text((ROOT / "scripts/postrender.py").read_text())
    env = os.environ | {"PYTHONPATH": str(ROOT / "lib"), "QUARTO_PROJECT_OUTPUT_DIR": str(made.out)}
    subprocess.run([sys.executable, str(hook)], env=env | {"PRESS_BUILD": "1"}, check=True)
    assert not (made.out / "site_libs").exists(), "press build does it itself"
    subprocess.run([sys.executable, str(hook)], env=env, check=True)
    assert (made.out / "posts/x/x.ipynb").is_file()
