"""What the press did not make stays as it is, byte by byte, whatever is run, in whatever order, and killed anywhere.

PRESS_KILLS=200 kills 200 times instead of 10.
"""

import hashlib
import json
import os
import random
import re
import shutil
from pathlib import Path

import pytest

from press.core import sitefolder
from press.core.errors import PressError
from press.core.project import open_project
from press.preview import preview
from tests.press.strangers import MADE, STRANGERS, Killer, everything, full_of_strangers, notebook, press, project

KILLS = int(os.environ.get("PRESS_KILLS", "10"))
COMMANDS = [["build"], ["run"], ["check"], ["why"], ["claims"], ["clean"], ["clean", "--all"], ["clean", "--dry-run"]]
COMMANDS += [["build", "--force"], ["build", "--force-render"], ["new", "post", "another"], ["new", "post", "mine"]]


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """A project that was built once: tests copy it, so that pages need not be rendered again."""
    site = project(tmp_path_factory.mktemp("kept") / "project")
    assert press(site, "build") == 0
    return site.root


@pytest.fixture
def built(kept, tmp_path):
    shutil.copytree(kept, tmp_path / "project", symlinks=True)
    return project(tmp_path / "project")


@pytest.fixture
def crowded(kept, tmp_path):
    """A project with strangers' files everywhere, as it is; pages are rendered already, to save time."""
    site = full_of_strangers(tmp_path / "project")
    before = everything(tmp_path)
    for name in ("pages", "facts"):
        shutil.copytree(kept / ".press" / name, site.root / ".press" / name, dirs_exist_ok=True)
    return site, before


def unharmed(site, before) -> None:
    """All that was there is there, as it was; what is new is what the press may make."""
    now = everything(site.root.parent)
    assert {name: now.get(name) for name in before} == before


def pages_of(site) -> set[str]:
    return {name for name in everything(site.root / "_site") if name.endswith(".html")}


def test_strangers_are_unharmed_by_every_command_in_every_order(crowded, capsys):
    crowded, before = crowded
    rng = random.Random(20261127)
    for command in [*COMMANDS, *rng.sample(COMMANDS, len(COMMANDS)), *rng.sample(COMMANDS, len(COMMANDS))]:
        press(crowded, *command)
        unharmed(crowded, before)
        shutil.rmtree(crowded.root / "posts/another", ignore_errors=True)
    assert press(crowded, "build") == 0
    assert {"posts/a/index.html", "posts/mine/index.html", "claims.html"} <= pages_of(crowded)
    for name in ("CNAME", ".nojekyll", "robots.txt", "_redirects", "_headers"):
        assert (crowded.root / "_site" / name).read_bytes() == STRANGERS[name].encode()
    assert press(crowded, "clean", "--all") == 0
    left = {
        name for name in set(everything(crowded.root.parent)) - set(before) if not name.startswith("project/.press/")
    }
    assert left == set()
    unharmed(crowded, before)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_strangers_are_unharmed_by_kills_at_any_moment(crowded, request):
    crowded, before = crowded
    rng = random.Random(1)
    commands = [["build"], ["run"], ["clean"], ["build", "--force-render"], ["clean", "--all"], ["build"]]
    killer = Killer(crowded)
    request.addfinalizer(killer.close)
    steps = {" ".join(command): killer(0, *command)[1] for command in [["build"], *commands]}
    assert min(steps.values()) > 3, steps
    kills = round_ = 0
    while kills < KILLS:
        round_ += 1
        assert round_ < 4 * KILLS, f"only {kills} of {round_} commands were killed; the test proves too little"
        command = rng.choice(commands)
        crowded.post("a", f"Words {rng.randrange(3)}.\n\n```{{python}}\nprint({rng.randrange(3)})\n```\n")
        before["project/posts/a/post.qmd"] = crowded.read("posts/a/post.qmd").encode()
        killed, _ = killer(rng.randint(1, steps[" ".join(command)]), *command)
        kills += killed
        unharmed(crowded, before)
        if kills % 5 == 0:  # whatever a kill left, the next command goes through
            assert press(crowded, "build") == 0
            assert {"posts/a/index.html", "posts/mine/index.html", "claims.html"} <= pages_of(crowded)
            unharmed(crowded, before)
    assert press(crowded, "build") == 0
    assert press(crowded, "clean", "--all") == 0
    left = {
        name for name in set(everything(crowded.root.parent)) - set(before) if not name.startswith("project/.press/")
    }
    assert left == set()
    assert set(everything(crowded.root / ".press")) - {n.removeprefix("project/.press/") for n in before} == {
        "lock",
        "manifest.json",
        "manifest.lock",
    }


