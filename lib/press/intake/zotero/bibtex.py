"""A Zotero item as a BibTeX entry, and entries as the text of `references.bib`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from press.intake.zotero.dates import date_parts, status
from press.intake.zotero.latex import escape, plain, rich
from press.intake.zotero.names import name_fields

TYPES = {
    "artwork": "misc",
    "audioRecording": "audio",
    "blogPost": "online",
    "book": "book",
    "bookSection": "incollection",
    "computerProgram": "software",
    "conferencePaper": "inproceedings",
    "dataset": "dataset",
    "dictionaryEntry": "inreference",
    "document": "misc",
    "email": "letter",
    "encyclopediaArticle": "inreference",
    "film": "video",
    "forumPost": "online",
    "journalArticle": "article",
    "letter": "letter",
    "magazineArticle": "article",
    "manuscript": "unpublished",
    "newspaperArticle": "article",
    "patent": "patent",
    "podcast": "audio",
    "preprint": "misc",
    "presentation": "unpublished",
    "radioBroadcast": "audio",
    "report": "techreport",
    "thesis": "phdthesis",
    "tvBroadcast": "video",
    "videoRecording": "video",
    "webpage": "online",
}
NOT_ENTRIES = ("attachment", "note", "annotation")
# Field of the entry -> fields of the item, the first that is not empty wins.
FIELDS = {
    "chapter": ("chapterNumber",),
    "edition": ("edition",),
    "isbn": ("ISBN",),
    "issn": ("ISSN",),
    "series": ("series", "seriesTitle"),
    "version": ("versionNumber",),
    "volume": ("volume",),
}
CONTAINERS = {
    "article": ("journal", ("publicationTitle",)),
    "incollection": ("booktitle", ("bookTitle", "publicationTitle")),
    "inproceedings": ("booktitle", ("proceedingsTitle", "conferenceName")),
    "inreference": ("booktitle", ("encyclopediaTitle", "dictionaryTitle")),
}
PUBLISHERS = {
    "inproceedings": ("publisher", ("publisher",)),
    "misc": ("howpublished", ("repository", "publisher", "institution", "label")),
    "online": ("howpublished", ("blogTitle", "websiteTitle", "forumTitle")),
    "phdthesis": ("school", ("university",)),
    "mastersthesis": ("school", ("university",)),
    "techreport": ("institution", ("institution",)),
    "unpublished": ("howpublished", ("meetingName",)),
}
OTHER_PUBLISHERS = ("publisher", ("publisher", "company", "studio", "distributor", "network", "label", "repository"))
LANGUAGES = {"de": "german", "es": "spanish", "fr": "french", "it": "italian", "ja": "japanese", "nl": "dutch"}
LANGUAGES |= {"pl": "polish", "pt": "portuguese", "ru": "russian", "zh": "chinese"}
ARXIV = re.compile(r"(?i)(\d{4}\.\d{4,5}|[a-z][a-z.-]+/\d{7})(?:v\d+)?")
ARXIV_LINE = re.compile(r"(?im)^\s*arxiv(?: id)?\s*:\s*(\S+)")
ARXIV_URL = re.compile(r"(?i)^https?://(?:www\.)?arxiv\.org/(?:abs|pdf)/(\S+?)(?:\.pdf)?$")
DOI = re.compile(r"(?i)^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(10\.\d{4,9}/[^\s\\{}\"<>^`|]+)$")
DOI_LINE = re.compile(r"(?im)^\s*doi\s*:\s*(\S+)\s*$")
SCHEMES = ("http", "https", "ftp")

Say = Callable[[str], None]


def is_entry(data: dict[str, Any]) -> bool:
    """Whether an item belongs in a bibliography at all: no attachment, note or annotation, and not in the trash."""
    return data.get("itemType") not in NOT_ENTRIES and not data.get("deleted")


def entry(item: dict[str, Any], key: str, say: Say) -> dict[str, str]:
    """An item as bibtexparser holds an entry: ENTRYTYPE, ID, and fields with their text escaped.

    Args:
        item: as the API returns it.
        key: its citation key.
        say: told about fields that are left out because they could do harm or make no sense.
    """
    data = item["data"]
    kind = _kind(data)
    fields = {"title": rich(_first(data, ("title", "caseName", "nameOfAct", "subject")))}
    fields |= name_fields(data.get("creators"))
    fields |= dict(zip(("year", "month", "day"), map(str, date_parts(item)), strict=False))
    fields["pubstate"] = escape(status(item))
    fields |= {name: escape(_first(data, sources)) for name, sources in FIELDS.items()}
    fields |= _published(data, kind) | _identifiers(data, key, say)
    fields["pages"] = re.sub(r"\s*[-–—]+\s*", "--", escape(plain(data.get("pages")).replace("--", "-")))
    fields["langid"] = LANGUAGES.get(plain(data.get("language"))[:2].lower(), "")
    fields = {name: value for name, value in fields.items() if value} or {"title": ""}  # an empty entry is no BibTeX
    return {"ENTRYTYPE": kind, "ID": key} | fields


def _kind(data: dict[str, Any]) -> str:
    kind = TYPES.get(data.get("itemType") or "", "misc")
    if kind == "phdthesis" and re.search(r"(?i)\b(master|m\.?sc|m\.?a\b|diplom)", plain(data.get("thesisType"))):
        return "mastersthesis"
    return kind


def _first(data: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((text for text in (plain(data.get(name)) for name in names) if text), "")


def _whole(text: str) -> str:
    """Escaped text for a field that BibTeX takes for a list: "and" does not divide it."""
    return "{" + escape(text) + "}" if re.search(r"(?i)\band\b", text) else escape(text)


def _published(data: dict[str, Any], kind: str) -> dict[str, str]:
    """Where it appeared: journal or book, publisher in the field that suits the type, place, number, kind of talk."""
    fields = {}
    if kind in CONTAINERS:
        name, sources = CONTAINERS[kind]
        fields[name] = escape(_first(data, sources))
    name, sources = PUBLISHERS.get(kind, OTHER_PUBLISHERS)
    if not (kind == "misc" and arxiv_id(data)):
        fields[name] = _whole(_first(data, sources))
    if kind == "inproceedings" and plain(data.get("proceedingsTitle")):
        fields["eventtitle"] = escape(plain(data.get("conferenceName")))
    fields["address"] = _whole(plain(data.get("place")))
    fields["number"] = escape(_first(data, ("issue", "reportNumber", "patentNumber", "number", "seriesNumber")))
    fields["type"] = escape(
        _first(data, ("reportType", "presentationType", "manuscriptType", "postType", "websiteType"))
    )
    return fields


def _identifiers(data: dict[str, Any], key: str, say: Say) -> dict[str, str]:
    fields = {"doi": doi(data), "url": clean_url(data.get("url"))}
    for name in ("DOI", "url"):
        if plain(data.get(name)) and not fields[name.lower()]:
            say(f"{key}: {name} left out, it is none: {plain(data[name])[:40]!r}")
    identifier = arxiv_id(data)
    if identifier:
        fields |= {"archiveprefix": "arXiv", "eprint": identifier}
    if TYPES.get(data.get("itemType") or "") in ("online", "inreference"):
        match = re.match(r"\d{4}-\d{2}-\d{2}", plain(data.get("accessDate")))
        fields["urldate"] = match[0] if match else ""
    return fields


def doi(data: dict[str, Any]) -> str:
    """The DOI without its resolver, from its field or from a line in Extra; "" if there is none that can be one."""
    line = DOI_LINE.search(str(data.get("extra") or ""))
    match = DOI.match(plain(data.get("DOI"))) or (DOI.match(plain(line[1])) if line else None)
    return match[1] if match and match[1].isascii() else ""


def arxiv_id(data: dict[str, Any]) -> str:
    """The arXiv identifier without version: from the archive's field, Extra, the address, or arXiv's DOI."""
    line = ARXIV_LINE.search(str(data.get("extra") or ""))
    url = ARXIV_URL.match(plain(data.get("url")))
    tries = [
        re.sub(r"(?i)^arxiv:\s*", "", plain(data.get("archiveID"))),
        line[1] if line else "",
        url[1] if url else "",
    ]
    tries.append(re.sub(r"(?i)^10\.48550/arxiv\.", "", doi(data)))
    return next((match[1] for match in map(ARXIV.fullmatch, tries) if match), "")


def clean_url(value: Any) -> str:
    """A web address that is safe to link to: http, https, ftp, or a DOI; anything else, `javascript:` too, gives ""."""
    url = plain(value)
    if url.lower().startswith("doi:") and DOI.match(url):
        url = "https://doi.org/" + DOI.match(url)[1]
    scheme, separator, rest = url.partition("://")
    if scheme.lower() not in SCHEMES or not separator or not rest.strip("/"):
        return ""
    return scheme.lower() + "://" + quote(rest, safe="!#$%&'()*+,/:;=?@[]~-._")


def write(entry_: dict[str, str]) -> str:
    """One entry as text, by bibtexparser: fields in alphabetical order, one a line."""
    from bibtexparser.bibdatabase import BibDatabase
    from bibtexparser.bwriter import BibTexWriter

    writer = BibTexWriter()
    writer.indent, writer.add_trailing_comma, writer.display_order = "  ", True, ()
    database = BibDatabase()
    database.entries = [entry_]
    return writer.write(database).strip() + "\n"


def join(entries: dict[str, str]) -> str:
    """The whole file: entries by citation key, a blank line between two."""
    return "\n".join(entries[key] for key in sorted(entries))


def split(text: str) -> dict[str, str]:
    """The entries of a file that `join` wrote, by citation key."""
    blocks = [block.strip("\n") + "\n" for block in re.split(r"\n\n(?=@)", text) if block.strip()]
    return {match[1]: block for block in blocks if (match := re.match(r"@\w+\{([^,\s]*),", block))}
