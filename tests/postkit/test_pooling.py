"""Many runs as one measurement, against SciPy."""

import math
import random

import pytest
from scipy import stats

from postkit.pooling import pooled, student_t


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, *range(5, 61), 1000])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_students_quantile_is_scipys(freedom, level):
    assert student_t(freedom, level) == pytest.approx(stats.t.ppf((1 + level) / 2, freedom), rel=1e-9)


@pytest.mark.parametrize(("freedom", "level"), [(0, 0.95), (-1, 0.95), (3, 0.0), (3, 1.0), (3, math.nan)])
def test_what_has_no_quantile_is_refused(freedom, level):
    with pytest.raises(ValueError, match="legal"):
        student_t(freedom, level)


@pytest.mark.parametrize("count", [2, 3, 10, 61])
def test_the_interval_is_scipys(count):
    draw = random.Random(count)
    values = [draw.gauss(5, 2) for _ in range(count)]
    found = pooled("a", paper="p", values=values)
    mean = sum(values) / count
    assert found.measured == pytest.approx(mean)
    assert found.interval == pytest.approx(stats.t.interval(0.95, count - 1, mean, stats.sem(values)))
    assert found.seeds == count


def test_quotients_are_pooled_by_their_logarithms():
    values = [1 / 3, 0.5, 1.5, 2.0, 2.5]
    found = pooled("a", paper="p", values=values, quotient=True)
    logs = [math.log(value) for value in values]
    assert found.measured == pytest.approx(stats.gmean(values))
    ends = stats.t.interval(0.95, 4, sum(logs) / 5, stats.sem(logs))
    assert found.interval == pytest.approx([math.exp(end) for end in ends])
    upside_down = pooled("a", paper="p", values=[1 / value for value in values], quotient=True)
    assert upside_down.interval == pytest.approx([1 / end for end in reversed(found.interval)])
    assert pooled("a", paper="p", values=[*values, 0.0], quotient=True) == pooled("a", paper="p", values=[*values, 0.0])


def test_equal_values_have_an_interval_without_width():
    assert pooled("a", paper="p", values=[0.1] * 7).interval == pytest.approx((0.1, 0.1), abs=1e-15)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [1.0, math.inf]])
def test_values_that_cannot_be_pooled_are_refused(values):
    with pytest.raises(ValueError, match="at least two, all finite"):
        pooled("a", paper="p", values=values)
