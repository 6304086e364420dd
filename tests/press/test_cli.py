"""The command line: help, new, clean, dry runs, preview."""

import os
import re
import signal
import subprocess
import time
import urllib.request

import pytest

from press.cli import main
from press.core.errors import Problem
from press.telling import folded
from tests.press.conftest import cell

COMMANDS = (
    "init",
    "build",
    "run",
    "record",
    "verdicts",
    "verify",
    "cache",
    "why",
    "preview",
    "new",
    "fetch",
    "check",
    "claims",
    "sync",
    "clean",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_two_examples(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    examples = capsys.readouterr().out.partition("examples:\n")[2]
    assert len(re.findall(rf"^  press {command}\b", examples, re.MULTILINE)) >= 2


def test_a_new_post_builds_and_passes_every_check(site):
    done = site.press("new", "post", "first-steps")
    assert done.stdout == "posts/first-steps/post.qmd\n"
    site.press("build")
    assert site.press("check").stdout == "no problems\n"
    assert "First steps" in site.read("_site/posts/first-steps/index.html")
    assert "exists already" in site.press("new", "post", "first-steps", status=1).stderr
    assert "is not a valid slug" in site.press("new", "post", "First_Steps", status=1).stderr


def test_check_reports_what_is_not_up_to_date(site):
    site.post("a", cell("print(1)"))
    site.press("build")
    site.post("a", cell("print(2)"))
    assert "posts/a/post.qmd: not up to date (cell code-1 changed)" in site.press("check", status=1).stderr


def test_clean_keeps_the_sources_and_the_executed_results(site):
    site.post("a", cell("print(1)"))
    site.press("build")
    assert "would remove _site" in site.press("clean", "--dry-run").stdout
    assert (site.root / "_site").exists()
    site.press("clean")
    assert not (site.root / "_site").exists()
    assert not (site.root / "posts/a/index.ipynb").exists()
    assert "; 0 posts ran" in site.press("build").stdout
    site.press("clean", "--all")
    assert "; 1 posts ran" in site.press("build").stdout


def test_a_removed_post_leaves_the_site(site):
    site.post("a", cell("print(1)"))
    site.post("b", cell("print(2)"))
    site.press("build")
    (site.root / "posts/b/post.qmd").unlink()
    site.press("build")
    assert not (site.root / "_site/posts/b").exists()
    assert not (site.root / "posts/b/index.ipynb").exists()


def test_nothing_changed_renders_nothing(site):
    site.post("a", cell("print(1)"))
    site.press("build")
    before = {p: p.stat().st_mtime_ns for p in (site.root / "_site").rglob("*")}
    assert "nothing changed, 0 posts ran" in site.press("build").stdout
    assert {p: p.stat().st_mtime_ns for p in (site.root / "_site").rglob("*")} == before


def test_a_site_touched_by_hand_is_left_alone_until_that_is_gone_then_made_whole(site):
    site.post("a", cell("print(1)"))
    site.press("build")
    page = site.root / "_site/posts/a/index.html"
    whole = page.read_bytes()
    page.write_text("spoilt")
    assert "changed since: _site/posts/a/index.html. A build" in site.press("build", status=1).stderr
    page.unlink()
    site.press("build")
    assert page.read_bytes() == whole


def test_two_builds_at_once_do_not_meet(site):
    site.post("a", cell("import time\ntime.sleep(3)"))
    first = subprocess.Popen(site.command("run"), cwd=site.root, env=site.environment(), stderr=subprocess.DEVNULL)
    lock = site.root / ".press/lock"
    while not (lock.exists() and lock.read_text()):
        time.sleep(0.05)
    assert f"another `press` (process {first.pid}) is already running here" in site.press("run", status=1).stderr
    assert first.wait() == 0


def test_preview_opens_a_browser_serves_rebuilds_and_reloads(site, tmp_path_factory):
    site.post("a", "Old words.\n\n" + cell("print(1)"))
    opened = tmp_path_factory.mktemp("browser") / "opened"
    browser = opened.with_name("browser")
    browser.write_text(f'#!/bin/sh\necho "$1" >"{opened}"\n')
    browser.chmod(0o755)
    process = subprocess.Popen(
        site.command("preview", "--port", "0", "--renderer", "pandoc", "--open"),
        cwd=site.root,
        env=site.environment() | {"BROWSER": f"{browser} %s"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        base = process.stdout.readline().split()[0]
        page = urllib.request.urlopen(base + "posts/a/", timeout=10).read().decode()
        assert "Old words" in page
        assert '<script src="/-/reload.js">' in page
        assert b"EventSource" in urllib.request.urlopen(base + "-/reload.js", timeout=10).read()
        stream = urllib.request.urlopen(base + "-/changes", timeout=60)
        time.sleep(1)
        site.post("a", "New words.\n\n" + cell("print(1)"))
        assert opened.read_text() == f"{base}\n"
        assert next(line for line in stream if line.startswith(b"data")) == b"data: changed\n"
        assert "New words" in urllib.request.urlopen(base + "posts/a/index.html", timeout=10).read().decode()
        site.write("posts/a/post.qmd", "---\nbroken: [\n---\n")
        time.sleep(2)
        assert "New words" in urllib.request.urlopen(base + "posts/a/", timeout=10).read().decode()
    finally:
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(20) == 0


def test_what_many_places_share_is_told_once():
    same = [Problem(*place, "said", check="links") for place in (("a", 1), ("a", 5), ("a", 9), ("b", 1), ("c", 2))]
    many = [Problem("d", line, "often") for line in range(1, 9)]
    math = [
        Problem("e", line, f"math `{tex}` cannot: \\E", check="math") for line, tex in enumerate(("a", "`b", "c"), 1)
    ]
    assert [str(problem) for problem in folded(math)] == ["e:1: math `a` cannot: \\E (also on lines 2, 3)"]
    told = folded([*same, Problem("b", 2, "other"), *many, Problem("b", 3, "said", check="math")])
    assert [str(problem) for problem in told] == [
        "a:1: said (also on lines 5, 9 and in 2 more files)",
        "b:2: other",
        "d:1: often (also on 7 more lines)",
        "b:3: said",
    ]


def test_an_unknown_key_is_told_once_for_all_pages(site):
    for name in "abc":
        site.write(f"{name}.qmd", f"---\ntitle: {name}\nlayout: page\n---\n")
    site.write("_quarto.yml", "project:\n  type: website\n")
    done = site.press("build")
    assert [line for line in done.stderr.splitlines() if "layout" in line] == [
        "warning: a.qmd:3: front matter key 'layout' is unknown: it has no effect (also in 2 more files)"
    ]
    assert "2 warnings about 4 places, which `press check` lists" in done.stdout
    assert site.press("check").stderr.count("key 'layout' is unknown") == 3
