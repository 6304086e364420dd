"""From post.qmd to notebook cells, and what is refused on the way."""

import nbformat
import pytest

from press.core.config import read_config
from press.core.errors import PressError
from press.posts.notebook import with_outputs
from press.posts.post import to_bytes
from tests.press.conftest import cell, post, read_post


def read(site, body: str, **options):
    return read_post(site.write("posts/a/post.qmd", post(body, **options)), read_config(site.root), {})


def refusals(site, body: str, **options) -> list[str]:
    with pytest.raises(PressError) as caught:
        read(site, body, **options)
    return [str(problem) for problem in caught.value.problems]


def test_cells_keep_their_options_tags_and_lines(site):
    body = "Text.\n\n" + cell("#| tags: [parameters]\nseed = 0") + "\n" + cell("#| label: fig-a\nprint(seed)")
    got = read(site, body)
    assert [(c.name, c.line, c.options) for c in got.cells] == [
        ("code-1", 11, {"tags": ["parameters"]}),
        ("code-2", 16, {"label": "fig-a"}),
    ]
    assert got.parameters == {"seed": 0}
    book = nbformat.from_dict(got.notebook)
    nbformat.validate(book)
    assert book.cells[2].metadata.tags == ["parameters"]
    assert all(isinstance(c["source"], list) for c in got.notebook["cells"])


def test_code_without_options_keeps_its_line_numbers(site):
    got = read(site, cell("#| label: fig-a\n#| echo: false\nx = 1\ny = 2"))
    assert got.cells[0].code.split("\n") == ["", "", "x = 1", "y = 2"]


def test_a_fence_within_a_longer_fence_is_not_a_cell(site):
    assert read(site, "````markdown\n```{python}\nnot code\n```\n````\n").cells == ()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("```{python}\nx = 1\n", "posts/a/post.qmd:8: code cell ```{python} is never closed"),
        ("```{python, echo=FALSE}\nx = 1\n```\n", "posts/a/post.qmd:8: chunk options 'echo=FALSE'"),
        (cell("x = 1\ny = = 2"), "posts/a/post.qmd:10: not valid Python"),
        (cell("x = 1\n!ls"), "posts/a/post.qmd:10: `!ls` runs outside Python"),
        (cell("#| label: [1\nx = 1"), "posts/a/post.qmd:9: cell option is not valid YAML"),
        (
            cell("#| tags: [parameters]\nseed = 0\nsteps = 1") + cell("print(seed)"),
            "posts/a/post.qmd:11: parameter 'steps'",
        ),
        (
            cell("text = '''\n```\na\n```\n'''"),
            "posts/a/post.qmd:9: not valid Python: unterminated triple-quoted string",
        ),
    ],
)
def test_refusals_name_file_and_line(site, body, expected):
    assert any(line.startswith(expected) for line in refusals(site, body)), refusals(site, body)


def test_all_problems_of_a_post_are_told_at_once(site):
    site.write("posts/a/post.qmd", "---\ntitle: x\ndata: [gone.bin]\ntimeout: -1\n---\n\n" + cell("x = = 1"))
    with pytest.raises(PressError) as caught:
        read_post(site.root / "posts/a/post.qmd", read_config(site.root), {})
    text = str(caught.value)
    for wanted in (
        "lacks 'description'",
        "lacks 'date'",
        "lacks 'categories'",
        "gone.bin",
        "timeout",
        "not valid Python",
    ):
        assert wanted in text


def test_a_cell_in_an_included_file_is_located_there(site):
    site.write("posts/a/_part.qmd", "Words.\n\n" + cell("x = = 1"))
    assert refusals(site, "{{< include _part.qmd >}}\n")[0].startswith("posts/a/_part.qmd:4: not valid Python")


def test_outputs_are_joined_with_present_prose_and_captions(site):
    before = read(site, "Old prose.\n\n" + cell("#| fig-cap: old\nprint(1)"))
    ran = {**before.notebook, "metadata": {"press": {"key": "k"}}}
    ran["cells"] = [dict(c) for c in ran["cells"]]
    ran["cells"][2] |= {"outputs": [{"output_type": "stream", "name": "stdout", "text": ["1\n"]}], "execution_count": 1}
    after = read(site, "New prose.\n\nMore.\n\n\nParts.\n\n" + cell("#| fig-cap: new\nprint(1)"))
    text = to_bytes(with_outputs(after, ran)).decode()
    assert "New prose" in text
    assert "fig-cap: new" in text
    assert "Old" not in text
    assert '"1\\n"' in text
    assert to_bytes(with_outputs(after, ran)).decode() == text
