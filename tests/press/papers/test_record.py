"""`press record`: many seeds, pooled; what was killed goes on; old records and wrong ones; what pages and checks say."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import tomllib
from collections import Counter

import pytest
from lxml import html
from scipy import stats

from postkit.claims import MIME
from postkit.verdicts import measurement
from press.core.errors import PressError
from press.core.project import open_project
from press.pages.publish import make
from press.papers.claimscheck import check_claims
from press.papers.ledger import as_json, as_table, ledger
from press.papers.recorded import identity
from press.papers.recordfile import Record, Run, as_text, read_records
from press.papers.schema import read_papers
from press.posts.collection import read_notebooks
from press.preflight import planned
from press.shared.recording import Keeper
from tests.press.conftest import CLAIM, LIB, Site, cell

PAPER = 'citekey = "known2020"\n\n' + CLAIM
EXACT = CLAIM.replace("few-steps", "sum").replace('delta = 0.01\ndelta_why = "little"\n', "exact = true\n")
OFF = [0.0, 0.1, -0.2, 0.3, 0.05]  # by seed
POST = (
    "Words.\n\n"
    + cell("#| tags: [parameters]\nseed = 0\nshift = 0.0")
    + "\n"
    + cell(
        "import os\nfrom postkit.claims import claim\n"
        "with open(os.environ.get('TALLY', os.devnull), 'a') as stream:\n    stream.write(f'{seed}\\n')\n"
        f"value = 2.0 + shift + {OFF}[seed]\n"
        'claim("few-steps", paper="known2020", measured=value, interval=(value - 0.5, value + 0.5), seeds=3)'
    )
    + "\n"
    + cell('claim("sum", paper="known2020", measured=2.0)')
)
FILE = "papers/known2020/record.toml"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("record"))
    shutil.copytree(LIB / "postkit", site.root / "lib/postkit", ignore=shutil.ignore_patterns("__pycache__"))
    site.write("papers/known2020/paper.toml", PAPER + "\n" + EXACT)
    site.post("a", POST)
    site.press("run")
    return site


@pytest.fixture
def measured(ran, tmp_path):
    """A project with one post that was run with seed 0; nothing is on record."""
    return ran.copy(tmp_path / "measured")


def files(site) -> dict[str, bytes]:
    """What a record must not touch."""
    found = {p.relative_to(site.root).as_posix(): p for p in site.root.rglob("*") if p.is_file()}
    skip = ("lock", "manifest.json")
    return {
        name: p.read_bytes()
        for name, p in found.items()
        if name != FILE
        and "__pycache__" not in name
        and not name.endswith(skip)
        and "/facts/" not in name
        and "/grimp/" not in name
    }


def records(site):
    return read_papers(site.root)[0].records


def key(site) -> str:
    return identity(json.loads(site.read("posts/a/index.ipynb"))["metadata"]["press"]["parts"])


def write_record(site, values, *, day="2026-11-28", parameters=None, **changed):
    """A record of the post, of the values of seeds 1, 2, ..."""
    runs = tuple(Run(seed, day, "abc", 1.5, {"few-steps": value}) for seed, value in enumerate(values, 1))
    about = {"post": "a", "key": key(site), "scale": "small", "device": "cpu", "versions": {}, "reads": ()}
    record = Record(**(about | changed), parameters=parameters or {}, runs=runs)
    return site.write(FILE, as_text("known2020", [record]))


def values_in(text):
    """What the runs of the only record of a file measured."""
    return [run["values"] for run in tomllib.loads(text)["records"][0]["runs"]]


def entry(site):
    entries = ledger(read_papers(site.root), read_notebooks(open_project(site.root)))
    return next(one for one in entries if one.claim.id == "few-steps")


# Recording


def test_seeds_are_measured_pooled_and_kept_and_nothing_else_is_touched(measured):
    before = files(measured)
    assert "would run a with seed 1, 2, 3, 4\n4 runs" in measured.press("record", "--seeds", "4", "--dry-run").stdout
    assert not (measured.root / FILE).exists()
    done = measured.press("record", "--seeds", "4", "--jobs", "2")
    assert files(measured) == before
    [record] = records(measured)
    assert [run.seed for run in record.runs] == [1, 2, 3, 4]
    values = [2.0 + off for off in OFF[1:]]
    assert [run.values for run in record.runs] == [{"few-steps": pytest.approx(value)} for value in values]
    assert record.key == key(measured)
    found = entry(measured).record
    assert found.current
    mean = sum(values) / 4
    assert found.found.measured == pytest.approx(mean)
    assert found.found.interval == pytest.approx(stats.t.interval(0.95, 3, mean, stats.sem(values)))
    assert "a: few-steps: recorded on " in done.stdout
    assert "(0 of 4 runs left)" in done.stderr
    assert measured.press("why").stdout == "a: up to date\n"
    # Again, and there is nothing to do.
    text = measured.read(FILE)
    assert measured.press("record", "a", "--seeds", "4", "--dry-run").stdout == "a: on record\n0 runs\n"
    assert "recorded a, seed" not in measured.press("record", "a", "--seeds", "4").stderr
    assert measured.read(FILE) == text


def test_killed_anywhere_it_goes_on_with_what_is_missing(measured, tmp_path):
    tally = tmp_path / "tally"
    command = measured.command("record", "a", "--seeds", "4", "--jobs", "1")
    process = subprocess.Popen(
        command, cwd=measured.root, env=measured.environment(TALLY=str(tally)), stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if "recorded a, seed 2" in line:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.stderr.close()
    process.wait()
    kept = [run.seed for run in records(measured)[0].runs]
    assert kept[:2] == [1, 2]
    assert len(kept) < 4
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:  # until its worker has noticed, and no longer writes
        with contextlib.suppress(AssertionError):
            measured.press("record", "a", "--seeds", "4", "--jobs", "1", TALLY=str(tally))
            break
    assert [run.seed for run in records(measured)[0].runs] == [1, 2, 3, 4]
    counts = Counter(tally.read_text().split())
    assert all(counts[str(seed)] == 1 for seed in kept)


def test_runs_of_press_verdicts_are_not_made_again(measured, tmp_path):
    tally = tmp_path / "tally"
    measured.press("verdicts", "a", "--seeds", "1", "2", TALLY=str(tally))
    measured.press("record", "a", "--seeds", "3", TALLY=str(tally))
    assert sorted(tally.read_text().split()) == ["1", "2", "3"]
    [record] = records(measured)
    assert [run.values["few-steps"] for run in record.runs] == [pytest.approx(2.0 + off) for off in OFF[1:4]]
    assert all(run.day and run.seconds > 0 for run in record.runs)


def test_another_version_begins_a_record_and_the_old_one_stays_until_it_is_outgrown(measured):
    write_record(measured, [2.0, 2.1, 1.9])
    measured.post("a", POST.replace("value = 2.0", "value = 3.0"))
    done = measured.press("record", "a", "--seeds", "2", "--jobs", "2")
    assert "a: a record of another version" in done.stderr
    assert [len(record.runs) for record in records(measured)] == [3, 2]
    measured.press("run")
    found = entry(measured).record
    assert (found.seeds, found.current) == (3, False)
    assert "begun on " in done.stdout
    measured.press("record", "a", "--seeds", "3")
    [record] = records(measured)
    assert [run.seed for run in record.runs] == [1, 2, 3]
    assert entry(measured).record.current


def test_exercises_that_end_a_post_may_change_and_the_record_stays(measured):
    """Nothing measured depends on them; the post's results do. A cell that others follow counts as any other."""
    exercise = "\n" + cell("#| tags: [exercise]\nprint(value)") + "\nIt is `{python} value + 1`.\n"
    write_record(measured, [2.0, 2.1, 1.9])
    measured.post("a", POST + exercise)
    assert "would run a: exercise code-4 added" in measured.press("run", "--dry-run").stdout
    assert measured.press("record", "a", "--seeds", "3", "--dry-run").stdout == "a: on record\n0 runs\n"
    measured.press("run")
    assert entry(measured).record.current
    measured.post("a", POST + exercise + "\n" + cell("value"))
    assert "a: a record of another version" in measured.press("record", "a", "--seeds", "3", "--dry-run").stderr
    measured.post("a", POST + exercise.replace("print(value)", "'few-steps'"))
    told = measured.press("record", "a", "--dry-run", status=1).stderr
    assert "claim 'few-steps' is in a cell tagged 'exercise'" in told


