"""Why an entry of the sync differs from Better BibTeX's, field by field: the reasons of `bench_zotero_fixtures.py`.

A reason is a sentence and a test that must hold for it. Where a field is missing here, the test looks from where in the item
its value came: only what is named in NOT_TAKEN may be missing. Where one is missing there, all of it must stand in the
item: nothing is invented.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import unicodedata
from difflib import SequenceMatcher
from urllib.parse import unquote

from pylatexenc.latex2text import LatexNodes2Text

from press.intake.zotero.dates import MONTHS, parse
from press.intake.zotero.identifiers import as_doi, clean_url

RENAMED = {"journaltitle": "journal", "location": "address", "issue": "number", "language": "langid"}
RENAMED |= dict.fromkeys(("school", "institution", "howpublished", "organization", "venue"), "publisher")
RENAMED |= {"eprinttype": "archiveprefix"}
# Fields of an item that the sync does not take, and why.
NOT_TAKEN = {
    "abstractNote": "abstracts are not published",
    "tags": "tags are compared with a reading status and never kept",
    "notes": "notes are private",
    "attachments": "paths of files are private",
    "collections": "collections choose items, and are not written",
    "extra": "of Extra only citation key, DOI and arXiv id are taken, no fields, dates or remarks",
    "shortTitle": "short titles are not taken",
    "journalAbbreviation": "journals are written out, whichever short name there is",
    "numPages": "the number of pages is not taken",
    "numberOfVolumes": "the number of volumes is not taken",
    "accessDate": "when a page was looked at is said of web pages alone",
    "callNumber": "the shelf of a library is not taken",
    "rights": "rights are not taken",
    "language": "a language that Pandoc need not know, English too, is not written",
    "genre": "the genre of a film is not taken",
    "type": "what kind of data set or standard is not taken",
    "applicationNumber": "an application's number is not a patent's",
    "section": "the section of a newspaper is not taken",
}
NOT_TAKEN |= dict.fromkeys(("archive", "archiveLocation"), "where an original lies is not taken")
NOT_TAKEN |= dict.fromkeys(("originalDate", "originalPublisher", "originalPlace"), "the first edition is not taken")
NOT_TAKEN |= dict.fromkeys(("dateAdded", "dateModified"), "when an item came into the library is not taken")
NOT_TAKEN |= dict.fromkeys(("status", "legalStatus"), "the status of a patent or a standard is not taken")
# Fields that hold one of those in another form, so that no test of words can tell.
FORMS = {
    "abstract": "abstractNote",
    "annotation": "notes",
    "collections": "collections",
    "file": "attachments",
    "groups": "collections",
    "keywords": "tags",
    "langid": "language",
    "note": "notes",
    "shortjournal": "journalAbbreviation",
    "shorttitle": "shortTitle",
    "timestamp": "dateAdded",
    "urldate": "accessDate",
}
MORE = dict.fromkeys(
    ("archiveprefix", "eprint"), "identifiers other than DOI, arXiv id and ISBN are not taken, nor found in addresses"
)
MORE["type"] = "what kind of thesis, letter or patent it is, the type of the entry says"
MORE["pubstate"] = "that a preprint is one, its type says; the status of a patent or a standard is not taken"
MORE |= dict.fromkeys(
    ("options", "entrysubtype", "editortype", "editoratype", "editorbtype", "nameatype"),
    "words for BibLaTeX alone: kinds of roles, subtypes, useprefix",
)
# Pairs of types, ours and theirs, that mean the same to Pandoc or that BibTeX alone knows.
TYPES = "phdthesis thesis, mastersthesis thesis, techreport report, incollection inbook, book mvbook, software misc, online misc, "
TYPES += "inreference article, article unpublished, legislation misc, letter unpublished, misc standard, misc online, audio misc, "
TYPES += (
    "book booklet, article review, inreference incollection, phdthesis misc, video misc, artwork misc, techreport misc"
)
SAME_TYPES = {tuple(pair.split()) for pair in TYPES.split(", ")}
PEOPLE = (
    "author",
    "editor",
    "translator",
    "bookauthor",
    "editora",
    "editorb",
    "namea",
    "collaborator",
    "holder",
    "with",
)
SYNTAX = {"family", "given", "prefix", "suffix", "useprefix", "true", "false", "i", "initials", "and"}
logging.getLogger("pylatexenc").setLevel(logging.ERROR)


@functools.lru_cache(maxsize=100_000)
def decoded(text: str) -> str:
    """What a field's LaTeX stands for, in small letters without accents."""
    with contextlib.suppress(Exception):  # fixtures hold LaTeX of every kind; what cannot be read is taken as it is
        text = LatexNodes2Text(math_mode="verbatim", keep_comments=True).latex_to_text(text)
    text = unicodedata.normalize("NFKD", re.sub("<[^>]*>", "", text).casefold())
    return " ".join("".join(c for c in text if not unicodedata.combining(c)).split())


