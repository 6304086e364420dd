"""Claims on their way through the press: boxes made anew, numbers in prose, the ledger, the checks."""

import json
import shutil

import pytest
from lxml import html

from postkit.verdicts import Claim
from press.core.config import read_config
from press.core.errors import PressError
from press.core.escapes import markdown
from press.core.project import open_project
from press.core.source import Expanded
from press.papers.claimscheck import check_claims, is_close
from press.papers.ledger import as_table, ledger
from press.papers.schema import claims_by_id, read_papers
from press.pipeline import check
from press.posts.collection import read_notebooks
from press.posts.post import to_bytes
from press.posts.prose import resolve
from tests.press.conftest import CLAIM, CONFIG, LIB, Site, cell, read_post

PAPER = (
    'citekey = "known2020"\n\n'
    + CLAIM
    + """numbers = { eta0-10 = "13.36", "w-0.1" = "1.55" }
"""
)
IMPORT = "from postkit.claims import claim\n"
MEASURE = 'claim("few-steps", paper="known2020", measured=2.0, interval=(1.5, 2.5), seeds=3)'


def add_paper(site, text=PAPER, key="known2020"):
    return site.write(f"papers/{key}/paper.toml", text)


@pytest.fixture(scope="module")
def measured_once(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("measured"))
    shutil.copytree(LIB / "postkit", site.root / "lib/postkit", ignore=shutil.ignore_patterns("__pycache__"))
    add_paper(site)
    site.post("a", "Words.\n\n" + cell(IMPORT + MEASURE))
    site.press("run")
    return site


@pytest.fixture
def measured(measured_once, tmp_path):
    """A project with postkit in its own lib, one paper, and one post that measured its claim."""
    return measured_once.copy(tmp_path / "measured")


def output(site, slug="a", index=-1):
    book = json.loads(site.read(f"posts/{slug}/index.ipynb"))
    [shown] = [out for c in book["cells"] if c["cell_type"] == "code" for out in c["outputs"]][index:] or [None]
    return shown["data"]


def output_text(site, slug) -> str:
    [code] = [c for c in json.loads(site.read(f"posts/{slug}/index.ipynb"))["cells"] if c["cell_type"] == "code"]
    return "".join(code["outputs"][0]["text"])


def told(problems) -> list[str]:
    return [str(problem) for problem in problems]


def problems_of(site) -> list[str]:
    return told(check_claims(open_project(site.root), read_papers(site.root), ["known2020", "other2021"]))


# Boxes


def test_an_edit_of_paper_toml_runs_nothing_and_changes_the_box(measured):
    key = json.loads(measured.read("posts/a/index.ipynb"))["metadata"]["press"]["key"]
    stored = measured.read(f".press/cache/{key}/notebook.ipynb")
    measured.press("build")
    page = measured.read("_site/posts/a/index.html")
    assert "REPRODUCED" in page
    assert "Few steps are enough." in page
    edited = PAPER.replace("Few steps", "A <b>handful</b> of steps").replace("than = 1.0", "than = 1.75")
    edited = edited.replace('small = "REPRODUCED"', 'small = "INCONCLUSIVE"')
    add_paper(measured, edited)
    assert measured.press("why").stdout == "a: up to date\n"
    assert "0 posts ran, 1 pages rendered" in measured.press("build").stdout
    page = measured.read("_site/posts/a/index.html")
    [box] = html.fromstring(page).find_class("postkit-claim")
    [made] = box.find_class("press-made")
    made.drop_tree()
    text = " ".join(box.text_content().split())
    assert text == (
        "? INCONCLUSIVE A <b>handful</b> of steps are enough. paper: 13.36 against 41.07 (Table 1, S = 10) "
        "here: ratio of distances = 2 [1.5, 2.5], 3 seeds holds if: above 1.75; "
        "within 0.01 of it is no effect open: about 4 times as much data would settle it"
    )
    assert "Few steps" not in page
    assert "".join(output(measured)["text/plain"]).startswith("? INCONCLUSIVE: A <b>handful</b>")
    assert measured.read(f".press/cache/{key}/notebook.ipynb") == stored
    # Back again, and everything is as it was.
    add_paper(measured)
    measured.press("run")
    assert json.loads(measured.read("posts/a/index.ipynb"))["metadata"]["press"]["key"] == key
    assert "Few steps are enough." in "".join(output(measured)["text/html"])


