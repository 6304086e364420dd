"""A library of ten thousand items: our own time, memory, and how little a small change costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.press.intake.zotero.zotero import Library, Server, author, item

ITEMS = 10_000


def generated(count: int = ITEMS) -> Library:
    """Items of several types with ordinary metadata."""
    kinds = ("journalArticle", "conferencePaper", "preprint", "book", "webpage")
    words = ("Diffusion", "Guidance", "Sampling", "Score", "Noise", "Latent", "Image", "Text")
    items = []
    for i in range(count):
        title = f"{words[i % 8]} models and {words[i // 8 % 8].lower()} number {i} with H<sub>2</sub>O & $x_{{{i}}}$"
        people = [author(f"Author{(i * 7 + k) % 997}", "Jo") for k in range(1 + i % 8)]
        abstract = "An abstract that nobody needs here. " * 30
        items.append(
            item(
                f"K{i:07d}",
                itemType=kinds[i % 5],
                title=title,
                creators=people,
                date=str(1990 + i % 35),
                abstractNote=abstract,
                url=f"https://example.org/{i}",
            )
        )
    return Library(items)


# In a process of its own: the peak memory that the system reports for a child begins with that of its parent.
MEASURE = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""


def timed(site, *arguments: str, **environment: str) -> tuple[float, float]:
    """CPU seconds of one `press sync`, the server's own not counted, and its peak memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *site.command("sync", *arguments)],
        cwd=site.root,
        env=site.environment(**environment),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    status, seconds, megabytes = map(float, done.stdout.split()[-3:])
    assert status == 0
    print(f"press sync: {seconds:.2f} s of CPU, {megabytes:.0f} MB")
    return seconds, megabytes


@pytest.mark.slow
def test_ten_thousand_items(site):
    (site.root / "references.bib").unlink()
    library = generated()
    with Server(library) as server:
        seconds, megabytes = timed(site, **server.environment)
        assert len(server.log) == ITEMS / 100
        assert seconds <= 60
        assert megabytes <= 500
        before = site.read("references.bib")
        assert before.count("\n@") == ITEMS - 1
        server.log.clear()
        library.put("K0005000", title="Changed")
        seconds, _ = timed(site, **server.environment)
        assert len(server.log) <= 3
        assert seconds <= 10
        after = site.read("references.bib")
        assert sum(a != b for a, b in zip(before.splitlines(), after.splitlines(), strict=True)) == 1
        server.log.clear()
        seconds, _ = timed(site, **server.environment)
        assert len(server.log) == 1
        assert seconds <= 1
        assert site.read("references.bib") == after
    assert len(json.loads(site.read("references.json"))["items"]) == ITEMS


def test_nothing_to_do_takes_less_than_a_second(desk):
    desk.sync()
    desk.server.log.clear()
    seconds, _ = timed(desk.site, **desk.server.environment)
    assert seconds <= 1
    assert len(desk.server.log) == 1
