"""A caption typed into a page, from a plain file server, in a real browser: the canvas is text_to_image's picture."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from diffloop.diffedit import diffedit
from diffloop.image_to_image import image_to_image
from diffloop.inpainting import inpaint
from diffloop.text_to_image import text_to_image
from postkit.livefigure import live
from press.renderer.interactive import drawn, element

from ..site.browser import look, needs_chrome

pytestmark = [needs_chrome, pytest.mark.slow]
CAPTION = "a small green cone on sand"
# Types the caption, draws twice, and reports the canvas and what was sent.
TYPE = """async (doc, view) => {
  const form = doc.querySelector("form"), said = doc.querySelector("output"), before = view.performance.getEntriesByType("resource").map((e) => e.name);
  while (!form.onsubmit) await new Promise((done) => setTimeout(done, 20));
  const draw = async (seed) => {
    form.elements.prompt.value = CAPTION, form.elements.seed.value = seed;
    said.textContent = "";
    form.requestSubmit();
    while (!/^(done|failed)/.test(said.textContent)) await new Promise((done) => setTimeout(done, 20));
    const canvas = doc.querySelector("canvas");
    return { said: said.textContent, ms: view.took, pixels: [...canvas.getContext("2d").getImageData(0, 0, 64, 64).data] };
  };
  return { before, first: await draw(7), second: await draw(3), isolated: view.crossOriginIsolated };
}""".replace("CAPTION", repr(CAPTION))


@pytest.fixture(scope="module")
def seen(served, tmp_path_factory):
    """(what is wrong with the page, what it answered)."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(served.parent, site / "live", ignore=shutil.ignore_patterns("kept"))
    shutil.copy(Path(__file__).with_name("page.html"), site / "page.html")
    page = f"page.html?live=live/{served.name}/"
    problems, answers = look(site, [page], widths=(800,), extra=TYPE)
    return problems, answers[page]


def test_nothing_fails_is_missing_or_asked_of_others(seen):
    assert seen[0] == []


def test_no_network_is_loaded_before_the_reader_asks(seen):
    assert not [name for name in seen[1]["before"] if name.endswith((".onnx", ".wasm")) or "manifest" in name]


@pytest.mark.parametrize(("which", "seed"), [("first", 7), ("second", 3)])
def test_the_canvas_shows_the_picture_of_text_to_image(seen, models, which, seed):
    answer = seen[1][which]
    assert answer["said"] == "done"
    got = torch.tensor(answer["pixels"]).reshape(64, 64, 4)[:, :, :3].permute(2, 0, 1) / 255
    generator = torch.Generator().manual_seed(seed)
    want = text_to_image(models, [CAPTION], steps=10, guidance_scale=4.0, generator=generator)[0]
    assert (got - want).abs().mean() < 1 / 255
    assert (got - want).abs().max() < 4 / 255