def test_the_measurement_stays_in_the_notebook_and_is_never_printed(measured):
    measured.press("build")
    assert output(measured)["application/vnd.claim+json"] == {
        "id": "few-steps",
        "paper": "known2020",
        "measured": 2.0,
        "interval": [1.5, 2.5],
        "seeds": 3,
        "scale": "small",
    }
    page = measured.read("_site/posts/a/index.html")
    assert "vnd.claim" not in page
    assert '"seeds"' not in html.fromstring(page).text_content()


def test_a_box_made_anew_is_the_box_that_the_notebook_made_and_how_it_was_made(measured):
    key = json.loads(measured.read("posts/a/index.ipynb"))["metadata"]["press"]["key"]
    ran = json.loads(measured.read(f".press/cache/{key}/notebook.ipynb"))
    [before] = [out["data"] for c in ran["cells"] for out in c.get("outputs", ())]
    anew = output(measured)
    [made] = [line for line in anew["text/html"] if "press-made" in line]
    anew["text/html"].remove(made)
    assert anew == before
    assert key[:12] in made


def test_hostile_text_reaches_no_page_as_markup(measured):
    hostile = "<script>alert(1)</script> </div> <img src=x onerror=alert(2)> {{< include x >}} ``` $x$"
    add_paper(measured, PAPER.replace("Few steps are enough.", hostile))
    measured.press("build")
    tree = html.fromstring(measured.read("_site/posts/a/index.html"))
    assert not tree.xpath("//*[@onerror]")
    assert "alert(1)" not in "".join(script.text_content() for script in tree.iter("script"))
    [box] = tree.find_class("postkit-claim")
    assert hostile in box.text_content()


def test_html_that_a_cell_hides_in_a_claims_output_is_replaced(measured):
    code = (
        "from IPython.display import display\n"
        "data = {'id': 'few-steps', 'paper': 'known2020', 'measured': 0.5, 'interval': [0.25, 0.75],\n"
        "        'seeds': 3, 'scale': 'small'}\n"
        "display({'text/html': '<b>REPRODUCED</b>', 'application/vnd.claim+json': data}, raw=True)"
    )
    measured.post("a", cell(IMPORT + code))
    measured.press("run")
    assert "CONTRADICTED" in "".join(output(measured)["text/html"])
    assert "<b>" not in "".join(output(measured)["text/html"])
    measured.post("a", cell(IMPORT + code.replace("0.5,", "'<script>',")))
    error = measured.press("run", status=1).stderr
    assert (
        "posts/a/post.qmd:9: this cell displays no valid measurement: measured is '<script>'; it must be a number"
        in error
    )


def test_a_claim_that_went_away_is_named_where_it_is_measured(measured):
    add_paper(measured, PAPER.replace("few-steps", "many-steps"))
    error = measured.press("run", status=1).stderr
    expected = "posts/a/post.qmd:11: this cell measures claim 'few-steps', which papers/known2020/paper.toml does not have. Legal: many-steps"
    assert expected in error
    assert expected in measured.press("check", status=1).stderr


def test_a_typo_fails_the_run_with_the_legal_ids(measured):
    measured.post("a", cell(IMPORT + MEASURE.replace("few-steps", "few-step")))
    error = measured.press("run", status=1).stderr
    assert "claim id is 'few-step'; legal in papers/known2020/paper.toml: few-steps" in error
    assert "posts/a/post.qmd:10" in error


