"""Where the links of a page's source lead, judged before anything runs or is rendered.

Only what the text itself says: links in what cells print are looked at in the finished site.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote

from press.core.config import Config
from press.core.errors import Problem
from press.core.selection import url_of

ELSEWHERE = re.compile(r"^(?:[a-zA-Z][\w+.-]*:|//|#|\?|$)")


def broken_links(links: list[list[Any]], page: str, inputs: Collection[str], config: Config) -> list[Problem]:
    """A problem for each link that leads neither to a page nor to a file of the project.

    Args:
        links: [target, file, line] as the author wrote them.
        page: the page's input, relative to the root.
        inputs: every input of the site, those that the build will generate among them.
    """
    addresses, root = {url_of(config, name) for name in inputs}, config.root
    problems = []
    for link, file, line in links:
        path = unquote(link.partition("#")[0].partition("?")[0])
        if ELSEWHERE.match(link) or not path:
            continue
        folder = "" if path.startswith("/") else posixpath.dirname(page)
        name = posixpath.normpath(posixpath.join(folder, path.lstrip("/")))
        ways = {name, posixpath.normpath(posixpath.join(name, "index.html"))}
        leads = name in inputs or ways & addresses or (not name.startswith("..") and os.path.exists(root / name))
        if not leads:
            message = f"broken link {link!r}: neither a page of the site nor a file of the project ({name})"
            problems.append(Problem(file, line, message, check="links"))
    return problems
