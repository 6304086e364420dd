"""Claims in a notebook: the verdict rule, what is refused, and what the box shows."""

import dataclasses
import json
import re
from fractions import Fraction
from pathlib import Path

import nbformat
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import html

from postkit import style
from postkit._claim_box import COLOURS, SYMBOLS, box_html, box_text
from postkit.claims import MIME, claim, from_json
from postkit.pooling import Recorded
from postkit.verdicts import VERDICTS, Claim, measurement, times_needed, verdict

TOML = """\
citekey = "song2021ddim"

[[claims]]
id = "few-steps"
statement = "Fewer steps are enough."
table = "Table 1"
row = "S = 10"
number = "13.36 against 41.07"
quantity = "ratio of distances"
direction = "above"
than = 1.0
delta = 0.25
delta_why = "a quarter"
expected = 3.0
tolerance = 0.5
verdict = { small = "REPRODUCED" }
"""


def made(**keys) -> Claim:
    needed = {"id": "a", "statement": "S.", "table": "Table 1", "number": "3", "quantity": "q", "direction": "above"}
    return Claim(**needed | keys)


def found(measured=2.0, interval=(1.5, 2.5), **keys):
    return measurement("a", paper="p", measured=measured, interval=interval, seeds=keys.pop("seeds", 3), **keys)


# 0.5, 0.25 and halves are exact in binary, so that borders are where they are written.
@pytest.mark.parametrize(
    ("keys", "measured", "interval", "expected"),
    [
        ({"than": 1.0}, 2.0, (1.5, 2.5), "REPRODUCED"),
        ({"than": 1.0}, 2.0, (1.0, 2.5), "INCONCLUSIVE"),  # the border is in the interval
        ({"than": 1.0}, 1.0, (1.0, 1.0), "INCONCLUSIVE"),
        ({"than": 1.0}, 0.5, (0.25, 1.0), "INCONCLUSIVE"),
        ({"than": 1.0}, 0.5, (0.25, 0.75), "CONTRADICTED"),
        ({"than": 1.0, "delta": 0.5}, 1.25, (1.0, 1.5), "NO EFFECT"),  # just as far as it may be
        ({"than": 1.0, "delta": 0.5}, 0.75, (0.5, 0.875), "NO EFFECT"),  # sure to be on the other side, and too little
        ({"than": 1.0, "delta": 0.5}, 1.25, (1.125, 1.5), "NO EFFECT"),  # also on the claimed one
        ({"than": 1.0, "delta": 0.5}, 1.25, (0.75, 1.75), "INCONCLUSIVE"),
        ({"than": 1.0, "delta": 0.5}, 1.5, (1.25, 1.75), "REPRODUCED"),
        ({"than": 1.0, "delta": 0.5}, 0.5, (0.25, 0.75), "CONTRADICTED"),
        ({"direction": "below", "than": 1.0, "delta": 0.5}, 0.75, (0.5, 1.25), "NO EFFECT"),
        ({"than": 1.0, "exact": True}, 49.0, (49.0, 49.0), "REPRODUCED"),
        ({"than": 1.0, "exact": True}, 1.0, (1.0, 1.0), "CONTRADICTED"),
        ({"than": 1.0, "exact": True, "expected": 4.0, "tolerance": 0.25}, 2.0, (2.0, 2.0), "DIRECTION ONLY"),
        ({"direction": "near", "exact": True, "expected": 4.0, "tolerance": 0.25}, 3.0, (3.0, 3.0), "REPRODUCED"),
        ({"direction": "below", "than": 1.0}, 0.5, (0.25, 0.75), "REPRODUCED"),
        ({"direction": "below", "than": 1.0}, 2.0, (1.5, 2.5), "CONTRADICTED"),
        ({"direction": "below", "than": -1.0}, -2.0, (-2.5, -1.5), "REPRODUCED"),
        ({"than": 1.0, "expected": 4.0, "tolerance": 0.5}, 2.0, (1.5, 2.5), "REPRODUCED"),  # just as far as it may be
        ({"than": 1.0, "expected": 4.5, "tolerance": 0.5}, 2.0, (1.5, 2.5), "DIRECTION ONLY"),
        ({"than": 1.0, "expected": 4.0, "tolerance": 0.5}, 8.0, (7.0, 9.0), "DIRECTION ONLY"),
        ({"than": 1.0, "expected": 4.0, "tolerance": 0.5}, 0.5, (0.25, 0.75), "CONTRADICTED"),
        ({"than": -4.0, "expected": -2.0, "tolerance": 0.5}, -1.0, (-1.5, -0.5), "REPRODUCED"),  # share of |-2|
        ({"direction": "near", "expected": 4.0, "tolerance": 0.5}, 4.0, (2.0, 6.0), "REPRODUCED"),
        ({"direction": "near", "expected": 4.0, "tolerance": 0.5}, 4.0, (2.0, 6.5), "INCONCLUSIVE"),
        ({"direction": "near", "expected": 4.0, "tolerance": 0.5}, 4.0, (1.0, 9.0), "INCONCLUSIVE"),
        ({"direction": "near", "expected": 4.0, "tolerance": 0.5}, 7.0, (6.5, 8.0), "CONTRADICTED"),
        ({"direction": "near", "expected": 4.0, "tolerance": 0.5}, 7.0, (6.0, 8.0), "INCONCLUSIVE"),  # touches
        ({"direction": "near", "expected": 0.0, "tolerance": 0.5}, 0.25, (-0.25, 0.5), "REPRODUCED"),  # absolute
        ({"direction": "near", "expected": 0.0, "tolerance": 0.5}, 1.0, (0.75, 2.0), "CONTRADICTED"),
        ({"direction": "near", "expected": 0.0, "tolerance": 0.0}, 0.0, (0.0, 0.0), "REPRODUCED"),
    ],
)
def test_verdict_rule(keys, measured, interval, expected):
    assert verdict(made(**keys), measured, interval) == expected


