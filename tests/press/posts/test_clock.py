"""The clock that is fair: processor time of a whole tree of processes, idleness, and neither for a kernel that starves.

No test here depends on how fast the machine is or what else it does: processes use up an amount of processor time that
they measure themselves, and what is waited for is an event.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from press.core import command, speed
from press.core.limits import limits_of
from press.posts import clock
from press.posts.clock import Meter, watching
from press.posts.usage import LONGEST, SHARE, Limits, Usage
from tests.press.conftest import cell

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the states of threads from /proc")
PIN = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
BURNER = PIN + "print(1)\nwhile True: pass"
STARVING = PIN + "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nprint(1)\n"
BURN = "import time\nwhile time.process_time() < {seconds}:\n    pass\n"


def usage(processor: float = 10.0, idle: float = 30.0) -> Usage:
    return Usage(Limits(processor, idle))


# The arithmetic


def test_only_processor_time_counts_towards_its_limit():
    found = usage(processor=2.0, idle=5.0)
    for look in range(1, 200):
        assert found.add(elapsed=100.0, processor=look * 0.01, waiting=False) == ""
    assert (found.wall, found.idle) == (19900.0, 0.0)
    assert found.add(1.0, 2.0, waiting=False) == "processor"


def test_who_waits_is_idle_and_a_little_work_pays_it_back():
    found = usage(idle=30.0)
    told = [found.add(1.0, 0.5, waiting=True) for _ in range(200)]
    assert told.index("idle") == 30
    found = usage(processor=5.0, idle=30.0)
    told = [
        found.add(1.0, look // 25 * 0.25, waiting=True) for look in range(1, 501)
    ]  # a quarter of a second in each 25
    assert told == [""] * 499 + ["processor"]


@pytest.mark.parametrize(("share", "over"), [(1.1 * SHARE, ""), (0.5 * SHARE, "idle")])
def test_the_share_of_a_processor_that_is_enough_not_to_be_idle(share, over):
    found = usage(processor=1e9, idle=30.0)
    for look in range(1, 1000):
        if found.add(1.0, look * share, waiting=True):
            break
    assert found.over == over


def test_a_watch_that_was_starved_itself_counts_little_of_the_gap():
    found = usage(idle=2 * LONGEST + 1)
    assert found.add(10_000.0, 0.0, waiting=True) == ""
    assert found.idle == LONGEST


def test_what_is_lost_from_sight_is_not_given_back():
    found = usage(processor=5.0)
    found.add(1.0, 4.0, waiting=False)
    assert found.add(1.0, 1.0, waiting=False) == ""
    assert found.processor == 4.0
    assert found.add(1.0, 5.0, waiting=False) == "processor"


def test_the_message_says_how_much_was_used_of_what():
    found = usage(processor=600.0)
    found.add(1430.0, 600.4, waiting=False)
    assert found.told() == (
        "the post used 600 s of processor time and 1,430 s of wall time (limit 600 s of processor time: `timeout:` in its "
        "front matter or `press: timeout:`). Let it compute less, or raise the limit"
    )
    found = usage(idle=3.0)
    found.add(3.0, 0.0, waiting=True)
    assert (
        "computed nothing for 3.0 s (limit 3: `idle-timeout:` in its front matter or `press: idle-timeout:`)"
        in found.told()
    )


# Processor time of a tree of processes

TREE = """
import os, random, signal, subprocess, sys, time

def burn(seconds):
    while time.process_time() < seconds:
        pass

def node(depth, seed):
    rng = random.Random(seed)
    children = []
    if rng.random() < 0.3:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system waits for its children, and forgets their time
    for i in range(rng.randint(1, 3) if depth else 0):
        pid = os.fork()
        if pid == 0:
            own = rng.random()
            if own < 0.2:
                os.setsid()
            node(depth - 1, seed * 31 + i + 1)
            os._exit(0)
        children.append(pid)
    burn(time.process_time() + rng.uniform(0.02, 0.3))
    if rng.random() < 0.7:  # else they become orphans
        for pid in children:
            try:
                os.waitpid(pid, 0)
            except OSError:
                pass
    with open(LOG, "a") as stream:
        stream.write(f"{time.process_time()}\\n")
        stream.flush()

