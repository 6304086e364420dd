"""BibTeX entries by key, so that a page depends on the entries that it cites and not on the whole library."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from pathlib import Path

ENTRY = re.compile(r"^[ \t]*@(\w+)\s*[{(]\s*([^,\s]*)", re.MULTILINE)
CITED = re.compile(rb"@\{?([\w][\w:.#$%&+?<>~/-]*)")
OTHER_KEY = re.compile(r"""(?:"id"\s*:|^\s*(?:-\s*)?id:)\s*["']?([^\s"',]+)""", re.MULTILINE)
PARENT = re.compile(r"\b(?:crossref|xdata)\s*=\s*[{\"]([^}\"]+)", re.IGNORECASE)


@functools.lru_cache(maxsize=16)
def entries(text: str) -> tuple[dict[str, str], str]:
    """key -> its BibTeX source, and the @string and @preamble commands that all of them may use."""
    starts = list(ENTRY.finditer(text))
    found: dict[str, str] = {}
    common = ""
    edges = [*(match.start() for match in starts), len(text)]
    for match, end in zip(starts, edges[1:], strict=True):
        body = text[match.start() : end]
        if match[1].lower() in ("string", "preamble"):
            common += body
        elif match[1].lower() != "comment":
            found[match[2]] = body
    return found, common


def subset(text: str, cited: set[str]) -> str:
    """The part of a bibliography that these citations need, in the file's order."""
    found, common = entries(text)
    wanted = {key for key in found if key in cited}
    parents = {key.strip() for name in wanted for match in PARENT.finditer(found[name]) for key in match[1].split(",")}
    return common + "".join(body for key, body in found.items() if key in wanted or key in parents)


def cited_in(data: bytes) -> set[str]:
    """Every word after an @ in a text: a superset of its citations."""
    return {match.decode("utf-8", "replace").rstrip(":.#$%&+?<>~/-") for match in CITED.findall(data)}


def read(paths: list[Path]) -> str:
    """All bibliography files as one text."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in paths)


def unknown(key: str, keys: Iterable[str]) -> str:
    """What to say about a citation that no bibliography has; it may be not a citation but a name or a decorator.

    Args:
        keys: what the bibliography has.
    """
    import difflib

    close = difflib.get_close_matches(key, keys, n=1)
    meant = f" (did you mean @{close[0]}?)" if close else ""
    return f"unknown citation @{key}{meant}. Add it to the bibliography, or write \\@{key} if it is not a citation"


def other_keys(paths: Iterable[Path]) -> set[str]:
    """The keys of bibliographies in the forms of CSL, JSON or YAML."""
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    return {match[1] for text in texts for match in OTHER_KEY.finditer(text)}