def test_an_edit_of_a_number_that_a_cell_reads_runs_the_post_again(measured):
    given = "from postkit.printed import paper_numbers\nprint(paper_numbers('few-steps', paper='known2020')['w-0.1'])"
    measured.post("b", cell(given))
    assert "ran b" in measured.press("run").stderr
    add_paper(measured, PAPER.replace("Few steps", "A few steps").replace("than = 1.0", "than = 1.2"))
    assert measured.press("why").stdout == "a: up to date\nb: up to date\n"
    add_paper(measured, PAPER.replace("1.55", "1.56"))
    assert measured.press("why").stdout == "a: up to date\nb: stale\n  numbers known2020 changed\n"
    assert "ran b" in measured.press("run").stderr
    assert output_text(measured, "b") == "1.56\n"


def test_only_a_post_that_uses_claim_may_read_paper_toml(measured):
    reads = "print(open('../../papers/known2020/paper.toml').read()[:3])"
    measured.post("b", cell(reads))
    assert (
        "it read papers/known2020/paper.toml, which its front matter does not declare"
        in measured.press("run", status=1).stderr
    )


def test_a_bad_paper_toml_stops_everything_before_a_post_runs(measured):
    add_paper(measured, PAPER.replace('"above"', '"over"'))
    measured.post("a", cell(IMPORT + MEASURE + "\nprint(1)"))
    error = measured.press("build", status=1).stderr
    assert (
        "papers/known2020/paper.toml:10: claim 'few-steps': direction 'over' is unknown. Legal: above, below, near"
        in error
    )
    assert "started" not in error


# Prose


def text_of(site, slug="a") -> str:
    book = read_post(
        site.root / f"posts/{slug}/post.qmd", read_config(site.root), claims_by_id(read_papers(site.root))
    ).notebook
    return "\n".join("".join(c["source"]) for c in book["cells"])


def test_prose_quotes_numbers_and_code_does_not(site):
    add_paper(site)
    body = (
        "FID {{< claim few-steps.number >}} ({{<claim few-steps.table>}}, {{< claim few-steps.row >}}).\n\n"
        "For $\\eta = 0$ it is {{< claim few-steps.eta0-10 >}}, above $x = {{< claim few-steps.than >}}$,\n"
        "$w$ {{< claim few-steps.w-0.1 >}}, $S=${{< claim few-steps.eta0-10 >}}.\n\n"
        "Not here: `{{< claim few-steps.number >}}`, {{{< claim few-steps.number >}}}.\n\n"
        "```text\n{{< claim few-steps.number >}}\n```\n\n"
        + cell("#| label: x\nprint('{{< claim few-steps.number >}}')")
    )
    site.post("a", body)
    text = text_of(site)
    assert "FID 13.36 against 41.07 (Table 1, S = 10)." in text
    assert "For $\\eta = 0$ it is 13.36, above $x = 1$,\n$w$ 1.55, $S=$<!-- -->13.36." in text
    assert text.count("{{< claim few-steps.number >}}") == 4
    assert "print('{{< claim few-steps.number >}}')" in text


def test_prose_reaches_both_renderers_as_text_and_changes_with_paper_toml(measured):
    number = '*3* < 4_a_ & $5, "6" -- [x](y) @known2020 `c` ^7^ <b>'
    measured.post(
        "a",
        "It is {{< claim few-steps.number >}}.\n\n{{< claim few-steps.eta0-10 >}}\n\n$S=${{< claim few-steps.eta0-10 >}}\n\n"
        + cell(IMPORT + MEASURE),
    )
    toml = PAPER.replace("13.36 against 41.07", number.replace('"', '\\"')).replace(
        'eta0-10 = "13.36"', 'eta0-10 = "1. one"'
    )
    add_paper(measured, toml)
    measured.press("build")
    paragraphs = [p.text_content() for p in html.fromstring(measured.read("_site/posts/a/index.html")).iter("p")]
    assert f"It is {number}." in paragraphs
    assert "1. one" in paragraphs
    assert "{{<" not in measured.read("posts/a/index.ipynb")
    tree = html.fromstring(measured.read("_site/posts/a/index.html"))
    assert len(tree.xpath("//*[local-name()='math']")) == 1
    add_paper(measured, PAPER)
    assert "0 posts ran" in measured.press("run").stdout
    assert "It is 13.36 against 41.07." in measured.read("posts/a/index.ipynb")


