"""A build begins with the site before last. What it makes is what a first build makes, byte for byte, mode for mode."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from tests.press.conftest import Site
from tests.press.posts.test_anywhere import notebook
from tests.press.strangers import Killer, everything

CONFIG = """\
project: {type: website, resources: [data]}
website: {title: A blog, site-url: "https://example.org", navbar: {left: [{text: Home, href: index.qmd}]}}
"""
GREY = {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": "<svg/>", "text/plain": "a figure"}}
SPARE = ".press/site-next"


def page(words: str, title: str = "Words", front: str = "") -> str:
    return f"---\ntitle: {title}\ndescription: d\ndate: 2026-01-01\n{front}---\n\n{words}\n"


def note(words: str, outputs=(GREY,)) -> str:
    return notebook(("markdown", words), ("code", '#| fig-alt: "grey"\n1'), outputs=outputs)


@pytest.fixture
def blog(tmp_path) -> Site:
    """A small site that was built, changed and built again: the next build has one to begin with."""
    site = Site.__new__(Site)
    site.root = tmp_path / "blog"
    site.write("_quarto.yml", CONFIG)
    site.write("index.qmd", "---\ntitle: Home\nlisting: {contents: notes, feed: true, categories: true}\n---\n")
    site.write("notes/a.qmd", page("One."))
    site.write("notes/deep/er/b.ipynb", note("Two."))
    site.write("data/x/one.csv", "1\n")
    site.press("build")
    site.write("notes/a.qmd", page("Other words."))
    site.press("build")
    assert (site.root / SPARE / "index.html").is_file()
    return site


def tree(folder: Path) -> dict[str, tuple]:
    """Every file, link and folder with its mode."""
    return {name: (what, stat.S_IMODE((folder / name).lstat().st_mode)) for name, what in everything(folder).items()}


def at_once(site: Site) -> dict[str, tuple]:
    """The site that the same sources make in a project that nothing was ever built in."""
    fresh = Site.__new__(Site)
    fresh.root = site.root.with_name("fresh")
    shutil.copytree(site.root, fresh.root, ignore=shutil.ignore_patterns(".press", "_site"))
    fresh.press("build")
    made = tree(fresh.root / "_site")
    shutil.rmtree(fresh.root)
    return made


def rename(site: Site) -> None:
    (site.root / "notes/deep").rename(site.root / "notes/Deep")


def no_figure(site: Site) -> None:
    site.write("notes/deep/er/b.ipynb", note("Two.", outputs=()))


def file_to_folder(site: Site) -> None:
    shutil.rmtree(site.root / "data/x")
    site.write("data/x", "a file now")


def as_before_last(site: Site) -> None:
    site.write("notes/a.qmd", page("One."))


CHANGES = {
    "a page's words": lambda site: site.write("notes/a.qmd", page("Third words.")),
    "words of the site before last": as_before_last,
    "a page's title": lambda site: site.write("notes/a.qmd", page("One.", "Another")),
    "a new page": lambda site: site.write("notes/c.qmd", page("Three.", "Third", "aliases: [old/place.html]\n")),
    "a page deleted": lambda site: (site.root / "notes/a.qmd").unlink(),
    "a folder renamed": rename,
    "a figure less": no_figure,
    "a resource": lambda site: site.write("data/x/one.csv", "2\n"),
    "a file in the place of a folder": file_to_folder,
    "the configuration": lambda site: site.write("_quarto.yml", CONFIG.replace("A blog", "Another blog")),
    "no search": lambda site: site.write("_quarto.yml", CONFIG.replace("website: {", "website: {search: false, ")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_site_is_as_one_made_at_once(blog, name):
    CHANGES[name](blog)
    blog.press("build")
    expected = at_once(blog)
    assert tree(blog.root / "_site") == expected
    blog.write("notes/z.qmd", page("More."))
    blog.press("build")
    (blog.root / "notes/z.qmd").unlink()
    blog.press("build")  # begins with the site that was compared
    assert tree(blog.root / "_site") == expected


def edit(root: Path) -> None:
    """Words of the same length, and the time of the last change set back."""
    path = root / "index.html"
    times = path.stat()
    path.write_text(path.read_text().replace("A blog", "B blog"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def link(root: Path) -> None:
    (root / "notes/a.html").rename(root.parent / "elsewhere.html")
    (root / "notes/a.html").symlink_to(root.parent / "elsewhere.html")


TOUCHED = {
    "edited": edit,
    "other modes": lambda root: [path.chmod(0o700) for path in (root / "index.html", root / "notes", root)],
    "litter": lambda root: (root / "notes/.DS_Store").write_text("x"),
    "an empty folder": lambda root: (root / "notes/empty").mkdir(),
    "a file gone": lambda root: (root / "notes/a.html").unlink(),
    "a link": link,
    "no mark": lambda root: (root / ".press-site.json").unlink(),
}


@pytest.mark.parametrize("name", TOUCHED)
def test_what_was_touched_in_the_site_before_last_is_made_again(blog, name):
    TOUCHED[name](blog.root / SPARE)
    as_before_last(blog)
    blog.press("build")
    assert tree(blog.root / "_site") == at_once(blog)


def test_modes_are_those_of_the_present_umask(blog):
    before = os.umask(0o077)
    try:
        for words in ("Third words.", "Fourth words."):
            blog.write("notes/a.qmd", page(words))
            blog.press("build", "--force-render")
    finally:
        os.umask(before)
    as_before_last(blog)
    blog.press("build")
    assert tree(blog.root / "_site") == at_once(blog)


def test_a_file_put_into_the_site_before_last_is_kept(blog):
    """By a shell, say, that stood in the site when it was replaced."""
    blog.write(f"{SPARE}/notes/mine.txt", "mine")
    as_before_last(blog)
    assert ".press/kept-1: put into the site while it was replaced" in blog.press("build").stderr
    assert blog.read(".press/kept-1/notes/mine.txt") == "mine"
    assert tree(blog.root / "_site") == at_once(blog)


def test_a_name_elsewhere_for_a_file_of_the_site_keeps_what_it_holds(blog):
    os.link(blog.root / SPARE / "index.html", blog.root.parent / "backup.html")
    before = (blog.root.parent / "backup.html").read_bytes()
    blog.write("_quarto.yml", CONFIG.replace("A blog", "Another blog"))
    blog.press("build")
    assert (blog.root.parent / "backup.html").read_bytes() == before


def test_a_forced_build_begins_with_nothing(blog):
    files = [blog.root / SPARE / name for name in ("index.html", "data/x/one.csv")]
    before = {path.stat().st_ino for path in files}
    kept = [os.open(path, os.O_RDONLY) for path in files]  # so that no new file gets the number of one that is gone
    blog.press("build", "--force-render")
    for file in kept:
        os.close(file)
    assert before.isdisjoint({(blog.root / "_site" / path.name).stat().st_ino for path in files[:1]})
    assert (blog.root / "_site/data/x/one.csv").stat().st_ino not in before


def test_a_build_killed_anywhere_leaves_nothing_wrong_for_the_next(blog, request):
    killer = Killer(blog)
    request.addfinalizer(killer.close)
    blog.write("notes/c.qmd", page("Three.", "Third"))
    (blog.root / "notes/a.qmd").unlink()
    no_figure(blog)
    expected = at_once(blog)
    start = blog.copy(blog.root.with_name("start"))
    steps = killer(0, "build")[1]
    for moment in range(5, steps, max(1, steps // 12)):
        shutil.rmtree(blog.root)
        start.copy(blog.root)
        (blog.root / SPARE / ".press-site.json").touch()  # in a copy all is new
        assert killer(moment, "build")[0]
        assert killer(0, "build")[0] is False
        assert tree(blog.root / "_site") == expected
