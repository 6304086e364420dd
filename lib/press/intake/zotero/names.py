"""People and institutions as BibTeX writes them."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from press.intake.zotero.latex import escape, plain

SUFFIX = re.compile(r"^(.*?),\s*((?:Jr|Sr)\.?|[IVX]{2,4})$")
ROLES = {"editor": "editor", "translator": "translator", "bookAuthor": "bookauthor"}
# Roles that BibTeX has no field for, and what a note calls them; every other role counts as author.
OTHERS = {
    "attorneyAgent": "Attorney or agent",
    "castMember": "Cast member",
    "chair": "Chair",
    "commenter": "Commenter",
    "contributor": "Contributor",
    "cosponsor": "Cosponsor",
    "counsel": "Counsel",
    "executiveProducer": "Executive producer",
    "guest": "Guest",
    "host": "Host",
    "illustrator": "Illustrator",
    "interviewer": "Interviewer",
    "narrator": "Narrator",
    "organizer": "Organizer",
    "producer": "Producer",
    "recipient": "Recipient",
    "reviewedAuthor": "Reviewed author",
    "scriptwriter": "Scriptwriter",
    "seriesCreator": "Series creator",
    "seriesEditor": "Series editor",
    "wordsBy": "Words by",
}


def name_fields(creators: Any) -> dict[str, str]:
    """The fields author, editor, translator, bookauthor; whoever made it counts as author, whatever Zotero calls it."""
    people = _people(creators)
    fields: dict[str, list[str]] = {}
    for person in people:
        role = person.get("creatorType")
        kind = ROLES.get(role) or ("" if role in OTHERS else "author")
        if kind and (name := one_name(person)):
            fields.setdefault(kind, []).append(name)
    if not fields:
        fields = {"author": [name for name in map(one_name, people) if name]}
    return {kind: " and ".join(names) for kind, names in fields.items() if names}


def role_notes(creators: Any) -> list[str]:
    """`Series editor: Ada Byron; Carl Gauss` for each role that BibTeX has no field for.

    With nobody else there, these people are the authors (see `name_fields`), and what they did is said all the same.
    """
    notes: dict[str, list[str]] = {}
    for person in _people(creators):
        name = " ".join(filter(None, map(plain, map(person.get, ("firstName", "lastName"))))) or plain(
            person.get("name")
        )
        if name and person.get("creatorType") in OTHERS:
            notes.setdefault(OTHERS[person["creatorType"]], []).append(name)
    return [f"{role}: {', '.join(names)}" for role, names in notes.items()]


def _people(creators: Any) -> list[dict[str, Any]]:
    return [c for c in creators if isinstance(c, dict)] if isinstance(creators, list) else []


def one_name(person: dict[str, Any]) -> str:
    """`Last, First`, `von Last, First`, `Last, Jr., First`, or `{An Institution}`; "" for an empty name.

    Zotero holds particles in the last name; BibTeX knows them by their small letters. Braces keep together what would
    otherwise be taken apart: commas, braces, =, "and", the name of who has only one, small letters after a capital,
    several words of which the first begins with no letter that has a case, such as a Korean one (Pandoc takes for a
    particle whatever is no capital), and an opening quotation mark (Pandoc looks for its end in the names that follow).
    """
    last, first = plain(person.get("lastName")), plain(person.get("firstName"))
    if not last or not first:
        whole = plain(person.get("name")) or last or first
        return "{" + escape(whole) + "}" if whole else ""
    suffix = SUFFIX.match(first)
    if suffix and suffix[1]:
        return f"{_part(last, family=True)}, {_part(suffix[2])}, {_part(suffix[1])}"
    return f"{_part(last, family=True)}, {_part(first)}"


def _part(text: str, family: bool = False) -> str:
    words = text.split()
    odd = bool(set(",={}‘“") & set(text)) or not re.search(r"\w", text)
    odd |= bool({"and", "others"} & {word.lower() for word in words})
    if family:
        small = [word[0].islower() for word in words]
        rising = sorted(small, reverse=True) == small and not all(small)
        odd |= any(small) and (not rising or not text.isascii() or not re.fullmatch(r"[A-Za-z .'-]+", text))
        odd |= len(words) > 1 and not small[0] and unicodedata.category(text[0]) not in ("Lu", "Lt")
        odd |= bool(re.match(r"[^\w]|\d", text)) or "-" in text[:3] or "'" in text[:3] or "’" in text[:3]
    else:
        odd |= bool(re.match(r"[^\W\d_]", text)) and words[0][0].islower()
    return "{" + escape(text) + "}" if odd else escape(text)
