"""A caption typed into a page, from a plain file server, in a real browser: the canvas is text_to_image's picture."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

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


# Presses the button, waits, asks for another seed and caption, stops a long one.
PRESS = """async (doc, view) => {
  const until = async (what) => { while (!what()) await new Promise((done) => setTimeout(done, 20)); };
  await until(() => doc.querySelector(".live-begin"));
  const before = view.performance.getEntriesByType("resource").map((e) => e.name);
  doc.querySelector(".live-begin").click();
  await until(() => doc.querySelector("output"));
  const form = doc.querySelector("form"), said = doc.querySelector("output"), canvas = doc.querySelector("canvas");
  const drawn = async () => {
    await until(() => /^(Drawn|Stopped|It could)/.test(said.textContent));
    return { said: said.textContent, search: view.location.search,
             pixels: [...canvas.getContext("2d").getImageData(0, 0, 64, 64).data] };
  };
  const first = await drawn();
  form.elements.seed.value = 3, form.elements.prompt.value = "a <b>cube</b> & ball", said.textContent = "";
  form.requestSubmit();
  const second = await drawn();
  form.elements.steps.value = 100, said.textContent = "";
  form.requestSubmit();
  await until(() => /^Step/.test(said.textContent));
  form.requestSubmit();
  return { before, first, second, third: await drawn(), hidden: doc.querySelector(".still").hidden, injected: doc.querySelectorAll("b").length };
}"""


def test_a_live_figure_draws_what_the_post_drew_then_what_its_reader_asks(served, models, tmp_path):
    generator = torch.Generator().manual_seed(7)
    want = text_to_image(models, [CAPTION], steps=6, guidance_scale=4.0, generator=generator)[0]
    settings = {"prompt": CAPTION, "steps": 6, "scale": 4.0, "seed": 7, "name": "cone", "alt": "A cone."}
    bundle = live("text-to-image", want.permute(1, 2, 0), **settings)._repr_mimebundle_()
    still = f'<img alt="A cone." src="data:image/png;base64,{bundle["image/png"]}" width="64" height="64">'
    shutil.copytree(served.parent, tmp_path / "live", ignore=shutil.ignore_patterns("kept"))
    script = f'<script src="live/{served.name}/start.js" defer></script>'
    body = element(drawn(bundle, {}), still)
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    (tmp_path / "page.html").write_text(f"<!DOCTYPE html><html><head>{head}{script}</head><body>{body}</body></html>")
    problems, answers = look(tmp_path, ["page.html"], widths=(320,), extra=PRESS)
    assert problems == []
    answer = answers["page.html"]
    assert [name.rpartition("/")[2] for name in answer["before"] if "/live/" in name] == ["start.js"]
    assert answer["first"]["said"].startswith("Drawn in your browser, on its processor.")
    assert answer["first"]["search"] == ""
    got = torch.tensor(answer["first"]["pixels"]).reshape(64, 64, 4)[:, :, :3].permute(2, 0, 1) / 255
    assert (got - want).abs().mean() < 1 / 255
    assert "seed%3D3" in answer["second"]["search"]
    assert answer["second"]["pixels"] != answer["first"]["pixels"]
    assert answer["third"]["said"] == "Stopped."
    assert (answer["hidden"], answer["injected"]) == (True, 0)
