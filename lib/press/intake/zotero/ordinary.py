"""Which words are ordinary English ones, whose capital in a title means nothing.

No list of names is ever complete. So the question is put the other way round: a capital is given up only where the word
is known to be ordinary, from the list in `words.json`, by an ending added to a word of the list, or by an ending that
names do not have. Whatever is not known keeps its capital, which at worst looks a little old-fashioned.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

PREFIX = re.compile(
    "anti|auto|bio|co|counter|cross|cyber|de|dis|eco|electro|geo|hydro|hyper|infra|inter|intra|macro|mega|meta|micro|mid|"
    "mini|mis|mono|multi|nano|neo|neuro|non|over|photo|poly|post|pre|pseudo|psycho|quasi|re|self|semi|socio|sub|super|"
    "supra|tele|thermo|trans|ultra|un|under"
)
# Endings put to a word of the list; those of the second kind make names of short words: Fisher, Parker, Walker.
ENDING = re.compile(
    "'s|’s|s'|s’|s|es|ed|ing|ings|ly|al|ally|able|ably|ability|ments?|ness|ful|fully|less|ists?|istic|isms?|ics?|ical|ically|"
    "ity|ities|ive|ively|ions?|ations?|ational|ances?|ences?|ants?|ents?|ory|ories|ous|ously|ors?|i[sz]es?|i[sz]ed|"
    "i[sz]ing|i[sz]ations?|ships?|hood|like|wise"
)
LONG_ENDING = re.compile("ers?|iers?")
ABSTRACT = re.compile(
    ".{5,}(?:tions?|tional|tionally|sions?|ness|ments?|ities|ity|i[sz]ations?|i[sz]ing|i[sz]ed|ology|ologies|ological|"
    "ologists?|graphy|graphical?|metric|metry|scopic|scopy|less|tive|tively|ically|ible|ably|ibly)"
)


def is_ordinary(word: str) -> bool:
    """Whether a word, its capitals aside, is one that English writes in lower case."""
    word = word.lower()
    if word in words("names") or not re.fullmatch("[a-z'’]+", word):
        return False
    prefix = PREFIX.match(word)
    rest = word[prefix.end() :] if prefix else ""
    return _known(word) or (len(rest) > 3 and rest not in words("names") and _known(rest))


def _known(word: str) -> bool:
    if word in words("ordinary") or ABSTRACT.fullmatch(word):
        return True
    for cut in range(3, len(word)):
        stem, ending = word[:cut], word[cut:]
        if ENDING.fullmatch(ending) or (cut > 5 and LONG_ENDING.fullmatch(ending)):
            changed = {stem, stem + "e", stem + "y", re.sub("i$", "y", stem), re.sub(r"(..)(.)\2$", r"\1\2", stem)}
            if not words("ordinary").isdisjoint(changed):
                return True
    return False


@functools.cache
def words(kind: str) -> frozenset[str]:
    """One of the lists in `words.json`.

    Args:
        kind: "ordinary", words that no ending explains; "names", which look like ordinary words and are more often
            names; "english" and "other", small words that show a title's language, the latter none of them English;
            "small", longer words that an English headline may leave in lower case.
    """
    lists = json.loads(Path(__file__).with_name("words.json").read_text(encoding="utf-8"))
    return frozenset(" ".join(lists[kind]).split())
