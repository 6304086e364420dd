"""One configuration: profiles and folders' metadata merged as Quarto does, each value with its place."""

from __future__ import annotations

import pytest

from press.core.config import read_config
from press.core.errors import PressError
from press.core.merging import merge
from press.core.project import open_project
from press.core.selection import is_rendered, site_inputs
from press.core.source import page_start
from press.core.yamlfile import Map, place_of


def told(call, *arguments) -> list[str]:
    with pytest.raises(PressError) as caught:
        call(*arguments)
    return [str(problem) for problem in caught.value.problems]


def meta(config, page: str, folder: str):
    lines = f"---\n{page}\n---".split("\n")
    return config.meta(page_start(lines, lambda line: (f"{folder}/page.qmd", line))[0].data, folder)


@pytest.fixture
def profiles(site):
    site.write("_quarto-a.yml", "toc-depth: 1\nwebsite:\n  title: A\npress:\n  parameters: {seed: 1, only: a}\n")
    site.write("_quarto-b.yml", "toc-depth: 2\nwebsite:\n  title: B\npress:\n  parameters: {seed: 2, other: b}\n")
    return site


@pytest.mark.parametrize(
    ("asked", "first"), [("a,b", "a"), ("a, b", "a"), ("a b", "a"), ("b,a", "b"), (" b ,  a,", "b")]
)
def test_the_profile_named_first_has_the_last_word_in_everything(profiles, asked, first):
    project = open_project(profiles.root, asked)
    second = {"a": "b", "b": "a"}[first]
    assert project.profile == f"{first},{second}"
    number = {"a": 1, "b": 2}[first]
    # For rendering, and for running: one answer.
    assert project.config.get("website.title") == first.upper()
    assert project.config.get("toc-depth") == number
    assert project.settings["parameters"] == {"seed": number, "only": "a", "other": "b"}
    assert project.config.where("website.title") == (f"_quarto-{first}.yml", 3)


def test_a_profile_that_is_not_there_is_refused_whatever_its_place(profiles):
    for asked in ("moon", "a,moon", "moon a"):
        assert told(read_config, profiles.root, asked) == [
            "no profile 'moon' (there is no _quarto-moon.yml). Legal: a, b"
        ]


@pytest.mark.parametrize(
    ("said", "local", "asked", "active"),
    [
        ("default: a", "", "", "a"),
        ("default: [b, a]", "", "", "b,a"),
        ("default: a", "", "b", "b"),
        ("default: a", "profile: {default: b}", "", "b"),
        ("group: [a, b]", "", "", "a"),
        ("group: [a, b]", "", "b", "b"),
        ("group: [[a, b], [c, d]]", "", "b", "b,c"),
        ("group: [[a, b], [c, d]]\n  default: d", "", "", "d,a"),
        ("group: [x, y]", "", "y", "y"),
        ("default: nothing", "", "", "nothing"),
    ],
)
def test_default_profiles_and_groups(profiles, said, local, asked, active):
    profiles.write("_quarto.yml", profiles.read("_quarto.yml") + f"profile:\n  {said}\n")
    if local:
        profiles.write("_quarto.yml.local", local + "\n")
    assert open_project(profiles.root, asked).profile == active


def test_the_local_file_lies_over_all(profiles):
    profiles.write("_quarto.yml.local", "website:\n  title: Mine\n")
    config = read_config(profiles.root, "a")
    assert config.get("website.title") == "Mine"
    assert config.where("website.title") == ("_quarto.yml.local", 2)
    assert config.get("toc-depth") == 1


def test_merging():
    assert merge({"a": [1, 2], "b": {"c": 1, "d": 2}}, {"a": [2, 3], "b": {"c": 5}}) == {
        "a": [1, 2, 3],
        "b": {"c": 5, "d": 2},
    }
    assert merge(["x"], "y") == ["x", "y"]
    assert merge("x", ["y", "x"]) == ["x", "y"]
    assert merge(None, ["y"]) == ["y"]
    assert merge(["y"], None) == ["y"]
    assert merge([1], [True]) == [1, True]
    assert merge("x", "y") == "y"
    assert merge({"a": 1}, {"a": None}) == {"a": None}


def test_the_folders_metadata_lie_between_project_and_page(site):
    site.write("_quarto.yml", site.read("_quarto.yml") + "author: Project\n")
    site.write("posts/_metadata.yml", "author: Posts\ncategories: [all]\ntoc-depth: 2\nexecute:\n  echo: false\n")
    site.write("posts/deep/_metadata.yaml", "author: Deep\ncategories: [deep]\nbibliography: own.bib\n")
    config = read_config(site.root)
    page = meta(config, "title: x\ncategories: [mine]\nexecute:\n  warning: false", "posts/deep")
    assert page["author"] == "Deep"
    assert page["categories"] == ["all", "deep", "mine"]
    assert page["execute"] == {"echo": False, "warning": False}
    assert page["toc"] is True  # format: html: of the project
    assert page["bibliography"] == ["/references.bib", "/posts/deep/own.bib"]
    assert place_of(page, "author") == ("posts/deep/_metadata.yaml", 1)
    assert place_of(page, "execute.echo") == ("posts/_metadata.yml", 5)
    assert meta(config, "title: x", "papers")["author"] == "Project"
    assert meta(config, "author: Me", "posts")["author"] == "Me"


def test_a_page_has_the_last_word_whether_under_format_or_beside_it(site):
    site.write("posts/_metadata.yml", "format:\n  html:\n    toc-depth: 4\n")
    config = read_config(site.root)
    assert meta(config, "toc: false", "posts")["toc"] is False
    page = meta(config, "toc: true\nformat:\n  html:\n    toc: false", "posts")
    assert (page["toc"], page["toc-depth"]) == (False, 4)
    assert meta(config, "format: html\ntoc-depth: 1", "posts")["toc-depth"] == 1


