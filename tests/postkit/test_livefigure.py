"""Live figures: what a notebook shows, what the site is told, and what is refused."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from postkit.livefigure import live
from postkit.livespec import KINDS, MIME, fault
from press.renderer import livemodels
from press.shared.harmless import active

STILL = np.linspace(0, 1, 64 * 48 * 3).reshape(64, 48, 3)
MASK = np.zeros((64, 48), bool)
MASK[10:20, 8:40] = True
EXTRA = {  # what a kind needs beside what all have
    "guidance": {"still": [STILL, 1 - STILL], "scales": [1, 7.5]},
    "image-to-image": {"strength": 0.6, "image": STILL},
    "inpaint": {"strength": 1.0, "image": STILL, "mask": MASK},
    "diffedit": {"strength": 0.5, "image": STILL, "source": "a ball", "n": 10},
}


def make(kind="text-to-image", **changes):
    settings = {"name": "ball", "alt": "A ball.", "prompt": "a red ball", "scale": 4.0, "steps": 10, "seed": 7}
    settings |= {"still": STILL, **EXTRA.get(kind, {}), **changes}
    return live(kind, settings.pop("still"), **settings)


def opened(data: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.removeprefix("data:image/png;base64,")))))


def test_a_notebook_shows_the_still_and_the_site_is_told_how_it_was_drawn():
    bundle = make(unet="models/tiny-web")._repr_mimebundle_()
    assert set(bundle) == {MIME, "image/png", "text/plain"}
    shown = opened(bundle["image/png"])
    assert shown.shape == (5 * 64, 5 * 48, 3)  # enlarged with hard edges, to be seen without a script
    assert np.abs(shown[::5, ::5] / 255 - STILL).max() <= 0.5 / 255 + 1e-9
    assert (shown == shown[::5, ::5].repeat(5, 0).repeat(5, 1)).all()
    spec = json.loads(json.dumps(bundle[MIME]))
    assert spec["size"] == {"height": 64, "width": 48}
    assert spec["request"] == {
        "prompt": "a red ball", "negative": "", "scale": 4.0, "steps": 10, "seed": 7, "sampler": "ddim", "eta": 0.0,
        "unet": "tiny-web",
    }  # fmt: skip


def test_without_a_model_for_readers_there_is_a_still_alone():
    assert set(make(model=None)._repr_mimebundle_()) == {"image/png", "text/plain"}
    with pytest.raises(ValueError, match="name is 'B'"):
        make(model=None, name="B")


def test_a_row_of_scales_is_one_still():
    figure = make("guidance")
    shown = opened(figure._repr_mimebundle_()["image/png"])[::5, ::5]
    assert np.abs(shown / 255 - np.concatenate([STILL, 1 - STILL], 1)).max() <= 0.5 / 255 + 1e-9
    assert (figure.spec["request"]["scales"], figure.spec["size"]) == ([1, 7.5], {"height": 64, "width": 48})


def test_the_site_is_given_the_picture_and_the_mask():
    spec = make("inpaint").spec
    assert np.abs(opened(spec["image"]) / 255 - STILL).max() <= 0.5 / 255 + 1e-9
    assert (opened(spec["mask"]) == 255 * MASK).all()


def test_the_press_knows_the_checkpoint():
    assert livemodels.library_of(make().spec) == "live:models/tiny"
    assert livemodels.library_of(make(unet="models/tiny-web").spec) == "live:models/tiny:models/tiny-web"


@pytest.mark.parametrize("kind", KINDS)
def test_a_cache_may_hold_a_figure_of_each_kind(kind):
    data = json.loads(json.dumps(make(kind)._repr_mimebundle_()))
    assert active({"output_type": "display_data", "data": data, "metadata": {}}, raw=False) == ""


@pytest.mark.parametrize(
    ("kind", "change", "what"),
    [
        ("text-to-image", {"extra": "<script>"}, "the description has"),
        ("text-to-image", {"kind": "__proto__"}, "kind is '__proto__'"),
        ("text-to-image", {"name": "a'b"}, "name is"),
        ("text-to-image", {"model": "../../etc"}, "model is"),
        ("text-to-image", {"request": None}, "no description"),
        ("text-to-image", {"size": {"height": 10**9, "width": 1}}, "size is"),
        ("inpaint", {"image": "https://example.org/x.png"}, "image is not a PNG"),
        ("inpaint", {"mask": "data:image/svg+xml;base64,AAAA"}, "mask is not a PNG"),
    ],
)
def test_a_cache_may_hold_nothing_else(kind, change, what):
    spec = make(kind).spec | change
    assert what in fault(spec)
    assert active({"output_type": "display_data", "data": {MIME: spec}, "metadata": {}}, raw=False) == (
        f"{MIME}: {fault(spec)[:200]}"
    )


@pytest.mark.parametrize("value", [None, [], "text", 3, {"kind": ["guidance"], "request": {}}])
def test_whatever_else_is_no_description(value):
    assert fault(value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "film"}, "kind is 'film'; choose one of 'text-to-image', 'guidance'"),
        ({"name": "A ball"}, "name is 'A ball'; it must be lower-case letters"),
        ({"name": ""}, "name is ''"),
        ({"alt": " "}, "alt is ' '; describe"),
        ({"sampler": "euler"}, "sampler is 'euler'; choose one of 'ddim'"),
        ({"scale": float("nan")}, "scale is nan; it must be a number from 0 to 50"),
        ({"steps": 0}, "steps is 0; it must be a whole number from 1 to 1000"),
        ({"steps": 2.5}, "steps is 2.5; it must be a whole number"),
        ({"seed": 2**32}, "seed is 4294967296; it must be a whole number from 0 to 4294967295"),
        ({"seed": True}, "seed is True"),
        ({"prompt": None}, "prompt is None; it must be a string"),
        ({"model": "/models/tiny"}, "model is '/models/tiny'; it must be a folder of the project"),
        ({"model": "a:b"}, "model is 'a:b'"),
        ({"unet": "../tiny-web"}, "unet is '../tiny-web'"),
        ({"still": np.zeros((4, 4, 2))}, "frame 0 has shape"),
        ({"strength": 0.5}, "the request has .*'strength'.*; it must have"),
        ({"image": STILL}, "the description has .*'image'.*; it must have"),
        ({"kind": "inpaint", "mask": None}, "the description has .*; it must have .*'mask'"),
        ({"kind": "inpaint", "image": STILL[:8]}, "image is 48x8 pixels; it must be 48x64"),
        ({"kind": "image-to-image", "strength": 1.1}, "strength is 1.1; it must be a number from 0 to 1"),
        ({"kind": "guidance", "scales": [1]}, "2 stills for 1 scales"),
        ({"kind": "guidance", "scales": []}, r"scales is \[\]; give one to 8"),
        ({"kind": "guidance", "scales": [1, 99]}, "scale is 99; it must be a number from 0 to 50"),
    ],
)
def test_errors_name_the_value_and_what_is_legal(change, message):
    with pytest.raises(ValueError, match=message):
        make(**change)
