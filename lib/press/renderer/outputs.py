"""Notebook outputs as Markdown that cannot break out of its place: text is fenced and escaped, images become files."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import urllib.parse
from dataclasses import dataclass, field
from html import escape
from typing import Any

from press.posts.notebookfile import text_of
from press.renderer import ansi, interactive
from press.renderer.ansi import plain

# What is shown of a MIME bundle in HTML, first wins. Quarto's order; custom types beside these are data for others.
PRIORITY = ("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")
PRIORITY += ("application/javascript", "application/json", "text/plain")
SUFFIX = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
LARGE = 100_000  # characters of HTML that Pandoc need not see
# Pictures within HTML, from 3 kB on: what images show, and the frames of our sliders.
EMBEDDED = r'data:image/(png|jpeg|gif|webp);base64,([A-Za-z0-9+/]{4000,}={0,2})"'
IN_IMAGE = re.compile(r'(<img\b[^<>]*?\ssrc=")' + EMBEDDED)
IN_SLIDER = re.compile('(")' + EMBEDDED)
SLIDER = '<div class="postkit-slider"'
# Objects whose repr is noise beside the picture that they drew, e.g. `<Axes: >` or `[<matplotlib.lines.Line2D ...>]`.
DISCARD = ("[<matplotlib", "<matplotlib", "<seaborn.", "<ggplot:")


@dataclass
class Output:
    """One output, ready for the page.

    Args:
        kind: "display" (figures and results, these take captions), "stdout", "stderr" or "error".
        markdown: what stands in the page.
        files: name -> bytes of the pictures in it.
        raw: the stream's own text (for `output: asis`).
        library: what draws it in the browser; "" for nothing.
        problem: what is wrong with it.
        large: HTML that stands where `markdown` has its marker.
    """

    kind: str
    markdown: str
    files: dict[str, bytes] = field(default_factory=dict)
    raw: str = ""
    library: str = ""
    problem: str = ""
    large: tuple[str, str] | None = None


@dataclass
class Options:
    """What a cell's options say of its outputs: names for files, alternative texts, whether stderr is shown.

    `state` is that of the notebook's widgets.
    """

    name: str
    directory: str
    alts: list[str] = field(default_factory=list)
    warning: bool = True
    asis: bool = False
    align: str = ""
    classes: list[str] = field(default_factory=list)
    link: str = ""
    state: dict[str, Any] = field(default_factory=dict)


def terminal(text: str) -> str:
    """Terminal text as a block: its colours are kept where it has any."""
    colours = ansi.coloured(text)
    return fence(plain(text), "{.press-out}") if colours is None else _raw(f"<pre><code>{colours}</code></pre>")


def _raw(markup: str) -> str:
    return fence(markup, "{=html}")


def fence(text: str, info: str = "") -> str:
    """A fenced block whose fence is longer than any run of backticks within."""
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{ticks}{info}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{ticks}\n"


def convert(raw: list[dict[str, Any]], options: Options) -> list[Output]:
    """All outputs of a cell, in order; neighbouring pieces of one stream are joined."""
    outputs: list[Output] = []
    # Files are numbered as Quarto does, which counts each piece of a stream.
    for index, item in _joined(without_noise(raw, options.warning)):
        kind = item.get("output_type")
        if kind == "stream":
            text = text_of(item.get("text", ""))
            name = "stderr" if item.get("name") == "stderr" else "stdout"
            if plain(text).strip():
                outputs.append(Output(name, terminal(text), raw=text))
        elif kind == "error":
            text = "\n".join(map(text_of, item.get("traceback") or []))
            text = text if plain(text).strip() else f"{item.get('ename', '')}: {item.get('evalue', '')}"
            outputs.append(Output("error", terminal(text)))
        elif item.get("data"):
            outputs.append(_display(item, index, options, sum(out.kind == "display" for out in outputs)))
    return outputs


def without_noise(raw: list[dict[str, Any]], warning: bool) -> list[dict[str, Any]]:
    """The outputs without what only repeats that a picture was drawn, and where asked for without warnings."""
    has_image = any(map(picture_in, raw))
    return [item for item in raw if _keep(item, has_image, warning)]


def _joined(items: list[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    joined: list[tuple[int, dict[str, Any]]] = []
    for index, item in enumerate(items, 1):
        before = joined[-1][1] if joined else {}
        if item.get("output_type") == "stream" == before.get("output_type") and item.get("name") == before.get("name"):
            joined[-1] = (index, before | {"text": text_of(before.get("text", "")) + text_of(item.get("text", ""))})
        else:
            joined.append((index, item))
    return joined


def _keep(item: dict[str, Any], has_image: bool, warning: bool) -> bool:
    if item.get("output_type") == "stream":
        return warning or item.get("name") != "stderr"
    if item.get("output_type") == "execute_result" and set(item.get("data") or ()) == {"text/plain"}:
        text = text_of(item["data"]["text/plain"])
        bracketed = has_image and "\n" not in text and re.fullmatch(r"[<(\[].*[>)\]]", text.strip())
        return not (text.startswith(DISCARD) or bracketed)
    return True


def mime_of(item: dict[str, Any]) -> str:
    """The type of an output that is shown; "" for none."""
    data = item["data"]
    if "text/latex" in data and "text/html" not in data and "text/markdown" not in data:
        return "text/latex"
    return next((mime for mime in PRIORITY if mime in data), "")


def _display(item: dict[str, Any], index: int, options: Options, nth: int) -> Output:
    data, mime = item["data"], mime_of(item)
    if found := interactive.drawn(data, options.state):
        return _interactive(found, item, index, options)
    if mime in SUFFIX:
        return _image(item, mime, index, options, nth)
    if not mime:
        names = ", ".join(data) or "nothing"
        return Output("display", "", problem=f"output {names}: none of it can be shown, so it is left out")
    text = data[mime] if mime == "application/json" else text_of(data[mime])
    said = "a widget without its state is shown as text. Save the notebook with its widgets' state"
    problem = said if interactive.WIDGET in data else ""
    if mime == "text/html":
        return _lifted("" if interactive.is_loader(text) else text, index, options, problem)
    if mime == "application/javascript":
        return _html(f"<script>{text}</script>", problem)
    if mime == "application/json":
        return Output("display", fence(json.dumps(text, indent=2, ensure_ascii=False), "{.json}"))
    if mime == "text/markdown":
        return Output("display", fence(text, "{.press-markdown}"))
    if mime == "text/latex":
        return Output("display", fence(as_math(text), "{.press-markdown}"))
    return Output("display", terminal(text), problem=problem)


def _lifted(text: str, index: int, options: Options, problem: str) -> Output:
    """HTML whose pictures are files beside the page, which a browser loads when they are seen."""
    files: dict[str, bytes] = {}

    def lift(match: re.Match[str]) -> str:
        name = f"{options.directory}/figure-html/{options.name}-output-{index}-{len(files) + 1}.{match[2]}"
        files[name] = base64.b64decode(match[3])
        return f'{match[1]}{urllib.parse.quote(name)}"'

    shown = _html((IN_SLIDER if text.startswith(SLIDER) else IN_IMAGE).sub(lift, text), problem)
    shown.files = files
    return shown


def _html(text: str, problem: str = "") -> Output:
    if len(text) < LARGE:
        return Output("display", _raw(text) if text else "", problem=problem)
    marker = f"<!--press:output:{hashlib.sha256(text.encode(errors='replace')).hexdigest()}-->"
    return Output("display", _raw(marker), problem=problem, large=(marker, text))


def _interactive(found: interactive.Drawn, item: dict[str, Any], index: int, options: Options) -> Output:
    """The data for a script, with a picture or a text until that has drawn it."""
    data = item["data"]
    mime = next((name for name in SUFFIX if name in data), "")
    still, name = "", interactive.NAMES[found.kind]
    files: dict[str, bytes] = {}
    if mime and (image := decoded(data[mime], mime)):
        path = f"{options.directory}/figure-html/{options.name}-output-{index}.{SUFFIX[mime]}"
        alt = escape(options.alts[0] if options.alts else f"Still of an interactive figure ({name})")
        size = png_size(image)
        sides = f' width="{size[0]}" height="{size[1]}"' if size else ""
        still, files[path] = f'<img src="{escape(path)}" alt="{alt}"{sides} loading="lazy">', image
    elif found.library == "widgets" and "text/plain" in data:
        still = f"<pre><code>{escape(plain(text_of(data['text/plain'])))}</code></pre>"
    shown = _html(interactive.element(found, still))
    said = f"an interactive output ({name}) is shown as a {'picture' if mime else 'text'}: its library is not available"
    said = "" if found.kind == "live" else said  # what a live figure lacks is reported once for the site
    return Output("display", shown.markdown, files, library=found.library, problem=said, large=shown.large)


def decoded(value: Any, mime: str) -> bytes:
    """A picture's bytes; none where they cannot be read."""
    text = text_of(value)
    if mime == "image/svg+xml":
        return text.encode(errors="replace")
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""


