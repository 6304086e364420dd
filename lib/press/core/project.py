"""The project as it lies on disk: its root, `_quarto.yml` with a profile merged in, and its posts."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from press.core.errors import fail
from press.core.source import load_yaml
from press.core.workfolder import check_work


@dataclass(frozen=True)
class Project:
    """Root folder, merged configuration, and the places that the press writes to."""

    root: Path
    profile: str
    config: dict[str, Any] = field(repr=False)

    @property
    def work(self) -> Path:
        """`.press/`: caches and everything half-done. Deleting it costs time, nothing else."""
        return self.root / ".press"

    @property
    def output_dir(self) -> Any:
        """What `_quarto.yml` says of the published folder, unchecked; "_site" if it says nothing."""
        return (self.config.get("project") or {}).get("output-dir") or "_site"

    @property
    def site(self) -> Path:
        """The published folder. Only `sitefolder.check_place` makes sure that it is one that may be replaced."""
        return Path(os.path.normpath(self.root / str(self.output_dir)))

    @property
    def settings(self) -> dict[str, Any]:
        """The `press:` part of the configuration."""
        return self.config.get("press") or {}


def open_project(root: Path, profile: str = "") -> Project:
    """Read `_quarto.yml`, and `_quarto-<profile>.yml` over it.

    Raises:
        PressError: there is no `_quarto.yml` here, YAML is broken, the profile has no file, or `.press` is not ours.
    """
    root = root.resolve()
    if not (root / "_quarto.yml").is_file():
        raise fail("_quarto.yml", 0, f"not found in {root}. Run press in the project's folder, or name it with --root")
    config = load_yaml(root / "_quarto.yml", root)
    for name in filter(None, profile.split(",")):
        path = root / f"_quarto-{name}.yml"
        if not path.is_file():
            legal = sorted(p.stem.removeprefix("_quarto-") for p in root.glob("_quarto-*.yml"))
            raise fail("", 0, f"no profile {name!r}. Legal: {', '.join(legal) or 'none here'}")
        config = merge(config, load_yaml(path, root))
    check_work(root / ".press")
    return Project(root, profile, config)


def site_path(config: dict[str, Any]) -> str:
    """Where the site lies on its host, with a slash at both ends: "/" or "/blog/"."""
    path = urlsplit(str((config.get("website") or {}).get("site-url") or "")).path.strip("/")
    return f"/{path}/" if path else "/"


def merge(base: Any, over: Any) -> Any:
    """Quarto's merge: mappings key by key, lists joined, everything else replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {key: merge(base[key], value) if key in base else value for key, value in over.items()}
    if isinstance(base, list) and isinstance(over, list):
        return base + [item for item in over if item not in base]
    return over