@pytest.mark.parametrize(
    ("text", "at_start", "expected"),
    [
        ("13.36 against 41.07", True, "13.36 against 41.07"),
        ("1. one", True, "1\\. one"),
        ("1. one", False, "1. one"),
        ("(a) one", True, "(a\\) one"),
        ("-3", True, "\\-3"),
        ("-3", False, "-3"),
        ("# x", True, "\\# x"),
        (": x", True, "\\: x"),
        ("a--b...", False, "a\\--b\\.\\.\\."),
        ("$5 and $6", False, "\\$5 and \\$6"),
        ("[a](b) <i> @c", False, "\\[a\\](b) \\<i\\> \\@c"),
        ("two\n\nlines", False, "two lines"),
    ],
)
def test_escaping(text, at_start, expected):
    assert markdown(text, at_start=at_start) == expected


@pytest.mark.parametrize(
    "text",
    [
        "1. a",
        "- a",
        "+ a",
        "> a",
        ": a",
        "::: x",
        "# a",
        "| a",
        "a) b",
        "iv. b",
        "(1) b",
        "% a",
        "=",
        "![a](b)",
        "***",
        "---",
        "~~~",
        "    ",
    ],
)
def test_escaped_text_is_one_paragraph_of_just_that_text(text):
    from press.core.pandoc import run_pandoc

    shown = json.loads(run_pandoc(["-f", "markdown", "-t", "json"], f"word\n\n{markdown(text, at_start=True)}\n\nword"))
    kinds = [block["t"] for block in shown["blocks"]]
    assert kinds == ["Para"] * (3 if text.strip() else 2)
    if text.strip():
        plain = run_pandoc(["-f", "markdown", "-t", "plain", "--wrap=none"], markdown(text, at_start=True))
        assert plain.strip() == text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{{< claim few-step.number >}}", "unknown claim 'few-step'. Legal: few-steps"),
        ("{{< claim few-steps.nmber >}}", "claim 'few-steps' has no key 'nmber'. Legal: id, statement, table, number, quantity, direction, row, delta_why, than, delta, exact, quotient, eta0-10, w-0.1"),
        ("{{< claim few-steps >}}", "has no key ''"),
        ("{{< claim few-steps.verdict >}}", "has no key 'verdict'"),
        ("{{< claim few-steps.expected >}}", "has no key 'expected'"),
        ("{{< claim >}}", "unknown claim ''"),
    ],
)  # fmt: skip
def test_unknown_references_have_their_line(site, line, message):
    add_paper(site)
    site.post("a", f"One.\n\nTwo, {line}\nthree {line}.\n")
    with pytest.raises(PressError) as caught:
        text_of(site)
    assert [(p.file, p.line) for p in caught.value.problems] == [("posts/a/post.qmd", 10), ("posts/a/post.qmd", 11)]
    assert message in caught.value.problems[0].message


CLAIM = Claim("a", 'say "it\'s": # x', "Table 1", "13.36", "q", "above", than=1.0)


