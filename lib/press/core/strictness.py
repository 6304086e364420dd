"""`press: checks:` which faults stop a build, which are only reported, and which are skipped.

Each problem names the check that found it. One without a name always stops: a post that fails, a secret, broken YAML.
`press build --strict` is `checks: error`: everything stops.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from press.core.errors import PressError, Problem
from press.core.yamlfile import Map, place_of

CHECKS = {
    "addresses": "two files that would make the same page",
    "alt-text": "a picture without alternative text",
    "links": "a link within the site that leads nowhere",
    "markdown": "what Pandoc had to repair",
    "math": "TeX that cannot be shown",
    "metadata": "a page without a title; a post without description, date or categories; a value in the wrong form",
    "outputs": "an output or caption that cannot be shown as requested",
    "parameters": "a parameter that no cell reads",
    "reads": "a project file that a post read although its source does not name it",
    "references": "a citation, label or cross reference that is unknown, or given twice",
    "shell": "a shell command, unless `press: shell:` allows or forbids it",
    "stored": "stored outputs of a notebook that may be out of date",
    "unknown-keys": "a key in the configuration, front matter or a cell that the embedded renderer does not support",
    "unsupported": "something that Quarto does and the embedded renderer does not",
    "verdicts": "a verdict that differs from the recorded one without contradicting it, as it may on another machine",
}
LEVELS = ("error", "warn", "off")
POLICIES = ("allow", "warn", "forbid")  # of commands that leave Python
STRICT = "strict"  # every check is an error that the sources alone decide
OF_MACHINES = ("verdicts",)  # those that the last digits of a machine may decide: `error` has to ask for them


def level_of(check: str, settings: Any) -> str:
    """ "error", "warn" or "off" for one check; "warn" where the project says nothing.

    Args:
        check: a name of CHECKS; "" is always an error.
        settings: the `press:` part of the configuration.
    """
    checks = (settings or {}).get("checks")
    if not check:
        return "error"
    if checks == STRICT:
        return "warn" if check in OF_MACHINES else "error"
    if isinstance(checks, dict):
        return str(checks.get(check, "warn"))
    return checks if checks in LEVELS else "warn"


def any_stops(checks: Iterable[str], settings: Any) -> bool:
    """Whether one of these checks stops a build."""
    return any(level_of(check, settings) == "error" for check in checks)


def sift(problems: Iterable[Problem], settings: Any) -> tuple[list[Problem], list[Problem]]:
    """What stops the work, and what is only reported; each once, sorted.

    Args:
        settings: the `press:` part of the configuration.
    """
    levels = [(problem, level_of(problem.check, settings)) for problem in dict.fromkeys(problems)]
    return (
        sorted(problem for problem, level in levels if level == "error"),
        sorted(problem for problem, level in levels if level == "warn"),
    )


def stop_at(problems: Iterable[Problem], settings: Any) -> list[Problem]:
    """What is only reported.

    Raises:
        PressError: all that stops the work, if anything does.
    """
    errors, warnings = sift(problems, settings)
    if errors:
        raise PressError(errors)
    return warnings


def check_policy(press: Map) -> list[Problem]:
    """What is wrong with `press: shell:`; it is taken out then."""
    policy = press.get("shell")
    if policy is None or policy in POLICIES:
        return []
    del press["shell"]
    message = f"press: shell: {json.dumps(policy)} is not a policy. Legal: {', '.join(POLICIES)}"
    return [Problem(*(place_of(press, "shell") or ("", 0)), message)]


def check_levels(press: Map) -> list[Problem]:
    """What is wrong with `press: checks:`; it is taken out then."""
    checks = press.get("checks")
    if checks is None or checks == STRICT or checks in LEVELS:
        return []
    place = place_of(press, "checks") or ("", 0)
    legal = f"Write strict, {', '.join(LEVELS)}, or a mapping of checks to error, warn or off"
    problems = []
    if not isinstance(checks, dict):
        problems.append(Problem(*place, f"press: checks: {json.dumps(checks)} is not a level. {legal}"))
    for name, level in checks.items() if isinstance(checks, dict) else ():
        where = place_of(press, f"checks.{name}") or place
        if name not in CHECKS:
            problems.append(Problem(*where, f"press: checks: unknown check {name!r}. Legal: {', '.join(CHECKS)}"))
        elif level not in LEVELS:
            message = f"press: checks: {name}: {json.dumps(level)} is not a level. Legal: {', '.join(LEVELS)}"
            problems.append(Problem(*where, message))
    if problems:
        del press["checks"]
    return problems
