"""Tags in Zotero as reading status: by a sync over HTTP, into the state, onto the index of papers."""

from __future__ import annotations

import json

import pytest

from press.core.errors import PressError
from press.intake.zotero.tags import reading_status
from press.pages.indexes import papers_index
from press.papers.library import zotero_statuses
from press.papers.schema import read_papers
from press.papers.shelf import read_shelf
from tests.press.intake.zotero.test_sync import key_of

CITEKEY = "hertz2022prompttoprompt"
EQUATION = '\n[[equations]]\nnumber = "1"\nlatex = "a = b"\nsays = "A line."\n'


@pytest.fixture
def paper(desk) -> str:
    """The item key of a paper that has a folder in the project, synced once."""
    desk.site.write(f"papers/{CITEKEY}/paper.toml", f'citekey = "{CITEKEY}"\n{EQUATION}')
    desk.sync()
    return key_of(desk.library, "Prompt-to-Prompt")


def shown(desk) -> str:
    """The status of the paper, and that the index of papers shows no other."""
    shelf = read_shelf(desk.project, read_papers(desk.project.root), {})
    status = shelf.status(CITEKEY)
    assert f'<span class="paper-status">{status}</span>' in papers_index(shelf)
    assert papers_index(shelf).count('class="paper-status"') == 1
    return status


def tagged(desk, key: str, *tags: object) -> str:
    """The status after a sync of the item with these tags; the bibliography stays as it is."""
    before = desk.bib
    desk.library.put(key, tags=[{"tag": tag} if isinstance(tag, str) else tag for tag in tags])
    outcome = desk.sync()
    assert (outcome.added, outcome.changed, outcome.removed) == ([], [], [])
    assert len(desk.server.log) == 2, "what changed and what was deleted: not the whole library"
    assert desk.bib == before
    return shown(desk)


def test_a_tag_added_changed_and_removed(desk, paper):
    assert shown(desk) == "to read"
    assert zotero_statuses(desk.project) == {}
    assert tagged(desk, paper, "diffusion", "to read") == "to read"
    assert json.loads(desk.files()[1])["status"] == {paper: "to read"}
    assert tagged(desk, paper, "reading") == "reading"
    assert zotero_statuses(desk.project) == {CITEKEY: "reading"}
    desk.library.put(key_of(desk.library, "Denoising Diffusion P"), tags=[{"tag": "to-read"}])
    desk.sync()
    assert zotero_statuses(desk.project) == {CITEKEY: "reading", "ho2020ddpm": "to read"}, (
        "another item changes nothing"
    )
    assert tagged(desk, paper) == "to read"
    assert zotero_statuses(desk.project) == {"ho2020ddpm": "to read"}


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ("To Read", "to read"),
        ("TO-READ", "to read"),
        ("to_read", "to read"),
        ("#toread", "to read"),
        ("  reading\t", "reading"),
        ("📖 Reading", "reading"),  # a coloured tag: to the API one like any other, often with a picture
        ("🔴to read", "to read"),
        ("ＲＥＡＤＩＮＧ", "reading"),
        ("reading list", ""),
        ("Read", "read"),
        ("✅ read", "read"),
        ("re-read", ""),
        ("re-tested", ""),  # only a measurement says so
        ("🔴", ""),
        ("", ""),
    ],
)
def test_how_a_tag_is_written(tag, status):
    assert reading_status({"tags": [{"tag": tag}]}) == status


def test_the_further_one_wins_and_keywords_of_an_import_say_nothing():
    assert reading_status({"tags": [{"tag": "to read"}, {"tag": "reading"}]}) == "reading"
    assert reading_status({"tags": [{"tag": "reading"}, {"tag": "read"}, {"tag": "to read"}]}) == "read"
    assert reading_status({"tags": [{"tag": "Reading", "type": 1}]}) == ""
    assert reading_status({"tags": [{"tag": "Reading", "type": 1}, {"tag": "to read", "type": 0}]}) == "to read"


HOSTILE = [
    "<script>alert(1)</script>",
    "reading</span><script>",
    "../../etc",
    "\x1b[31mto read\x00!",
    "\ud800",
    "a" * 10**6,
]


def test_hostile_tags_reach_no_file(desk, paper):
    before = desk.files()[1].decode()
    desk.library.put(paper, tags=[{"tag": tag} for tag in HOSTILE if tag != HOSTILE[3]])
    desk.sync()
    after = desk.files()[1].decode()
    assert json.loads(after) == json.loads(before) | {"version": desk.library.version}
    assert shown(desk) == "to read"


@pytest.mark.parametrize(
    "tags", [None, 5, "reading", {"tag": "reading"}, [None, "reading", 3, {}, {"tag": ["reading"]}]]
)
def test_what_is_no_list_of_tags_is_none(desk, paper, tags):
    desk.library.put(paper, tags=tags)
    desk.sync()
    assert zotero_statuses(desk.project) == {}
    assert CITEKEY in desk.sync(tag="").new


def test_a_state_of_before_is_read_and_the_library_read_whole_once(desk, paper):
    assert tagged(desk, paper, "reading") == "reading"
    new = desk.files()[1]
    old = json.loads(new)
    del old["status"]
    desk.site.write("references.json", json.dumps(old))
    assert shown(desk) == "to read"
    desk.sync()
    assert len(desk.server.log) == 9
    assert desk.files()[1] == new
    desk.sync()
    assert len(desk.server.log) == 1


def test_the_status_leaves_with_its_item_and_comes_back_with_it(desk):
    desk.sync()
    gone = key_of(desk.library, "Strmr")
    desk.library.put(gone, tags=[{"tag": "reading"}])
    desk.sync()
    assert zotero_statuses(desk.project) == {"strmrndstrmr": "reading"}
    desk.library.trash(gone)
    desk.sync()
    assert json.loads(desk.files()[1])["status"] == {}
    desk.library.restore(gone)
    desk.sync()
    assert zotero_statuses(desk.project) == {"strmrndstrmr": "reading"}


@pytest.mark.parametrize("status", [{"A": "<b>"}, {"A": ["reading"]}, ["reading"], "reading"])
def test_a_damaged_status_is_named(desk, status):
    desk.sync()
    desk.site.write("references.json", json.dumps(json.loads(desk.files()[1]) | {"status": status}))
    with pytest.raises(PressError, match="not a valid state of `press sync`"):
        zotero_statuses(desk.project)


@pytest.mark.parametrize("measured", [0.0, 2.0])
def test_a_paper_with_a_measured_claim_is_re_tested_whatever_its_tag(desk, paper, measured):
    claim = 'id = "c"\nstatement = "S."\ntable = "1"\nnumber = "2"\nquantity = "q"\ndirection = "above"\nthan = -1.0\n'
    claim += 'delta = 0.01\ndelta_why = "little"\n'
    desk.site.write(f"papers/{CITEKEY}/paper.toml", f'citekey = "{CITEKEY}"\n{EQUATION}\n[[claims]]\n{claim}')
    assert tagged(desk, paper, "reading") == "reading"
    data = {"id": "c", "paper": CITEKEY, "measured": measured, "interval": [0.0, 3.0], "seeds": 3, "scale": "small"}
    output = {"output_type": "display_data", "metadata": {}, "data": {"application/vnd.claim+json": data}}
    cell = {"cell_type": "code", "id": "a", "source": "", "metadata": {}, "execution_count": 1, "outputs": [output]}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    desk.site.write("posts/a/post.qmd", "---\ntitle: A\n---\n")
    shelf = read_shelf(desk.project, read_papers(desk.project.root), {"a": notebook})
    assert shelf.status(CITEKEY) == "re-tested"
