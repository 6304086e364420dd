"""Previews and symbols in a real browser, from files: hover, keyboard focus, Escape, touch, and nothing without scripts."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import lxml.html
import pytest

from press.core.config import read_config
from press.renderer import render_site

from .builder import code, md, picture, write_post, write_site

CHROME = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
pytestmark = pytest.mark.skipif(CHROME is None, reason="no Chromium on PATH")
ROOT = Path(__file__).resolve().parents[3]

# Runs in the page: does what a reader does and leaves what the box then shows as JSON.
HELPERS = """
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const box = () => document.getElementById("press-hint");
const rect = (e) => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
const state = () => {
  const about = document.querySelector("[aria-describedby~=press-hint]");
  return box().hidden ? null : { text: box().innerText, html: box().innerHTML, box: rect(box()), about: about && rect(about), width: document.documentElement.clientWidth,
    active: box().querySelectorAll("a, button, input, script, [id], [onclick], [onerror]").length };
};
const hover = async (e, pointerType = "mouse") => {
  e.scrollIntoView({ block: "center", behavior: "instant" });
  e.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType }));
  await wait(500);
  const found = state();
  document.body.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType: "mouse" }));
  await wait(400);
  return found;
};
const focus = async (e) => { e.focus(); await wait(400); return state(); };
const key = async (name) => { document.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true })); await wait(50); return state(); };
const link = (part) => [...document.querySelectorAll("main a[href]")].find((a) => a.getAttribute("href").includes(part));
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Two posts, the real notation, and what an attacker might write."""
    root = write_site(tmp_path_factory.mktemp("hints"))
    for name in ("_quarto.yml",):
        path = root / name
        path.write_text(path.read_text().replace("search: true", "search: false"))
    (root / "NOTATION.md").write_text((ROOT / "NOTATION.md").read_text(encoding="utf-8"), encoding="utf-8")
    write_post(
        root,
        "alpha",
        'title: "The <b>first</b> post"\ndate: 2026-01-02\ncategories: [basics]\ndescription: "A start & more."',
        md("## Begin {#sec-begin}\n\nHello from *alpha*, where $x_t$ is noisy.\n\n$$\na = b\n$$ {#eq-a}"),
        code("#| label: fig-a\n#| fig-cap: Red\n#| fig-alt: A red square\nplot()", picture(200, 120)),
    )
    text = """
