import base64
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from shutil import which

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from postkit.slider import slider
from postkit.style import use_style

HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;\u2028"


def squares(count=3, size=8):
    return [np.full((size, size, 3), 40 * i, dtype=np.uint8) for i in range(count)]


def make(frames=None, **options):
    frames = squares() if frames is None else frames
    given = {"labels": [f"n = {i}" for i in range(len(frames))], "name": "size", "alt": "grey squares"} | options
    return slider(frames, **given)


def line_figure(phase):
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.plot(np.sin(np.arange(50) / 8 + phase))
    return figure


class Elements(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def data_of(html):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html)[1])


def decode(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))


def test_static_html_is_one_image_with_alt_text_and_no_controls():
    elements = Elements(make(start=1).html).found
    assert [tag for tag, _ in elements] == ["div", "style", "img", "script", "script"]
    image = elements[2][1]
    assert image["alt"] == "grey squares (n = 1)"
    assert decode(image["src"]).getpixel((0, 0)) == (40, 40, 40)


def test_every_frame_is_embedded_once():
    data = data_of(make(start=1).html)
    assert data["frames"][1] is None  # the image has it
    assert [decode(data["frames"][i]).getpixel((0, 0))[0] for i in (0, 2)] == [0, 80]


def test_hostile_texts_stay_data():
    html = make(labels=[HOSTILE] * 3, name=HOSTILE, alt=HOSTILE).html
    elements = Elements(html).found
    assert [tag for tag, _ in elements] == ["div", "style", "img", "script", "script"]
    assert set(elements[2][1]) == {"src", "alt", "width", "height", "loading", "style"}
    assert data_of(html)["labels"] == [HOSTILE] * 3
    assert re.fullmatch(r"slider-[a-z0-9-]+", elements[0][1]["id"])


def test_ids_derive_from_the_name_and_do_not_clash():
    ids = [
        Elements(make(name=name).html).found[0][1]["id"] for name in ("size", "Size", "size!", "数", "size-a", "size a")
    ]
    assert ids[0] == "slider-size"
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("frames", [squares(), [line_figure(i) for i in range(3)]])
def test_html_has_no_blank_or_indented_lines(frames):
    html = make(frames).html
    assert all(line and not line.startswith((" ", "\t")) for line in html.split("\n"))


def test_mime_bundle_has_html_the_still_and_text():
    bundle = make(start=-1)._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/png", "text/plain"}
    assert decode(bundle["image/png"]).getpixel((0, 0)) == (80, 80, 80)
    assert bundle["text/plain"] == "Slider('size', 3 frames, n = 0 to n = 2)"


def test_same_data_same_bytes():
    assert make([line_figure(0), line_figure(1)]).html == make([line_figure(0), line_figure(1)]).html
    png = make([line_figure(0)]).still
    assert b"Software" not in png
    assert b"tEXt" not in png


def test_figures_are_drawn_at_2x_transparent_and_closed():
    with plt.rc_context():
        use_style()
        figure, axes = plt.subplots(figsize=(3, 2))
        axes.plot([0, 1])
        shown = make([figure])
    assert not plt.fignum_exists(figure.number)
    image = decode("data:image/png;base64," + shown._repr_mimebundle_()["image/png"])
    assert image.size == (600, 400)
    assert image.convert("RGBA").getpixel((0, 0))[3] == 0
    assert 'width="300" height="200"' in shown.html


def test_colour_mapped_figures_keep_all_their_colours():
    figure = Figure(figsize=(3, 2))
    figure.subplots().imshow(np.random.default_rng(0).random((60, 90)), cmap="viridis")
    assert Image.open(io.BytesIO(make([figure]).still)).mode == "RGBA"


