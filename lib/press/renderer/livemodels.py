"""Live figures: which checkpoints pages draw with in the browser, and the files for it, made by the package `live`.

That package exports with torch, so it runs in a process of its own; what it has made for some weights it keeps.
"""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from pathlib import Path
from typing import Any

from postkit.livespec import FOLDER  # a folder within the project, and no option of a command
from press.core.command import run_within
from press.renderer import libraries

PREFIX = "live:"
KEPT = "live"  # in the cache: what was made
PACKAGES = ("live", "onnxscript")  # of Python
NPM = dict(zip(("runtime", "tokenizers"), libraries.LIBRARIES["live"], strict=True))
FIRST = ("start.js",)  # what a page loads of it; the rest when its reader asks


def library_of(spec: Any) -> str:
    """The name by which a page asks for a live figure's checkpoint: "live:models/tiny:models/tiny-web"; "" for none."""
    found = [spec.get("model"), spec.get("unet")] if isinstance(spec, dict) else []
    parts = [part for part in found if part is not None]
    legal = all(isinstance(part, str) and FOLDER.fullmatch(part) and ".." not in part.split("/") for part in parts)
    return PREFIX + ":".join(parts) if legal and parts[:1] == found[:1] != [] else ""


def files_of(
    names: list[str], root: Path, kept: Path, store: Path
) -> tuple[dict[str, Path], dict[str, list[str]], list[str]]:
    """The files for all live figures of a site.

    Args:
        names: as `library_of` makes them.
        root: the project's.
        kept: folder for what is made.
        store: folder of packages of npm, see `libraries`.

    Returns:
        Path below site_libs/ -> the file to serve; name -> what a page loads of it; and of checkpoints for which there
        is nothing, why.
    """
    wanted: dict[str, dict[str, Path]] = {}
    for name in names:
        model, *unet = name.removeprefix(PREFIX).split(":")
        wanted.setdefault(model, {}).update({Path(one).name: root / one for one in unet})
    files: dict[str, Path] = {}
    loads: dict[str, list[str]] = {}
    told = []
    for model, unets in wanted.items():
        made = _made(root / model, unets, kept, store)
        if isinstance(made, str):
            told.append(f"live figures of {model} are shown as stills: {made}")
            continue
        files |= {f"live/{path}": source for path, source in made.items()}
        first = [f"live/{path}" for path in made if path.endswith(FIRST)]
        loads |= {name: first for name in names if name.removeprefix(PREFIX).split(":")[0] == model}
    return files, loads, told


def inputs(names: list[str], root: Path) -> list[Path]:
    """The files on which those of `files_of` depend and that lie in the project."""
    folders = {root / part for name in names for part in name.removeprefix(PREFIX).split(":")}
    spec = importlib.util.find_spec("live")
    folders |= {Path(where) for where in (spec.submodule_search_locations or [] if spec else [])}
    found = {path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    return sorted(path for path in found if path.is_relative_to(root))


def lacks(store: Path) -> str:
    """What is not available for any live figure; "" if all is."""
    if absent := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        return f"not installed: {', '.join(absent)}, needed to export checkpoints"
    absent = [name for name in NPM.values() if libraries.unpacked(libraries.BY_NAME[name], store) is None]
    return f"npm does not provide {' and '.join(absent)}" if absent else ""


def _made(model: Path, unets: dict[str, Path], kept: Path, store: Path) -> dict[str, Path] | str:
    """Name -> file, or why there are none."""
    if lacking := lacks(store):
        return lacking
    packages = {key: libraries.unpacked(libraries.BY_NAME[name], store) for key, name in NPM.items()}
    command = [sys.executable, "-W", "ignore", "-m", "live", str(model), f"--kept={kept}"]
    command += [f"--{key}={path}" for key, path in packages.items()]
    command += [f"--unet={name}={folder}" for name, folder in unets.items()]
    done = run_within(command, math.inf)
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"python -m live failed ({done.returncode})"])[-1]
    return {name: Path(path) for name, path in json.loads(done.stdout).items()}
