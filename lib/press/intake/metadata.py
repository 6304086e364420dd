"""arXiv ids, and what its Atom interface says of a paper."""

from __future__ import annotations

import re
from dataclasses import dataclass

from press.core.errors import fail

NEW_ID = r"\d{4}\.\d{4,5}"
OLD_ID = r"[a-z-]+(?:\.[A-Z]{2})?/\d{7}"
IDENTIFIER = re.compile(rf"({NEW_ID}|{OLD_ID})(v[1-9]\d*)?")
ADDRESS = re.compile(
    r"(?i:(?:https?://)?(?:www\.|export\.)?arxiv\.org/(?:abs|pdf|html|src|e-print|format)/|"
    r"(?:https?://)?(?:dx\.)?doi\.org/10\.48550/arxiv\.|10\.48550/arxiv\.|arxiv:)?([^?#\s]+?)(?:\.pdf)?/?(?:[?#].*)?"
)
ATOM = "{http://www.w3.org/2005/Atom}"
ARXIV = "{http://arxiv.org/schemas/atom}"


@dataclass(frozen=True)
class Metadata:
    """What arXiv says about one version of a paper.

    Args:
        id: id with version, `2010.02502v4`.
        title, authors: as arXiv prints them; authors one name each.
        year: of the first version.
        doi: of the published article; "" for none.
    """

    id: str
    title: str
    authors: tuple[str, ...]
    year: int
    doi: str


def parse_id(text: str) -> str:
    """The arXiv ID in an ID, an address of arxiv.org or an arXiv DOI, with its version if it has one.

    Raises:
        PressError: it is none of these.
    """
    match = ADDRESS.fullmatch(text.strip())
    found = IDENTIFIER.fullmatch(match[1]) if match else None
    if not found:
        raise fail(
            "", 0, f"{text!r} is not an arXiv ID. Legal: 2010.02502, 2010.02502v4, hep-th/9901001, an arxiv.org URL"
        )
    return found[0]


def without_version(identifier: str) -> str:
    """`2010.02502v4` -> `2010.02502`."""
    return re.sub(r"v\d+$", "", identifier)


def read_metadata(data: bytes, identifier: str) -> Metadata:
    """The one entry of an Atom answer.

    Raises:
        PressError: not Atom, entities in it, or no entry for this id.
    """
    from lxml import etree

    strange = fail("", 0, f"the answer about {identifier} is not in the form that arXiv's API sends. Try again later")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:  # Atom needs neither
        raise strange
    try:
        feed = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except (etree.XMLSyntaxError, ValueError):
        raise strange from None
    if feed.tag != ATOM + "feed" or feed.getroottree().docinfo.doctype:
        raise strange
    for entry in feed.iter(ATOM + "entry"):
        found = IDENTIFIER.search(entry.findtext(ATOM + "id", "").partition("/abs/")[2])
        if not found or not found[2] or identifier not in (found[0], found[1]):
            continue
        names = [
            " ".join(name.split()) for name in (a.findtext(ATOM + "name", "") for a in entry.iter(ATOM + "author"))
        ]
        title = " ".join(entry.findtext(ATOM + "title", "").split())
        year = entry.findtext(ATOM + "published", "")[:4]
        if title and any(names) and year.isdigit():
            return Metadata(
                found[0], title, tuple(filter(None, names)), int(year), entry.findtext(ARXIV + "doi", "").strip()
            )
    raise fail("", 0, f"arXiv has no paper {identifier}. Check the ID and its version")
