"""A clock that is fair: it counts what a kernel computes, and not how long a busy machine lets it wait.

Two limits end a kernel. The first is on processor time: that of its process, of everything that it started, and of
what of that has ended. The second is on idleness: a kernel that computes nothing waits for input, for a network or for
a lock, and may do so for ever. Neither is reached sooner because other work shares the machine:

- A starved kernel gets no processor time, as an idle one does, but its threads are runnable (state R) or in the middle
  of a disk access or a page fault (D), where those of an idle one sleep (S). Their states decide, and not the run delay
  of the scheduler's statistics: that grows only once a thread gets to run, which the most starved one never does.
- A kernel that somebody has stopped (T) is not idle either: it goes on when it is let.
- Where threads have no states to read (macOS calls every process that lives running), a kernel counts as idle only
  while the machine had a processor to spare. There, children that lived for less than a second are not counted.
- A slow machine takes more processor time for the same work: the first limit is stretched on one that is slower than
  the machine that it is meant for, and is never shortened.
- The watch itself is starved with the rest, so that one look never counts for more than a few seconds of idleness.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from press.core.speed import Speed, speed
from press.posts.usage import Limits, Usage

LOOK = 1.0  # seconds between two looks
WANTING = "RD"  # states of a thread that runs, wants to run, or waits for a disk
STOPPED = "TtZX"  # of one that is stopped, or has ended
SPARE = 0.5  # processors that must have had nothing to do before a process without visible states counts as idle


@dataclass
class _Record:
    """A process as it was last seen; `ended` is the processor time of its children whose end was noticed here."""

    parent: int
    own: float
    waited: float  # of the children that it has waited for, as the system counts it; 0 on macOS
    ended: float = 0.0

    @property
    def total(self) -> float:
        return self.own + max(self.waited, self.ended)


@dataclass
class Meter:
    """Reads the processor time of a process and of everything that it starts.

    Args:
        pid: the process; it leads a process group.
    """

    pid: int
    seen: dict[psutil.Process, _Record] = field(default_factory=dict)
    orphaned: float = 0.0  # of ended processes that no process seen here had to wait for
    most: float = 0.0

    def read(self) -> float:
        """Seconds of processor time so far."""
        found: dict[psutil.Process, _Record] = {}
        # Parents before children: one that ends in between is then counted in its own place or its parent's, not both.
        for process in self._members():
            with contextlib.suppress(psutil.Error, OSError), process.oneshot():
                times = process.cpu_times()
                waited = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
                before = self.seen.get(process)
                ended = before.ended if before else 0.0
                found[process] = _Record(process.ppid(), times.user + times.system, waited, ended)
        records = {process.pid: record for process, record in self.seen.items()}
        records |= {process.pid: record for process, record in found.items()}
        for process in reversed([process for process in self.seen if process not in found]):  # children before parents
            gone = self.seen[process]
            if gone.parent in records:
                records[gone.parent].ended += gone.total
            else:
                self.orphaned += gone.total
        self.seen = found
        # A process's time is counted in ticks, and cut to them again when its parent takes it over.
        self.most = max(self.most, self.orphaned + sum(record.total for record in found.values()))
        return self.most

    def _members(self) -> list[psutil.Process]:
        """What belongs to the kernel: its descendants, its process group, and what did so at the last look."""
        before = {process.pid: process for process in self.seen}
        group = [pid for pid in psutil.pids() if _group(pid) == self.pid]
        found: dict[psutil.Process, None] = {}
        for pid in (self.pid, *group, *before):
            with contextlib.suppress(psutil.Error, OSError):
                process = psutil.Process(pid)
                # Else it is in already, or its number has been given to another.
                if process not in found and before.get(pid, process) == process:
                    found |= dict.fromkeys([process, *process.children(recursive=True)])
        return list(found)

    def waits(self) -> bool | None:
        """Whether nothing of it wants to run; None if the system does not tell."""
        states = [state for process in self.seen for state in _states(process.pid)]
        if self.pid not in {process.pid for process in self.seen}:
            return False  # it has ended, which others will notice
        if not states:
            return None
        if any(state in STOPPED for state in _states(self.pid)):
            return False
        return not any(state in WANTING for state in states)

    def kill(self) -> None:
        """End what is left of it, also what has left the process group."""
        for process in self.seen:
            with contextlib.suppress(psutil.Error, OSError):
                process.kill()


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def _states(pid: int) -> list[str]:
    """The state of each thread of a process; [] where there is no /proc."""
    found = []
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError, IndexError):
                    found.append((task / "stat").read_text(errors="replace").rpartition(")")[2].split()[0])
    return found


def _spare() -> float:
    """Seconds that the machine's processors have been idle, added up."""
    return psutil.cpu_times().idle


@contextlib.contextmanager
def watching(
    pid: Callable[[], int | None], limits: Limits, stop: Callable[[], None], machine: Callable[[], Speed] = speed
) -> Iterator[Usage]:
    """Watch a kernel from a thread, and end it when it reaches a limit.

    Args:
        pid: its process, once it has been started.
        stop: ends its process group.
        machine: tells how slow this one is; asked once, where it decides.
    """
    usage, done = Usage(limits), threading.Event()

    def watch() -> None:
        while not (number := pid()):
            if done.wait(LOOK / 10):
                return
        meter, last, spare = Meter(number), time.monotonic(), _spare()
        while not usage.over:
            finished = done.wait(LOOK)
            elapsed, last = time.monotonic() - last, time.monotonic()
            rested, spare = _spare() - spare, _spare()
            processor, waits = meter.read(), meter.waits()
            usage.add(elapsed, processor, rested > SPARE * elapsed if waits is None else waits)
            if usage.over == "processor" and usage.machine is None:
                usage.over, usage.machine = "", machine()
            if finished:  # after a look at what it used in the end
                break
        else:
            stop()
        meter.kill()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield usage
    finally:
        done.set()
        thread.join()
