"""What an item holds reaches its entry: roles, courts and codes, numbers, ranges of years."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from press.intake.zotero import bibtex
from press.intake.zotero.dates import date_range
from press.intake.zotero.names import OTHERS, ROLES, role_notes
from tests.press.intake.zotero.reading import decode, pandoc
from tests.press.intake.zotero.reading import parse as parse_bibtex
from tests.press.intake.zotero.zotero import author, item


def read(**data) -> tuple[dict[str, str], dict]:
    """The entry of an item as bibtexparser and Pandoc read it."""
    said: list[str] = []
    text = bibtex.write(bibtex.entry(item("AAAA2222", **data), "k", said.append))
    assert said == []
    return parse_bibtex(text)["k"], pandoc(text)["k"]


def person(role: str, last: str, first: str = "A") -> dict[str, str]:
    return {"creatorType": role, "lastName": last, "firstName": first}


@pytest.mark.parametrize("role", sorted(OTHERS))
def test_a_role_without_a_field_is_told_in_a_note(role):
    raw, csl = read(title="T", creators=[author("Doe", "Jane"), person(role, "Roe & Co"), person(role, "Poe")])
    assert raw["author"] == "Doe, Jane"
    assert raw["note"] == rf"{OTHERS[role]}: A Roe \& Co, A Poe"
    assert csl["note"] == f"{OTHERS[role]}: A Roe & Co, A Poe"


def test_two_roles_are_two_sentences_and_an_institution_has_its_name():
    people = [
        person("editor", "Ed"),
        person("seriesEditor", "See"),
        {"creatorType": "contributor", "name": "The {Lab}"},
    ]
    raw, csl = read(title="T", creators=people)
    assert (raw["editor"], "author" in raw) == ("Ed, A", False)
    assert csl["note"] == "Series editor: A See. Contributor: The {Lab}"


def test_nobody_is_lost_who_is_alone():
    raw, _ = read(title="T", creators=[person("recipient", "Roe")])
    assert (raw["author"], raw["note"]) == ("Roe, A", "Recipient: A Roe")


ANY = st.sampled_from([*OTHERS, *ROLES, "author", "director", "somethingNew", None, ""])
PEOPLE = st.lists(st.builds(person, ANY, st.sampled_from(["Doe", "Roe", "Poe", "Moe", "Zoe"])), max_size=6)


@settings(deadline=None)
@given(PEOPLE)
def test_every_creator_is_in_a_field(creators):
    found = bibtex.entry(item("A", title="T", creators=creators), "k", print)
    told = " ".join(found.get(name, "") for name in ("author", "editor", "translator", "bookauthor", "note"))
    assert all(one["lastName"] in told for one in creators)


@pytest.mark.parametrize("creators", [None, "x", [1, {}], [{"creatorType": "guest"}], [{"creatorType": ["guest"]}]])
def test_no_people_no_note(creators):
    assert role_notes(creators) == []


CASE = {
    "itemType": "case",
    "caseName": "Roe v. Wade",
    "court": "Supreme Court",
    "reporter": "U.S. Reports",
    "reporterVolume": "410",
    "firstPage": "113",
    "docketNumber": "70-18",
    "dateDecided": "1973-01-22",
}
STATUTE = {
    "itemType": "statute",
    "nameOfAct": "Loi de simplification",
    "code": "Journal officiel & lois",
    "codeNumber": "42",
    "publicLawNumber": "2011-525",
    "pages": "8537",
    "dateEnacted": "2011-05-18",
    "section": "5",
    "session": "112th",
}
BILL = {
    "itemType": "bill",
    "title": "Act of Grace",
    "billNumber": "12",
    "code": "Code",
    "codeVolume": "3",
    "codePages": "7-9",
    "legislativeBody": "House",
    "history": "read twice",
}


@pytest.mark.parametrize(
    ("data", "kind", "fields", "csl"),
    [
        (
            CASE,
            "jurisdiction",
            {
                "institution": "Supreme Court",
                "journal": "U.S. Reports",
                "volume": "410",
                "pages": "113",
                "number": "70-18",
            },
            {"type": "legal_case", "publisher": "Supreme Court", "container-title": "U.S. Reports", "volume": "410"},
        ),
        (
            {
                "itemType": "case",
                "title": "Dalain",
                "court": "CE",
                "publicationTitle": "Rec.",
                "number": "3",
                "pages": "6",
            },
            "jurisdiction",
            {"institution": "CE", "journal": "Rec.", "number": "3", "pages": "6"},
            {"publisher": "CE", "container-title": "Rec.", "number": "3", "page": "6"},
        ),
        (
            STATUTE,
            "legislation",
            {
                "journal": r"Journal officiel \& lois",
                "volume": "42",
                "number": "2011-525",
                "pages": "8537",
                "year": "2011",
            },
            {"type": "legislation", "container-title": "Journal officiel & lois", "number": "2011-525", "volume": "42"},
        ),
        (
            BILL,
            "legislation",
            {"institution": "House", "journal": "Code", "volume": "3", "pages": "7--9", "note": "History: read twice"},
            {"number": "12", "page": "7-9"},
        ),
    ],
)
def test_laws_and_cases_keep_where_they_stand(data, kind, fields, csl):
    raw, seen = read(**data)
    assert raw["ENTRYTYPE"] == kind
    assert {name: raw.get(name) for name in fields} == fields
    assert {name: seen.get(name) for name in csl} == csl


@pytest.mark.parametrize("data", [CASE, STATUTE, BILL])
def test_nothing_that_a_law_or_a_case_says_is_lost(data):
    raw, _ = read(**data)
    told = decode(" ".join(raw.values()))
    dated = [text for name, text in data.items() if name not in ("itemType", "dateDecided", "dateEnacted")]
    assert all(text.replace("7-9", "7--9") in told for text in dated)


def test_names_of_cases_keep_their_capitals():
    raw, csl = read(itemType="case", caseName="Commonwealth v. Farmer")
    assert "Commonwealth v. " in csl["title"]
    assert "Farmer" in csl["title"]
    assert raw["title"] == "Commonwealth v. {Farmer}"


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"itemType": "journalArticle", "issue": "3", "number": "3"}, {"issue": "3"}),
        ({"itemType": "journalArticle", "issue": "S1"}, {"issue": "S1"}),
        ({"itemType": "magazineArticle", "issue": "4"}, {"issue": "4"}),
        ({"itemType": "report", "reportNumber": "TR-1"}, {"number": "TR-1"}),
        ({"itemType": "preprint", "archiveID": "X 1"}, {"number": "X 1"}),
        ({"itemType": "dataset", "identifier": "D-9"}, {"number": "D-9"}),
        ({"itemType": "hearing", "documentNumber": "H-1"}, {"number": "H-1"}),
        ({"itemType": "podcast", "episodeNumber": "12"}, {"number": "12"}),
        ({"itemType": "book", "seriesNumber": "7", "series": "S"}, {"collection-number": "7"}),
    ],
)
def test_a_number_is_written_once(data, fields):
    raw, csl = read(title="T", **data)
    assert "issue" not in raw
    numbers = {name: csl[name] for name in ("issue", "number", "collection-number") if name in csl}
    assert numbers == fields


@pytest.mark.parametrize(
    ("date", "written"),
    [
        *(
            ("1999-2000", "1999/2000"),
            ("1999/2000", "1999/2000"),
            ("1829–1830", "1829/1830"),
            ("1999 - 2001", "1999/2001"),
        ),
        *(("1914-18", "1914/1918"), ("2009–10", "2009/2010"), ("2019/20", "2019/2020"), ("1999 to 2003", "1999/2003")),
        *(("c. 1850–1860", "1850/1860"), ("1999--2000", "1999/2000"), ("-0099/-0043", "-0099/-0043")),
        ("1999-12-31/2000-01-05", "1999-12-31/2000-01-05"),
        ("June 2019 – July 2020", "2019-06/2020-07"),
        *(
            (text, "")
            for text in ("2020", "2020-06", "2020-06-19", "2009-10", "06/19/2020", "06/2020", "2020/06/19", "")
        ),
        *(
            (text, "")
            for text in ("2000-1999", "1999/..", "../2004", "n.d.", "March-April 2021", "2016-06-06T15:26:37+1000")
        ),
    ],
)
def test_the_end_of_a_range_of_years_is_kept(date, written):
    one = item("A", title="T", date=date)
    assert date_range(one) == written
    raw, csl = read(title="T", date=date)
    assert raw.get("date", "") == written
    if written and not written.startswith("-"):  # Pandoc counts a year 0 before the first in `date`, and none in `year`
        parts = [list(map(int, half.split("-"))) for half in written.split("/")]
        assert csl["issued"]["date-parts"] == parts
        assert int(raw["year"]) == parts[0][0]


@settings(deadline=None, max_examples=50)
@given(st.integers(1000, 2098), st.integers(1, 400), st.sampled_from(["-", "/", "–", "—", " - ", " to ", " – ", "--"]))
def test_every_range_of_years_is_kept(year, length, between):
    end = year + length
    assert date_range(item("A", date=f"{year}{between}{end}")) == f"{year}/{end}"


def test_the_servers_reading_of_a_range_does_not_hide_its_end():
    assert date_range(item("A", date="1999-2000", parsed="1999")) == "1999/2000"
    assert date_range(item("A", date="1999-2000", parsed="2000")) == ""


def test_the_holder_of_a_patent_and_the_programme_of_a_broadcast():
    raw, _ = read(itemType="patent", title="T", assignee="Black and White", issueDate="2001", country="US")
    assert (raw["holder"], raw["year"], raw["address"]) == ("{Black and White}", "2001", "US")
    raw, _ = read(itemType="tvBroadcast", title="T", programTitle="Panorama", network="BBC")
    assert (raw["booktitle"], raw["publisher"]) == ("Panorama", "BBC")
