"""Find secrets in notebooks' outputs before anything is stored or published. The secret itself is never printed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import Any

from press.core.errors import Problem

SHAPES = {
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    "a GitHub token": re.compile(r"\b(ghp|gho|ghs|ghu|github_pat)_[A-Za-z0-9_]{30,}"),
    "an AWS access key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a Zotero API key": re.compile(r"(?i)zotero.{0,40}?\b(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{24}\b"),
}
NAME = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|CREDENTIAL)", re.IGNORECASE)
SHORTEST = 8


def environment_secrets() -> dict[str, str]:
    """Variables of the environment whose names say that they hold a secret."""
    return {name: value for name, value in os.environ.items() if NAME.search(name) and len(value) >= SHORTEST}


def secrets_in(text: str) -> list[str]:
    """What kinds of secret the text holds, in words that do not repeat it."""
    found = [what for what, shape in SHAPES.items() if shape.search(text)]
    return found + known_values_in(text)


def stamp() -> str:
    """What the shapes are told by: a text that was found clean under the same stamp need not be looked at again."""
    return hashlib.sha256(json.dumps({what: shape.pattern for what, shape in SHAPES.items()}).encode()).hexdigest()


def known_values_in(text: str) -> list[str]:
    """Which secrets of the environment the text holds, in words that do not repeat them."""
    return [f"the value of ${name}" for name, value in environment_secrets().items() if value in text]


def find_secrets(notebook: dict[str, Any], file: str) -> list[Problem]:
    """A problem for each code cell whose source or outputs hold a secret."""
    problems = []
    for cell in notebook["cells"]:
        outputs = [output.get("data", {}) | {"text": output.get("text", "")} for output in cell.get("outputs", [])]
        place = cell["metadata"].get("press", {"file": file, "line": 0})
        texts = [_joined(value) for output in outputs for value in output.values()]
        texts.append(_joined(cell["source"]))
        for what in sorted({what for text in texts for what in secrets_in(text)}):
            message = f"{cell['id']} shows {what}. Remove it from the cell, and revoke it if it was ever published"
            problems.append(Problem(place["file"], place["line"], message))
    return problems


def _joined(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value if isinstance(value, str) else json.dumps(value)