def resolved(text: str) -> str:
    lines = text.split("\n")
    return resolve(Expanded(text, tuple(("f", i + 1) for i in range(len(lines))), ()), {"a": CLAIM}).text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("#| fig-cap: FID of {{< claim a.number >}} there", "FID of 13.36 there"),
        ('#| fig-cap: "It: {{< claim a.statement >}}"', 'It: say \\"it\\\'s\\": \\# x'),
        ("#| fig-cap: 'It: {{< claim a.statement >}}'", 'It: say \\"it\\\'s\\": \\# x'),
        ("#| fig-cap: |\n#|   It: {{< claim a.statement >}}", 'It: say \\"it\\\'s\\": \\# x'),
    ],
)
def test_options_quote_claims_and_stay_yaml(line, expected):
    import yaml

    text = resolved(
        "---\ntitle: t\n---\n\n```{python}\n#| label: fig-x\n" + line + "\nprint('{{< claim a.number >}}')\n```\n"
    )
    rows = [row.removeprefix("#|") for row in text.split("\n") if row.startswith("#|")]
    assert yaml.safe_load("\n".join(rows)) == {"label": "fig-x", "fig-cap": expected}
    assert "print('{{< claim a.number >}}')" in text


def test_front_matter_quotes_claims_too():
    text = resolved('---\ntitle: "FID {{< claim a.number >}}"\ndescription: Far {{< claim a.number >}}\n---\n\nx\n')
    assert text.startswith('---\ntitle: "FID 13.36"\ndescription: Far 13.36\n---\n')


def test_text_that_would_break_the_yaml_is_refused_with_the_way_out():
    with pytest.raises(
        PressError, match=r"f:6: the text of the claim cannot be inserted here. Write the whole value in double quotes"
    ):
        resolved("---\ntitle: t\n---\n\n```{python}\n#| fig-cap: It is {{< claim a.statement >}}\n1\n```\n")


def test_a_plain_page_says_where_claims_are_resolved(site):
    add_paper(site)
    site.write("index.qmd", "---\ntitle: Home\n---\n\n`{{< claim a.b >}}`\n\nIt is {{< claim few-steps.number >}}.\n")
    site.write("_quarto.yml", CONFIG)
    site.post("a", "Words.\n")
    assert "index.qmd:7: {{< claim >}} is resolved in posts/*/post.qmd only" in site.press("build", status=1).stderr


def test_posts_without_claims_are_the_same_bytes_as_ever(site):
    site.post("a", "Words {{< meta title >}}.\n\n" + cell("#| label: x\n1"))
    before = to_bytes(read_post(site.root / "posts/a/post.qmd", read_config(site.root), {}).notebook)
    add_paper(site)
    claims = claims_by_id(read_papers(site.root))
    assert to_bytes(read_post(site.root / "posts/a/post.qmd", read_config(site.root), claims).notebook) == before


# Ledger


def test_the_ledger_lists_measured_and_not_measured(measured):
    more = PAPER.replace("known2020", "other2021").replace("few-steps", "a-claim-with-a-rather-long-name-of-its-own")
    add_paper(measured, more, "other2021")
    table = measured.press("claims").stdout
    assert table.splitlines()[0].split() == ["claim", "paper", "post", "verdict", "measured", "seeds", "recorded"]
    rows = [line.split("  ") for line in table.splitlines()[2:]]
    assert [part.strip() for part in rows[0] if part.strip()] == [
        "few-steps",
        "known2020",
        "a",
        "REPRODUCED",
        "2 [1.5, 2.5]",
        "3",
        "same",
    ]
    assert "not measured" in table
    assert table.endswith("2 lines, 1 of them measured\n")
    assert max(map(len, table.splitlines())) <= 100
    listed = json.loads(measured.press("claims", "--json").stdout)
    assert [(e["id"], e["post"], e["verdict"], e["recorded"]) for e in listed] == [
        ("few-steps", "a", "REPRODUCED", "REPRODUCED"),
        ("a-claim-with-a-rather-long-name-of-its-own", None, "not measured", "REPRODUCED"),
    ]
    assert listed[0]["interval"] == [1.5, 2.5]
    assert listed[0]["number"] == "13.36 against 41.07"


def test_the_table_keeps_to_100_columns_and_loses_nothing(measured):
    add_paper(
        measured, PAPER.replace("known2020", "other2021").replace("few-steps", "-".join(["word"] * 20)), "other2021"
    )
    table = as_table(ledger(read_papers(measured.root), read_notebooks(open_project(measured.root))))
    assert max(map(len, table.splitlines())) <= 100
    column = "".join(line[:60].split("  ")[0] for line in table.splitlines()[3:-2])
    assert column.count("word") == 20


