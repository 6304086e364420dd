"""One item, one entry: types, titles, names, dates, identifiers, addresses."""

from __future__ import annotations

import pytest

from press.intake.zotero import bibtex, names
from press.intake.zotero.dates import date_parts, parse, status
from press.intake.zotero.latex import plain, rich
from tests.press.intake.zotero.reading import pandoc
from tests.press.intake.zotero.reading import parse as parse_bibtex
from tests.press.intake.zotero.zotero import author, item


def entry(**data):
    said: list[str] = []
    return bibtex.entry(item("AAAA2222", **data), "k", said.append), said


@pytest.mark.parametrize(
    ("data", "kind", "fields", "csl"),
    [
        (
            {
                "itemType": "preprint",
                "repository": "arXiv",
                "archiveID": "arXiv:2006.11239v2",
                "DOI": "10.48550/arXiv.2006.11239",
            },
            "misc",
            {"eprint": "2006.11239", "archiveprefix": "arXiv", "doi": "10.48550/arXiv.2006.11239"},
            "",
        ),
        ({"itemType": "preprint", "repository": "bioRxiv"}, "misc", {"howpublished": "bioRxiv"}, ""),
        (
            {"itemType": "conferencePaper", "proceedingsTitle": "Proc", "conferenceName": "Conf", "pages": "1-9"},
            "inproceedings",
            {"booktitle": "Proc", "eventtitle": "Conf", "pages": "1--9"},
            "paper-conference",
        ),
        (
            {"itemType": "journalArticle", "publicationTitle": "J & J", "issue": "2", "ISSN": "1234-5678"},
            "article",
            {"journal": r"J \& J", "number": "2", "issn": "1234-5678"},
            "article-journal",
        ),
        (
            {"itemType": "book", "publisher": "Black and White", "edition": "2"},
            "book",
            {"publisher": "{Black and White}", "edition": "2"},
            "book",
        ),
        (
            {"itemType": "bookSection", "bookTitle": "B", "ISBN": "978"},
            "incollection",
            {"booktitle": "B", "isbn": "978"},
            "chapter",
        ),
        ({"itemType": "thesis", "university": "U", "thesisType": "PhD thesis"}, "phdthesis", {"school": "U"}, "thesis"),
        (
            {"itemType": "thesis", "university": "U", "thesisType": "Master's thesis"},
            "mastersthesis",
            {"school": "U"},
            "thesis",
        ),
        (
            {"itemType": "report", "institution": "I", "reportNumber": "TR-1", "reportType": "Technical report"},
            "techreport",
            {"institution": "I", "number": "TR-1", "type": "Technical report"},
            "report",
        ),
        (
            {"itemType": "webpage", "websiteTitle": "W", "accessDate": "2026-11-01T09:00:00Z"},
            "online",
            {"howpublished": "W", "urldate": "2026-11-01"},
            "webpage",
        ),
        ({"itemType": "blogPost", "blogTitle": "B"}, "online", {"howpublished": "B"}, "webpage"),
        (
            {"itemType": "forumPost", "forumTitle": "F", "postType": "Thread"},
            "online",
            {"howpublished": "F", "type": "Thread"},
            "webpage",
        ),
        ({"itemType": "videoRecording", "studio": "YouTube"}, "video", {"publisher": "YouTube"}, "motion_picture"),
        (
            {"itemType": "presentation", "meetingName": "M", "presentationType": "Talk"},
            "unpublished",
            {"howpublished": "M", "type": "Talk"},
            "manuscript",
        ),
        (
            {"itemType": "computerProgram", "company": "C", "versionNumber": "1.2"},
            "software",
            {"publisher": "C", "version": "1.2"},
            "software",
        ),
        (
            {"itemType": "dataset", "repository": "R", "versionNumber": "3"},
            "dataset",
            {"publisher": "R", "version": "3"},
            "dataset",
        ),
        (
            {"itemType": "encyclopediaArticle", "encyclopediaTitle": "Wikipedia"},
            "inreference",
            {"booktitle": "Wikipedia"},
            "entry-encyclopedia",
        ),
        ({"itemType": "somethingNew", "publisher": "P"}, "misc", {"howpublished": "P"}, ""),
    ],
)
def test_every_type(data, kind, fields, csl):
    found, said = entry(title="T", creators=[author("Doe", "Jane")], date="2020", **data)
    assert found["ENTRYTYPE"] == kind
    assert {name: found.get(name) for name in fields} == fields
    assert said == []
    text = bibtex.write(found)
    assert parse_bibtex(text) == {"k": found}
    assert pandoc(text)["k"]["type"] == csl


