"""`press fetch` against a server on loopback: what it writes, asks, keeps, and says when something is wrong."""

from __future__ import annotations

import gzip
import json
import socket
import tomllib
from collections.abc import Iterator

import pytest

from press.cli import main
from press.core import http
from press.core.errors import PressError
from press.core.project import open_project
from press.intake import arxiv
from press.intake.arxiv import Arxiv
from press.intake.fetch import choose_key, fetch, toml_text
from press.intake.metadata import Metadata, parse_id, read_metadata
from press.papers.schema import read_papers
from tests.press.conftest import Site
from tests.press.intake.eprints import ENTRY, FEED, Clock, Server, eprint, tar

SOURCE = r"""\documentclass{article}
\newcommand{\q}[1]{q(#1)}
\title{Made-up Diffusion Models}
\begin{document}
\section{Process}
\begin{equation}\label{eq:q}\q{x_t} = f'(x)\end{equation}
\begin{equation}\mystery\end{equation}
\end{document}
"""
PLACE = "2010.00001v2"
ENTRY_OF_BIB = "@misc{%s,\n  title = {T},\n  author = {Doe, Jane},\n  year = {2020},\n  %s\n}\n"


class Desk:
    """A project, arXiv on loopback, a clock that nobody waits for, and what was said."""

    def __init__(self, site: Site):
        self.site, self.server, self.clock = site, Server(), Clock()
        self.said: list[str] = []
        self.server.newest["2010.00001"] = PLACE
        self.project = open_project(site.root)
        self.usual = self.client()

    def client(self, **options) -> Arxiv:
        base = {"api": self.server.base + "/api/query", "eprint": self.server.base + "/e-print"}
        base["html"] = self.server.base + "/html"
        timing = {"clock": self.clock, "sleep": self.clock.sleep}
        return Arxiv(self.project.work / "arxiv", self.said.append, **base | timing | options)

    def fetch(self, text: str = PLACE, **options):
        self.server.log.clear()
        return fetch(self.project, text, self.said.append, client=self.usual, **options)

    def fails(self, text: str = PLACE, **options) -> str:
        with pytest.raises(PressError) as caught:
            self.fetch(text, **options)
        assert not (self.site.root / "papers").exists()
        return str(caught.value)


@pytest.fixture
def desk(site: Site) -> Iterator[Desk]:
    found = Desk(site)
    yield found
    found.usual.close()
    found.server.close()


@pytest.fixture
def served(desk: Desk) -> Desk:
    desk.server.give(PLACE, eprint({"main.tex": SOURCE, "fig.png": b"\x89PNG"}))
    return desk


def test_what_is_written(served):
    done = served.fetch(citekey="doe2020made")
    assert done.written == [f"papers/doe2020made/{name}" for name in ("equations.toml", "paper.toml", "paper.qmd")]
    equations = tomllib.loads(served.site.read("papers/doe2020made/equations.toml"))
    assert equations == {
        "citekey": "doe2020made",
        "arxiv": PLACE,
        "title": "Made-up Diffusion Models",
        "authors": ["Jane van der Doe", "Kurt G\u00f6del"],
        "source": "main.tex",
        "sections": [{"number": "1", "title": "Process"}],
        "equations": [
            {"number": "1", "label": "eq:q", "section": "1 Process", "latex": "q(x_t) = f'(x)"},
            {"number": "2", "label": "", "section": "1 Process", "latex": r"\mystery", "mathml": False},
        ],
    }
    (paper,) = read_papers(served.site.root)
    assert (paper.citekey, paper.arxiv, paper.equations, paper.claims) == ("doe2020made", PLACE, (), ())
    assert 'title: "Made-up Diffusion Models"' in served.site.read("papers/doe2020made/paper.qmd")
    assert done.notes == [
        "references.bib has no doe2020made. Add the paper in Zotero with this citation key, then `press sync`"
    ]
    names = sorted(path.name for path in (served.site.root / "papers").rglob("*"))
    assert names == ["doe2020made", "equations.toml", "paper.qmd", "paper.toml"]


def test_facts_alone_are_numbers_and_labels(served):
    served.fetch(citekey="doe2020made", facts=True)
    text = served.site.read("papers/doe2020made/equations.toml")
    known = {"citekey": "doe2020made", "arxiv": PLACE, "source": "main.tex"}
    assert tomllib.loads(text) == known | {"equations": [{"number": "1", "label": "eq:q"}, {"number": "2"}]}
    doubtful = SOURCE.replace(r"\mystery", r"\setcounter{equation}{\strange}x")
    served.server.give("2010.00001v3", eprint({"main.tex": doubtful}))
    served.fetch("2010.00001v3", facts=True)
    entry = tomllib.loads(served.site.read("papers/doe2020made/equations.toml"))["equations"][-1]
    assert set(entry) == {"number", "unsure"}


