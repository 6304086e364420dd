"""Which figure stands for a post, and how it is marked."""

from __future__ import annotations

import pytest

from press.renderer.leading import with_leading_picture

from .builder import code, html, md, picture, plain

SLIDER = html('<div class="postkit-slider"><img src="data:image/png;base64,x" alt="a"></div>')


def marked(*cells, meta=None) -> list[int]:
    """The places of the marked cells."""
    cells = [cell | {"source": cell["source"].splitlines(keepends=True)} for cell in cells]
    book = with_leading_picture({"cells": cells}, meta or {})
    return [place for place, cell in enumerate(book["cells"]) if "#| classes: preview-image\n" in cell["source"]]


def test_the_first_picture_file_is_marked_and_no_slider():
    assert marked(
        md("Words."), code("s()", SLIDER), code("x", plain("1")), code("f()", picture()), code("g()", picture())
    ) == [3]


@pytest.mark.parametrize("option", ["output: false", "include: false", "classes: wide"])
def test_a_cell_whose_picture_is_not_shown_or_that_has_classes_is_passed_over(option):
    assert marked(code(f"#| {option}\nf()", picture()), code("g()", picture())) == [1]


def test_the_authors_choice_stands():
    figure = code("f()", picture())
    assert marked(figure, meta={"image": "x.png"}) == []
    assert marked(figure, md("![A map](map.png){.preview-image}")) == []
    assert marked(md("![A map](map.png)"), figure) == [], "the first picture is a file already"


def test_the_mark_comes_after_the_other_options_and_changes_nothing_else():
    cell = code("#| label: fig-a\n#| fig-cap: A\nf()\n#| no option", picture())
    cell["source"] = cell["source"].splitlines(keepends=True)
    [done] = with_leading_picture({"cells": [cell]}, {})["cells"]
    assert "".join(done["source"]) == "#| label: fig-a\n#| fig-cap: A\n#| classes: preview-image\nf()\n#| no option"
    assert done | {"source": 0} == cell | {"source": 0}


def test_a_post_without_a_picture_is_as_it_was():
    book = {"cells": [code("1", plain("1")), code("s()", SLIDER)]}
    assert with_leading_picture(book, {}) is book
