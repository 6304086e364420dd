"""The project as it lies on disk: its root, its configuration, and the places that the press writes to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from press.core.config import Config, read_config
from press.core.workfolder import check_work


@dataclass(frozen=True)
class Project:
    """Root folder, configuration, and the places that the press writes to."""

    root: Path
    config: Config = field(repr=False)

    @property
    def profile(self) -> str:
        """The active profiles, the one with the last word first, joined by commas."""
        return ",".join(self.config.profiles)

    @property
    def work(self) -> Path:
        """`.press/`: caches and everything half-done. Deleting it costs time, nothing else."""
        return self.root / ".press"

    @property
    def output_dir(self) -> Any:
        """What `_quarto.yml` says of the published folder, unchecked; "_site" if it says nothing."""
        return self.config.get("project.output-dir") or "_site"

    @property
    def site(self) -> Path:
        """The published folder. Only `sitefolder.check_place` makes sure that it is one that may be replaced."""
        return Path(os.path.normpath(self.root / str(self.output_dir)))

    @property
    def settings(self) -> dict[str, Any]:
        """The `press:` part of the configuration."""
        return self.config.settings()


def open_project(root: Path, profile: str = "") -> Project:
    """The project in this folder.

    Args:
        profile: names of profiles, separated by commas or spaces; "" for what the configuration says.

    Raises:
        PressError: there is no `_quarto.yml` here, YAML is broken, a profile is unknown, or `.press` is not ours.
    """
    config = read_config(root, profile)
    check_work(config.root / ".press")
    return Project(config.root, config)


def site_path(config: Config) -> str:
    """Where the site lies on its host, with a slash at both ends: "/" or "/blog/"."""
    path = urlsplit(str(config.get("website.site-url") or "")).path.strip("/")
    return f"/{path}/" if path else "/"
