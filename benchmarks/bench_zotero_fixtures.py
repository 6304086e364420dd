"""The sync on Better BibTeX's export fixtures: what differs from the files that it expects, by field, and why.

    .venv/bin/python benchmarks/bench_zotero_fixtures.py FOLDER [--show FIELD] [--only TEXT]

FOLDER is `test/fixtures/export` of a copy of the public repository retorquere/zotero-better-bibtex. Each of its libraries
is served on loopback and synced; every entry is read back by bibtexparser and by Pandoc and compared with its item.
Then each is compared with the entry of the expected file, field by field. A difference is meant if one of the reasons
in `zotero_differences.py` says so; what none explains is listed, and the exit status is 1. Prints a table: entries that
say the same in a field, and the number of differences for each reason.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT), str(ROOT / "benchmarks")]

from tests.press.intake.zotero.reading import expected_people, loose, pandoc, parse, people  # noqa: E402
from tests.press.intake.zotero.zotero import Library, Server  # noqa: E402
from zotero_differences import canonical, reason, words  # noqa: E402

from press.core.project import open_project  # noqa: E402
from press.intake.zotero.bibtex import is_entry  # noqa: E402
from press.intake.zotero.latex import plain  # noqa: E402
from press.intake.zotero.names import OTHERS, ROLES  # noqa: E402
from press.intake.zotero.sync import Wishes, sync  # noqa: E402

# The fixtures call fields alike for all types; the API that the sync reads calls these by type.
TYPED = {
    "authority": "court case, legislativeBody bill, legislativeBody hearing, issuingAuthority patent, organization standard",
    "date": "dateDecided case, issueDate patent, dateEnacted statute",
    "medium": "artworkMedium artwork, audioRecordingFormat audioRecording, videoRecordingFormat film, audioFileType podcast, "
    "interviewMedium interview, videoRecordingFormat tvBroadcast, videoRecordingFormat videoRecording, format dataset",
    "number": "billNumber bill, docketNumber case, identifier dataset, documentNumber hearing, patentNumber patent, "
    "episodeNumber podcast, episodeNumber radioBroadcast, episodeNumber tvBroadcast, archiveID preprint, "
    "reportNumber report, publicLawNumber statute",
    "pages": "codePages bill, firstPage case",
    "place": "repositoryLocation dataset",
    "publicationTitle": "blogTitle blogPost, bookTitle bookSection, reporter case, proceedingsTitle conferencePaper, "
    "dictionaryTitle dictionaryEntry, encyclopediaTitle encyclopediaArticle, forumTitle forumPost, "
    "programTitle radioBroadcast, programTitle tvBroadcast, websiteTitle webpage",
    "publisher": "label audioRecording, company computerProgram, repository dataset, repository preprint, distributor film, "
    "network radioBroadcast, network tvBroadcast, institution report, university thesis, studio videoRecording",
    "title": "caseName case, subject email, nameOfAct statute",
    "type": "websiteType blogPost, websiteType webpage, genre film, genre preprint, postType forumPost, letterType letter, "
    "manuscriptType manuscript, mapType map, presentationType presentation, reportType report, thesisType thesis",
    "volume": "codeVolume bill, reporterVolume case",
}
NAMES = {
    (base, kind): name for base, pairs in TYPED.items() for name, kind in (pair.split() for pair in pairs.split(", "))
}


def read_items(path: Path) -> list[dict]:
    """The items of a fixture, as the API would return them."""
    found = json.loads(path.read_text(encoding="utf-8"))
    items = []
    for number, data in enumerate(found.get("items", []), 1):
        kind = data.get("itemType", "")
        typed = {NAMES.get((name, kind), name): value for name, value in data.items() if name != "collections"}
        if isinstance(typed.get("extra"), list):
            typed["extra"] = "\n".join(map(str, typed["extra"]))
        key = f"K{number:07}"
        items.append({"key": key, "version": 1, "meta": {}, "data": typed | {"key": key, "version": 1}})
    return items


def synced(items: list[dict], said: list[str]) -> tuple[dict[str, str], str]:
    """Citation keys by item key, and the bibliography, after a sync from a server on loopback."""
    with tempfile.TemporaryDirectory() as folder, Server(Library(items)) as server:
        root = Path(folder)
        (root / "_quarto.yml").write_text("bibliography: references.bib\n")
        outcome = sync(open_project(root), Wishes(), said.append, server.environment)
        return json.loads((root / "references.json").read_text())["items"], outcome.new


def round_trip(items: list[dict], keys: dict[str, str], text: str) -> list[str]:
    """What bibtexparser or Pandoc read otherwise than the items say; empty when all is well."""
    raw, seen, wrong = parse(text), pandoc(text), []
    if not set(raw) == set(seen) == set(keys.values()):
        return [f"entries lost: {set(keys.values()) - set(raw)} {set(keys.values()) - set(seen)}"]
    for item in items:
        if item["key"] not in keys:
            continue
        data, entry, csl = item["data"], raw[keys[item["key"]]], seen[keys[item["key"]]]
        title = next(
            (plain(data[name]) for name in ("title", "caseName", "nameOfAct", "subject") if data.get(name)), ""
        )
        creators = data.get("creators") or []
        authors = [c for c in creators if c.get("creatorType") not in ROLES and c.get("creatorType") not in OTHERS]
        authors = authors or (creators if not {c.get("creatorType") for c in creators} & set(ROLES) else [])
        checks = {
            "title": loose(csl.get("title", "")) == loose(title),
            "author": people(csl.get("author", [])) == expected_people(authors),
            "doi": csl.get("DOI", "") == entry.get("doi", ""),
            "url": csl.get("URL", "") == entry.get("url", ""),
        }
        wrong += [f"{entry['ID']}: {name}" for name, right in checks.items() if not right]
    return wrong


def expected_entries(path: Path) -> list[dict[str, str]]:
    """The entries of the files that Better BibTeX expects for a fixture: its BibLaTeX, else its BibTeX."""
    for kind in ("biblatex", "bibtex"):
        stem = path.name.removesuffix(".json")
        files = [path.with_name(f"{stem}.{kind}"), *sorted(path.parent.glob(f"{glob_escape(stem)}.*.{kind}"))]
        files = [file for file in files if file.exists()]
        if files:
            text = "\n".join(line for line in files[0].read_text(encoding="utf-8").splitlines() if line[:1] != "%")
            return [{name: _plain(value) for name, value in entry.items()} for entry in parse(text).values()]
    return []


def _plain(value) -> str:
    """A field's value; abbreviations such as months stand for themselves."""
    if isinstance(value, str):
        return value
    return "".join(part if isinstance(part, str) else part.name for part in value.expr)


