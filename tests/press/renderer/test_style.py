"""The stylesheet: text and code are legible in both themes, and the pages fit a phone."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import press

CSS = (Path(press.__file__).parent / "renderer/assets/site.css").read_text(encoding="utf-8")
CODE = ("code", "co", "kw", "dt", "st", "nu", "fu", "op", "va", "er", "im", "bu", "cf", "an")
TONES = ("note", "tip", "warning", "important", "caution")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def tokens(theme: str) -> dict[str, str]:
    block = re.search(rf'\[data-theme="{theme}"\] \{{(.*?)\}}', CSS, re.DOTALL)[1]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_font_for_formulas_lies_beside_the_styles_with_its_licence():
    assets = Path(press.__file__).parent / "renderer/assets"
    for style in ("site.css", "quarto.css"):
        (name,) = re.findall(r'src: url\("([^"]+)"\)', (assets / style).read_text(encoding="utf-8"))
        font = (assets / name).read_bytes()
        assert font[:4] == b"wOF2"
        assert int.from_bytes(font[8:12], "big") == len(font)
    licence = (assets / name).with_suffix(".OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE" in licence
    assert "STIX Fonts Project Authors" in licence


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_is_wcag_aa(theme):
    colours = tokens(theme)
    for ground in ("bg", "surface"):
        for name in ("text", "muted", "faint", "accent", *CODE):
            assert contrast(colours[name], colours[ground]) >= 4.5, (theme, name, ground)
    for name in TONES:
        assert contrast(colours[name], colours["bg"]) >= 4.5, (theme, name)


def test_the_theme_without_scripts_is_the_dark_theme():
    fallback = re.search(r":root:not\(\[data-theme\]\) \{(.*?)\}", CSS, re.DOTALL)[1]
    assert dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", fallback)) == tokens("dark")


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
@pytest.mark.parametrize("width", [320, 390, 1100, 1280])
def test_pages_do_not_scroll_sideways(tour_site: Path, tmp_path: Path, width: int):
    # Chromium has a smallest window; a frame has none.
    frame = tmp_path / "frame.html"
    pages = [tour_site / "posts/tour/index.html", tour_site / "index.html"]
    frames = "".join(f'<iframe src="{page.as_uri()}" style="width:{width}px;height:900px"></iframe>' for page in pages)
    script = (
        "onload = () => { document.title = [...document.querySelectorAll('iframe')].map((f) => {"
        "const d = f.contentDocument.documentElement; return d.scrollWidth <= f.contentWindow.innerWidth; }).join(); }"
    )
    frame.write_text(f"{frames}<script>{script}</script>", encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [
        "--allow-file-access-from-files",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={tmp_path / 'u'}",
    ]
    command += ["--virtual-time-budget=3000", "--window-size=3000,1000", "--dump-dom", frame.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    assert "<title>true,true</title>" in shown
