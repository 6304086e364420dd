"""One entry of a cache, checked. Only outputs are taken of it, into the notebook that the post here makes."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Sequence
from typing import Any

from postkit.claims import MIME
from postkit.verdicts import verdict
from press.core.celloptions import option_rows
from press.core.errors import PressError
from press.core.secrets import find_secrets
from press.papers.boxes import claim_of, measurements
from press.papers.claimscheck import is_close
from press.papers.schema import Paper
from press.posts.cache import Key, key_of
from press.posts.inline import runnable
from press.posts.notebookfile import text_of
from press.posts.outcome import ran_through
from press.posts.plan import Step
from press.posts.post import INJECTED, new_cell, to_bytes
from press.posts.run import device_of
from press.shared.catalogue import Entry, parse, shown
from press.shared.harmless import active
from press.shared.places import Refused

MOST_SECONDS = 10**7


def checked_record(data: bytes, entry: Entry, key: Key) -> dict[str, Any]:
    """The record of a run.

    Raises:
        Refused: it belongs to a different run from what the key and the entry say.
    """
    record = parse(data, "its record")
    parts = record.get("parts") if isinstance(record, dict) else None
    if not isinstance(parts, dict) or key_of(parts).digest != key.digest or parts != key.parts:
        raise Refused("its record does not hash to its key")
    if record.get("slug") != parts["slug"] or entry.slug != parts["slug"]:
        raise Refused(f"its record belongs to another post, {shown(record.get('slug'))}")
    if record.get("sha256") != entry.notebook.sha256:
        raise Refused("its record belongs to another notebook")
    seconds = record.get("seconds")
    if type(seconds) not in (int, float) or not 0 <= seconds <= MOST_SECONDS:
        raise Refused(f"its record says {shown(seconds)} seconds")
    return record


def checked_notebook(data: bytes, step: Step, key: Key, papers: Sequence[Paper]) -> dict[str, Any]:
    """The post's notebook, as a run here makes it, with the outputs of a stranger's notebook.

    Args:
        papers: whose claims it may measure.

    Raises:
        Refused: it is not a notebook of the press, was made of other cells or under another key, did not run through,
            or an output holds a secret, a script, or an invalid measurement.
    """
    book = parse(data, "its notebook")
    _check_form(book, data)
    noted = book["metadata"].get("press")
    if not isinstance(noted, dict) or noted.get("key") != key.digest or noted.get("parts") != key.parts:
        raise Refused("its notebook was made under another key")
    done = _with_outputs(book, step)
    done["metadata"] |= {"press": {"key": key.digest, "parts": key.parts, "device": device_of(step)}}
    if not ran_through(done):
        raise Refused("its notebook did not run to the end")
    _check_outputs(done, step)
    _check_claims(done, step, papers)
    return done


def _check_form(book: Any, data: bytes) -> None:
    from nbformat.validator import iter_validate

    try:
        same = to_bytes(book) == data
    except (ValueError, RecursionError):  # such as half a pair of surrogates
        same = False
    if not same:
        raise Refused("its notebook is not in the form that the press writes")
    if wrong := next(iter(iter_validate(book, version=4, version_minor=5)), None):
        raise Refused(f"its notebook is not valid: {shown(wrong.message)}")
    if book["nbformat"] != 4 or not set(book["metadata"]) <= {"kernelspec", "language_info", "press"}:
        raise Refused("its notebook has metadata that the press does not write, such as a widget's state")


def _with_outputs(book: dict[str, Any], step: Step) -> dict[str, Any]:
    """The post's cells of now, each with the outputs of the same cell there."""
    fresh = runnable(step.post)
    cells = []
    for cell in fresh["cells"]:
        cells.append(cell)
        if step.parameters and "parameters" in cell["metadata"].get("tags", ()):
            cells.append(new_cell("code", INJECTED, "", {"tags": [INJECTED]}))
    theirs = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    if [cell["id"] for cell in theirs] != [cell["id"] for cell in cells if cell["cell_type"] == "code"]:
        raise Refused("its notebook has different cells from the post")
    found = {cell["id"]: cell for cell in theirs}
    known = {cell.name for cell in step.post.cells}
    for index, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        other = found[cell["id"]]
        if cell["id"] == INJECTED:
            same = _assigned(text_of(other["source"])) == step.parameters and not other["outputs"]
            cell = cell | {"source": other["source"]}
        else:
            code = _code if cell["id"] in known else text_of  # options may have changed since, and are ours
            same = code(cell["source"]) == code(other["source"])
        if not same:
            raise Refused(f"the source of {cell['id']} is not that of the post")
        cells[index] = cell | {name: other[name] for name in ("outputs", "execution_count")}
    return fresh | {"cells": cells, "metadata": dict(fresh["metadata"])}


def _code(source: Any) -> str:
    """What of a cell is in the key."""
    text = text_of(source)
    return "\n".join(text.split("\n")[len(option_rows(text)) :]).strip()


def _assigned(source: str) -> dict[str, Any] | None:
    """The values that a cell of injected parameters assigns; None if it does anything else."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
        body = ast.parse(source).body
        pairs = {node.targets[0].id: ast.literal_eval(node.value) for node in body}
    except (ValueError, SyntaxError, AttributeError, TypeError, RecursionError, MemoryError, tokenize.TokenError):
        return None
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    plain = comments == ["# Parameters"] and all(isinstance(node, ast.Assign) for node in body)
    return pairs if plain and len(pairs) == len(body) and all(len(node.targets) == 1 for node in body) else None


def _check_outputs(book: dict[str, Any], step: Step) -> None:
    if problems := find_secrets(book, step.post.file):
        raise Refused(problems[0].message)
    meta = step.post.meta.get("execute")
    asked = {cell.name: cell.options.get("output") for cell in step.post.cells}
    usual = meta.get("output") if isinstance(meta, dict) else None
    for cell in book["cells"]:
        raw = (asked.get(cell["id"]) or usual) == "asis"
        for output in cell.get("outputs", ()):
            if why := active(output, raw):
                raise Refused(f"an output of {cell['id']} could act in a reader's browser: {why}")


def _check_claims(book: dict[str, Any], step: Step, papers: Sequence[Paper]) -> None:
    """Each must be a measurement of a claim, and not contradict the recorded verdict: no cache stops a build."""
    try:
        for found, file, line in measurements(book, step.post.file):
            claim = claim_of(found, papers, file, line)
            here = verdict(claim, found.measured, found.interval)
            if not is_close(here, claim.verdict.get(found.scale, here)):
                raise Refused(f"it has {here} for the claim {claim.id}, for which paper.toml records another verdict")
    except PressError as error:
        raise Refused(f"a {MIME} is not a measurement of this project: {shown(error.problems[0].message)}") from None