def test_a_record_that_was_deleted_is_made_again_if_another_paper_s_names_it(measured):
    """A post that measures claims of two papers: each record says which others have the same runs."""
    other = PAPER.replace("known2020", "other2021").replace("few-steps", "more-steps")
    measured.write("papers/other2021/paper.toml", other)
    more = 'claim("more-steps", paper="other2021", measured=value, interval=(value - 0.5, value + 0.5), seeds=3)'
    measured.post("a", POST + "\n" + cell(more))
    measured.press("record", "a", "--seeds", "2")
    texts = {name: measured.read(name) for name in (FILE, FILE.replace("known2020", "other2021"))}
    for name, text in texts.items():
        assert measured.press("record", "a", "--seeds", "2", "--dry-run").stdout == "a: on record\n0 runs\n"
        (measured.root / name).unlink()
        assert "with seed 1, 2\n" in measured.press("record", "a", "--seeds", "2", "--dry-run").stdout
        measured.press("record", "a", "--seeds", "2")
        assert values_in(measured.read(name)) == values_in(text)


def test_parameters_are_part_of_the_record(measured):
    measured.press("record", "a", "--seeds", "1", "-p", "shift", "5.0")
    [record] = records(measured)
    assert record.parameters == {"shift": "5.0"}
    assert record.runs[0].values == {"few-steps": pytest.approx(7.1)}
    assert record.key == key(measured)
    assert "seed 1\n1 run\n" in measured.press("record", "a", "--seeds", "1", "--dry-run").stdout
    told = measured.press("record", "-p", "seed", "5", status=1).stderr
    assert "--seeds" in told


