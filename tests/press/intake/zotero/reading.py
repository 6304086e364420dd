"""Read BibTeX back: by bibtexparser with a decoder of our own, and by Pandoc."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from bibtexparser.bparser import BibTexParser

from press.core.pandoc import run_pandoc
from press.intake.zotero.latex import plain
from press.intake.zotero.names import SUFFIX

TOKEN = re.compile(
    r"\\vphantom\{\\[{}]\}|(?P<math>\$(?:[^$\\]|\\.)*\$)|\\(?P<name>text[a-z]+)\{(?P<empty>\})?|\\(?P<char>[{}$&%#_])|\\`\{\}|(?P<gap>[-']\{\})|[{}]"
)
NAMED = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^"}
TAGS = re.compile(
    r"</?(?:i|b|sub|sup|em|strong)>|<span (?:class='nocase'|style='font-variant: ?small-caps;?')>|</span>"
)
FIELDS = {
    "journal": "container-title",
    "publisher": "publisher",
    "volume": "volume",
    "address": "publisher-place",
    "edition": "edition",
}


def parse(text: str) -> dict[str, dict[str, str]]:
    """Entries as bibtexparser reads them, by key."""
    parser = BibTexParser(common_strings=False, ignore_nonstandard_types=False, interpolate_strings=False)
    return {entry["ID"]: entry for entry in parser.parse(text).entries}


def pandoc(text: str) -> dict[str, dict[str, Any]]:
    """Entries as Pandoc reads them, by key."""
    return {entry["id"]: entry for entry in json.loads(run_pandoc(["-f", "biblatex", "-t", "csljson"], text))}


def decode(value: str) -> str:
    """The text that a field's LaTeX stands for; commands for fonts and braces that protect vanish."""

    def one(match: re.Match) -> str:
        if match["math"] or match["char"]:
            return match["math"] or match["char"]
        if match["gap"]:
            return match["gap"][0]
        if match[0] == r"\`{}":
            return "`"
        return NAMED.get(match["name"], "") if match["name"] else ""

    return TOKEN.sub(one, value)


def loose(text: str) -> str:
    """What may differ in a rendered field.

    Quotation marks are typographic, titles lose capitals that are not protected, and Pandoc takes characters such as a
    raised two for what they stand for, a two that it raises.
    """
    text = re.sub('["“”„«»]', "'", re.sub("[‘’]", "'", text))
    return " ".join(unicodedata.normalize("NFKC", TAGS.sub("", text.casefold())).split())


def _name(*parts: str) -> str:
    # Once more normal at the end: a combining mark may have met its letter only when the space between them went.
    return unicodedata.normalize("NFKC", re.sub("[ ,]", "", "".join(map(loose, parts)))).strip("'")


def people(csl: list[dict[str, str]]) -> list[str]:
    """Pandoc's names as one reads them, first name first and suffix last, without spaces.

    Small last words of a first name count as particles in CSL: where the parts meet may differ from Zotero, what is read
    does not. A name that is nothing but a quotation mark vanishes.
    """
    parts = ("literal", "given", "dropping-particle", "non-dropping-particle", "family", "suffix")
    return [_name(*(name.get(part, "") for part in parts)) for name in csl]


def expected_people(creators: list[dict[str, str]]) -> list[str]:
    """The same from Zotero's creators, with three habits of CSL: what follows the first comma in a first name is a suffix,
    a "!" there says that a comma comes before it, and quotation marks around a whole part that it has no particle.
    """
    found = []
    for c in creators:
        last, first = plain(c.get("lastName")), plain(c.get("firstName"))
        if not last or not first:
            last, first = plain(c.get("name")) or last or first, ""
        generation = SUFFIX.match(first)
        given, suffix = generation.groups() if generation and generation[1] else _halves(first)
        if last:
            given, last, suffix = (re.sub('^"(.*)"$|^"$', r"\1", part) for part in (given, last, suffix))
            found.append(_name(given, last, suffix))
    return found


def _halves(first: str) -> tuple[str, str]:
    given, _, suffix = first.partition(",")
    return (given, suffix.removeprefix("!")) if given else (first, "")
