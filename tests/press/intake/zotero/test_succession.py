"""A work that is deleted and imported again keeps its citation key; where the sync stops, it says what to do."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from press.core.errors import PressError
from press.intake.zotero import client
from press.intake.zotero.state import State, decode, encode
from press.intake.zotero.sync import merge
from tests.press.intake.zotero.reading import parse
from tests.press.intake.zotero.zotero import author, item

DOI = {"DOI": "10.1234/<abc>", "itemType": "journalArticle"}
SHORT = {"DOI": "10/abcd", "itemType": "journalArticle"}
ARXIV = {"archiveID": "arXiv:2001.00001", "itemType": "preprint"}
BOOK = {"ISBN": "0-306-40615-2", "itemType": "book"}
AGAIN = [
    (DOI, {"DOI": "https://doi.org/10.1234/<ABC>", "itemType": "journalArticle"}),
    (SHORT, {"extra": "DOI: 10/abcd", "itemType": "webpage"}),
    (ARXIV, {"url": "https://arxiv.org/abs/2001.00001v3", "itemType": "preprint"}),
    (ARXIV, {"extra": "arXiv: 2001.00001", "DOI": "10.9/x", "itemType": "conferencePaper"}),
    (BOOK, {"ISBN": "9780306406157 0306406152", "itemType": "book"}),
]


def put(desk, key: str, data: dict, title: str = "Old title", **more) -> None:
    desk.library.put(key, title=title, creators=[author("Doe", "Jane")], date="2001", **data, **more)


def message(error: pytest.ExceptionInfo[PressError]) -> str:
    return "\n".join(map(str, error.value.problems))


@pytest.mark.parametrize(("data", "again"), AGAIN)
@pytest.mark.parametrize("synced", [False, True])
def test_imported_again_it_has_its_key_back(desk, data, again, synced):
    put(desk, "AAAA2222", data)
    desk.sync()
    desk.library.erase("AAAA2222")
    if synced:
        assert desk.sync().removed == ["doe2001old"]
    put(desk, "ZZZZ2222", again, title="Another title")
    outcome = desk.sync()
    assert outcome.added == (["doe2001old"] if synced else [])
    assert outcome.removed == []
    assert "Another title" in parse(desk.bib)["doe2001old"]["title"].replace("{", "").replace("}", "")
    state = json.loads(desk.files()[1])
    assert state["items"]["ZZZZ2222"] == "doe2001old"
    assert "former" not in state
    assert desk.sync(full=True).changed == []


@pytest.mark.parametrize(("data", "again"), AGAIN)
def test_cited_or_not_in_the_trash_or_erased_it_does_not_stop_the_sync(desk, data, again):
    put(desk, "AAAA2222", data)
    desk.sync()
    desk.site.post("a", "See @doe2001old.\n")
    desk.library.trash("AAAA2222")
    with pytest.raises(PressError) as error:
        desk.sync()
    assert "cites @doe2001old, which is no longer in the library. Restore it in Zotero, or give the item" in message(
        error
    )
    put(desk, "ZZZZ2222", again, title="Another title")
    assert desk.sync().removed == []


def test_another_work_does_not_get_the_key(desk):
    put(desk, "AAAA2222", DOI)
    desk.sync()
    desk.library.erase("AAAA2222")
    put(desk, "ZZZZ2222", DOI | {"DOI": "10.1234/other"})
    assert desk.sync().added == ["doe2001olda"]


def test_chapters_of_one_book_do_not_get_each_others_keys(desk):
    chapter = {"ISBN": "9780306406157", "itemType": "bookSection"}
    put(desk, "AAAA2222", chapter, title="Old first")
    put(desk, "BBBB2222", chapter, title="Old second")
    desk.sync()
    desk.library.erase("AAAA2222")
    desk.library.erase("BBBB2222")
    put(desk, "YYYY2222", chapter, title="Old second")
    put(desk, "ZZZZ2222", chapter, title="Old first")
    assert desk.sync().removed == []
    items = json.loads(desk.files()[1])["items"]
    assert (items["ZZZZ2222"], items["YYYY2222"]) == ("doe2001olda", "doe2001oldb")


def test_a_restored_item_goes_before_a_copy(desk):
    put(desk, "AAAA2222", DOI)
    desk.sync()
    desk.library.trash("AAAA2222")
    desk.sync()
    desk.library.restore("AAAA2222")
    put(desk, "ZZZZ2222", DOI)
    assert desk.sync().added == ["doe2001old", "doe2001olda"]
    assert json.loads(desk.files()[1])["items"]["AAAA2222"] == "doe2001old"


def test_a_pin_of_the_author_goes_before_the_old_key_and_the_message_names_it(desk):
    put(desk, "AAAA2222", DOI)
    desk.sync()
    desk.site.post("a", "See @doe2001old.\n")
    desk.library.erase("AAAA2222")
    put(desk, "ZZZZ2222", DOI, citationKey="mine2001")
    before = desk.files()
    with pytest.raises(PressError) as error:
        desk.sync()
    assert "posts/a/post.qmd:8: cites @doe2001old, whose item is no longer in the library; the same work" in message(
        error
    )
    assert "is there as @mine2001. Cite that one with --rewrite, or give it the Citation Key doe2001old" in message(
        error
    )
    assert desk.files() == before
    outcome = desk.sync(rewrite=True)
    assert outcome.rewritten == ["posts/a/post.qmd"]
    assert "See @mine2001." in desk.site.read("posts/a/post.qmd")
    assert "doe2001old" not in parse(desk.bib)


def test_the_other_way_out_works_too(desk):
    put(desk, "AAAA2222", DOI)
    desk.sync()
    desk.site.post("a", "See @doe2001old.\n")
    desk.library.erase("AAAA2222")
    put(desk, "ZZZZ2222", DOI, citationKey="mine2001")
    with pytest.raises(PressError):
        desk.sync()
    desk.library.put("ZZZZ2222", citationKey="doe2001old")
    assert desk.sync().removed == []


def test_two_copies_of_which_the_cited_one_is_deleted(desk):
    put(desk, "AAAA2222", DOI)
    put(desk, "BBBB2222", DOI)
    desk.sync()
    desk.site.post("a", "See @doe2001olda.\n")
    desk.library.trash("AAAA2222")
    with pytest.raises(PressError) as error:
        desk.sync()
    assert "@doe2001oldb" in message(error)
    desk.sync(rewrite=True)
    assert "See @doe2001oldb." in desk.site.read("posts/a/post.qmd")
    assert desk.sync().removed == []


def test_another_library_with_the_same_works_keeps_their_keys(desk):
    put(desk, "AAAA2222", DOI)
    desk.sync()
    desk.server.libraries["/users/9"] = type(desk.library)([item("QQQQ2222", title="Else", **DOI)])
    assert "doe2001old" not in desk.sync(library_id="9", full=True).removed


WORKS = [
    {"DOI": "10.1234/a"},
    {"DOI": "10/abcd"},
    {"archiveID": "2001.00001"},
    {"ISBN": "0306406152", "itemType": "book"},
]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sets(st.integers(0, len(WORKS) - 1)), min_size=2, max_size=8))
def test_whatever_comes_and_goes_a_work_has_one_key_for_good(steps):
    """Each step is a sync of a library with these works and no others; one that comes again is a new item."""
    state, bib, number = State(), "", 0
    items: dict[int, dict] = {}
    keys: dict[int, str] = {}
    source = client.Source("user", "1", "")
    for step in steps:
        items = {work: one for work, one in items.items() if work in step}
        for work in step - set(items):
            number += 1
            items[work] = item(f"K{number:07}", title="Old", creators=[author("Doe", "J")], date="2001", **WORKS[work])
        reading = client.Reading({one["key"]: one for one in items.values()}, set(), 1, True)
        outcome, state = merge(None, state, bib, reading, source, print)
        state, bib = decode(encode(state), "state"), outcome.new
        now = {work: state.items[one["key"]] for work, one in items.items()}
        assert now == {work: keys.setdefault(work, key) for work, key in now.items()}
        assert len(set(keys.values())) == len(keys)
