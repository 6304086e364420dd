"""A paper's numbers for a cell: as numbers, or a message that says what is wrong."""

import pytest

from postkit.printed import paper_numbers

TOML = """\
[[claims]]
id = "a"
statement = "S."
table = "Table 1"
number = "3"
quantity = "q"
direction = "above"
numbers = { s10 = "45.20", "w-0.1" = "-1.5", rate = "2e-2" }

[[claims]]
id = "text"
statement = "S."
table = "Table 1"
number = "3"
quantity = "q"
direction = "above"
numbers = { pairs = "67 million" }
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    path = tmp_path / "papers/known2020/paper.toml"
    path.parent.mkdir(parents=True)
    path.write_text(TOML)
    monkeypatch.chdir(path.parent)


def test_numbers_are_those_of_the_claim():
    assert paper_numbers("a", paper="known2020") == {"s10": 45.2, "w-0.1": -1.5, "rate": 0.02}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("b", "known2020"), "claim id is 'b'; legal in papers/known2020/paper.toml: a, text"),
        (("a", "other2021"), "paper is 'other2021'; legal: known2020"),
        (("text", "known2020"), "papers/known2020/paper.toml: claim 'text': pairs is '67 million', not a number"),
    ],
)
def test_what_is_wrong_is_said(given, message):
    with pytest.raises(ValueError, match=message):
        paper_numbers(given[0], paper=given[1])