def words(text: str) -> frozenset[str]:
    """The words of a text, without capitals, accents and LaTeX."""
    return frozenset(re.findall(r"[^\W_]+", decoded(text)))


def letters(text: str) -> str:
    """Letters and digits of a text, without the names of LaTeX's commands."""
    return re.sub(r"[\W_]", "", decoded(re.sub(r"\\[A-Za-z]+", "", text)))


def canonical(entry: dict[str, str]) -> dict[str, str]:
    """An entry's fields under one name each, whichever of BibTeX and BibLaTeX it is; a date in one piece."""
    found: dict[str, str] = {}
    for name, value in entry.items():
        name = RENAMED.get(name, name)
        if name != "ID" and value.strip():
            found[name] = found[name] + " " + value if name in found else value
    parts = [found.pop(part, "") for part in ("year", "month", "day")]
    parts[0] = re.sub(r"^(-?)0*(\d+)$", lambda year: f"{year[1]}{int(year[2]):04}", parts[0])
    date = found.get("date") or "-".join(filter(None, [parts[0], _month(parts[1]), parts[2]]))
    if date:
        found["date"] = re.sub(r"T[\d:.Z+-]*$", "", re.sub(r"(?<=-)(\d)(?!\d)", r"0\1", date))
    for name in ("isbn", "issn"):
        if name in found:
            found[name] = found[name].replace("-", "")
    return found


def _month(text: str) -> str:
    return str(MONTHS.index(text[:3].lower()) + 1) if text[:3].lower() in MONTHS else text


def reason(field: str, mine: str, theirs: str, data: dict, ours: dict[str, str]) -> str:
    """Why two fields differ: "same" if they do not, "" if no reason is known.

    Args:
        field: its canonical name.
        mine, theirs: its two values; "" where there is none.
        data: the item's.
        ours: all fields of our entry.
    """
    if mine and theirs and (words(mine) == words(theirs) or letters(mine) == letters(theirs)):
        return "same"
    if field == "ENTRYTYPE":
        return _type(mine, theirs, data)
    if mine and theirs:
        return _otherwise(field, mine, theirs, data)
    return _ours(field, mine, data) if mine else _theirs(field, theirs, data, ours)


def _type(mine: str, theirs: str, data: dict) -> str:
    if (mine, theirs) in SAME_TYPES:
        return "another type for the same, as BibTeX has it or Pandoc reads it"
    extra = str(data.get("extra"))
    return NOT_TAKEN["extra"] if theirs in words(extra) or re.search(r"(?i)\btype\s*[:=]", extra) else ""


def _ours(field: str, mine: str, data: dict) -> str:
    """Why a field is here and not there."""
    own = words(" ".join(str(value) for value in data.values()))
    if field == "date" and parse(str(data.get("date") or data.get("dateDecided") or data.get("dateEnacted"))):
        return "the date is the item's"
    if field == "note":
        return "what has no field of its own is told in a note: roles, sections of laws"
    if field in ("archiveprefix", "langid"):
        return "the archive and the language under their usual names"
    if words(mine) - {"and"} <= own or letters(mine) in letters(" ".join(map(str, data.values()))):
        return "the item's own; left out there for this type or by the fixture's settings"
    return ""


