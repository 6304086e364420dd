"""DOIs of every shape, numbers of preprints, and which works are the same."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from press.intake.zotero import bibtex
from press.intake.zotero.identifiers import identities, isbns
from tests.press.conftest import cell
from tests.press.intake.zotero.reading import pandoc, parse
from tests.press.intake.zotero.zotero import Library, Server, author, item

SICI = "10.1002/(SICI)1097-0258(19980815/30)17:15/16<1661::AID-SIM968>3.0.CO;2-2"


def entry(**data):
    said: list[str] = []
    return bibtex.entry(item("AAAA2222", **data), "k", said.append), said


@pytest.mark.parametrize(
    ("text", "doi"),
    [
        (SICI, SICI),
        ("https://doi.org/" + SICI, SICI),
        ("https://doi.org/10.1002/%28SICI%291097-0258%2819980815%2F30%2917%3A15%2F16%3C1661%3A%3AAID%3E3.0", ""),
        ("10.1175/1520-0493(1987)115<1606:GARSPP>2.0.CO;2", "10.1175/1520-0493(1987)115<1606:GARSPP>2.0.CO;2"),
        ("10/ggd754", "10/ggd754"),
        ("https://doi.org/10/ggd754", "10/ggd754"),
        ("https://doi.org/ggd754", "10/ggd754"),
        ("doi:10/ggd754", "10/ggd754"),
        ("DOI: 10.1234/x", "10.1234/x"),
        ("doi 10.1234/x", "10.1234/x"),
        ("doi.org/10.1234/x", "10.1234/x"),
        ("http://dx.doi.org/10.1234/x", "10.1234/x"),
        ("10.1000.10/123456", "10.1000.10/123456"),
        ("10.1234/100%25", "10.1234/100%25"),
        *((bad, "") for bad in ("10", "10/", "10/a b", "10/{x}", "ggd754", "10.1234", "10.12/x", "https://doi.org/")),
        *((bad, "") for bad in ('10.1234/"><b>', "10.1234/a\\b", "10.1234/a{b}", "10.1234/é", "https://x.org/10/abc")),
    ],
)
def test_dois(text, doi):
    if "%3C" in text:
        doi = "10.1002/(SICI)1097-0258(19980815/30)17:15/16<1661::AID>3.0"
    assert bibtex.doi({"DOI": text}) == doi
    assert bibtex.doi({"extra": f"x\nDOI: {text}\ny"}) == ("" if " " in text else doi)


DOIS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='\\{}"^`|'), min_size=1, max_size=40
)


@settings(deadline=None, max_examples=20)
@given(st.lists(DOIS.map("10.1234/".__add__), min_size=20, max_size=100))
def test_every_doi_comes_back_from_both_readers(dois):
    entries = {f"k{i}": bibtex.entry(item("A", title="T", DOI=doi), f"k{i}", print) for i, doi in enumerate(dois)}
    text = bibtex.join({key: bibtex.write(one) for key, one in entries.items()})
    read, seen = parse(text), pandoc(text)
    assert [(read[key]["doi"], seen[key]["DOI"]) for key in entries] == [(doi, doi) for doi in dois]


@pytest.mark.parametrize("doi", [SICI, "10/ggd754", "10.1234/<script>alert(1)</script>", "10.1234/a<b>&amp;c"])
def test_a_doi_is_escaped_on_the_page_and_its_link_leads_to_it(site, doi):
    one = item("AAAA2222", title="T", creators=[author("Doe", "J")], date="2020", DOI=doi, citationKey="doe2020")
    (site.root / "references.bib").unlink()
    with Server(Library([one])) as server:
        site.press("sync", **server.environment)
    site.post("a", "See @doe2020.\n\n" + cell("print(1)"))
    site.press("build")
    text = site.read("_site/posts/a/index.html")
    references = html.fromstring(text.encode()).get_element_by_id("refs")
    links = [unquote(link) for link in references.xpath(".//a/@href")]
    assert "https://doi.org/" + doi in links
    assert not references.xpath(".//script")


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"repository": "bioRxiv", "archiveID": "2020.03.10.984658"}, {"number": "2020.03.10.984658"}),
        ({"repository": "OSF", "archiveID": "osf.io/abcd_v1"}, {"number": r"osf.io/abcd\_v1"}),
        ({"repository": "HAL", "number": "hal-01234567"}, {"number": "hal-01234567"}),
        ({"repository": "arXiv", "archiveID": "arXiv:2006.11239"}, {"eprint": "2006.11239", "number": None}),
        ({"repository": "arXiv", "archiveID": "2006.11239v2"}, {"eprint": "2006.11239", "number": None}),
        ({"number": "arXiv:2006.11239"}, {"eprint": "2006.11239", "number": None}),
        ({"itemType": "report", "reportNumber": "arXiv:2006.11239"}, {"eprint": "2006.11239", "number": None}),
        ({"itemType": "report", "reportNumber": "2006.11239"}, {"number": "2006.11239", "eprint": None}),
        (
            {"archiveID": "X-12", "extra": "arXiv: 2006.11239"},
            {"eprint": "2006.11239", "archiveprefix": "arXiv", "number": "X-12"},
        ),
    ],
)
def test_the_number_of_a_preprint_is_written_once_whosever_it_is(data, fields):
    found, _ = entry(title="T", **({"itemType": "preprint"} | data))
    assert {name: found.get(name) for name in fields} == fields


def test_isbns_of_ten_and_thirteen_digits_are_the_same():
    assert (
        isbns("0-306-40615-2") == isbns("978-0-306-40615-7") == isbns("9780306406157 0306406152") == {"9780306406157"}
    )
    assert isbns("0-8044-2957-X") == {"9780804429573"}
    assert isbns("12345, 1234-5678") == isbns("") == set()


def names(**data) -> set[str]:
    return identities(bibtex.write(entry(**data)[0]))


def test_the_same_work_under_another_item_has_a_name_in_common():
    paper = names(title="A", DOI="10.1234/AbC", archiveID="2006.11239", itemType="preprint")
    assert paper & names(title="B", DOI="https://doi.org/10.1234/aBc")
    assert paper & names(title="B", url="https://arxiv.org/abs/2006.11239v4")
    assert names(itemType="book", ISBN="0-306-40615-2") & names(itemType="book", ISBN="9780306406157 (pbk.)")
    assert not names(title="A", date="2020") | names(title="A", volume="2006.11239")


def test_chapters_of_one_book_are_different_works():
    one, two = ({"itemType": "bookSection", "title": t, "ISBN": "9780306406157", "DOI": "10.1234/b"} for t in "AB")
    assert names(**one) & names(**one, pages="1-2")
    assert not names(**one) & names(**two)
    assert not names(**one) & names(itemType="book", title="A", ISBN="9780306406157", DOI="10.1234/b")
