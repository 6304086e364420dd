"""Claim boxes in a notebook's outputs: found, and made again from the stored measurement and the present `paper.toml`.

So an edit of a statement, a table or a tolerance runs no notebook, and no box shows what `paper.toml` no longer says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from postkit.claims import MIME, bundle, from_json
from postkit.verdicts import Claim, Measurement
from press.core.errors import PressError, Problem
from press.papers.recorded import parts_of, recorded
from press.papers.schema import Paper


def with_boxes(notebook: dict[str, Any], papers: Sequence[Paper]) -> dict[str, Any]:
    """The notebook with each claim box in its present form; everything else as it was.

    Raises:
        PressError: every cell that displayed an invalid measurement, or one of a claim that no paper.toml has.
    """
    problems: list[Problem] = []
    cells = []
    parts = parts_of(notebook)
    for cell in notebook["cells"]:
        if any(MIME in _data(output) for output in cell.get("outputs", ())):
            place = cell["metadata"]["press"]
            try:
                cell = cell | {"outputs": _remade_all(cell["outputs"], papers, parts, place["file"], place["line"])}
            except PressError as error:
                problems += error.problems
        cells.append(cell)
    if problems:
        raise PressError(problems)
    return notebook | {"cells": cells}


def _remade_all(
    outputs: list[dict[str, Any]], papers: Sequence[Paper], parts: dict[str, str], file: str, line: int
) -> list[dict[str, Any]]:
    return [_remade(output, papers, parts, file, line) if MIME in _data(output) else output for output in outputs]


def _remade(
    output: dict[str, Any], papers: Sequence[Paper], parts: dict[str, str], file: str, line: int
) -> dict[str, Any]:
    found = read_measurement(output["data"][MIME], file, line)
    stated = claim_of(found, papers, file, line)
    paper = next(paper for paper in papers if paper.citekey == found.paper)
    shown = bundle(stated, found, recorded(paper, found.id, parts.get("slug", ""), parts))
    # Lines, as nbformat keeps text; the measurement as it is.
    data = {kind: value if kind == MIME else value.splitlines(keepends=True) for kind, value in shown.items()}
    return output | {"data": data}


def read_measurement(data: Any, file: str, line: int) -> Measurement:
    """The measurement that a cell displayed.

    Raises:
        PressError: it is none; a cell can display anything under this type.
    """
    try:
        return from_json(data)
    except ValueError as error:
        message = f"this cell displays no valid measurement: {error}. Make it with postkit.claims.claim"
        raise PressError(Problem(file, line, message)) from None


def claim_of(found: Measurement, papers: Iterable[Paper], file: str, line: int) -> Claim:
    """The claim that was measured.

    Raises:
        PressError: no paper, or not this paper, has it.
    """
    having = {paper.citekey: paper for paper in papers}
    if found.paper not in having:
        legal = ", ".join(having) or "none"
        raise PressError(Problem(file, line, f"claim {found.id!r}: no papers/{found.paper}/paper.toml. Legal: {legal}"))
    paper = having[found.paper]
    for claim in paper.claims:
        if claim.id == found.id:
            return claim
    legal = ", ".join(claim.id for claim in paper.claims) or "none"
    message = f"this cell measures claim {found.id!r}, which {paper.file} does not have. Legal: {legal}"
    raise PressError(Problem(file, line, message))


def measurements(notebook: dict[str, Any], file: str) -> Iterator[tuple[Measurement, str, int]]:
    """Each measurement in an executed notebook, with file and line of its cell.

    Args:
        file: the notebook's own name, for cells that do not say where they come from.

    Raises:
        PressError: a cell displayed an invalid measurement.
    """
    for cell in notebook["cells"]:
        place = cell["metadata"].get("press") or {}
        at = (place.get("file", file), place.get("line", 0))
        for output in cell.get("outputs", ()):
            if MIME in _data(output):
                yield read_measurement(output["data"][MIME], *at), *at


def _data(output: dict[str, Any]) -> dict[str, Any]:
    return output.get("data") or {}
