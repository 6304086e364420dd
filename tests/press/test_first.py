"""Whatever can be known to be wrong is told before anything runs, all of it in one go; one bad post spoils no other."""

from __future__ import annotations

import json

import pytest

from press import cli, drawing, pipeline
from press.core.errors import PressError
from press.core.project import open_project
from press.preflight import planned
from press.renderer import convert
from tests.press.conftest import CONFIG, cell, post

SEED = cell("#| tags: [parameters]\nseed = 1") + cell("print(seed)")


def build(site, given=None):
    project = open_project(site.root)
    return pipeline.build(project, given or {}, jobs=2, renderer="pandoc", progress=None)


def problems(site, given=None) -> list[str]:
    with pytest.raises(PressError) as caught:
        build(site, given)
    return [str(problem) for problem in caught.value.problems]


WANTED = [
    ("_quarto.yml:18", "telepathy"),
    ("_quarto.yml:20", "'lang' is given twice"),
    ("_quarto.yml:21", "gone.csl"),
    ("_quarto.yml.local:3", "toc-depth"),
    ("_quarto.yml.local:4", "gone.css"),
    ("index.qmd:3", "mood"),
    ("index.qmd:6", "embed"),
    ("index.qmd:8", "hero-banner"),
    ("index.qmd:12", "@nobody"),
    ("papers/bad2020/paper.toml", ""),
    ("posts/_metadata.yml:1", "feelings"),
    ("posts/_metadata.yml:2", "toc-depth"),
    ("posts/a/post.qmd:1", "'description'"),
    ("posts/a/post.qmd:5", "{r}"),
    ("posts/a/post.qmd:9", "{julia}"),
    ("posts/b/post.qmd:8", "MathML"),
    ("posts/b/post.qmd:11", "fig-kap"),
    ("posts/b/post.qmd:12", "column"),
    ("posts/b/post.qmd:16", "alt text"),
    ("posts/b/post.qmd:18", "@fig-gone"),
    ("posts/c/post.qmd:9", "colon"),
    ("posts/c/post.qmd:10", "not valid Python"),
    ("posts/c/post.qmd:12", "gone.md"),
    ("posts/d/post.qmd:6", "gone.bin"),
    ("posts/d/post.qmd:16", "callout-moon"),
    ("posts/d/post.qmd:20", "quarto-x"),
    ("posts/e/post.qmd:7", "'toc' is given twice"),
    ("posts/e/post.qmd:8", "timeout"),
]


@pytest.fixture
def nothing_runs(monkeypatch):
    def run(*args, **options):
        raise AssertionError("a post was to run")

    monkeypatch.setattr(pipeline, "_run", run)


def test_everything_is_told_at_once_by_file_and_line(site, nothing_runs):
    site.write(
        "_quarto.yml",
        CONFIG + "telepathy: true\nlang: fr\nlang: en\ncsl: gone.csl\n",
    )
    site.write("_quarto.yml.local", "format:\n  html:\n    toc-depth: deep\n    css: gone.css\n")
    site.write("posts/_metadata.yml", "feelings: many\ntoc-depth: 0\n")
    site.write(
        "index.qmd", "---\ntitle: Home\nmood: good\n---\n\n{{< embed x >}}\n\n::: {.hero-banner}\nx\n:::\n\n@nobody\n"
    )
    site.write("papers/bad2020/paper.toml", "x = [\n")
    site.write("posts/a/post.qmd", "---\ntitle: A\n---\n\n```{r}\nx\n```\n\n```{julia}\nx\n```\n")
    site.post(
        "b", "$\\nosuch{x}$\n\n" + cell("#| fig-kap: x\n#| column: moon\nx = 1") + "\n![](a.png)\n\nSee @fig-gone.\n"
    )
    site.post("c", cell("#| echo false\nx = = 1") + "{{< include gone.md >}}\n")
    site.post("d", SEED + "::: {.callout-moon}\nx\n:::\n\n[x]{.quarto-x}\n", extra="data: gone.bin\n")
    site.post("e", "One.\n", extra="toc: true\ntoc: false\ntimeout: soon\n")
    found = problems(site)
    places = [text.split(": ")[0].split(":") for text in found]
    assert places == sorted(places, key=lambda place: (place[0], int((place[1:] or ["0"])[0])))
    for place, word in WANTED:
        assert any(text.startswith(place + ":") and word in text for text in found), (place, word, found)


def test_refusals_of_content_come_before_any_kernel(site, nothing_runs):
    site.post("a", SEED + "::: {.callout-moon}\nx\n:::\n\n[x]{.quarto-x}\n\n::: {.panel-tabset}\nno heading\n:::\n")
    site.post("b", cell("#| echo: fenced\nx = 1"))
    found = [text.partition(": ")[0] for text in problems(site)]
    assert found == [
        "posts/a/post.qmd:15",
        "posts/a/post.qmd:19",
        "posts/a/post.qmd:21",
        "posts/b/post.qmd:9",
    ]


def test_wrong_parameters_are_told_with_the_rest(site, nothing_runs):
    site.post("a", SEED + "{{< embed x >}}\n")
    found = problems(site, {"sede": 1, "seed": "two"})
    assert [text.partition(": ")[0] for text in found] == ["posts/a/post.qmd:9"] * 2 + ["posts/a/post.qmd:15"]


