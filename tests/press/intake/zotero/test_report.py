"""What `press check` says about the bibliography, and that hostile metadata reaches the site as harmless text."""

from __future__ import annotations

import re

from lxml import html

from tests.press.conftest import cell
from tests.press.intake.zotero.zotero import Library, Server, author, item

GOOD = "  author = {Doe, Jane},\n  title = {T},\n  year = {2020},\n"


def bib(**entries: str) -> str:
    return "\n".join(f"@misc{{{key},\n{fields}}}\n" for key, fields in entries.items())


def notes(done) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("note: ")]


def test_never_cited_is_a_note(site):
    site.write("references.bib", bib(a=GOOD, b=GOOD, c=GOOD))
    site.post("p", "See @a.\n\n" + cell("print(1)"))
    site.write("lib/mathlib/core.py", '"""Two.\n\nSource: c, Eq. 1.\n"""\n')
    site.press("build")
    done = site.press("check")
    assert done.stdout == "no problems\n"
    assert notes(done) == ["note: 1 entry never cited: b"]


def test_a_paper_page_and_nocite_cite(site):
    site.write("references.bib", bib(a=GOOD, b=GOOD))
    site.write("papers/a/paper.toml", 'citekey = "a"\n')
    site.write("papers/a/paper.qmd", "---\ntitle: x\n---\n")
    site.press("build")
    assert notes(site.press("check")) == ["note: 1 entry never cited: b"]
    site.write("papers/a/paper.qmd", "---\ntitle: x\nnocite: '@*'\n---\n")
    site.press("build")
    assert notes(site.press("check")) == []


def test_duplicates_are_problems(site):
    arxiv = "  archiveprefix = {arXiv},\n  eprint = {2006.11239},\n"
    url = "  url = {https://arxiv.org/pdf/2006.11239v2.pdf},\n"
    doi = "  doi = {10.1234/%s},\n"
    site.write("references.bib", bib(a=GOOD + arxiv, b=GOOD + url, c=GOOD + doi % "X", d=GOOD + doi % "x", e=GOOD))
    done = site.press("check", status=1)
    assert "error: references.bib:9: arXiv 2006.11239 appears twice: a, b. Merge the items in Zotero" in done.stderr
    assert "error: references.bib:23: DOI 10.1234/x appears twice: c, d." in done.stderr


def test_without_author_or_year_is_a_problem_where_it_is_cited(site):
    site.write(
        "references.bib", bib(a="  title = {T},\n", b="  title = {T},\n  editor = {Doe, Jane},\n  year = {2020},\n")
    )
    assert {"note: 1 entry without author: a", "note: 1 entry without year: a"} <= set(notes(site.press("check")))
    site.write("about.qmd", "---\ntitle: x\n---\n\nSee @a and @b.\n")
    done = site.press("check", status=1)
    assert "error: references.bib:1: @a is cited and has no author" in done.stderr
    assert "error: references.bib:1: @a is cited and has no year" in done.stderr


def test_a_preprint_that_was_published_since_is_a_note(site):
    arxiv = "  archiveprefix = {arXiv},\n  eprint = {2006.1123%d},\n  doi = {%s},\n"
    site.write(
        "references.bib",
        bib(a=GOOD + arxiv % (1, "10.1109/5.771073"), b=GOOD + arxiv % (2, "10.48550/arXiv.2006.11232")),
    )
    found = [note for note in notes(site.press("check")) if "published" in note]
    assert found == [
        "note: references.bib:1: @a is a preprint that has been published since: https://doi.org/10.1109/5.771073. Update the item in Zotero"
    ]


def test_unknown_citations_are_still_problems(site):
    site.write("index.qmd", "---\ntitle: x\n---\n\nSee @knwon2020.\n")
    assert "index.qmd:5: unknown citation @knwon2020 (did you mean @known2020?)" in site.press("check", status=1).stderr


def test_what_the_sync_did_not_write_is_noted(desk):
    desk.sync()
    assert not any("sync" in note for note in notes(desk.site.press("check")))
    desk.site.write("references.bib", desk.bib.replace("Attention", "Distraction"))
    assert "note: references.bib is not what the last sync wrote; the next one will refuse to lose any of it" in notes(
        desk.site.press("check")
    )


def test_a_build_imports_neither_pyzotero_nor_bibtexparser(site):
    import subprocess
    import sys

    code = "import press.cli, press.pipeline, press.intake.zotero.report, press.intake.zotero.sync, sys; "
    code += "sys.exit(bool({'pyzotero', 'bibtexparser', 'httpx2', 'tqdm'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], env=site.environment(), check=True)


HOSTILE = [
    item(
        "AAAA2222",
        title="<script>alert('t')</script> \\write18{rm -rf /} <img src=x onerror=alert(1)> $\\write18{id}$ [x](javascript:alert(1)) `=html`",
        creators=[author("</title><script>alert('a')</script>", "Jane"), author('" onmouseover="alert(1)')],
        publicationTitle="<iframe src=javascript:alert(1)> {{< include /etc/passwd >}} \\input{/etc/passwd}",
        url="javascript:alert('u')",
        DOI='10.1234/"><script>alert(1)</script>',
        date="2020<script>",
        extra="Citation Key: evil2020",
    ),
    item(
        "BBBB2222",
        itemType="webpage",
        title="Fine <em>y</em> <i onclick=alert(1)>x \\href{javascript:alert(1)}{z}",
        creators=[author("Roe", "J")],
        url='https://example.org/"onmouseover="alert(1)\'<script>alert(1)</script>',
        date="2021",
        citationKey="evil2021",
    ),
]


def test_hostile_metadata_reaches_the_site_as_text(site):
    (site.root / "references.bib").unlink()
    with Server(Library(HOSTILE)) as server:
        done = site.press("sync", **server.environment)
    assert "evil2020: url left out" in done.stderr
    assert "evil2020: DOI left out" in done.stderr
    site.post("a", "See [@evil2020; @evil2021] and @evil2020.\n\n" + cell("print(1)"))
    site.press("build")
    text = site.read("_site/posts/a/index.html")
    page = html.fromstring(text.encode())
    references = page.get_element_by_id("refs")
    shown = references.text_content().lower()
    assert shown.count("<script>alert(") == 2
    assert "\\write18{rm -rf /}" in shown
    assert "\\write18{id}" in shown
    assert not page.xpath("//*[@onerror or @onmouseover or @onclick or @onload]")
    assert not [
        link
        for link in page.xpath("//@href | //@src")
        if re.match(r"\s*(javascript|data:text|vbscript):", link, re.IGNORECASE)
    ]
    assert not page.xpath("//iframe | //img[@src='x']")
    assert not [script for script in page.xpath("//script") if "alert(" in (script.text or "")]
    assert "root:" not in text
    assert references.xpath(".//em[.='y'] | .//i[.='y'] | .//em[.='Y'] | .//i[.='Y']")
    for name in ("_site/index.xml", "_site/search.json"):
        path = site.root / name
        assert not path.exists() or "<script>alert" not in path.read_text()
