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

LOOK = 1.0  # seconds between two looks
LONGEST = 3.0  # seconds of idleness that one look may count for: in a longer gap nobody was watching
SHARE = 0.01  # of a processor; who uses as much, on the average, never becomes idle. An idle kernel uses a tenth of it
WANTING = "RD"  # states of a thread that runs, wants to run, or waits for a disk
STOPPED = "TtZX"  # of one that is stopped, or has ended
SPARE = 0.5  # processors that must have had nothing to do before a process without visible states counts as idle


@dataclass(frozen=True)
class Limits:
    """What a post may use.

    Args:
        processor: seconds of processor time, of all its processes together.
        idle: seconds in which it computes nothing.
    """

    processor: float
    idle: float


@dataclass
class Usage:
    """What a kernel has used so far, and whether that was too much.

    Args:
        processor: seconds of processor time.
        wall: seconds since it was started.
        idle: seconds without progress; processor time pays them back at the rate of `SHARE`.
        over: "processor" or "idle" once that limit is reached.
    """

    limits: Limits
    processor: float = 0.0
    wall: float = 0.0
    idle: float = 0.0
    over: str = ""

    def add(self, elapsed: float, processor: float, waiting: bool) -> str:
        """Count one look.

        Args:
            elapsed: seconds on the wall since the last look.
            processor: processor time so far.
            waiting: nothing of it wanted to run.

        Returns:
            The limit that is reached; "" for none.
        """
        gained = max(0.0, processor - self.processor)
        self.processor += gained
        self.wall += elapsed
        self.idle = max(0.0, self.idle + (min(elapsed, LONGEST) if waiting else 0.0) - gained / SHARE)
        if self.processor >= self.limits.processor:
            self.over = "processor"
        elif self.idle >= self.limits.idle:
            self.over = "idle"
        return self.over

    def told(self) -> str:
        """Which limit was reached, how much was used of what, and what to do."""
        used = f"{_seconds(self.processor)} of processor time and {_seconds(self.wall)} on the wall"
        if self.over == "idle":
            return (
                f"the post computed nothing for {_seconds(self.idle)} (limit {self.limits.idle:g}: `idle-timeout:` in "
                f"its front matter or `press: idle-timeout:`); it used {used}. Find what it waits for: input, a "
                "network, a lock"
            )
        return (
            f"the post used {used} (limit {self.limits.processor:g} of processor time: `timeout:` in its front matter "
            "or `press: timeout:`). Let it compute less, or raise the limit"
        )


def _seconds(value: float) -> str:
    return f"{value:,.1f} s" if value < 10 else f"{value:,.0f} s"


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
        """Whether nothing of it wants to run; None where the system does not tell."""
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
def watching(pid: Callable[[], int | None], limits: Limits, stop: Callable[[], None]) -> Iterator[Usage]:
    """Watch a kernel from a thread, and end it when it reaches a limit.

    Args:
        pid: its process, once it has been started.
        stop: ends its process group.
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
