"""A copy of this project as it is in a clone: without what the press has generated in the working folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from press.core.source import is_generated

ROOT = Path(__file__).resolve().parents[1]
MADE = (".git", ".venv", "_site", ".press", "__pycache__", "*.egg-info", "index.ipynb", "index_files", "tests")


def copy_project(folder: Path) -> Path:
    """Copy the project's sources to `folder`, which must not exist yet."""
    by_name = shutil.ignore_patterns(*MADE)

    def ignored(place: str, names: list[str]) -> set[str]:
        pages = {name for name in names if name.endswith(".qmd") and is_generated(Path(place) / name)}
        return set(by_name(place, names)) | pages

    shutil.copytree(ROOT, folder, ignore=ignored)
    return folder
