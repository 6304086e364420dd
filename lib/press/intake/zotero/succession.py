"""Which item continues another: a work that was deleted and imported again, or stands in the library twice."""

from __future__ import annotations

from collections.abc import Iterable

from press.intake.zotero import bibtex, keys
from press.intake.zotero.identifiers import identities
from press.intake.zotero.state import State


def former_works(state: State, left: Iterable[str], before: dict[str, str]) -> dict[str, str]:
    """Names of the works that have left -> the citation key that they had.

    Args:
        state: what the last sync left.
        left: keys of the items that are no longer there.
        before: the entries of the old bibliography, by citation key; those of works that left earlier are in the state.
    """
    former = dict(state.former)
    for name in sorted(left, key=lambda name: state.items.get(name, "")):
        key = state.items.get(name, "")
        former |= {work: key for work in identities(before.get(key, "")) if key}
    return former


def inherited(present: dict[str, dict], known: set[str], former: dict[str, str], taken: set[str]) -> dict[str, str]:
    """New items of works that have been here before -> the citation key that such a work had.

    Args:
        present: the items that were read, by key.
        known: keys of items that have, or had, a citation key of their own.
        former: see `former_works`.
        taken: citation keys that are in use.
    """
    found: dict[str, str] = {}
    if not former:
        return found
    for name in sorted(set(present) - known):
        works = identities(bibtex.write(bibtex.entry(present[name], "new", lambda _: None)))
        free = sorted({former[work] for work in works & set(former)} - taken - set(found.values()))
        if free and not keys.pinned_key(present[name]["data"]):
            found[name] = free[0]
    return found


def heirs(removed: Iterable[str], before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """Citation keys that have gone -> the key under which the same work stands in the new bibliography."""
    works = {key: identities(before.get(key, "")) for key in removed}
    if not any(works.values()):
        return {}
    standing = {work: key for key in sorted(after, reverse=True) for work in identities(after[key])}
    found = {key: sorted(standing[work] for work in names if work in standing) for key, names in works.items()}
    return {key: keys_[0] for key, keys_ in found.items() if keys_}