quarters = st.integers(-40, 40).map(lambda n: n / 4)


def by_membership(stated: Claim, measured: float, low: float, high: float) -> str:
    """The rule again, in exact fractions and the words of the contract: which points of the line the interval meets."""
    low, high, measured = Fraction(low), Fraction(high), Fraction(measured)
    if stated.expected is not None:
        margin = Fraction(stated.tolerance) * (abs(Fraction(stated.expected)) or 1)
        good = (Fraction(stated.expected) - margin, Fraction(stated.expected) + margin)
    if stated.direction == "near":
        inside = [good[0] <= end <= good[1] for end in (low, high)]
        if all(inside):
            return "REPRODUCED"
        meets = max(low, good[0]) <= min(high, good[1])
        return "INCONCLUSIVE" if meets else "CONTRADICTED"
    if stated.delta is not None and all(
        abs(end - Fraction(stated.than)) <= Fraction(stated.delta) for end in (low, high)
    ):
        return "NO EFFECT"
    sign = 1 if stated.direction == "above" else -1
    sides = {
        (sign * (end - Fraction(stated.than)) > 0) - (sign * (end - Fraction(stated.than)) < 0) for end in (low, high)
    }
    if sides == {-1}:
        return "CONTRADICTED"
    if sides != {1}:
        return "INCONCLUSIVE"
    exact = stated.expected is None or good[0] <= measured <= good[1]
    return "REPRODUCED" if exact else "DIRECTION ONLY"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # no clock decides
