"""Which profiles count, by Quarto's rules: the one that is named first has the last word.

Asked for on the command line or by QUARTO_PROFILE; else what `profile: default:` of `_quarto.yml.local` says, else that
of `_quarto.yml`. Of each `profile: group:` one is always active, its first if no other is. `_quarto.yml.local` itself
lies over all of them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from press.core.errors import fail
from press.core.yamlfile import Map

LOCAL = "_quarto.yml.local"


def names_in(text: str) -> list[str]:
    """The names in "a,b", "a, b" or "a b"."""
    return [name for name in re.split(r"[ ,]+", text) if name]


def active_profiles(root: Path, asked: str, base: Map, local: Map) -> list[str]:
    """The names of the active profiles, the one with the last word first.

    Args:
        asked: what the command line or the environment says; "" for nothing.
        base, local: `_quarto.yml` and `_quarto.yml.local`.

    Raises:
        PressError: a name was asked for that has no file and stands in no group. (Quarto ignores it.)
    """
    said = base.get("profile")
    groups = _groups(said)
    asked_names = names_in(asked)
    legal = {path.name.removeprefix("_quarto-").removesuffix(".yml") for path in root.glob("_quarto-*.yml")}
    legal |= {name for group in groups for name in group} | set(_default(said)) | set(_default(local.get("profile")))
    for name in asked_names:
        if name not in legal:
            known = ", ".join(sorted(legal)) or "none here"
            raise fail("", 0, f"no profile {name!r} (there is no _quarto-{name}.yml). Legal: {known}")
    names = asked_names or _default(local.get("profile")) or _default(said)
    for group in groups:
        if not any(name in names for name in group):
            names = [*names, group[0]]
    return list(dict.fromkeys(names))


def _default(said: Any) -> list[str]:
    default = said.get("default") if isinstance(said, dict) else None
    return [str(name) for name in default] if isinstance(default, list) else names_in(default or "")


def _groups(said: Any) -> list[list[str]]:
    """`group: [a, b]` is one group; `group: [[a, b], [c, d]]` are two."""
    groups = said.get("group") if isinstance(said, dict) else None
    groups = groups if isinstance(groups, list) else []
    if groups and all(isinstance(name, str) for name in groups):
        return [groups]
    return [[str(name) for name in group] for group in groups if isinstance(group, list) and group]
