"""`press sync`: bring `references.bib` up to date with a Zotero library.

Everything is read and judged first; then citations are rewritten if asked for, then the two files are put in place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from press.core.disk import locked
from press.core.errors import PressError, Problem, fail
from press.core.project import Project
from press.core.source import relative
from press.intake.zotero import bibtex, citing, client, keys
from press.intake.zotero.state import State, bib_path, check_path, commit, digest, load, recover, state_path
from press.intake.zotero.succession import former_works, heirs, inherited
from press.intake.zotero.tags import all_names, reading_status

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for; None means: as the environment says, else as last time."""

    library_id: str | None = None
    library_type: str | None = None
    collection: str | None = None
    tag: str | None = None
    local: bool = False
    rewrite: bool = False
    dry_run: bool = False
    full: bool = False


@dataclass
class Outcome:
    """What a sync did: citation keys added, changed, removed; old -> new keys; files rewritten; both texts.

    `heirs` are removed keys -> the key of the same work, which still stands in the library as another item.
    """

    version: int = 0
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    heirs: dict[str, str] = field(default_factory=dict)
    rewritten: list[str] = field(default_factory=list)
    old: str = ""
    new: str = ""


def sync(project: Project, wishes: Wishes, say: Say, environment: Mapping[str, str] = os.environ) -> Outcome:
    """Read the library and update `references.bib` and its state; with `dry_run` only say what would change.

    Raises:
        PressError: nothing can be read, a key was renamed and `rewrite` is not set, an entry that is cited would be
            lost, or anything that no sync wrote. Nothing is changed then.
    """
    check_path(project)
    with locked(project.work / "lock"):
        if not wishes.dry_run:
            recover(project)
        state, bib = load(project)
        source = choose_source(wishes, environment, state or State())
        since = _since(project, state, bib, source, wishes, say)
        reading = client.read_library(source, since, say)
        if reading is None:
            return Outcome(version=state.version, old=bib.decode(), new=bib.decode())
        outcome, new_state = merge(project, state or State(), bib.decode("utf-8", "replace"), reading, source, say)
        _guard(project, outcome, wishes.rewrite)
        if not wishes.dry_run and bib and (state is None or state.bib != digest(bib)):
            _keep_what_is_not_ours(project, outcome)
        if not wishes.dry_run:
            moved = outcome.renamed | (outcome.heirs if wishes.rewrite else {})
            if moved:
                outcome.rewritten = citing.rewrite(project.root, moved)
            commit(project, outcome.new.encode(), new_state)
        return outcome


