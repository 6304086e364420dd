"""What options of the command line mean: the project, and the values of parameters."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from press.core.errors import PressError, Problem

if TYPE_CHECKING:
    from press.core.project import Project


def project_of(options: argparse.Namespace) -> Project:
    """The project that is meant: the one in this folder or the nearest above it, unless `--root` names another.

    With `--strict`, each of its checks is an error.

    Raises:
        PressError: there is none, or its configuration cannot be read.
    """
    from press.core.project import open_project

    root = options.root
    if root is None:
        here = Path.cwd()
        root = next((folder for folder in (here, *here.parents) if (folder / "_quarto.yml").is_file()), here)
    project = open_project(root, options.profile)
    if getattr(options, "strict", False):
        settings = project.settings
        settings["checks"] = "error"
        project.config.data["press"] = settings
    return project


def parameters_of(options: argparse.Namespace) -> dict[str, Any]:
    """The values that `-p NAME VALUE` gives, each of which is YAML.

    Raises:
        PressError: each that is not.
    """
    import yaml

    from press.core.yamlfile import load

    values, problems = {}, []
    for name, text in options.parameters:
        try:
            values[name] = load(text)
        except yaml.YAMLError:
            problems.append(Problem("", 0, f"-p {name} {text!r}: not a valid YAML value"))
    if problems:
        raise PressError(problems)
    return values