# A file of an author's where the press would write


@pytest.mark.parametrize("name", [*MADE, "glossary.qmd"])
def test_a_file_in_the_way_stops_the_build_before_any_work(kept, tmp_path, capsys, name):
    site = project(tmp_path / "project")
    if name == "glossary.qmd":
        site.write("NOTATION.md", "# Notation\n")
    shutil.copytree(kept / ".press/pages", site.root / ".press/pages")
    site.write(name, notebook("Mine") if name.endswith(".ipynb") else "---\ntitle: Mine\n---\n")
    before = everything(site.root)
    for command in ("build", "run", "check"):
        assert press(site, command) == 1
        assert f"error: {name}: the press " in capsys.readouterr().err
    for command in (["clean"], ["clean", "--all"]):
        assert press(site, *command) == 0
    now = everything(site.root)
    assert {path: now[path] for path in before if not path.startswith(".press/")} == {
        path: content for path, content in before.items() if not path.startswith(".press/")
    }
    assert not (site.root / ".press/cache").exists(), "nothing ran"
    (site.root / name).rename(site.root / "kept.txt")
    assert press(site, "run") == 0
    assert everything(site.root)["kept.txt"] == before[name]


@pytest.mark.parametrize("name", MADE)
def test_an_edit_of_what_the_press_made_is_not_lost(built, capsys, name):
    text = built.read(name) + "\n"
    built.write(name, text)
    for command in ("build", "run", "check"):
        assert press(built, command) == 1
        assert f"error: {name}: was changed after the press wrote it" in capsys.readouterr().err
    assert press(built, "clean") == 0
    assert f"left {name}: " in capsys.readouterr().err
    assert built.read(name) == text
    assert not {other for other in MADE if other != name} & set(everything(built.root))


def test_what_has_no_source_left_goes_unless_it_was_edited(built, capsys):
    built.post("b", "More.\n")
    assert press(built, "run") == 0
    (built.root / "posts/b/post.qmd").unlink()
    (built.root / "papers/known2020/paper.toml").unlink()
    built.write("claims.qmd", "mine now\n")
    built.write("_quarto.yml", built.read("_quarto.yml").replace("claims.qmd, ", ""))
    assert press(built, "build") == 0
    assert "note: claims.qmd: its source is gone" in capsys.readouterr().err
    assert built.read("claims.qmd") == "mine now\n"
    assert not (built.root / "posts/b/index.ipynb").exists()
    assert not (built.root / "papers/known2020/index.qmd").exists()


@pytest.mark.parametrize("command", ["run", "build"])
def test_a_post_in_a_renamed_folder_is_still_ours_and_a_copy_is_not(built, capsys, command):
    (built.root / "posts/a").rename(built.root / "posts/b")
    assert press(built, command) == 0
    shutil.copytree(built.root / "posts/b", built.root / "posts/c")
    assert press(built, command) == 1
    assert "posts/c/index.ipynb: the press did not write this notebook" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["file", "folder", "paper"])
