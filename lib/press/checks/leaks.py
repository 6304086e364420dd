"""Secrets in a site that is about to be published."""

from __future__ import annotations

from pathlib import Path

from press.core import sitemark
from press.core.errors import Problem
from press.core.secrets import environment_secrets, known_values_in, secrets_in, stamp


def scan_site(site: Path, published: Path | None = None) -> list[Problem]:
    """Secrets in the text files of a site that is about to be published.

    Args:
        published: the present site; a file that is in it already was looked at, but for secrets that are new here.
    """
    mark = sitemark.read_mark(published) if published else {}
    before = mark["files"] if mark.get("shapes") == stamp() else {}
    look_again = bool(environment_secrets())
    problems = []
    for name, state in sorted(sitemark.states(site).items()):
        known = before.get(name) == state
        if name.endswith((".html", ".xml", ".json", ".ipynb", ".txt")) and (look_again or not known):
            text = (site / name).read_text(encoding="utf-8", errors="replace")
            for what in (known_values_in if known else secrets_in)(text):
                problems.append(Problem(name, 0, f"the page would publish {what}"))
    return problems