def test_a_run_that_fails_is_told_and_the_others_are_recorded(measured):
    done = measured.press("record", "a", "--seeds", "5", status=1)
    assert "posts/a/post.qmd" in done.stderr
    assert "IndexError" in done.stderr
    assert [run.seed for run in records(measured)[0].runs] == [1, 2, 3, 4]


def test_a_post_without_a_seed_is_refused_by_name(measured):
    measured.post("b", cell("#| tags: [parameters]\nn = 1") + "\n" + cell("print(n, 'few-steps')"))
    told = measured.press("record", status=1).stderr
    assert "posts/b/post.qmd:" in told
    assert "post 'b' has no whole number 'seed' among its parameters (n)" in told


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([("few-steps", 2.0), ("few-steps", 2.5)], "measured twice in one run, 2.0 and 2.5"),
        ([("few-steps", 2.0), ("few-steps", 2.0, "full")], r"several scales \(full, small\)"),
        ([("few-steps", 1e200)], r"is measured as 1e\+200; a record takes up to 1e\+100"),
        ([("sum", 2.0)], "measures no claims, or only exact ones"),
        ([("fewer", 2.0)], "'fewer', which papers/known2020/paper.toml does not have"),
    ],
)
def test_what_cannot_be_recorded_of_a_run(measured, found, message):
    outputs = []
    for id, value, *scale in found:
        chance = {"interval": (value - 1, value + 1), "seeds": 3} if id != "sum" else {}
        one = measurement(id, paper="known2020", measured=value, scale=(scale or ["small"])[0], **chance)
        outputs.append({"data": {MIME: one.as_json()}})
    book = {"cells": [{"metadata": {"press": {"file": "a", "line": 7}}, "outputs": outputs}]}
    plan, papers = planned(open_project(measured.root), ["a"], {})
    keeper = Keeper(open_project(measured.root), plan, papers, {}, None)
    with pytest.raises(PressError, match=message):
        keeper.measured(plan.steps[0].post, book)


