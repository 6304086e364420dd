"""A build that ends at once because nothing has changed: it must not do so when anything has."""

from __future__ import annotations

import os
import subprocess

import pytest

from press import drawing
from press.core.errors import PressError
from press.core.project import open_project
from tests.press.conftest import Site
from tests.press.posts.test_anywhere import CONFIG


@pytest.fixture
def built(tmp_path):
    """A project of a few files, in a folder of its own."""
    blog = Site.__new__(Site)
    blog.root = tmp_path / "blog"
    blog.write("_quarto.yml", CONFIG)
    blog.write("index.qmd", "---\ntitle: Home\n---\n")
    blog.write("a.qmd", "---\ntitle: a\ndescription: d\n---\n\n{{< env FOO none >}}\n\n{{< include part/_x.md >}}\n")
    blog.write("part/_x.md", "included\n")
    return blog


def looks(site, monkeypatch, *arguments: str, **environment: str) -> bool:
    """Whether a build looks at the project, rather than to say at once that nothing has changed."""

    def look(*_, **__):
        raise PressError([])

    with monkeypatch.context() as patch:
        patch.setattr("press.pipeline.build", look)
        try:
            site.press("build", *arguments, **environment)
        except AssertionError:
            return True
        return False


def edit_and_restore_times(root):
    path = root / "a.qmd"
    times = path.stat()
    path.write_text(path.read_text().replace("title: a", "title: b"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def replace_by_the_same(root):
    path, other = root / "a.qmd", root / "other"
    times = path.stat()
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)


CHANGES = {
    "an edit whose time is set back": edit_and_restore_times,
    "another file with the same content": replace_by_the_same,
    "an included file": lambda root: (root / "part/_x.md").write_text("Included\n"),
    "a file that is gone": lambda root: (root / "part/_x.md").unlink(),
    "a page of the site": lambda root: (root / "_site/a.html").unlink(),
    "a new file": lambda root: (root / "b.txt").write_text("x"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_the_project_is_seen(built, monkeypatch, name):
    built.press("build")
    assert not looks(built, monkeypatch)
    CHANGES[name](built.root)
    assert looks(built, monkeypatch)


def test_other_options_and_surroundings_are_seen(built, monkeypatch, tmp_path_factory):
    built.press("build")
    assert not looks(built, monkeypatch)
    assert not looks(built, monkeypatch, OTHER="1")
    assert looks(built, monkeypatch, FOO="1")
    assert looks(built, monkeypatch, QUARTO_ANY="1")
    assert looks(built, monkeypatch, "-p", "seed", "1")
    assert looks(built, monkeypatch, "--force")
    programs = tmp_path_factory.mktemp("bin")
    (programs / "pandoc").write_text("#!/bin/sh\n")
    (programs / "pandoc").chmod(0o755)
    assert looks(built, monkeypatch, PATH=f"{programs}{os.pathsep}{built.environment()['PATH']}")


def test_links_are_followed_and_one_that_leads_away_has_everything_looked_at(built, monkeypatch, tmp_path_factory):
    away = tmp_path_factory.mktemp("away")
    (away / "one.txt").write_text("1")
    (built.root / "loop").symlink_to(built.root)
    (built.root / "own").symlink_to("part")
    (built.root / "one.txt").symlink_to(away / "one.txt")
    (built.root / "nowhere").symlink_to("nothing")
    built.press("build")
    assert not looks(built, monkeypatch)
    (away / "one.txt").write_text("2")
    assert looks(built, monkeypatch)
    (built.root / "data").symlink_to(away)
    built.press("build")
    assert looks(built, monkeypatch)


def test_a_commit_is_seen_also_where_the_project_is_a_folder_of_a_repository(built, monkeypatch):
    def git(*words: str) -> None:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(built.root.parent), *words]
        subprocess.run(command, check=True, capture_output=True)

    git("init", "-q", "-b", "main", ".")
    git("add", built.root.name)
    git("commit", "-qm", "one")
    built.press("build")
    assert not looks(built, monkeypatch)
    git("commit", "-qm", "two", "--allow-empty")
    assert looks(built, monkeypatch)


def test_a_lost_result_is_seen(built, monkeypatch):
    (built.root / ".press/cache/x").mkdir(parents=True)
    (built.root / ".press/cache/x/record.json").write_text("{}")
    built.press("build")
    assert not looks(built, monkeypatch)
    (built.root / ".press/cache/x/record.json").unlink()
    assert looks(built, monkeypatch)


def test_a_build_that_failed_leaves_nothing_to_be_content_with(built, monkeypatch):
    built.press("build")
    text = built.read("a.qmd")
    built.write("a.qmd", "---\ntitle: [\n---\n")
    built.press("build", status=1)
    assert looks(built, monkeypatch)
    built.write("a.qmd", text)
    built.press("build")
    assert not looks(built, monkeypatch)


def test_quarto_is_asked_again_when_what_its_pages_show_of_their_surroundings_is_another(built, monkeypatch):
    def now() -> str:
        return drawing.fingerprint(open_project(built.root), [built.root / "a.qmd"], "1")

    first = now()
    monkeypatch.setenv("OTHER", "1")
    monkeypatch.setattr(drawing, "today", lambda: "2020-01-01")
    assert now() == first
    monkeypatch.setenv("FOO", "1")
    assert now() != first
    built.write("dated.qmd", "---\ntitle: b\ndate: today\n---\n")
    second = now()
    monkeypatch.setattr(drawing, "today", lambda: "2020-01-02")
    assert now() != second
