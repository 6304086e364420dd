"""Newest releases: what fails with them is written down, told on the page, and gone once it is mended."""

import pytest

from press.core.project import open_project
from press.pages.driftpage import PIECE, piece
from press.papers.driftfile import Drift, Outcome, Tried, as_text, read_drift
from press.shared.drifting import brief, run_tests
from tests.press.conftest import cell

HOSTILE = "first\\n<script>alert(1)</script> {{< meta title >}} ``` \\u202e\\x07"
BREAKS = f'import os\n\nif "NEWEST" in os.environ:\n    raise ImportError("{HOSTILE}")\nprint(1)'
THEN = Tried("2026-01-02", {"numpy": "1.0"})
NOTE = 'class="press-drift"'


def fails(site, *arguments: str) -> str:
    return site.press(*arguments, status=1).stderr


def test_a_post_that_breaks_says_so_until_it_is_mended(site):
    site.post("calm", cell("print(2)"))
    site.post("breaks", cell(BREAKS))
    site.write("tests/test_two.py", "def test_two():\n    assert 1 + 1 == 2\n")
    done = site.press("drift", "--tests", "tests", "--packages", "numpy", status=1, NEWEST="1")
    assert "breaks  FAILED: " in done.stdout
    assert "calm    ok" in done.stdout
    drift = read_drift(site.root)
    assert [(one.slug, bool(one.error), one.green == drift.last) for one in drift.posts] == [
        ("breaks", True, False), ("calm", False, True)
    ]  # fmt: skip
    assert drift.of_post("breaks").error.startswith("code-1 raised ImportError: <script>alert(1)")
    assert drift.tests.error == ""
    assert drift.green is None
    assert set(drift.last.versions) == {"python", "numpy"}
    assert not (site.root / "_site").exists()
    assert not (site.root / "posts/calm/index.ipynb").exists()

    site.write("index.qmd", site.read("index.qmd") + "\n{{< include _drift.md >}}\n")
    site.press("build")
    page, home = (site.read(f"_site/{name}index.html") for name in ("posts/breaks/", ""))
    assert page.count(NOTE) == 1
    assert NOTE not in site.read("_site/posts/calm/index.html")
    for text in (page, home):
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text
        assert "meta title &gt;}}" in text.replace("&#123;", "{")
    assert "No green run is on record" in home

    again = site.press("drift", "--tests", "tests", "--packages", "numpy", status=1, NEWEST="1")
    assert "calm" not in again.stderr  # it is not run twice

    site.post("breaks", cell(BREAKS.replace("NEWEST", "OTHER")))
    site.press("build")
    assert NOTE not in site.read("_site/posts/breaks/index.html")  # what is said of another source may be untrue
    site.press("drift", "--tests", "tests", NEWEST="1")
    drift = read_drift(site.root)
    assert drift.green == drift.last
    assert not drift.failed
    site.press("build")
    assert "Last green with Python" in site.read("_site/index.html")


def test_tests_that_fail_are_told_by_the_last_of_them(site):
    site.write(
        "tests/test_two.py", "def test_one():\n    assert 0, 'early'\n\n\ndef test_two():\n    assert 0, 'late'\n"
    )
    said = []
    found = run_tests(open_project(site.root), ["tests"], said.append)
    assert found.startswith("2 failed: FAILED tests/test_two.py::test_two")
    assert "late" in found
    assert said
    assert run_tests(open_project(site.root), ["lib"], said.append) == "no tests in lib"


@pytest.mark.parametrize("path", ["nothing", "..", "../.."])
def test_tests_outside_the_project_are_refused(site, path):
    assert f"--tests {path}: must be a file or folder in {site.root}" in fails(site, "drift", "--tests", path)


def test_what_is_not_installed_is_named(site):
    said = fails(site, "drift", "--packages", "no-such-package-here")
    assert "--packages no-such-package-here: not installed here" in said
    assert not (site.root / "drift.toml").exists()


def test_a_file_of_an_author_s_stays(site):
    site.write(PIECE, "mine\n")
    assert f"{PIECE}: press drift writes this file, but did not make" in fails(site, "drift")
    assert site.read(PIECE) == "mine\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("last = 3\n", "drift.toml:1: last must be a table, not 3"),
        ('\nlast = { day = "soon", versions = {} }\n', "drift.toml:2: last entry: day"),
        (
            'last = { day = "2026-11-28", versions = { torch = 2 } }\n',
            "drift.toml:1: versions: 'torch' must be a string",
        ),
        (
            'last = { day = "2026-11-28", versions = {} }\n\n[[posts]]\nslug = "a"\n',
            "drift.toml:3: posts entry: key 'source'",
        ),
        ("[last\n", "drift.toml:1: not valid TOML"),
    ],
)
def test_a_broken_file_stops_a_build_by_line_and_stays(site, text, said):
    site.write("drift.toml", text)
    site.post("calm", cell("print(2)"))
    assert said.replace("last entry: day", "day 'soon' must look like") in fails(site, "build")
    assert said.partition(" ")[0] in fails(site, "drift")
    assert site.read("drift.toml") == text


def test_what_is_written_is_what_is_read(site):
    post = Outcome('"quotes" \\ and é \x7f', THEN, "a/b", "0" * 64)
    drift = Drift(Tried("2026-11-28", {"python": "3.11.7", "odd name.x": "1"}), THEN, Outcome("no", None), (post,))
    site.write("drift.toml", as_text(drift))
    assert read_drift(site.root) == drift
    assert "Last green with numpy 1.0, on 2026-01-02." in piece(drift)


def test_an_error_is_short_and_holds_no_secret():
    assert len(brief("x" * 5000)) < 400
    assert "ghp_" not in brief("token ghp_" + "a1B2" * 9)
    assert brief("a\nb\x1b") == "a b\N{REPLACEMENT CHARACTER}"