def test_the_roots_metadata_count_for_pages_in_the_root_alone(site):
    site.write("_metadata.yml", "author: Root\n")
    config = read_config(site.root)
    assert meta(config, "title: x", "")["author"] == "Root"
    assert "author" not in meta(config, "title: x", "posts/a")


def test_problems_of_all_files_come_together_with_their_lines(site):
    site.write("_quarto.yml", "project:\n  type: website\nwebsite: [a]\nwebsite: b\n")
    site.write("_quarto-p.yml", "press:\n  timeout: soon\n  parameters: 3\nlang: en\nlang: en\n")
    found = sorted(str(problem) for problem in read_config(site.root, "p").problems)
    assert [text.partition(": ")[0] for text in found] == [
        "_quarto-p.yml:2",
        "_quarto-p.yml:3",
        "_quarto-p.yml:5",
        "_quarto.yml:3",
        "_quarto.yml:4",
        "_quarto.yml:4",
    ]
    site.write("_quarto.yml", "project: [1\n")
    site.write("_quarto.yml.local", "x: 'y\n")
    assert [text.partition(":")[0] for text in told(read_config, site.root, "")] == ["_quarto.yml", "_quarto.yml.local"]


def test_unknown_keys_of_a_folder_are_told_where_they_stand(site):
    site.write("posts/_metadata.yml", "author: A\ntelepathy: true\nauthor: B\n")
    folder = read_config(site.root).folder("posts")
    assert [(p.file, p.line) for p in folder.unknown] == [("posts/_metadata.yml", 2)]
    assert [(p.file, p.line) for p in folder.problems] == [("posts/_metadata.yml", 3)]


@pytest.mark.parametrize(
    ("render", "wanted"),
    [
        ("", {"index.qmd", "a/x.qmd", "a/y.ipynb", "a/b/z.md"}),
        ("[index.qmd]", {"index.qmd"}),
        ("a", {"a/x.qmd", "a/y.ipynb", "a/b/z.md"}),
        ("['a/*']", {"a/x.qmd", "a/y.ipynb", "a/b/z.md"}),
        ("['*.qmd']", {"index.qmd", "a/x.qmd"}),
        ("['/*.qmd']", {"index.qmd"}),
        ("['b/*.md']", {"a/b/z.md"}),
        ("['**/*.qmd', '!a/x.qmd']", {"index.qmd"}),
        ("['**/*', '!a/b/']", {"index.qmd", "a/x.qmd", "a/y.ipynb"}),
        ("[/a/x.qmd, a/gone.qmd]", {"a/x.qmd"}),
        ("['a/[xy].*']", {"a/x.qmd", "a/y.ipynb"}),
    ],
)
def test_which_files_are_pages(tmp_path, render, wanted):
    for name in ("index.qmd", "a/x.qmd", "a/y.ipynb", "a/b/z.md", "a/data.csv", "_draft.qmd", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    for name in (".x/p.qmd", "_x/p.qmd", "docs/old.ipynb", "venv/lib/p.md", "node_modules/p.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    line = f"  render: {render}\n" if render else ""
    (tmp_path / "_quarto.yml").write_text(f"project:\n  output-dir: docs\n{line}")
    config = read_config(tmp_path)
    found = {path.relative_to(tmp_path).as_posix() for path in site_inputs(config)}
    assert found == wanted
    assert all(is_rendered(config, name) for name in wanted)
    assert not is_rendered(config, "_draft.qmd")


def test_a_misspelt_key_of_ours_is_told(site):
    site.write("_quarto.yml", site.read("_quarto.yml") + "  paramters: {seed: 1}\n  colourful: true\n")
    found = [str(problem) for problem in read_config(site.root).problems]
    assert found[0].endswith("press: paramters is unknown and has no effect; did you mean parameters?")
    assert "press: colourful is unknown and has no effect; legal: checks, " in found[1]


def test_a_page_has_what_its_metadata_files_say(site):
    site.write("notes/own.yml", "subtitle: from the file\ntoc: true\nformat:\n  html:\n    code-fold: true\n")
    site.write("shared.yml", "subtitle: from the last\nnosuch: 1\n")
    own = Map({"title": "x", "metadata-files": ["own.yml", "/shared.yml", "gone.yml", "../../up.yml"]})
    config = read_config(site.root)
    meta = config.meta(own, "notes")
    assert (meta["title"], meta["subtitle"], meta["code-fold"]) == ("x", "from the last", True)
    files = config.own_files(own, "notes")
    assert [problem.check for problem in files.problems] == ["links", "links"]
    assert [str(problem) for problem in files.unknown] == [
        "shared.yml:2: metadata key 'nosuch' is unknown: it has no effect"
    ]


def test_a_pattern_without_folders_matches_in_all_of_them(site):
    for name in ("top.qmd", "notes/deep/a.qmd", "talks/b.qmd", "talks/c.md"):
        site.write(name, "---\ntitle: x\n---\n")
    for patterns, expected in (
        ("['*.qmd', '!talks/']", ["index.qmd", "notes/deep/a.qmd", "top.qmd"]),
        ("['/*.qmd']", ["index.qmd", "top.qmd"]),
        ("['*.qmd', '!b.qmd']", ["index.qmd", "notes/deep/a.qmd", "talks/b.qmd", "top.qmd"]),
        ("['*.md']", ["talks/c.md"]),
        ("['notes/*.qmd']", []),
    ):
        site.write("_quarto.yml", f"project:\n  render: {patterns}\n")
        found = [path.relative_to(site.root).as_posix() for path in site_inputs(read_config(site.root))]
        assert found == expected, patterns