IMAGE = torch.full((1, 3, 64, 64), 64 / 255)
IMAGE[:, 0, 20:44, 24:48] = 230 / 255
MASK = torch.zeros(1, 1, 64, 64)
MASK[:, :, 16:48, 16:52] = 1
# What the scripts below use: a figure by its number, its button pressed, what it says and shows when it is done.
HELP = """
const until = async (what) => { while (!what()) await new Promise((done) => setTimeout(done, 20)); };
const places = [...doc.querySelectorAll(".interactive")];
await until(() => doc.querySelectorAll(".live-begin").length === places.length);
const done = async (place) => {
  const said = place.querySelector(".said");
  await until(() => /^(Drawn|Stopped|It could|The mask is)/.test(said.textContent));
  const pixels = [...place.querySelectorAll(".live-figure .pictures")].map((row) =>
    [...row.querySelectorAll("canvas")].map((c) => [...c.getContext("2d").getImageData(0, 0, 64, 64).data]));
  return { said: said.textContent, hash: view.location.hash, pixels, wide: doc.documentElement.scrollWidth > doc.documentElement.clientWidth + 1 };
};
const begin = async (place) => {
  place.querySelector(".live-begin").click();
  await until(() => place.querySelector(".said"));
  return done(place);
};
const press = (element, key) => element.dispatchEvent(new view.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const names = () => view.performance.getEntriesByType("resource").map((entry) => entry.name);
"""
ONE = """async (doc, view) => {
HELP
  let workers = 0;
  const Plain = view.Worker;
  view.Worker = class extends Plain { constructor(...all) { super(...all), (workers += 1); } };
  const before = names(), button = doc.querySelector(".live-begin").textContent, place = places[0], first = await begin(place);
  const form = place.querySelector("form"), said = place.querySelector(".said"), field = (name) => form.elements[name];
  const words = [...place.querySelectorAll(".words button")], shown = () => [...place.querySelector(".pictures canvas").getContext("2d").getImageData(0, 0, 64, 64).data];
  words.find((word) => word.textContent === "cone").dispatchEvent(new view.PointerEvent("pointerenter"));
  const lit = shown();
  words[0].dispatchEvent(new view.PointerEvent("pointerleave"));
  const unlit = shown(), details = place.querySelector("details:has(.strip)");
  details.open = true;
  await until(() => [...details.querySelectorAll("canvas")].length === 12 && [...details.querySelectorAll("canvas")].pop().width === 64);
  const made = [];
  view.URL.createObjectURL = (blob) => (made.push(blob), "#");
  [...form.querySelectorAll("button")].find((one) => one.textContent === "Save the picture").click();
  await until(() => made.length);
  const png = [...new Uint8Array(await made[0].arrayBuffer())];
  field("seed").value = 3, field("prompt").value = "a <b>cube</b> & ball", said.textContent = "";
  press(field("seed"), "Enter");
  const second = await done(place);
  field("steps").value = 100, said.textContent = "";
  press(field("steps"), "Enter");
  await until(() => /^Step/.test(place.querySelector(".step").textContent));
  press(field("prompt"), "Escape");
  const third = await done(place), other = await begin(places[1]);
  field("seed").value = -1, said.textContent = "";
  form.requestSubmit();
  await until(() => /must be/.test(said.textContent));
  const wrong = said.textContent;
  [...form.querySelectorAll("button")].find((one) => one.textContent.startsWith("Same as")).click();
  await until(() => /^Drawn/.test(said.textContent));
  return { before, button, first, lit, unlit, png, second, third, other, wrong, again: await done(place), workers, injected: doc.querySelectorAll("b").length };
}""".replace("HELP", HELP)
ALL = """async (doc, view) => {
HELP
  const buttons = [...doc.querySelectorAll(".live-begin")].map((one) => one.textContent), found = [];
  for (const place of places) found.push(await begin(place));
  const place = places[2], said = place.querySelector(".said"), board = place.querySelector(".board");
  const again = () => ((said.textContent = ""), place.querySelector("form").requestSubmit(), done(place));
  [...place.querySelectorAll(".easel button")].find((one) => one.textContent === "Clear").click();
  const empty = await again();
  press(board, "ArrowLeft"), press(board, " ");
  return { buttons, found, empty, marked: await again() };
}""".replace("HELP", HELP)


