"""Thousands of generated items: what is written parses in bibtexparser and in Pandoc, and gives the same fields."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, Phase, core, given, settings
from hypothesis import strategies as st

from press.intake.zotero.bibtex import entry, join, split, write
from press.intake.zotero.latex import plain
from tests.press.intake.zotero.reading import FIELDS, decode, expected_people, loose, pandoc, parse, people
from tests.press.intake.zotero.zotero import item

BATCH = 250
FRAGMENTS = [
    *"{}\\$&%#_~^`'\"-@=,;:|<>()[]*/!?.",
    *(
        " ",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "\x00",
        "\x07",
        "\x1b",
        "\x7f",
        "\x85",
        "\u200b",
        "\u200d",
        "\u2028",
        "\ufeff",
        "\u202e",
        "\ud800",
    ),
    *(
        "<i>",
        "</i>",
        "<b>x</b>",
        "<sub>2</sub>",
        "<sup>",
        "</sup>",
        '<span class="nocase">Foo Bar</span>',
        "<script>alert(1)</script>",
    ),
    *(
        "$x_1^2$",
        r"$\mathcal{L}$",
        "$5",
        "$$",
        r"$\write18{id}$",
        r"\write18{rm}",
        r"\input{x}",
        '{\\"o}',
        r"\'e",
        r"\%",
        "--",
        "---",
        "''",
        "``",
    ),
    *(
        "@misc{a,",
        "\n}\n",
        "and",
        " and ",
        "others",
        "et al.",
        "DDPM",
        "H2O",
        "McDonald",
        "straße",
        "Łódź",
        "İstanbul",
        "ﬁ",
        "ǅ",
        "李明",
        "مرحبا",
    ),
    *(
        "é",
        "e\u0301",
        "😀",
        "\u0300",
        "Ω",
        "ſ",
        "ß",
        "ẞ",
        "ŉ",
        "van der",
        "d'",
        "O'Neil",
        "Jr.",
        ", Jr.",
        "A",
        "I",
        "the",
    ),
]
TEXT = st.lists(
    st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=6), st.sampled_from(["foo", "Bar", "bazQux", "2020"])),
    max_size=12,
).map("".join)
NAME = st.one_of(
    st.fixed_dictionaries({"creatorType": st.just("author"), "lastName": TEXT, "firstName": TEXT}),
    st.fixed_dictionaries({"creatorType": st.just("author"), "name": TEXT}),
)
CREATORS = st.tuples(st.lists(NAME, max_size=4), st.sampled_from([1] * 24 + [50])).map(lambda pair: pair[0] * pair[1])
DATES = st.one_of(
    TEXT, st.sampled_from(["2020", "2020-06", "2020-06-19", "June 2020", "n.d.", "in press", "1999/2000", "c. 1850"])
)
ITEM = st.fixed_dictionaries(
    {
        "title": TEXT,
        "creators": CREATORS,
        "date": DATES,
        "publicationTitle": TEXT,
        "volume": TEXT,
        "issue": TEXT,
        "pages": TEXT,
    }
    | {"publisher": TEXT, "place": TEXT, "edition": TEXT, "DOI": TEXT.map("10.1234/".__add__), "extra": TEXT}
    | {
        "url": TEXT.map("https://example.org/".__add__) | TEXT,
        "language": st.sampled_from(["", "en", "de", "fr-FR", "xx"]),
    }
)


def generate(count: int) -> list[dict]:
    found: list[dict] = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=core.global_force_seed is None,  # the same items each time, others with --hypothesis-seed
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(ITEM)
    def collect(data: dict) -> None:
        if len(found) < count:
            found.append(item(f"K{len(found):07d}", **data))

    collect()
    return found


def check(items: list[dict]) -> None:
    entries = {f"k{i:04d}": entry(one, f"k{i:04d}", lambda _: None) for i, one in enumerate(items)}
    texts = {key: write(fields) for key, fields in entries.items()}
    text = join(texts)
    assert split(text) == texts
    assert text.encode().decode() == text
    assert not re.search(r"[^\n\S ]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text.replace("\u3000", " "))
    read, seen = parse(text), pandoc(text)
    assert read == entries
    assert set(seen) == set(entries)
    for one, key in zip(items, entries, strict=True):
        compare(one["data"], read[key], seen[key])


def compare(data: dict, raw: dict[str, str], csl: dict) -> None:
    """One item with what bibtexparser and Pandoc read of its entry."""
    assert loose(decode(raw.get("title", ""))) == loose(plain(data["title"])), data["title"]
    assert loose(csl.get("title", "")) == loose(plain(data["title"])), (data["title"], raw.get("title"))
    names = raw.get("author", "")[:300]
    assert people(csl.get("author", [])) == expected_people(data["creators"]), (data["creators"][:4], names)
    for field, name in FIELDS.items():
        source = plain(data[{"journal": "publicationTitle", "address": "place"}.get(field, field)])
        assert decode(raw.get(field, "")) == source
        assert loose(csl.get(name, "")) == loose(source), (field, source, raw.get(field))
    assert csl.get("URL", "") == raw.get("url", "")
    assert csl.get("DOI", "") == raw.get("doi", "")
    date = [int(raw[part]) for part in ("year", "month", "day") if part in raw]
    assert csl.get("issued", {}).get("date-parts", [[]])[0] == date


def test_generated_items_come_back():
    check(generate(BATCH))


@pytest.mark.slow
def test_five_thousand_generated_items_come_back():
    items = generate(5000)
    assert len(items) == 5000
    assert max(len(one["data"]["creators"]) for one in items) == 200
    for start in range(0, len(items), BATCH):
        check(items[start : start + BATCH])


AUTHORS = [  # last name, first name, as BibTeX, family as Pandoc reads it
    ("\uccda \u2160", "A", "{\uccda \u2160}, A", "\uccda \u2160"),
    ("Ⅷ\x8e Ŧ", "\ud800, Jr.ẞ", "{Ⅷ Ŧ}, {\ufffd, Jr.ẞ}", "Ⅷ Ŧ"),
    ("\x8e남궁 민", "수\x9f, Jr.", "{남궁 민}, Jr., 수", "남궁 민"),
    ("ẞtraß Ła", "\x8eẞ", "ẞtraß Ła, ẞ", "ẞtraß Ła"),
    ("李明", "\udfff", "李明, {\ufffd}", "李明"),
    ("van der Berg", "Ẋ", "van der Berg, Ẋ", "Berg"),
    ("Ma‘mun", "A", "{Ma‘mun}, A", "Ma‘mun"),
    ("O’Neil", "B“", "{O’Neil}, {B“}", "O’Neil"),
]


def test_names_that_are_no_capitals_and_open_no_quotation():
    """What generated items found: a family was taken apart at its first space, and an open quotation ran into the next
    name. Control characters vanish and a lone surrogate becomes U+FFFD before a name is looked at."""
    creators = [{"creatorType": "author", "lastName": last, "firstName": first} for last, first, *_ in AUTHORS]
    one = entry(item("K", title="t", creators=creators), "k", lambda _: None)
    assert one["author"] == " and ".join(written for *_, written, _ in AUTHORS)
    csl = pandoc(write(one))["k"]["author"]
    assert [name["family"] for name in csl] == [family for *_, family in AUTHORS]
    assert people(csl) == expected_people(creators)
