"""Build small projects with the real Pandoc and the real Pagefind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lxml.html
import pytest

from press.core.config import read_config
from press.core.errors import PressError, Problem
from press.renderer import SiteReport, render_site

from . import builder, tour

FRONT = "title: A post\ndate: 2026-03-04"
NO_SEARCH = builder.QUARTO_YML.replace("search: true", "search: false")


class Project:
    """A project in a temporary folder: one post from cells, built on demand."""

    def __init__(self, root: Path):
        self.root = builder.write_site(
            root, **{"_quarto.yml": NO_SEARCH, "about.qmd": "---\ntitle: About\n---\n\nWe.\n"}
        )
        self.out, self.cache = root / "_site", root / ".cache"

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def post(self, *cells: dict[str, Any], front: str = FRONT, slug: str = "x") -> None:
        builder.write_post(self.root, slug, front, *cells)

    def build(self, profile: str = "", **options: Any) -> SiteReport:
        return render_site(read_config(self.root, profile), out=self.out, cache=self.cache, **options)

    def page(self, url: str = "posts/x/index.html") -> Any:
        return lxml.html.fromstring((self.out / url).read_bytes())

    def render(self, *cells: dict[str, Any], front: str = FRONT) -> Any:
        """Build with this one post and return its <main>."""
        self.post(*cells, front=front)
        self.build()
        return self.page().get_element_by_id("quarto-document-content")

    def refused(self, *cells: dict[str, Any], front: str = FRONT) -> list[Problem]:
        """Build with this one post and return what was refused."""
        if cells or front != FRONT:
            self.post(*cells, front=front)
        with pytest.raises(PressError) as caught:
            self.build()
        return caught.value.problems


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "site")


@pytest.fixture(scope="session")
def tour_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built fixture site; read it, never write it."""
    root = tour.write_tour(tmp_path_factory.mktemp("tour"))
    render_site(read_config(root), out=root / "_site", cache=root / ".cache")
    return root / "_site"


@pytest.fixture(scope="session")
def tour_page(tour_site: Path) -> Callable[[str], Any]:
    return lambda url: lxml.html.fromstring((tour_site / url).read_bytes())


def words(element: Any) -> str:
    """An element's text with its white space collapsed; no-break spaces stay."""
    return " ".join(element.text_content().split(" ")).replace("\n", " ").strip() if element is not None else ""
