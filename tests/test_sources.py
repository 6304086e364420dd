"""Every paper that a docstring of lib names as its source is in the bibliography."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
KEYS = set(re.findall(r"^@\w+\{([^,]+),", (ROOT / "references.bib").read_text(encoding="utf-8"), re.MULTILINE))
CITEKEY = re.compile(r"\b[a-z]+(?:19|20)\d\d[a-z]*\b")
FILES = sorted(path for path in (ROOT / "lib").rglob("*.py") if "Source:" in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT / "lib").as_posix())
def test_sources_are_in_the_bibliography(path):
    found = [
        key for line in re.findall(r"Source: (.*)", path.read_text(encoding="utf-8")) for key in CITEKEY.findall(line)
    ]
    assert not set(found) - KEYS


def test_the_loops_name_their_sources():
    assert len([path for path in FILES if path.parent.name == "diffloop"]) >= 10