@given(
    ends=st.tuples(quarters, quarters, quarters).map(sorted),
    direction=st.sampled_from(["above", "below", "near"]),
    than=quarters,
    near=st.one_of(st.none(), st.tuples(quarters, st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0]))),
    delta=st.sampled_from([None, 0.25, 1.0, 4.0]),
)
@example(ends=[1.0, 1.0, 1.0], direction="above", than=1.0, near=None, delta=None)
@example(ends=[0.0, 0.0, 0.0], direction="near", than=0.0, near=(0.0, 0.0), delta=None)
def test_verdict_rule_is_the_contracts_everywhere(ends, direction, than, near, delta):
    low, measured, high = ends
    near = (1.0, 0.5) if near is None and direction == "near" else near
    keys = {} if near is None else {"expected": near[0], "tolerance": near[1]}
    stated = made(direction=direction, **keys | ({} if direction == "near" else {"than": than, "delta": delta}))
    result = verdict(stated, measured, (low, high))
    assert result == by_membership(stated, measured, low, high)
    # Mirrored at zero, "above" is "below" and nothing else changes.
    flipped = {"above": "below", "below": "above", "near": "near"}[direction]
    mirror = {key: -value if key == "expected" else value for key, value in keys.items()}
    opposite = made(direction=flipped, **mirror | ({} if direction == "near" else {"than": -than, "delta": delta}))
    assert verdict(opposite, -measured, (-high, -low)) == result


def test_a_claim_that_cannot_be_judged_is_refused():
    with pytest.raises(ValueError, match="direction is 'over'; legal: above, below, near"):
        verdict(made(direction="over"), 1, (0, 2))
    with pytest.raises(ValueError, match="direction 'above' needs than"):
        verdict(made(), 1, (0, 2))
    with pytest.raises(ValueError, match="no expected and tolerance"):
        verdict(made(direction="near", expected=1.0), 1, (0, 2))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"measured": float("nan")}, "measured is nan; it must be finite"),
        ({"measured": float("inf"), "interval": (0, float("inf"))}, "measured is inf"),
        ({"measured": "2"}, "measured is '2'; it must be a number"),
        ({"measured": True}, "measured is True"),
        ({"measured": None}, "measured is None"),
        ({"measured": np.array([1.0, 2.0])}, "it must be one finite number"),
        ({"measured": 10**400}, "it must be one finite number"),
        ({"interval": (2.5, 1.5)}, r"interval is \(2.5, 1.5\); its low end must not be above its high end"),
        ({"interval": (2.25, 2.5)}, r"measured is 2.0; it must lie in its interval \[2.25, 2.5\]"),
        ({"interval": (1.0, 1.5)}, "measured is 2.0"),
        ({"interval": (1.0, float("inf"))}, "interval's high end is inf"),
        ({"interval": (1.0,)}, "interval is"),
        ({"interval": 2.0}, "interval is 2.0"),
        ({"seeds": 0}, "seeds is 0; it must be at least 1"),
        ({"seeds": -3}, "seeds is -3"),
        ({"seeds": True}, "seeds is True"),
        ({"seeds": 3.0}, "seeds is 3.0"),
        ({"seeds": []}, r"seeds is \[\]; name at least one"),
        ({"seeds": [1, 1, 2]}, "each may occur only once"),
        ({"seeds": "123"}, "seeds is '123'"),
        ({"scale": "large"}, "scale is 'large'; legal: small, full"),
    ],
)
def test_measurements_that_are_none(keys, message):
    with pytest.raises(ValueError, match=message):
        found(**keys)


def test_numpy_and_lists_of_seeds_are_taken_and_come_back_from_json():
    given_ = measurement(
        "a", paper="p", measured=np.float32(2), interval=np.array([1.5, 2.5]), seeds=np.arange(3), scale="full"
    )
    assert given_.seed_count == 3
    stored = json.loads(json.dumps(given_.as_json()))
    assert stored == {
        "id": "a",
        "paper": "p",
        "measured": 2.0,
        "interval": [1.5, 2.5],
        "seeds": [0, 1, 2],
        "scale": "full",
    }
    assert from_json(stored) == given_


