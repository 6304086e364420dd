"""The copy of a project that Quarto is given: results in it, sources untouched, nothing run again."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import yaml

from press.core.errors import PressError
from press.core.project import open_project
from press.renderer.quarto_markdown import to_markdown, unexecuted
from press.renderer.quarto_stage import staged
from tests.press.posts.test_anywhere import CONFIG, blog, notebook  # noqa: F401, one a fixture
from tests.press.strangers import everything

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def book(*cells: tuple[str, list[dict]], front: str = "", tags: tuple[str, ...] = ()) -> dict:
    made = [{"cell_type": "raw", "metadata": {}, "source": [f"---\ntitle: 'x: y'\ndate: 2024-01-02\n{front}---"]}]
    for source, outputs in cells:
        kind = {"cell_type": "code", "outputs": outputs, "execution_count": 1}
        made.append(kind | {"metadata": {"tags": list(tags)}, "source": source.splitlines(keepends=True)})
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def stream(text: str, name: str = "stdout") -> dict:
    return {"output_type": "stream", "name": name, "text": text}


def display(**data: object) -> dict:
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {key.replace("_", "/"): v for key, v in data.items()},
    }


def written(site, made: dict, page: str = "notes/a b.qmd") -> str:
    config = open_project(site.root).config
    return to_markdown(made, page, site.root / "copy", config)


def front_of(text: str) -> dict:
    return yaml.safe_load(text.split("---")[1])


def test_front_matter_stays_and_no_engine_runs(blog):  # noqa: F811
    front = front_of(written(blog, book(front="jupyter: python3\nexecute:\n  echo: false\n")))
    assert front == {"title": "x: y", "date": "2024-01-02", "execute": {"echo": False}, "engine": "markdown"}
    head = unexecuted(book(front="execute:\n  echo: false\n  enabled: true\n"))["cells"][0]
    assert front_of("".join(head["source"]))["execute"] == {"echo": False, "enabled": False}
    assert unexecuted({"cells": [], "metadata": {}})["cells"][0]["source"][1] == '"execute": {"enabled": false}\n'


@pytest.mark.parametrize("where", ["_quarto.yml", "notes/_metadata.yml", "own"])
@pytest.mark.parametrize(
    ("switch", "gone"),
    [("echo", {"CODE"}), ("output", {"OUT", "ERR"}), ("warning", {"ERR"}), ("include", {"CODE", "OUT", "ERR"})],
)
def test_switches_count_wherever_they_stand(blog, where, switch, gone):  # noqa: F811
    rows = f"execute:\n  {switch}: false\n"
    if where != "own":
        blog.write(where, (CONFIG if where == "_quarto.yml" else "") + rows)
    cells = ("print('CODE')", [stream("OUT"), stream("ERR", "stderr")]), (f"#| {switch}: true\n2", [stream("KEPT")])
    text = written(blog, book(*cells, front=rows if where == "own" else ""))
    assert {word for word in ("CODE", "OUT", "ERR", "KEPT") if word not in text} == gone


def test_tags_are_switches_too(blog):  # noqa: F811
    assert "SECRET" not in written(blog, book(("SECRET", [stream("SECRET")]), tags=("remove-cell",)))


def test_figures_tables_and_noise(blog):  # noqa: F811
    figure = '#| label: fig-x\n#| fig-cap: A *cap* with "q"\n#| fig-alt: "say \\"so\\""\nplot()'
    noise = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": "<Axes: >"}}
    cells = [
        (figure, [noise, display(image_png=PNG)]),
        ("#| label: tbl-t\n#| tbl-cap: T\nx", [display(text_markdown="|a|\n|-|\n|1|")]),
        ("sum", [display(text_latex="$x^2$", text_plain="x**2")]),
        ("broken", [display(image_png="!")]),
        ("print('````')", [stream("````\n:::::\n")]),
    ]
    text = written(blog, book(*cells))
    assert '![A *cap* with "q"](<a b_files/figure-html/fig-x-output-1.png>){#fig-x fig-alt="say \\"so\\""}' in text
    assert "<Axes" not in text
    assert (blog.root / "copy/notes/a b_files/figure-html/fig-x-output-1.png").read_bytes()[:4] == b"\x89PNG"
    assert '::::: {#tbl-t .cell tbl-cap="T"}' in text
    assert "\n$x^2$\n" in text
    assert "`````\n````\n:::::\n`````" in text


def test_the_copy_is_whole_and_ends(blog, tmp_path_factory):  # noqa: F811
    away = tmp_path_factory.mktemp("away")
    (away / "data.csv").write_text("1")
    place = blog.write(".press/posts/notes/n.ipynb.ipynb", json.dumps(book(("1", [stream("RAN")]))))
    blog.write("notes/n.ipynb", notebook(("code", "1")))
    blog.write("notes/a.qmd", "---\ntitle: a\n---\n\n```{python}\n1\n```\n")
    blog.write("_extensions/x/_extension.yml", "title: X\n")
    blog.write("notes/_metadata.yml", "author: Me\n")
    blog.write("env/pyvenv.cfg", "")
    blog.write("node_modules/x.js", "")
    (blog.root / "notes/up").symlink_to("..")
    (blog.root / "notes/away").symlink_to(away)
    (blog.root / "notes/nowhere").symlink_to("nothing")
    os.mkfifo(blog.root / "notes/pipe")
    pipe = blog.root / "notes/pipe"
    with staged(open_project(blog.root), {"notes/n.ipynb": place, "notes/a.qmd": place}) as copy:
        names = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
        assert "RAN" in (copy / "notes/n.ipynb").read_text()
        assert "RAN" in (copy / "notes/a.qmd").read_text()
    sources = {"_quarto.yml", "index.qmd", "notes/n.ipynb", "notes/a.qmd", "notes/_metadata.yml"}
    assert names == sources | {"_extensions/x/_extension.yml", "notes/away/data.csv"}
    assert not copy.exists()
    pipe.unlink()
    assert "RAN" not in str(everything(blog.root / "notes"))


def test_a_file_that_cannot_be_copied_is_named(blog, monkeypatch):  # noqa: F811
    def refuse(source, *_, **__):
        raise PermissionError(13, "Permission denied", str(source))

    monkeypatch.setattr(shutil.copytree, "__defaults__", (False, None, refuse, False, False))
    with (
        pytest.raises(PressError, match=r"index\.qmd: cannot be copied for Quarto"),
        staged(open_project(blog.root), {}),
    ):
        pass


def test_what_a_cell_within_a_list_showed_is_in_that_list_for_quarto_too(blog):  # noqa: F811
    made = book(("x = 1", [stream("one\n\ntwo\n")]))
    made["cells"][1]["metadata"]["md-indent"] = "   "
    body = written(blog, made).split("---")[2].strip("\n").split("\n")
    assert {line[:3] for line in body} == {"", "   "}
    assert "   two" in body
