import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from tests.diffloop.devices import pretended_gpu

from postkit.gallery import pixels, sheet, show_rows


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def noise(n, *shape):
    return torch.rand(n, *(shape or (3, 4, 4)), generator=torch.Generator().manual_seed(0))


def drawn():
    """Titles left of the rows, titles above, and per row which of its places have a picture."""
    axes = plt.gcf().axes
    shown = [len(ax.images) for ax in axes]
    return [ax.get_ylabel() for ax in axes], [ax.get_title() for ax in axes], shown


def test_rows_have_titles_and_may_end_early_or_be_blank():
    show_rows({"a": noise(3), "b": [noise(1)[0], None]}, columns=["x", "y"])
    left, above, shown = drawn()
    assert (left, above) == (["a", "", "", "b", "", ""], ["x", "y", "", "", "", ""])
    assert shown == [1, 1, 1, 1, 0, 0]


def test_the_first_of_each_row_are_shown_where_there_are_too_many():
    show_rows([noise(5), noise(4, 4, 4)], ["equal", "equal"], most=2)
    assert drawn() == (["equal", "", "equal", ""], [""] * 4, [1] * 4)


def test_what_is_drawn_are_the_pixels():
    picture = (255 * noise(1)[0]).to(torch.uint8)
    show_rows([[picture, picture[:1], picture[0] > 99]])
    colour, grey, mask = (ax.images[0].get_array() for ax in plt.gcf().axes)
    assert np.array_equal(colour, picture.permute(1, 2, 0))
    assert all(np.array_equal(grey[..., c], picture[0]) for c in range(3))
    assert np.array_equal(mask[..., 0], 255 * (picture[0] > 99).numpy())


def test_floats_are_rounded_and_an_overshoot_is_clipped():
    assert pixels(np.array([[-0.1, 0.0, 0.5, 1.0, 1.1]]))[0, :, 0].tolist() == [0, 0, 128, 255, 255]


def test_pictures_may_be_on_a_gpu_and_need_a_gradient():
    picture = noise(1)[0]
    with pretended_gpu() as device:
        there = pixels(picture.to(device).requires_grad_())
    assert np.array_equal(there, pixels(picture))


def test_a_sheet_is_its_rows_with_white_between():
    a, b, c = noise(3, 3, 2, 5)
    whole = sheet([[a, b], [None, c], [a]], gap=1)
    assert (whole.shape, whole.dtype) == ((8, 11, 3), np.uint8)
    assert np.array_equal(whole[:2, :5], pixels(a))
    assert np.array_equal(whole[3:5, 6:], pixels(c))
    assert (whole[2] == 255).all()
    assert (whole[:, 5] == 255).all()
    assert (whole[3:5, :5] == 255).all()
    assert (whole[6:, 6:] == 255).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: show_rows([]), "no picture"),
        (lambda: show_rows([[], []]), "no picture"),
        (lambda: show_rows({"a": noise(1)}, ["b"]), "titles of its own"),
        (lambda: show_rows([noise(1)], ["a", "b"]), "2 titles for 1 rows"),
        (lambda: show_rows([noise(1)], columns=["a", "b"]), "2 titles for 1 columns"),
        (lambda: show_rows([noise(1)], most=0), "most is 0"),
        (lambda: show_rows([noise(1)], size=0), "size 0"),
        (lambda: show_rows([noise(1, 4, 4, 3)]), r"shape \(4, 4, 3\)"),
        (lambda: show_rows([[noise(1)[0] / 0]]), "48 values that are not finite"),
        (lambda: show_rows([[noise(1)[0].to(torch.int64)]]), "int64"),
        (lambda: sheet([[None]]), "at least one picture"),
        (lambda: sheet([[noise(1)[0], noise(1, 3, 2, 2)[0]]]), "sizes"),
        (lambda: sheet([noise(1)], gap=-1), "gap is -1"),
    ],
)
def test_errors_name_the_value(call, words):
    with pytest.raises(ValueError, match=words):
        call()
    assert not plt.get_fignums()  # nothing half drawn
