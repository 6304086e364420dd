"""`papers/<citekey>/paper.toml` -> frozen dataclasses, every problem with file, line and the legal choices."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from postkit.verdicts import CONTRADICTED, DIRECTIONS, NOT_AT_THIS_SCALE, SCALES, VERDICTS, Claim
from press.errors import PressError, Problem
from press.papers.tomlfile import key_lines, parse
from press.source import read_text, relative

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
ARXIV = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7})v[1-9]\d*")
FUNCTION = re.compile(r"[a-z_]\w*(\.[a-z_]\w*)*\.[A-Za-z]\w*")
TEST = re.compile(r"tests/[\w./-]+\.py(::[A-Za-z_]\w*)+(\[.+\])?")

TEXT, LINE, NUMBER = "text", "text in one line", "number"
TEXTS, TABLE, TABLES = "list of texts", "table", "list of tables"
TOP = {"citekey": LINE, "arxiv": LINE, "related": TEXTS, "symbols": TABLE, "equations": TABLES, "claims": TABLES}
EQUATION = {"number": LINE, "latex": TEXT, "says": LINE, "implemented_by": TEXTS, "checked_by": TEXTS}
CLAIM = {"id": LINE, "statement": TEXT, "table": LINE, "row": LINE, "number": LINE, "quantity": TEXT}
CLAIM |= {"direction": LINE, "than": NUMBER, "expected": NUMBER, "tolerance": NUMBER, "verdict": TABLE}
CLAIM |= {"reason": TEXT, "numbers": TABLE}
NEEDED = {
    "": ("citekey",),
    "equations": ("number", "latex", "says"),
    "claims": ("id", "statement", "table", "number", "quantity", "direction"),
}


@dataclass(frozen=True)
class Equation:
    """One equation of a paper.

    Args:
        number: as the paper prints it, such as "12".
        latex: LaTeX that renders as MathML, without macros of the paper's own.
        says: what it says, in one line.
        implemented_by: public functions, such as "diffloop.ddim.ddim_step".
        checked_by: pytest ids, such as "tests/diffloop/test_ddim.py::test_name".
    """

    number: str
    latex: str
    says: str
    implemented_by: tuple[str, ...] = ()
    checked_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Paper:
    """One paper.

    Args:
        citekey: its folder's name, and its key in the bibliography.
        file: its paper.toml, relative to the project's root.
        arxiv: id with version; "" where it is not on arXiv.
        related: citekeys of related papers.
        symbols: this paper's notation -> ours.
        equations: those that matter here, in the file's order.
        claims: its headline claims, in the file's order.
        lines: line of each key of the file, e.g. ("claims", "0", "verdict").
    """

    citekey: str
    file: str
    arxiv: str
    related: tuple[str, ...]
    symbols: Mapping[str, str]
    equations: tuple[Equation, ...]
    claims: tuple[Claim, ...]
    lines: Mapping[tuple[str, ...], int] = field(repr=False, compare=False)

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
                message = f"duplicate claim id {claim.id!r}: {first[claim.id]} has it already. Ids are unique over all"
                problems.append(Problem(*paper.claim_place(claim.id), f"{message} papers; rename one"))
            first.setdefault(claim.id, paper.file)
    if problems:
        raise PressError(problems)
    return tuple(papers)


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
    """Read and check one paper.toml.

    Raises:
        PressError: every problem of the file.
    """
    file = relative(path, root)
    text = read_text(path, root)
    data = parse(text, file)
    lines = key_lines(text)
    problems: list[Problem] = []

    def wrong(message: str, *keys: str) -> None:
        problems.append(Problem(file, _line_of(lines, keys), message))

    _check_table(data, TOP, (), NEEDED[""], wrong)
    if problems:
        raise PressError(problems)
    _check_head(data, path.parent.name, wrong)
    for kind, types in (("equations", EQUATION), ("claims", CLAIM)):
        for index, table in enumerate(data.get(kind, [])):
            _check_table(table, types, (kind, str(index)), NEEDED[kind], wrong)
    if problems:
        raise PressError(problems)
    _check_equations(data.get("equations", []), wrong)
    for index, table in enumerate(data.get("claims", [])):
        _check_claim(table, ("claims", str(index)), wrong)
    _check_unique(data.get("claims", []), "claims", "id", wrong)
    if problems:
        raise PressError(problems)
    equations = tuple(Equation(**_frozen(table)) for table in data.get("equations", []))
    claims = tuple(Claim(**_frozen(table)) for table in data.get("claims", []))
    related, symbols = tuple(data.get("related", ())), data.get("symbols", {})
    return Paper(data["citekey"], file, data.get("arxiv", ""), related, symbols, equations, claims, lines)


def _frozen(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _line_of(lines: Mapping[tuple[str, ...], int], keys: tuple[str, ...]) -> int:
    """Line of the key, else of the nearest table around it, else 1."""
    while keys and keys not in lines:
        keys = keys[:-1]
    return lines.get(keys, 1)


def _check_table(
    table: Any, types: dict[str, str], at: tuple[str, ...], needed: Iterable[str], wrong: Callable
) -> None:
    what = f"{at[0]} entry: " if at else ""
    for key, value in table.items():
        if key not in types:
            wrong(f"{what}unknown key {key!r}. Legal: {', '.join(types)}", *at, key)
        elif not _is(value, types[key]):
            wrong(f"{what}{key} must be a {types[key]}, not {value!r}", *at, key)
    for key in needed:
        if key not in table:
            wrong(f"{what}key {key!r} is missing. Needed: {', '.join(needed)}", *at)


def _is(value: Any, kind: str) -> bool:
    if kind in (TEXT, LINE):
        text = isinstance(value, str) and bool(value.strip())
        return text and (kind == TEXT or "\n" not in value)
    if kind == NUMBER:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if kind == TABLE:
        return isinstance(value, dict)
    entry = dict if kind == TABLES else str
    return isinstance(value, list) and all(isinstance(item, entry) for item in value)


def _check_head(data: dict[str, Any], folder: str, wrong: Callable) -> None:
    if data["citekey"] != folder:
        wrong(f"citekey {data['citekey']!r} must be the folder's name, {folder!r}", "citekey")
    if "arxiv" in data and not ARXIV.fullmatch(data["arxiv"]):
        wrong(f"arxiv {data['arxiv']!r} must be an id with its version, such as 2010.02502v4", "arxiv")
    for key, value in data.get("symbols", {}).items():
        if not isinstance(value, str):
            wrong(f"symbols: {key} must be a text, not {value!r}", "symbols", key)


def _check_unique(tables: list[dict[str, Any]], kind: str, key: str, wrong: Callable) -> None:
    seen: set[str] = set()
    for index, table in enumerate(tables):
        if table[key] in seen:
            wrong(f"duplicate {kind} {key} {table[key]!r}. Each may be there once", kind, str(index), key)
        seen.add(table[key])


def _check_equations(tables: list[dict[str, Any]], wrong: Callable) -> None:
    _check_unique(tables, "equations", "number", wrong)
    rules = (("implemented_by", FUNCTION, "diffloop.ddim.ddim_step"), ("checked_by", TEST, "tests/a/test_b.py::test_c"))
    for index, table in enumerate(tables):
        for key, pattern, example in rules:
            for name in table.get(key, ()):
                if not pattern.fullmatch(name):
                    wrong(f"equations entry: {key}: {name!r} must look like {example}", "equations", str(index), key)


def _check_claim(table: dict[str, Any], at: tuple[str, str], wrong: Callable) -> None:
    what, direction = f"claim {table['id']!r}: ", table["direction"]
    if not SLUG.fullmatch(table["id"]):
        wrong(f"claim id {table['id']!r} is no slug: use lower-case letters, digits and single hyphens", *at, "id")
    if direction not in DIRECTIONS:
        wrong(f"{what}direction {direction!r} is unknown. Legal: {', '.join(DIRECTIONS)}", *at, "direction")
    elif direction == "near":
        if "expected" not in table:
            wrong(f"{what}direction 'near' needs expected and tolerance", *at, "direction")
        if "than" in table:
            wrong(f"{what}than goes with direction 'above' or 'below', not with 'near'", *at, "than")
    elif "than" not in table:
        wrong(f"{what}direction {direction!r} needs than, the border", *at, "direction")
    for one, other in (("tolerance", "expected"), ("expected", "tolerance")):
        if one in table and other not in table:
            wrong(f"{what}{one} without {other}; the two go together", *at, one)
    if table.get("tolerance", 0) < 0:
        wrong(f"{what}tolerance is {table['tolerance']!r}; it must not be negative", *at, "tolerance")
    _check_verdict(table, what, at, wrong)
    for key, value in table.get("numbers", {}).items():
        if key in CLAIM or not NAME.fullmatch(key):
            wrong(f"{what}numbers: {key!r} is no name for a number: {', '.join(CLAIM)} are taken", *at, "numbers", key)
        elif not _is(value, LINE):
            wrong(f"{what}numbers: {key} must be a text as the paper prints it, not {value!r}", *at, "numbers", key)


def _check_verdict(table: dict[str, Any], what: str, at: tuple[str, str], wrong: Callable) -> None:
    for scale, value in table.get("verdict", {}).items():
        if scale not in SCALES:
            wrong(f"{what}verdict: unknown scale {scale!r}. Legal: {', '.join(SCALES)}", *at, "verdict", scale)
        elif value not in VERDICTS:
            wrong(f"{what}verdict {value!r} is unknown. Legal: {', '.join(VERDICTS)}", *at, "verdict", scale)
        elif value in (NOT_AT_THIS_SCALE, CONTRADICTED) and "reason" not in table:
            wrong(f"{what}verdict {value!r} needs a reason. Add a line reason = ...", *at, "verdict", scale)
