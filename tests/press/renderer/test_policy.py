"""What a page allows a browser: the site's own files and its own inline scripts, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from press.renderer.policy import with_policy

PAGE = '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n<title>t</title>%s</head><body>%s</body></html>'


def scripts_of(page: str) -> str:
    """The sources that a page's policy names for scripts."""
    content = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    return next(part for part in content.split("; ") if part.startswith("script-src "))


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_stands_before_what_it_restrains():
    page = with_policy(PAGE % ("<script>a()</script>", ""), [])
    assert page.index("Content-Security-Policy") < page.index("<title>") < page.index("<script>")
    assert "'unsafe-eval'" not in page
    assert "unsafe-hashes" not in page


@pytest.mark.parametrize("kind", ["", ' type="module"', " type='text/javascript'", ' data-x="a > b"'])
def test_inline_scripts_are_named_by_their_hashes(kind):
    assert digest("one()\n") in scripts_of(with_policy(PAGE % (f"<script{kind}>one()\r\n</script>", ""), []))


@pytest.mark.parametrize("given", ['<script src="a.js"></script>', '<script type="application/json">{"a": 1}</script>'])
def test_data_and_files_need_no_hash(given):
    assert "sha256" not in with_policy(PAGE % ("", given), [])


def test_handlers_are_named_too():
    allowed = scripts_of(with_policy(PAGE % ("", '<p onclick="say(&quot;x&quot;)">on time = 1</p>'), []))
    assert digest('say("x")') in allowed
    assert "'unsafe-hashes'" in allowed


def test_only_libraries_that_make_functions_of_strings_may():
    assert "'unsafe-eval'" in scripts_of(with_policy(PAGE % ("", ""), ["vega"]))
    assert "'unsafe-eval'" not in scripts_of(with_policy(PAGE % ("", ""), ["katex", "live:models/tiny"]))
