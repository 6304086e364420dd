"""Nothing there: an empty library, an empty collection, a bibliography without entries."""

from __future__ import annotations

import json

import pytest

from press.core.bib import entries, subset
from tests.press.conftest import cell
from tests.press.intake.zotero.zotero import DESKTOP, Library, Server, author, item

COMMENTS = "% Nothing here yet.\n@comment{jabref-meta: databaseType:bibtex;}\n\n% @article{no, title = {x}}\n"


@pytest.mark.parametrize("version", [0, 7])
def test_an_empty_library_fills_and_empties_again(site, version):
    (site.root / "references.bib").unlink()
    with Server(Library([], version=version)) as server:
        assert "up to date, library version" in site.press("sync", **server.environment).stdout
        assert site.read("references.bib") == ""
        site.press("check")
        library = next(iter(server.libraries.values()))
        library.put("AAAA2222", title="Old", creators=[author("Doe", "J")], date="2001")
        assert "1 added (doe2001old)" in site.press("sync", **server.environment).stdout
        library.erase("AAAA2222")
        assert "1 removed (doe2001old)" in site.press("sync", **server.environment).stdout
    assert site.read("references.bib") == ""


def test_an_empty_desktop_library(site):
    (site.root / "references.bib").unlink()  # one that no sync wrote is refused rather than lost
    with Server(Library(), path=DESKTOP) as server:
        done = site.press("sync", "--local", ZOTERO_API_URL=server.url + "/api")
    assert "up to date" in done.stdout or "removed" in done.stdout


def test_an_empty_collection(desk):
    desk.library.collections.add("EMPTY234")
    assert desk.sync(collection="EMPTY234").added == []
    assert desk.bib == ""
    assert json.loads(desk.files()[1])["collection"] == "EMPTY234"
    desk.library.put("AAAA2222", title="Old", collections=["EMPTY234"])
    assert len(desk.sync().added) == 1


def test_a_library_of_notes_only(desk):
    desk.library.items = {"N": item("N", itemType="note", note="x")}
    assert desk.sync(full=True).added == []
    assert desk.bib == ""


@pytest.mark.parametrize("text", ["", "\n", COMMENTS, "@string{x = {y}}\n", "no BibTeX at all\n", "@preamble{{x}}"])
def test_a_bibliography_without_entries(site, text):
    site.write("references.bib", text)
    site.post("a", "Words.\n\n" + cell("print(1)"))
    site.press("build")
    assert "no problems" in site.press("check").stdout
    for command in ("why", "claims"):
        site.press(command)
    site.post("a", "See @nobody2020.\n\n" + cell("print(1)"))
    assert "unknown citation @nobody2020" in site.press("check", status=1).stderr


@pytest.mark.parametrize("text", ["", "\n", COMMENTS, "@comment{a, b}\n"])
def test_entries_of_nothing(text):
    assert entries(text)[0].keys() <= {"no"}
    assert subset(text, {"a"}) == ""