def test_an_authors_files_stay_and_generated_ones_follow(served):
    served.fetch(citekey="doe2020made")
    mine = f"# mine\ncitekey = 'doe2020made'\narxiv = '{PLACE}'\n"
    served.site.write("papers/doe2020made/paper.toml", mine)
    served.site.write("papers/doe2020made/paper.qmd", "my notes\n")
    served.site.write("papers/doe2020made/equations.toml", "old")
    with pytest.raises(PressError, match=r"papers/doe2020made/equations\.toml: was changed after the press wrote it"):
        served.fetch("2010.00001")
    assert served.site.read("papers/doe2020made/equations.toml") == "old"
    (served.site.root / "papers/doe2020made/equations.toml").unlink()
    done = served.fetch("2010.00001")
    assert done.written == ["papers/doe2020made/equations.toml"]
    assert done.kept == ["papers/doe2020made/paper.toml", "papers/doe2020made/paper.qmd"]
    assert served.site.read("papers/doe2020made/paper.toml") == mine
    assert served.site.read("papers/doe2020made/paper.qmd") == "my notes\n"
    assert "q(x_t)" in served.site.read("papers/doe2020made/equations.toml")
    assert served.fetch().written == []


def test_a_second_fetch_asks_nothing(served):
    served.fetch()
    assert served.server.paths == [f"/api/query?id_list={PLACE}&max_results=1", f"/e-print/{PLACE}"]
    assert all("executable-papers" in agent for _, agent in served.server.log)
    served.fetch()
    served.fetch("https://arxiv.org/abs/2010.00001v2")
    served.fetch("2010.00001")  # paper.toml says which version
    assert served.server.log == []


def test_without_a_version_the_newest_is_asked_for_and_kept_under_its_own_id(served):
    served.fetch("arXiv:2010.00001")
    assert served.server.paths[0] == "/api/query?id_list=2010.00001&max_results=1"
    assert (served.project.work / "arxiv" / PLACE / "source").is_file()
    served.server.give("2010.00001v3", eprint({"main.tex": SOURCE.replace("q(#1)", "p(#1)")}))
    done = served.fetch("2010.00001v3")
    assert f"papers/{done.citekey}/paper.toml says {PLACE}; equations.toml is now of 2010.00001v3" in done.notes
    assert "p(x_t)" in served.site.read(f"papers/{done.citekey}/equations.toml")


def test_requests_lie_three_seconds_apart_also_between_processes(served):
    served.fetch()
    assert served.clock.slept == [3.0]
    served.server.give("2010.00002v1", eprint({"main.tex": SOURCE}))
    served.clock.now += 2
    served.fetch("2010.00002v1")
    assert served.clock.slept == [3.0, 1.0, 3.0]
    served.clock.now -= 500  # a clock that was set back is no reason to wait for minutes
    served.server.give("2010.00003v1", eprint({"main.tex": SOURCE}))
    served.fetch("2010.00003v1")
    assert max(served.clock.slept) == 3.0


def test_a_damaged_cache_is_fetched_again(served):
    served.fetch()
    cache = served.project.work / "arxiv" / PLACE
    (cache / "source").write_bytes(b"\x1f\x8bspoilt")
    (cache / "metadata.xml").write_bytes(b"<spoilt")
    assert len(served.fetch().paper.equations) == 2
    assert len(served.server.log) == 2


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(SOURCE.encode()),
        SOURCE.encode(),
        tar({"main.tex": SOURCE}),
        gzip.compress(tar({"main.tex": SOURCE})) + bytes(512),
        eprint({"00README.json": "{}", "tex/main.tex": SOURCE}),
    ],
    ids=["one file", "not zipped", "plain tar", "padded", "in a folder"],
)
def test_every_form_that_arxiv_sends(desk, body):
    desk.server.give(PLACE, body, Content_Encoding="x-gzip")
    assert [equation.number for equation in desk.fetch().paper.equations] == ["1", "2"]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([(404, {}, b"")], "arXiv has no source of 2010.00001v2 (status 404). Check the ID"),
        ([(403, {}, b"")], "arXiv refuses the source of 2010.00001v2 (status 403)"),
        ([(503, {}, b"")], "arXiv does not deliver the source of 2010.00001v2 (status 503). Nothing was changed"),
        ([(503, {"Retry-After": "4000"}, b"")], "arXiv asks us to wait 4000 s"),
        ([(200, {"Content-Type": "text/html"}, b"\n<html>captcha</html>")], "the answer is a web page"),
        ([(200, {}, b"%PDF-1.4")], "arXiv has this paper as PDF only, with no LaTeX source. Write its equations by hand"),
        ([(200, {"Content-Length": "100"}, b"\x1f\x8b")], "arXiv does not deliver the source of 2010.00001v2 (RemoteProtocolError)"),
        ([(302, {"Location": "http://192.0.2.1/x"}, b"")], "sends us to 'http://192.0.2.1/x', which is not https"),
        ([(302, {"Location": "/e-print/2010.00001v2"}, b"")], "redirects the request for the source of 2010.00001v2 over 3 times"),
    ],
)  # fmt: skip
def test_answers_without_a_source(desk, answers, said):
    desk.server.answers[f"/e-print/{PLACE}"] = answers
    assert said in desk.fails()