# What pages and checks say


def test_the_box_and_the_pages_show_both(measured):
    write_record(measured, [2.0, 2.1, 1.9])
    measured.press("build")
    said = "recorded on 2026-11-28, 3 seeds: 2 [1.752, 2.248], REPRODUCED"
    for page in ("posts/a/index.html", "claims.html", "papers/known2020/index.html"):
        if not (measured.root / "_site" / page).exists():  # this little site renders its posts only
            page = page.replace(".html", ".qmd")
            text = measured.read(page)
        else:
            text = html.fromstring(measured.read(f"_site/{page}")).text_content()
        shown = " ".join(text.split()).replace("recorded: ", "recorded ")
        assert said in shown, page
        assert "earlier version" not in shown
    assert json.loads(as_json([entry(measured)]))[0]["record"]["verdict"] == "REPRODUCED"
    assert "on record" in as_table([entry(measured)])
    # Of another version of the post, and with fewer seeds than a record takes.
    write_record(measured, [2.0, 2.1], key="0" * 64, parameters={"n": '"<b>x</b>"'})
    assert "0 posts ran" in measured.press("build").stdout
    page = measured.read("_site/posts/a/index.html")
    assert "<b>x</b>" not in page
    [box] = [box for box in html.fromstring(page).find_class("postkit-claim") if "few-steps" in box.get("aria-label")]
    text = " ".join(box.text_content().split())
    more = 'with n = "<b>x</b>" (of an earlier version of the post)'
    assert f"recorded: begun on 2026-11-28, 2 seeds of at least 3, {more}" in text
    assert "<b>x</b>" not in measured.read("claims.qmd")


@pytest.fixture
def undecided(measured):
    """The same with a border that the interval of the build's one run holds."""
    measured.write("papers/known2020/paper.toml", (PAPER + "\n" + EXACT).replace("than = 1.0", "than = 1.75", 1))
    return measured


def in_ledger(site, id):
    """What the ledger's page says of a claim, in its two last columns; and what stands above the table."""
    site.press("run")
    project = open_project(site.root)
    page = html.fromstring(make(project, read_papers(site.root), read_notebooks(project)).pages["claims.qmd"])
    cells = page.xpath(f"//tr[@id='claim-{id}']/td")[2:]
    texts = [[" ".join(p.text_content().split()) for p in cell.iter("p")] for cell in cells]
    return *texts, " ".join(page.find_class("paper-counts")[0].text_content().split())


def test_what_this_build_leaves_open_the_record_may_settle(undecided):
    write_record(undecided, [2.0, 2.1, 1.9])
    here, judged, above = in_ledger(undecided, "few-steps")
    assert "INCONCLUSIVE here; \u2713 REPRODUCED on record" in undecided.read("posts/a/index.ipynb")
    assert here == [
        "2 [1.5, 2.5]",
        "ratio of distances",
        "in this build: a, 3 seeds, small scale",
        "recorded on 2026-11-28, 3 seeds: 2 [1.752, 2.248], REPRODUCED",
    ]
    assert judged[:2] == [
        "? INCONCLUSIVE here; \u2713 REPRODUCED on record",
        "recorded as REPRODUCED, is INCONCLUSIVE in this build",
    ]
    assert not any(line.startswith("open: ") for line in judged)
    settled = "1 of those that are INCONCLUSIVE here are settled on record"
    assert above == f"1 \u2713 REPRODUCED, 1 ? INCONCLUSIVE; {settled}"