def test_the_ledger_is_filtered(measured):
    add_paper(measured, PAPER.replace("known2020", "other2021").replace("few-steps", "more"), "other2021")

    def ids(*arguments):
        return [entry["id"] for entry in json.loads(measured.press("claims", "--json", *arguments).stdout)]

    assert ids("--verdict", "Reproduced") == ids("--paper", "known2020") == ids("--post", "a") == ["few-steps"]
    assert ids("--verdict", "not measured") == ["more"]
    assert ids("--verdict", "contradicted") == []
    error = measured.press("claims", "--verdict", "true", status=1).stderr
    assert (
        "--verdict 'true': not in the ledger. Legal: contradicted, direction only, inconclusive, no effect, not measured, reproduced"
        in error
    )
    assert "Legal: a\n" in measured.press("claims", "--post", "b", status=1).stderr


# Checks


def test_all_is_well(measured):
    assert problems_of(measured) == []
    measured.press("build")
    assert measured.press("check").stdout == "no problems\n"


def test_a_verdict_that_differs_fails_the_build_before_anything_is_published(measured):
    measured.press("build")
    before = measured.snapshot()
    measured.post(
        "a", "Words.\n\n" + cell(IMPORT + MEASURE.replace("2.0", "0.5").replace("(1.5, 2.5)", "(0.25, 0.75)"))
    )
    expected = (
        "papers/known2020/paper.toml:14: claim 'few-steps' is recorded as REPRODUCED (small), and is CONTRADICTED in "
        "posts/a/post.qmd:11 (0.5 [0.25, 0.75], 3 seeds). If the measurement is right, write: "
        'verdict = { small = "CONTRADICTED" }'
    )
    assert expected in measured.press("build", status=1).stderr
    assert measured.snapshot() == before
    assert expected in measured.press("check", status=1).stderr
    assert "CONTRADICTED" in "".join(output(measured)["text/html"])  # the box says what was measured
    assert "REPRODUCED" not in "".join(output(measured)["text/html"])
    # Written as it was told, it is accepted, and nothing runs.
    toml = (
        PAPER.replace('small = "REPRODUCED"', 'small = "CONTRADICTED"')
        + 'reason = "A test."\nreason_checked_by = "a#code-1"\n'
    )
    add_paper(measured, toml)
    assert "0 posts ran" in measured.press("build").stdout
    assert measured.press("check").stdout == "no problems\n"


OPEN = MEASURE.replace("(1.5, 2.5)", "(0.5, 3.5)")  # INCONCLUSIVE


def test_a_verdict_near_its_border_is_told_and_stops_nothing_unless_it_is_to(measured):
    """Another machine's last digits may push a measurement over a border: its reader still gets the site."""
    measured.post("a", "Words.\n\n" + cell(IMPORT + OPEN))
    expected = (
        "papers/known2020/paper.toml:14: claim 'few-steps' is recorded as REPRODUCED (small), and is INCONCLUSIVE in "
        "posts/a/post.qmd:11 (2 [0.5, 3.5], 3 seeds). If every machine says so, write: "
        'verdict = { small = "INCONCLUSIVE" }'
    )
    assert f"error: {expected}" in measured.press("build", "--strict", status=1).stderr
    assert not (measured.root / "_site").exists()
    built = measured.press("build")
    assert f"warning: {expected}\n" in built.stderr
    assert "1 warning; `--strict` makes each an error" in built.stdout
    assert f"warning: {expected}\n" in measured.press("build").stderr  # where nothing is left to do, too
    assert "recorded as REPRODUCED, is INCONCLUSIVE in this build" in measured.read("papers/known2020/index.qmd")
    assert f"warning: {expected}\n" in measured.press("check").stderr
    assert f"error: {expected}" in measured.press("check", "--strict", status=1).stderr
    assert f"error: {expected}" in measured.press("build", "--strict", status=1).stderr
    config = CONFIG.replace("checks: strict", "checks:\n    verdicts: error")
    measured.write("_quarto.yml", config)
    assert f"error: {expected}" in measured.press("build", status=1).stderr
    add_paper(measured, PAPER.replace('small = "REPRODUCED"', 'small = "INCONCLUSIVE"'))
    measured.press("build", "--strict")
    assert "is INCONCLUSIVE in this build" not in measured.read("papers/known2020/index.qmd")


