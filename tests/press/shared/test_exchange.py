"""Results that travel: exported, taken by a stranger from a folder and from a server, and the site that they make."""

import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from press.core import http
from press.core.disk import write_atomic
from press.core.project import open_project
from press.shared import exporting
from press.shared.places import named
from tests.press.conftest import cell
from tests.press.shared.conftest import content, file_of, listed, make_project, relist, rewrite, taking

LINE = re.compile(rb'<p class="press-taken".*?</p>\n?', re.DOTALL)
BLOCKER = """\
import sys


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"papermill", "jupyter_client", "ipykernel", "nbclient", "torch", "zmq", "distributed"}:
            raise AssertionError(f"a build from a cache imported {name}")


sys.meta_path.insert(0, Blocker())
"""


def without_line(snapshot):
    """The published files, without the line that says where a post was executed."""
    return {name: LINE.sub(b"", data) for name, data in snapshot.items() if name != ".press-site.json"}


def test_a_site_from_a_server_is_that_of_its_runs_and_says_where_from(executed_once, stranger, server, tmp_path):
    (tmp_path / "block").mkdir()
    (tmp_path / "block/sitecustomize.py").write_text(BLOCKER)
    env = stranger.environment()
    env["PYTHONPATH"] = os.pathsep.join((str(tmp_path / "block"), env["PYTHONPATH"]))
    command = stranger.command("build", "--renderer", "pandoc", "--cache-from", server.url)
    done = subprocess.run(command, cwd=stranger.root, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "2 taken from a cache, 0 posts ran" in done.stdout
    before, after = executed_once.snapshot(), stranger.snapshot()
    assert without_line(before) == without_line(after)
    assert not LINE.search(b"".join(before.values()))
    port = server.url.split(":")[2].split("/")[0]
    for slug in ("figures", "reads"):
        [line] = LINE.findall(after[f"posts/{slug}/index.html"])
        text = re.sub(r"<.*?>", "", line.decode())
        form = rf"Executed on \d{{4}}-\d\d-\d\d on cpu \(\w+ \w+, \d+ processors\), taken from 127.0.0.1:{port}; "
        assert re.fullmatch(form + f"run it again here with press verify {slug}.\n?", text)
    assert stranger.press("build", "--cache-from", server.url).stdout.count("nothing changed") == 1
    assert server.log.count("/blog/cache.json") == 1  # a build with nothing stale asks nobody


def test_an_export_has_the_same_bytes_and_is_added_to(executed_once, cache, tmp_path):
    executed_once.press("cache", "export", str(tmp_path / "again"))
    files = {path.name: path.read_bytes() for path in cache.iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == files
    site = executed_once.copy(tmp_path / "changed")
    site.post("reads", "Other words.\n\n" + cell("print('other')"))
    site.press("run")
    (cache / "README").write_text("the owner's own")
    site.press("cache", "export", str(cache))
    after = {path.name: path.read_bytes() for path in cache.iterdir()}
    assert set(files) < set(after)
    assert len(listed(cache)["entries"]) == 3
    assert all(after[name] == data for name, data in files.items() if name != "cache.json")


@pytest.mark.parametrize("nth", range(6))
def test_an_export_that_is_killed_leaves_a_cache_that_is_right(executed_once, stranger, tmp_path, monkeypatch, nth):
    class Killed(BaseException):
        pass

    count = iter(range(100))

    def write(path, data):
        if next(count) == nth:
            path.parent.mkdir(exist_ok=True)
            path.with_name(f".{path.name}.half.tmp").write_bytes(data[:10])
            raise Killed
        write_atomic(path, data)

    folder = tmp_path / "killed"
    monkeypatch.setattr(exporting, "write_atomic", write)
    monkeypatch.setattr(exporting, "write_if_changed", write)
    with pytest.raises(Killed):
        exporting.export(open_project(executed_once.root), folder)
    if (folder / "cache.json").exists():
        taken, _, notes = taking(stranger, str(folder))
        assert taken == []
        assert notes == []
    monkeypatch.undo()
    executed_once.press("cache", "export", str(folder))
    assert taking(stranger, str(folder))[0] == ["figures", "reads"]


@pytest.mark.parametrize("kind", ["strange", "file", "link", "site", "work", "broken"])
def test_nothing_is_written_into_a_folder_that_is_no_cache(executed_once, tmp_path, kind):
    site, folder = executed_once.copy(tmp_path / "project"), tmp_path / "there"
    if kind == "strange":
        folder.mkdir()
        (folder / "thesis.tex").write_text("mine")
    elif kind == "file":
        folder.write_text("mine")
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    elif kind == "broken":
        folder.mkdir()
        (folder / "cache.json").write_text('{"format": 1, "entries": {"x": 1}}')
    else:
        folder = site.root / {"site": "_site/cache", "work": ".press/out"}[kind]

    def state():
        return {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and ".press" not in p.parts}

    before = state()
    assert str(folder) in site.press("cache", "export", str(folder), status=1).stderr
    assert state() == before


@pytest.mark.parametrize(("name", "most"), [("MOST", 1), ("LARGEST_LIST", 1000)])
def test_nothing_is_exported_that_nobody_would_read(executed_once, tmp_path, monkeypatch, name, most):
    monkeypatch.setattr(exporting, name, most)
    said = executed_once.press("cache", "export", str(tmp_path / "out"), status=1).stderr
    assert "would contain 2 results, listed in" in said
    assert "export to a new folder" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "kind"), [("LARGEST_NOTEBOOK", "notebook"), ("LARGEST_RECORD", "record")])
