"""Secrets in a site that is about to be published."""

from __future__ import annotations

from pathlib import Path

from press.core import sitefolder
from press.core.errors import Problem
from press.core.secrets import known_values_in, secrets_in, stamp


def scan_site(site: Path, published: Path | None = None) -> list[Problem]:
    """Secrets in the text files of a site that is about to be published.

    Args:
        published: the present site; a file that is in it already was looked at, but for secrets that are new here.
    """
    marks = [sitefolder.read_mark(folder) for folder in (site, published or site)]
    before = marks[1].get("files", {}) if published and marks[1].get("shapes") == stamp() else {}
    problems = []
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".xml", ".json", ".ipynb", ".txt") and path.is_file():
            name, text = path.relative_to(site).as_posix(), path.read_text(encoding="utf-8", errors="replace")
            known = name in before and before[name] == marks[0].get("files", {}).get(name)
            for what in (known_values_in if known else secrets_in)(text):
                problems.append(Problem(name, 0, f"the page would publish {what}"))
    return problems
