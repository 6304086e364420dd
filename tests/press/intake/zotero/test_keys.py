"""Citation keys: whose they are, how they are made, and that they stay."""

from __future__ import annotations

import pytest

from press.intake.zotero.keys import assign, generated_key, is_legal, pinned_key
from tests.press.intake.zotero.zotero import author, item


def keys(*items, frozen=None, reserved=()):
    said: list[str] = []
    return assign({one["key"]: one for one in items}, frozen or {}, set(reserved), said.append), said


def paper(key: str, **data):
    return item(key, **({"title": "Denoising things", "creators": [author("Ho", "J")], "date": "2020"} | data))


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"citationKey": "a2020", "extra": "Citation Key: b2020"}, "a2020"),
        ({"citationKey": "", "extra": "x\nCitation Key: b2020\ny"}, "b2020"),
        ({"extra": "citation-key:b2020"}, "b2020"),
        ({"extra": "my Citation Key: no"}, ""),
        ({}, ""),
    ],
)
def test_the_authors_key(data, key):
    assert pinned_key(data) == key


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({}, "ho2020denoising"),
        ({"creators": [author("van den Berg", "R")], "title": "The <i>Big</i> Idea"}, "vandenberg2020big"),
        ({"creators": [author("Łukasz-Müller", "Ø")], "title": "Über Öl"}, "lukaszmuller2020uber"),
        ({"creators": [author("李", "明")], "title": "扩散"}, "anon2020"),
        ({"creators": [author("The Royal Society")], "date": "n.d."}, "royalnddenoising"),
        ({"creators": [], "forumTitle": "fast.ai Course Forums"}, "fastai2020denoising"),
        (
            {"creators": [{"creatorType": "editor", "lastName": "Ed", "firstName": "A"}, author("Au", "T")]},
            "au2020denoising",
        ),
        ({"title": "On the U-Net"}, "ho2020unet"),
        ({"title": "", "creators": [], "date": ""}, "anonnd"),
    ],
)
def test_generated_keys(data, key):
    made = generated_key(paper("AAAA2222", **data))
    assert made == key
    assert is_legal(made)


@pytest.mark.parametrize(
    "key", ["a b", "a,b", "a{b", "ö2020", "-a", "fig-one", "eq-2", "a\\b", "a--", "", "a@b", "x" * 3 + "\n"]
)
def test_illegal_keys_are_not_used(key):
    assert not is_legal(key)
    if key:
        made, said = keys(paper("AAAA2222", citationKey=key))
        assert made["AAAA2222"] == "ho2020denoising" or not said


def test_collisions_get_letters_by_item_key_whatever_the_order():
    items = [paper("CCCC2222"), paper("AAAA2222"), paper("BBBB2222")]
    expected = {"AAAA2222": "ho2020denoisinga", "BBBB2222": "ho2020denoisingb", "CCCC2222": "ho2020denoisingc"}
    assert keys(*items)[0] == expected
    assert keys(*reversed(items))[0] == expected


def test_a_newcomer_never_takes_a_key():
    old = {"CCCC2222": "ho2020denoising"}
    assert keys(paper("CCCC2222"), paper("AAAA2222"), frozen=old)[0] == old | {"AAAA2222": "ho2020denoisinga"}
    assert keys(paper("AAAA2222"), reserved=["ho2020denoising", "HO2020denoisinga"])[0] == {
        "AAAA2222": "ho2020denoisingb"
    }


def test_a_generated_key_is_frozen():
    assert keys(paper("AAAA2222", title="Another", date="1999"), frozen={"AAAA2222": "ho2020denoising"})[0] == {
        "AAAA2222": "ho2020denoising"
    }


def test_a_pin_goes_before_everything_but_a_pin():
    made, said = keys(
        paper("AAAA2222"),
        paper("BBBB2222", citationKey="ho2020denoising"),
        paper("CCCC2222", citationKey="Ho2020Denoising"),
    )
    assert made == {"BBBB2222": "ho2020denoising", "AAAA2222": "ho2020denoisinga", "CCCC2222": "Ho2020Denoisingb"}
    assert said == [
        "CCCC2222: citation key 'Ho2020Denoising' is taken; it gets 'Ho2020Denoisingb'. Give it its own in Zotero"
    ]
    again, _ = keys(
        paper("CCCC2222", citationKey="Ho2020Denoising"), frozen=made, reserved=["ho2020denoising", "ho2020denoisinga"]
    )
    assert again == {"CCCC2222": "Ho2020Denoisingb"}, "its letter stays"


def test_more_than_an_alphabet():
    items = [paper(f"K{i:07d}") for i in range(60)]
    made = keys(*items)[0]
    assert len(set(made.values())) == 60
    assert [made[f"K{i:07d}"][-2:] for i in (25, 26, 27, 59)] == ["gz", "aa", "ab", "bh"]