def test_all_kinds_of_frames_agree():
    exact = np.array([[0, 51], [102, 255]], dtype=np.uint8)
    kinds = [exact, exact / 255, (exact / 255).astype(np.float32), Image.fromarray(exact)]
    assert len({make([kind]).still for kind in kinds}) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": []}, "frames is empty"),
        ({"labels": ["a"]}, "1 labels for 3 frames"),
        ({"name": " "}, "name is ' '"),
        ({"alt": ""}, "alt is ''"),
        ({"start": 3}, "start is 3; legal: -3 to 2"),
        ({"start": -4}, "start is -4"),
        ({"width": 0}, "width is 0"),
        ({"interval_ms": 10}, "interval_ms is 10"),
        ({"frames": [np.full((2, 2), 1.5)]}, r"frame 0 has the value 1.5; floats must lie in \[0, 1\]"),
        ({"frames": [np.zeros((2, 2)), np.full((2, 2), -0.25)]}, "frame 1 has the value -0.25"),
        ({"frames": [np.full((2, 2), np.nan)]}, "frame 0 has the value nan"),
        ({"frames": [np.zeros((2, 2), dtype=int)]}, "frame 0 has dtype int64; legal are uint8 and floats"),
        ({"frames": [np.zeros((2, 2, 4))]}, r"frame 0 has shape \(2, 2, 4\); legal are"),
        ({"frames": [np.zeros((0, 2))]}, "not empty"),
        ({"frames": [*squares(2), np.zeros((4, 8))]}, "frame 2 is 8x4 pixels, but frame 0 is 8x8"),
    ],
)
def test_errors_name_the_value_and_what_is_legal(change, message):
    with pytest.raises(ValueError, match=message):
        make(**change)


def test_heavy_frames_warn_with_the_way_out():
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    with pytest.warns(UserWarning, match=r"'size': 3 frames weigh 3\.2 MB .* use fewer frames"):
        make([noise, noise, noise])


def test_imports_neither_torch_nor_our_other_packages():
    code = (
        "import sys, postkit.slider, postkit.table, postkit.provenance, postkit.style;"
        "print([n for n in ('torch', 'diffloop', 'tinyworld', 'press') if n in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def page_says(tmp_path, body, script, *flags):
    """Open `body` in a browser, run `script`, and return what it wrote to the page's title."""
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><meta charset='utf-8'><title></title>{body}<script>{script}</script>")
    command = [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    return json.loads(re.search(r"<title>(.*?)</title>", dom)[1].replace("&lt;", "<").replace("&gt;", ">"))


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")
class TestInABrowser:
    def test_moving_one_slider_changes_its_frame_and_no_other(self, tmp_path):
        body = make().html + make(name="other <b>", labels=["a", "b", "<c>"]).html
        script = """
        var ranges = document.querySelectorAll("input[type=range]");
        ranges[1].value = 2; ranges[1].dispatchEvent(new Event("input"));
        document.title = JSON.stringify([].map.call(document.querySelectorAll(".postkit-slider"), function (s) {
          var r = s.querySelector("input"), i = s.querySelector("img");
          return [r.value, r.getAttribute("aria-label"), r.getAttribute("aria-valuetext"),
                  s.querySelector("output").textContent, i.alt, i.src.length > 99];
        }).concat([ranges[0].id !== ranges[1].id, document.querySelectorAll("[onerror], b").length]));
        """
        first, second, ids_differ, injected = page_says(tmp_path, body, script)
        assert first == ["0", "size", "n = 0", "n = 0", "grey squares (n = 0)", True]
        assert second == ["2", "other <b>", "<c>", "<c>", "grey squares (<c>)", True]
        assert ids_differ
        assert injected == 0

    def test_the_image_really_is_the_frame(self, tmp_path):
        script = """
        var r = document.querySelector("input"); r.value = 2; r.dispatchEvent(new Event("input"));
        document.title = JSON.stringify(document.querySelector("img").src);
        """
        assert decode(page_says(tmp_path, make().html, script)).getpixel((0, 0)) == (80, 80, 80)

    def test_play_runs_to_the_end_and_stops(self, tmp_path):
        script = """
        var b = document.querySelector("button"), said = [b.textContent]; b.click(); said.push(b.textContent);
        setTimeout(function () {
          said.push(b.textContent, document.querySelector("input").value);
          document.title = JSON.stringify(said); }, 900);
        """
        said = page_says(tmp_path, make(squares(5), interval_ms=50).html, script, "--virtual-time-budget=4000")
        assert said == ["▶ Play", "❚❚ Pause", "▶ Play", "4"]

    def test_reduced_motion_steps_instead_of_playing(self, tmp_path):
        script = """
        var b = document.querySelector("button"), said = [b.textContent]; b.click();
        setTimeout(function () {
          said.push(b.textContent, document.querySelector("input").value);
          document.title = JSON.stringify(said); }, 500);
        """
        flags = ("--virtual-time-budget=4000", "--force-prefers-reduced-motion")
        assert page_says(tmp_path, make(squares(5), interval_ms=50).html, script, *flags) == ["Next", "Next", "1"]