def test_links_are_not_followed_out_of_the_project(kept, tmp_path, capsys, kind):
    site = project(tmp_path / "project")
    outside = tmp_path / "outside"
    shutil.copytree(site.root / "posts/a", outside)
    if kind == "file":
        (outside / "index.ipynb").write_text("mine")
        (site.root / "posts/a/index.ipynb").symlink_to(outside / "index.ipynb")
    elif kind == "folder":
        (site.root / "posts/b").symlink_to(outside)
    else:
        (site.root / "papers/known2020").rename(tmp_path / "outside/paper")
        (site.root / "papers/known2020").symlink_to(tmp_path / "outside/paper")
    before = everything(outside)
    for command in (["build"], ["run"], ["check"], ["clean", "--all"], ["new", "post", "b"]):
        press(site, *command)
        assert everything(outside) == before
    name = {"file": "posts/a/index.ipynb", "folder": "posts/b", "paper": "papers/known2020"}[kind]
    assert f"error: {name}: " in capsys.readouterr().err


# The published folder


def places(root: Path) -> dict[str, str]:
    return {
        ".": "is the project itself",
        "./": "is the project itself",
        "posts/..": "is the project itself",
        str(root): "is the project itself",
        str(root.parent / "alias"): "is the project itself",
        "..": "outside",
        "../shared": "outside",
        str(root.parent / "shared"): "outside",
        "posts": "contains sources",
        "posts/": "contains sources",
        "POSTS": "contains sources",
        "posts/a": "lies in posts/",
        "docs/../lib": "contains sources",
        "papers/new": "lies in papers/",
        ".git": "contains sources",
        ".press/site": "lies in .press/",
        "link": "symbolic link",
        "link/site": "symbolic link",
        "link/../docs": "symbolic link",
        "index.qmd": "is a file",
        "[a]": "is not a folder name",
    }


@pytest.mark.parametrize("number", range(len(places(Path("/")))))
def test_an_output_dir_that_may_not_be_replaced_is_refused_before_anything(tmp_path, capsys, number):
    root = tmp_path / "project"
    value, why = list(places(root).items())[number]
    site = project(root, output=value)
    site.write(".git/HEAD", "ref\n")
    for name in ("shared", "elsewhere"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text("mine")
    (tmp_path / "alias").symlink_to(root)
    (root / "link").symlink_to(tmp_path / "elsewhere")
    before = everything(tmp_path)
    for command in (["build"], ["run"], ["check"], ["clean"], ["clean", "--all"], ["clean", "--dry-run"]):
        assert press(site, *command) == 1
        told = capsys.readouterr().err
        assert re.search(rf"error: _quarto\.yml:3: output-dir .*{re.escape(why)}", told), told
        assert everything(tmp_path) == before
    with pytest.raises(PressError):
        preview(open_project(root), port=0, jobs=1, renderer="pandoc", browser=False)
    assert everything(tmp_path) == before


def test_the_line_of_a_profile_is_named(tmp_path, capsys):
    site = project(tmp_path / "project")
    site.write("_quarto-wide.yml", "lang: en\nproject:\n  output-dir: ..\n")
    assert press(site, "clean", "--profile", "wide") == 1
    assert "error: _quarto-wide.yml:3: output-dir '..' lies outside" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["_site/CNAME", "_site/posts/mine.html", "_site/.git/HEAD", "_site/empty/", "_site/link"]
)
def test_what_an_author_put_into_the_site_stops_the_build_and_outlives_a_clean(built, capsys, name):
    path = built.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith("/"):
        path.mkdir()
    elif name.endswith("link"):
        path.symlink_to("index.html")
    else:
        path.write_text("mine")
    built.post("a", "Other words.\n")
    site = everything(built.root / "_site")
    shown = "_site/.git/" if ".git" in name else name
    for command in ("build", "check"):
        assert press(built, command) == 1
        assert re.search(rf"error: _quarto\.yml:3: output-dir '_site' contains .*: {shown}\. ", capsys.readouterr().err)
        assert everything(built.root / "_site") == site
    with pytest.raises(PressError, match="contains files that the press did not put there"):
        preview(open_project(built.root), port=0, jobs=1, renderer="pandoc", browser=False)
    assert press(built, "clean") == 0
    assert f"left {shown}: " in capsys.readouterr().err
    left = {
        n: content for n, content in everything(built.root / "_site").items() if content != "folder" or n == "empty"
    }
    assert left == {n: site[n] for n in left}
    assert len(left) == 1


