import numpy as np
import pytest

from postkit.table import table


def test_numbers_are_right_aligned_and_formatted():
    shown = table([["a", 1, -0.51234567], ["bb", 1000, 2e-9]], ["name", "n", "slope"])
    assert '<td style="text-align:left">a</td><td style="text-align:right">1</td>' in shown.html
    assert '<td style="text-align:right">−0.5123</td>' in shown.html
    assert repr(shown).splitlines() == [
        "name     n    slope",
        "----  ----  -------",
        "a        1  −0.5123",
        "bb    1000    2e−09",
    ]


def test_numpy_numbers_none_and_booleans():
    shown = table([[np.float32(0.5), np.int64(3), None, True]], ["a", "b", "c", "d"])
    assert [line.split() for line in repr(shown).splitlines()][2] == ["0.5", "3", "True"]
    assert '<td style="text-align:left">True</td>' in shown.html


def test_everything_is_escaped_and_no_line_is_blank():
    hostile = "<script>alert(1)</script>\n\n</td>&\"'"
    html = table([[hostile, 1]], [hostile, "n"]).html
    assert "<script>" not in html
    assert html.count("</td>") == 2
    assert all(line.strip() for line in html.split("\n"))


@pytest.mark.parametrize(
    ("rows", "header", "digits", "message"),
    [
        ([], [], 4, "header is empty"),
        ([[1, 2]], ["a"], 4, "row 0 has 2 cells; the header has 1"),
        ([[1]], ["a"], 0, "digits is 0"),
    ],
)
def test_errors(rows, header, digits, message):
    with pytest.raises(ValueError, match=message):
        table(rows, header, digits=digits)


def test_no_rows_is_a_header():
    assert repr(table([], ["a", "b"])) == "a  b\n-  -"