def page_of(figures, served: Path, site: Path) -> None:
    """A page of live figures, in `site`."""
    shutil.copytree(served.parent, site / "live", ignore=shutil.ignore_patterns("kept"))
    body = ""
    for figure in figures:
        bundle = figure._repr_mimebundle_()
        still = f'<img alt="" src="data:image/png;base64,{bundle["image/png"]}" style="max-width: 100%">'
        body += element(drawn(bundle, {}), still)
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head += f'<script src="live/{served.name}/start.js" defer></script>'
    (site / "page.html").write_text(f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>")


def seeded(seed=7):
    return torch.Generator().manual_seed(seed)


def shown(images):
    return images[0].permute(1, 2, 0)


def close(pixels, want) -> None:
    got = torch.tensor(pixels).reshape(64, 64, 4)[:, :, :3].permute(2, 0, 1) / 255
    assert (got - want[0]).abs().mean() < 1 / 255
    assert (got - want[0]).abs().max() < 6 / 255


def test_a_live_figure_draws_what_the_post_drew_then_what_its_reader_asks(served, models, tmp_path):
    want = text_to_image(models, [CAPTION], steps=6, guidance_scale=4.0, generator=seeded())
    settings = {"prompt": CAPTION, "steps": 6, "scale": 4.0, "seed": 7, "alt": "A cone."}
    page_of([live("text-to-image", shown(want), name=name, **settings) for name in ("cone", "two")], served, tmp_path)
    problems, answers = look(tmp_path, ["page.html"], widths=(320,), extra=ONE)
    assert problems == []
    answer = answers["page.html"]
    assert [name.rpartition("/")[2] for name in answer["before"] if "/live/" in name] == ["start.js", "live.css"]
    assert re.fullmatch(r"Draw it here, with other settings \(\d\d MB, once\)", answer["button"])
    assert answer["first"]["said"] == "Drawn in your browser, on its processor."
    assert (answer["first"]["hash"], answer["first"]["wide"]) == ("", False)
    close(answer["first"]["pixels"][0][0], want)
    close(answer["other"]["pixels"][0][0], want)
    assert answer["unlit"] == answer["first"]["pixels"][0][0] != answer["lit"]
    assert answer["second"]["hash"] == "#live=cone&prompt=a+%3Cb%3Ecube%3C%2Fb%3E+%26+ball&seed=3"
    assert answer["second"]["pixels"] != answer["first"]["pixels"]
    assert answer["third"]["said"] == "Stopped."
    assert answer["wrong"] == "Seed is “-1”; it must be a whole number from 0 to 4294967295."
    assert (answer["again"]["pixels"][0], answer["again"]["hash"]) == (answer["first"]["pixels"][0], "")
    assert answer["injected"] == 0
    assert answer["workers"] == 1  # one engine, for both figures
    png = Image.open(io.BytesIO(bytes(answer["png"])))
    said = json.loads(png.text["parameters"])
    assert {key: said[key] for key in ("kind", "model", "prompt", "seed")} == {
        "kind": "text-to-image", "model": "models/tiny", "prompt": CAPTION, "seed": 7,
    }  # fmt: skip
    close(np.asarray(png.convert("RGBA")).ravel().tolist(), want)


def test_what_needs_a_picture_starts_from_the_figures_own(served, models, tmp_path):
    how = {"steps": 6, "guidance_scale": 4.0}
    settings = {"prompt": CAPTION, "steps": 6, "scale": 4.0, "seed": 7, "alt": "A cone."}
    row = [text_to_image(models, [CAPTION], **how | {"guidance_scale": s}, generator=seeded(8)) for s in (1.0, 6.0)]
    redrawn = image_to_image(models, IMAGE, [CAPTION], strength=0.5, **how, generator=seeded())
    filled = inpaint(models, IMAGE, MASK, [CAPTION], **how, generator=seeded())
    edit = {"n": 2, "strength": 0.5}
    edited, mask = diffedit(models, IMAGE, ["a cube"], [CAPTION], **edit, **how, generator=seeded())
    own = {"image": shown(IMAGE), **settings}
    figures = [
        live("guidance", [shown(one) for one in row], name="guidance", scales=[1, 6], **settings),
        live("image-to-image", shown(redrawn), name="image", strength=0.5, **own),
        live("inpaint", shown(filled), name="inpaint", strength=1.0, mask=MASK[0, 0], **own),
        live("diffedit", shown(edited), name="edit", source="a cube", **edit, **own),
    ]
    page_of(figures, served, tmp_path)
    page = "page.html#live=guidance&seed=8"  # the build's has seed 7
    problems, answers = look(tmp_path, [page], widths=(320,), extra=ALL)
    assert problems == []
    found = answers[page]["found"]
    assert [one.startswith("Draw what the address says") for one in answers[page]["buttons"]] == [
        True,
        False,
        False,
        False,
    ]
    assert found[0]["hash"] == "#live=guidance&seed=8"
    assert [one["said"] for one in found] == 4 * ["Drawn in your browser, on its processor."]
    assert not any(one["wide"] for one in found)
    for pixels, want in zip(found[0]["pixels"][0], row, strict=True):
        close(pixels, want)
    for answer, want in zip(found[1:], (redrawn, filled, edited), strict=True):
        close(answer["pixels"][0][0], want)
    assert answers[page]["empty"]["said"] == "The mask is empty: paint over what is to be redrawn."
    marked = torch.tensor(answers[page]["marked"]["pixels"][0][0]).reshape(64, 64, 4)[:, :, :3].permute(2, 0, 1) / 255
    y, x = ((marked - IMAGE[0]).abs().sum(0) > 2 / 255).nonzero().T
    assert 27 <= y.min() < y.max() <= 36  # a disc of radius 5 about (30, 32)
    assert 25 <= x.min() < x.max() <= 34
    over = torch.tensor(found[3]["pixels"][1][0]).reshape(64, 64, 4)[::4, ::4, :3] / 255
    touched = (over - IMAGE[0, :, ::4, ::4].permute(1, 2, 0)).abs().sum(2) > 0.1
    assert (touched != mask[0].bool()).sum() <= 1  # a tie, as in test_engine
