"""Why an entry of the sync differs from Better BibTeX's, field by field: the reasons of `bench_zotero_fixtures.py`."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import unicodedata

from pylatexenc.latex2text import LatexNodes2Text

RENAMED = {
    "journaltitle": "journal",
    "location": "address",
    "school": "publisher",
    "institution": "publisher",
    "howpublished": "publisher",
    "organization": "publisher",
    "issue": "number",
    "language": "langid",
    "eprinttype": "archiveprefix",
}
logging.getLogger("pylatexenc").setLevel(logging.ERROR)


def words(text: str) -> frozenset[str]:
    """The words of a text, without capitals, accents and LaTeX."""
    return frozenset(re.findall(r"[^\W_]+", decoded(text)))


@functools.lru_cache(maxsize=100_000)
def decoded(text: str) -> str:
    """What a field's LaTeX stands for, in small letters without accents."""
    with contextlib.suppress(Exception):  # fixtures hold LaTeX of every kind; what cannot be read is taken as it is
        text = LatexNodes2Text(math_mode="verbatim", keep_comments=True).latex_to_text(text)
    text = unicodedata.normalize("NFKD", re.sub("<[^>]*>", "", text).casefold())
    return " ".join("".join(c for c in text if not unicodedata.combining(c)).split())


def canonical(entry: dict[str, str]) -> dict[str, str]:
    """An entry's fields under one name each, whichever of BibTeX and BibLaTeX it is; a date in one piece."""
    found: dict[str, str] = {}
    for name, value in entry.items():
        name = RENAMED.get(name, name)
        if name != "ID" and value.strip():
            found[name] = found[name] + " " + value if name in found else value
    date = "-".join(found.pop(part, "") for part in ("year", "month", "day")).rstrip("-")
    if date and "date" not in found:
        found["date"] = date
    return found


def reason(field: str, mine: str, theirs: str, data: dict, ours: dict[str, str], wanted: dict[str, str]) -> str:
    """Why two fields differ: "same" if they do not, "" if no reason is known."""
    return "same" if words(mine) == words(theirs) else ""
