"""What an output from elsewhere may hold: nothing that acts in a reader's browser, as far as that can be decided.

HTML is taken only if it is of a small grammar in which nothing can be read in two ways: elements and attributes that do
nothing, and the slider of `postkit` with the very script and style that postkit ships. Markdown and LaTeX are taken
without raw HTML, attributes and addresses of scripts; SVG without scripts; a live figure where its description holds
what `postkit` may write, which the site's own engine reads as texts, numbers and pictures. Whatever else a script
draws, and each type that is not known here, is refused.
"""

from __future__ import annotations

import base64
import json
import re
from html import unescape
from typing import Any

from postkit import livespec
from postkit._slider_js import SCRIPT, STYLE
from postkit.claims import MIME
from press.posts.notebookfile import text_of


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ELEMENTS = _names(
    "a abbr b blockquote br caption cite code col colgroup dd del dfn div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 "
    "hr i img ins kbd li mark ol p pre q s samp small span strong sub sup table tbody td tfoot th thead tr u ul var wbr"
)
ATTRIBUTES = _names(
    "class id style title lang dir role scope colspan rowspan align valign border width height alt src href "
    "aria-hidden aria-label start loading"
)
TAG = re.compile(r"""<(/?)([a-z][a-z0-9]*)((?:\s+[a-z][a-z-]*(?:="[^"<>]*")?)*)\s*/?>""")
ATTRIBUTE = re.compile(r"""([a-z][a-z-]*)(?:="([^"<>]*)")?""")
PLAIN = re.compile(r"[^<]+")
STYLE_BLOCK = re.compile(r"<style(?: scoped)?>([^<]*)</style>")
DATA_BLOCK = re.compile(r'<script type="application/json">([^<]*)</script>')
SCRIPT_BLOCK = "\n".join(line for line in f"<script>{SCRIPT}</script>".splitlines() if line.strip())
ACTIVE_STYLE = re.compile(r"url\s*\(|image-set|@|\\|expression|javascript|behavio|binding|position|/\*", re.IGNORECASE)
PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]*={0,2}")
LINK = re.compile(r"https?://[^\s\x00-\x20]*|#[^\s]*|(?![\w+.-]*:)[\w./%~-][\w./%~?=&#+,-]*")
SCHEME = re.compile(r"(?:javascript|vbscript):|data:(?:text|application|image/svg)")
TEX = r"\\(?:href|url|html|unicode|require|style|class|cssId|data)"  # commands that make links, elements and styles
MARKUP = re.compile(rf"<[a-zA-Z/!?]|(?:```|~~~)\s*\{{|\{{\{{[<%]|\{{[^{{}}]*=|\{{\s*[.#:]|^---\s*$|{TEX}", re.MULTILINE)
# Text by which a script of the site knows what to draw, or from which the renderer takes a script's data.
DRAWN = re.compile(rf"plotly-graph-div|plotly\.|plotlyconfig|vega-embed|mermaid|graphviz|{TEX}", re.IGNORECASE)
SIGNATURES = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
SVG = "{http://www.w3.org/2000/svg}"
INERT = ("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}", "{http://purl.org/dc/", "{http://creativecommons.org/ns#}")
SHAPES = _names(
    "svg g defs title desc metadata style path rect circle ellipse line polyline polygon text tspan textPath use "
    "symbol clipPath mask marker pattern linearGradient radialGradient stop image filter"
)
# The box of a measurement is made here, from numbers that are checked.
SHOWN_AS_TEXT = ("text/plain", "application/json", MIME)


def active(output: dict[str, Any], raw: bool) -> str:
    """Why an output is refused; "" if it is harmless.

    Args:
        output: valid by nbformat.
        raw: whether what the cell prints is shown as Markdown (`output: asis`).
    """
    kind = output["output_type"]
    if kind == "stream":
        return in_markdown(text_of(output["text"])) if raw else ""
    if kind == "error":
        return ""
    if not _passive_metadata(output.get("metadata")):
        return "its metadata are not sizes"
    for mime, value in output["data"].items():
        if mime in SHOWN_AS_TEXT:
            why = ""
        elif mime == livespec.MIME:
            why = livespec.fault(value)[:200]
        elif mime in SIGNATURES:
            why = in_picture(value, mime)
        elif mime in READERS:
            why = READERS[mime](text_of(value))
        else:
            why = "a type that a script draws in the reader's browser, or that is unknown here"
        if why:
            return f"{mime[:60]}: {why}"
    return ""


def _passive_metadata(metadata: Any) -> bool:
    """Whether an output's metadata say sizes only; a word is what matplotlib says of the background."""
    for value in (metadata or {}).values():
        inside = value.values() if isinstance(value, dict) else [value]
        if not all(isinstance(item, (int, float)) or item in ("light", "dark") for item in inside):
            return False
    return True