@pytest.mark.parametrize(
    "data", [None, [], "x", {}, {"id": "a"}, found().as_json() | {"html": "<b>"}, found().as_json() | {"measured": 9}]
)
def test_json_that_is_no_measurement(data):
    with pytest.raises(ValueError, match=r"must have the keys|must lie in"):
        from_json(data)


@pytest.fixture
def project(tmp_path: Path, monkeypatch) -> Path:
    """A project with one paper; the working directory is a post's folder."""
    (tmp_path / "papers/song2021ddim").mkdir(parents=True)
    (tmp_path / "papers/song2021ddim/paper.toml").write_text(TOML, encoding="utf-8")
    (tmp_path / "posts/a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "posts/a")
    return tmp_path


def ask(id="few-steps", paper="song2021ddim"):
    return claim(id, paper=paper, measured=2.0, interval=(1.75, 2.5), seeds=3)


def test_what_a_notebook_gets(project):
    shown = ask()._repr_mimebundle_()
    assert list(shown) == ["text/html", "text/plain", "application/vnd.claim+json"]
    assert shown[MIME] == {
        "id": "few-steps",
        "paper": "song2021ddim",
        "measured": 2.0,
        "interval": [1.75, 2.5],
        "seeds": 3,
        "scale": "small",
    }
    assert shown["text/plain"].splitlines() == [
        "✓ REPRODUCED: Fewer steps are enough.",
        "  paper: 13.36 against 41.07 (Table 1, S = 10)",
        "  here: ratio of distances = 2 [1.75, 2.5], 3 seeds",
        "  holds if: above 1; within 0.25 of it is no effect; reproduced if also within 50 % of 3",
    ]
    tree = html.fromstring(shown["text/html"])
    words = [" ".join(p.text_content().split()) for p in tree.iter("p")]
    assert words == [
        shown["text/plain"].splitlines()[0].partition(":")[0],
        "Fewer steps are enough.",
        *(line.strip() for line in shown["text/plain"].splitlines()[1:]),
    ]
    # nbformat keeps such an output as it is: JSON stays JSON.
    output = nbformat.v4.new_output("execute_result", data=shown, execution_count=1)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])
    nbformat.validate(book)
    again = json.loads(nbformat.writes(book))["cells"][0]["outputs"][0]["data"]
    assert again[MIME] == shown[MIME]


def test_printing_says_nothing_that_paper_toml_could_change(project):
    """Printed text is stored as it is: no verdict, statement or number of the paper may be in it."""
    before = str(ask())
    assert before == "few-steps (song2021ddim): 2 [1.75, 2.5], 3 seeds"
    path = project / "papers/song2021ddim/paper.toml"
    path.write_text(TOML.replace("above", "below").replace("Fewer", "More").replace("13.36", "99"), encoding="utf-8")
    assert str(ask()) == before
    assert "CONTRADICTED" in ask()._repr_mimebundle_()["text/plain"]


@pytest.mark.parametrize(
    ("id", "paper", "message"),
    [
        ("few-step", "song2021ddim", "claim id is 'few-step'; legal in papers/song2021ddim/paper.toml: few-steps"),
        ("few-steps", "song2021", "paper is 'song2021'; legal: song2021ddim"),
        ("few-steps", "../papers/song2021ddim", "paper is '../papers/song2021ddim'; legal: song2021ddim"),
        ("", "song2021ddim", "id is ''; it must be a string"),
    ],
)
def test_typos_name_what_is_legal(project, id, paper, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ask(id, paper)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = \n", r"papers/song2021ddim/paper.toml cannot be read: .*line 1"),
        ("claims = [3]", "cannot be read"),
        (TOML.replace('direction = "above"\n', ""), "claim 'few-steps': key 'direction' is missing"),
        (TOML + 'page = "3"\n', "claim 'few-steps': unknown key 'page'; legal: id, "),
        (TOML.replace("than = 1.0\n", ""), "claim 'few-steps': direction 'above' needs than"),
    ],
)
def test_a_broken_paper_toml(project, text, message):
    (project / "papers/song2021ddim/paper.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        ask()


def test_no_papers_at_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="no folder papers/"):
        ask()


