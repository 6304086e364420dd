import math

import numpy as np
import pytest
import torch

from evidence.estimates import Estimate, mean
from postkit.saying import Prose, side, told, with_interval
from postkit.verdicts import CONTRADICTED, INCONCLUSIVE, NO_EFFECT, REPRODUCED, Claim, verdict

VERDICTS = {"within": NO_EFFECT, "unsettled": INCONCLUSIVE, "above": REPRODUCED, "below": CONTRADICTED}
SENTENCES = {"above": "More.", "below": "Less.", "unsettled": "Open."}


@pytest.mark.parametrize("delta", [None, 0.3])
def test_it_takes_the_side_that_the_verdict_takes(delta):
    stated = Claim("c", "s", "t", "1", "q", "above", than=1.0, delta=delta)
    rng = np.random.default_rng(0)
    seen = set()
    for ends in [*np.sort(rng.normal(1.0, 0.4, size=(200, 2))), (0.7, 1.3), (1.0, 1.2), (0.5, 1.0), (1.0, 1.0)]:
        low, high = sorted(ends)
        found = Estimate((low + high) / 2, low, high, 9)
        at = side(found, than=1.0, delta=delta)
        assert VERDICTS[at] == verdict(stated, found.value, found.interval)
        seen.add(at)
    assert seen == ({"above", "below", "unsettled"} if delta is None else set(VERDICTS))


@pytest.mark.parametrize(
    ("found", "text"),
    [((2, 1, 3), "More."), ((-2, -3, -1), "Less."), ((0.5, -1, 2), "Open."), ((0.0, -0.1, 0.1), "Equal.")],
)
def test_the_sentence_is_that_of_the_measurement(found, text):
    assert told(found, delta=0.2, within="Equal.", **SENTENCES) == text
    assert told(torch.tensor(found), delta=0.2, within="Equal.", **SENTENCES) == text


def test_its_markdown_is_kept_and_it_is_one_line():
    text = told((2, 1, 3), above="*More*,\n  by $x_1$.", below="-", unsettled="-")
    assert isinstance(text, Prose)
    assert text._repr_markdown_() == "*More*, by $x_1$."


@pytest.mark.parametrize(
    ("found", "how", "text"),
    [
        (Estimate(0.625, 0.55, 0.7, 40), {"form": ".0%"}, "62% (55% to 70%)"),
        ((-1.234, -2, 0.5), {"form": ".1f", "unit": " dB"}, "\N{MINUS SIGN}1.2 dB (\N{MINUS SIGN}2.0 dB to 0.5 dB)"),
        ((0.00123, 0.001, 0.002), {"scale": 1000}, "1.23 (1 to 2)"),
        (mean([1.0, 1.0, 1.0]), {}, "1 (1 to 1)"),
    ],
)
def test_a_value_is_printed_with_its_interval(found, how, text):
    assert with_interval(found, **how) == text


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: side((1, 2, 3)), r"1.0 \(2.0 to 3.0\)"),
        (lambda: side((1, math.nan, 3)), "finite low"),
        (lambda: side((1, 2)), "must be an Estimate"),
        (lambda: side(3.0), "must be an Estimate"),
        (lambda: side((1, 0, 2), than=math.inf), "than is inf"),
        (lambda: side((1, 0, 2), delta=0), "delta 0"),
        (lambda: told((1, 0, 2), delta=0.1, **SENTENCES), "give both or neither"),
        (lambda: told((1, 0, 2), within="Equal.", **SENTENCES), "give both or neither"),
        (lambda: told((1, 0.5, 2), **SENTENCES | {"below": " "}), "'below' is empty"),
        (lambda: with_interval((1, 0, 2), "q"), "format"),
    ],
)
def test_errors_name_the_value(call, words):
    with pytest.raises(ValueError, match=words):
        call()
