"""Citation keys: the author's own where there is one, else `authorYearword`, and from then on frozen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from press.core.source import CROSSREF
from press.intake.zotero.dates import date_parts
from press.intake.zotero.latex import plain

LEGAL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_]|[:.+/-](?=[A-Za-z0-9_]))*")
PINNED = re.compile(r"^\s*citation[ -]key\s*:\s*(\S+)\s*$", re.IGNORECASE | re.MULTILINE)
FOLD = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "æ": "ae", "Æ": "AE", "œ": "oe", "đ": "d", "ı": "i", "þ": "th"}
)
SMALL = re.compile(
    "a|an|and|are|as|at|by|de|der|die|do|does|el|for|from|how|in|into|is|la|le|of|on|or|the|to|towards|via|we|what|why|with"
)


def pinned_key(data: dict[str, Any]) -> str:
    """The author's own key: the field of Zotero 8 and later, else Better BibTeX's line in Extra; "" for none."""
    native = plain(data.get("citationKey"))
    match = PINNED.search(str(data.get("extra") or ""))
    return native or (plain(match[1]) if match else "")


def is_legal(key: str) -> bool:
    """Whether Pandoc, BibTeX and Quarto all take this key; Quarto reads `fig-x` and its like as cross references."""
    return bool(LEGAL.fullmatch(key)) and not CROSSREF.match(key)


def generated_key(item: dict[str, Any]) -> str:
    """`authorYearword` in ASCII: first creator's last name, year, first word of the title that says something.

    An institution gives its first word; without a creator the forum, site or studio does; without a year it is `nd`.
    """
    data = item["data"]
    creators = data.get("creators") or []
    authors = [c for c in creators if c.get("creatorType") not in ("editor", "translator", "contributor")] or creators
    name = plain(authors[0].get("lastName")) if authors else ""
    places = [plain(data.get(field)) for field in ("forumTitle", "websiteTitle", "blogTitle", "studio")]
    whole = next((text for text in [plain(c.get("name")) for c in authors[:1]] + places if text), "anon")
    name = name or next((word for word in whole.split() if fold(word) and not SMALL.fullmatch(word.lower())), whole)
    year = date_parts(item)[:1]
    title = re.sub(r"<[^>]*>", " ", plain(data.get("title")))
    words = [fold(word) for word in re.findall(r"[^\W_]+(?:-[^\W_]+)*", title)]
    word = next((word for word in words if word and not SMALL.fullmatch(word) and not word.isdigit()), "")
    return (fold(name) or "anon") + (str(abs(year[0])) if year else "nd") + word[:20]


def fold(text: str) -> str:
    """Lower-case ASCII letters and digits of a text."""
    text = unicodedata.normalize("NFKD", text.translate(FOLD)).lower()
    return re.sub(r"[^a-z0-9]", "", text)[:30]


def letters() -> Iterator[str]:
    """a, b, ... z, aa, ab, ..."""
    number = 0
    while True:
        number += 1
        rest, text = number, ""
        while rest:
            rest, digit = divmod(rest - 1, 26)
            text = chr(97 + digit) + text
        yield text


def assign(items: dict[str, dict], frozen: dict[str, str], reserved: set[str], say) -> dict[str, str]:
    """A key for each of these items.

    An item keeps the key that it has unless its author pinned another one. Items that want the same key get a, b, c in
    the order of their item keys; one that has a key already never loses it to a newcomer.

    Args:
        items: item key -> item as the API returns it.
        frozen: item key -> citation key, from earlier syncs.
        reserved: keys that belong to other items; nobody gets one of these.
        say: told about keys that cannot be used.
    """
    wanted: dict[str, str] = {}
    pinned = set()
    for name in sorted(items):
        pin = pinned_key(items[name]["data"])
        if pin and not is_legal(pin):
            say(f"{name}: citation key {pin!r} is not valid (use only letters, digits, _ and inner : . + / -)")
            pin = ""
        if pin:
            pinned.add(name)
        wanted[name] = pin or frozen.get(name) or generated_key(items[name])
    taken = {key.casefold() for key in reserved}
    keys: dict[str, str] = {}
    for name, key in wanted.items():  # first who has it already, or has it with a letter
        own = frozen.get(name, "")
        stays = own == key or (own.startswith(key) and re.fullmatch("[a-z]{1,2}", own[len(key) :]) and name in pinned)
        if own and stays and own.casefold() not in taken:
            keys[name] = own
            taken.add(own.casefold())
    rivals: dict[str, list[str]] = {}
    for name, key in wanted.items():
        if name not in keys:
            rivals.setdefault(key.casefold(), []).append(name)
    for names in rivals.values():
        _share(names, wanted, pinned, taken, keys, say)
    return keys


def _share(names: list[str], wanted: dict[str, str], pinned: set[str], taken: set[str], keys: dict, say) -> None:
    """Give keys to new items that want the same one: a pin is kept bare for the first, the others get letters."""
    free = wanted[names[0]].casefold() not in taken
    first = next((name for name in names if name in pinned), names[0] if len(names) == 1 else "")
    for name in names:
        key = wanted[name]
        if not (free and name == first):
            key = next(key + letter for letter in letters() if (key + letter).casefold() not in taken)
            if name in pinned:
                say(f"{name}: citation key {wanted[name]!r} is taken; it gets {key!r}. Give it its own in Zotero")
        keys[name] = key
        taken.add(key.casefold())
