"""Verdict boxes: a post measures what a paper claims.

    from postkit.claims import claim
    claim("ddim-few-steps", paper="song2021ddim", measured=2.1, interval=(1.7, 2.6), seeds=3)

What the paper says is in `papers/<citekey>/paper.toml` alone. The notebook keeps the measurement; the press re-renders
the box from both whenever it places the notebook: an edit of `paper.toml` runs nothing and leaves no old box.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from postkit._claim_box import (
    box_html,
    box_text,
    interval_text,
    recorded_text,
    recorded_verdict,
    remark,
    settled,
    value_text,
)
from postkit.pooling import Recorded
from postkit.verdicts import Claim, Measurement, measurement, verdict

__all__ = [
    "MIME",
    "ClaimBox",
    "bundle",
    "claim",
    "claim_of",
    "from_json",
    "interval_text",
    "recorded_text",
    "recorded_verdict",
    "remark",
    "settled",
    "value_text",
    "verdict",
]

MIME = "application/vnd.claim+json"
CITEKEY = re.compile(r"[A-Za-z0-9][\w.+-]*")


class ClaimBox:
    """What `claim` returns. A notebook shows it as a box.

    Its `str` says the measurement and nothing about the paper: text that a cell prints is stored as it is, and would
    stay behind when `paper.toml` changes.
    """

    def __init__(self, stated: Claim, found: Measurement):
        self._stated, self.found = stated, found

    def __repr__(self) -> str:
        return f"{self.found.id} ({self.found.paper}): {value_text(self.found)}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        return bundle(self._stated, self.found)


def claim(
    id: str,
    *,
    paper: str,
    measured: float,
    interval: Sequence[float] | None = None,
    seeds: int | Sequence[int] = 0,
    scale: str = "small",
) -> ClaimBox:
    """Compare a measurement with what a paper claims.

    Args:
        id: the claim's id in the paper's `paper.toml`.
        paper: the paper's citekey, which is its folder below `papers/`.
        measured: the value of the claim's `quantity`, in the unit said there; finite.
        interval: (low, high) around it, finite; low <= measured <= high. None for an exact claim.
        seeds: how many seeds it was measured with, from 1; or the list of them. 0 for an exact claim.
        scale: "small" for the site's default run on a CPU, "full" for a real checkpoint.

    Returns:
        An object that a notebook shows as a box with the verdict; beside it the output holds the measurement as
        `application/vnd.claim+json`.

    Raises:
        ValueError: no such paper or claim (names the legal ones), `paper.toml` cannot be read, a bad measurement,
            or an interval for an exact claim, or none for another.
    """
    found = measurement(id, paper=paper, measured=measured, interval=interval, seeds=seeds, scale=scale)
    stated = _read(paper, id)
    if stated.exact != (found.seed_count == 0):
        how = "no interval and no seeds" if stated.exact else "an interval and seeds"
        raise ValueError(f"claim {id!r} is {'exact' if stated.exact else 'not exact'}: its measurement has {how}")
    verdict(stated, found.measured, found.interval)  # a claim that cannot be judged fails here, not when shown
    return ClaimBox(stated, found)


def bundle(stated: Claim, found: Measurement, recorded: Recorded | None = None) -> dict[str, Any]:
    """The output of a claim's cell, by MIME type.

    Args:
        recorded: what is on record for it, which only the press knows.
    """
    html, text = box_html(stated, found, recorded), box_text(stated, found, recorded)
    return {"text/html": html, "text/plain": text, MIME: found.as_json()}


def from_json(data: Any) -> Measurement:
    """The measurement that an output holds, checked again: a cell can display anything.

    Raises:
        ValueError: says what is wrong with it.
    """
    names = [field.name for field in fields(Measurement)]
    if not isinstance(data, Mapping) or set(data) != set(names):
        raise ValueError(f"{MIME} must have the keys {', '.join(names)}, not {data!r}")
    return measurement(**data)


def claim_of(table: Mapping[str, Any]) -> Claim:
    """The claim of a `[[claims]]` table.

    Raises:
        ValueError: a key is missing or unknown.
    """
    legal = [field.name for field in fields(Claim)]
    needed = [field.name for field in fields(Claim) if field.default is field.default_factory is MISSING]
    for name in table:
        if name not in legal:
            raise ValueError(f"unknown key {name!r}; legal: {', '.join(legal)}")
    for name in needed:
        if name not in table:
            raise ValueError(f"key {name!r} is missing")
    return Claim(**table)


def _read(paper: str, id: str) -> Claim:
    folders = [folder / "papers" for folder in (Path.cwd(), *Path.cwd().parents)]
    papers = next((folder for folder in folders if folder.is_dir()), None)
    if papers is None:
        raise ValueError(f"no folder papers/ in {Path.cwd()} or above it")
    path = papers / paper / "paper.toml"
    if not CITEKEY.fullmatch(paper) or not path.is_file():
        raise ValueError(f"paper is {paper!r}; legal: {_names(p.parent.name for p in papers.glob('*/paper.toml'))}")
    name = f"papers/{paper}/paper.toml"
    try:
        with path.open("rb") as stream:
            tables = tomllib.load(stream).get("claims", [])
        having = {table["id"]: table for table in tables}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{name} cannot be read: {error}. press check says more") from None
    if id not in having:
        raise ValueError(f"claim id is {id!r}; legal in {name}: {_names(having)}")
    try:
        return claim_of(having[id])
    except ValueError as error:
        raise ValueError(f"{name}: claim {id!r}: {error}") from None


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