def in_html(text: str) -> str:
    """What in HTML is not known to do nothing; "" for nothing."""
    if found := DRAWN.search(unescape(text)):
        return f"{found[0][:20]!r}, from which a script may draw something"
    at = 0
    while at < len(text):
        if text.startswith(STYLE, at):
            at += len(STYLE)
        elif text.startswith(SCRIPT_BLOCK, at):
            at += len(SCRIPT_BLOCK)
        elif found := PLAIN.match(text, at):
            at = found.end()
        elif found := DATA_BLOCK.match(text, at):
            if not _is_slider_data(found[1]):
                return "script data that does not belong to a slider"
            at = found.end()
        elif found := STYLE_BLOCK.match(text, at):
            if ACTIVE_STYLE.search(found[1]) or "&" in found[1]:
                return "a style that fetches or moves something"
            at = found.end()
        elif found := TAG.match(text, at):
            if why := _in_tag(found[2], found[3]):
                return why
            at = found.end()
        else:
            return f"{text[at : at + 20]!r}, which is a script, or may be read as one"
    return ""


def _in_tag(name: str, attributes: str) -> str:
    if name not in ELEMENTS:
        return f"a {name!r} element"
    for match in ATTRIBUTE.finditer(attributes):
        attribute, value = match[1], unescape(match[2] or "")
        if attribute not in ATTRIBUTES:
            return f"an attribute {attribute!r}"
        if attribute == "style" and ACTIVE_STYLE.search(value):
            return "a style that fetches or moves something"
        if attribute == "href" and not LINK.fullmatch(value):
            return f"a link to {value[:20]!r}"
        if attribute == "src" and not PICTURE.fullmatch(value):
            return "a picture that is not contained in the output"
    return ""


def _is_slider_data(text: str) -> bool:
    """Whether a slider's data hold what `postkit.slider` writes: texts, numbers and PNGs."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(data, dict) or set(data) != {"name", "alt", "labels", "start", "interval", "frames"}:
        return False
    texts = [data["name"], data["alt"], *(data["labels"] if isinstance(data["labels"], list) else [None])]
    frames = data["frames"] if isinstance(data["frames"], list) else [0]
    numbers = type(data["start"]) is int and type(data["interval"]) is int and data["interval"] >= 50
    pictures = all(frame is None or (isinstance(frame, str) and PICTURE.fullmatch(frame)) for frame in frames)
    return numbers and pictures and all(isinstance(text, str) for text in texts)


def in_markdown(text: str) -> str:
    """What in Markdown or LaTeX may become markup that acts; "" for nothing."""
    if found := MARKUP.search(text) or DRAWN.search(unescape(text)):
        return f"{found[0][:20]!r}, which may become markup"
    # As a reader of Markdown sees it, and a browser: entities, backslashes, blanks within.
    bare = re.sub(r"[\\\s\x00-\x20]", "", unescape(unescape(text))).lower()
    return "the address of a script" if SCHEME.search(bare) else ""


def in_svg(text: str) -> str:
    """What in an SVG picture is not known to do nothing; "" for nothing."""
    from lxml import etree

    if re.search(r"<!DOCTYPE[^>]*\[|<!ENTITY|encoding\s*=\s*[\"'](?!utf-8[\"'])", text, re.IGNORECASE):
        return "declarations of its own"
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return "it is not XML"
    if root.getroottree().xpath("//processing-instruction()"):
        return "a processing instruction"
    for element in root.iter():
        if element.tag is etree.Comment:
            continue
        name = str(element.tag)
        if not name.startswith(INERT) and name.removeprefix(SVG) not in SHAPES:
            return f"an element {name.rpartition('}')[2][:20]!r}"
        texts = [element.text or ""] if name == f"{SVG}style" else []
        for key, value in element.attrib.items():
            local = key.rpartition("}")[2].lower()
            passive = local != "href" or value.startswith("#") or PICTURE.fullmatch(re.sub(r"\s", "", value))
            if local.startswith("on") or not passive:
                return f"an attribute {local[:20]!r}"
            texts.append(value)
        if any(re.search(r"url\s*\((?!\s*['\"]?#)|@import|\\|javascript:", one, re.IGNORECASE) for one in texts):
            return "a style that fetches something"
    return ""


def in_picture(value: Any, mime: str) -> str:
    """Why a picture is not of its type; "" if it is."""
    try:
        data = base64.b64decode(re.sub(r"\s", "", text_of(value)), validate=True)
    except ValueError:
        return "its data is not base64"
    return "" if data.startswith(SIGNATURES[mime]) else "its data has a different type"


READERS = {"text/html": in_html, "text/markdown": in_markdown, "text/latex": in_markdown, "image/svg+xml": in_svg}