def test_a_busy_server_is_asked_again_when_it_says(desk):
    desk.server.give(PLACE, b"", 503, Retry_After="7")
    desk.server.give(PLACE, b"", 429)
    desk.server.give(PLACE, eprint({"main.tex": SOURCE}))
    assert len(desk.fetch().paper.equations) == 2
    assert {7.0, 2.0} <= set(desk.clock.slept)
    assert "arXiv: status 503; retrying in 7 s" in desk.said


def test_a_server_that_is_silent_slow_or_endless(desk, monkeypatch):
    monkeypatch.setattr(arxiv, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = desk.client(api=f"http://127.0.0.1:{silent.getsockname()[1]}/q")
        with pytest.raises(PressError, match=r"does not deliver the metadata of 2010.00001v2 \(ReadTimeout\)"):
            client.metadata(PLACE)
    monkeypatch.setattr(arxiv, "TIMEOUT", 5.0)
    monkeypatch.setattr(http, "DEADLINE", 0.0)
    with pytest.raises(PressError, match="ReadTimeout"):
        desk.client().metadata(PLACE)
    monkeypatch.setattr(http, "DEADLINE", 60.0)
    monkeypatch.setattr(arxiv, "MAX_SOURCE", 1 << 20)
    desk.server.give(PLACE, bytes(2 << 20))
    assert "the source of 2010.00001v2 has over 1 MiB" in desk.fails()


def test_a_redirect_within_the_server_is_followed(desk):
    desk.server.give(PLACE, b"", 301, Location=f"/src/{PLACE}")
    desk.server.answers[f"/src/{PLACE}"] = [(200, {}, eprint({"main.tex": SOURCE}))]
    assert len(desk.fetch().paper.equations) == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (FEED.format(entry="").encode(), "arXiv has no paper 2010.00001v2"),
        (FEED.format(entry=ENTRY.format(id="2010.99999v1")).encode(), "arXiv has no paper 2010.00001v2"),
        (b"<html><body>busy</body></html>", "is not in the form that arXiv's API sends"),
        (b"Rate exceeded.", "is not in the form that arXiv's API sends"),
        (
            b'<!DOCTYPE feed [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + FEED.format(entry="").encode()[38:],
            "is not in the form that arXiv's API sends",
        ),
        (
            ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE f [<!ENTITY x "y">]><feed xmlns="http://www.w3.org/2005/Atom"/>').encode("utf-16"),
            "is not in the form that arXiv's API sends",
        ),
    ],
)  # fmt: skip
def test_metadata_that_are_none(desk, body, said):
    desk.server.answers["/api/query"] = [(200, {}, body)]
    assert said in desk.fails()


def test_metadata():
    found = read_metadata(FEED.format(entry=ENTRY.format(id="hep-th/9901001v1")).encode(), "hep-th/9901001")
    names = ("Jane van der Doe", "Kurt G\u00f6del")
    assert found == Metadata("hep-th/9901001v1", "Made-up Diffusion Models", names, 2020, "10.1000/made-up")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2010.02502", "2010.02502"),
        (" arXiv:2010.02502v4 ", "2010.02502v4"),
        ("https://arxiv.org/abs/2010.02502v4", "2010.02502v4"),
        ("https://arxiv.org/pdf/2010.02502v4.pdf", "2010.02502v4"),
        ("http://www.arxiv.org/pdf/2010.02502?download=1#page=3", "2010.02502"),
        ("https://doi.org/10.48550/arXiv.2010.02502", "2010.02502"),
        ("arxiv.org/abs/hep-th/9901001v2", "hep-th/9901001v2"),
        ("math.GT/0309136", "math.GT/0309136"),
    ],
)
def test_ids(text, expected):
    assert parse_id(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "ddim", "2010.2", "2010.02502v0", "https://example.org/abs/2010.02502", "../2010.02502", "2010.02502&x=1"],
)
def test_what_is_no_id(text):
    with pytest.raises(PressError, match=r"is not an arXiv ID\. Legal: 2010.02502, 2010.02502v4, hep-th/9901001"):
        parse_id(text)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (("song2021ddim", "archiveprefix = {arXiv}, eprint = {2010.00001},"), "song2021ddim"),
        (("by-doi", "doi = {10.1000/MADE-UP},"), "by-doi"),
        (("other2020", "archiveprefix = {arXiv}, eprint = {2010.00009},"), "vanderdoe2020madeup"),
        (("vanderdoe2020madeup", "archiveprefix = {arXiv}, eprint = {2010.00009},"), "vanderdoe2020madeupa"),
    ],
)
def test_the_citation_key(desk, entry, expected):
    desk.site.write("references.bib", ENTRY_OF_BIB % entry)
    metadata = Metadata(PLACE, "Made-up Diffusion Models", ("Jane van der Doe",), 2020, "10.1000/made-up")
    assert choose_key(desk.site.root, metadata, {}) == expected