By @song2021, see @fig-one, @eq-step, @sec-two, @tbl-one; [there](../alpha/index.ipynb), [section](../alpha/index.ipynb#sec-begin),
[equation](../alpha/index.ipynb#eq-a), [figure](../alpha/index.ipynb#fig-a), [out](https://example.org/), [hostile](#evil).[^n]

[^n]: A *note*.

Inline $x_0$ and $T$ and $s$ and $z$ and $W^T$ and $w_s$ and $\\bar\\alpha_{t-1}$, again $x_0$.

$$
x_t = \\sqrt{\\bar\\alpha_t}\\, x_0 + \\sigma_t \\epsilon
$$ {#eq-step}

## Two {#sec-two}

Of the second section.

| a |
|---|
| 1 |

: A table {#tbl-one}

```{=html}
<div id="evil"><p onclick="x()">words<script>window.evil = 1</script><button>b</button><a id="y" href="#">link</a><img src="https://example.org/x.png" onerror="x()"></p></div>
```
"""
    write_post(
        root,
        "beta",
        "title: B\ndate: 2026-01-03",
        md(text),
        code(
            "#| label: fig-one\n#| fig-cap: Blue\n#| fig-alt: A blue square\n"
            "alphas_cumprod, guidance_scale, eps = 1, 2, 3\nplot()",
            picture(),
        ),
    )
    render_site(read_config(root), out=root / "_site", cache=root / ".cache")
    return root / "_site"


def act(site: Path, steps: str, width: int = 1280) -> dict[str, Any]:
    """What these steps find on the post's page."""
    page = site / "posts/beta/index.html"
    script = f"{HELPERS}\naddEventListener('load', async () => {{ await wait(300); const out = {{}};\n{steps}\n"
    script += "const pre = document.createElement('pre'); pre.id = 'found'; pre.textContent = JSON.stringify(out);"
    script += " document.body.append(pre); });"
    test = page.with_name("test.html")
    test.write_text(page.read_text(encoding="utf-8").replace("</body>", f"<script>{script}</script></body>"))
    command = [str(CHROME), "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},800"]
    command += [f"--user-data-dir={site.parent / f'profile{width}'}", "--virtual-time-budget=20000", "--dump-dom"]
    try:
        done = subprocess.run([*command, test.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    finally:
        test.unlink()
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match, done.stdout[-500:]
    return json.loads(html.unescape(match[1]))


def clear_of_the_link(state: dict[str, Any]) -> bool:
    left, top, right, bottom = state["box"]
    beside = top >= state["about"][3] or bottom <= state["about"][1]
    return beside and left >= 0 and right <= state["width"]


LINKS = {
    "cite": ("#ref-song2021", "Song"),
    "figure": ("#fig-one", "Figure\xa01: Blue"),
    "equation": ("#eq-step", "(1)"),
    "section": ("#sec-two", "Of the second section."),
    "table": ("#tbl-one", "A table"),
    "note": ("#fn1", "A note."),
    "page": ("alpha/index.html", "A start & more."),
    "far": ("#sec-begin", "Hello from alpha"),
    "formula": ("#eq-a", "\U0001d44e"),
    "far_figure": ("alpha/index.html#fig-a", "Red"),
}


@pytest.mark.parametrize("width", [1280, 500])  # a headless window can be no narrower
def test_links(site, width):
    steps = "".join(f"out.{n} = await hover(link({json.dumps(p)}));\n" for n, (p, _) in LINKS.items())
    steps += (
        "out.out = await hover(link('example.org')); out.evil = await hover(link('#evil')); out.window = window.evil;"
    )
    found = act(site, steps, width)
    for name, (_, text) in LINKS.items():
        assert found[name] is not None, name
        assert text in found[name]["text"].replace("\n", " ") or text in found[name]["text"], name
        assert found[name]["active"] == 0, "nothing in the box acts, or takes the focus"
        assert clear_of_the_link(found[name]), name
    assert "The first post" in found["page"]["text"]
    assert "annotation" not in found["formula"]["html"]
    assert re.search(
        r'<img src="file:[^"]*/alpha/index_files/figure-html/fig-a-output-1.png"', found["far_figure"]["html"]
    )
    assert found["out"] is None, "another site is not asked"
    assert found["evil"]["text"].startswith("words")
    assert found["evil"]["active"] == 0
    assert "example.org" not in found["evil"]["html"]


def test_keys(site):
    steps = """
    const a = link("#sec-two");
    out.open = await focus(a); out.described = a.getAttribute("aria-describedby"); out.role = box().getAttribute("role");
    out.closed = await key("Escape"); out.after = a.getAttribute("aria-describedby"); out.kept = document.activeElement === a;
    a.blur(); await focus(link("alpha/index.html")); document.activeElement.blur(); await wait(300); out.left = state();
    await wait(1500);
    const maths = [...document.querySelectorAll("main math")];
    const stops = maths.filter((m) => m.tabIndex === 0);
    out.stops = stops.map((m) => m.querySelector("annotation").textContent.trim());
    out.formula = await focus(stops[stops.length - 1]); out.gone = await key("Escape");
    """
    found = act(site, steps)
    assert "Of the second section." in found["open"]["text"]
    assert found["described"] == "press-hint"
    assert found["role"] == "tooltip"
    assert found["closed"] is None
    assert found["after"] is None
    assert found["kept"], "Escape leaves the focus where it is"
    assert found["left"] is None
    assert found["stops"][:4] == ["x_0", "T", "s", r"\bar\alpha_{t-1}"], "each symbol once, and each displayed formula"
    assert len(found["stops"]) == 5
    for text in (
        "noisy state",
        "share of signal variance at the current state",
        "clean data",
        "fresh noise",
        "the noise in x_t",
    ):
        assert text in found["formula"]["text"]
    assert found["gone"] is None


def test_symbols(site):
    steps = r"""
    const of = (tex) => [...document.querySelectorAll("main math")].find((m) => m.querySelector("annotation").textContent.trim() === tex);
    const mi = (tex, n = 0) => of(tex).querySelectorAll("mi")[n];
    out.x0 = await hover(mi("x_0")); out.T = await hover(mi("T")); out.s = await hover(mi("s")); out.z = await hover(mi("z"));
    out.transposed = await hover(mi("W^T", 1)); out.index = await hover(mi("w_s", 1));
    out.long = await hover(mi("\\bar\\alpha_{t-1}", 0)); out.minus = await hover(of("\\bar\\alpha_{t-1}").querySelector("mo"));
    out.look = mi("x_0").parentElement.outerHTML;
    mi("x_0").dispatchEvent(new PointerEvent("click", { bubbles: true, pointerType: "touch" })); await wait(300); out.tap = state();
    document.body.dispatchEvent(new PointerEvent("click", { bubbles: true, pointerType: "touch" })); await wait(300); out.tapped = state();
    """
    found = act(site, steps)
    assert "clean data" in found["x0"]["text"]
    assert "x_0 · (b, ...)" in found["x0"]["text"]
    assert "number of noise levels" in found["T"]["text"]
    assert "guidance_scale" in found["s"]["text"]
    assert found["z"] is None, "the page's code has no noise: this letter is something else"
    assert found["transposed"] is None
    assert found["index"] is None
    assert "alpha_bar_prev" in found["long"]["text"], "the longest symbol around the pointer"
    assert "alpha_bar_prev" in found["minus"]["text"]
    assert found["look"] == "<msub><mi>x</mi><mn>0</mn></msub>", "and the formula is as it was"
    assert "clean data" in found["tap"]["text"]
    assert found["tapped"] is None


def test_a_tap_follows_the_link(site):
    steps = """
    const a = link("#sec-two"); let stopped = null;
    document.addEventListener("click", (event) => { stopped = event.defaultPrevented; });
    out.touch = await hover(a, "touch");
    a.click(); await wait(300); out.stopped = stopped; out.hash = location.hash; out.shown = state();
    """
    found = act(site, steps, 500)
    assert found == {"touch": None, "stopped": False, "hash": "#sec-two", "shown": None}


def test_under_quarto_its_own_previews_are_left_alone(site):
    page = site / "posts/beta/index.html"
    before = page.read_text(encoding="utf-8")
    page.write_text(before.replace('content="press (Pandoc)"', 'content="quarto-1.9.38"'), encoding="utf-8")
    try:
        found = act(
            site, "out.cite = await hover(link('#ref-song2021')); out.page = await hover(link('alpha/index.html'));"
        )
    finally:
        page.write_text(before, encoding="utf-8")
    assert found["cite"] is None
    assert "A start" in found["page"]["text"]


def test_without_scripts_nothing_is_there(site):
    page = lxml.html.fromstring((site / "posts/beta/index.html").read_text(encoding="utf-8"))
    assert not page.xpath("//*[@id='press-hint'] | //math[@tabindex] | //*[@aria-describedby]")