@pytest.mark.parametrize(
    ("title", "latex"),
    [
        ("DDPM: a Study of GANs by OpenAI", "{DDPM}: a Study of {GANs} by {OpenAI}"),
        ("Auto-Encoding Variational Bayes", "Auto-Encoding Variational {Bayes}"),
        ("Monte Carlo Theory, Methods and Examples", "{Monte Carlo} Theory, Methods and Examples"),
        ("U-Net: Convolutional Networks", "{U-Net}: Convolutional Networks"),
        (
            "The water H<sub>2</sub>O and <i>E. coli</i> found in Paris",
            r"The water {H}\textsubscript{2}{O} and \textit{{E}. coli} found in {Paris}",
        ),
        ('On <span class="nocase">iPhone Photos</span>', "On {iPhone Photos}"),
        ('<span style="font-variant:small-caps;">Small</span> x', r"\textsc{Small} x"),
        ("Learning the $\\ell_2$ norm with $x_t$", "Learning the {$\\ell_2$} norm with {$x_t$}"),
        ("Costs $5 and $10 a day", r"Costs \$5 and \$10 a day"),
        (r"A $\write18{id}$ B", r"A \$\textbackslash{}write18\{id\}\$ {B}"),
        (r"\input{/etc/passwd} 100% of_it #1", r"\textbackslash{}input\{/etc/passwd\} 100\% of\_it \#1"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("<i>not closed", "<i>not closed"),
        ("<i><b>crossed</i></b>", "<i><b>crossed</i></b>"),
        ("Schr{\\\"o}dinger and \\'Etude by {\\o}rsted", "Schrödinger and {Étude} by ørsted"),
        ("lone { brace", r"lone {\{\vphantom{\}}} brace"),
        ("A — B – C -- D --- E", r"A — {B} – {C} -{}- {D} -{}-{}- {E}"),
        ("tabs\tand\nlines\x00\x1b[31m", "tabs and lines [31m"),
        ("cafe\u0301 \u202edlrow\u202c \ufeffx", "café dlrow x"),
        ("", ""),
    ],
)
def test_titles(title, latex):
    assert rich(plain(title)) == latex


@pytest.mark.parametrize(
    ("person", "written"),
    [
        (author("Ho", "Jonathan"), "Ho, Jonathan"),
        (author("van den Berg", "Rianne"), "van den Berg, Rianne"),
        (author("Garcia y Vega", "Juan"), "{Garcia y Vega}, Juan"),
        (author("d'Aspremont", "Alexandre"), "{d'Aspremont}, Alexandre"),
        (author("King", "Martin Luther, Jr."), "King, Jr., Martin Luther"),
        (author("OpenAI"), "{OpenAI}"),
        (author("Procter and Gamble & Co."), r"{Procter and Gamble \& Co.}"),
        ({"creatorType": "author", "lastName": "Plato", "firstName": ""}, "{Plato}"),
        (author("others", "Many"), "{others}, Many"),
        (author("Last, Odd", "A"), "{Last, Odd}, A"),
        (author("Øst{", "\u0000É."), r"{Øst{\{\vphantom{\}}}}, É."),
        ({"creatorType": "author"}, ""),
        ({"creatorType": "author", "lastName": "  ", "firstName": None}, ""),
    ],
)
def test_names(person, written):
    assert names.one_name(person) == written


def test_roles():
    editor = {"creatorType": "editor", "lastName": "Ed", "firstName": "A"}
    assert names.name_fields([author("Doe", "J"), editor]) == {"author": "Doe, J", "editor": "Ed, A"}
    assert names.name_fields([editor | {"creatorType": "contributor"}]) == {"author": "Ed, A"}
    assert names.name_fields([editor | {"creatorType": "director"}]) == {"author": "Ed, A"}
    assert names.name_fields("nonsense") == names.name_fields(None) == names.name_fields([1, {}]) == {}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        *(("2020", [2020]), ("2020-06", [2020, 6]), ("2020-06-19", [2020, 6, 19]), ("2020-6-9", [2020, 6, 9])),
        *(
            ("2020-00-00", [2020]),
            ("2020-13-40", [2020]),
            ("2020-06-19T10:00:00Z", [2020, 6, 19]),
            ("2020/06/19", [2020, 6, 19]),
        ),
        *(
            ("June 2020", [2020, 6]),
            ("19 June 2020", [2020, 6, 19]),
            ("June 19, 2020", [2020, 6, 19]),
            ("Jun. 2020", [2020, 6]),
        ),
        *(
            ("06/19/2020", [2020, 6, 19]),
            ("19/06/2020", [2020, 6, 19]),
            ("19.6.2020", [2020, 6, 19]),
            ("06/2020", [2020, 6]),
        ),
        *(
            ("2020年6月19日", [2020, 6, 19]),
            ("2020年", [2020]),
            ("Spring 2019", [2019]),
            ("1999/2000", [1999]),
            ("1999-2000", [1999]),
        ),
        *(
            ("c. 1850", [1850]),
            ("[1984?]", [1984]),
            ("in the year 846", [846]),
            ("-0043", [-43]),
            ("", []),
            ("n.d.", []),
            ("in press", []),
        ),
        *(("5", []), ("12345", []), ("0000", []), ("maybe 2021", [2021]), ("March-April 2021", [2021, 3])),
    ],
)
def test_dates(text, parts):
    assert parse(text) == parts