def glob_escape(text: str) -> str:
    """A name without the characters that a pattern gives a meaning."""
    return "".join(f"[{c}]" if c in "[]*?" else c for c in text)


def pairs(items: list[dict], theirs: list[dict[str, str]]) -> list[tuple[dict, dict[str, str]]]:
    """Items and the expected entries that were made of them: those that share most of their words."""
    known = [words(" ".join(str(value) for name, value in item["data"].items() if name != "key")) for item in items]
    wanted = [words(" ".join(value for name, value in entry.items() if name != "ENTRYTYPE")) for entry in theirs]
    scores = sorted(
        ((len(a & b) / (len(b) or 1), -i, -j) for i, a in enumerate(known) for j, b in enumerate(wanted)), reverse=True
    )
    found, used, done = [], set(), set()
    for score, i, j in scores:
        if score > 0.5 and -i not in used and -j not in done:
            used.add(-i)
            done.add(-j)
            found.append((items[-i], theirs[-j]))
    return found


def main() -> int:
    """Run all fixtures and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--show", default="", metavar="FIELD", help="list every difference in this field")
    parser.add_argument("--only", default="", metavar="TEXT", help="only fixtures with this in their name")
    given = parser.parse_args()
    counts, same, table, unexplained = Counter(), Counter(), Counter(), []
    for path in sorted(given.folder.glob("*.json")):
        if path.name.endswith((".csl.json", ".schomd.json")) or given.only not in path.name:
            continue
        items = [item for item in read_items(path) if is_entry(item["data"])]
        counts["fixtures"] += 1
        counts["items"] += len(items)
        try:
            keys, text = synced(items, [])
            broken = round_trip(items, keys, text)
        except Exception as error:
            counts["crashes"] += 1
            unexplained.append(f"{path.name}: {type(error).__name__}: {error}")
            continue
        counts["round trips that failed"] += len(broken)
        unexplained += [f"{path.name}: read back: {line}" for line in broken]
        ours = parse(text)
        for item, entry in pairs(items, expected_entries(path)):
            counts["compared"] += 1
            mine, wanted = canonical(ours[keys[item["key"]]]), canonical(entry)
            for field in sorted(set(mine) | set(wanted)):
                a, b = mine.get(field, ""), wanted.get(field, "")
                why = reason(field, a, b, item["data"], mine, wanted)
                same[field] += why == "same"
                table[field, why] += why != "same"
                if why == "" or (field == given.show != "" and why != "same"):
                    unexplained.append(f"{path.name}: {field}: {a!r}, expected {b!r} [{why}]")
    print_table(counts, same, table)
    print("\n".join(unexplained))
    return 1 if (table.total() and any(why == "" for _, why in table)) or counts["crashes"] else 0


def print_table(counts: Counter, same: Counter, table: Counter) -> None:
    """All counts, a line for each field and reason."""
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    for field in sorted(set(same) | {field for field, _ in table}):
        print(f"\n{field:14} {same[field]:6} the same")
        for (name, why), count in sorted(table.items(), key=lambda row: -row[1]):
            if name == field and count:
                print(f"{'':14} {count:6} {why or 'UNEXPLAINED'}")
    total = sum(table.values())
    left = sum(count for (_, why), count in table.items() if not why)
    print(f"\n{sum(same.values())} fields the same, {total} different, {left} unexplained")


if __name__ == "__main__":
    sys.exit(main())
