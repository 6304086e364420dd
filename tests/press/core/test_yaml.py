"""YAML 1.2 with places; what is hostile in it ends in a message, not in a crash."""

from __future__ import annotations

import math

import pytest
import yaml

from press.core.celloptions import option_rows, read_options
from press.core.errors import PressError
from press.core.supported import PAGE
from press.core.yamlfile import load, parse, place_of


def test_scalars_are_those_of_yaml_1_2():
    words = [
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "Yes",
        "NO",
        "2026-01-02",
        "12:30:00",
        "1_000",
        "0b11",
        "0o8",
        "0x",
        "1e",
        "=",
        "<<",
        "~x",
        "truE",
        "1.2.3",
    ]
    assert load("[" + ", ".join(f"a {word}" for word in words) + "]") == [f"a {word}" for word in words]
    for word in words:
        assert load(word) == word
    assert load("[true, True, FALSE, null, ~, Null, ]") == [True, True, False, None, None, None]
    numbers = load("[0777, 010, 0o17, 0x1F, -5, +5, 1e3, .5, 5., -1.5E-2, .inf, -.INF]")
    assert numbers == [777, 10, 15, 31, -5, 5, 1000.0, 0.5, 5.0, -0.015, math.inf, -math.inf]
    assert math.isnan(load(".nan"))
    assert load("{1: a, true: b, '<<': {c: 1}}") == {"1": "a", "true": "b", "<<": {"c": 1}}
    assert load('["5", \'true\', !!str 5, !!int "7"]') == ["5", "true", "5", 7]
    assert load("") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("- " * 100_000, "nested too deeply"),
        ("a: &x [*x]", "without end"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            + "".join(f"{y}: &{y} [{','.join(['*' + x] * 10)}]\n" for x, y in zip("abcdef", "bcdefg", strict=True)),
            "without end",
        ),
        ("a: " + "9" * 5000, "not a legal int"),
        ("a: !other x", "unknown tag"),
        ("!!python/object/apply:os.system [x]", "unknown tag"),
        ("? [a]\n: b", "plain string"),
        ("a: 1\na: 2", "given twice"),
        ("a: 1\n--- \nb: 2", "single document"),
    ],
)
def test_what_is_hostile_or_wrong_is_an_error(text, said):
    with pytest.raises(yaml.YAMLError, match=said):
        load(text)


def test_every_key_has_its_place():
    text = "a: 1\nb:\n  - c: 2\n  - d: 3\n    e: {f: 4}\n"
    data = parse(text, PAGE, lambda line: ("x.qmd", line + 1)).data
    assert place_of(data, "a") == ("x.qmd", 2)
    assert place_of(data, "b.1.e.f") == ("x.qmd", 6)
    assert place_of(data, "b.0") == ("x.qmd", 4)
    assert place_of(data, "b.7.q") == ("x.qmd", 3)
    assert place_of(data, "q") is None


@pytest.mark.parametrize("mark", ["#| ", "#|", "# | ", "#  |", "#\t| "])
def test_cell_options_with_any_space_before_the_bar(mark):
    source = f"{mark}label: fig-a\n{mark}fig-cap: |\n{mark}  Two\n{mark}  lines\nx = 1\n#| echo: false"
    parsed = read_options(source, "p.qmd", 10)
    assert parsed.data == {"label": "fig-a", "fig-cap": "Two\nlines"}
    assert parsed.data.places["fig-cap"] == ("p.qmd", 11)
    assert len(option_rows(source)) == 4


@pytest.mark.parametrize(
    ("rows", "data"),
    [
        (["export"], {}),
        (["export", "hide"], {}),
        (["default_exp core.data"], {}),
        (["export", "echo: false"], {"echo": False}),
        (["echo: false", "export", "label: a"], {"echo": False, "label": "a"}),
        (["fig-cap: one", "  two", "export"], {"fig-cap": "one two"}),
        (["exporti -i", "eval: false"], {"eval": False}),
    ],
)
def test_directives_of_nbdev_are_passed_over(rows, data):
    for mark in ("#| ", "#|", "# | "):
        parsed = read_options("\n".join(mark + row for row in rows) + "\nx = 1", "p.qmd", 1)
        assert (parsed.data, parsed.problems, parsed.unknown) == (data, [], [])


def test_an_option_without_its_colon_is_no_directive():
    parsed = read_options("#| export\n#| echo false\n#| label: a", "p.qmd", 5)
    assert [(p.file, p.line) for p in parsed.problems] == [("p.qmd", 6)]
    assert "Write echo:" in parsed.problems[0].message
    with pytest.raises(PressError, match=r"p\.qmd:6: cell option is not valid YAML"):
        read_options("#| export\n#| label: [1", "p.qmd", 5)
