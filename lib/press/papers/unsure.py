"""What equations.toml, which `press fetch` wrote, says of the numbers in paper.toml: not certain, or not there."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from press.core.errors import Problem
from press.papers.schema import Paper


def doubts_of(root: Path, citekey: str) -> dict[str, str]:
    """Numbers of equations that are unsure -> why; none where the paper was not fetched.

    Args:
        root: the project's folder.
    """
    return {number: str(entry["unsure"]) for number, entry in _fetched(root, citekey)[1].items() if entry.get("unsure")}


def check_numbers(root: Path, papers: Iterable[Paper]) -> list[Problem]:
    """Numbers in a paper.toml that the same version of the paper does not have, as it was fetched.

    Names such as "Sec. 3.2" or "Algorithm 2" are not numbers of equations. Of a paper with a number that is not certain
    nothing is said.
    """
    problems = []
    for paper in papers:
        arxiv, known = _fetched(root, paper.citekey)
        if not known or arxiv != paper.arxiv or any(entry.get("unsure") for entry in known.values()):
            continue
        for index, equation in enumerate(paper.equations):
            if " " not in equation.number and equation.number not in known:
                line = paper.lines.get(("equations", str(index), "number"), 1)
                message = f"equation number {equation.number!r} is not in equations.toml, which was read from"
                message += f' arXiv:{arxiv}. Legal: {", ".join(known)}, or a place such as "Sec. 3"'
                problems.append(Problem(paper.file, line, message))
    return problems


def _fetched(root: Path, citekey: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """The id on arXiv, and the equations by number; nothing where the paper was not fetched."""
    try:
        data = tomllib.loads((root / "papers" / citekey / "equations.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a file that is broken is for the next fetch to mend
        return "", {}
    found = data.get("equations")
    entries = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
    return str(data.get("arxiv", "")), {str(entry.get("number")): entry for entry in entries}
