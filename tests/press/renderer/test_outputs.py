"""Outputs: what is data stays data, what the author's code made is shown, pictures become files."""

from __future__ import annotations

import base64
import json
import random

import numpy as np
import pytest
from PIL import Image

from postkit.slider import slider
from press.renderer import outputs

from .builder import code, display, html, md, picture, plain, png, stream
from .conftest import words

HOSTILE = "\n".join(
    [
        "</code></pre><script>alert(1)</script>",
        "::: {.callout-note}",
        "````````` ```{=html}",
        "<b>bold</b> &amp; {{< meta title >}} {{< video x >}}",
        "---",
        "title: stolen",
        "---",
        "~~~~~",
        "::::::::::::",
        "$$ x $$ {#eq-x} @fig-none [@nobody] # <1> $body$ <!--press-listing-->",
        "![](evil.png)",
        "\x00\x1b[31mred\x1b[0m \ufffe",
    ]
)


@pytest.mark.parametrize("make", [stream, plain, lambda t: stream(t, "stderr")], ids=["stdout", "result", "stderr"])
def test_hostile_text_stays_text(project, make):
    main = project.render(code("print(x)", make(HOSTILE)), md("After."))
    (block,) = main.xpath(".//div[contains(@class,'cell-output')]/pre/code")
    shown = block.text_content()
    for line in HOSTILE.split("\n")[:-1]:
        assert line in shown
    assert "red" in shown
    assert "\x1b" not in shown
    assert "[31m" not in shown
    assert not main.xpath(".//script | .//b | .//*[contains(@class,'callout')]")
    assert {child.get("class") for child in block} <= {"ansi-fg-1"}, "no element within but the colour"
    assert words(main[-1]) == "After.", "the text after the output is outside of it"
    assert project.page().findtext(".//title").startswith("A post")


def test_hostile_error_stays_text(project):
    error = {"output_type": "error", "ename": "E", "evalue": HOSTILE, "traceback": [HOSTILE]}
    main = project.render(code("fail()", error))
    assert (
        "<script>alert(1)</script>" in main.xpath(".//div[contains(@class,'cell-output-error')]/pre")[0].text_content()
    )


def test_hostile_source_and_markdown_output(project):
    main = project.render(
        code(
            "x = '''\n:::\n````\n</script>\n'''",
            display({"text/markdown": ":::\n:::::::::::::\n*made*\n\n::: {.k}\nx"}),
        ),
        md("After."),
    )
    assert "</script>" in main.find_class("cell-code")[0].text_content()
    assert main.xpath(".//em")[0].text == "made"
    assert words(main[-1]) == "After."


def test_html_passes_through_and_custom_types_are_ignored(project):
    main = project.render(
        code(
            "claim()",
            display({"text/html": '<div class="claim"><i>ok</i></div>', "application/vnd.claim+json": {"a": 1}}),
        ),
        code("both()", display({"text/html": "<u>html wins</u>", "image/png": base64.b64encode(png()).decode()})),
        code("frame", html("<table class='dataframe'><tr><td>````\n:::</td></tr></table>")),
    )
    assert main.xpath(".//div[@class='claim']/i")[0].text == "ok"
    assert main.xpath(".//u")
    assert not main.xpath(".//img")
    assert "```" in main.xpath(".//table[@class='dataframe']//td")[0].text


def test_images_latex_and_svg(project):
    main = project.render(
        code("a", picture(80, 60, **{"image/png": {"width": 40, "height": 30}})),
        code("b", display({"image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg'/>", "text/plain": "x"})),
        code("c", display({"text/latex": "$\\displaystyle x^2$", "text/plain": "x**2"})),
        code("d", picture(), plain("<matplotlib.image.AxesImage at 0x7f>"), plain("[<Axes: >]"), plain("kept")),
    )
    images = main.xpath(".//img")
    assert (images[0].get("width"), images[0].get("height")) == ("40", "30")
    assert images[1].get("src") == "index_files/figure-html/cell-3-output-1.svg"
    assert (project.out / "posts/x" / images[1].get("src")).read_text().startswith("<svg")
    assert main.xpath(".//math//msup")
    text = main.text_content()
    assert "matplotlib" not in text
    assert "Axes" not in text
    assert "kept" in text


