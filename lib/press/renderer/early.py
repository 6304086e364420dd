"""What the embedded renderer would refuse of the pages' sources, told before anything runs.

Pandoc reads each text, as only its reader knows what is a class and what is code; cells stand in it without outputs.
The answer is remembered by content, so that only pages that have changed are read again.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from typing import Any

from press.core.config import Config
from press.core.errors import Problem, collected
from press.core.memory import remembered
from press.core.pandoc import version
from press.core.refused import refused
from press.core.selection import missing_resources
from press.renderer import chrome, convert, includes, listing, navitems, onepage, page, titleblock


def refused_early(
    config: Config,
    pages: list[Path],
    notebooks: Mapping[Path, dict[str, Any]],
    cache: Path,
    jobs: int,
    look: bool = True,
) -> list[Problem]:
    """What is refused of the configuration and of these pages; each problem once.

    Args:
        notebooks: page -> a notebook to read in its place, which need not have run.
        cache: folder of remembered readings.
        jobs: how many pages to read at a time.
        look: whether to have Pandoc read the pages.
    """
    problems = [*refused(config), *missing_resources(config), *navitems.check(config)]
    with collected(problems):
        onepage.open_site(config, pages)
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        for found in pool.map(lambda path: _of_page(config, path, notebooks.get(path), cache if look else None), pages):
            problems += found
    return list(dict.fromkeys(problems))


def _of_page(config: Config, path: Path, notebook: dict[str, Any] | None, cache: Path | None) -> list[Problem]:
    problems: list[Problem] = []
    with collected(problems):
        document = page.read(config, path, notebook, ran=notebook is None)
        problems += document.problems
        before = len(document.problems)
        onepage.bibliography_paths(config, document)
        onepage.csl_path(config, document)
        problems += document.problems[before:]
        problems += titleblock.check(document) + includes.check_styles(config, document)
        problems += listing.check(chrome.listings_of(document), document.meta, document.input)
        if cache:
            content = json.dumps([version(), onepage.own_source(), document.input, document.lines, document.origins])
            found = remembered(cache, content, lambda: {"problems": _look(document)})
            problems += [Problem(*problem) for problem in found["problems"]]
    return problems


def _look(document: page.Document) -> list[tuple[str, int, str, str, str]]:
    document.problems = []
    with tempfile.TemporaryDirectory(prefix="press-") as work:
        convert.look(document, Path(work))
    return [astuple(problem) for problem in document.problems]
