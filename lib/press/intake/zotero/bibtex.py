"""A Zotero item as a BibTeX entry, and entries as the text of `references.bib`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from press.intake.zotero.dates import date_parts, date_range, status
from press.intake.zotero.identifiers import ARXIV, ARXIV_NUMBER, arxiv_id, clean_url, doi
from press.intake.zotero.languages import language
from press.intake.zotero.latex import escape, plain, rich
from press.intake.zotero.names import name_fields, role_notes

TYPES = {
    "artwork": "misc",
    "audioRecording": "audio",
    "bill": "legislation",
    "blogPost": "online",
    "book": "book",
    "bookSection": "incollection",
    "case": "jurisdiction",
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
    "statute": "legislation",
    "thesis": "phdthesis",
    "tvBroadcast": "video",
    "videoRecording": "video",
    "webpage": "online",
}
NOT_ENTRIES = ("attachment", "note", "annotation")
# Fields of an item that hold the same for different types; the API names them by type, exports often by the first.
PUBLISHER = (
    "publisher",
    "university",
    "institution",
    "company",
    "studio",
    "distributor",
    "network",
    "label",
    "repository",
)
NUMBER = (
    "issue",
    "number",
    "reportNumber",
    "patentNumber",
    "billNumber",
    "docketNumber",
    "documentNumber",
    "identifier",
)
NUMBER += ("publicLawNumber", "episodeNumber", "archiveID", "seriesNumber")
KIND = ("reportType", "presentationType", "manuscriptType", "postType", "websiteType", "letterType", "mapType")
WEBSITE = ("blogTitle", "websiteTitle", "forumTitle", "publicationTitle")
# Field of the entry -> fields of the item, the first that is not empty wins.
FIELDS = {
    "chapter": ("chapterNumber",),
    "edition": ("edition",),
    "holder": ("assignee",),
    "isbn": ("ISBN",),
    "issn": ("ISSN",),
    "organization": ("organization",),
    "version": ("versionNumber",),
    "volume": ("volume", "reporterVolume", "codeVolume", "codeNumber"),
}
LISTS = ("address", "holder", "howpublished", "institution", "organization", "publisher", "school")
TITLES = {"series": ("series", "seriesTitle", "seriesText")}
CONTAINERS = {
    "article": ("journal", ("publicationTitle", "journalAbbreviation")),
    "audio": ("booktitle", ("programTitle", "publicationTitle")),
    "incollection": ("booktitle", ("bookTitle", "publicationTitle")),
    "inproceedings": ("booktitle", ("proceedingsTitle", "publicationTitle", "conferenceName")),
    "inreference": ("booktitle", ("encyclopediaTitle", "dictionaryTitle", "publicationTitle")),
    "jurisdiction": ("journal", ("reporter", "publicationTitle")),
    "legislation": ("journal", ("code", "publicationTitle")),
    "video": ("booktitle", ("programTitle", "publicationTitle")),
}
PUBLISHERS = {
    "jurisdiction": ("institution", ("court", "authority")),
    "legislation": ("institution", ("legislativeBody", "authority")),
    "misc": ("howpublished", PUBLISHER),
    "online": ("howpublished", WEBSITE),
    "phdthesis": ("school", PUBLISHER),
    "mastersthesis": ("school", PUBLISHER),
    "techreport": ("institution", PUBLISHER),
    "unpublished": ("howpublished", ("meetingName", "publisher")),
}
# What BibTeX has no field for in laws and cases, and a note calls it.
LEGAL = {"committee": "Committee", "section": "Section", "session": "Session", "history": "History"}
DOCTORAL = re.compile(r"(?i)\bph\.?\s?d\b|doctora|\bdiss")

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
    spoken = language(plain(data.get("language")))
    legal = kind in ("jurisdiction", "legislation")  # their titles are names from the first word to the last
    keep = True if legal else spoken != "english" if spoken else None
    fields = {"title": rich(_first(data, ("title", "caseName", "nameOfAct", "subject")), keep)}
    fields |= name_fields(data.get("creators"))
    fields |= dict(zip(("year", "month", "day"), map(str, date_parts(item)), strict=False))
    fields |= {"date": date_range(item), "pubstate": escape(status(item))}
    fields |= {name: _text(name, _first(data, sources)) for name, sources in FIELDS.items()}
    fields |= _published(data, kind, keep) | _identifiers(data, key, say)
    pages = _first(data, ("pages", "codePages", "firstPage"))
    fields["pages"] = re.sub(r"\s*[-–—]+\s*", "--", escape(pages.replace("--", "-")))
    notes = role_notes(data.get("creators"))
    if legal or data.get("itemType") == "hearing":
        notes += [f"{word}: {plain(data[name])}" for name, word in LEGAL.items() if plain(data.get(name))]
    fields["note"] = escape(". ".join(notes))
    fields["langid"] = "" if spoken == "english" else spoken
    fields = {name: value for name, value in fields.items() if value} or {"title": ""}  # an empty entry is no BibTeX
    return {"ENTRYTYPE": kind, "ID": key} | fields


def _kind(data: dict[str, Any]) -> str:
    kind = TYPES.get(data.get("itemType") or "", "misc")
    if kind == "phdthesis" and re.search(r"(?i)\b(master|m\.?sc|m\.?a\b|diplom)", plain(data.get("thesisType"))):
        return "mastersthesis"
    return kind


def _first(data: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((text for text in (plain(data.get(name)) for name in names) if text), "")


def _text(name: str, text: str) -> str:
    """Escaped text for this field; where BibTeX takes it for a list, "and" does not divide it."""
    return "{" + escape(text) + "}" if name in LISTS and re.search(r"(?i)\band\b", text) else escape(text)


def _published(data: dict[str, Any], kind: str, keep: bool | None) -> dict[str, str]:
    """Where it appeared: journal or book, series, publisher in the field that suits the type, place, number, kind."""
    fields = {name: _book(_first(data, sources), keep) for name, sources in TITLES.items()}
    if kind in CONTAINERS:
        name, sources = CONTAINERS[kind]
        text = _first(data, sources)
        fields[name] = _book(text, keep) if name == "booktitle" else escape(text)
    name, sources = PUBLISHERS.get(kind, ("publisher", PUBLISHER))
    if not (kind == "misc" and arxiv_id(data)):
        fields[name] = _text(name, _first(data, sources))
    if kind == "inproceedings" and fields["booktitle"] != (event := _book(plain(data.get("conferenceName")), keep)):
        fields["eventtitle"] = event
    fields["address"] = _text("address", _first(data, ("place", "repositoryLocation", "country")))
    fields["number"] = escape(_number(data))
    fields["type"] = escape(_first(data, KIND))
    if kind == "phdthesis" and not DOCTORAL.search(plain(data.get("thesisType"))):
        fields["type"] = escape(plain(data.get("thesisType")))
    return fields


def _book(text: str, keep: bool | None) -> str:
    """The title of a book or a series, protected as titles are; a plain first word needs no braces for its capital."""
    return re.sub(r"^\{(\w[a-z]*)\}", r"\1", rich(text, keep))


def _number(data: dict[str, Any]) -> str:
    """Issue, number of a report, of a law, of a preprint: written once, and not where it is the arXiv id."""
    found = (plain(data.get(name)) for name in NUMBER)
    identifier = arxiv_id(data)
    return next((text for text in found if text and not (identifier and _is_arxiv(text))), "")


def _is_arxiv(number: str) -> bool:
    return bool(ARXIV_NUMBER.match(number) or ARXIV.fullmatch(number))


def _identifiers(data: dict[str, Any], key: str, say: Say) -> dict[str, str]:
    fields = {"doi": doi(data), "url": clean_url(data.get("url"))}
    for name in ("DOI", "url"):
        if plain(data.get(name)) and not fields[name.lower()]:
            say(f"{key}: {name} left out, it is not valid: {plain(data[name])[:40]!r}")
    identifier = arxiv_id(data)
    if identifier:
        fields |= {"archiveprefix": "arXiv", "eprint": identifier}
    if TYPES.get(data.get("itemType") or "") in ("online", "inreference"):
        match = re.match(r"\d{4}-\d{2}-\d{2}", plain(data.get("accessDate")))
        fields["urldate"] = match[0] if match else ""
    return fields


def write(entry_: dict[str, str]) -> str:
    """One entry as text, by bibtexparser: fields in alphabetical order, one per line."""
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
