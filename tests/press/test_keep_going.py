"""`press build --keep-going`: what ran is published, and a post that failed has a page that says where and why."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
import yaml
from lxml import html

from press.core.project import open_project
from press.pipeline import check
from tests.press.conftest import LIB, Site, cell
from tests.press.papers.test_ledger import IMPORT, MEASURE, PAPER, add_paper
from tests.press.test_bad_input import KILLED

ROOT = Path(__file__).resolve().parents[2]
GOOD = "## Its results\n\nSee [the other](../bad/index.ipynb#what-we-found).\n\n" + cell("print('output of good')")
FINE = (
    "## What we found\n\nProse of bad.\n\n"
    + cell("x = 1")
    + "\n"
    + cell("#| label: fig-x\n#| fig-cap: Numbers.\n#| fig-alt: One.\n('output', x)")
)
RAISES = FINE.replace("('output', x)", "y = 2\nx / 0")


def page(site: Site, url: str = "posts/bad/index.html"):
    return html.parse(str(site.root / "_site" / url)).getroot()


def words(element) -> str:
    return " ".join(element.text_content().split())


def failure(site: Site, slug: str = "bad") -> str:
    """What the page of a post that failed says."""
    [shown] = page(site, f"posts/{slug}/index.html").xpath("//div[@class='press-failure']")
    return words(shown)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A project's first build, in which one of its posts fails."""
    site = Site(tmp_path_factory.mktemp("first"))
    site.post("good", GOOD)
    site.post("bad", RAISES, title="The <b>bad</b> *post*")
    assert not (site.root / "_site").exists()
    site.strict = site.press("build", status=1)
    site.nothing = (site.root / "_site").exists()
    site.done = site.press("build", "--keep-going", status=1)
    return site


def test_without_it_nothing_is_published_and_the_way_out_is_named(first):
    assert not first.nothing
    assert "posts/bad/post.qmd:21: code-2 raised ZeroDivisionError: division by zero" in first.strict.stderr
    assert first.strict.stderr.endswith(
        "1 problem\npress build --keep-going publishes what ran, with a page for each post that failed\n"
    )


def test_the_page_says_which_cell_which_line_and_why(first):
    assert failure(first).startswith(
        "This post failed in the build that made this site, so it has no results to show. It stopped in cell 2 of 2 (fig-x), "
        "at line 21 of posts/bad/post.qmd: x / 0 The reason: code-2 raised ZeroDivisionError: division by zero"
    )
    assert ".press/failed/bad.ipynb" in failure(first)
    assert words(page(first).xpath("//h1")[0]) == "Failed: The <b>bad</b> post".replace("<b>", "").replace("</b>", "")
    assert "Prose of bad" not in words(page(first))


def test_what_ran_is_there_and_the_listing_tells_the_difference(first):
    assert "output of good" in words(page(first, "posts/good/index.html"))
    titles = [words(e) for e in page(first, "index.html").xpath("//*[contains(@class,'listing-title')]")]
    assert sorted(titles) == ["Failed: The bad post", "good"]
    assert "This post failed in the build that made this site" in words(page(first, "index.html"))


def test_the_terminal_says_so_too(first):
    assert "failed: bad; each one's page says where and why" in first.done.stdout
    assert "error: posts/bad/post.qmd:21: code-2 raised ZeroDivisionError" in first.done.stderr
    assert "The notebook, as far as it ran: .press/failed/bad.ipynb" in first.done.stderr
    assert json.loads(first.read(".press/failed/bad.ipynb"))["cells"]


def test_the_input_is_a_notebook_that_quarto_can_read(first):
    book = nbformat.read(first.root / "posts/bad/index.ipynb", as_version=4)
    nbformat.validate(book)
    assert [c.cell_type for c in book.cells][:2] == ["raw", "markdown"]
    meta = yaml.safe_load(book.cells[0].source.strip().removeprefix("---").removesuffix("---"))
    assert (meta["title"], meta["date"], meta["categories"]) == ("Failed: The <b>bad</b> *post*", "2026-01-01", ["x"])
    taken = nbformat.read(first.root / "_site/posts/bad/bad.ipynb", as_version=4)
    assert [c.outputs for c in taken.cells if c.cell_type == "code"] == [[], []], "its code, and nothing that it did"


