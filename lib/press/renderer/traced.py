"""The Markdown of one page, whose lines know where their author wrote them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

from press.core.errors import Problem
from press.core.yamlfile import Map, Place
from press.renderer.phrases import table

Origin = Place


@dataclass
class Document:
    """What Pandoc gets, and what is needed to talk about it.

    Args:
        input: path of the input, relative to the root.
        meta: the front matter, over what the configuration and the folders' `_metadata.yml` say.
        lines: the Markdown.
        origins: for each line its file and line; None for lines that no author wrote (outputs).
        files: page-relative path -> bytes of each image taken out of the outputs.
        needs: the libraries that draw something of it in the browser, and what to say where one is not available.
        widgets: the state of the notebook's widgets, by their models' ids.
        large: marker -> HTML of outputs that is put into the page when Pandoc has written it.
        words: the author's Markdown only, for the reading time.
        ran: whether the outputs are there.
        not_run: language -> where the cells stand that are only shown.
        phrases: what the page prints of its own.
        lost: the files that its metadata names and that are not there.
        site_meta: what {{< meta >}} finds where the front matter has no such key.
    """

    input: str
    meta: Map = field(default_factory=Map)
    lines: list[str] = field(default_factory=list)
    origins: list[Origin | None] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    needs: list[tuple[str, Problem | None]] = field(default_factory=list)
    widgets: dict[str, Any] = field(default_factory=dict)
    large: dict[str, str] = field(default_factory=dict)
    words: int = 0
    ran: bool = True
    not_run: dict[str, list[Origin]] = field(default_factory=dict)
    site_meta: dict[str, Any] = field(default_factory=dict)
    lost: list[Path] = field(default_factory=list)
    phrases: dict[str, Any] = field(default_factory=lambda: dict(table("en")))

    def add(self, text: str, origin: Origin | None = None) -> None:
        """Append lines; with an origin they count up from it, without one they are nobody's."""
        for offset, line in enumerate(text.split("\n")):
            self.lines.append(line)
            self.origins.append((origin[0], origin[1] + offset if origin[1] else 0) if origin else None)

    def indent(self, start: int, by: str) -> None:
        """Put the lines from `start` on within the list item whose text is indented so, by spaces and tabs."""
        if by and not by.strip(" \t"):
            self.lines[start:] = [by + line if line else line for line in self.lines[start:]]

    def need(self, library: str, problem: Problem | None = None) -> None:
        """Ask for a library of `libraries.LIBRARIES` or `livemodels`; a problem is reported if it is not available."""
        self.needs.append((library, problem))

    def find(self, needle: str) -> list[Origin]:
        """Where the author wrote this text; [] when nowhere (then the page's file is to blame)."""
        return self.finder()(needle)

    def finder(self) -> Callable[[str], list[Origin]]:
        """`find` for many texts in the lines as they are now, which are put together once for all of them."""
        pairs = [(line, origin) for line, origin in zip(self.lines, self.origins, strict=True) if origin]
        text = "\n".join(line for line, _ in pairs)
        starts = [0, *accumulate(len(line) + 1 for line, _ in pairs)]

        def find(needle: str) -> list[Origin]:
            places, at = [], text.find(needle)
            while 0 <= at < starts[-1]:
                line = bisect_right(starts, at) - 1
                places.append(pairs[line][1])
                at = text.find(needle, starts[line + 1])
            return list(dict.fromkeys(places))

        return find

    def blame(self, needle: str, message: str, check: str = "unsupported") -> list[Problem]:
        """A problem at each place where the author wrote `needle`, or one on the whole page."""
        places = self.find(needle) if needle else []
        if needle.startswith("#"):  # a label: {#fig-x} in the text, label: fig-x in a cell
            places += self.find(f'press-label="{needle[1:]}"')
        if not places and needle:  # perhaps it runs over a line's end: look for its longest word
            places = self.find(max(needle.split() or [""], key=len))[:1] if needle.split() else []
        places = places or [(self.input, 0)]
        return [Problem(*place, message, check=check) for place in places]