def choose_source(wishes: Wishes, environment: Mapping[str, str], state: State) -> client.Source:
    """Which library to read: options first, then the environment, then what was read last time.

    Raises:
        PressError: no library is named, or one that needs a key has none.
    """
    last_kind, _, last_id = state.library.partition("/")
    kind = wishes.library_type or environment.get("ZOTERO_LIBRARY_TYPE", "") or last_kind.rstrip("s") or "user"
    if kind not in ("user", "group"):
        raise fail("", 0, f"ZOTERO_LIBRARY_TYPE {kind!r} is not valid. Legal: user, group")
    known = last_id if last_kind == kind + "s" else ""
    number = wishes.library_id or environment.get("ZOTERO_LIBRARY_ID", "") or known
    if wishes.local and kind == "user":
        number = number or "0"
    key = "" if wishes.local else environment.get("ZOTERO_API_KEY", "").strip()
    if not wishes.local and not key:
        raise fail(
            "",
            0,
            f"no ZOTERO_API_KEY in the environment. Create a read-only one at {client.KEYS_PAGE} and export it",
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise fail("", 0, f"ZOTERO_API_KEY contains characters that no key has. Copy it again from {client.KEYS_PAGE}")
    if not number.isascii() or not number.isdigit() or (number == "0" and not wishes.local):
        raise fail(
            "", 0, f"ZOTERO_LIBRARY_ID must be the number of the {kind}; user IDs are shown at {client.KEYS_PAGE}"
        )
    collection = state.collection if wishes.collection is None else wishes.collection
    tag = state.tag if wishes.tag is None else wishes.tag
    url = environment.get("ZOTERO_API_URL", "")
    return client.Source(kind, number, key, wishes.local, url, collection, tag)


def _since(project: Project, state: State | None, bib: bytes, source: client.Source, wishes: Wishes, say: Say) -> int:
    """The version to ask for changes since; 0 to read everything."""
    if state is None or state.status is None:
        return 0
    mine = "users/0" in (state.library, source.library) and state.library[:5] == source.library[:5] == "users"
    if state.library != source.library and not mine and not wishes.full:
        message = f"belongs to {state.library}, not to {source.library}. Read the other library with --full"
        raise fail(state_path(project).name, 0, message)
    if state.bib != digest(bib):
        say(f"note: {bib_path(project).name} is not what the last sync wrote; reading the whole library again")
        return 0
    same = (state.library, state.collection, state.tag) == (source.library, source.collection, source.tag)
    return state.version if same and not wishes.full and not wishes.local else 0


def merge(
    project: Project, state: State, old: str, reading: client.Reading, source: client.Source, say: Say
) -> tuple[Outcome, State]:
    """The new bibliography and the new state, from the old ones and what was read."""
    present = {name: item for name, item in reading.items.items() if _wanted(item["data"], source)}
    left = set(state.items) - set(present) if reading.whole else (set(reading.items) - set(present)) | reading.erased
    kept = {name: key for name, key in state.items.items() if name not in left and name not in present}
    retired = {
        name: key for name, key in (state.retired | state.items).items() if name not in present and name not in kept
    }
    before = bibtex.split(old)
    former = former_works(state, left, before)
    frozen = {**state.retired, **state.items}
    reserved = set(kept.values())
    taken = reserved | {key for name, key in frozen.items() if name in present}
    taken |= {keys.pinned_key(item["data"]) for item in present.values()}
    frozen |= inherited(present, set(frozen), former, taken)
    claimed = {frozen[name] for name in present if name in frozen}
    named = keys.assign(present, frozen, reserved | (_unclaimed(retired, present, reserved) - claimed), say)
    items = kept | named
    said = (state.status or {}) | {name: reading_status(item["data"]) for name, item in present.items()}
    after = {key: before[key] for key in kept.values() if key in before}
    after |= {key: bibtex.write(bibtex.entry(present[name], key, say)) for name, key in named.items()}
    outcome = Outcome(version=reading.version, old=old, new=bibtex.join(after))
    outcome.renamed = {
        state.items[name]: key for name, key in named.items() if name in state.items and state.items[name] != key
    }
    moved = set(outcome.renamed), set(outcome.renamed.values())
    outcome.added = sorted(set(after) - set(before) - moved[1])
    outcome.removed = sorted(set(before) - set(after) - moved[0])
    outcome.heirs = heirs(outcome.removed, before, after)
    outcome.changed = sorted(key for key in set(after) & set(before) if after[key] != before[key])
    library = state.library if source.library == "users/0" and state.library.startswith("users/") else source.library
    new_state = replace(
        state,
        library=library,
        version=0 if source.local else reading.version,
        collection=source.collection,
        tag=source.tag,
        bib=digest(outcome.new.encode()),
        items=items,
        retired={name: key for name, key in retired.items() if key not in items.values()},
        status={name: said[name] for name in items if said.get(name)},
        former={work: key for work, key in former.items() if key not in items.values()},
    )
    return outcome, new_state


def _unclaimed(retired: dict[str, str], present: dict[str, dict], reserved: set[str]) -> set[str]:
    """Keys of items that have left, unless an author pinned one of them to another item."""
    pinned = {keys.pinned_key(item["data"]) for item in present.values()}
    return {key for key in retired.values() if key not in pinned and key not in reserved}


def _wanted(data: dict, source: client.Source) -> bool:
    inside = not source.collection or source.collection in (data.get("collections") or [])
    return bibtex.is_entry(data) and inside and (not source.tag or source.tag in all_names(data))


def _guard(project: Project, outcome: Outcome, rewrite: bool) -> None:
    """Refuse what would break a citation."""
    cited = citing.citations(project.root)
    problems = []
    if outcome.renamed and not rewrite:
        for old, new in outcome.renamed.items():
            file, line = cited.get(old, ("", 0))
            problems.append(
                Problem(file, line, f"citation key {old!r} is {new!r} in Zotero now. Rewrite citations with --rewrite")
            )
    moved = outcome.renamed | outcome.heirs
    if rewrite:
        problems += citing.unsafe_renames(moved)
    for key in outcome.removed:
        if key in cited and not (rewrite and key in outcome.heirs):
            problems.append(Problem(*cited[key], _lost(key, outcome.heirs.get(key, ""))))
    if problems:
        raise PressError(problems)


def _keep_what_is_not_ours(project: Project, outcome: Outcome) -> None:
    """Refuse to lose an author's words: all that the file holds must be in the new one, as after a merge."""
    lost = sorted({*outcome.changed, *outcome.removed, *outcome.renamed})
    if not lost and bibtex.join(bibtex.split(outcome.old)) == outcome.old:
        return
    what = ", ".join(lost[:8]) + ", ..." * (len(lost) > 8) or "what stands between its entries"
    message = f"no sync wrote this file as it is, and a sync would lose {what}. `press sync --dry-run` shows the "
    message += "difference. Change the items in Zotero, then move the file away and sync again"
    raise fail(relative(bib_path(project), project.root), 0, message)


def _lost(key: str, heir: str) -> str:
    """What is wrong when a cited entry would go, and the ways out."""
    if heir:
        return (
            f"cites @{key}, whose item is no longer in the library; the same work (DOI, arXiv id or ISBN) is there as "
            f"@{heir}. Cite that one with --rewrite, or give it the Citation Key {key} in Zotero"
        )
    return (
        f"cites @{key}, which is no longer in the library. Restore it in Zotero, or give the item that replaces it the "
        f"Citation Key {key} there, or remove the citation"
    )
