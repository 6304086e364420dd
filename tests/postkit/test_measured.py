import pytest

from evidence.estimates import Estimate
from postkit.measured import measured

TOML = """
[[claims]]
id = "a"
statement = "s"
table = "Table 1"
number = "2"
quantity = "q"
direction = "above"
than = 1.0
delta = 0.1
delta_why = "w"
"""


@pytest.fixture
def paper(tmp_path, monkeypatch):
    folder = tmp_path / "papers/one2020"
    folder.mkdir(parents=True)
    (folder / "paper.toml").write_text(TOML, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return {"paper": "one2020", "seeds": 3}


def test_an_estimate_becomes_a_measurement(paper):
    found = measured("a", Estimate(2.0, 1.5, 2.5, 40), **paper).found
    assert (found.measured, found.interval, found.seed_count) == (2.0, (1.5, 2.5), 3)


def test_a_run_that_measures_nothing_says_why(paper, capsys):
    assert measured("a", (2.0, 1.5, 2.5), unless="this checkpoint has no oracle", **paper) is None
    assert capsys.readouterr().out == "a: not measured, as this checkpoint has no oracle\n"


def test_errors_are_those_of_the_claim(paper):
    with pytest.raises(ValueError, match="claim id is 'b'; legal"):
        measured("b", (2.0, 1.5, 2.5), **paper)
    with pytest.raises(ValueError, match="low <= value <= high"):
        measured("a", (3.0, 1.5, 2.5), **paper)
