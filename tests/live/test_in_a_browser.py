"""A caption typed into a page, from a plain file server, in a real browser: the canvas is text_to_image's picture."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from diffloop.text_to_image import text_to_image

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
