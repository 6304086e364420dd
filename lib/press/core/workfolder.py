"""`.press/`, the folder where the press keeps what it makes for itself; and what in it is the press's own.

Only names of the forms below are ever removed. Whatever else an author keeps in there stays.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from press.core.errors import fail

MANIFEST = "manifest.json"
UNCHANGED = "unchanged.json"
HEX = "[0-9a-f]" * 64
SHORT = "[0-9a-f]" * 12
RESULTS = (f"cache/{HEX}", "cache/.new-*", f"seeds/{HEX}", "seeds/.new-*", "stored.json")
RESULTS += (f"drift/{HEX}", "drift/.new-*")
REST = (
    UNCHANGED,
    "site-next",
    "site-last",
    "sync-next.json",
    ".*.tmp",
    f"facts/{HEX}.json",
    "facts/.*.tmp",
    "failed/*.ipynb",
)
REST += (f"pages/{HEX}", "pages/.tmp-*", "pages/font-*", "pages/warnings.json", "failed/.*.tmp")
REST += (f"pages/live/*-{SHORT}.*", "pages/live/.tmp-*")  # what `live` made of checkpoints, under their digests
REST += ("grimp/CACHEDIR.TAG", "grimp/.gitignore", "grimp/*.meta.json", "grimp/*.data.json")
REST += (
    "arxiv/*/metadata.xml",
    "arxiv/*/source",
    "arxiv/*/page.html",
    "arxiv/*/.*.tmp",
    "arxiv/.answer-*",
    "arxiv/.last-request",
)
UNSAFE = ("site-next", "site-last", "failed", "sync-next.json")  # names that say less about who made them than a digest


def check_work(work: Path) -> None:
    """Refuse a `.press/` that leads elsewhere, or whose names an author uses.

    Raises:
        PressError: it is not a folder, it or a folder in it is a symbolic link, or something in it has a name that the
            press would remove although no press has run there.
    """
    if not os.path.lexists(work):
        return
    if work.is_symlink() or not work.is_dir():
        message = "must be a folder, not a symbolic link: the press writes and removes only what lies in the project"
        raise fail(work.name, 0, f"{message}. Move it away")
    for path in sorted(work.iterdir()):
        if path.is_symlink():
            raise fail(
                f"{work.name}/{path.name}", 0, "a symbolic link, which the press does not follow here. Remove it"
            )
    if not (work / MANIFEST).exists() and not _has_worked(work):
        for name in UNSAFE:
            if (work / name).exists():
                message = "the press did not make this, but needs this name for its own. Move it away"
                raise fail(f"{work.name}/{name}", 0, message)


def _has_worked(work: Path) -> bool:
    """Whether a press that knew no manifest has: each began by writing its process number here."""
    try:
        return (work / "lock").read_bytes().isdigit()
    except OSError:
        return False


def own(work: Path, everything: bool) -> list[Path]:
    """What `press clean` removes of it: all that can be made again; results of runs only with `everything`."""
    found = {path for pattern in (*REST, *(RESULTS if everything else ())) for path in work.glob(pattern)}
    return sorted(path for path in found if not path.parent.is_symlink())


def remove(paths: list[Path], work: Path) -> None:
    """Remove these, and the folders in `.press/` that are empty then."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for folder in sorted({path.parent for path in paths} | {path.parent.parent for path in paths}, reverse=True):
        if folder.is_relative_to(work) and folder != work and not any(folder.iterdir()):
            folder.rmdir()