def test_a_result_that_is_too_large_is_left_out_and_the_file_is_named(executed_once, tmp_path, monkeypatch, name, kind):
    monkeypatch.setattr(exporting, name, 10)
    said = executed_once.press("cache", "export", str(tmp_path / "out")).stderr
    assert re.search(rf"left out: figures: its {kind} has \d+ bytes; at most 10 are read\n", said)
    assert listed(tmp_path / "out")["entries"] == {}


def test_a_secret_is_not_exported(executed_once, tmp_path):
    site = executed_once.copy(tmp_path / "project")
    said = site.press("cache", "export", str(tmp_path / "out"), status=1, MY_TOKEN="few-steps").stderr
    assert "shows the value of $MY_TOKEN" in said
    assert not (tmp_path / "out").exists()


def test_what_was_taken_is_not_exported_as_executed_here(stranger, cache, tmp_path):
    assert len(taking(stranger, str(cache))[0]) == 2
    stranger.press("run")
    done = stranger.press("cache", "export", str(tmp_path / "mine"))
    assert "figures: taken from cache, not executed here; press run figures --force executes it" in done.stderr
    assert listed(tmp_path / "mine")["entries"] == {}


def test_where_one_key_differs_one_post_runs(stranger, cache):
    path = stranger.root / "posts/reads/post.qmd"
    path.write_text(path.read_text().replace("6 * 7", "6 * 8"))
    done = stranger.press("run", "--cache-from", str(cache))
    assert done.stdout == "1 taken from a cache, 1 posts ran: reads\n"
    assert "took figures from cache" in done.stderr
    assert (
        "reads is not taken from cache: what it has was made from something else (value inline-1 changed)"
        in done.stderr
    )


def test_a_file_that_only_a_run_showed_to_be_read_is_part_of_what_must_fit(stranger, cache):
    assert [entry["reads"] for entry in listed(cache)["entries"].values() if entry["slug"] == "reads"] == [
        ["numbers.txt"]
    ]
    stranger.write("numbers.txt", "42\n")
    taken, said, _ = taking(stranger, str(cache))
    assert taken == ["figures"]
    assert any("read numbers.txt changed" in line for line in said)
    stranger.write("numbers.txt", "41\n")
    assert taking(stranger, str(cache))[0] == ["reads"]  # figures lies in .press/cache by now
    stranger.write("numbers.txt", "42\n")
    assert "reads: stale" in stranger.press("why").stdout  # what it reads is known without a run


def test_a_project_that_wants_files_declared_takes_no_results_that_read_others(stranger, cache):
    stranger.write("_quarto.yml", stranger.read("_quarto.yml").replace("reads: warn", "reads: error"))
    assert taking(stranger, str(cache))[0] == ["figures"]


def test_parameters_are_part_of_what_must_fit(executed_once, stranger, tmp_path):
    site = executed_once.copy(tmp_path / "seven")
    site.press("run", "figures", "-p", "seed", "7")
    site.press("cache", "export", str(tmp_path / "seven-cache"))
    assert taking(stranger, str(tmp_path / "seven-cache"))[0] == ["reads"]
    done = stranger.press("run", "figures", "-p", "seed", "7", "--cache-from", (tmp_path / "seven-cache").as_uri())
    assert done.stdout == "1 taken from a cache, 0 posts ran\n"
    assert stranger.read("posts/figures/index.ipynb").count("# Parameters") == 1

    def change(book):
        injected = next(c for c in book["cells"] if c["id"] == "injected-parameters")
        injected["source"] = ["# Parameters\n", "seed = 7  # and read this\n"]

    rewrite(tmp_path / "seven-cache", change)
    other = make_project(tmp_path / "other")
    said = other.press("run", "figures", "-p", "seed", "7", "--cache-from", str(tmp_path / "seven-cache")).stderr
    assert "the source of injected-parameters is not that of the post" in said