def test_the_servers_reading_of_a_date_goes_first_and_words_are_a_status():
    assert date_parts(item("A", date="19/06/20", parsed="2020-06-19")) == [2020, 6, 19]
    assert status(item("A", date="In press")) == "In press"
    assert [status(item("A", date=text)) for text in ("n.d.", "2020", "", "?")] == [""] * 4


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        *(
            ("https://arxiv.org/abs/2006.11239", "https://arxiv.org/abs/2006.11239"),
            ("HTTP://x.org/a_b%20c?d=1&e=#f~", "http://x.org/a_b%20c?d=1&e=#f~"),
        ),
        *(
            ("ftp://x.org/", "ftp://x.org/"),
            ("doi:10.1234/x", "https://doi.org/10.1234/x"),
            (" https://x.org/a b", "https://x.org/a%20b"),
        ),
        *(('https://x.org/{}\\"<>^`|é', "https://x.org/%7B%7D%5C%22%3C%3E%5E%60%7C%C3%A9"),),
        *(
            (bad, "")
            for bad in (
                "javascript:alert(1)",
                "JaVaScRiPt:alert(1)",
                "java\nscript:alert(1)",
                "data:text/html,x",
                "vbscript:x",
                "file:///x",
            )
        ),
        *(
            (bad, "")
            for bad in ("//x.org", "x.org", "https://", "https:x", "javascript://x.org/%0aalert(1)", "", None, 7)
        ),
    ],
)
def test_addresses(url, clean):
    assert bibtex.clean_url(url) == clean


def test_what_is_left_out_is_said():
    found, said = entry(title="T", url="javascript:alert(1)", DOI="not a doi")
    assert "url" not in found
    assert "doi" not in found
    assert said == [
        "k: DOI left out, it is not valid: 'not a doi'",
        "k: url left out, it is not valid: 'javascript:alert(1)'",
    ]


@pytest.mark.parametrize(
    ("data", "identifier"),
    [
        *(({"archiveID": "arXiv:2006.11239"}, "2006.11239"), ({"extra": "arXiv: 2006.11239v3 [cs.LG]"}, "2006.11239")),
        *(
            ({"url": "https://arxiv.org/pdf/2112.10741.pdf"}, "2112.10741"),
            ({"DOI": "10.48550/ARXIV.2207.12598"}, "2207.12598"),
        ),
        *(
            ({"extra": "note\narXiv:hep-th/9901001"}, "hep-th/9901001"),
            ({"extra": "see arXiv"}, ""),
            ({"url": "https://x.org/arxiv.org/abs/1"}, ""),
        ),
    ],
)
def test_arxiv_ids(data, identifier):
    assert bibtex.arxiv_id(data) == identifier


def test_doi_from_extra_and_resolver():
    assert bibtex.doi({"extra": "DOI: 10.1234/abc\nx"}) == "10.1234/abc"
    assert bibtex.doi({"DOI": "https://doi.org/10.1234/A_(b)<c>1"}) == "10.1234/A_(b)<c>1"
    assert bibtex.doi({"DOI": "https://doi.org/10.1016/0304-4149(82)90051-5"}) == "10.1016/0304-4149(82)90051-5"


def test_nothing_but_garbage_is_still_an_entry():
    found, _ = entry(itemType=None, title=None, creators=None, date=3, tags="x", extra=5, url=[], pages={}, DOI=0)
    assert parse_bibtex(bibtex.write(found))["k"]["ENTRYTYPE"] == "misc"