def test_captions_and_figures_wait_for_the_run(site, monkeypatch):
    """What a cell will show is not known yet: its labels and captions are in order until then."""
    seen = []
    monkeypatch.setattr(pipeline, "_run", lambda *args, **options: seen.append(args) or pytest.skip("reached"))
    site.post("a", cell("#| label: fig-a\n#| fig-cap: [A, B]\nplot()") + "\nSee @fig-a, @known2020.\n")
    with pytest.raises(pytest.skip.Exception):
        build(site)
    assert seen


def test_an_unchanged_page_is_not_looked_at_again(site, nothing_runs, monkeypatch):
    site.post("a", "::: {.callout-moon}\nx\n:::\n")
    site.post("b", "Words.\n")
    first, looked = problems(site), []
    monkeypatch.setattr(convert, "look", lambda document, work: looked.append(document.input))
    assert problems(site) == first
    assert looked == []
    site.post("b", "Other words.\n")
    assert problems(site) == first
    assert looked == ["posts/b/index.ipynb"]


def test_links_that_lead_nowhere_are_told_before_anything_runs(site, nothing_runs):
    site.write("about.qmd", "---\ntitle: x\n---\n")
    site.write("_quarto.yml", site.read("_quarto.yml").replace("[index.qmd, ", "[index.qmd, about.qmd, "))
    site.write("posts/a/data.csv", "1")
    good = "[a](../../about.qmd) [b](data.csv) [c](/index.html#x) [d](../b/index.ipynb) [e](../b/) [f](https://x.org/y)"
    site.post("a", f"{good}\n\n[gone](../c/index.qmd) and ![x](gone.png)\n")
    site.post("b", cell("1"))
    assert [text.split(": neither")[0] for text in problems(site)] == [
        "posts/a/post.qmd:10: broken link '../c/index.qmd'",
        "posts/a/post.qmd:10: broken link 'gone.png'",
    ]


def test_quarto_decides_itself_what_it_knows(site, nothing_runs, monkeypatch):
    site.write("_quarto.yml", CONFIG + "telepathy: true\n")
    site.post("a", "::: {.callout-moon}\nx\n:::\n\n{{< embed x >}}\n")
    monkeypatch.setattr(drawing, "choose_renderer", lambda wanted: "quarto")
    with pytest.raises(AssertionError, match="was to run"):
        build(site)


BROKEN = {
    "front matter": "---\ntitle: [x\n---\n",
    "fields": "---\ntitle: x\n---\n",
    "cell": post("```{python}\nx = 1\n"),
    "bytes": b"---\ntitle: \xe9\n---\n",
    "include": post("{{< include gone.md >}}\n"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_post_does_not_keep_another_from_being_asked_about(site, kind, capsys):
    site.post("a", SEED)
    site.write("posts/bad/post.qmd", BROKEN[kind])
    assert cli.main(["why", "a", "--root", str(site.root)]) == 0
    said = capsys.readouterr()
    assert said.out == "a: stale\n  never run here\n"
    assert said.err.count("\n") == 1
    assert "bad" in said.err
    assert cli.main(["run", "a", "--dry-run", "--root", str(site.root)]) == 0
    assert cli.main(["why", "bad", "--root", str(site.root)]) == 1
    assert "posts/bad/post.qmd" in capsys.readouterr().err
    assert cli.main(["why", "--root", str(site.root)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("a: stale")
    assert "posts/bad/post.qmd" in said.err


def test_broken_metadata_of_a_folder_stop_its_posts_alone(site):
    site.post("a", SEED)
    site.post("b", SEED)
    site.write("posts/b/_metadata.yml", "x: [\n")
    plan, _ = planned(open_project(site.root), ["a"], {})
    assert plan.problems == []
    assert [str(p).partition(": ")[0] for p in plan.elsewhere["b"]] == ["posts/b/_metadata.yml:1"]


def test_folders_metadata_reach_the_post_and_its_key(site):
    body = SEED.replace("seed = 1", "seed = 1\nother = 2") + cell("other")
    site.write("posts/a/post.qmd", "---\ntitle: A\ndate: 2026-01-01\n---\n\n" + body)
    site.write("_quarto.yml", CONFIG + "  parameters: {seed: 5}\n  timeout: 50\n")
    text = "description: Shared.\ncategories: [x]\ntimeout: 7\n"
    site.write("posts/_metadata.yml", text)
    plan, _ = planned(open_project(site.root), [], {})
    (step,) = plan.steps
    assert (step.post.meta["timeout"], step.post.meta["categories"], step.parameters) == (7, ["x"], {"seed": 5})
    site.write("posts/_metadata.yml", text + "press:\n  parameters: {seed: 6, other: 3}\n")
    plan, _ = planned(open_project(site.root), [], {})
    assert plan.steps[0].parameters == {"seed": 6, "other": 3}
    assert plan.steps[0].key != step.key
    site.write("shared/one.txt", "x")
    site.write("posts/_metadata.yml", text + "data: ../shared/one.txt\n")
    plan, _ = planned(open_project(site.root), [], {})
    assert plan.steps[0].post.data == ("shared/one.txt",)
    assert json.dumps(plan.steps[0].key.parts).count("shared/one.txt") == 1
