"""What names a work beyond its item in Zotero: DOI, arXiv id, ISBN and web address; and which works are the same."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

from press.intake.zotero.latex import plain

ARXIV = re.compile(r"(?i)(\d{4}\.\d{4,5}|[a-z][a-z.-]+/\d{7})(?:v\d+)?")
ARXIV_LINE = re.compile(r"(?im)^\s*arxiv(?: id)?\s*:\s*(\S+)")
ARXIV_NUMBER = re.compile(r"(?i)^arxiv:\s*(\S+)")
ARXIV_URL = re.compile(r"(?i)^https?://(?:www\.)?arxiv\.org/(?:abs|pdf)/(\S+?)(?:\.pdf)?$")
RESOLVER = re.compile(r"(?i)^(?:https?://)?(?:www\.|dx\.)?doi\.org/(?:doi:)?|^doi(?::|\s)\s*(?=10[./])")
# A DOI, or a short one as shortdoi.org gives them: 10/abcd. Both stand as they are where LaTeX and Pandoc take a
# field literally; what would end the field or leave an attribute (braces, a backslash, quotation marks) is none.
DOI = re.compile(r"10\.\d{4,9}(?:\.\d+)*/[^\s\\{}\"^`|]+|10/[A-Za-z0-9]+")
SHORT_DOI = re.compile(r"(?i)^(?:https?://)?(?:www\.|dx\.)?doi\.org/([a-z0-9]{3,10})$")
DOI_LINE = re.compile(r"(?im)^\s*doi\s*:\s*(\S+)\s*$")
SCHEMES = ("http", "https", "ftp")
FIELD = re.compile(r"^  (doi|eprint|archiveprefix|isbn|title|booktitle) = \{(.*)\},$", re.MULTILINE)
PARTS = re.compile(r"@(incollection|inproceedings|inreference|inbook)\{")


def doi(data: dict[str, Any]) -> str:
    """The DOI without its resolver, from its field or from a line in Extra; "" if there is none that can be one."""
    line = DOI_LINE.search(str(data.get("extra") or ""))
    return as_doi(plain(data.get("DOI"))) or (as_doi(plain(line[1])) if line else "")


def as_doi(text: str) -> str:
    """The DOI that this text is, with or without a resolver before it (then without its escapes); "" for none."""
    if short := SHORT_DOI.match(text):
        return "10/" + short[1]
    found = RESOLVER.match(text)
    name = text[found.end() :] if found else text
    if found and "doi.org" in found[0].lower():
        name = unquote(name)
    return name if DOI.fullmatch(name) and name.isascii() and name.isprintable() else ""


def arxiv_id(data: dict[str, Any]) -> str:
    """The arXiv identifier without version: from the archive's field, Extra, a number, the address, or arXiv's DOI."""
    line = ARXIV_LINE.search(str(data.get("extra") or ""))
    url = ARXIV_URL.match(plain(data.get("url")))
    numbers = [ARXIV_NUMBER.match(plain(data.get(name))) for name in ("number", "reportNumber")]
    tries = [
        re.sub(r"(?i)^arxiv:\s*", "", plain(data.get("archiveID"))),
        line[1] if line else "",
        *(number[1] for number in numbers if number),
        url[1] if url else "",
    ]
    tries.append(re.sub(r"(?i)^10\.48550/arxiv\.", "", doi(data)))
    return next((match[1] for match in map(ARXIV.fullmatch, tries) if match), "")


def clean_url(value: Any) -> str:
    """A web address that is safe to link to: http, https, ftp, or a DOI; anything else, `javascript:` too, gives ""."""
    url = plain(value)
    if url.lower().startswith("doi:") and as_doi(url):
        url = "https://doi.org/" + as_doi(url)
    scheme, separator, rest = url.partition("://")
    if scheme.lower() not in SCHEMES or not separator or not rest.strip("/"):
        return ""
    return scheme.lower() + "://" + quote(rest, safe="!#$%&'()*+,/:;=?@[]~-._")


def identities(entry: str) -> set[str]:
    """Names of the work that an entry describes, whatever its item's key in Zotero: `doi:...`, `arxiv:...`, `isbn:...`.

    Two entries that share one are of the same work. All chapters of a book have its ISBN, often its DOI too, so a part
    of a book is known by these and its title.

    Args:
        entry: its text, as `bibtex.write` makes it.
    """
    fields = dict(FIELD.findall(entry))
    names = {f"isbn:{number}" for number in isbns(fields.get("isbn", ""))}
    if fields.get("doi"):
        names.add(f"doi:{fields['doi'].lower()}")
    if PARTS.match(entry):
        title = re.sub(r"\\[a-z]+|[\W_]", "", fields.get("title", "").casefold())
        names = {f"{name} {title}" for name in names}
    if fields.get("archiveprefix") == "arXiv" and fields.get("eprint"):
        names.add(f"arxiv:{fields['eprint'].lower()}")
    return names


def isbns(text: str) -> set[str]:
    """Every ISBN in a text as 13 digits; those of 10 are converted, other numbers ignored."""
    found = {re.sub(r"[\s-]", "", match) for match in re.findall(r"(?<![\dX])(?:\d[\s-]?){9,12}[\dXx](?![\dX])", text)}
    found |= set(re.findall(r"\b\d{9}[\dXx]\b|\b\d{13}\b", text))
    return {_thirteen(number) for number in found if len(number) in (10, 13)}


def _thirteen(number: str) -> str:
    if len(number) == 13:
        return number
    digits = "978" + number[:9]
    total = sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(digits))
    return digits + str(-total % 10)