def test_an_edit_of_a_page_of_the_site_is_not_lost_even_of_the_same_length_and_time(built, capsys):
    page = built.root / "_site/index.html"
    times = page.stat()
    text = page.read_text().replace("Welcome", "Goodbye")
    page.write_text(text)
    os.utime(page, ns=(times.st_atime_ns, times.st_mtime_ns))
    built.post("a", "Other words.\n")
    assert press(built, "build") == 1
    assert press(built, "clean") == 0
    assert "left _site/index.html" in capsys.readouterr().err
    assert page.read_text() == text


def test_docs_works_is_known_again_in_a_clone_and_an_older_one_is_not_lost(tmp_path, capsys):
    site = project(tmp_path / "project", output="docs")
    site.write("docs/index.html", "<html>made by quarto render</html>")
    assert press(site, "build") == 1
    told = capsys.readouterr().err
    assert "docs/index.html" in told
    assert "made by an earlier `quarto render`, delete or move the folder once" in told
    shutil.rmtree(site.root / "docs")
    site.write("CNAME", "example.org\n")
    assert press(site, "build") == 0
    assert site.read("docs/CNAME") == "example.org\n"
    shutil.copytree(site.root, tmp_path / "clone", ignore=shutil.ignore_patterns(".press", "index.ipynb", *MADE))
    for name in MADE:
        (tmp_path / "clone" / name).unlink(missing_ok=True)
    clone = project(tmp_path / "clone", output="docs")
    clone.post("a", "Other words.\n")
    assert press(clone, "build") == 0
    assert "Other words" in clone.read("docs/posts/a/index.html")
    assert press(clone, "clean") == 0
    assert not (clone.root / "docs").exists()


@pytest.mark.parametrize("one_step", [True, False])
def test_what_comes_into_the_site_while_it_is_replaced_is_kept(built, monkeypatch, capsys, one_step):
    before, exchange = sitefolder.site_problems, sitefolder.exchange
    asked = []

    def late(project):
        asked.append(project)
        found = before(project)
        if len(asked) == 2:
            built.write("_site/late.txt", "mine")
        return found

    monkeypatch.setattr(sitefolder, "site_problems", late)
    monkeypatch.setattr(sitefolder, "exchange", exchange if one_step else lambda a, b: False)
    built.post("a", "Other words.\n")
    assert press(built, "build") == 0
    assert "note: .press/kept-1: put into the site while it was replaced" in capsys.readouterr().err
    assert built.read(".press/kept-1/late.txt") == "mine"
    assert "Other words" in built.read("_site/posts/a/index.html")
    assert set(everything(built.root / ".press/kept-1")) == {"late.txt"}


def test_a_kill_between_two_renames_leaves_the_site(built):
    os.replace(built.root / "_site", built.root / ".press/site-last")
    before = everything(built.root / ".press/site-last")
    assert press(built, "build") == 0
    assert everything(built.root / "_site") == before


# `.press/` itself


@pytest.mark.parametrize("kind", ["link", "file", "link within", "lock", "manifest.json", "site-next", "failed"])
def test_a_press_folder_of_an_authors_is_not_used(tmp_path, capsys, kind):
    site = project(tmp_path / "project")
    outside, work = tmp_path / "outside", site.root / ".press"
    (outside / "cache").mkdir(parents=True)
    (outside / "cache/mine.txt").write_text("mine")
    if kind == "link":
        work.symlink_to(outside)
    elif kind == "file":
        work.write_text("press releases")
    elif kind == "link within":
        work.mkdir()
        (work / "cache").symlink_to(outside / "cache")
    elif kind in ("lock", "manifest.json"):
        site.write(f".press/{kind}", "mine")
    else:
        site.write(f".press/{kind}/mine.ipynb", "mine")
    before = everything(tmp_path)
    for command in (["build"], ["run"], ["clean", "--all"], ["fetch", "2010.00001v1"])[: 3 if kind == "lock" else 4]:
        assert press(site, *command) == 1
        assert "error: .press" in capsys.readouterr().err
        now = everything(tmp_path)
        assert {name: now.get(name) for name in before} == before


