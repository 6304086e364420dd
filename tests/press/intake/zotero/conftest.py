"""A project that takes its references from a Zotero server on loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from press.core import http
from press.core.project import Project, open_project
from press.intake.zotero.sync import Outcome, Wishes, sync
from tests.press.conftest import Site
from tests.press.intake.zotero.zotero import Library, Server, fixture


class Desk:
    """A project, a server, and what a sync said."""

    def __init__(self, site: Site, server: Server):
        self.site, self.server = site, server
        self.said: list[str] = []

    @property
    def library(self) -> Library:
        return next(iter(self.server.libraries.values()))

    @property
    def project(self) -> Project:
        return open_project(self.site.root)

    def sync(self, **wishes) -> Outcome:
        """Sync in this process; the server's log begins anew."""
        self.server.log.clear()
        return sync(self.project, Wishes(**wishes), self.said.append, self.server.environment)

    def files(self) -> tuple[bytes, bytes]:
        """references.bib and its state, as they lie there."""
        return tuple(
            path.read_bytes() if path.exists() else b""
            for path in (self.site.root / "references.bib", self.site.root / "references.json")
        )

    @property
    def bib(self) -> str:
        return self.files()[0].decode()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Tries follow each other at once, here and in processes that a test starts."""
    monkeypatch.setattr(http, "PAUSES", (0.01, 0.01, 0.01))
    for name in list(os.environ):
        if name.startswith("ZOTERO_"):
            monkeypatch.delenv(name)


@pytest.fixture
def desk(site: Site) -> Iterator[Desk]:
    """The fixture library on a server that gives ten items a page, and an empty project."""
    (site.root / "references.bib").unlink()
    with Server(fixture(), limit=10) as server:
        yield Desk(site, server)


def files_of(root: Path) -> list[str]:
    """Names of what lies in the project's root."""
    return sorted(path.name for path in root.iterdir())
