"""Bad input: a message that names file and line, exit status 1, and the old site as it was."""

import pytest

from tests.press.conftest import CONFIG, INDEX, Site, cell, post

GOOD = "Words.\n\n" + cell("#| tags: [parameters]\nseed = 1") + cell("print(seed)")
KILLED = "import os\nimport signal\n\nos.kill(os.getpid(), signal.SIGKILL)  # what the kernel's OOM killer does"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """One published site, used by all cases: none of them may change it."""
    site = Site(tmp_path_factory.mktemp("project"))
    site.post("a", GOOD)
    site.press("build")
    return site


CASES = {
    "broken YAML": (
        {"posts/a/post.qmd": "---\ntitle: [x\ndate: 1\n---\n"},
        "posts/a/post.qmd:3: front matter is not valid",
    ),
    "unclosed cell": (
        {"posts/a/post.qmd": post("```{python}\nx = 1\n")},
        "posts/a/post.qmd:8: code cell ```{python} is never",
    ),
    "raising cell": (
        {"posts/a/post.qmd": post(cell("x = 1\nx / 0"))},
        "posts/a/post.qmd:10: code-1 raised ZeroDivisionError",
    ),
    "early exit": (
        {"posts/a/post.qmd": post(cell("raise SystemExit(0)") + cell("x = 1"))},
        "posts/a/post.qmd:9: code-1 raised SystemExit",
    ),
    "infinite loop": (
        {"posts/a/post.qmd": post(cell("x = 1") + cell("while True:\n    pass"), extra="timeout: 3\n")},
        "posts/a/post.qmd:13: the post used ",
    ),
    "kernel killed": ({"posts/a/post.qmd": post(cell("x = 1") + cell(KILLED))}, "posts/a/post.qmd:12: the kernel died"),
    "unknown citation": (
        {"posts/a/post.qmd": post("See [@nobody1999].\n")},
        "posts/a/post.qmd:8: unknown citation @nobody1999",
    ),
    "unknown label": ({"posts/a/post.qmd": post("See @fig-none.\n")}, "posts/a/post.qmd:8: unknown label @fig-none"),
    "duplicate slug": ({"posts/a/index.qmd": "---\ntitle: x\n---\n"}, "posts/a/index.qmd: duplicate slug 'a'"),
    "not UTF-8": ({"posts/a/post.qmd": post("caf\n").encode() + b"\xe9\n"}, "posts/a/post.qmd:9: not UTF-8: byte 0xe9"),
    "missing include": (
        {"posts/a/post.qmd": post("{{< include no.md >}}\n")},
        "posts/a/post.qmd:8: included file 'no.md'",
    ),
    "include cycle": (
        {"posts/a/post.qmd": post("{{< include b.md >}}\n"), "posts/a/b.md": "\n{{< include b.md >}}\n"},
        "posts/a/b.md:2: include cycle: posts/a/b.md -> posts/a/b.md",
    ),
    "missing field": (
        {"posts/a/post.qmd": "---\ntitle: x\ndate: 2026-01-01\n---\n"},
        "posts/a/post.qmd:1: front matter lacks",
    ),
    "broken link": ({"posts/a/post.qmd": post("One.\n\n[x](gone.html)\n")}, "posts/a/post.qmd:10: broken link"),
    "missing image": ({"posts/a/post.qmd": post("![words](gone.png)\n")}, "posts/a/post.qmd:8: "),
    "unknown shortcode": ({"posts/a/post.qmd": post("One.\n\n{{< tweet x >}}\n")}, "posts/a/post.qmd:10: "),
    "broken config": ({"_quarto.yml": CONFIG + "more: [1\n"}, "_quarto.yml:"),
    "unknown config key": ({"_quarto.yml": CONFIG + "telepathy: true\n"}, "_quarto.yml:18: "),
    "home without a title": (
        {"index.qmd": INDEX.replace("title: Home\n", "")},
        "index.qmd:1: front matter lacks 'title'",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input(built, name):
    files, expected = CASES[name]
    published = built.snapshot()
    before = {file: (built.root / file).read_bytes() if (built.root / file).exists() else None for file in files}
    try:
        for file, text in files.items():
            built.write(file, text)
        done = built.press("build", status=1)
    finally:
        for file, data in before.items():
            built.write(file, data) if data is not None else (built.root / file).unlink()
            if data is None and (built.root / file).parent.name == "A b":
                (built.root / file).parent.rmdir()
    assert f"error: {expected}" in done.stderr, done.stderr
    assert 'Traceback (most recent call last):\n  File "<frozen' not in done.stderr
    assert built.snapshot() == published


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("-p", "sede", "2"), "posts/a/post.qmd:11: unknown parameter 'sede'. Legal: seed"),
        (("-p", "seed", "two"), "posts/a/post.qmd:11: parameter 'seed' must be of type int, such as 1, not str 'two'"),
        (("-p", "seed", "[1"), "-p seed '[1': not a valid YAML value"),
    ],
)
def test_bad_parameters(built, arguments, expected):
    published = built.snapshot()
    assert f"error: {expected}" in built.press("build", *arguments, status=1).stderr
    assert built.snapshot() == published


def test_wrong_usage_is_exit_status_2(built):
    assert "invalid choice" in built.press("fly", status=2).stderr
    assert "whole number, at least 1" in built.press("build", "--jobs", "0", status=2).stderr
    assert "no profile 'moon'" in built.press("build", "--profile", "moon", status=1).stderr
    assert "no post 'b'. Posts: a" in built.press("run", "b", status=1).stderr


def test_no_project_here_is_one_clear_line(tmp_path, built):
    done = built.press("build", "--root", str(tmp_path), status=1)
    assert done.stderr.startswith("error: _quarto.yml: not found in")


def test_data_in_outputs_stays_escaped(built):
    """A string that came from data is shown as it is, not run, whichever way a plain value is displayed."""
    hostile = "</code></pre><script>alert('data')</script> ::: {.callout-note} {{< include x >}} `````` @known2020 $x$"
    built.post(
        "hostile", cell(f"text = {hostile!r}\nprint(text)\ntext") + cell("import sys\nprint(text, file=sys.stderr)")
    )
    try:
        built.press("build")
        page = built.read("_site/posts/hostile/index.html")
    finally:
        (built.root / "posts/hostile/post.qmd").unlink()
        built.press("build")
    assert "<script>alert('data')" not in page
    assert page.count("&lt;script&gt;alert(") >= 3
    from lxml import html

    text = html.document_fromstring(page).text_content()
    assert text.count("::: {.callout-note} {{< include x >}} `````` @known2020 $x$") >= 3
    assert not (built.root / "_site/posts/hostile").exists()
