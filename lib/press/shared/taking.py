"""Before stale posts run: take from a cache what fits exactly, and leave the rest to be executed here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from press.core.errors import fail
from press.core.project import Project
from press.papers.schema import Paper
from press.posts.cache import Key, differences, with_reads
from press.posts.plan import FORCED, Plan, Step
from press.posts.reads import refused, undeclared
from press.shared.catalogue import LARGEST_LIST, NAME, Blob, Entry, parse, read_list, shown
from press.shared.entries import checked_notebook, checked_record
from press.shared.places import NotHad, Place, Refused, as_place

HERE = "The post is executed here"


def take(plan: Plan, project: Project, papers: Sequence[Paper], text: str, say: Callable[[str], None]) -> None:
    """Enter results for stale steps into the project's own cache, and make them steps that need not run.

    Each is entered as it comes: a build that is killed takes only the rest the next time. What is refused is
    reported at once and, as it is an attack or damage, once more in the plan's notes.

    Args:
        plan: its steps are changed, but for those that are forced to run.
        text: what --cache-from was given; "" for nothing.
        say: told in one line what becomes of each post.

    Raises:
        PressError: the text names no place, or what asks servers is not installed.
    """
    wanted = [index for index, step in enumerate(plan.steps) if step.reasons and step.reasons != [FORCED]]
    if not wanted or not text:
        return
    try:
        place = as_place(text, say)
    except ValueError as error:
        raise fail("", 0, f"--cache-from: {error}") from None

    def loud(line: str) -> None:
        plan.notes.append(f"REFUSED from {place.name}: {line}")
        say(f"warning: REFUSED from {place.name}: {line}")

    try:
        entries = read_list(place.read(NAME, LARGEST_LIST), loud)
    except Refused as error:
        return loud(f"{error}. Every post is executed here")
    except NotHad as error:
        return say(f"nothing is taken from {place.name}: {error}. Every post is executed here")
    for index in wanted:
        step = plan.steps[index]
        try:
            plan.steps[index] = _taken(step, entries, plan, project, papers, place)
        except Refused as error:
            loud(f"{step.post.slug}: {error}. {HERE}")
        except NotHad as error:
            say(f"{step.post.slug} is not taken from {place.name}: {error}. {HERE}")
        else:
            plan.taken.append(step.post.slug)
            say(f"took {step.post.slug} from {place.name}")


def _taken(
    step: Step, entries: list[Entry], plan: Plan, project: Project, papers: Sequence[Paper], place: Place
) -> Step:
    """The step with its results in the project's cache.

    Raises:
        NotHad: there are none, or they are refused.
    """
    entry, key = _fitting(step, entries, plan, project)
    if entry is None:
        raise NotHad(_why_not(step, entries, place, project.root))
    record = checked_record(_blob(place, entry.record), entry, key)
    notebook = checked_notebook(_blob(place, entry.notebook), step, key, papers)
    about = {name: entry.executed[name] for name in ("day", "machine")}
    made = {"commit": entry.executed["commit"], "taken": {"origin": place.name, **about}}
    notebook["metadata"]["press"] |= made
    plan.cache.note_reads(step.base, list(entry.reads))
    plan.cache.put(key, step.post.slug, notebook, record["seconds"], about)
    plan.entered |= {step.base.digest, key.digest}
    plan.executed[step.post.slug] = notebook
    return replace(step, key=key, reasons=[])


def _fitting(step: Step, entries: Iterable[Entry], plan: Plan, project: Project) -> tuple[Entry | None, Key]:
    """The entry whose key is the post's own, with what its run read beyond what the source names."""
    for entry in (entry for entry in entries if entry.base == step.base.digest):
        names = list(entry.reads)
        # What a run here would note, and no more: a stranger's list must not make us read a file that a run would not.
        if names != undeclared(step.post, step.base, entry.reads, plan.library, project):
            continue
        if refused(step.post, names, project) or not all(_is_file(name, project.root) for name in names):
            continue
        key = with_reads(step.base, names, project.root, {})
        if key.digest == entry.key:
            return entry, key
    return None, step.key


def _is_file(name: str, root: Path) -> bool:
    path = root / name
    return path.is_file() and path.resolve().is_relative_to(root.resolve())


def _blob(place: Place, blob: Blob) -> bytes:
    """A file of the cache, as its list says that it is.

    Raises:
        NotHad: it is not there, or is another.
    """
    data = place.read(blob.file, blob.size)
    if len(data) != blob.size or hashlib.sha256(data).hexdigest() != blob.sha256:
        raise Refused(f"{blob.file[:12]}... is not what {NAME} says (its SHA-256 differs): damaged, or tampered with")
    return data


def _why_not(step: Step, entries: list[Entry], place: Place, root: Path) -> str:
    """Why nothing fits, by what the newest result for the same post was made of."""
    same = sorted((e for e in entries if e.slug == step.post.slug), key=lambda e: (e.executed["day"], e.key))
    if not same:
        return "it has nothing for this post"
    try:
        parts = parse(_blob(place, same[-1].record), "its record")["parts"]
        parts = {str(name): str(value) for name, value in parts.items()}
        here = with_reads(step.base, [name for name in same[-1].reads if _is_file(name, root)], root, {})
        found = [shown(line)[1:-1] for line in differences(parts, here.parts)]
    except (NotHad, TypeError, KeyError, AttributeError):
        found = []
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return "what it has was made from something else" + (f" ({', '.join(found[:3])}{more})" if found else "")