def test_it_is_asked_again_what_became_of_the_post(first):
    assert "bad: stale\n  failed when it last ran (posts/bad/post.qmd:21)\n" in first.press("why").stdout
    assert [str(p).partition(". Run")[0] for p in check(open_project(first.root))[0]] == [
        "posts/bad/post.qmd: not up to date (failed when it last ran (posts/bad/post.qmd:21))"
    ]
    again = first.press("build", "--keep-going", status=1)
    assert "nothing changed, 0 posts ran" in again.stdout


def test_from_good_to_failing_and_back(site):
    """A failing strict build changes no byte of the site; and once the post is mended, no byte tells of the failure."""
    site.post("good", GOOD)
    site.post("bad", FINE)
    site.press("build")
    whole = site.snapshot()
    site.post("bad", RAISES)
    site.press("build", status=1)
    assert site.snapshot() == whole
    site.press("build", "--keep-going", status=1)
    assert "&#39;output&#39;, 1" not in "".join(data.decode(errors="replace") for data in site.snapshot().values())
    assert "ZeroDivisionError" in failure(site)
    assert "(&#39;output&#39;, 1)" in whole["posts/bad/index.html"].decode()
    partial = site.snapshot()
    site.press("build", status=1)
    assert site.snapshot() == partial
    site.post("bad", FINE)
    assert "0 posts ran" in site.press("build").stdout
    assert site.snapshot() == whole


