"""`papers/<citekey>/paper.toml` -> frozen dataclasses, every problem with file, line and the legal choices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from postkit.verdicts import Claim
from press.core.errors import PressError, Problem
from press.core.source import read_text, relative
from press.papers.recordfile import NAME, Record, read_records
from press.papers.schemacheck import (
    CLAIM,
    EQUATION,
    NEEDED,
    TOP,
    check_claim,
    check_equations,
    check_head,
    check_table,
    check_unique,
)
from press.papers.tomlfile import key_lines, parse


@dataclass(frozen=True)
class Equation:
    """One equation of a paper.

    Args:
        number: as the paper prints it, such as "12".
        latex: LaTeX that renders as MathML, without macros of the paper's own.
        says: what it says, in one line; formulas stand between dollars, such as $x_0$.
        implemented_by: public functions, such as "diffloop.ddim.ddim_step".
        checked_by: pytest ids, such as "tests/diffloop/test_ddim.py::test_name".
        read: a sentence on where its number was read; "" if what the paper's `read` says holds.
    """

    number: str
    latex: str
    says: str
    implemented_by: tuple[str, ...] = ()
    checked_by: tuple[str, ...] = ()
    read: str = ""


@dataclass(frozen=True)
class Paper:
    """One paper.

    Args:
        citekey: its folder's name, and its key in the bibliography.
        file: its paper.toml, relative to the project's root.
        arxiv: id with version; "" if it is not on arXiv.
        read: a sentence on where the numbers of its equations were read; "" for none.
        related: citekeys of related papers.
        symbols: this paper's notation -> ours.
        equations: those that matter here, in the file's order.
        claims: its headline claims, in the file's order.
        lines: line of each key of the file, e.g. ("claims", "0", "verdict").
        records: what `press record` found, of the record.toml beside it.
    """

    citekey: str
    file: str
    arxiv: str
    read: str
    related: tuple[str, ...]
    symbols: Mapping[str, str]
    equations: tuple[Equation, ...]
    claims: tuple[Claim, ...]
    lines: Mapping[tuple[str, ...], int] = field(repr=False, compare=False)
    records: tuple[Record, ...] = ()

    def claim_place(self, id: str, *keys: str) -> tuple[str, int]:
        """File and line of a claim's key, or of the claim where it has no such key."""
        index = next(i for i, claim in enumerate(self.claims) if claim.id == id)
        return self.file, _line_of(self.lines, ("claims", str(index), *(keys or ("id",))))


def read_papers(root: Path) -> tuple[Paper, ...]:
    """Every paper of the project, sorted by citekey; folders whose names begin with "_" or "." are drafts, left out.

    Raises:
        PressError: all problems of all papers, a claim id that two papers have among them.
    """
    papers: list[Paper] = []
    problems: list[Problem] = []
    for path in sorted((root / "papers").glob("*/paper.toml")):
        if path.parent.name[0] in "._":
            continue
        try:
            papers.append(read_paper(path, root))
        except PressError as error:
            problems += error.problems
    first: dict[str, str] = {}
    for paper in papers:
        for claim in paper.claims:
            if claim.id in first:
                message = (
                    f"duplicate claim id {claim.id!r}: {first[claim.id]} already has it. IDs are unique across all"
                )
                problems.append(Problem(*paper.claim_place(claim.id), f"{message} papers; rename one"))
            first.setdefault(claim.id, paper.file)
    if problems:
        raise PressError(problems)
    return tuple(papers)


def claims_by_id(papers: Iterable[Paper]) -> dict[str, Claim]:
    """All claims of all papers; `read_papers` has seen to it that their ids differ."""
    return {claim.id: claim for paper in papers for claim in paper.claims}


def check_citekeys(papers: Iterable[Paper], known: Iterable[str]) -> list[Problem]:
    """Citekeys and related citekeys that the bibliography does not have."""
    keys, problems = set(known), []
    for paper in papers:
        for name, key in [("citekey", paper.citekey), *(("related", key) for key in paper.related)]:
            if key not in keys:
                message = f"{name} {key!r} is not in the bibliography. Add the paper in Zotero and run press sync"
                problems.append(Problem(paper.file, _line_of(paper.lines, (name,)), message))
    return problems


def read_paper(path: Path, root: Path) -> Paper:
    """Read and check one paper.toml, and the record.toml beside it.

    Raises:
        PressError: every problem of the first, else of the second.
    """
    file = relative(path, root)
    text = read_text(path, root)
    data = parse(text, file)
    lines = key_lines(text)
    problems: list[Problem] = []

    def wrong(message: str, *keys: str) -> None:
        problems.append(Problem(file, _line_of(lines, keys), message))

    check_table(data, TOP, (), NEEDED[""], wrong)
    if problems:
        raise PressError(problems)
    check_head(data, path.parent.name, wrong)
    for kind, types in (("equations", EQUATION), ("claims", CLAIM)):
        for index, table in enumerate(data.get(kind, [])):
            check_table(table, types, (kind, str(index)), NEEDED[kind], wrong)
    if problems:
        raise PressError(problems)
    check_equations(data.get("equations", []), wrong)
    for index, table in enumerate(data.get("claims", [])):
        check_claim(table, ("claims", str(index)), wrong)
    check_unique(data.get("claims", []), "claims", "id", wrong)
    if problems:
        raise PressError(problems)
    equations = tuple(Equation(**_frozen(table)) for table in data.get("equations", []))
    claims = tuple(Claim(**_frozen(table)) for table in data.get("claims", []))
    related, symbols = tuple(data.get("related", ())), data.get("symbols", {})
    named = (data["citekey"], file, data.get("arxiv", ""), data.get("read", ""))
    records = read_records(path.with_name(NAME), root, data["citekey"], claims)
    return Paper(*named, related, symbols, equations, claims, lines, records)


def _frozen(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _line_of(lines: Mapping[tuple[str, ...], int], keys: tuple[str, ...]) -> int:
    """Line of the key, else of the nearest table around it, else 1."""
    while keys and keys not in lines:
        keys = keys[:-1]
    return lines.get(keys, 1)
