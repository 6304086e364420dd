"""Where things stand on the site: addresses relative to its root, and what equations are called."""

from __future__ import annotations

import functools
import posixpath
import re

from press.papers.schema import Paper

FUNCTIONS = "functions.html"


def slug(value: str) -> str:
    """Part of an address: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-") or "x"


def url_of(page: str) -> str:
    """The address of what an input of the site makes."""
    return posixpath.splitext(page)[0] + ".html"


def paper_url(citekey: str) -> str:
    """A paper's page."""
    return f"papers/{citekey}/index.html"


def function_url(dotted: str) -> str:
    """A function's place in the index of functions."""
    return f"{FUNCTIONS}#{dotted}"


def claim_anchor(id: str) -> str:
    """A claim's name on its paper's page."""
    return f"claim-{id}"


def label(number: str) -> str:
    """What an equation is called: "Eq. 12"; a number with words of its own stays as it is."""
    return f"Eq. {number}" if number[:1].isdigit() or "." in number[:2] else number


@functools.lru_cache(maxsize=1024)
def equation_names(numbers: tuple[str, ...]) -> tuple[str, ...]:
    """The names of a page's equations in its addresses, each different."""
    names: list[str] = []
    for number in numbers:
        name = f"equation-{slug(number)}"
        names.append(name if name not in names else f"{name}-{len(names)}")
    return tuple(names)


def names_of(paper: Paper) -> tuple[str, ...]:
    """The names of a paper's equations in the addresses of its page."""
    return equation_names(tuple(equation.number for equation in paper.equations))


def from_page(url: str, page: str) -> str:
    """An address as a link on a page; both relative to the site's root."""
    path, mark, name = url.partition("#")
    return posixpath.relpath(path, posixpath.dirname(page) or ".") + mark + name