HOSTILE = (
    "</code></pre></div></main><script>alert(1)</script> <img src=x onerror=alert(2)> ````````` $x$ @known2020\n"
    "````````\n:::\n\n# Head {{< include /etc/passwd >}} {{< meta title >}} <!-- --> ]]> &amp; \x00\x07\x1b[31m \u2028 \x85 \r end"
)
REFUSED = {
    "text": (cell(f"raise ValueError({HOSTILE!r})"), "ValueError: </code></pre></div></main><script>alert(1)</script>"),
    "type": (cell(f"raise type({'<i>{{< x >}}'!r}, (Exception,), {{}})('told')"), "<i>{{< x >}}: told"),
    "no unicode": (cell("raise ValueError('\\udcff \\ud800')"), "raised an exception whose text cannot be shown"),
    "no text": (cell("assert False"), "code-1 raised AssertionError:"),
    "long": (cell("raise ValueError('long ' * 10**6)"), "\N{HORIZONTAL ELLIPSIS}"),
    "exit": (cell("raise SystemExit(0)") + "\n" + cell("x = 1"), "code-1 raised SystemExit"),
    "killed": (
        cell("x = 1") + "\n" + cell(KILLED),
        "It stopped in cell 2 of 2, at line 13 of posts/killed/post.qmd. The reason: the kernel died",
    ),
    "data": (
        cell("print(open('numbers.txt').read())"),
        "it read posts/data/numbers.txt, which its front matter does not declare",
    ),
    "secret": (cell("print(__import__('os').environ['PRESS_TEST'])"), "code-1 shows the value of $MY_TOKEN"),
    "written": (cell("token = 'sesame-open-sesame'\n1 / 0"), "code-1 raised ZeroDivisionError: division by zero"),
    "told": (cell("raise ValueError('sesame-open-sesame')"), "(not shown: the text contains the value of $MY_TOKEN)"),
    "unknown": (
        cell(IMPORT + "from postkit.verdicts import Measurement\n" + MEASURE.replace("few-steps", "no-claim")),
        "code-1 raised ",
    ),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """Posts that fail in every way, beside one that does not."""
    site = Site(tmp_path_factory.mktemp("refused"))
    shutil.copytree(LIB / "postkit", site.root / "lib/postkit", ignore=shutil.ignore_patterns("__pycache__"))
    add_paper(site)
    site.post("good", "Words.\n\n" + cell("print('output of good')"))
    for name, (body, _) in REFUSED.items():
        site.post(name.replace(" ", "-"), body)
    site.write("posts/data/numbers.txt", "7")
    site.done = site.press(
        "build", "--keep-going", status=1, MY_TOKEN="sesame-open-sesame", PRESS_TEST="sesame-open-sesame"
    )
    return site


@pytest.mark.parametrize("name", REFUSED)
def test_every_kind_of_failure_is_told_on_its_page(refused, name):
    slug = name.replace(" ", "-")
    assert REFUSED[name][1] in failure(refused, slug)
    assert f"posts/{slug}/post.qmd" in failure(refused, slug)
    tree = page(refused, f"posts/{slug}/index.html")
    main = tree.xpath("//main")
    assert len(main) == 1
    assert not main[0].xpath(".//script|.//img|.//h2[not(@class)]|.//i")
    assert len(refused.read(f"_site/posts/{slug}/index.html")) < 60_000


def test_hostile_text_is_shown_as_it_is(refused):
    [reason] = page(refused, "posts/text/index.html").xpath("//div[@class='press-failure']/pre[last()]")
    shown = reason.text_content().removeprefix("code-1 raised ValueError: ")
    assert shown.split("\n") == [*HOSTILE.split("\n")[:4], shown.split("\n")[4], *shown.split("\n")[5:]]
    assert "# Head {{< include /etc/passwd >}} {{< meta title >}} <!-- --> ]]> &amp; \N{REPLACEMENT CHARACTER}" in shown
    assert shown.endswith(" end")


def test_no_secret_is_published_or_kept(refused):
    files = [
        p for p in [*(refused.root / "_site").rglob("*"), *(refused.root / "posts").rglob("index.ipynb")] if p.is_file()
    ]
    assert len(files) > 20
    assert not [path for path in files if b"sesame-open-sesame" in path.read_bytes()]


def test_what_ran_beside_them_is_whole(refused):
    assert "output of good" in words(page(refused, "posts/good/index.html"))


# What depends on a post that failed


@pytest.fixture
def shelf(site):
    """A paper whose claims two posts measure, pages that link to both, and a project that shows all of it."""
    shutil.copytree(LIB / "postkit", site.root / "lib/postkit", ignore=shutil.ignore_patterns("__pycache__"))
    config = site.read("_quarto.yml").replace(
        "[index.qmd, ", "[index.qmd, links.qmd, papers/*/index.qmd, papers/index.qmd, claims.qmd, equations.qmd, "
    )
    site.write("_quarto.yml", config)
    second = PAPER.split("\n\n", 1)[1].replace("few-steps", "other-steps").replace("Few steps", "Other steps")
    third = second.replace("other-steps", "no-steps").replace('verdict = { small = "REPRODUCED" }\n', "")
    add_paper(site, PAPER + "\n" + second + "\n" + third)
    site.write(
        "papers/known2020/paper.qmd",
        "---\ntitle: Known\n---\n\nSee [there](../../posts/bad/index.ipynb#what-we-found).\n",
    )
    links = "[a](posts/bad/index.ipynb) [b](posts/bad/#fig-drawn) [c](posts/bad/index.html#eq-one) [d](posts/bad/index.ipynb#own) <a href='posts/bad/bad.ipynb'>e</a>"
    site.write("links.qmd", f"---\ntitle: Links\n---\n\n{links}\n")
    site.post("good", "Back to [it](../bad/index.ipynb#what-we-found).\n\n" + cell(IMPORT + MEASURE))
    site.bad = (
        "## What we found\n\nWith [@known2020]; see [good](../good/index.ipynb).\n\n[x]{#own}\n\n$$\nx\n$$ {#eq-one}\n\n"
        + cell(IMPORT + MEASURE.replace("few-steps", "other-steps"))
        + "\n"
        + cell("#| label: fig-drawn\n#| fig-cap: A figure.\n#| fig-alt: Nothing.\n'drawn'")
    )
    return site


def verdicts(site: Site) -> dict[str, str]:
    rows = page(site, "claims.html").xpath("//tr[@data-verdict]")
    return {row.get("id").removeprefix("claim-"): row.get("data-verdict") for row in rows}


def test_what_depends_on_it_does_not_break_the_build(shelf):
    shelf.post("bad", shelf.bad)
    shelf.press("build")
    whole = shelf.snapshot()
    assert verdicts(shelf) == {"few-steps": "REPRODUCED", "other-steps": "REPRODUCED", "no-steps": "not measured"}
    shelf.post("bad", shelf.bad.replace("'drawn'", "1 / 0"))
    shelf.press("build", "--keep-going", status=1)
    now = {"few-steps": "REPRODUCED", "other-steps": "not measured in this build", "no-steps": "not measured"}
    assert verdicts(shelf) == now
    assert "not measured in this build" in words(page(shelf, "papers/known2020/index.html"))
    assert "1 \N{EN DASH} not measured in this build" in words(page(shelf, "papers/index.html"))
    choices = page(shelf, "claims.html").xpath("//select[@name='verdict']/option/@value")
    assert choices == ["", "REPRODUCED", "not measured", "not measured in this build"]
    assert "other-steps" in shelf.press("claims", "--verdict", "not measured in this build").stdout
    ids = set(page(shelf).xpath("//@id"))
    assert {"what-we-found", "fig-drawn", "eq-one", "own"} <= ids, "links to places on the page still lead there"
    shelf.post("bad", shelf.bad)
    shelf.press("build")
    assert shelf.snapshot() == whole


def test_a_claim_that_only_the_code_of_the_failed_post_names(shelf):
    shelf.post("bad", shelf.bad.replace("other-steps", "no-steps").replace("'drawn'", "1 / 0"))
    shelf.press("build", "--keep-going", status=1)
    assert verdicts(shelf)["no-steps"] == "not measured in this build"


def test_a_whole_build_still_asks_for_every_recorded_claim(shelf):
    shelf.post("bad", "## What we found\n\n[x]{#own} [y]{#fig-drawn} [z]{#eq-one}\n\n" + cell("print(1)"))
    for flag in ((), ("--keep-going",)):
        done = shelf.press("build", *flag, status=1)
        assert "claim 'other-steps' is recorded as REPRODUCED (small), and no post measures it" in done.stderr
        assert not (shelf.root / "_site").exists()


def test_other_problems_stop_it_all_the_same_and_are_told_with_the_failures(site):
    site.post("bad", RAISES)
    link = "from IPython.display import HTML\nHTML('<a href=\"gone.html\">that</a>')"  # known only when it has run
    site.post("wrong", cell(link))
    done = site.press("build", "--keep-going", status=1)
    assert "code-2 raised ZeroDivisionError" in done.stderr
    assert "broken link" in done.stderr
    assert done.stderr.endswith("2 problems\n")
    assert not (site.root / "_site").exists()


# make site


@pytest.mark.parametrize("built", [False, True])
def test_make_site_keeps_going_only_while_there_is_no_site(tmp_path, built):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/.installed-cpu").touch()
    if built:
        (tmp_path / "_site").mkdir()
    done = subprocess.run(["make", "--dry-run", "site"], cwd=tmp_path, capture_output=True, text=True, check=True)
    [line] = [line for line in done.stdout.splitlines() if "press build" in line]
    assert ("--keep-going" in line) is not built


def test_ci_fails_on_a_post_that_fails():
    """`make site` fails there with the exit status of `press build`: nothing swallows it, and nothing keeps going."""
    script = (ROOT / ".ci/run").read_text()
    assert "set -euo pipefail" in script
    everything = script + "".join(path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml"))
    assert "--keep-going" not in everything
    assert not [line for line in everything.splitlines() if "make site" in line and "||" in line]