@pytest.mark.parametrize(
    ("values", "changed", "said"),
    [
        ([2.0, 2.1, 1.9], {"key": "0" * 64}, "REPRODUCED (of an earlier version of the post)"),
        ([2.0, 2.5, 1.0], {}, "INCONCLUSIVE"),  # what the record leaves open, too, settles nothing
    ],
)
def test_an_old_record_and_an_open_one_settle_nothing(undecided, values, changed, said):
    write_record(undecided, values, **changed)
    here, judged, above = in_ledger(undecided, "few-steps")
    assert here[3].startswith("recorded on 2026-11-28, 3 seeds: ")
    assert here[3].endswith(said)
    assert judged[0] == "? INCONCLUSIVE"
    assert above == "1 \u2713 REPRODUCED, 1 ? INCONCLUSIVE"
    box = undecided.read("posts/a/index.ipynb")
    assert said in box
    assert "on record" not in box


def test_an_exact_claim_has_neither_interval_nor_seeds(measured):
    here, judged, _ = in_ledger(measured, "sum")
    assert here == ["2", "ratio of distances", "in this build: a, exact"]
    assert judged == ["\u2713 REPRODUCED"]


@pytest.mark.parametrize(
    ("values", "changed", "contradicts"),
    [
        ([0.1, 0.2, 0.15], {}, True),
        ([0.1, 0.2, 0.15], {"key": "0" * 64}, False),
        ([0.1, 0.2, 0.15], {"scale": "full"}, False),
        ([0.1, 0.2], {}, False),
        ([0.5, 1.2, 1.0], {}, False),  # inconclusive
        ([2.0, 2.1, 1.9], {}, False),
    ],
)
def test_a_build_and_its_record_must_not_contradict_each_other(measured, values, changed, contradicts):
    write_record(measured, values, **changed)
    problems = check_claims(open_project(measured.root), read_papers(measured.root), ["known2020"])
    problems = [problem for problem in problems if "on record" in problem.message]
    assert len(problems) == contradicts
    if contradicts:
        [problem] = problems
        assert (problem.file, problem.line > 8) == ("posts/a/post.qmd", True)
        assert "REPRODUCED here (2 [1.5, 2.5], 3 seeds), and CONTRADICTED on record" in problem.message
        assert f"({FILE}:4: 0.15 [" in problem.message


@pytest.mark.parametrize(
    ("values", "told"), [((), 1), ([1.0, 1.1, 0.9], 0), ([2.0, 2.1, 1.9], 1), ([1.0, 2.5, 1.7], 1)]
)
def test_a_reason_for_what_the_build_leaves_open_needs_a_record_that_contradicts(undecided, values, told):
    why = '"INCONCLUSIVE" }\nreason = "So."\nreason_checked_by = "a#code-1"'
    text = undecided.read("papers/known2020/paper.toml").replace('"REPRODUCED" }', why, 1)
    undecided.write("papers/known2020/paper.toml", text)
    if values:
        write_record(undecided, values)
    project = open_project(undecided.root)
    problems = check_claims(project, read_papers(undecided.root), None)
    assert sum("no record contradicts it" in str(problem) for problem in problems) == told


def test_what_counts_as_the_same_version_of_a_post():
    parts = {"slug": "a", "cell code-1": "1" * 64, "parameter seed": "3", "version torch": "2.9.0+cpu"}
    same = {"slug": "a, seed 4", "parameter n": "1", "version torch": "2.9.0+cu128"}
    assert identity(parts | same) == identity(parts)
    for other in ({"cell code-1": "2" * 64}, {"version torch": "2.9.1+cpu"}, {"read x.csv": "3" * 64}):
        assert identity(parts | other) != identity(parts)


# Files


