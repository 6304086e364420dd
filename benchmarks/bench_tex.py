"""How many equations of real papers get the number that LaTeX prints.

    python benchmarks/bench_tex.py FOLDER... [--truth FILE] [--show] [--main FILE]

Each folder holds the LaTeX source of one paper; none is part of this project. LaTeX itself (pdflatex) is run on each,
fenced in as `press fetch --latex` does it, and what it prints is the truth. A row for each paper: equations that LaTeX
numbers; those that the reader found; those with the right number; those that it calls unsure; those that are wrong, lost
or invented without a word; those that become MathML; seconds of processor time and peak memory of the reader.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import calibration

from press.core.errors import PressError
from press.intake.archive import TEXT
from press.intake.auxfile import Printed
from press.intake.compare import matched, repeated
from press.intake.pdflatex import run_latex
from press.tex.data import Numbered
from press.tex.paper import main_file, read_paper

COLUMNS = ("latex", "found", "right", "unsure", "wrong", "lost", "invented", "mathml")


def files_of(folder: Path) -> dict[str, bytes]:
    """The files that an archive of this paper would give."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name.lower().endswith(TEXT)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def read_one(folder: Path, main: str) -> dict:
    """What the reader finds, with its cost; run in a process of its own."""
    try:
        paper = read_paper(files_of(folder), main)
        result = {"equations": [asdict(entry) for entry in paper.equations], "blank": paper.blank, "refused": ""}
        result["warnings"] = paper.warnings
    except PressError as error:
        result = {"equations": [], "blank": [], "warnings": [], "refused": str(error)}
    used = resource.getrusage(resource.RUSAGE_SELF)
    return result | {"seconds": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss / 1024}


def truth_of(folder: Path, main: str, kept: dict) -> tuple[list[Printed], str]:
    """What LaTeX prints, from what was kept of an earlier run if nothing changed."""
    files = files_of(folder)
    digest = hashlib.sha256(repr((sorted(files.items()), main)).encode()).hexdigest()
    if digest not in kept:
        printed, trouble = run_latex(files, main, processor=120)
        kept[digest] = {"printed": [asdict(entry) for entry in printed], "trouble": trouble}
    return [Printed(**entry) for entry in kept[digest]["printed"]], kept[digest]["trouble"]


def measure(result: dict, printed: list[Printed], show: bool) -> dict:
    """Counts of one paper."""
    pairs = matched([Numbered(**entry) for entry in result["equations"]], printed)
    again = repeated(pairs, result["blank"])
    doubtful = any(entry["unsure"] for entry in result["equations"])
    counts = dict.fromkeys(COLUMNS, 0)
    for k, (entry, other) in enumerate(pairs):
        if k in again:
            continue
        right = entry is not None and other is not None and entry.number == other.number
        counts["latex"] += other is not None
        counts["found"] += entry is not None and other is not None
        counts["right"] += right
        counts["unsure"] += entry is not None and bool(entry.unsure)
        counts["mathml"] += entry is not None and entry.mathml
        if right or (entry and entry.unsure):
            continue
        kind = "wrong" if entry and other else "invented" if entry else "lost"
        counts[kind] += entry is not None or not doubtful
        if show:
            at = entry.place if entry else f"{other.file}:{other.first}: "
            print(f"   {at}{kind}: read {entry and entry.number}, LaTeX {other and other.number}")
    return counts


def main() -> int:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--truth", type=Path, help="JSON file in which what LaTeX printed is kept between runs")
    parser.add_argument("--show", action="store_true", help="show each equation that is wrong")
    parser.add_argument("--main", default="", help="the file to begin with, in every folder")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(read_one(given.folders[0], given.main)))
        return 0
    kept = json.loads(given.truth.read_text()) if given.truth and given.truth.exists() else {}
    totals = dict.fromkeys(COLUMNS, 0)
    print(f"{'paper':40s}" + "".join(f"{name:>9s}" for name in (*COLUMNS, "s", "MB")))
    for folder in given.folders:
        try:
            start = given.main or main_file(files_of(folder))
        except PressError as error:
            print(f"{folder.name[:40]:40s} {error}")
            continue
        printed, trouble = truth_of(folder, start, kept)
        if given.truth:
            given.truth.write_text(json.dumps(kept))
        command = [sys.executable, __file__, str(folder), "--one", "--main", start]
        result = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        counts = measure(result, printed, given.show)
        row = "".join(f"{counts[name]:9d}" for name in COLUMNS)
        note = (result["refused"] and f"  REFUSED: {result['refused'][:80]}") or (trouble and f"  ({trouble[:90]})")
        print(f"{folder.name[:40]:40s}{row}{result['seconds']:9.1f}{result['memory']:9.0f}{note}", flush=True)
        if given.show:
            print("".join(f"   {warning[:160]}\n" for warning in result["warnings"]), end="")
        if not trouble:
            totals = {name: totals[name] + counts[name] for name in COLUMNS}
    print(f"{'all that LaTeX takes':40s}" + "".join(f"{totals[name]:9d}" for name in COLUMNS))
    calibration.tell()
    return 0


if __name__ == "__main__":
    sys.exit(main())