# A project that an older press built


def of_older_press(site, mark: str) -> None:
    """What a press before the manifest left: no record, and a mark in the site that lists sizes, or nothing."""
    (site.root / ".press/manifest.json").unlink()
    path = site.root / "_site" / sitefolder.MARK
    now = json.loads(path.read_text())
    path.unlink()
    old = {"key": "0", "linked": {}, "files": {name: size for name, (size, _) in now["files"].items()}}
    text = ("_site/.press-mark", "0" * 64) if mark == "quarto" else (f"_site/{sitefolder.MARK}", json.dumps(old))
    site.write(*text)


@pytest.mark.parametrize("mark", ["pandoc", "quarto"])
def test_what_an_older_press_built_is_adopted(built, mark):
    of_older_press(built, mark)
    built.post("a", "Other words.\n")
    (built.root / "papers/known2020/paper.toml").unlink()
    built.write("_quarto.yml", built.read("_quarto.yml").replace("[index.qmd", "[about.qmd, index.qmd"))
    built.write("about.qmd", "---\ntitle: About\n---\n")
    built.write(
        "_quarto.yml", re.sub(r"render: \[.*\]", "render: [index.qmd, posts/*/index.ipynb]", built.read("_quarto.yml"))
    )
    assert press(built, "build") == 0
    assert "Other words" in built.read("_site/posts/a/index.html")
    assert not set(MADE) - {"posts/a/index.ipynb"} & set(everything(built.root))


@pytest.mark.parametrize("mark", ["pandoc", "quarto"])
@pytest.mark.parametrize("name", ["posts/a/index.ipynb", "claims.qmd", "_site/index.html", "_site/mine.html"])
def test_what_was_touched_since_an_older_press_built_it_is_refused(built, capsys, name, mark):
    of_older_press(built, mark)
    text = built.read(name).replace("W", "V") if (built.root / name).exists() else "mine"
    built.write(name, text)
    assert press(built, "build") == 1
    assert name in capsys.readouterr().err
    assert press(built, "clean", "--all") == 0
    assert built.read(name) == text


def test_records_that_came_with_a_strange_project_lead_nowhere(built, capsys):
    """A clone may bring a manifest and a mark that name what lies outside, or behind a link."""
    outside = built.root.parent / "outside"
    (outside / "empty").mkdir(parents=True)
    (outside / "page.qmd").write_text("mine")
    digest = hashlib.sha256(b"mine").hexdigest()
    (built.root / "_site/out").symlink_to(outside)
    record = json.loads(built.read(".press/manifest.json"))
    for name in ("../outside/page.qmd", str(outside / "page.qmd"), "_site/out/page.qmd"):
        record["files"][name] = [digest]
    built.write(".press/manifest.json", json.dumps(record))
    mark = json.loads(built.read(f"_site/{sitefolder.MARK}"))
    for name in ("../../outside/page.qmd", "../../outside/empty/x", "out/page.qmd", "out/empty/x"):
        mark["files"][name] = [4, digest]
    built.write(f"_site/{sitefolder.MARK}", json.dumps(mark))
    before = everything(outside)
    for command in (["build"], ["run"], ["clean", "--all"]):
        press(built, *command)
        assert everything(outside) == before
    assert (built.root / "_site/out").is_symlink()


def test_deleting_the_press_folder_costs_time_and_nothing_else(built):
    (built.root / "_site" / sitefolder.MARK).touch()  # as in the place where it was built, and unlike in this copy
    shutil.rmtree(built.root / ".press")
    assert press(built, "build") == 0
    assert press(built, "clean") == 0
    assert not set(MADE) & set(everything(built.root))
