"""What a live figure is made of beside the engine: its settings in an address, its PNGs, its pictures."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from postkit import livespec

from .node import in_node, needs_node

pytestmark = needs_node
OWN = {"prompt": "a red ball", "scale": 4, "scales": [1, 4], "steps": 10, "seed": 7, "sampler": "ddim", "eta": 0}


def spec(kind: str) -> dict:
    return {"kind": kind, "name": "ball", "request": OWN}


def test_a_page_knows_the_kinds_and_limits_of_python(tmp_path):
    found = in_node("say({ FIELDS, KINDS });", None, tmp_path, from_kinds="FIELDS, KINDS")
    assert set(found["KINDS"]) == set(livespec.KINDS)
    for kind, keys in found["KINDS"].items():
        assert set(keys) <= {*livespec.COMMON, *livespec.KINDS[kind]}
    for key, (least, most, whole) in livespec.NUMBERS.items():
        field = found["FIELDS"].get(key)
        assert field is None or (least <= field["min"] and field["max"] <= most and (field["step"] == 1) == whole)
    assert tuple(found["FIELDS"]["sampler"]["choices"]) == livespec.SAMPLERS


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("text-to-image", {"prompt": "a & b=c #d + 100 % ü 🟥", "seed": 3}),
        ("guidance", {"scales": [1, 2.5, 8]}),
        ("steps", {"sampler": "dpm-solver", "eta": 0.5, "steps": 3}),
        ("negative-prompt", {"negative": "snow"}),
        ("text-to-image", {"prompt": ""}),
    ],
)
def test_an_address_says_what_differs_and_nothing_else(tmp_path, kind, changes):
    script = """
    const { spec, changes } = given, made = fragment(spec, { ...spec.request, ...changes });
    say({ made, back: fromFragment(new URL(made, "https://x.org/a?b#c").hash, spec), same: fragment(spec, spec.request),
          other: fromFragment(made, { ...spec, name: "cube" }) });
    """
    found = in_node(script, {"spec": spec(kind), "changes": changes}, tmp_path, from_kinds="fragment, fromFragment")
    assert found["made"].startswith("#live=ball&")
    assert (found["back"], found["same"], found["other"]) == (changes, "#live=ball", {})


def test_what_an_address_may_not_say_is_left_out(tmp_path):
    given = "#live=ball&scale=1e9&steps=2.5&seed=-1&sampler=constructor&eta=x&prompt=" + 500 * "a" + "&mask=1"
    found = in_node("say(fromFragment(...given));", [given, spec("steps")], tmp_path, from_kinds="fromFragment")
    assert found == {"prompt": 400 * "a"}
    for scales in ("", "1,2,3,4,5,6,7,8,9", "1,x", "99"):
        given = [f"#live=ball&scales={scales}", spec("guidance")]
        assert in_node("say(fromFragment(...given));", given, tmp_path, from_kinds="fromFragment") == {}


def test_a_png_says_how_it_was_drawn(tmp_path):
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    image.save(file := io.BytesIO(), format="PNG")
    parameters = {"prompt": 'a "red" ball, näive 🟥', "scales": [1, 2]}
    script = """
    const png = Uint8Array.from(atob(given.png), (letter) => letter.charCodeAt(0));
    const made = withTexts(png, { Source: "https://example.org/x", parameters: asciiJson(given.parameters) });
    say(btoa(String.fromCharCode(...made)));
    """
    given = {"png": base64.b64encode(file.getvalue()).decode(), "parameters": parameters}
    made = base64.b64decode(in_node(script, given, tmp_path, from_pngfile="withTexts, asciiJson"))
    Image.open(io.BytesIO(made)).verify()  # checks the sums of all chunks
    found = Image.open(io.BytesIO(made))
    found.load()
    assert found.text["Source"] == "https://example.org/x"
    assert json.loads(found.text["parameters"]) == parameters
    assert (np.asarray(found) == np.asarray(image)).all()


def test_pictures_go_to_a_canvas_and_back(tmp_path):
    script = """
    const bytes = Uint8ClampedArray.from(given.bytes), map = f32([0, 1, 2, 4]), small = { height: 2, width: 2 };
    say({ back: rgba(planes(bytes)), mask: painted(bytes), large: enlarged(map, small, { height: 4, width: 6 }),
          lit: lit(f32([1, 1, 1, 1]), map), covered: covered(f32([1, 1, 0, 0, 0, 0]), f32([1, 0]), [0, 1, 1]),
          mean: meanMap([f32([9, 9, 1, 2, 3, 4]), f32([9, 9, 3, 4, 5, 6])], [1, 2], 2) });
    """
    given = {"bytes": [0, 1, 254, 255, 30, 128, 255, 255]}
    modules = {"from_pictures": "rgba, planes, painted, enlarged, lit, covered, meanMap"}
    found = in_node(script, given, tmp_path, **modules)
    assert (found["back"], found["mask"]) == (given["bytes"], [1, 1])
    assert np.reshape(found["large"], (4, 6)).tolist() == [[0] * 3 + [1] * 3] * 2 + [[2] * 3 + [4] * 3] * 2
    assert np.allclose(found["lit"], [0.2, 0.4, 0.6, 1])
    assert np.allclose(found["covered"], [0.45, 1, 0.55, 0, 0.55, 0])
    assert np.allclose(found["mean"], [(1 + 3 + 3 + 5) / 4, (2 + 4 + 4 + 6) / 4])