HOSTILE = "<script>alert(1)</script>\n\n</div><img src=x onerror=\"alert('2')\"> & &lt; {{< x >}}"


def test_everything_in_the_box_is_escaped_and_no_line_is_blank():
    stated = made(
        id='a"><script>', statement=HOSTILE, table=HOSTILE, row=HOSTILE, number=HOSTILE, quantity=HOSTILE,
        than=3.0, reason=HOSTILE, verdict={"small": "CONTRADICTED"},
    )  # fmt: skip
    shown = box_html(stated, found())
    tree = html.fromstring(shown)
    assert {element.tag for element in tree.iter()} <= {"div", "p", "strong", "span"}
    assert not [name for element in tree.iter() for name in element.attrib if name.startswith("on")]
    assert tree.get("aria-label") == 'Claim a"><script>'
    assert tree.text_content().count("<script>alert(1)</script> </div><img") == 6
    assert all(line.strip() for line in shown.split("\n"))


@pytest.mark.parametrize("result", VERDICTS)
def test_a_verdict_is_a_word_a_symbol_and_a_colour(result):
    keys, where = {
        "REPRODUCED": ({"than": 1.0}, 2.0),
        "DIRECTION ONLY": ({"than": 1.0, "expected": 9.0, "tolerance": 0.1}, 2.0),
        "INCONCLUSIVE": ({"than": 2.25}, 2.0),
        "CONTRADICTED": ({"than": 3.0}, 2.0),
        "NO EFFECT": ({"than": 2.25, "delta": 1.0}, 2.0),
    }[result]
    shown = html.fromstring(box_html(made(**keys), found(where)))
    head = shown.find("p")
    assert head.text_content() == f"{SYMBOLS[result]} {result}"
    assert head.find("strong/span").get("aria-hidden") == "true"
    assert COLOURS[result] in head.find("strong/span").get("style")
    assert f"border-left:5px solid {COLOURS[result]}" in shown.get("style")
    assert len(set(SYMBOLS.values())) == len(set(COLOURS.values())) == 5


def test_colours_are_the_figures_and_text_keeps_the_pages():
    """Symbols and borders need 3:1 on both pages; words take the page's own colour, on its own background."""
    assert set(COLOURS.values()) == {style.GREEN, style.BLUE, style.GREY, style.ORANGE, style.PURPLE}
    for colour in COLOURS.values():
        for page in (style.PAGE_LIGHT, style.PAGE_DARK):
            assert contrast(colour, page) >= 3
    shown = html.fromstring(box_html(made(than=1.0), found()))
    coloured = [e.tag for e in shown.iter() if re.search(r"(^|;)(color|background)", e.get("style") or "")]
    assert coloured == ["span"]