def _theirs(field: str, theirs: str, data: dict, ours: dict[str, str]) -> str:
    """Why a field is there and not here."""
    there = words(theirs) - SYNTAX
    if field in PEOPLE:
        told = words(" ".join(ours.get(name, "") for name in ("author", "editor", "translator", "bookauthor", "note")))
        return (
            "directors are authors, and roles without a field are told in a note"
            if there <= told
            else _extra(there, data)
        )
    if "url" in ours and unquote(ours["url"]) in theirs:
        return "the same words stand in another field of ours"
    for name in ("title", "booktitle", "eventtitle", "journal", "publisher", "series", "type", "pubstate", "address"):
        if there <= words(ours.get(name, "")) and not letters(theirs).isdigit():
            return "the same words stand in another field of ours"
    for name, why in NOT_TAKEN.items():
        value = str(data.get(name) or "")
        if name in FORMS.values() and name != "accessDate" and FORMS.get(field) != name:
            continue  # words of notes and the like would explain anything
        if value and (there <= words(value) | words(field) or (len(theirs) > 3 and letters(theirs) in letters(value))):
            return why
    if field == "doi" and not as_doi(theirs):
        return "what is not a DOI is left out, and the sync says so"
    if field == "url" and not clean_url(theirs):
        return "what is not an address is left out, and the sync says so"
    if field == "date" and not parse(re.sub(r"^-?00+(?=\d)", "", theirs)):
        return "what holds no year of three digits is not a date"
    if field == "origdate":
        return NOT_TAKEN["originalDate"]
    if field == "journal" and data.get("itemType") not in ("journalArticle", "magazineArticle", "newspaperArticle"):
        return "a field that the API does not have for this type, or a short name"
    return NOT_TAKEN[FORMS[field]] if field in FORMS else MORE.get(field, "")


def _extra(there: frozenset[str], data: dict) -> str:
    return NOT_TAKEN["extra"] if there <= words(str(data.get("extra"))) else ""


def _otherwise(field: str, mine: str, theirs: str, data: dict) -> str:
    """Why a field is another here than there."""
    if field in PEOPLE and words(mine) - {"and"} <= words(theirs):
        return "people by BibTeX's own rules, not by BibLaTeX's `family=` or another mark between them"
    if field in PEOPLE and not mine.isascii() and SequenceMatcher(None, letters(mine), letters(theirs)).ratio() > 0.8:
        return "letters of other scripts as they are, not as accents of LaTeX"
    if field == "date":
        return _date(mine, theirs, data)
    if field in ("note", "pubstate"):
        return "roles are told in the note, words in place of a date in pubstate; " + NOT_TAKEN["notes"]
    if field == "langid":
        return "a language without its region, under the name that Pandoc knows"
    if field == "title" and re.search(r"[$<\\{}^]|[^\x00-\u024f\u2010-\u201f]", str(data.get("title"))):
        return "formulas and markup: dollars and Zotero's five tags are understood, everything else is text"
    if field == "number" and letters(mine).endswith(letters(theirs)):
        return "a patent's number keeps its country"
    if field in ("journal", "booktitle", "publisher", "address", "edition", "eprint", "archiveprefix") and (
        words(mine) - {"and"} <= words(" ".join(str(value) for value in data.values()))
        or (field == "archiveprefix" and mine == "arXiv")
    ):
        return "the item's own words, neither shortened, numbered nor taken from Extra"
    if field == "title" and words(theirs) < words(mine):
        return "a title is not divided"
    if field == "url" and letters(unquote(mine)) == letters(theirs):
        return "what an address may not hold is escaped"
    return _extra(words(theirs) - SYNTAX, data)


def _date(mine: str, theirs: str, data: dict) -> str:
    if mine.startswith(theirs):
        return "a day that BibTeX has no place for there, or a month"
    if re.search(r"[~?%xu]|\.\.|unknown|-(?:1[3-9]|[2-9]\d)|/$", theirs):
        return "a year alone where there was a season, a doubt or an open end"
    if theirs.startswith(mine):
        return "a month in words that the server reads for us"
    if set(mine.split("-")) | set(theirs.split("-")) <= words(f"{data.get('date')} {data.get('extra')}") | {"-"}:
        return "two years, or a day and a month that could change places: the server decides, without it the first"
    return ""
