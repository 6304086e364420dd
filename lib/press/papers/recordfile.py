"""`papers/<citekey>/record.toml`: what `press record` measured run by run. Read, checked, and written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from postkit.verdicts import SCALES, Claim
from press.core.errors import PressError, Problem, fail
from press.core.source import read_text, relative
from press.papers.schemacheck import LINE, TABLE, TABLES, TEXTS, check_table
from press.papers.tomlfile import key_lines, parse, written

NAME = "record.toml"
HEAD = "# What many runs found, written by `press record`, which continues from here.\n"
TOP = {"paper": LINE, "records": TABLES}
WHOLE, VALUE = "whole number, at least 0", "number"
RECORD = {"post": LINE, "key": LINE, "scale": LINE, "device": LINE, "parameters": TABLE, "versions": TABLE}
RECORD |= {"reads": TEXTS, "beside": TEXTS, "runs": TABLES}
OPTIONAL = ("beside",)
RUN = {"day": LINE, "commit": LINE, "values": TABLE}
NUMBERS = {"seed": int, "processor_seconds": (int, float)}
KEY = re.compile(r"[0-9a-f]{64}")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
LARGEST = 1e100  # what is beyond has no mean of squares
Wrong = Callable[..., None]


@dataclass(frozen=True)
class Run:
    """One run.

    Args:
        seed: the value of its parameter `seed`.
        day: by UTC, such as "2026-11-28".
        commit: what was checked out, as `commit_of` says it.
        seconds: of processor time.
        values: claim id -> what it measured.
    """

    seed: int
    day: str
    commit: str
    seconds: float
    values: Mapping[str, float]


@dataclass(frozen=True)
class Record:
    """The runs of one post under one key.

    Args:
        post: its slug.
        key: digest of all that the runs depend on, apart from parameters.
        scale: of its measurements.
        device: on which they ran.
        parameters: those that differ from the post's own, without `seed`, as JSON.
        versions: of Python and packages.
        reads: files that only a run shows the post to depend on, relative to the root.
        beside: other papers whose claims the same runs measured; their records have these runs too.
        place: file and line of the record.
    """

    post: str
    key: str
    scale: str
    device: str
    parameters: Mapping[str, str]
    versions: Mapping[str, str]
    reads: tuple[str, ...]
    runs: tuple[Run, ...]
    beside: tuple[str, ...] = ()
    place: tuple[str, int] = field(default=("", 0), compare=False)

    @property
    def kind(self) -> tuple[str, str, str, Mapping[str, str]]:
        """What the runs of one record have in common."""
        return self.post, self.key, self.scale, self.parameters


def read_records(path: Path, root: Path, citekey: str, claims: Iterable[Claim]) -> tuple[Record, ...]:
    """The records of a paper; none where there is no such file.

    Raises:
        PressError: every problem of the file, with its line.
    """
    if not os.path.lexists(path):
        return ()
    file = relative(path.parent, root) + f"/{NAME}"
    if path.is_symlink():
        raise fail(file, 0, "a symbolic link; press record writes its own file here. Move the link away")
    text = read_text(path, root)
    data, lines = parse(text, file), key_lines(text)
    problems: list[Problem] = []

    def wrong(message: str, *keys: str) -> None:
        way = f"Fix it, or delete {file} and run press record"
        problems.append(Problem(file, _line(lines, keys), f"{message}. {way}"))

    check_table(data, TOP, (), ("paper", "records"), wrong)
    if not problems and data["paper"] != citekey:
        wrong(f"paper {data['paper']!r} must be the folder's name, {citekey!r}", "paper")
    measured = {claim.id for claim in claims if not claim.exact}
    for index, table in enumerate([] if problems else data["records"]):
        _check_record(table, ("records", str(index)), measured, wrong)
    if problems:
        raise PressError(problems)
    return tuple(
        _record(table, (file, _line(lines, ("records", str(index))))) for index, table in enumerate(data["records"])
    )


def _line(lines: Mapping[tuple[str, ...], int], keys: tuple[str, ...]) -> int:
    while keys and keys not in lines:
        keys = keys[:-1]
    return lines.get(keys, 1)


def _check_record(table: dict[str, Any], at: tuple[str, ...], measured: set[str], wrong: Wrong) -> None:
    found = 0

    def told(message: str, *keys: str) -> None:
        nonlocal found
        found += 1
        wrong(message, *keys)

    check_table(table, RECORD, at, [key for key in RECORD if key not in OPTIONAL], told)
    if found:
        return
    if not KEY.fullmatch(table["key"]):
        wrong(f"key {table['key']!r} must be 64 characters: digits and letters a to f", *at, "key")
    if table["scale"] not in SCALES:
        wrong(f"scale {table['scale']!r} is unknown; legal: {', '.join(SCALES)}", *at, "scale")
    for name in ("parameters", "versions"):
        for key, value in table[name].items():
            if not isinstance(value, str):
                wrong(f"{name}: {key!r} must be a string, not {value!r}", *at, name, key)
    seeds: set[int] = set()
    for index, run in enumerate(table["runs"]):
        _check_run(run, (*at, "runs", str(index)), measured, seeds, wrong)


def _check_run(run: dict[str, Any], at: tuple[str, ...], measured: set[str], seeds: set[int], wrong: Wrong) -> None:
    numbers = {key: run[key] for key in NUMBERS if key in run}
    check_table({key: value for key, value in run.items() if key not in numbers}, RUN, at, RUN, wrong)
    for key, kinds in NUMBERS.items():
        if not _is_number(numbers.get(key), kinds) or numbers[key] < 0:
            wrong(f"{key} must be a {WHOLE if kinds is int else VALUE}, not {numbers.get(key)!r}", *at, key)
        elif key == "seed" and numbers[key] in seeds:
            wrong(f"seed {numbers[key]} is listed twice", *at, key)
        elif key == "seed":
            seeds.add(numbers[key])
    if isinstance(run.get("day"), str) and not DAY.fullmatch(run["day"]):
        wrong(f"day {run['day']!r} must look like 2026-11-28", *at, "day")
    values = run.get("values")
    for id, value in values.items() if isinstance(values, dict) else ():
        if id not in measured:
            legal = ", ".join(sorted(measured)) or "none"
            wrong(
                f"values: {id!r} is not a claim of this paper that involves chance. Legal: {legal}", *at, "values", id
            )
        elif not _is_number(value, (int, float)):
            wrong(f"values: {id} must be a finite number, not {value!r}", *at, "values", id)


def _is_number(value: Any, kinds: type | tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool) and abs(value) <= LARGEST


def _record(table: dict[str, Any], place: tuple[str, int]) -> Record:
    runs = tuple(
        Run(run["seed"], run["day"], run["commit"], float(run["processor_seconds"]), _floats(run["values"]))
        for run in table["runs"]
    )
    lists = {key: tuple(table.get(key, ())) for key in ("reads", "beside")}
    return Record(**{**table, **lists, "runs": runs}, place=place)


def _floats(values: Mapping[str, Any]) -> dict[str, float]:
    return {id: float(value) for id, value in values.items()}


def as_text(citekey: str, records: Sequence[Record]) -> str:
    """The file's text: the same records give the same bytes."""
    parts = [HEAD, f"paper = {written(citekey)}\n"]
    for record in records:
        keys = [key for key in RECORD if key != "runs" and (key not in OPTIONAL or getattr(record, key))]
        parts += ["\n[[records]]\n", *(f"{key} = {written(getattr(record, key))}\n" for key in keys)]
        for run in record.runs:
            parts += ["\n[[records.runs]]\n", f"seed = {run.seed}\n", f"day = {written(run.day)}\n"]
            parts += [f"commit = {written(run.commit)}\n", f"processor_seconds = {run.seconds!r}\n"]
            parts += [f"values = {written(run.values)}\n"]
    return "".join(parts)