def test_what_is_written_is_read_back(tmp_path):
    run = Run(7, "2026-11-28", 'a"b\\ \x7f\u2603', 1e-07, {"few-steps": -1.5e300 / 1e250, "x": 2.0})
    [claim] = read_claims(tmp_path)
    other = type(claim)(**{**vars(claim), "id": "x"})
    record = Record(
        "a/b", "0" * 64, "small", "cuda:0", {"a b": "[1]"}, {"torch": "2"}, ("d/\u00e4.csv",), (run,), ("b2021",)
    )
    path = tmp_path / FILE
    path.write_text(as_text("known2020", [record]), encoding="utf-8")
    assert read_records(path, tmp_path, "known2020", [claim, other]) == (record,)


def read_claims(root):
    site = Site(root)
    site.write("papers/known2020/paper.toml", PAPER)
    return read_papers(root)[0].claims


GOOD = as_text(
    "known2020",
    [Record("a", "0" * 64, "small", "cpu", {}, {}, (), (Run(1, "2026-11-28", "c", 1.0, {"few-steps": 2.0}),))],
)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("few-steps = 2.0", "few-steps = nan", 18, "few-steps must be a finite number, not nan"),
        ("few-steps = 2.0", "few-steps = -inf", 18, "must be a finite number, not -inf"),
        ("few-steps = 2.0", f"few-steps = 1{'0' * 400}", 18, "must be a finite number"),
        ("few-steps = 2.0", "few-steps = true", 18, "must be a finite number, not True"),
        ("few-steps = 2.0", 'few-steps = "2"', 18, "must be a finite number, not '2'"),
        ("few-steps = 2.0", '"<b>" = 2.0', 18, "'<b>' is not a claim of this paper"),
        ("seed = 1", "seed = -1", 14, "seed must be a whole number, at least 0, not -1"),
        ("seed = 1", "seed = 1.5", 14, "seed must be a whole number"),
        ("seed = 1\n", "", 13, "seed must be a whole number, at least 0, not None"),
        ('day = "2026-11-28"', 'day = "<script>"', 15, "day '<script>' must look like"),
        ("values = {", "extra = 1\nvalues = {", 18, "unknown key 'extra'"),
        ('paper = "known2020"', 'paper = "other2021"', 2, "paper 'other2021' must be the folder's name, 'known2020'"),
        ("0" * 64, "0" * 63, 6, "key '0"),
        ('scale = "small"', 'scale = "huge"', 7, "scale 'huge' is unknown"),
        ("parameters = {}", "parameters = { n = 1 }", 9, "parameters: 'n' must be a string"),
        ("reads = []", "reads = [1]", 11, "reads must be a list of strings"),
        ("reads = []", "reads = []\nbeside = [1]", 12, "beside must be a list of strings"),
        ("[[records]]", "[records]", 4, "records must be a list of tables"),
        ("seed = 1", "seed = 1 1", 14, "not valid TOML"),
    ],
)
def test_a_wrong_record_is_refused_by_file_and_line(tmp_path, old, new, line, message):
    site = Site(tmp_path)
    site.write("papers/known2020/paper.toml", PAPER)
    assert GOOD.count(old) >= 1
    site.write(FILE, GOOD.replace(old, new, 1))
    with pytest.raises(PressError) as caught:
        read_papers(tmp_path)
    [problem] = caught.value.problems[:1]
    assert message in problem.message
    assert (problem.file, problem.line) == (FILE, line)


def test_what_is_no_file_of_its_own_is_refused(tmp_path):
    site = Site(tmp_path)
    site.write("papers/known2020/paper.toml", PAPER)
    (tmp_path / FILE).symlink_to("elsewhere.toml")
    with pytest.raises(PressError, match=f"{FILE}: a symbolic link"):
        read_papers(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    with pytest.raises(PressError, match=f"{FILE}: cannot be read"):
        read_papers(tmp_path)


def test_a_seed_that_is_there_twice_is_refused(tmp_path):
    site = Site(tmp_path)
    site.write("papers/known2020/paper.toml", PAPER)
    site.write(FILE, GOOD + GOOD[GOOD.index("\n[[records.runs]]") :])
    with pytest.raises(PressError, match="seed 1 is listed twice"):
        read_papers(tmp_path)
