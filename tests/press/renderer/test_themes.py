"""Themes in SCSS: what compiles stands over this site's design, what does not is told with its line."""

from __future__ import annotations

import pytest

from press.renderer import sass

THEME = """\
/*-- scss:uses --*/
@use "sass:math";
/*-- scss:defaults --*/
$primary: #aa2255 !default;
$mine: math.div(10px, 2);
/*-- scss:rules --*/
// a comment; with {
h2 { color: $primary; padding: $mine; border-color: $gray-700; }
.bad { color: $nope; }
@include media-breakpoint-down(md) { .x { content: "}"; } }
.worse {
  @include nosuch(1);
}
.pic { background: url(img/a.png) }
"""
needs_sass = pytest.mark.skipif(not sass.command(), reason="no Sass compiler here")


@pytest.fixture
def plain(project):
    project.write("custom.scss", THEME)
    project.write("index.qmd", "---\ntitle: Home\n---\n")
    return project


def build(project, theme: str):
    project.write("_quarto.yml", f"website:\n  search: false\nformat:\n  html:\n    theme: {theme}\n")
    return [(p.file, p.line, p.check) for p in project.build().warnings]


def css(project) -> str:
    path = project.out / "site_libs/press/theme.css"
    return path.read_text() if path.is_file() else ""


@pytest.mark.parametrize("theme", ["cosmo", "[cosmo, brand]", "{light: flatly, dark: darkly}", "none"])
def test_names_of_themes_pass_in_silence(plain, theme):
    assert build(plain, theme) == []
    assert css(plain) == ""


def test_a_file_that_is_not_there_is_told(plain):
    assert build(plain, "[cosmo, gone.scss]") == [("_quarto.yml", 5, "links")]


def test_without_a_compiler_the_theme_is_told_and_the_site_stands(plain, monkeypatch):
    monkeypatch.setattr(sass, "command", lambda: [])
    assert build(plain, "custom.scss") == [("_quarto.yml", 5, "unsupported")]
    assert (plain.out / "index.html").is_file()


@needs_sass
def test_what_compiles_is_taken_and_the_rest_told_with_its_line(plain):
    plain.write("img/a.png", "x")
    assert build(plain, "[cosmo, custom.scss]") == [
        ("custom.scss", 9, "unsupported"),
        ("custom.scss", 11, "unsupported"),
    ]
    made = css(plain)
    assert "--accent: #aa2255" in made
    assert "padding: 5px" in made
    assert "@media (max-width: 767.98px)" in made
    assert 'url("../../img/a.png")' in made
    assert (plain.out / "img/a.png").is_file()
    assert "bad" not in made
    assert plain.page("index.html").xpath("//link[starts-with(@href, './site_libs/press/theme.css')]")
    plain.write("custom.scss", "/*-- scss:rules --*/\nh2 { top: 1px }\n")
    plain.build()
    assert "1px" in css(plain)


@needs_sass
def test_a_theme_for_dark_pages_counts_there_alone(plain):
    plain.write(
        "dark.scss",
        "/*-- scss:defaults --*/\n$body-bg: #000;\n/*-- scss:rules --*/\n.y { top: 2px }\n@font-face { font-family: F }\n",
    )
    assert build(plain, "{light: cosmo, dark: [darkly, dark.scss]}") == []
    made = " ".join(css(plain).split())
    assert ":root[data-theme=dark] { --bg: #000; }" in made
    assert ":root[data-theme=dark] .y {" in made
    assert "} @font-face {" in made


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("a { b: c }\n\n// x; {\nd { e { f: '}' } }", [(1, "a"), (3, "// x")]),
        ("$a: 1;\n$b: 2", [(1, "$a"), (2, "$b")]),
        ('/* } */\n.q::after { content: "\\"}" }\n.r{}', [(1, "/* }"), (3, ".r")]),
        ("} a { b: c }", [(1, "}"), (1, "a")]),
    ],
)
def test_a_style_sheet_falls_into_statements(text, starts):
    pieces = sass.pieces_of(text, "x.scss")
    assert [
        (piece.line, piece.text.strip()[: len(start)]) for piece, (_, start) in zip(pieces, starts, strict=True)
    ] == starts