def test_a_citation_key_that_cannot_be_a_folder_or_belongs_to_another_paper(served):
    for key in ("../x", "a/b", "a:b", "fig-x", "a b", ".x"):
        assert f"--citekey {key!r} is not a valid key" in served.fails(citekey=key)
    served.fetch(citekey="doe2020made")
    served.server.give("2010.00002v1", eprint({"main.tex": SOURCE}))
    with pytest.raises(
        PressError, match=r"papers/doe2020made/paper.toml: is about arXiv:2010.00001v2, not 2010.00002v1"
    ):
        served.fetch("2010.00002v1", citekey="doe2020made")


@pytest.mark.parametrize(
    "text", ["a", "\\a'", 'it\'s "x" \\y', "'''\\", "x'", "'x'", "tab\there \u00e9", "", "\\\\", '"']
)
def test_toml_text(text):
    assert tomllib.loads(f"x = {toml_text(text)}")["x"] == text.replace("\t", " ")


def test_the_command_line(served, monkeypatch, capsys):
    monkeypatch.setattr(arxiv, "API", served.server.base + "/api/query")
    monkeypatch.setattr(arxiv, "EPRINT", served.server.base + "/e-print")
    monkeypatch.setattr(arxiv, "PAUSE", 0.01)
    served.site.write("references.bib", ENTRY_OF_BIB % ("doe2020", "archiveprefix = {arXiv}, eprint = {2010.00001},"))
    given = ["fetch", "https://arxiv.org/abs/2010.00001", "--latex", "never", "--root", str(served.site.root)]
    assert main(given) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "doe2020: arXiv:2010.00001v2, Made-up Diffusion Models",
        "wrote papers/doe2020/equations.toml",
        "wrote papers/doe2020/paper.toml",
        "wrote papers/doe2020/paper.qmd",
        "2 numbered equations in main.tex",
        "1 of them cannot become MathML and are kept as they are: 2",
    ]
    assert err.splitlines() == [
        "arXiv: metadata of 2010.00001",
        "arXiv: source of 2010.00001v2",
        "reading 1 files",
    ]
    assert main(["fetch", "ddim", "--root", str(served.site.root)]) == 1
    assert "error: 'ddim' is not an arXiv ID" in capsys.readouterr().err
    assert json.loads(json.dumps(served.server.paths))[-1] == f"/e-print/{PLACE}"


HTML = b'<html><body><table class="ltx_equation"><td><span class="ltx_tag ltx_tag_equation">(3)</span></td></table>'


def test_arxivs_html_is_asked_for_once_with_manners_and_compared(served):
    served.server.answers[f"/html/{PLACE}"] = [(503, {"Retry-After": "7"}, b""), (200, {}, HTML)]
    first = served.fetch(html=True)
    assert "arXiv's HTML has 1 numbers; 2 of them differ from what was read" in first.notes
    assert served.server.paths[-2:] == [f"/html/{PLACE}"] * 2
    assert 7.0 in served.clock.slept
    assert served.fetch(html=True).notes == first.notes
    assert not [path for path in served.server.paths if path.startswith("/html/")], "it is kept"
    assert [entry.number for entry in first.paper.equations] == ["1", "2"], "our numbers stay"


def test_a_paper_without_html_and_a_page_that_is_not_one(served):
    assert f"arXiv has no HTML of {PLACE}" in served.fetch(html=True).notes
    served.server.answers[f"/html/{PLACE}"] = [(200, {}, b"<html>Are you a robot?</html>")]
    with pytest.raises(PressError, match=r"the HTML of 2010\.00001v2 was not made by LaTeXML"):
        served.fetch(html=True)
    served.server.answers[f"/html/{PLACE}"] = [(200, {}, HTML)]
    assert "arXiv's HTML has 1 numbers; 2 of them differ from what was read" in served.fetch(html=True).notes