def picture_in(item: dict[str, Any]) -> bool:
    """Whether an output is shown as a picture file."""
    return bool(item.get("data")) and mime_of(item) in SUFFIX and not interactive.drawn(item["data"], {})


def as_math(latex: str) -> str:
    """LaTeX that a cell displayed, as Markdown."""
    # sympy writes $\displaystyle ...$, IPython's Math $...$; an environment alone needs dollars around it.
    latex = latex.strip()
    return latex if latex.startswith("$") else f"$$\n{latex}\n$$"


def _image(item: dict[str, Any], mime: str, index: int, options: Options, nth: int) -> Output:
    data = decoded(item["data"][mime], mime)
    if not data:
        return Output("display", "", problem=f"output {mime}: its data cannot be read, so it is left out")
    name = f"{options.directory}/figure-html/{options.name}-output-{index}.{SUFFIX[mime]}"
    meta = (item.get("metadata") or {}).get(mime) or {}
    attributes = [".press-image"]
    for side in ("width", "height"):
        if str(meta.get(side, "")).replace(".", "").isdigit():
            attributes.append(f'{side}="{float(meta[side]):g}"')
    if not any(attribute.startswith("width") for attribute in attributes) and mime == "image/png":
        size = png_size(data)
        if size:
            attributes += [f'width="{size[0]}"', f'height="{size[1]}"']
    alt = options.alts[min(nth, len(options.alts) - 1)] if options.alts else ""
    if alt:
        attributes.append(f'fig-alt="{quote(alt)}"')
    attributes += [f".{name}" for name in options.classes]
    if options.link:
        attributes.append(f'fig-link="{quote(options.link)}"')
    if options.align:
        attributes.append(f'fig-align="{quote(options.align)}"')
    return Output("display", f"![]({name}){{{' '.join(attributes)}}}\n", files={name: data})


def png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels from a PNG's header."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def quote(value: str) -> str:
    """Text for a double-quoted Pandoc attribute."""
    return " ".join(value.split()).replace("\\", "\\\\").replace('"', '\\"')