@pytest.mark.parametrize(
    ("one", "other", "close"),
    [
        ("REPRODUCED", "INCONCLUSIVE", True),
        ("REPRODUCED", "DIRECTION ONLY", True),
        ("CONTRADICTED", "INCONCLUSIVE", True),
        ("NO EFFECT", "INCONCLUSIVE", True),
        ("REPRODUCED", "CONTRADICTED", False),
        ("REPRODUCED", "NO EFFECT", False),
        ("DIRECTION ONLY", "CONTRADICTED", False),
        ("DIRECTION ONLY", "NO EFFECT", False),
        ("NO EFFECT", "CONTRADICTED", False),
    ],
)
def test_which_verdicts_contradict_each_other(one, other, close):
    assert is_close(one, other) is is_close(other, one) is close
    assert is_close(one, one)


def test_two_posts_one_of_which_leaves_the_claim_open(measured):
    """Neither contradicts the other, nor what is recorded; a third one that does is an error."""
    measured.post("b", cell(IMPORT + OPEN))
    measured.press("run")
    found = check_claims(open_project(measured.root), read_papers(measured.root), ["known2020"])
    assert [problem.check for problem in found] == ["verdicts"]
    assert "is INCONCLUSIVE here (2 [0.5, 3.5], 3 seeds), and REPRODUCED in posts/a/post.qmd:11" in str(found[0])
    measured.post("c", cell(IMPORT + MEASURE.replace("2.0", "0.5").replace("1.5, 2.5", "0.25, 0.75")))
    measured.press("run")
    [found] = check_claims(open_project(measured.root), read_papers(measured.root), ["known2020"])
    assert not found.check
    assert "is CONTRADICTED here" in found.message


def test_measured_and_not_recorded(measured):
    add_paper(measured, PAPER.replace('verdict = { small = "REPRODUCED" }', 'verdict = { full = "DIRECTION ONLY" }'))
    [problem] = problems_of(measured)
    assert problem.startswith(
        "papers/known2020/paper.toml:14: claim 'few-steps' has no recorded verdict, and is REPRODUCED in posts/a/post.qmd:11"
    )
    assert problem.endswith('write: verdict = { full = "DIRECTION ONLY", small = "REPRODUCED" }')
    add_paper(measured, PAPER.replace('verdict = { small = "REPRODUCED" }\n', ""))
    assert problems_of(measured)[0].startswith(
        "papers/known2020/paper.toml:3: claim 'few-steps' has no recorded verdict"
    )


def test_recorded_and_no_longer_measured(measured):
    measured.post("a", "Words.\n")
    measured.press("run")
    assert problems_of(measured) == [
        "papers/known2020/paper.toml:14: claim 'few-steps' is recorded as REPRODUCED (small), and no post measures it. Measure it in a post, or remove small from its verdict"
    ]
    # A verdict at full scale needs a real checkpoint; this build cannot measure it. A profile may have no small run.
    add_paper(measured, PAPER.replace("small =", "full ="))
    assert problems_of(measured) == []
    add_paper(measured)
    measured.write("_quarto-gpu.yml", "{}\n")
    assert check_claims(open_project(measured.root, "gpu"), read_papers(measured.root), None) == []