def test_a_kill_during_the_download_keeps_what_came(stranger, server, cache):
    first, second = (json.loads(content(cache, "record", slug))["sha256"] for slug in ("figures", "reads"))
    server.waits[f"/blog/{second}.json"] = asked = threading.Event()
    command = stranger.command("run", "--cache-from", server.url)
    with subprocess.Popen(command, cwd=stranger.root, env=stranger.environment(), stderr=subprocess.DEVNULL) as process:
        assert asked.wait(300)
        process.send_signal(signal.SIGKILL)
    assert f"/blog/{first}.json" in server.log
    server.waits.clear()
    server.log.clear()
    assert taking(stranger, server.url)[0] == ["reads"]
    assert f"/blog/{first}.json" not in server.log
    assert f"/blog/{second}.json" in server.log


def test_what_a_server_cannot_give_is_executed_here(stranger, server, cache, monkeypatch):
    monkeypatch.setattr(http, "PAUSES", (0.0, 0.0))
    path = {slug: f"/blog/{file_of(cache, slug=slug).name}" for slug in ("figures", "reads")}
    body = content(cache)
    server.answers[path["figures"]] = [
        (503, {}, b""),
        (200, {"Content-Length": str(len(body))}, body[:100]),
        (200, {}, body),
    ]
    server.answers[path["reads"]] = [(404, {}, b"")]
    taken, said, notes = taking(stranger, server.url)
    assert taken == ["figures"]
    assert notes == []
    assert [line for line in said if "is not taken from" in line and "status 404" in line]


def test_a_server_that_is_not_there_is_asked_once(stranger, cache, monkeypatch):
    monkeypatch.setattr(http, "PAUSES", (0.0,))
    taken, said, notes = taking(stranger, "http://me:hunter22@127.0.0.1:9/blog")
    assert taken == []
    assert notes == []
    assert len(said) == 2
    assert said[-1].startswith("nothing is taken from 127.0.0.1:9: 127.0.0.1:9 does not answer")
    assert "hunter22" not in "".join(said)


@pytest.mark.parametrize("target", ["ftp://example.org/x", "file:///etc/passwd", "http://[bad", "//"])
def test_a_redirect_leads_to_no_other_scheme(stranger, server, target):
    server.answers["/blog/cache.json"] = [(302, {"Location": target}, b"")] * 10
    taken, said, _ = taking(stranger, server.url)
    assert taken == []
    assert "nothing is taken from" in said[-1]
    assert len(server.log) <= 5


def test_a_redirect_is_followed_and_credentials_stay_with_their_server(stranger, server):
    server.answers["/blog/cache.json"] = [
        (302, {"Location": server.url.replace("127.0.0.1", "localhost") + "/cache.json"}, b"")
    ]
    address = server.url.replace("http://", "http://me:hunter22@")
    taken, said, _ = taking(stranger, address)
    assert taken == ["figures", "reads"]
    assert "hunter22" not in "".join(said)
    sent = ["Authorization" in headers for headers in server.headers]
    assert sent[0]
    assert not sent[1]


@pytest.mark.parametrize(
    "text",
    [
        "ftp://example.org/c",
        "https://",
        "https://u:secret99@host:99999/c",
        "https://u:secret99@host/c?x=1",
        "file://host/c",
        "no/such",
    ],
)
def test_what_names_no_place_is_wrong_usage(stranger, text):
    with pytest.raises(ValueError, match=r"legal|address|file://|no folder") as caught:
        named(text)
    assert "secret99" not in str(caught.value)
    assert "secret99" not in stranger.press("run", "--cache-from", text, status=2).stderr


def test_force_takes_nothing_and_the_line_goes(stranger, cache):
    taking(stranger, str(cache))
    stranger.press("run")
    assert "made-origin" in stranger.read("posts/reads/index.ipynb")
    relist(cache, lambda entry: entry["executed"].update(machine="another"), "reads")
    done = stranger.press("run", "reads", "--force", "--cache-from", str(cache))
    assert done.stdout == "1 posts ran: reads\n"
    assert "made-origin" not in stranger.read("posts/reads/index.ipynb")


def test_a_dry_run_asks_nobody(stranger, server):
    done = stranger.press("build", "--dry-run", "--cache-from", server.url)
    assert "2 of 2 posts would run" in done.stdout
    assert "asks no cache" in done.stderr
    assert server.log == []
    assert not Path(stranger.root, ".press/cache").exists()
