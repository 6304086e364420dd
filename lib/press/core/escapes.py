"""How text becomes part of a page: one function for each language and place. What they return is markup.

Text that is markup already stays as it is; everything else is taken to be anybody's.
"""

from __future__ import annotations

import html as stdlib
import json
import re
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

FENCE = "`" * 8
# No language of a page can hold these: controls, half characters, what XML forbids.
FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
LINE_END = re.compile(rf"\s*[{LINE_ENDS}]\s*")
# Any other punctuation is plain text to Pandoc wherever it stands within a line.
SPECIAL = re.compile(r"""[\\`*_{}\[\]<>#|~^$@&"']""")
STARTS_BLOCK = re.compile(r"^(?:(\(?[A-Za-z0-9]+)([.)])(?=\s|$)|([-+:=%(!]))")
FORMULA = re.compile(r"\$(?=\S)([^$]*[^$\s\\])\$(?!\d)")  # within a line, by Pandoc's rules
SHORTCODE = "{{<"  # Quarto reads it everywhere, in code and formulas too


def html(value: Any) -> Markup:
    """Text for HTML, also within attributes. On one line: a blank one would end raw HTML within Markdown."""
    if isinstance(value, Markup):
        return value
    text = str(value)
    if not text.isprintable():  # seldom, and slow to look at closely
        text = FORBIDDEN.sub("", LINE_END.sub(" ", text.strip(LINE_ENDS)))
    return Markup(stdlib.escape(text))


def query(value: Any) -> Markup:
    """Text as part of an address; what `html` leaves out of an attribute is left out here too."""
    return html(quote(FORBIDDEN.sub("", str(value))))


def xml(value: Any) -> Markup:
    """Text for XML, also within attributes in double quotes."""
    if isinstance(value, Markup):
        return value
    return Markup(stdlib.escape(FORBIDDEN.sub("", str(value)), quote=False).replace('"', "&quot;"))


def cdata(value: str) -> Markup:
    """HTML as the content of an XML element."""
    return Markup(f"<![CDATA[ {FORBIDDEN.sub('', value).replace(']]>', ']]]]><![CDATA[>')} ]]>")


def markdown(value: Any, *, at_start: bool = False) -> Markup:
    """Text so that Pandoc's Markdown shows just it, on one line.

    Args:
        at_start: it may stand at the beginning of a line, where "1." or "-" would begin a list.
    """
    if isinstance(value, Markup):
        return value
    return Markup(_escaped(_one_line(value), at_start))


def _escaped(line: str, at_start: bool) -> str:
    text = SPECIAL.sub(r"\\\g<0>", line)
    # Two hyphens would become a dash, three dots an ellipsis.
    text = re.sub(r"-(?=-)", r"\\-", text).replace("...", r"\.\.\.")
    if at_start:
        text = STARTS_BLOCK.sub(lambda m: f"{m[1]}\\{m[2]}" if m[1] else f"\\{m[3]}", text)
    return text


def prose(value: str) -> Markup:
    """Text at the beginning of a line of Markdown, in which formulas between dollars are formulas."""
    parts = FORMULA.split(_one_line(value))
    return Markup("".join(math(part) if i % 2 else _escaped(part, i == 0) for i, part in enumerate(parts)))


def spoken(value: str) -> str:
    """The same text where no formula can be shown, such as in a tooltip: `$\\eta = 0$` as eta = 0."""
    return FORMULA.sub(lambda match: re.sub(r"\\text\b|[\\{}]", "", match[1]), value)


def start(value: Any) -> Markup:
    """Text at the beginning of a line of Markdown."""
    return markdown(value, at_start=True)


def _one_line(value: Any) -> str:
    return FORBIDDEN.sub("", " ".join(str(value).split()))


def address(value: str) -> Markup:
    """The target of a link in Markdown, between < and >."""
    text = re.sub(r"[\s<>\\|]", lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), value)
    return Markup(FORBIDDEN.sub("", text).replace("{{", "%7B%7B"))


def code(value: str) -> Markup:
    """A code span in Markdown, whatever is in the text."""
    text = _one_line(value).replace(SHORTCODE, "{{ <")
    ticks = _longer_than_in(text, 1)
    return Markup(f"{ticks} {text} {ticks}" if "`" in text else f"{ticks}{text}{ticks}")


def fenced(source: str, language: str) -> Markup:
    """A block of code in Markdown that is only shown."""
    ticks = _longer_than_in(source, 3)
    return Markup(f"{ticks}{language}\n{FORBIDDEN.sub('', source)}\n{ticks}")


def _longer_than_in(text: str, least: int) -> str:
    return "`" * max(least, max(map(len, re.findall("`+", text)), default=0) + 1)


def math(latex: str) -> Markup:
    """A formula within a line of Markdown; a bar is spelt out, so that it does not part the cells of a table."""
    flat = _one_line(latex).replace(SHORTCODE, "{ {<")
    return Markup(f"${flat}$".replace(r"\|", r"\Vert ").replace("|", r"\vert ").replace(" $", "$"))


def displayed(latex: str) -> Markup:
    """A displayed formula in Markdown, without blank lines, which would end it."""
    lines = [line.replace(SHORTCODE, "{ {<") for line in latex.strip().split("\n") if line.strip()]
    return Markup("\n".join(["$$", *lines, "$$"]))


def identifier(value: str) -> Markup:
    """The identifier of a heading or block in Markdown, between {# and }."""
    return Markup(re.sub(r"[^\w:.+-]", "-", value))


def quoted(value: Any) -> Markup:
    """Markdown, or text that becomes Markdown, as a value in YAML."""
    return Markup(json.dumps(str(start(value)), ensure_ascii=False))


def raw(value: str) -> Markup:
    """HTML as a block within Markdown that both renderers leave as it is.

    Raises:
        ValueError: it is text and not yet HTML, or it would end the block.
    """
    lines = [line for line in value.split("\n") if line.strip()]
    if not isinstance(value, Markup) or any(line.lstrip().startswith(FENCE) for line in lines):
        raise ValueError("raw HTML must be markup, and no line of it may begin with the fence of its block")
    return Markup("\n".join([FENCE + "{=html}", *lines, FENCE]))


# What templates may call.
FILTERS = (cdata, query, start, address, code, fenced, math, displayed, identifier, quoted, raw)