def test_scales_are_kept_apart(measured):
    full = (
        MEASURE.replace("seeds=3", "seeds=[1, 2], scale='full'").replace("2.0", "0.5").replace("1.5, 2.5", "0.25, 0.75")
    )
    measured.post("b", cell(IMPORT + full))
    add_paper(
        measured,
        PAPER.replace('{ small = "REPRODUCED" }', '{ small = "REPRODUCED", full = "CONTRADICTED" }')
        + 'reason = "So."\nreason_checked_by = "a#code-1"\n',
    )
    measured.press("run")
    assert problems_of(measured) == []
    assert [
        (e.post, e.verdict, e.recorded)
        for e in ledger(read_papers(measured.root), read_notebooks(open_project(measured.root)))
    ] == [
        ("a", "REPRODUCED", "REPRODUCED"),
        ("b", "CONTRADICTED", "CONTRADICTED"),
    ]


def test_two_posts_that_measure_one_claim_must_agree(measured):
    measured.post("b", cell(IMPORT + MEASURE.replace("2.0", "1.75")))
    measured.press("run")
    assert problems_of(measured) == []
    measured.post("b", cell(IMPORT + MEASURE.replace("(1.5,", "(0.5,")))
    measured.press("run")
    assert problems_of(measured) == [
        "posts/b/post.qmd:9: claim 'few-steps' is INCONCLUSIVE here (2 [0.5, 2.5], 3 seeds), and REPRODUCED in posts/a/post.qmd:11 (2 [1.5, 2.5], 3 seeds). Measure it once, or make them agree"
    ]


def test_a_paper_that_the_bibliography_does_not_have(measured):
    measured.write("papers/gone2022/paper.toml", 'citekey = "gone2022"\n')
    assert (
        "papers/gone2022/paper.toml:1: citekey 'gone2022' is not in the bibliography"
        in told(check(open_project(measured.root))[0])[0]
    )


def test_what_a_notebook_stores_is_counted_as_not_executed(measured):
    book = json.loads(measured.read("posts/a/index.ipynb"))
    book["cells"] = [made for made in book["cells"] if made["id"] in ("text-1", "code-1")]
    (measured.root / "posts/a/post.qmd").unlink()
    measured.write("notes/n.ipynb", json.dumps(book))  # with what a press noted in it, which counts for nothing here
    measured.write(
        "_quarto.yml", CONFIG.replace("posts/*/index.ipynb]", "notes/n.ipynb, claims.qmd, papers/*/index.qmd]")
    )
    measured.press("build")
    told = measured.press("claims").stdout
    assert "REPRODUCED (not executed)" in told
    assert told.endswith("1 lines, 1 of them measured, 1 of these not executed by this build\n")
    [listed] = json.loads(measured.press("claims", "--json").stdout)
    assert (listed["post"], listed["verdict"], listed["executed"]) == ("notes/n", "REPRODUCED", False)
    assert measured.press("check").stdout.startswith("no problems")
    [row] = html.fromstring(measured.read("claims.qmd")).xpath("//tr[@data-verdict]")
    assert "not executed by this build" in row.text_content()
    assert "1 measurements (1 not executed by this build)" in measured.read("claims.qmd")


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("a#code-1", ""),
        ("a#shadows", ""),
        ("b#code-1", "there is no post 'b'. Legal: a"),
        ("a#cod-1", "post 'a' has no cell labelled 'cod-1'. Near: code-1, code-2"),
    ],
)
def test_a_reason_needs_a_cell_that_tested_it(measured, place, told):
    more = f'reason = "Soft shadows."\nreason_checked_by = "{place}"\n'
    add_paper(measured, PAPER.replace("than = 1.0", "than = 3.0").replace("REPRODUCED", "CONTRADICTED") + more)
    measured.post("a", "Words.\n\n" + cell(IMPORT + MEASURE) + "\n" + cell('#| label: "shadows"\n2'))
    measured.press("run")
    problems = [line for line in problems_of(measured) if "reason_checked_by" in line]
    assert [line.partition(f"'{place}': ")[2] for line in problems] == ([told] if told else [])