node(2, SEED)
"""


@pytest.mark.parametrize("seed", range(6))
def test_the_time_of_a_tree_is_that_of_its_processes(tmp_path, seed):
    """Each process says at its end what it used; children that nobody waits for, orphans and sessions of their own."""
    log = tmp_path / "times"
    code = f"MARK = 'MARK{os.getpid()}x{seed}'\nLOG = {str(log)!r}\nSEED = {seed}\n{TREE}"
    root = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    meter, readings = Meter(root.pid), []
    while root.poll() is None or meter.seen:
        readings.append(meter.read())
        time.sleep(0.01)
    used = sum(map(float, log.read_text().split()))
    processes = len(log.read_text().split())
    assert readings == sorted(readings), "time does not run backwards"
    # Counted by ticks of a hundredth; what a process does after its last word, and before its parent's last look.
    assert used * 0.8 - 0.02 * processes <= readings[-1] <= used * 1.1 + 0.05 * processes


def test_a_child_that_left_the_group_is_ended_too():
    code = "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'], start_new_session=True)\ntime.sleep(1000)"
    root = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    meter = Meter(root.pid)
    while len(meter.seen) < 2:
        meter.read()
    child = next(process for process in meter.seen if process.pid != root.pid)
    meter.kill()
    assert root.wait() == -signal.SIGKILL
    while child.is_running() and child.status() != "zombie":
        time.sleep(0.01)


# Who waits


@contextlib.contextmanager
def running(code: str, **options):
    # A group of its own, not a session: the scheduler may give each session the same share, whatever is in it.
    process = subprocess.Popen([sys.executable, "-u", "-c", code], process_group=0, text=True, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(meter: Meter, wanted: bool) -> None:
    while True:
        meter.read()
        if meter.waits() is wanted:
            return
        time.sleep(0.01)


@LINUX
def test_a_sleeper_waits_and_neither_who_computes_nor_who_is_stopped():
    with running("import time\ntime.sleep(1000)") as process:
        meter = Meter(process.pid)
        until(meter, True)
        os.kill(process.pid, signal.SIGSTOP)
        until(meter, False)
        os.kill(process.pid, signal.SIGCONT)
        until(meter, True)


@LINUX
@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import threading, time\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()\ntime.sleep(1000)",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'while True: pass'])",
    ],
    ids=["itself", "in a thread", "in a child"],
)
def test_who_computes_does_not_wait_however_little_it_gets(code):
    """It may only run when nothing else wants to, on a processor that is kept busy."""
    with running(BURNER, stdout=subprocess.PIPE) as other, running(STARVING + code, stdout=subprocess.PIPE) as process:
        other.stdout.readline()
        process.stdout.readline()
        meter = Meter(process.pid)
        looks = []
        for _ in range(200):
            meter.read()
            looks.append(meter.waits())
            time.sleep(0.005)
    assert looks.count(True) <= 2


@LINUX
def test_who_starves_is_not_ended_as_idle(monkeypatch):
    """It goes on until it has had to wait, twice, for longer than it may be idle."""
    monkeypatch.setattr(clock, "LOOK", 0.05)
    end = (
        "import time\nlast, gaps = time.monotonic(), 0\nwhile gaps < 2:\n"
        "    now = time.monotonic()\n    gaps, last = gaps + (now - last > 0.5), now"
    )
    with running(BURNER, stdout=subprocess.PIPE) as other, running(STARVING + end, stdout=subprocess.PIPE) as process:
        other.stdout.readline()
        process.stdout.readline()
        with watching(lambda: process.pid, Limits(100, 0.3), process.kill) as found:
            assert process.wait() == 0
    assert found.over == ""


def test_who_sleeps_is_ended(monkeypatch):
    monkeypatch.setattr(clock, "LOOK", 0.05)
    with running("import time\nprint(1)\ntime.sleep(1000)", stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with watching(lambda: process.pid, Limits(100, 0.5), process.kill) as found:
            process.wait()
    assert (found.over, found.idle >= 0.5, found.processor < 10) == ("idle", True, True)


@pytest.mark.parametrize(("spare", "over"), [(1.0, "idle"), (0.0, "")])
def test_where_threads_show_no_states_only_a_machine_with_time_to_spare_tells(monkeypatch, spare, over):
    """As on macOS: a sleeper on a machine whose processors are all busy may as well be starving."""
    monkeypatch.setattr(clock, "LOOK", 0.02)
    monkeypatch.setattr(clock, "_states", lambda pid: [])
    monkeypatch.setattr(clock, "_spare", lambda: spare * time.monotonic())
    with running("import time\nprint(1)\ntime.sleep(1000)", stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with watching(lambda: process.pid, Limits(100, 0.3), process.kill) as found:
            while found.wall < 1.5 and not found.over:
                time.sleep(0.01)
    assert found.over == over


# Slow machines

SLOW = speed.of("product", 20.0)


def test_a_slow_machine_stretches_the_limit_and_the_message_says_both(monkeypatch):
    monkeypatch.setattr(clock, "LOOK", 0.05)
    asked = []
    with running("while True: pass") as process:
        found = watching(lambda: process.pid, Limits(0.4, 300), process.kill, lambda: asked.append(1) or SLOW)
        with found as used:
            process.wait()
    assert (used.over, len(asked), used.processor >= 1.2) == ("processor", 1, True)
    assert (
        "(limit 0.4 s of processor time, which is 1.2 s on this machine of 20 GFLOP/s per core; the limit assumes 60: "
        in (used.told())
    )


def test_a_post_that_is_right_is_not_ended_on_a_slow_machine(monkeypatch):
    monkeypatch.setattr(clock, "LOOK", 0.05)
    limits = Limits(0.4, 300)
    with (
        running(BURN.format(seconds=0.8)) as process,
        watching(lambda: process.pid, limits, process.kill, lambda: SLOW) as used,
    ):
        assert process.wait() == 0
    assert used.over == ""


def test_a_fast_machine_shortens_nothing_and_is_not_measured_before_it_matters(monkeypatch):
    assert [speed.of(kind, found).slower for kind, found in (("product", 240.0), ("loop", 100.0))] == [1.0, 1.0]
    monkeypatch.setattr(clock, "LOOK", 0.05)
    with (
        running("print(1)") as process,
        watching(lambda: process.pid, Limits(100, 300), process.kill, lambda: pytest.fail("measured")) as used,
    ):
        process.wait()
    assert used.machine is None


@pytest.mark.parametrize("kind", ["product", "loop"])
def test_the_measurement_is_short_and_needs_nothing(kind, tmp_path):
    """Without NumPy it is a loop in Python; neither the press nor the environment has to have anything."""
    (tmp_path / "numpy.py").write_text("raise ImportError")
    where = {"PYTHONPATH": str(tmp_path)} if kind == "loop" else {}
    done = subprocess.run(
        [sys.executable, "-P", speed.__file__], env=os.environ | where, capture_output=True, text=True
    )
    found, value = json.loads(done.stdout)
    assert (found, value > 0) == (kind, True)
    before = time.process_time()
    speed.measure()
    assert time.process_time() - before < 1, "0.15 s, and one product more, of a machine ten times as slow"


def test_what_cannot_be_measured_stretches_nothing(monkeypatch):
    monkeypatch.setattr(speed, "__file__", "/nowhere/speed.py")
    assert speed.speed.__wrapped__() == speed.Speed(1.0, "")


# Whole posts


def test_a_post_may_take_longer_than_its_limit_on_the_wall(site):
    site.post("a", cell("import time\ntime.sleep(7)\nprint(1)"), extra="timeout: 6\n")
    site.press("run")


def test_a_child_that_computes_uses_up_the_posts_time(site):
    code = "import subprocess\nimport sys\n\nsubprocess.run([sys.executable, '-c', 'while True: pass'])"
    site.post("a", cell("x = 1") + "\n" + cell(code), extra="timeout: 3\n")
    done = site.press("run", status=1)
    told = re.search(r"posts/a/post.qmd:14: the post used ([\d.]+) s of processor time.* \(limit 3 s of", done.stderr)
    assert told, done.stderr
    assert float(told[1]) >= 3
    assert "`timeout:` in its front matter or `press: timeout:`)" in done.stderr
    assert "The notebook, as far as it ran: .press/failed/a.ipynb" in done.stderr


def test_children_one_after_the_other_use_it_up_too(site):
    code = f"import subprocess\nimport sys\n\nwhile True:\n    subprocess.run([sys.executable, '-c', {BURN.format(seconds=0.2)!r}])"
    site.post("a", cell(code), extra="timeout: 3\n")
    assert "of processor time and" in site.press("run", status=1).stderr


def test_a_post_that_waits_for_ever_is_ended(site):
    site.write("_quarto.yml", site.read("_quarto.yml") + "  idle-timeout: 2\n")
    code = "import socket\n\nserver = socket.create_server(('127.0.0.1', 0))\nserver.accept()"
    site.post("a", cell("print(1)") + "\n" + cell(code))
    done = site.press("run", status=1)
    assert "posts/a/post.qmd:13: the post computed nothing for " in done.stderr
    assert "(limit 2: `idle-timeout:` in its front matter or `press: idle-timeout:`)" in done.stderr
    assert ".press/failed/a.ipynb" in done.stderr


def test_no_output_is_lost_while_the_press_has_no_time_to_read(site):
    """ZeroMQ drops what exceeds its high-water mark; on a busy machine that was thousands of outputs, silently."""
    import json

    site.post("a", cell("from IPython.display import display\n\nfor i in range(12_000):\n    display(i)"))
    site.press("run")
    book = json.loads(site.read("posts/a/index.ipynb"))
    assert [len(c["outputs"]) for c in book["cells"] if c["cell_type"] == "code"] == [12_000]


@pytest.mark.parametrize("key", ["timeout", "idle-timeout"])
@pytest.mark.parametrize("value", ["soon", "0", "-1", ".inf", ".nan", "true", "[1]"])
def test_a_limit_that_is_none_is_refused_before_anything_runs(site, key, value):
    site.post("a", cell("print(1)"), extra=f"{key}: {value}\n")
    config = site.read("_quarto.yml")
    site.write("_quarto.yml", config + f"  {key}: {value}\n")
    told = site.press("run", status=1).stderr
    assert re.search(rf"posts/a/post.qmd:6: {key}: .* must be a number above 0", told), told
    assert re.search(rf"_quarto.yml:{config.count(chr(10)) + 1}: press: {key}: .* must be a number above 0", told), told
    assert "to run" not in told


def test_front_matter_goes_before_the_configuration_and_that_before_ours():
    assert limits_of({}, {}) == (600.0, 300.0)
    assert limits_of({"idle-timeout": 7}, {"timeout": 5, "idle-timeout": 6}) == (5.0, 7.0)


# Other programs


def test_another_program_is_ended_for_what_it_computes_only(monkeypatch):
    monkeypatch.setattr(command, "LOOK", 0.2)
    slow = command.run_within([sys.executable, "-c", "import time\ntime.sleep(2)\nprint(input())"], 1.5, text="caf\xe9")
    assert (slow.stdout, slow.returncode) == ("caf\xe9\n", 0)
    with pytest.raises(command.OverLimit, match="over 1 s of processor time"):
        command.run_within([sys.executable, "-c", "while True: pass"], 1)
