"""Where a post finds the project's files: it runs in its own folder, in the press as in a Jupyter started there."""

from __future__ import annotations

from pathlib import Path


def project_path(name: str, *, start: str | Path = ".") -> str:
    """The first of `start`/name, its parent/name, and so on upwards that exists; `name` itself if none does.

    So "models/tiny" is found from posts/<slug>/, an absolute path stays, and a hub id such as "owner/name" passes
    through to `diffloop.pretrained.load`, whose error names what is missing.

    Args:
        name: a path relative to the project, an absolute path, or a hub id.
        start: the folder where the search begins.
    """
    if Path(name).is_absolute():
        return name
    here = Path(start).resolve()
    found = (folder / name for folder in (here, *here.parents) if (folder / name).exists())
    return str(next(found, name))
