"""What a `paper.toml` may hold: its keys, their types, how they go together. Problems go to `wrong(message, *keys)`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from postkit.verdicts import CONTRADICTED, DIRECTION_ONLY, DIRECTIONS, INCONCLUSIVE, NO_EFFECT, SCALES, VERDICTS

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
ARXIV = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7})v[1-9]\d*")
FUNCTION = re.compile(r"[a-z_]\w*(\.[a-z_]\w*)*\.[A-Za-z]\w*")
CELL = re.compile(r"[\w./-]+#[\w-]+")
TEST = re.compile(r"tests/[\w./-]+\.py(::[A-Za-z_]\w*)+(\[.+\])?")

TEXT, LINE, NUMBER, FLAG = "string", "one-line string", "number", "true or false"
TEXTS, TABLE, TABLES = "list of strings", "table", "list of tables"
TOP = {"citekey": LINE, "arxiv": LINE, "related": TEXTS, "symbols": TABLE, "equations": TABLES, "claims": TABLES}
TOP |= {"read": LINE}
EQUATION = {"number": LINE, "latex": TEXT, "says": LINE, "implemented_by": TEXTS, "checked_by": TEXTS, "read": LINE}
CLAIM = {"id": LINE, "statement": TEXT, "table": LINE, "row": LINE, "number": LINE, "quantity": TEXT}
CLAIM |= {"direction": LINE, "than": NUMBER, "expected": NUMBER, "tolerance": NUMBER, "verdict": TABLE}
CLAIM |= {"delta": NUMBER, "delta_why": LINE, "exact": FLAG, "reason": TEXT, "reason_checked_by": LINE}
CLAIM |= {"numbers": TABLE, "quotient": FLAG}
NEEDED = {
    "": ("citekey",),
    "equations": ("number", "latex", "says"),
    "claims": ("id", "statement", "table", "number", "quantity", "direction"),
}


def check_table(table: Any, types: dict[str, str], at: tuple[str, ...], needed: Iterable[str], wrong: Callable) -> None:
    """Unknown keys, wrong types, and what is missing, in one table of the file."""
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
    if kind == FLAG:
        return isinstance(value, bool)
    if kind == TABLE:
        return isinstance(value, dict)
    entry = dict if kind == TABLES else str
    return isinstance(value, list) and all(isinstance(item, entry) for item in value)


def check_head(data: dict[str, Any], folder: str, wrong: Callable) -> None:
    """The citekey, the arXiv id and the symbols."""
    if data["citekey"] != folder:
        wrong(f"citekey {data['citekey']!r} must be the folder's name, {folder!r}", "citekey")
    if "arxiv" in data and not ARXIV.fullmatch(data["arxiv"]):
        wrong(f"arxiv {data['arxiv']!r} must be an ID with a version, such as 2010.02502v4", "arxiv")
    for key, value in data.get("symbols", {}).items():
        if not isinstance(value, str):
            wrong(f"symbols: {key} must be a string, not {value!r}", "symbols", key)


def check_unique(tables: list[dict[str, Any]], kind: str, key: str, wrong: Callable) -> None:
    """A key whose values must all be different."""
    seen: set[str] = set()
    for index, table in enumerate(tables):
        if table[key] in seen:
            wrong(f"duplicate {kind} {key} {table[key]!r}. Each may appear only once", kind, str(index), key)
        seen.add(table[key])


def check_equations(tables: list[dict[str, Any]], wrong: Callable) -> None:
    """Numbers, names of functions and of tests."""
    check_unique(tables, "equations", "number", wrong)
    rules = (("implemented_by", FUNCTION, "diffloop.ddim.ddim_step"), ("checked_by", TEST, "tests/a/test_b.py::test_c"))
    for index, table in enumerate(tables):
        for key, pattern, example in rules:
            for name in table.get(key, ()):
                if not pattern.fullmatch(name):
                    wrong(f"equations entry: {key}: {name!r} must look like {example}", "equations", str(index), key)


def check_claim(table: dict[str, Any], at: tuple[str, str], wrong: Callable) -> None:
    """One claim: how direction, expected, tolerance and verdict go together."""
    what, direction = f"claim {table['id']!r}: ", table["direction"]
    if not SLUG.fullmatch(table["id"]):
        message = f"claim id {table['id']!r} is not a valid slug: use lower-case letters, digits and single hyphens"
        wrong(message, *at, "id")
    if direction not in DIRECTIONS:
        wrong(f"{what}direction {direction!r} is unknown. Legal: {', '.join(DIRECTIONS)}", *at, "direction")
    elif direction == "near":
        if "expected" not in table:
            wrong(f"{what}direction 'near' needs expected and tolerance", *at, "direction")
        if "than" in table:
            wrong(f"{what}than goes with direction 'above' or 'below', not with 'near'", *at, "than")
    elif "than" not in table:
        wrong(f"{what}direction {direction!r} needs than, the threshold", *at, "direction")
    for one, other in (("tolerance", "expected"), ("expected", "tolerance")):
        if one in table and other not in table:
            wrong(f"{what}{one} without {other}; the two go together", *at, one)
    if table.get("tolerance", 0) < 0:
        wrong(f"{what}tolerance is {table['tolerance']!r}; it must not be negative", *at, "tolerance")
    _check_delta(table, what, at, wrong)
    _check_verdict(table, what, at, wrong)
    for key, value in table.get("numbers", {}).items():
        if key in CLAIM or not NAME.fullmatch(key):
            message = f"{what}numbers: {key!r} is not a legal name for a number: {', '.join(CLAIM)} are taken"
            wrong(message, *at, "numbers", key)
        elif not _is(value, LINE):
            wrong(f"{what}numbers: {key} must be a string, as the paper prints it, not {value!r}", *at, "numbers", key)


def _check_verdict(table: dict[str, Any], what: str, at: tuple[str, str], wrong: Callable) -> None:
    for scale, value in table.get("verdict", {}).items():
        if scale not in SCALES:
            wrong(f"{what}verdict: unknown scale {scale!r}. Legal: {', '.join(SCALES)}", *at, "verdict", scale)
        elif value not in VERDICTS:
            wrong(f"{what}verdict {value!r} is unknown. Legal: {', '.join(VERDICTS)}", *at, "verdict", scale)
    if "reason" in table and "reason_checked_by" not in table:
        wrong(
            f'{what}reason without reason_checked_by, the cell that tested it ("post#label"). An untested '
            "cause is a guess: leave it out, and the page says that it was not examined",
            *at,
            "reason",
        )
    if "reason_checked_by" in table and not CELL.fullmatch(table["reason_checked_by"]):
        message = f"{what}reason_checked_by {table['reason_checked_by']!r} must look like post#label"
        wrong(message, *at, "reason_checked_by")
    # What is INCONCLUSIVE in the build may be decided on record, and have a reason there.
    explained = {CONTRADICTED, NO_EFFECT, DIRECTION_ONLY, INCONCLUSIVE}
    if "reason" in table and not explained & set(table.get("verdict", {}).values()):
        message = f"{what}reason goes with the verdicts {', '.join(sorted(explained))}; remove it"
        wrong(message, *at, "reason")


def _check_delta(table: dict[str, Any], what: str, at: tuple[str, str], wrong: Callable) -> None:
    """What has a border and chance has a smallest effect of interest; nothing else has."""
    needed = table["direction"] in ("above", "below") and not table.get("exact", False)
    if needed and "delta" not in table:
        message = (
            f"{what}delta is missing: the smallest distance from than that would matter, with delta_why. "
            "State it before you measure"
        )
        wrong(message, *at)
        return
    if "delta" in table and not needed:
        wrong(f"{what}delta goes with direction 'above' or 'below', not with exact", *at, "delta")
    if table.get("delta", 1) <= 0:
        wrong(f"{what}delta is {table['delta']!r}; it must be above 0", *at, "delta")
    for one, other in (("delta", "delta_why"), ("delta_why", "delta")):
        if one in table and other not in table:
            wrong(f"{what}{one} without {other}; the two go together", *at, one)
