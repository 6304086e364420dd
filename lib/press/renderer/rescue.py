"""Formulas that Pandoc cannot convert as they stand: said in the LaTeX that it can, and put in their places."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable

from press.core.pandoc import run_pandoc

LEFT = re.compile(r'<span class="math (inline|display)">(\$\$?)(.*?)\2</span>', re.DOTALL)
KINDS = {"inline": "InlineMath", "display": "DisplayMath"}
LONGEST = 20_000  # characters of a formula


def rescued(formulas: Iterable[str]) -> dict[tuple[str, str], str]:
    """(formula, "inline" or "display") -> its MathML, for each that can be made one in other words."""
    tried = [(tex, kind) for tex in dict.fromkeys(formulas) if len(tex) <= LONGEST for kind in KINDS]
    if not tried:
        return {}
    from press.tex.formula import readable  # which brings all of press.tex along, and most pages need none of it

    document = json.loads(run_pandoc(["-f", "markdown", "-t", "json"], ""))
    words = {tex: readable(tex) for tex, _ in tried}
    for number, (tex, kind) in enumerate(tried):
        math = {"t": "Math", "c": [{"t": KINDS[kind]}, words[tex]]}
        document["blocks"].append({"t": "Div", "c": [[f"rescued-{number}", [], []], [{"t": "Plain", "c": [math]}]]})
    try:
        page = run_pandoc(["-f", "json", "-t", "html", "--mathml", "--quiet"], json.dumps(document), seconds=120)
    except RuntimeError:
        return {}
    found = re.findall(r'<div id="rescued-(\d+)">\s*(<math.*?</math>)\s*</div>', page, re.DOTALL)
    return {tried[int(number)]: math for number, math in found}


def put(page: str, found: dict[tuple[str, str], str]) -> str:
    """The page with these formulas as MathML."""
    if not found:
        return page
    return LEFT.sub(lambda match: found.get((html.unescape(match[3]), match[1]), match[0]), page)
