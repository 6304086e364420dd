"""Live figures: what a notebook shows, what the site is told, and what is refused."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from postkit.livefigure import MIME, live
from press.renderer import livemodels

STILL = np.linspace(0, 1, 64 * 48 * 3).reshape(64, 48, 3)


def make(still=STILL, **changes):
    settings = {"name": "ball", "alt": "A ball.", "prompt": "a red ball", "scale": 4.0, "steps": 10, "seed": 7}
    return live(changes.pop("kind", "text-to-image"), still, **settings | changes)


def test_a_notebook_shows_the_still_and_the_site_is_told_how_it_was_drawn():
    bundle = make(unet="models/tiny-web")._repr_mimebundle_()
    assert set(bundle) == {MIME, "image/png", "text/plain"}
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))))
    assert np.abs(shown / 255 - STILL).max() <= 0.5 / 255 + 1e-9
    spec = json.loads(json.dumps(bundle[MIME]))
    assert spec["size"] == {"height": 64, "width": 48}
    assert spec["request"] == {
        "prompt": "a red ball", "negative": "", "scale": 4.0, "steps": 10, "seed": 7, "sampler": "ddim", "unet": "tiny-web",
    }  # fmt: skip


def test_the_press_knows_the_type_and_the_checkpoint():
    assert livemodels.MIME == MIME
    assert livemodels.library_of(make().spec) == "live:models/tiny"
    assert livemodels.library_of(make(unet="models/tiny-web").spec) == "live:models/tiny:models/tiny-web"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "film"}, "kind is 'film'; choose one of 'text-to-image'"),
        ({"name": "A ball"}, "name is 'A ball'; it must be lower-case letters"),
        ({"name": ""}, "name is ''"),
        ({"alt": " "}, "alt is ' '; describe"),
        ({"sampler": "euler"}, "sampler is 'euler'; choose one of 'ddim'"),
        ({"scale": float("nan")}, "scale, steps, seed are nan, 10, 7"),
        ({"steps": 0}, "scale, steps, seed are 4.0, 0, 7"),
        ({"seed": 2**32}, "scale, steps, seed are 4.0, 10, 4294967296"),
        ({"model": "/models/tiny"}, "model is '/models/tiny'; it must be a folder of the project"),
        ({"model": "a:b"}, "model is 'a:b'"),
        ({"unet": "../tiny-web"}, "unet is '../tiny-web'"),
        ({"still": np.zeros((4, 4, 2))}, "frame 0 has shape"),
    ],
)
def test_errors_name_the_value_and_what_is_legal(change, message):
    with pytest.raises(ValueError, match=message):
        make(**change)
