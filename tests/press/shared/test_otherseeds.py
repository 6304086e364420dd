"""`press verdicts`: other seeds, the same verdicts; prose that another seed breaks; what was killed goes on."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from press.shared.otherseeds import BROKEN
from tests.press.conftest import CLAIM, LIB, Site, cell

EXACT = CLAIM.replace("few-steps", "sum").replace('delta = 0.01\ndelta_why = "little"\n', "exact = true\n")
POST = (
    cell("#| tags: [parameters]\nseed = 0")
    + "\n"
    + cell(
        "import os\nfrom postkit.claims import claim\nfrom postkit.saying import told\n"
        "with open(os.environ.get('TALLY', os.devnull), 'a') as stream:\n    stream.write(f'{seed}\\n')\n"
        "value = [2.0, 2.1, 0.5, 2.2, 2.3, 2.4, 2.5][seed]\n"
        "found = value, value - 0.4, value + 0.4\n"
        'claim("few-steps", paper="known2020", measured=value, interval=found[1:], seeds=3)'
    )
    + "\n"
    + cell(
        'if seed != 3:\n    display(claim("sum", paper="known2020", measured=2.0))\n'
        'share = float("nan") if seed == 4 else 0.5\nwhom = told(found, than=2.05, above="See [@nobody1999].",'
        ' below="*Few*.", unsettled="Open.")'
    )
    + "\nIt is `{python} share` of all. `{python} whom`\n"
)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("verdicts"))
    shutil.copytree(LIB / "postkit", site.root / "lib/postkit", ignore=shutil.ignore_patterns("__pycache__"))
    site.write("papers/known2020/paper.toml", 'citekey = "known2020"\n\n' + CLAIM + "\n" + EXACT)
    site.post("a", POST)
    site.post("b", "Words.\n\n" + cell("print(1)"))
    site.press("build")
    return site


@pytest.fixture
def site(ran, tmp_path):
    return ran.copy(tmp_path / "site")


def rest(site):
    """All files but those that the command makes for itself."""
    skip = ("__pycache__", "/seeds/", "/grimp/", "/facts/", ".press/lock", "manifest.json")
    found = [path for path in site.root.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in found if not any(part in path.as_posix() for part in skip)}


def test_a_claim_is_compared_under_each_seed_and_nothing_else_is_touched(site):
    before = rest(site)
    done = site.press("verdicts", "--seeds", "1", "2", "3", status=1)
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["claim", "post", "recorded", "seed", "1", "seed", "2", "seed", "3"],
        ["few-steps", "a", "REPRODUCED", "same", "CONTRADICTED", "same"],
        ["seed", "2:", "CONTRADICTED", "0.5", "[0.1,", "0.9],", "3", "seeds"],
        ["sum", "a", "REPRODUCED", "same", "same", "not", "measured"],
        ["seed", "3:", "not", "measured"],
        ["2", "claims,", "3", "seeds:", "2", "with", "another", "verdict"],
    ]
    assert "note: left out, as they have no parameter 'seed': b" in done.stderr
    assert "error" not in done.stderr
    assert rest(site) == before
    done = site.press("verdicts", "a", "--seeds", "0", "1")
    assert "2 claims, 2 seeds: none with another verdict" in done.stdout
    assert "1 of 2 posts to run: a, seed 0" in done.stderr


def test_what_a_run_leaves_open_counts_as_the_record_has_it(site):
    site.write(
        "papers/known2020/paper.toml",
        'citekey = "known2020"\n\n' + CLAIM.replace("than = 1.0", "than = 1.75", 1) + "\n" + EXACT,
    )
    site.post("a", POST.replace("2.1, 0.5, 2.2", "2.1, 2.05, 2.2"))
    open_here = site.press("verdicts", "a", "--seeds", "1", "2", status=1).stdout
    assert "seed 1: INCONCLUSIVE 2.1 [1.7, 2.5]" in open_here
    site.press("record", "a", "--seeds", "3")
    assert "2 claims, 2 seeds: none with another verdict" in site.press("verdicts", "a", "--seeds", "1", "2").stdout


def test_a_sentence_that_another_seed_breaks_is_named(site):
    done = site.press("verdicts", "a", "--seeds", "4", "6", status=1)
    assert "none with another verdict" in done.stdout
    line = site.read("posts/a/post.qmd").split("\n").index("It is `{python} share` of all. `{python} whom`") + 1
    assert f"posts/a/post.qmd:{line}: with seed 4, `{{python}} share` reads 'nan' on the page. Give" in done.stderr
    assert "nobody1999" in done.stderr
    assert done.stderr.count("error: ") == 2


def test_a_seed_under_which_a_post_fails_is_told_and_the_others_are_compared(site):
    done = site.press("verdicts", "a", "--seeds", "1", "9", status=1)
    assert "IndexError" in done.stderr
    assert "few-steps  a     REPRODUCED  same    failed" in done.stdout
    assert "none with another verdict" in done.stdout


def test_killed_anywhere_it_goes_on_with_what_is_missing(site, tmp_path):
    tally = tmp_path / "tally"
    command = site.command("verdicts", "a", "--seeds", "1", "5", "0", "--jobs", "1")
    environment = site.environment(TALLY=str(tally))
    process = subprocess.Popen(command, cwd=site.root, env=environment, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("ran a, seed"):
            break
    os.kill(process.pid, signal.SIGKILL)
    process.stderr.close()
    process.wait()
    kept = [json.loads(path.read_text())["slug"] for path in (site.root / ".press/seeds").glob("*/record.json")]
    assert kept
    before = tally.read_text().split()
    subprocess.run(command, cwd=site.root, env=environment, check=True, capture_output=True)
    more = tally.read_text().split()[len(before) :]
    assert not {name.rpartition(" ")[2] for name in kept} & set(more)
    # What was run is of this version of the post, and of no other.
    site.post("a", POST.replace("2.0, 2.1", "2.0, 0.1"))
    assert "1 with another verdict" in site.press("verdicts", "a", "--seeds", "1", status=1).stdout
    site.press("clean", "--all")
    assert not (site.root / ".press/seeds").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["b"], 1, "post 'b' has no whole number 'seed' among its parameters (none)"),
        (["a", "-p", "seed", "3"], 1, "Choose them with --seeds"),
        (["--seeds", "1", "a"], 2, "'a' must be a whole number, at least 0; name posts before --seeds"),
        (["c"], 1, "no post 'c'"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(ran, arguments, status, message):
    assert message in ran.press("verdicts", *arguments, status=status).stderr


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("nan", True),
        ("62% (nan% to 70%)", True),
        ("about -inf dB", True),
        ("\N{MINUS SIGN}inf", True),
        ("None", True),
        ("", True),
        ("<function f at 0x7f2e51f50720>", True),
        ("None of them helps; information and nanometres are words.", False),
        ("0.5", False),
        ("$x < y$ at 0.5", False),
    ],
)
def test_what_no_reader_can_make_sense_of(text, broken):
    assert bool(BROKEN.search(text)) == broken
