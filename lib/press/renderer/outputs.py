"""Notebook outputs as Markdown that cannot break out of its place: text is fenced and escaped, images become files."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any

# What is shown of a MIME bundle in HTML, first wins. Quarto's order; custom types beside these are data for others.
PRIORITY = ("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain")
SUFFIX = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpeg"}
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Objects whose repr is noise beside the picture that they drew, e.g. `<Axes: >` or `[<matplotlib.lines.Line2D ...>]`.
DISCARD = ("[<matplotlib", "<matplotlib", "<seaborn.", "<ggplot:")


@dataclass
class Output:
    """One output, ready for the page.

    Args:
        kind: "display" (figures and results, these take captions), "stdout", "stderr" or "error".
        markdown: what stands in the page.
        file: name and bytes of the image, where there is one.
        raw: the stream's own text (for `output: asis`).
    """

    kind: str
    markdown: str
    file: tuple[str, bytes] | None = None
    raw: str = ""


@dataclass
class Options:
    """What a cell's options say of its outputs: names for files, alternative texts, whether stderr is shown."""

    name: str
    directory: str
    alts: list[str] = field(default_factory=list)
    warning: bool = True
    asis: bool = False
    align: str = ""


def text_of(value: Any) -> str:
    """nbformat's multi-line string: a list of lines or one string."""
    return "".join(value) if isinstance(value, list) else str(value)


def plain(text: str) -> str:
    """Terminal text as it looks at the end: no colour codes, each carriage-return line in its last state."""
    text = ANSI.sub("", text).replace("\r\n", "\n")
    lines = [_last_state(line) for line in text.split("\n")]
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", "\n".join(lines))


def _last_state(line: str) -> str:
    states = [part for part in line.split("\r") if part.strip()]
    last = states[-1] if states else ""
    while "\b" in last:  # a spinner's backspaces take one character each
        last = re.sub(r"[^\b]?\b", "", last, count=1)
    return last.rstrip() if len(states) > 1 else last


def fence(text: str, info: str = "") -> str:
    """A fenced block whose fence is longer than any run of backticks within."""
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{ticks}{info}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{ticks}\n"


def convert(raw: list[dict[str, Any]], options: Options) -> list[Output]:
    """All outputs of a cell, in order; neighbouring pieces of one stream are joined."""
    outputs: list[Output] = []
    has_image = any(map(picture_in, raw))
    kept = [item for item in raw if _keep(item, has_image, options.warning)]
    # Files are numbered as Quarto does, which counts each piece of a stream.
    for index, item in _joined(kept):
        kind = item["output_type"]
        if kind == "stream":
            text = text_of(item["text"])
            name = "stderr" if item.get("name") == "stderr" else "stdout"
            if plain(text).strip():
                outputs.append(Output(name, fence(plain(text), "{.press-out}"), raw=text))
        elif kind == "error":
            text = plain(f"{item.get('ename', '')}: {item.get('evalue', '')}")
            outputs.append(Output("error", fence(text, "{.press-out}")))
        else:
            outputs.append(_display(item, index, options, sum(out.kind == "display" for out in outputs)))
    return outputs


def _joined(items: list[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    joined: list[tuple[int, dict[str, Any]]] = []
    for index, item in enumerate(items, 1):
        before = joined[-1][1] if joined else {}
        if item["output_type"] == "stream" == before.get("output_type") and item.get("name") == before.get("name"):
            joined[-1] = (index, before | {"text": text_of(before["text"]) + text_of(item["text"])})
        else:
            joined.append((index, item))
    return joined


def _keep(item: dict[str, Any], has_image: bool, warning: bool) -> bool:
    if item["output_type"] == "stream":
        return warning or item.get("name") != "stderr"
    if item["output_type"] == "execute_result" and set(item["data"]) == {"text/plain"}:
        text = text_of(item["data"]["text/plain"])
        bracketed = has_image and "\n" not in text and re.fullmatch(r"[<(\[].*[>)\]]", text.strip())
        return not (text.startswith(DISCARD) or bracketed)
    return True


def _mime(item: dict[str, Any]) -> str:
    data = item["data"]
    if "text/latex" in data and "text/html" not in data and "text/markdown" not in data:
        return "text/latex"
    return next((mime for mime in PRIORITY if mime in data), "")


def _display(item: dict[str, Any], index: int, options: Options, nth: int) -> Output:
    mime = _mime(item)
    if mime in SUFFIX:
        return _image(item, mime, index, options, nth)
    if not mime:
        names = ", ".join(item["data"]) or "nothing"
        return Output("stderr", fence(f"Unable to display output for mime type(s): {names}", "{.press-out}"))
    text = text_of(item["data"][mime])
    if mime == "text/html":
        return Output("display", fence(text, "{=html}"))
    if mime == "text/markdown":
        return Output("display", fence(text, "{.press-markdown}"))
    if mime == "text/latex":
        return Output("display", fence(_math(text), "{.press-markdown}"))
    return Output("display", fence(plain(text), "{.press-out}"))


def picture_in(item: dict[str, Any]) -> bool:
    """Whether an output is shown as a picture file."""
    return "data" in item and _mime(item) in SUFFIX


def _math(latex: str) -> str:
    # sympy writes $\displaystyle ...$, IPython's Math $...$; an environment alone needs dollars around it.
    latex = latex.strip()
    return latex if latex.startswith("$") else f"$$\n{latex}\n$$"


def _image(item: dict[str, Any], mime: str, index: int, options: Options, nth: int) -> Output:
    text = text_of(item["data"][mime])
    data = text.encode() if mime == "image/svg+xml" else base64.b64decode(text)
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
    if options.align:
        attributes.append(f'fig-align="{quote(options.align)}"')
    return Output("display", f"![]({name}){{{' '.join(attributes)}}}\n", file=(name, data))


def png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels from a PNG's header."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def quote(value: str) -> str:
    """Text for a double-quoted Pandoc attribute."""
    return " ".join(value.split()).replace("\\", "\\\\").replace('"', '\\"')