def test_pictures_within_html_become_files(project):
    data = random.Random(0).randbytes(3100)
    inside = f'<img alt="a" src="data:image/png;base64,{base64.b64encode(data).decode()}">'
    script = f"<script>const kept = '{inside[:40]}{inside[40:]}'.length, data = \"{inside[18:-1]}\"</script>"
    main = project.render(code("draw()", html(f"<p>{inside}</p>{script}")))
    (image,) = main.xpath(".//p/img")
    assert (project.out / "posts/x" / image.get("src")).read_bytes() == data


def test_frames_of_a_slider_become_files(project):
    frames = [np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8) for i in range(3)]
    shown = slider(frames, labels=list("abc"), name="Noise", alt="Noise.", start=1)
    main = project.render(code("show()", html(shown._repr_mimebundle_()["text/html"])))
    told = json.loads(main.xpath("string(.//div[@class='postkit-slider']/script[1])"))
    (image,) = main.xpath(".//div[@class='postkit-slider']/img")
    names = [image.get("src") if name is None else name for name in told["frames"]]
    assert image.get("loading") == "lazy"
    for name, frame in zip(names, frames, strict=True):
        shown = np.asarray(Image.open(project.out / "posts/x" / name).convert("RGB"))
        assert np.array_equal(shown[:: len(shown) // 64, :: len(shown) // 64], frame)


def test_progress_bars_show_their_last_state(project):
    bar = stream("\r  0%|   | 0/2\r 50%|#  | 1/2", "stderr")
    rest = stream("\r100%|###| 2/2\n\x1b[32mdone\x1b[0m\r\n", "stderr")
    main = project.render(code("run()", bar, rest))
    assert main.xpath(".//div[contains(@class,'stderr')]/pre")[0].text_content().strip() == "100%|###| 2/2\ndone"


def test_pictures_are_numbered_after_every_piece_of_a_stream(project):
    main = project.render(code("run()", stream("a\n"), stream("b\n"), plain("<matplotlib.x>"), picture()))
    assert main.xpath(".//img/@src") == ["index_files/figure-html/cell-2-output-3.png"]


def test_plain_keeps_ordinary_text():
    assert outputs.plain("a\r\nb\n  c  \n") == "a\nb\n  c  \n"
    assert outputs.plain("") == ""
    assert outputs.fence("a ````` b").startswith("``````")


def test_cell_options(project):
    main = project.render(
        code("#| echo: false\nhidden_code()", stream("one")),
        code("#| output: false\nshown_code()", stream("never")),
        code("#| include: false\ngone()", stream("gone")),
        code("#| warning: false\nquiet()", stream("careful", "stderr"), stream("two")),
        code("#| output: asis\nprint('*x*')", stream("*asis* and $y$")),
        code("hidden()", stream("tagged away"), tags=["hide-code"]),
        code("#| code-fold: true\n#| code-summary: Look\nfolded()"),
        code("#| code-fold: show\nopen_fold()"),
        code("#| classes: mine\nclassy()"),
        code("#| column: margin\nplot()", picture()),
    )
    text = main.text_content()
    assert "hidden_code" not in text
    assert "one" in text
    assert "shown_code" in text
    assert "never" not in text
    assert "gone" not in text
    assert "careful" not in text
    assert "two" in text
    assert "hidden()" not in text
    assert "tagged away" in text
    assert main.xpath(".//em")[0].text == "asis"
    folds = main.xpath(".//details[@class='code-fold']")
    assert [words(f[0]) for f in folds] == ["Look", "Code"]
    assert [f.get("open") is not None for f in folds] == [False, True]
    assert main.find_class("mine")
    assert main.find_class("column-margin")


def test_document_wide_echo_and_fold(project):
    main = project.render(code("x = 1", stream("out")), front="title: A\nexecute:\n  echo: false")
    assert not main.find_class("sourceCode")
    assert "out" in main.text_content()
    main = project.render(
        code("x = 1"), md("```python\ny = 2\n```"), front="title: A\ncode-fold: true\ncode-summary: Show"
    )
    (fold,) = main.xpath(".//details[@class='code-fold']")
    assert words(fold[0]) == "Show", "cells fold; code in the text does not"