def contrast(one: str, other: str) -> float:
    """WCAG 2's contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_a_reason_stands_only_by_the_verdict_that_it_explains():
    told = {"reason": "Soft shadows.", "than": 2.75, "delta": 0.25, "verdict": {"small": "CONTRADICTED"}}
    assert "why: Soft shadows." in box_text(made(**told), found())
    assert "Soft shadows." in box_html(made(**told), found())
    assert "why" not in box_text(made(**told), found(4.0, (3.5, 4.5)))  # REPRODUCED now
    no_effect = box_text(made(**told), found(2.75, (2.5, 3.0)))  # for which it was not written
    assert "why: not examined" in no_effect
    assert "Soft shadows." not in no_effect
    assert "why: not examined" in box_text(made(than=2.75), found())


def test_a_reason_may_be_one_for_what_only_the_record_says():
    told = {"reason": "Soft shadows.", "than": 2.0, "delta": 0.25, "verdict": {"small": "INCONCLUSIVE"}}
    stated, here = made(**told), found(1.9, (1.0, 3.0))
    known = Recorded(found(1.5, (1.4, 1.6)), 10, "2026-11-28", True)
    assert "open: " in box_text(stated, here)
    assert "why: Soft shadows." in box_text(stated, here, known)
    assert "why: Soft shadows." in box_text(stated, found(1.5, (1.0, 1.7)), known)  # this build says it, too
    assert "open: " in box_text(stated, here, dataclasses.replace(known, current=False))
    assert "why" not in box_text(stated, here, dataclasses.replace(known, found=found(2.5, (2.4, 2.6))))


@pytest.mark.parametrize(
    ("keys", "measured", "interval", "times"),
    [
        ({"than": 1.0}, 2.0, (0.0, 4.0), 4),  # half the width must come down from 2 to 1
        ({"than": 1.0, "delta": 4.0}, 2.0, (-2.0, 6.0), (4 / 3) ** 2),  # no effect is nearer: 3 are left to its border
        ({"than": 1.0, "delta": 0.5}, 1.0, (0.0, 2.0), 4),
        ({"than": 1.0}, 1.0, (0.0, 2.0), float("inf")),
        ({"direction": "near", "expected": 4.0, "tolerance": 0.5}, 5.0, (3.0, 7.0), 4),
        ({"direction": "near", "expected": 4.0, "tolerance": 0.5}, 8.0, (4.0, 12.0), 4),
    ],
)
def test_what_is_open_has_a_price(keys, measured, interval, times):
    stated = made(**keys)
    assert verdict(stated, measured, interval) == "INCONCLUSIVE"
    assert times_needed(stated, measured, interval) == pytest.approx(times)
    # With a little more than that much data, and the same value, it is settled; with a little less it is not.
    for share, settled in ((1.01, True), (0.99, False)) if times < 100 else ():
        half = (interval[1] - interval[0]) / 2 / (times * share) ** 0.5
        assert (verdict(stated, measured, (measured - half, measured + half)) != "INCONCLUSIVE") == settled
    text = box_text(stated, found(measured, interval))
    assert ("open: about 4 times as much data would settle it" in text) == (times == 4)
    assert ("hardly settle" in text) == (times > 100)


def test_an_exact_number_has_no_interval_and_no_seeds():
    stated = made(than=1.0, exact=True)
    exact = measurement("a", paper="p", measured=49)
    assert (exact.interval, exact.seeds) == ((49.0, 49.0), 0)
    assert from_json(json.loads(json.dumps(exact.as_json()))) == exact
    assert "here: q = 49, exact" in box_text(stated, exact)
    with pytest.raises(ValueError, match="seeds is 3, without an interval"):
        measurement("a", paper="p", measured=49, seeds=3)
    with pytest.raises(ValueError, match="seeds is 0; it must be at least 1"):
        measurement("a", paper="p", measured=49, interval=(48, 50))


@pytest.mark.parametrize(
    ("exact", "how", "message"),
    [
        (
            True,
            {"interval": (1.5, 2.5), "seeds": 3},
            "claim 'few-steps' is exact: its measurement has no interval and no seeds",
        ),
        (False, {}, "claim 'few-steps' is not exact: its measurement has an interval and seeds"),
    ],
)
def test_a_claim_and_its_measurement_are_of_one_kind(project, exact, how, message):
    if exact:
        text = TOML.replace('delta = 0.25\ndelta_why = "a quarter"\n', "exact = true\n")
        (project / "papers/song2021ddim/paper.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        claim("few-steps", paper="song2021ddim", measured=2.0, **how)


def test_how_values_are_written():
    text = box_text(
        made(direction="near", expected=0.0, tolerance=0.01),
        found(-0.00123456, (-0.5, 12345.6), seeds=[7], scale="full"),
    )
    assert "= −0.001235 [−0.5, 1.235e+04], 1 seed, full scale" in text
    assert "holds if: within 0.01 of 0" in text
