"""What `press check` says about the bibliography as it lies on disk, and how `press sync` tells what it did."""

from __future__ import annotations

import difflib
import json
import re
from typing import Any

from press.core.bib import entries
from press.core.errors import PressError, Problem
from press.core.pandoc import run_pandoc
from press.core.project import Project
from press.intake.zotero.citing import citations
from press.intake.zotero.state import bib_path, digest, load
from press.intake.zotero.sync import Outcome

FIELD = r"(?im)^\s*{}\s*=\s*[{{\"]+([^}}\",]+)"
ARXIV_URL = re.compile(r"(?i)arxiv\.org/(?:abs|pdf)/([^\s?#]+?)(?:v\d+)?(?:\.pdf)?$")
# Preprint servers: arXiv, bioRxiv and medRxiv, Research Square, PsyArXiv, SSRN, Preprints.org, ChemRxiv, OSF
PREPRINT_DOIS = ("10.48550/", "10.1101/", "10.21203/", "10.31234/", "10.2139/", "10.20944/", "10.26434/", "10.31219/")
SHOWN = 8


def bibliography_report(project: Project) -> tuple[list[Problem], list[str]]:
    """Problems in the bibliography, and notes that are none.

    Problems: two entries for one DOI or arXiv id; a cited entry without author or year. Notes: entries that nothing
    cites, those among them without author or year, preprints published since, a file that the sync did not write.
    """
    path = bib_path(project)
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(run_pandoc(["-f", "biblatex", "-t", "csljson"], text))
    except (OSError, UnicodeDecodeError, RuntimeError):
        return [], []  # `check_sources` has said so
    sources, _ = entries(text)
    lines = {key: text[: text.find(source)].count("\n") + 1 for key, source in sources.items()}
    cited = citations(project.root)
    problems, notes = [], []
    for message, keys in duplicates(found, sources).items():
        problems.append(
            Problem(
                path.name,
                lines.get(keys[1], 0),
                f"{message} appears twice: {', '.join(keys)}. Merge the items in Zotero",
            )
        )
    for name, lacking in incomplete(found).items():
        problems += [
            Problem(path.name, lines.get(key, 0), f"@{key} is cited and has no {name}")
            for key in lacking
            if key in cited
        ]
        notes += _note(f"without {name}", [key for key in lacking if key not in cited])
    if "*" not in cited:
        notes += _note("never cited", [entry["id"] for entry in found if entry["id"] not in cited])
    notes += [f"{path.name}:{lines.get(key, 0)}: @{key} {why}" for key, why in published(found, sources).items()]
    return sorted(problems), [*notes, *_state_notes(project)]


def _note(what: str, keys: list[str]) -> list[str]:
    if not keys:
        return []
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    count = "1 entry" if len(keys) == 1 else f"{len(keys)} entries"
    return [f"{count} {what}: {', '.join(sorted(keys)[:SHOWN])}{more}"]


def duplicates(found: list[dict[str, Any]], sources: dict[str, str]) -> dict[str, list[str]]:
    """DOIs and arXiv ids that more than one entry has -> their keys, sorted."""
    having: dict[str, set[str]] = {}
    for entry in found:
        if doi := entry.get("DOI", "").lower():
            having.setdefault(f"DOI {doi}", set()).add(entry["id"])
        if identifier := arxiv_of(entry, sources):
            having.setdefault(f"arXiv {identifier}", set()).add(entry["id"])
    return {what: sorted(keys) for what, keys in having.items() if len(keys) > 1}


def arxiv_of(entry: dict[str, Any], sources: dict[str, str]) -> str:
    """The entry's arXiv id without version; "" for none."""
    source = sources.get(entry["id"], "")
    match = re.search(FIELD.format("eprint"), source) if re.search(r"(?i)arxiv", source) else None
    match = (
        match or ARXIV_URL.search(entry.get("URL", "")) or re.match(r"(?i)10\.48550/arxiv\.(.+)", entry.get("DOI", ""))
    )
    return re.sub(r"v\d+$", "", match[1].strip().lower()) if match else ""


def incomplete(found: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Keys of entries without author (or editor), and without year."""
    return {
        "author": [entry["id"] for entry in found if not entry.get("author") and not entry.get("editor")],
        "year": [entry["id"] for entry in found if not entry.get("issued") and not entry.get("status")],
    }


def published(found: list[dict[str, Any]], sources: dict[str, str]) -> dict[str, str]:
    """Preprints whose DOI is not a preprint server's: they have appeared somewhere."""
    what = {}
    for entry in found:
        doi = entry.get("DOI", "").lower()
        preprint = re.match(r"(?i)@(misc|unpublished|online)\b", sources.get(entry["id"], "").lstrip())
        if preprint and doi and not doi.startswith(PREPRINT_DOIS) and arxiv_of(entry, sources):
            what[entry["id"]] = (
                f"is a preprint that has been published since: https://doi.org/{doi}. Update the item in Zotero"
            )
    return what


def _state_notes(project: Project) -> list[str]:
    try:
        state, bib = load(project)
    except PressError as error:
        return [str(problem) for problem in error.problems]
    if state and state.bib != digest(bib):
        return [f"{bib_path(project).name} is not what the last sync wrote; the next one will refuse to lose any of it"]
    return []


def tell(outcome: Outcome, dry_run: bool) -> list[str]:
    """The result of a sync in lines; of a dry run, the diff."""
    if dry_run and outcome.new != outcome.old:
        texts = outcome.old.splitlines(), outcome.new.splitlines()
        return list(difflib.unified_diff(*texts, "references.bib", "references.bib, synced", lineterm="", n=1))
    counts = {
        "added": outcome.added,
        "changed": outcome.changed,
        "removed": outcome.removed,
        "renamed": outcome.renamed,
    }
    parts = [
        f"{len(keys)} {what} ({', '.join(list(keys)[:SHOWN])}{', ...' * (len(keys) > SHOWN)})"
        for what, keys in counts.items()
        if keys
    ]
    lines = [f"references.bib: {'; '.join(parts) or 'up to date'}, library version {outcome.version}"]
    return lines + [f"rewrote citations in {name}" for name in outcome.rewritten]
